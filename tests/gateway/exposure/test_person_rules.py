"""A person beside E8 and STEL: long days, ten minutes, short exposures, another place (limits reference 4)."""

import dataclasses

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.limits import limits_for
from gateway.domain.moment import SECOND_US
from gateway.domain.quality import Quality
from gateway.exposure.episodes import Span, Tally, judge_episodes, spans_above
from gateway.exposure.excursions import stel_frequency_of
from gateway.exposure.person_dose import MINUTE_US
from gateway.exposure.person_figures import Hours, asked_of
from gateway.exposure.persons import Persons
from gateway.exposure.streaming import Line, Streaming

T0 = 600 * MINUTE_US
FULL = 1000.0
HOUR_S = 3600


class Miner:
    """One tag in one zone, one sensor of one quantity; levels are told minute by minute."""

    def __init__(self, quantity, *regimes, hours=8.0, week=None):
        self.quantity, self.hours = quantity, Hours(hours, week)
        self.asked = asked_of(limits_for(quantity, regimes))
        self.streaming = Streaming([Line(120.0, FULL, 0.0)], rolling_8h=False)
        self.persons = self.new()
        self.persons.start_shift(T0, 0)
        self.minute = 0
        self.persons.move(T0, "t1", "a")

    def new(self):
        return Persons(
            {self.quantity: self.asked}, {("a", self.quantity): [0]}, self.streaming.present,
            lambda _i: (FULL, 0.0), lambda _zone: False,
        )  # fmt: skip

    @property
    def now_us(self):
        return T0 + self.minute * MINUTE_US

    def breathe(self, minutes, level, quality=Quality.GOOD):
        for _ in range(minutes):
            if level is None:
                self.streaming.feed(0, self.now_us, float("nan"), Quality.BAD, 0)
            else:
                self.streaming.feed(0, self.now_us, level, quality, 0)
            if 0 in self.persons.watched:
                self.persons.reading(self.now_us, 0)
            self.minute += 1
        self.persons.advance(self.now_us)
        return self

    def rows(self, kind="TWA", method=None, tag="t1"):
        found = self.persons.judge(tag, self.quantity, self.hours)
        return [row for row in found if row.figure.kind == kind and method in (None, row.figure.method)]

    def row(self, kind="TWA", method=None):
        (row,) = self.rows(kind, method)
        return row

    def restart(self):
        state = msgspec.msgpack.decode(msgspec.msgpack.encode(self.persons.dump()))
        self.persons = self.new()
        self.persons.load(state, lambda i: i)


def test_vector_3_for_a_person_the_two_conventions_are_never_combined():
    miner = Miner("co", "peru", hours=12.0).breathe(720, 12.0)
    e8, scaled = miner.row(method="e8").figure, miner.row(method="brief_scala").figure
    assert (e8.low, e8.limit, e8.verdict) == (pytest.approx(18.0), 25.0, "compliant")
    assert (scaled.low, scaled.limit, scaled.base_limit) == (pytest.approx(12.0), 12.5, 25.0)
    assert scaled.verdict == "compliant"


def test_vector_2_for_a_person_both_conventions_fail_a_week_of_84_hours():
    miner = Miner("co", "peru", hours=12.0, week=84.0)
    miner.breathe(120, 30.0).breathe(240, 10.0).breathe(360, 20.0)
    e8, scaled = miner.row(method="e8").figure, miner.row(method="brief_scala").figure
    assert (e8.low, e8.verdict) == (pytest.approx(27.5), "exceeded")
    assert scaled.low == pytest.approx(18.3333, abs=5e-5)
    assert (scaled.limit, scaled.verdict) == (pytest.approx(7.8125), "exceeded")


def test_eight_hours_have_one_row_and_oxygen_is_never_scaled():
    assert [row.figure.method for row in Miner("co", "peru").rows()] == ["e8"]
    assert not Miner("o2", "peru", hours=12.0).asked


def test_niosh_divides_by_ten_hours_at_most():
    miner = Miner("co", "niosh", hours=12.0).breathe(720, 20.0)
    (row,) = miner.rows()
    assert (row.figure.method, row.figure.low) == ("niosh_10h", pytest.approx(24.0))


def test_niosh_ceiling_of_hydrogen_sulfide_is_ten_minutes():
    miner = Miner("h2s", "niosh").breathe(30, 0.0).breathe(9, 11.0)
    figure = miner.row("CEILING").figure
    assert (figure.averaging_minutes, figure.low, figure.verdict) == (10, pytest.approx(9.9), "compliant")
    miner.breathe(1, 11.0)
    assert miner.row("CEILING").figure.verdict == "exceeded"
    miner.breathe(10, 0.0)
    assert miner.row("CEILING").figure.low == 0.0


@pytest.mark.parametrize(
    ("peaks", "violations"),
    [
        ([(10, 10), (90, 10), (170, 10), (250, 10)], ()),
        ([(10, 16)], ("too_long",)),
        ([(10, 10), (90, 10), (170, 10), (250, 10), (330, 10)], ("too_often",)),
        ([(10, 10), (50, 10)], ("too_close",)),
    ],
)
def test_the_frequency_rule_of_acgih_follows_the_person(peaks, violations):
    miner = Miner("h2s", "acgih")
    for start, length in peaks:
        miner.breathe(start - miner.minute, 0.0).breathe(length, 3.0)
    miner.breathe(480 - miner.minute, 0.0)
    row = miner.row("STEL")
    assert row.frequency.violations == violations
    assert row.figure.low == 0.0, "the last 15 minutes were clean"
    assert row.figure.verdict == ("exceeded" if violations else "compliant")
    assert row.figure.reason == ("frequency" if violations else None)


def test_a_shift_begins_with_no_episodes_and_a_restart_loses_none():
    miner = Miner("h2s", "acgih").breathe(16, 3.0).breathe(60, 0.0)
    miner.restart()
    assert miner.row("STEL").frequency.violations == ("too_long",)
    miner.persons.start_shift(miner.now_us, 0)
    miner.breathe(20, 0.0)
    assert miner.row("STEL").figure.verdict == "compliant"


def test_unknown_minutes_are_no_episode_and_no_proof():
    miner = Miner("h2s", "acgih").breathe(60, 0.0).breathe(20, None).breathe(60, 0.0)
    row = miner.row("STEL")
    assert (row.frequency.verdict, row.figure.verdict) == ("indeterminate", "indeterminate")
    assert row.figure.reason == "frequency"


def test_going_outside_ends_an_episode():
    miner = Miner("h2s", "acgih").breathe(10, 3.0)
    miner.persons.move(miner.now_us, "t1", None)
    miner.breathe(120, 3.0)
    row = miner.row("STEL")
    assert (row.frequency.episodes, row.frequency.longest_us, row.figure.verdict) == (1, 10 * MINUTE_US, "compliant")


def test_the_peaks_of_carbon_monoxide_for_a_person():
    """CO has no STEL: 125 ppm as a 15-minute mean never, 75 ppm for more than 15 min neither (4.5)."""
    miner = Miner("co", "acgih").breathe(15, 124.0)
    assert miner.row("MAX", "excursion").figure.verdict == "compliant"
    miner.breathe(1, 140.0).breathe(15, 0.0)
    row = miner.row("MAX", "excursion")
    assert (row.figure.limit, row.figure.base_limit) == (125.0, 25.0)
    assert (row.frequency.violations, row.figure.verdict) == (("too_long",), "exceeded")


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 40), st.sampled_from([0.0, 0.9, 3.0, None])), min_size=1, max_size=10))
def test_minutes_of_a_person_and_the_record_say_the_same(story):
    """Levels that change at whole minutes: the person's minutes are those of the record, the mean slides there."""
    miner = Miner("h2s", "acgih")
    levels = [level for minutes, level in story for _ in range(minutes)]
    for level in levels:
        miner.breathe(1, level)
    edges = np.arange(len(levels) + 1) * MINUTE_US
    found = judge_episodes(
        spans_above(edges, np.array([np.nan if x is None else x for x in levels]), 1.0, FULL),
        next(one.episodes for one in miner.asked if one.limit.kind == "STEL"), doubtful=False,
    )  # fmt: skip
    row = miner.row("STEL")
    if None not in levels:
        assert row.frequency.episodes == found.episodes
        assert abs(row.frequency.longest_us - found.longest_us) <= MINUTE_US
    close = abs(found.longest_us / MINUTE_US - 15) < 2
    assert close or {row.frequency.verdict, found.verdict} != {"exceeded", "compliant"}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 2)), max_size=20), st.integers(0, 20))
def test_a_tally_that_was_written_and_read_goes_on(story, cut):
    limits = limits_for("h2s", ["acgih"])
    rule = stel_frequency_of(next(row for row in limits if row.kind == "STEL"), limits)[0]
    whole, parts, at = Tally(), Tally(), 0
    for n, (minutes, state) in enumerate(story):
        span = Span(at, at + minutes * MINUTE_US, state)
        at = span.end_us
        whole.add(span)
        if n == cut:
            parts = Tally.load(msgspec.msgpack.decode(msgspec.msgpack.encode(parts.dump())))
        parts.add(span)
    assert dataclasses.asdict(parts) == dataclasses.asdict(whole)
    assert parts.judge(rule, doubtful=False) == whole.judge(rule, doubtful=False)


# --- Another place ---------------------------------------------------------------------------------------------------


def test_a_dose_from_another_place_adds_to_the_shift():
    miner = Miner("co", "peru").breathe(240, 20.0)
    before = miner.row(method="e8").figure
    assert (before.low, before.verdict) == (pytest.approx(10.0), "compliant")
    miner.persons.declare(miner.now_us, "t1", 4.0, {"co": 130.0})
    e8 = miner.row(method="e8").figure
    assert (e8.low, e8.verdict) == (pytest.approx((80.0 + 130.0) / 8.0), "exceeded")
    scaled = miner.row(method="brief_scala").figure
    assert (scaled.limit, scaled.low) == (12.5, pytest.approx(210.0 / 12.0))


def test_a_declared_dose_proves_no_compliance_and_the_last_word_counts():
    miner = Miner("co", "peru").breathe(240, 1.0)
    miner.persons.declare(miner.now_us, "t1", 4.0, {"co": 300.0})
    assert miner.row(method="e8").figure.verdict == "exceeded"
    miner.persons.declare(miner.now_us, "t1", 4.0, {"co": 4.0})
    figure = miner.row(method="e8").figure
    assert (figure.low, figure.verdict, figure.reason) == (pytest.approx(1.0), "indeterminate", "uncertain")
    miner.restart()
    assert miner.row(method="e8").figure == figure
    miner.persons.declare(miner.now_us, "t1", 0.0, {})
    assert miner.row(method="e8").figure.verdict == "compliant"


def test_what_was_not_declared_of_these_hours_is_a_gap():
    miner = Miner("co", "peru").breathe(240, 1.0)
    miner.persons.declare(miner.now_us, "t1", 4.0, {})
    figure = miner.row(method="e8").figure
    assert (figure.high, figure.coverage, figure.verdict) == (None, 0.5, "indeterminate")


def test_it_is_of_one_shift_and_said_before_the_shift_it_is_of_the_next():
    miner = Miner("co", "peru")
    miner.persons.declare(miner.now_us, "t2", 4.0, {"co": 240.0})
    assert miner.rows(method="e8", tag="t2")[0].figure.low == pytest.approx(30.0)
    miner.persons.start_shift(miner.now_us + SECOND_US, 0, after_rest=True)
    assert miner.rows(method="e8", tag="t2")[0].figure.low == pytest.approx(30.0)
    miner.persons.start_shift(miner.now_us + 9 * HOUR_S * SECOND_US, 0)
    assert "t2" not in miner.persons.tags()
