"""A shift out of the record is the shift as it was lived; late samples count in their place."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.limits import limits_for
from gateway.domain.moment import SECOND_US
from gateway.domain.quality import Quality, Reason
from gateway.exposure.shift_anew import OnRecord, as_it_counts, shift_anew, shift_figures
from gateway.exposure.streaming import Line, Streaming

LIMITS = [row for row in limits_for("co", ["peru", "niosh"]) if row.averaging_minutes >= 480]
START = 1_000_000 * SECOND_US
HOUR_US = 3600 * SECOND_US
LINE = Line(60.0, 1000.0, 1.0)

SAMPLES = st.lists(
    st.tuples(
        st.integers(1, 4000), st.sampled_from([0.0, 12.0, 80.0, -1.0]),
        st.sampled_from([(Quality.GOOD, Reason.NONE), (Quality.UNCERTAIN, Reason.CLOCK), (Quality.BAD, Reason.FAULT),
                         (Quality.UNCERTAIN, Reason.OVER_RANGE)]),
    ), max_size=40,
)  # fmt: skip


def on_record(steps):
    """Readings from half an hour before the shift on, by time."""
    found, now = [], START - HOUR_US // 2
    for pause, value, (quality, reason) in steps:
        now += pause * SECOND_US
        found.append(OnRecord(now, value, quality, reason))
    return found


@settings(max_examples=60, deadline=None)
@given(SAMPLES, st.integers(0, 39))
def test_the_record_gives_the_figures_that_were_lived_whether_samples_came_late_or_not(steps, late):
    readings = on_record(steps)
    end_us = max([START + 8 * HOUR_US, *(one.time_us + SECOND_US for one in readings)])
    lived = Streaming([LINE], rolling_8h=False)
    lived.advance(START - HOUR_US)
    for one in [one for one in readings if one.time_us < START]:
        lived.feed(0, one.time_us, one.value, one.quality, one.reason)
    lived.start_shift(START)
    for one in [one for one in readings if one.time_us >= START]:
        lived.feed(0, one.time_us, one.value, one.quality, one.reason)
    expected = shift_figures(lived, 0, end_us, LIMITS)
    if late < len(readings):
        one = readings[late]
        reason = Reason.BACKLOG if one.reason is Reason.NONE else one.reason
        readings[late] = one._replace(quality=Quality.LATE, reason=reason)
    found = shift_anew(LINE, readings, START, end_us, LIMITS, shift_hours=8.0)
    assert found == expected


def test_an_outage_that_was_filled_in_later_makes_the_verdict_whole():
    live = [OnRecord(START + n * 30 * SECOND_US, 10.0, Quality.GOOD, Reason.NONE) for n in range(480)]
    late = [OnRecord(START + n * 30 * SECOND_US, 10.0, Quality.LATE, Reason.BACKLOG) for n in range(480, 960)]
    before = shift_anew(LINE, live, START, START + 8 * HOUR_US, LIMITS, shift_hours=8.0)
    after = shift_anew(LINE, live + late, START, START + 8 * HOUR_US, LIMITS, shift_hours=8.0)
    assert (before.limits[0].verdict, before.coverage) == ("indeterminate", pytest.approx(0.5, abs=0.01))
    assert (after.limits[0].verdict, after.coverage) == ("compliant", pytest.approx(1.0))
    assert after.mean == pytest.approx(10.0)
    gas = [one._replace(value=60.0) for one in late]
    assert shift_anew(LINE, live + gas, START, START + 8 * HOUR_US, LIMITS, shift_hours=8.0).limits[0].low == 35.0


@pytest.mark.parametrize(
    ("reason", "quality"),
    [(Reason.BACKLOG, Quality.GOOD), (Reason.OVER_RANGE, Quality.UNCERTAIN), (Reason.CLOCK, Quality.UNCERTAIN),
     (Reason.UNDER_RANGE, Quality.BAD), (Reason.FAULT, Quality.BAD), (Reason.ABSURD, Quality.BAD)],
)  # fmt: skip
def test_a_late_sample_counts_by_its_reason(reason, quality):
    assert as_it_counts(OnRecord(0, 1.0, Quality.LATE, reason)) is quality


def test_a_shift_that_nobody_measured_is_a_gap():
    found = shift_anew(LINE, [], START, START + 8 * HOUR_US, LIMITS, shift_hours=8.0, gap_level=7.0)
    assert (found.mean, found.coverage) == (None, 0.0)
    assert {figure.verdict for figure in found.limits} == {"indeterminate"}
    assert found.limits[0].value == pytest.approx(7.0)
