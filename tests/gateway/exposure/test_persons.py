"""A person's exposure follows the person: the stitched record judged by the batch core is the reference."""

import math
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.limits import limits_for
from gateway.domain.moment import SECOND_US
from gateway.domain.quality import Quality, Reason
from gateway.exposure.batch import Question, evaluate
from gateway.exposure.person_dose import MINUTE_US
from gateway.exposure.person_figures import Hours, Judged, asked_of
from gateway.exposure.persons import Persons
from gateway.exposure.record import read_record
from gateway.exposure.streaming import Line, Streaming

HOLD_S, FULL = 30.0, 1000.0
PLACES = {("a", "co"): [0, 1], ("b", "co"): [2]}
TWA = next(one for one in limits_for("co", ["peru"]) if one.kind == "TWA")
STEL = next(one for one in limits_for("co", ["eu"]) if one.kind == "STEL")
ASKED = asked_of([TWA, STEL])
T0 = 1_000 * MINUTE_US


class Mine:
    """Zone a has two CO sensors, b one, c none; what happens is told in seconds after the start."""

    def __init__(self, *, full: float = FULL, blast: str = "") -> None:
        self.streaming = Streaming([Line(HOLD_S, full, 1.0)] * 3, rolling_8h=False)
        self.blast = blast
        self.persons = self.new()
        self.persons.start_shift(T0, 0)

    def new(self) -> Persons:
        lines = self.streaming.lines
        return Persons(
            {"co": ASKED}, PLACES, self.streaming.present, lambda i: (lines[i].full_scale, lines[i].resolution),
            lambda zone: zone == self.blast,
        )  # fmt: skip

    def read(self, seconds: float, i: int, value: float, quality: int = Quality.GOOD, reason: int = 0) -> None:
        t = T0 + round(seconds * SECOND_US)
        self.streaming.feed(i, t, value, quality, reason)
        if i in self.persons.watched:
            self.persons.reading(t, i)

    def steady(self, start: int, end: int, i: int, value: float) -> None:
        for second in range(start, end, 10):
            self.read(second, i, value)

    def move(self, seconds: float, zone: str | None, tag: str = "t1", *, late: bool = False) -> None:
        self.persons.move(T0 + round(seconds * SECOND_US), tag, zone, late=late)

    def judge(self, seconds: float, tag: str = "t1", remaining_s: float = 0.0) -> tuple[Judged, Judged]:
        self.persons.advance(T0 + round(seconds * SECOND_US))
        e8, stel = self.persons.judge(tag, "co", Hours(8.0, remaining_s=remaining_s))
        return e8, stel

    def restart(self) -> None:
        state = msgspec.msgpack.decode(msgspec.msgpack.encode(self.persons.dump()))
        self.persons = self.new()
        self.persons.load(state, lambda i: i)


READ = st.tuples(
    st.just("read"), st.integers(0, 2), st.sampled_from([0.0, 3.3, 26.0, 700.0, -2.0]),
    st.sampled_from([Quality.GOOD, Quality.GOOD, Quality.UNCERTAIN, Quality.BAD, Quality.LATE]),
)  # fmt: skip
MOVE = st.tuples(st.just("move"), st.sampled_from(["a", "b", "c", "nowhere", None]))
STORY = st.lists(st.tuples(st.floats(0.0, 50.0), st.one_of(READ, READ, MOVE)), min_size=1, max_size=60)


def told(mine: Mine, story: list[Any], *, ticks: bool = False, restarts: bool = False) -> float:
    now = 0.0
    for pause, what in story:
        if ticks:
            mine.persons.advance(T0 + round((now + pause / 2) * SECOND_US))
        now = round(now + pause, 6)
        if what[0] == "read":
            mine.read(now, what[1], what[2], what[3])
        else:
            mine.move(now, what[1])
        if restarts:
            mine.restart()
    return (math.floor(now / 60) + 1) * 60.0


def stitched(story: list[Any], end: float) -> str:
    """The record that a sensor on the person's belt would have: rows of constant level, times in seconds."""
    events, now = [], 0.0
    for pause, what in story:
        now = round(now + pause, 6)
        events.append((now, what))
    levels: dict[int, list[tuple[float, float, float | None]]] = {0: [], 1: [], 2: []}
    zones: list[tuple[float, str | None]] = [(0.0, None)]
    for at, what in events:
        if what[0] == "move":
            zones.append((at, what[1]))
        elif what[3] != Quality.LATE:
            levels[what[1]].append((at, round(at + HOLD_S, 6), None if what[3] == Quality.BAD else what[2]))
    edges = {0.0, end, *(at for at, _ in events)}
    edges |= {until for one in levels.values() for _, until, _ in one if until < end}
    ordered = sorted(edges)
    rows = ["time,substance,value,unit,duration_s"]
    for opens, closes in pairwise(ordered):
        zone = [zone for at, zone in zones if at <= opens][-1]
        present = []
        for i in PLACES.get((zone or "", "co"), ()):
            newest = [row for row in levels[i] if row[0] <= opens][-1:]
            present += [level for _, until, level in newest if level is not None and opens < until]
        if present:
            rows.append(f"{opens:.6f},co,{max(present)!r},ppm,{closes - opens:.6f}")
    return "\n".join(rows)


@settings(max_examples=150, deadline=None)
@given(STORY)
def test_e8_is_that_of_the_stitched_record(story: list[Any]) -> None:
    mine = Mine()
    end = told(mine, story)
    record = stitched(story, end)
    if "t1" not in mine.persons.tags():
        assert record.count("\n") == 0
        return
    e8 = mine.judge(end)[0].figure
    if record.count("\n") == 0:
        assert e8.low == 0.0
        return
    series = read_record(record.splitlines(), "stitched", max_hold_s=60.0, molar_volume=24.45, full_scales={})
    batch = evaluate(series, Question(("peru",), shift_hours=8.0))["substances"]["co"]
    assert e8.low == pytest.approx(max(0.0, batch["e8"]), rel=1e-9, abs=1e-12)
    inside_s = batch["covered_s"] / e8.coverage if e8.coverage else 0.0
    assert 0.0 <= inside_s <= end + 1e-6


@settings(max_examples=60, deadline=None)
@given(STORY)
def test_neither_ticks_nor_restarts_change_anything(story: list[Any]) -> None:
    plain, ticked, restarted = Mine(), Mine(), Mine()
    end = told(plain, story)
    told(ticked, story, ticks=True)
    told(restarted, story, restarts=True)
    for mine in (plain, ticked, restarted):
        mine.persons.advance(T0 + round(end * SECOND_US))
    tags = plain.persons.tags()
    assert ticked.persons.tags() == restarted.persons.tags() == tags
    for tag in tags:
        assert str(plain.judge(end, tag)) == str(ticked.judge(end, tag)) == str(restarted.judge(end, tag))
    assert restarted.persons.dump() == plain.persons.dump()


def test_with_nobody_tagged_nothing_is_computed() -> None:
    mine = Mine()
    mine.steady(0, 600, 0, 50.0)
    assert not mine.persons.watched
    mine.move(600, None)
    assert mine.persons.tags() == ()
    mine.move(600, "a")
    assert set(mine.persons.watched) == {0, 1}
    mine.move(700, None)
    assert not mine.persons.watched


def test_who_comes_into_gas_breathes_it_from_the_first_second_on() -> None:
    mine = Mine()
    mine.read(0, 2, 90.0)
    mine.move(10, "b")
    mine.move(20, None)
    e8 = mine.judge(60)[0].figure
    assert e8.low == pytest.approx(90.0 * 10 / 28_800)
    assert (e8.coverage, e8.verdict) == (1.0, "compliant")


def test_the_highest_sensor_represents_the_zone() -> None:
    mine = Mine()
    mine.move(0, "a")
    for second in range(0, 600, 10):
        mine.read(second, 0, 10.0)
        mine.read(second, 1, 40.0 if second >= 300 else 4.0)
    assert mine.judge(600)[0].figure.low == pytest.approx((10.0 * 300 + 40.0 * 300) / 28_800)


def test_the_fifteen_minutes_follow_the_person_from_place_to_place() -> None:
    """450 s at 150 ppm in one zone and 450 s at 90 in the other: 120 ppm, over 100 though neither place alone is."""
    mine = Mine()
    mine.move(0, "a")
    mine.steady(0, 450, 0, 150.0)
    mine.move(450, "b")
    mine.steady(450, 900, 2, 90.0)
    stel = mine.judge(900)[1].figure
    assert (stel.low, stel.verdict, stel.averaging_minutes) == (pytest.approx(120.0), "exceeded", 15)
    assert STEL.value == 100.0


def test_outside_is_unexposed_and_no_gap() -> None:
    mine = Mine()
    mine.move(0, "a")
    mine.steady(0, 600, 0, 20.0)
    mine.move(600, None)
    e8, stel = (one.figure for one in mine.judge(6000))
    assert (e8.low, e8.high, e8.coverage) == (pytest.approx(20 * 600 / 28_800), pytest.approx(20 * 600 / 28_800), 1.0)
    assert (stel.low, stel.high, stel.verdict) == (0.0, 0.0, "compliant")


def test_a_silent_sensor_is_a_gap_up_to_its_full_scale() -> None:
    mine = Mine()
    mine.move(0, "b")
    mine.steady(0, 300, 2, 20.0)  # then silence: the last sample holds 30 s
    e8 = mine.judge(600)[0].figure
    assert e8.low == pytest.approx(20.0 * 320 / 28_800)
    assert e8.high == pytest.approx((20.0 * 320 + FULL * 280) / 28_800)
    assert e8.value == pytest.approx(20.0 * 600 / 28_800)
    assert e8.coverage == pytest.approx(320 / 600)
    assert (e8.verdict, e8.reason) == ("indeterminate", "coverage")


@pytest.mark.parametrize("zone", ["c", "no-such-zone"])
def test_where_nobody_measures_nothing_is_known(zone: str) -> None:
    mine = Mine()
    mine.move(0, "b")
    mine.steady(0, 6000, 2, 1.0)
    mine.move(6000, zone)
    mine.move(6060, "b")
    mine.steady(6060, 6120, 2, 1.0)
    e8 = mine.judge(6120)[0].figure
    assert (e8.high, e8.verdict, e8.coverage > 0.95) == (None, "indeterminate", True)


def test_a_late_tag_event_corrects_nothing_and_proves_nothing() -> None:
    mine = Mine()
    mine.move(0, "b", late=True)
    mine.steady(0, 600, 2, 1.0)
    e8 = mine.judge(600)[0].figure
    assert (e8.low, e8.verdict, e8.reason) == (pytest.approx(600 / 28_800), "indeterminate", "uncertain")
    mine.persons.start_shift(T0 + 600 * SECOND_US, 0)
    mine.steady(600, 720, 2, 1.0)
    assert mine.judge(720)[0].figure.verdict == "compliant"


def test_an_over_range_value_is_a_lower_bound() -> None:
    mine = Mine()
    mine.move(0, "b")
    mine.read(0, 2, 1200.0, Quality.UNCERTAIN, Reason.OVER_RANGE)
    e8 = mine.judge(60)[0].figure
    assert (e8.high, e8.verdict) == (None, "indeterminate")
    assert e8.low == pytest.approx(1200.0 * 30 / 28_800)


def test_a_shift_begins_anew_and_the_fifteen_minutes_go_on() -> None:
    mine = Mine()
    mine.move(0, "a")
    mine.steady(0, 900, 0, 150.0)
    mine.persons.start_shift(T0 + 900 * SECOND_US, 0)
    mine.steady(900, 960, 0, 150.0)
    e8, stel = (one.figure for one in mine.judge(960))
    assert e8.low == pytest.approx(150.0 * 60 / 28_800)
    assert stel.verdict == "exceeded"


def test_who_is_outside_and_rested_is_forgotten_with_the_shift() -> None:
    mine = Mine()
    mine.move(0, "a")
    mine.move(60, None)
    mine.persons.start_shift(T0 + 600 * SECOND_US, 0)
    assert mine.persons.tags() == ("t1",), "a minute of gap stands in the 15 minutes"
    mine.persons.start_shift(T0 + 3600 * SECOND_US, 0)
    assert mine.persons.tags() == ()


def test_what_nobody_saw_of_a_shift_is_a_gap_of_everybody() -> None:
    mine = Mine()
    mine.persons.start_shift(T0, 3600 * SECOND_US)
    mine.move(0, "b")
    mine.steady(0, 600, 2, 1.0)
    e8 = mine.judge(600)[0].figure
    assert (e8.high, e8.coverage) == (None, pytest.approx(600 / 4200))


def test_the_projection_takes_the_median_of_occupied_minutes() -> None:
    mine = Mine()
    mine.move(0, "b")
    mine.steady(0, 1800, 2, 20.0)
    mine.steady(1800, 2100, 2, 300.0)  # a spike of 5 minutes moves a mean, not the median
    e8, stel = mine.judge(2100, remaining_s=3600.0)
    assert e8.projected == pytest.approx((20.0 * 1800 + 300.0 * 300 + 20.0 * 3600) / 28_800)
    assert stel.projected is None
    mine.move(2100, None)
    assert mine.judge(2160, remaining_s=3600.0)[0].projected == pytest.approx(126_000 / 28_800)


def test_minutes_of_a_blast_are_no_forecast() -> None:
    mine = Mine(blast="b")
    mine.move(0, "b")
    mine.steady(0, 300, 2, 200.0)
    assert mine.judge(300, remaining_s=3600.0)[0].projected is None
    mine.blast = ""
    mine.steady(300, 360, 2, 5.0)
    projected = mine.judge(360, remaining_s=3600.0)[0].projected
    assert projected == pytest.approx((200.0 * 300 + 5.0 * 60 + 5.0 * 3600) / 28_800)


def test_time_to_the_limit_at_the_present_level() -> None:
    mine = Mine()
    mine.move(0, "b")
    mine.steady(0, 600, 2, 100.0)
    left = mine.judge(600, remaining_s=28_000.0)[0].figure.time_to_limit_s
    assert left == pytest.approx((25.0 * 28_800 - 100.0 * 600) / 100.0)
    assert mine.judge(600, remaining_s=60.0)[0].figure.time_to_limit_s is None


def test_a_long_stop_costs_no_more_than_a_short_one() -> None:
    mine = Mine()
    mine.move(0, "b")
    mine.read(0, 2, 10.0)
    e8 = mine.judge(90 * 86_400)[0].figure
    assert e8.low == pytest.approx(10.0 * 30 / 28_800)
    assert e8.coverage < 1e-4


def test_a_sensor_that_a_new_site_file_lacks_is_a_gap_from_then_on() -> None:
    mine = Mine()
    mine.move(0, "b")
    mine.steady(0, 60, 2, 10.0)
    state = mine.persons.dump()
    no2 = next(one for one in limits_for("no2", ["peru"]) if one.kind == "TWA")
    without = Persons(
        {"co": asked_of([TWA]), "no2": asked_of([no2])}, {("a", "co"): [0]}, mine.streaming.present,
        lambda _i: (FULL, 1.0), lambda _zone: False,
    )  # fmt: skip
    without.load(state, lambda i: i if i != 2 else None)
    without.advance(T0 + 120 * SECOND_US)
    (co,) = without.judge("t1", "co", Hours(8.0))
    assert (co.figure.low, co.figure.high) == (pytest.approx(10.0 * 50 / 28_800), None)
    (figure,) = without.judge("t1", "no2", Hours(8.0))
    assert (figure.figure.coverage, figure.figure.high) == (0.0, None)
