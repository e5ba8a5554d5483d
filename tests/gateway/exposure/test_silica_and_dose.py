"""Silica from dust and a laboratory, dose, action level, additive index: limits reference 1.3, 4.6, 4.12."""

import pytest

from gateway.domain.errors import ConfigError
from gateway.domain.limits import limits_for, msha_legacy_dust_limit
from gateway.exposure.batch import Question, evaluate
from gateway.exposure.conversion import molar_volume_l
from gateway.exposure.dose import action_level, additive_index, dose_percent
from gateway.exposure.record import read_record
from gateway.exposure.silica import cumulative_dose, respirable_silica


def judge(rows, *regimes, full_scales=None, **question):
    lines = ["time,substance,value,unit,duration_s\n", *rows]
    scales = full_scales or {}
    record = read_record(lines, "r.csv", max_hold_s=60, molar_volume=molar_volume_l(), full_scales=scales)
    return evaluate(record, Question(regimes, full_scales=scales, **question))


def one(document, substance, **wanted):
    rows = [
        row
        for row in document["substances"][substance]["limits"]
        if all(row.get(key) == value for key, value in wanted.items())
    ]
    assert len(rows) == 1, rows
    return rows[0]


DUST = ["0,dust_respirable,0.5,mg/m3,28800\n"]


def test_silica_is_refused_without_a_laboratory():
    with pytest.raises(ConfigError, match="laboratory"):
        respirable_silica(1.0, None)
    assert "silica_respirable" not in judge(DUST, "peru")["substances"]
    for percent in (0.0, -1.0, 101.0, float("nan")):
        with pytest.raises(ConfigError, match="expected"):
            respirable_silica(1.0, percent)
    with pytest.raises(ConfigError, match="expected dust_respirable"):
        judge(["0,co,1,ppm,60\n"], "peru", phases={"quartz": 10.0})
    with pytest.raises(ConfigError, match="together"):
        judge(DUST, "peru", phases={"quartz": 60.0, "cristobalite": 50.0})


def test_silica_is_dust_times_the_share():
    assert respirable_silica(0.5, 20.0) == pytest.approx(0.1)
    document = judge(DUST, "peru", "osha", phases={"quartz": 20.0})
    silica = document["substances"]["silica_respirable"]
    assert silica["e8"] == pytest.approx(0.1)
    assert {row["phase"] for row in silica["limits"]} == {"quartz"}
    assert one(document, "silica_respirable", regime="peru")["verdict"] == "exceeded"


def test_a_gap_in_the_dust_is_a_gap_in_the_silica_and_full_scale_goes_along():
    rows = ["0,dust_respirable,0.1,mg/m3,14400\n"]
    document = judge(rows, "peru", shift_hours=8.0, full_scales={"dust_respirable": 10.0}, phases={"quartz": 10.0})
    row = one(document, "silica_respirable", method="e8")
    assert (row["low"], row["high"]) == (pytest.approx(0.005), pytest.approx(0.505))
    assert row["verdict"] == "indeterminate"


def test_vector_5_the_legacy_limit_of_msha_is_a_formula():
    assert msha_legacy_dust_limit(20.0) == pytest.approx(0.4545, abs=5e-5)
    assert respirable_silica(msha_legacy_dust_limit(20.0), 20.0) == pytest.approx(0.0909, abs=5e-5)
    row = one(judge(DUST, "msha_legacy", phases={"quartz": 20.0}), "dust_respirable", phase="quartz")
    assert row["limit"] == pytest.approx(10 / 22)
    assert (row["verdict"], row["method"], row["confidence"]) == ("exceeded", "e8", "V")
    half = one(judge(DUST, "msha_legacy", phases={"cristobalite": 20.0}), "dust_respirable", phase="cristobalite")
    assert half["limit"] == pytest.approx(5 / 22)
    assert judge(DUST, "msha_legacy")["substances"]["dust_respirable"]["limits"] == []


def test_quartz_and_cristobalite_are_judged_together():
    document = judge(DUST, "peru", phases={"quartz": 6.0, "cristobalite": 4.0})
    (index,) = document["mixture"]
    assert index == {
        "regime": "peru", "group": "pneumoconiosis_dusts", "kind": "TWA", "index": 1.0, "exceeded": False,
    }  # fmt: skip
    for row in document["substances"]["silica_respirable"]["limits"]:
        assert row["verdict"] == "compliant"
    assert judge(DUST, "peru", phases={"quartz": 6.0, "cristobalite": 4.1})["mixture"][0]["exceeded"]


def test_dust_above_3_milligrams_stops_the_work():
    document = judge(["0,dust_respirable,3.1,mg/m3,28800\n"], "peru", "osha")
    assert one(document, "dust_respirable", regime="peru")["recommendation"] == "stop_work"
    assert "recommendation" not in one(document, "dust_respirable", regime="osha")
    assert "recommendation" not in one(judge(DUST, "peru"), "dust_respirable")


def test_45_years_at_the_limit():
    dose = cumulative_dose([(0.05, 2000.0)] * 45)
    assert dose.mg_years == pytest.approx(2.25)
    assert dose.mg_hours == pytest.approx(4500)
    assert cumulative_dose([(0.05, 2400.0)], hours_a_year=2400).mg_years == pytest.approx(0.05)
    for wrong in ([(-0.1, 8.0)], [(0.1, -8.0)], [(float("nan"), 8.0)]):
        with pytest.raises(ConfigError, match="expected"):
            cumulative_dose(wrong)
    with pytest.raises(ConfigError, match="expected"):
        cumulative_dose([], hours_a_year=0)


def test_dose_is_the_share_of_a_shift_at_the_limit():
    assert dose_percent(25.0 * 28_800, 25.0) == pytest.approx(100)
    assert dose_percent(-5.0, 25.0) == 0.0
    row = one(judge(["0,co,20,ppm,43200\n"], "peru"), "co", method="e8")
    assert row["dose_percent"] == pytest.approx(120)


@pytest.mark.parametrize(
    ("quantity", "regime", "share"), [("co", "peru", 0.5), ("silica_respirable", "osha", 0.5), ("ch2o", "osha", 2 / 3)]
)
def test_the_action_level_is_not_always_half(quantity, regime, share):
    limit = next(row for row in limits_for(quantity, [regime]) if row.kind == "TWA")
    assert action_level(limit).value == pytest.approx(share * limit.value)


def test_the_action_level_has_a_verdict_of_its_own():
    row = one(judge(["0,co,15,ppm,28800\n"], "peru"), "co", method="e8")
    assert (row["verdict"], row["action_level"], row["action_verdict"]) == ("compliant", 12.5, "exceeded")
    row = one(judge(["0,co,1,ppm,3600\n"], "peru", shift_hours=8.0), "co", method="e8")
    assert row["action_verdict"] == "indeterminate"


def test_the_mixture_formula_of_osha():
    """29 CFR 1910.1000(d)(2)(ii): 500/1000 + 45/200 + 40/200 = 0.925, within the combination."""
    index, exceeded = additive_index([(500, 1000), (45, 200), (40, 200)])
    assert (index, exceeded) == (pytest.approx(0.925), False)
    assert additive_index([(1.5, 3.0), (1.0, 2.0)]) == (1.0, False)
    assert additive_index([(0.1, 0.3), (0.2, 0.3), (-1.0, 1.0)]) == (pytest.approx(1.0), False)
