"""A person's shift out of the record is the shift as it was lived; late samples count where the person was."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.moment import SECOND_US
from gateway.domain.quality import Quality, Reason
from gateway.exposure.person_dose import MINUTE_US
from gateway.exposure.person_figures import Hours, Judged
from gateway.exposure.person_shift_anew import Move, PastShift, PersonAnew, Place, persons_anew
from gateway.exposure.person_worst import WorstOfShift
from gateway.exposure.persons import BEFORE_US
from gateway.exposure.shift_anew import OnRecord
from gateway.exposure.streaming import Line
from tests.gateway.exposure.test_persons import ASKED, FULL, HOLD_S, MOVE, READ, T0, Mine

LONG_STORY = st.lists(st.tuples(st.floats(0.0, 120.0), st.one_of(READ, READ, MOVE)), min_size=1, max_size=60)
PLACES = [Place(zone, "co", Line(HOLD_S, FULL, 1.0)) for zone in ("a", "a", "b")]
HOUR_US = 60 * MINUTE_US


def past(over_us: int, begun_us: int = T0, lost_us: int = 0, **elsewhere: Any) -> PastShift:
    return PastShift(begun_us, over_us, lost_us, Hours(8.0), elsewhere)


def anew(readings: list[Any], moves: list[Move], shift: PastShift) -> tuple[dict[str, PersonAnew], WorstOfShift]:
    readings = sorted(readings, key=lambda one: one[1].time_us)
    found, worst = persons_anew({"co": ASKED}, PLACES, readings, sorted(moves, key=lambda m: m.at_us), shift)
    return {one.tag: one for one in found}, worst


def at(seconds: float) -> int:
    return T0 + round(seconds * SECOND_US)


def read(i: int, seconds: float, value: float, quality: Quality = Quality.GOOD) -> tuple[int, OnRecord]:
    return i, OnRecord(at(seconds), value, quality, Reason.BACKLOG if quality is Quality.LATE else Reason.NONE)


def steady(i: int, start: int, end: int, value: float, quality: Quality = Quality.GOOD) -> list[Any]:
    return [read(i, second, value, quality) for second in range(start, end, 10)]


def both(one: PersonAnew) -> tuple[Judged, Judged]:
    e8, stel = one.judged["co"]
    return e8, stel


@settings(max_examples=60, deadline=None)
@given(LONG_STORY, st.integers(0, 60))
def test_a_record_that_has_everything_in_its_time_gives_the_figures_that_were_lived(story: list[Any], cut: int) -> None:
    """The story is lived, a new shift begins at some moment in it, and the record gives the second shift again."""
    mine, now, readings, moves, begun_us, since_us = Mine(), 0.0, [], [], T0, None
    for n, (pause, what) in enumerate(story):
        now = round(now + pause, 6)
        if n == cut:
            begun_us = at(now)
            if "t1" in mine.persons.tags():
                since_us = mine.persons.since_of("t1", begun_us - BEFORE_US)
            mine.persons.start_shift(begun_us, 0)
        if what[0] == "read":
            mine.read(now, what[1], what[2], what[3])
            if what[3] != Quality.LATE:
                readings.append(read(what[1], now, what[2], what[3]))
        else:
            mine.move(now, what[1])
            moves.append(Move(at(now), "t1", what[1]))
    over_us = at(now + 60.0)
    if begun_us >= over_us or "t1" not in mine.persons.tags():
        return
    mine.persons.settle(over_us)
    lived = mine.persons.judge("t1", "co", Hours(8.0))
    kept = [move for move in moves if move.at_us >= begun_us - BEFORE_US]
    kept = [move._replace(at_us=begun_us - BEFORE_US) for move in moves if move.at_us == since_us][-1:] + kept
    found, _worst = anew(readings, kept, past(over_us, begun_us))
    assert found["t1"].judged["co"] == lived
    assert not found["t1"].touched


def test_an_outage_that_was_filled_in_later_makes_the_verdict_whole() -> None:
    moves = [Move(at(-60), "t1", "a"), Move(at(0), "t2", "b")]
    live = [*steady(0, -60, 4 * 3600, 10.0), *steady(2, 0, 8 * 3600, 1.0)]
    late = steady(0, 4 * 3600, 8 * 3600, 60.0, Quality.LATE)
    shift = past(T0 + 8 * HOUR_US)
    before, _ = anew(live, moves, shift)
    assert both(before["t1"])[0].figure.verdict == "indeterminate"
    after, _ = anew(live + late, moves, shift)
    figure = both(after["t1"])[0].figure
    assert (figure.low, figure.verdict) == (pytest.approx(35.0), "exceeded")
    assert (after["t1"].touched, after["t2"].touched) == (True, False)
    assert after["t2"].judged == before["t2"].judged


def test_only_who_was_in_the_air_of_a_late_sample_is_touched() -> None:
    late = [read(2, 1000, 80.0, Quality.LATE)]
    moves = [Move(at(0), "before", "b"), Move(at(990), "before", "a"), Move(at(0), "during", "b"),
             Move(at(1020), "just-after", "b"), Move(at(1031), "after-the-hold", "b")]  # fmt: skip
    found, _ = anew(late, moves, past(at(3600)))
    assert {tag for tag, one in found.items() if one.touched} == {"during", "just-after"}


def test_a_late_sample_that_holds_into_the_shift_touches_who_was_there() -> None:
    found, _ = anew([read(2, -10, 80.0, Quality.LATE)], [Move(at(-100), "t1", "b")], past(at(3600)))
    assert found["t1"].touched
    assert both(found["t1"])[0].figure.low == pytest.approx(80.0 * 20 / 28_800)


def test_the_worst_quarter_of_an_hour_stays_with_the_result() -> None:
    gas = steady(0, 0, 3600, 5.0) + steady(0, 3600, 4800, 150.0, Quality.LATE) + steady(0, 4800, 8 * 3600, 5.0)
    found, worst = anew(gas, [Move(at(0), "t1", "a")], past(T0 + 8 * HOUR_US))
    stel = both(found["t1"])[1]
    assert (stel.figure.low, stel.figure.verdict) == (pytest.approx(5.0), "compliant")
    of_the_shift = worst.of("t1", "co", stel)
    assert of_the_shift is not None
    assert (of_the_shift.low, of_the_shift.verdict) == (pytest.approx(150.0), "exceeded")
    assert worst.of("t1", "co", both(found["t1"])[0]) is None, "E8 is of the shift already"
    again = WorstOfShift()
    again.load(worst.dump())
    assert again.dump() == worst.dump()


def test_what_was_lost_and_what_was_taken_elsewhere_count_as_they_did() -> None:
    shift = past(T0 + 4 * HOUR_US, lost_us=HOUR_US, t1=(4.0, {"co": 130.0}))
    found, _ = anew(steady(0, 0, 4 * 3600, 20.0), [Move(at(0), "t1", "a")], shift)
    e8 = found["t1"].judged["co"][0].figure
    assert (e8.low, e8.verdict) == (pytest.approx((80.0 + 130.0) / 8.0), "exceeded")
    assert (e8.coverage, found["t1"].elsewhere_h) == (pytest.approx(8 / 9), 4.0)


def test_a_late_tag_event_proves_nothing_in_the_record_either() -> None:
    found, _ = anew(steady(0, 0, 3600, 1.0), [Move(at(0), "t1", "a", late=True)], past(at(3600)))
    assert found["t1"].late
    assert both(found["t1"])[0].figure.verdict == "indeterminate"


def test_nobody_and_nothing_give_nothing() -> None:
    assert anew(steady(0, 0, 100, 1.0), [], past(at(3600)))[0] == {}
    found, _ = anew([], [Move(at(0), "t1", "nowhere")], past(at(3600)))
    assert both(found["t1"])[0].figure.high is None
