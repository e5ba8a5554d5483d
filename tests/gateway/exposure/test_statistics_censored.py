"""Results below detection: limits reference 4.11 and 5."""

import math
import random
from array import array
from statistics import NormalDist, fmean, stdev

import pytest

from gateway.domain.errors import ConfigError
from gateway.exposure.censored import LodMethod, of_beta, of_likelihood, of_substituted
from gateway.exposure.shift_results import Method, ShiftResults
from gateway.exposure.statistics import judge

NORMAL = NormalDist()


def drawn(n, mu, sigma, lods, seed):
    """n lognormal results, each censored at a limit of detection taken in turn."""
    generator = random.Random(seed)
    detected, below = [], []
    for i in range(n):
        value, lod = math.exp(generator.gauss(mu, sigma)), lods[i % len(lods)]
        (detected if value >= lod else below).append(value if value >= lod else lod)
    return detected, below


def judged(detected, lods, method=None):
    results = ShiftResults(array("d", [*detected, *lods]), bytearray([0] * len(detected) + [1] * len(lods)))
    return judge(results, 0.05, Method.PERSONAL_GRAVIMETRIC, method)


@pytest.mark.parametrize("estimate", [of_beta, of_likelihood])
@pytest.mark.parametrize("lods", [(0.01,), (0.006, 0.01, 0.014)], ids=["one LOD", "three LODs"])
@pytest.mark.parametrize("gsd", [1.5, 2.0, 3.0])
def test_many_results_bring_back_the_lognormal_they_were_drawn_from(estimate, lods, gsd):
    mu, sigma = math.log(0.015), math.log(gsd)
    fit = estimate(*drawn(4000, mu, sigma, lods, 7))
    assert math.exp(fit.mu) == pytest.approx(0.015, rel=0.07 if estimate is of_beta and len(lods) > 1 else 0.04)
    assert math.exp(fit.sigma) == pytest.approx(gsd, rel=0.07)
    assert fit.mean == pytest.approx(0.015 * math.exp(sigma**2 / 2), rel=0.07)


def test_beta_is_nearly_unbiased_for_small_samples_where_lod_sqrt2_is_not():
    # 300 samples of 12 shifts, GSD 3, about 40 % below detection: Ganser and Hewett's setting
    mu, sigma = math.log(0.015), math.log(3.0)
    found = {"beta": [], "sqrt2": []}
    for seed in range(300):
        detected, below = drawn(12, mu, sigma, (0.0115,), seed)
        if below and len(detected) > 1:
            fit = of_beta(detected, below)
            assert fit is not None
            found["beta"].append(fit.mu)
            found["sqrt2"].append(of_substituted(detected, below, LodMethod.LOD_SQRT2).mu)
    beta, sqrt2 = (fmean(found[key]) - mu for key in ("beta", "sqrt2"))
    assert abs(beta) < 0.08
    assert sqrt2 > 0.12


def test_the_likelihood_is_at_its_top():
    detected, lods = drawn(15, -4.0, 0.8, (0.01, 0.014), 5)
    n, fit = len(detected) + len(lods), of_likelihood(detected, lods)
    sigma = fit.sigma * math.sqrt((n - 1) / n)  # before the correction for n−1

    def likelihood(mu, sd):
        density = math.fsum(math.log(NormalDist(mu, sd).pdf(math.log(value))) for value in detected)
        return density + math.fsum(math.log(NormalDist(mu, sd).cdf(math.log(lod))) for lod in lods)

    top = likelihood(fit.mu, sigma)
    for step in (1e-4, -1e-4):
        assert likelihood(fit.mu + step, sigma) < top
        assert likelihood(fit.mu, sigma + step) < top


@pytest.mark.parametrize(("method", "divisor"), [(LodMethod.LOD_SQRT2, math.sqrt(2)), (LodMethod.LOD_2, 2.0)])
def test_substitution_puts_a_value_in_the_place_of_each_limit_of_detection(method, divisor):
    detected, lods = [0.012, 0.020, 0.016, 0.031, 0.024], [0.009]
    logs = [math.log(value) for value in [*detected, 0.009 / divisor]]
    document = judged(detected, lods, method)
    assert document["gm"] == pytest.approx(math.exp(fmean(logs)))
    assert document["gsd"] == pytest.approx(math.exp(stdev(logs)))
    assert document["lod_method"] == method
    assert document["warnings"] == ["lognormality_not_tested"]


def test_exactly_20_percent_below_detection_may_still_be_substituted():
    assert judged([0.02, 0.01, 0.03, 0.04], [0.009], LodMethod.LOD_2)["lod_method"] == "lod_2"


@pytest.mark.parametrize("method", [LodMethod.LOD_SQRT2, LodMethod.LOD_2])
def test_above_20_percent_substitution_is_refused(method):
    with pytest.raises(ConfigError, match="2 of 6 results are below detection, more than 20%; expected beta or mle"):
        judged([0.02, 0.01, 0.03, 0.04], [0.009, 0.009], method)


def test_above_20_percent_beta_is_taken_and_said():
    document = judged([0.02, 0.01, 0.03, 0.04], [0.009, 0.009])
    assert document["lod_method"] == "beta"
    assert document["censored"] == 2
    assert "censored_above_20_percent" in document["warnings"]
    likely = judged([0.02, 0.01, 0.03, 0.04], [0.009, 0.009], LodMethod.MLE)
    assert document["p95"] == pytest.approx(likely["p95"], rel=0.1)


def test_above_50_percent_the_figures_are_called_uncertain():
    assert "censored_above_50_percent" in judged([0.02, 0.03], [0.009] * 3)["warnings"]


def test_several_limits_of_detection_take_the_likelihood():
    assert judged([0.02, 0.01, 0.03, 0.04], [0.009, 0.008])["lod_method"] == "mle"
    assert judged([0.02, 0.01, 0.03, 0.04], [0.009, 0.008], LodMethod.BETA)["lod_method"] == "beta"


def test_where_beta_has_no_answer_the_likelihood_has():
    detected, lods = [0.001, 0.002, 0.0015, 0.003, 0.0012], [0.02]  # one laboratory with a coarse limit of detection
    assert of_beta(detected, lods) is None
    assert judged(detected, lods)["lod_method"] == "mle"
    with pytest.raises(ConfigError, match=r"--censored-method beta: .* expected mle"):
        judged(detected, lods, LodMethod.BETA)


def test_lod_sqrt2_of_skewed_results_is_warned_of():
    skewed = [0.0002, 0.02, 0.001, 0.04, 0.0005, 0.01]
    assert "lod_sqrt2_of_skewed_results" in judged(skewed, [0.0001], LodMethod.LOD_SQRT2)["warnings"]
    assert "lod_sqrt2_of_skewed_results" not in judged(skewed, [0.0001], LodMethod.LOD_2)["warnings"]


@pytest.mark.parametrize(
    ("detected", "warning"),
    [([], "all_censored"), ([0.02], "fewer_than_2_detected"), ([0.02] * 3, "fewer_than_2_detected")],
)
def test_all_or_nearly_all_censored_says_what_it_lacks(detected, warning):
    document = judged(detected, [0.006] * 5)
    assert warning in document["warnings"]
    for key in ("gm", "gsd", "mean", "p95", "utl95_70", "exceedance_fraction", "aiha_category", "lod_method"):
        assert document[key] is None


def test_values_far_apart_overflow_nowhere():
    for method in (LodMethod.BETA, LodMethod.MLE):
        document = judged([1e-12, 1e8, 1e9, 1e9], [1e-11, 1e-12], method)
        assert document["gm"] > 0
