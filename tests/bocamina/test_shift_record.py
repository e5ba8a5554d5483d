"""Shift results: on record at the end, seven of them for estimates, corrected when samples come late."""

from typing import Any

import msgspec
import pytest

from bocamina.engine import Engine
from bocamina.shift_record import percentile_95
from gateway.domain.events import Corrected, Delivery, Pack, Sample, Started, Tick
from gateway.domain.moment import SECOND_US, parse_rfc3339
from tests.bocamina.test_person_watch import CO, DAY, NO2, SITE, Day, at

SHIFT = "2026-11-23/dia"


def result(day_or_rows: Any, sensor: str = "co-frente-1") -> dict[str, Any]:
    (row,) = [row for row in day_or_rows if row["sensor"] == sensor]
    return row


class Shifts(Day):
    """As `Day`, and the results of shifts are kept too."""

    def __init__(self) -> None:
        self.results: list[dict[str, Any]] = []
        self.wanted: list[Any] = []
        super().__init__()

    def step(self, *events):
        out = self.engine.step(at(self.now), events)
        self.results += out.shifts
        self.wanted += out.recompute
        self.found.transitions += out.transitions
        self.found.notices += out.notices
        return out

    def late(self, second: int, value: float) -> None:
        sample = Sample(CO, value, at(second).utc_us)
        self.step(Pack("nodes", "node7", (sample,), delivery=Delivery.BACKLOG))


def jump(day: Shifts, second: int) -> None:
    """Time passes in silence."""
    day.now = second
    day.step(Tick())


def test_the_result_of_each_sensor_stands_on_record_when_the_shift_ends():
    day = Shifts()
    day.co = 20.0
    day.pass_to(DAY - 10)
    assert not day.results
    day.pass_to(DAY + 10)
    row = result(day.results)
    assert (row["shift"], row["corrected"], row["supersedes"]) == (SHIFT, False, None)
    assert (row["start"], row["end"]) == ("2026-11-23T12:00:00.000Z", "2026-11-23T20:00:00.000Z")
    assert (row["zone"], row["unit"], row["result_method"]) == ("frente-1", "ppm", "area_estimate")
    assert row["mean"] == pytest.approx(20.0, rel=1e-3)
    assert row["coverage"] > 0.99
    assert {limit["averaging_minutes"] for limit in row["limits"]} == {480}
    assert row["limits"][0]["low"] == pytest.approx(20.0, rel=1e-3)
    assert "time_to_limit_s" not in row["limits"][0]


def test_a_rest_between_shifts_has_no_result():
    day = Shifts()
    jump(day, DAY)
    jump(day, DAY + 8 * 3600)  # the afternoon ends at 23:00: rest
    jump(day, DAY + 16 * 3600)  # 07:00: the day shift begins
    assert [row["shift"] for row in day.results if row["sensor"] == "co-frente-1"] == [SHIFT, "2026-11-23/tarde"]


def test_the_percentile_is_linear_between_the_two_largest_of_seven():
    assert percentile_95([1, 2, 3, 4, 5, 6, 10]) == pytest.approx(8.8)
    assert percentile_95([3.0]) == 3.0


def test_seven_shifts_make_the_best_estimate_of_a_gap():
    day = Shifts()
    record = day.engine.results
    for number in range(7):
        assert record.gap_level(CO) is None
        record._keep(CO, 10.0 + number, 0.9)
        record._keep(CO, 99.0, 0.5)  # too little was measured of that one
    assert record.gap_level(CO) == pytest.approx(15.7)
    again = Engine(SITE, "hash")
    again.load(msgspec.msgpack.decode(msgspec.msgpack.encode(day.engine.dump())))
    assert again.results.gap_level(CO) == pytest.approx(15.7)
    for engine in (day.engine, again):
        limits = engine.results.limits_of(CO)
        figure = engine.exposure.limit_figures(CO, at(3600).now_us, limits)[0]
        assert figure.value == pytest.approx(15.7 * 3600 / 28_800, rel=0.02), "an hour of gap at 15.7 ppm"


def test_late_samples_never_touch_the_live_state_and_their_shift_is_computed_anew_once():
    day = Shifts()
    day.pass_to(3600)
    jump(day, 3600)
    jump(day, DAY)
    day.pass_to(DAY + 20)
    before = day.engine.exposure.dump_small()
    for second in range(4000, 4100, 10):
        day.late(second, 300.0)
    assert day.engine.exposure.dump_small() == before
    day.pass_to(DAY + 70)
    assert not day.wanted, "backlog comes in bursts"
    day.pass_to(DAY + 200)
    (wanted,) = day.wanted
    assert (wanted.sensor, wanted.shift.key) == ("co-frente-1", SHIFT)
    assert wanted.shift.start_us == parse_rfc3339("2026-11-23T12:00:00.000Z")


def answer(day: Shifts, **document: Any) -> list[dict[str, Any]]:
    wanted = day.wanted[-1]
    before = len(day.results)
    day.step(Corrected(wanted.sensor, wanted.shift.key, wanted.asked_us, document))
    return day.results[before:]


def disturbed() -> Shifts:
    day = Shifts()
    day.pass_to(600)
    jump(day, DAY)
    day.late(4000, 300.0)
    day.pass_to(DAY + 100)
    assert day.wanted
    return day


def test_a_correction_names_what_it_supersedes_and_tells_the_officer():
    day = disturbed()
    first = result(day.results)
    (row,) = answer(day, sensor="co-frente-1", shift=SHIFT, mean=5.0)
    assert (row["corrected"], row["mean"]) == (True, 5.0)
    assert parse_rfc3339(row["supersedes"]) >= parse_rfc3339(first["end"])
    alarm = day.engine.desk.alarm("gateway.history_corrected")
    assert alarm is not None
    assert (alarm.priority.word, alarm.reason) == ("notice", f"co-frente-1, {SHIFT}")
    assert day.engine.desk.document(alarm, at(day.now))["title_es"] == "Historia corregida: llegaron datos atrasados"
    recorded = day.now
    day.late(4100, 300.0)
    day.pass_to(DAY + 300)
    (second,) = answer(day, sensor="co-frente-1", shift=SHIFT, mean=6.0)
    assert second["supersedes"] == row_time(recorded)
    day.pass_to(DAY + 700)
    assert not alarm.beyond, "an event, no state"


def row_time(second: int) -> str:
    from bocamina.documents import rfc3339

    return str(rfc3339(at(second).utc_us))


def test_an_answer_that_later_samples_overtook_is_not_taken():
    day = disturbed()
    stale = day.wanted[-1]
    day.late(4200, 300.0)
    day.step(Corrected(stale.sensor, stale.shift.key, stale.asked_us, {"mean": 1.0}))
    assert not any(row["corrected"] for row in day.results)
    day.pass_to(DAY + 300)
    assert len(day.wanted) == 2
    assert answer(day, mean=2.0)


def test_what_could_not_be_computed_is_a_note_and_not_asked_for_ever():
    day = disturbed()
    wanted = day.wanted[-1]
    day.step(Corrected(wanted.sensor, wanted.shift.key, wanted.asked_us, {}, "the disk is gone"))
    day.pass_to(DAY + 400)
    assert len(day.wanted) == 1
    note = {"what": "not_corrected", "sensor": "co-frente-1", "shift": SHIFT, "why": "the disk is gone"}
    assert note in day.found.notices


def test_late_samples_of_the_shift_that_runs_correct_it_after_its_end():
    day = Shifts()
    day.pass_to(600)
    day.late(300, 500.0)
    day.pass_to(1200)
    assert not day.wanted
    jump(day, DAY)
    day.pass_to(DAY + 100)
    assert [one.shift.key for one in day.wanted] == [SHIFT]


def test_a_restart_asks_again_and_a_sensor_without_limits_or_shift_never_does():
    day = disturbed()
    again = Engine(SITE, "hash")
    again.load(msgspec.msgpack.decode(msgspec.msgpack.encode(day.engine.dump())))
    assert again.results.dump() == day.engine.results.dump()
    out = again.step(at(day.now + 1), [Started("hash", "1"), Tick()])
    assert [(one.sensor, one.shift.key) for one in out.recompute] == [("co-frente-1", SHIFT)]
    ages = Sample(NO2, 1.0, at(0).utc_us - 40 * 86_400 * SECOND_US)
    again.step(at(day.now + 2), [Pack("nodes", "node7", (ages,), delivery=Delivery.BACKLOG)])
    assert [one.sensor for one in again.step(at(day.now + 100), [Tick()]).recompute] == []
