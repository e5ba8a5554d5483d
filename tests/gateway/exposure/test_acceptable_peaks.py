"""29 CFR 1910.1000(b)(2) and Table Z-2: hydrogen sulfide, 20 ppm, and 50 ppm for 10 min once without other exposure."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.limits import limits_for
from gateway.exposure.batch import Question, evaluate
from gateway.exposure.conversion import molar_volume_l
from gateway.exposure.peaks import acceptable_peak_of, judge_peak
from gateway.exposure.record import read_record

ROWS = limits_for("h2s", ["osha"])
CEILING = next(row for row in ROWS if row.kind == "CEILING")
RULE = acceptable_peak_of(CEILING, ROWS)


def judge(*minutes_and_ppm):
    """The rows CEILING and MAX of OSHA for an 8 h shift."""
    lines = ["substance,value,unit,duration_s\n"]
    lines += [f"h2s,{ppm},ppm,{60 * minutes}\n" for minutes, ppm in minutes_and_ppm]
    record = read_record(lines, "r.csv", max_hold_s=60, molar_volume=molar_volume_l(), full_scales={})
    rows = evaluate(record, Question(("osha",)))["substances"]["h2s"]["limits"]
    return {row["kind"]: row for row in rows}


def clean(*peaks):
    used = sum(minutes for minutes, _ in peaks)
    return [(60, 0), *peaks, (420 - used, 0)]


def test_the_numbers_of_table_z_2_are_those_of_the_tables():
    assert RULE is not None
    assert (RULE.ceiling.value, RULE.peak.value, RULE.peak.averaging_minutes) == (20.0, 50.0, 10)
    assert (RULE.rule.most, RULE.rule.alone) == (1, True)


@pytest.mark.parametrize(
    ("peaks", "violations"),
    [
        ([(10, 50)], []),
        ([(2, 5), (9, 45), (3, 8)], []),  # it rises and falls: that is the same exposure
        ([(10, 50.1)], ["too_high"]),
        ([(11, 30)], ["too_long"]),
        ([(4, 30), (60, 0), (4, 30)], ["too_often"]),
        ([(4, 30), (10, 15), (4, 30)], ["too_often"]),
        ([(5, 30), (60, 0), (30, 1)], ["other_exposure"]),
        ([(12, 60), (60, 0), (5, 25), (10, 0), (5, 3)], ["too_high", "too_long", "too_often", "other_exposure"]),
    ],
)
def test_a_peak_once_for_ten_minutes_and_nothing_else(peaks, violations):
    rows = judge(*clean(*peaks))
    assert rows["MAX"]["acceptable_peak"]["violations"] == violations
    assert rows["MAX"]["verdict"] == ("exceeded" if violations else "compliant")
    assert rows["CEILING"]["verdict"] == "exceeded", "above 20 ppm is above 20 ppm, excused or not"
    assert rows["CEILING"]["acceptable_peak"]["verdict"] == rows["MAX"]["verdict"]


def test_below_the_ceiling_any_exposure_is_allowed():
    rows = judge((480, 19))
    assert {row["verdict"] for row in rows.values()} == {"compliant"}


def test_what_was_not_measured_proves_no_exception():
    lines = ["time,substance,value,unit,duration_s\n", "0,h2s,30,ppm,300\n", "600,h2s,0,ppm,28200\n"]
    record = read_record(lines, "r.csv", max_hold_s=60, molar_volume=molar_volume_l(), full_scales={})
    rows = evaluate(record, Question(("osha",)))["substances"]["h2s"]["limits"]
    peak = next(row for row in rows if row["kind"] == "MAX")
    assert (peak["verdict"], peak["acceptable_peak"]["verdict"]) == ("indeterminate", "indeterminate")


def test_other_rule_books_have_no_such_rule():
    for regime in ("peru", "acgih", "niosh", "eu"):
        rows = limits_for("h2s", [regime])
        assert not any(acceptable_peak_of(row, rows) for row in rows)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([0.0, 1.0, 25.0, 60.0]), min_size=1, max_size=12), st.data())
def test_losing_samples_never_breaks_a_rule_that_was_kept_nor_proves_one_that_was_broken(levels, data):
    edges = np.arange(len(levels) + 1) * 300_000_000
    flags = np.zeros(len(levels), np.int64)
    whole = judge_peak(edges, np.array(levels), flags, RULE, 0.0)
    lost = [np.nan if data.draw(st.booleans()) else level for level in levels]
    part = judge_peak(edges, np.array(lost), flags, RULE, 0.0)
    assert part.verdict in (whole.verdict, "indeterminate")
