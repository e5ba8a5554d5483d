"""Compliance statistics of shift results: limits reference, sections 5 and 11."""

import json
import math
import random
from array import array
from statistics import NormalDist

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.errors import ConfigError
from gateway.exposure.shift_results import Method, ShiftResults
from gateway.exposure.statistics import judge
from gateway.exposure.tolerance import exceedance_upper, k_factor, lognormality

SECTION_5 = (0.012, 0.020, 0.016, 0.031, 0.009, 0.024)
GRAVIMETRIC = Method.PERSONAL_GRAVIMETRIC
TABLE_70 = {
    6: 2.187, 7: 2.120, 8: 2.072, 9: 2.035, 10: 2.005, 11: 1.981, 12: 1.961, 13: 1.944, 14: 1.929, 15: 1.917,
    20: 1.870, 25: 1.841, 30: 1.820, 50: 1.775,
}  # fmt: skip
TABLE_95 = {
    6: 3.708, 7: 3.399, 8: 3.187, 9: 3.031, 10: 2.911, 11: 2.815, 12: 2.736, 13: 2.671, 14: 2.614, 15: 2.566,
    20: 2.396, 25: 2.292, 30: 2.220, 50: 2.065,
}  # fmt: skip


def shifts(*values, lods=()):
    return ShiftResults(array("d", [*values, *lods]), bytearray([0] * len(values) + [1] * len(lods)))


def judged(*values, limit=0.05, lods=(), method=GRAVIMETRIC, lod_method=None):
    document = judge(shifts(*values, lods=lods), limit, method, lod_method)
    json.dumps(document, allow_nan=False)  # no figure is NaN or infinite, ever
    return document


def test_vector_12_the_six_results_of_section_5():
    document = judged(*SECTION_5)
    assert document["n"] == 6
    assert document["gm"] == pytest.approx(0.017180, abs=5e-7)
    assert document["gsd"] == pytest.approx(1.576153, abs=5e-7)
    assert document["en689"]["u_r"] == pytest.approx(2.3479, abs=5e-5)
    assert document["en689"]["u_t"] == pytest.approx(2.1867, abs=5e-5)
    assert document["en689"]["result"] == "compliant"
    assert document["p95"] == pytest.approx(0.036312, abs=5e-7)
    assert document["utl95_70"] == pytest.approx(0.046465, abs=5e-7)
    assert document["exceedance_fraction"] == pytest.approx(0.0094, abs=5e-5)
    assert document["mean"] == pytest.approx(document["gm"] * math.exp(math.log(document["gsd"]) ** 2 / 2))
    assert document["aiha_category"] == 3
    assert document["warnings"] == []


@pytest.mark.parametrize(("n", "k"), TABLE_70.items())
def test_k_of_section_5_at_70_percent(n, k):
    assert k_factor(n) == pytest.approx(k, abs=7e-4)


@pytest.mark.parametrize(("n", "k"), TABLE_95.items())
def test_k_of_section_5_at_95_percent(n, k):
    assert k_factor(n, 0.95) == pytest.approx(k, abs=7e-4)


@pytest.mark.parametrize("n", [6, 15, 50])
def test_k_is_what_it_says_a_bound_that_holds_in_70_of_100_samples(n):
    # the sample's sd, chi-square, integrated by hand: P(mean + k·sd ≥ the true 95th percentile)
    z, k, freedom = NormalDist().inv_cdf(0.95), k_factor(n), n - 1
    step, holds, whole, norm = 0.01, 0.0, 0.0, math.lgamma(freedom / 2) + freedom / 2 * math.log(2)
    for i in range(1, 20_000):
        chi2 = i * step
        density = math.exp((freedom / 2 - 1) * math.log(chi2) - chi2 / 2 - norm)
        whole += density * step
        holds += density * step * NormalDist().cdf(math.sqrt(n) * (k * math.sqrt(chi2 / freedom) - z))
    assert whole == pytest.approx(1.0, abs=1e-4)
    assert holds == pytest.approx(0.70, abs=1e-3)


@pytest.mark.parametrize("n", [6, 30, 1000])
def test_the_bound_of_the_exceedance_fraction_is_5_percent_where_u_is_k(n):
    assert exceedance_upper(k_factor(n), n) == pytest.approx(0.05, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(n=st.integers(6, 100_000), u=st.floats(-40, 40), more=st.floats(0.01, 5))
def test_the_bound_of_the_exceedance_fraction_lies_above_it_and_falls_with_u(n, u, more):
    fraction = NormalDist().cdf(-u)
    bound = exceedance_upper(u, n)
    assert 0.0 <= fraction <= bound + 1e-6
    assert bound <= 1.0
    assert exceedance_upper(u + more, n) <= bound + 1e-6


@pytest.mark.parametrize("n", [6, 30, 1000, 100_000])
def test_the_bound_of_the_exceedance_fraction_comes_at_once_however_far_the_limit_is(n):
    # the series of the non-central t would take for ever here
    assert exceedance_upper(1e12, n) < 1e-30
    assert exceedance_upper(-1e12, n) == 1.0


# --- EN 689 -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "result"),
    [
        ((0.0049, 0.001, 0.002), "compliant"),
        ((0.005, 0.001, 0.002), "more_measurements_needed"),  # exactly 10 % is not below
        ((0.0074, 0.001, 0.002, 0.003), "compliant"),
        ((0.0075, 0.001, 0.002, 0.003), "more_measurements_needed"),
        ((0.0099, 0.001, 0.002, 0.003, 0.004), "compliant"),
        ((0.0100, 0.001, 0.002, 0.003, 0.004), "more_measurements_needed"),
        ((0.051, 0.001, 0.002), "non_compliant"),
        ((0.05, 0.001, 0.002), "more_measurements_needed"),  # exactly the limit does not exceed it
        ((0.001,), "more_measurements_needed"),
        ((0.001, 0.001), "more_measurements_needed"),
        ((0.051,), "non_compliant"),
    ],
)
def test_en_689_preliminary_test(values, result):
    en689 = judged(*values)["en689"]
    assert en689["result"] == result
    assert en689["u_t"] is None
    assert en689["r"] == pytest.approx(max(values) / 0.05)


def test_en_689_statistical_test_fails_where_the_upper_tolerance_limit_passes_the_limit():
    document = judged(*SECTION_5, limit=0.046)
    assert document["en689"]["result"] == "non_compliant"
    assert document["en689"]["reason"] == "u_r_below_u_t"
    assert document["utl95_70"] > 0.046
    assert document["exceedance_fraction_ucl70"] > 0.05


@settings(max_examples=60, deadline=None)
@given(values=st.lists(st.floats(0.01, 100), min_size=6, max_size=30), limit=st.floats(100.0, 1000.0))
def test_en_689_the_tolerance_limit_and_the_exceedance_bound_say_the_same(values, limit):
    document = judged(*values, limit=limit)
    if document["utl95_70"] is None or abs(document["utl95_70"] / limit - 1) < 1e-6:
        return
    compliant = document["en689"]["result"] == "compliant"
    assert (document["utl95_70"] <= limit) == compliant
    assert (document["exceedance_fraction_ucl70"] <= 0.05) == compliant


def test_en_689_a_result_above_the_limit_outweighs_the_statistical_test():
    quiet = [0.004 + 0.0001 * i for i in range(40)]
    assert judged(*quiet)["en689"]["result"] == "compliant"
    assert judged(*quiet, 0.0501)["en689"]["result"] == "non_compliant"


def test_en_689_all_below_detection_is_compliant_only_where_detection_is_fine_enough():
    assert judged(lods=(0.005, 0.005, 0.004))["en689"]["result"] == "compliant"
    assert judged(lods=(0.006, 0.005, 0.004))["en689"]["result"] == "more_measurements_needed"
    assert judged(lods=(0.01,) * 8)["en689"]["result"] == "compliant"  # any five of them pass the preliminary test
    assert judged(lods=(0.011,) * 8)["en689"]["result"] == "more_measurements_needed"


def test_en_689_a_detection_limit_above_the_limit_proves_nothing():
    document = judged(0.001, 0.002, 0.0015, 0.0012, 0.0017, 0.0011, lods=(0.06,))
    assert document["en689"]["result"] == "more_measurements_needed"
    assert "detection_limit_above_limit" in document["warnings"]


def test_six_results_all_alike_have_no_spread_to_test():
    document = judged(*[0.02] * 6)
    assert (document["gm"], document["gsd"]) == (pytest.approx(0.02), 1.0)
    assert document["p95"] is document["utl95_70"] is document["exceedance_fraction"] is None
    assert document["aiha_category"] is None
    assert document["en689"]["result"] == "more_measurements_needed"
    assert "no_spread" in document["warnings"]


# --- Categories and guards --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fraction", "category"),
    [(0.009, 0), (0.011, 1), (0.099, 1), (0.101, 2), (0.499, 2), (0.501, 3), (0.99, 3), (1.01, 4)],
)
def test_aiha_category_by_the_95th_percentile(fraction, category):
    p95 = judged(*SECTION_5, limit=1.0)["p95"]
    assert judged(*SECTION_5, limit=p95 / fraction)["aiha_category"] == category


def test_fewer_than_six_results_have_a_category_and_no_tolerance_limit():
    document = judged(*SECTION_5[:5])
    assert document["aiha_category"] == 3
    assert document["utl95_70"] is document["exceedance_fraction_ucl70"] is document["en689"]["u_t"] is None
    assert "fewer_than_6" in document["warnings"]


def test_one_result_has_no_spread():
    document = judged(0.02)
    assert document["gm"] == pytest.approx(0.02)
    assert document["gsd"] is document["mean"] is document["p95"] is document["aiha_category"] is None
    assert document["warnings"] == ["no_spread", "fewer_than_6", "lognormality_not_tested"]


def test_a_gsd_above_3_warns_of_a_mixed_group():
    assert "gsd_above_3" in judged(0.0001, 0.02, 0.001, 0.03, 0.0005, 0.01)["warnings"]


def test_two_groups_in_one_are_not_lognormal():
    generator = random.Random(3)
    low = [math.exp(generator.gauss(-6, 0.2)) for _ in range(20)]
    high = [math.exp(generator.gauss(-3.5, 0.2)) for _ in range(20)]
    document = judged(*low, *high)
    assert "not_lognormal" in document["warnings"]
    assert document["lognormality"]["p"] < 0.05
    assert lognormality([1.0] * 5001) is None


def test_values_as_far_apart_as_numbers_go_give_no_traceback():
    document = judged(1e-300, 1e9, 1e-300, 1e9, 1e-300, 1e8, limit=1.0)
    assert document["utl95_70"] is None or math.isfinite(document["utl95_70"])
    assert document["mean"] is None


@pytest.mark.parametrize("limit", [0.0, -1.0, math.nan, math.inf])
def test_a_limit_that_is_none(limit):
    with pytest.raises(ConfigError, match=r"--limit .*: expected a finite number above 0"):
        judged(*SECTION_5, limit=limit)


# --- Methods ----------------------------------------------------------------------------------------------------------


def test_area_estimates_are_a_screening_of_the_place_and_get_no_verdict():
    area, person = judged(*SECTION_5, method=Method.AREA_ESTIMATE), judged(*SECTION_5)
    assert area["screening"]
    assert "area_estimate" in area["warnings"]
    assert area["aiha_category"] is area["utl95_70"] is area["exceedance_fraction_ucl70"] is None
    assert set(area["en689"].values()) == {None}
    assert area["en689"].keys() == person["en689"].keys()
    assert area.keys() == person.keys()
    assert area["p95"] == person["p95"]


def test_results_of_which_nobody_said_the_method_are_marked():
    assert judged(*SECTION_5, method=None)["warnings"] == ["method_not_stated"]
    assert judged(*SECTION_5, method=None)["en689"]["result"] == "compliant"


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.integers(10, 1000), min_size=2, max_size=20),
    lods=st.lists(st.integers(1, 9), max_size=5),
    factor=st.floats(1e-3, 1e3),
)
def test_another_unit_scales_the_figures_and_changes_no_verdict(values, lods, factor):
    limit = 555.5
    one = judged(*values, lods=lods, limit=limit)
    other = judged(*(value * factor for value in values), lods=[lod * factor for lod in lods], limit=limit * factor)
    for key in ("gm", "mean", "p95", "utl95_70"):
        expected = None if one[key] is None else pytest.approx(one[key] * factor, rel=1e-5)
        assert other[key] == expected
    assert other["en689"]["result"] == one["en689"]["result"]
    assert other["aiha_category"] == one["aiha_category"]
    assert other["warnings"] == one["warnings"]


@settings(max_examples=40, deadline=None)
@given(values=st.lists(st.floats(0.01, 100), min_size=1, max_size=20), seed=st.integers(0, 99))
def test_the_order_of_the_results_does_not_matter(values, seed):
    shuffled = list(values)
    random.Random(seed).shuffle(shuffled)
    one, other = judged(*values, limit=50.0), judged(*shuffled, limit=50.0)
    assert other["gm"] == pytest.approx(one["gm"])
    assert other["en689"]["result"] == one["en689"]["result"]
