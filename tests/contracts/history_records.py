"""What every back end promises of alarms, verdicts, orders and shift results. A subclass gives the fixture `past`."""

import math
from typing import Any

import pytest

from gateway.domain.errors import ConfigError
from gateway.domain.history import every
from gateway.domain.moment import rfc3339
from tests.contracts.past import NO_CURSORS, T0, Past, S

H = 3600 * S


def transition(alarm: str, sensor: str | None, new: str) -> dict[str, Any]:
    return {
        "alarm": alarm, "occurrence": 1, "state": new, "priority": "high", "condition": "level", "zone": "face",
        "sensor": sensor, "value": 60.0, "limit": math.nan, "since": "2026-05-28T20:26:40.000Z",
        "old": "normal", "new": new, "by": None, "comment": None, "utc_us": 0,
    }  # fmt: skip


def verdict(sensor: str, word: str) -> dict[str, Any]:
    return {
        "utc_us": 0, "sensor": sensor, "zone": "face", "quantity": "co", "regime": "peru", "kind": "STEL",
        "method": "rolling", "limit": 100.0, "value": 120.0, "low": 110.0, "high": None, "coverage": 0.9,
        "verdict": word,
    }  # fmt: skip


def command(setpoint: float | str) -> dict[str, Any]:
    return {"id": "c1", "actuator": "fan-1", "setpoint": setpoint, "reason": "demand", "expires_in_s": 30}


def shift(sensor: str, start_us: int, corrected: bool = False) -> dict[str, Any]:
    twa = {"regime": "peru", "kind": "TWA", "method": "e8", "limit": 25.0, "value": 20.5, "low": 18.0, "high": None,
           "coverage": 0.9, "verdict": "compliant"}  # fmt: skip
    return {
        "sensor": sensor, "zone": "face", "quantity": "co", "unit": "ppm", "shift": f"shift of {start_us}",
        "start": rfc3339(start_us), "end": rfc3339(start_us + 8 * H), "result_method": "area_estimate", "mean": 20.5,
        "covered_s": 25_920.0, "coverage": 0.9, "limits": [twa, twa | {"regime": "acgih"}], "corrected": corrected,
        "supersedes": None,
    }  # fmt: skip


class RecordsContract:
    """The promises, one story each."""

    def test_without_a_record_the_lists_are_empty(self, past: Past) -> None:
        history = past.history
        for ask in (history.exposures, history.alarms, history.commands, history.shift_results):
            assert ask() == ([], None)
        assert history.person_exposures("ana") == ([], None)

    def test_alarms_in_the_order_of_record(self, past: Past) -> None:
        past.document("transition", T0, transition("co-1.level", "co-1", "unack"))
        past.document("snapshot", T0, {"large": "state"})
        past.document("transition", T0 + S, transition("gateway.clock", None, "acked") | {"drill": True})
        first, second = past.history.alarms().items
        assert (first.drill, second.drill) == (False, True)
        assert (first.time_us, first.alarm, first.old, first.new, first.priority) == (
            T0, "co-1.level", "normal", "unack", "high",
        )  # fmt: skip
        assert (first.value, first.limit, first.document["state"]) == (60.0, None, "unack")
        assert "old" not in first.document
        assert (first.document["limit"], first.document["since"]) == (None, "2026-05-28T20:26:40.000Z")
        assert second.sensor is None
        assert past.history.alarms(["co-1"]).items == [first]
        assert past.history.alarms(["co-1", ""]).items == [first]
        assert past.history.alarms([""]).items == past.history.alarms([]).items == []
        assert past.history.alarms(start_us=T0 + 1).items == [second]
        assert past.history.alarms(end_us=T0 + S).items == [first]

    def test_the_order_is_that_of_record_whatever_the_clock_said(self, past: Past) -> None:
        for i, time_us in enumerate((T0, T0 - H, T0 + 5, T0, T0 + 1)):
            past.document("transition", time_us, transition(f"s.{i}", "co-1", "unack"))
        assert [change.alarm for change in past.history.alarms().items] == [f"s.{i}" for i in range(5)]
        within = past.history.alarms(start_us=T0, end_us=T0 + 5).items
        assert [change.alarm for change in within] == ["s.0", "s.3", "s.4"]

    def test_what_people_wrote_comes_back_to_the_letter(self, past: Past) -> None:
        said = 'gas libre "según" ñandú, C:\\\\x\\\nnext line, a=b \\'
        document = transition("co-1.level", "co-1", "acked") | {"by": "Ana Ríos", "comment": said, "reason": "reset"}
        past.document("transition", T0, document)
        (change,) = past.history.alarms().items
        assert (change.by, change.comment, change.reason) == ("Ana Ríos", said, "reset")

    def test_verdicts_of_places_and_of_persons(self, past: Past) -> None:
        past.document("verdict", T0, verdict("co-1", "exceeded"))
        of_ana = verdict("", "uncertain") | {"sensor": None, "zone": None, "person": "ana", "value": None, "limit": 25}
        past.document("verdict", T0 + 1, of_ana)
        past.document("verdict", T0 + 2, of_ana | {"person": "ben", "verdict": "exceeded"})
        place, ana, ben = past.history.exposures().items
        assert place == (
            T0, "co-1", "face", "co", "peru", "STEL", "rolling", 100.0, 120.0, 110.0, None, 0.9, "exceeded", None,
        )  # fmt: skip
        assert (ana.sensor, ana.zone, ana.person, ana.value, ana.limit) == (None, None, "ana", None, 25.0)
        assert past.history.exposures(["co-1"]).items == [place]
        assert past.history.exposures(["other"]).items == []
        assert past.history.person_exposures("ana").items == [ana]
        assert past.history.person_exposures("ben", start_us=T0, end_us=T0 + 2).items == []
        assert past.history.person_exposures("ben", end_us=T0 + 3).items == [ben]
        assert past.history.person_exposures("").items == []

    def test_orders_are_numbers_or_words(self, past: Past) -> None:
        past.document("command", T0, command(100))
        past.document("command", T0 + S, command("evacuate") | {"expires_in_s": None, "drill": True})
        assert past.history.commands().items == [
            (T0, "c1", "fan-1", 100.0, "demand", 30, False),
            (T0 + S, "c1", "fan-1", "evacuate", "demand", None, True),
        ]
        assert [order.setpoint for order in past.history.commands(start_us=T0 + 1).items] == ["evacuate"]

    def test_the_newest_result_of_each_shift_by_its_beginning_and_sensor(self, past: Past) -> None:
        for start_us in (T0, T0 + 8 * H, T0 + 16 * H):
            for sensor in ("no2-1", "co-1"):
                past.document("shift", start_us + 8 * H + S, shift(sensor, start_us))
        past.document("shift", T0 + 30 * H, shift("co-1", T0, corrected=True))
        found = past.history.shift_results().items
        assert [(result.sensor, result.document["start"]) for result in found] == [
            (sensor, rfc3339(start_us)) for start_us in (T0, T0 + 8 * H, T0 + 16 * H) for sensor in ("co-1", "no2-1")
        ]
        assert [(result.time_us, result.corrected) for result in found[:2]] == [
            (T0 + 30 * H, True), (T0 + 8 * H + S, False),
        ]  # fmt: skip
        assert found[0].document == shift("co-1", T0, corrected=True)
        assert found[1].shift == f"shift of {T0}"
        assert past.history.shift_results(["no2-1"]).items == found[1::2]
        assert past.history.shift_results([]).items == []
        assert past.history.shift_results(start_us=T0 + 8 * H, end_us=T0 + 16 * H).items == found[2:4]
        assert past.history.shift_results(start_us=T0 + 8 * H - 1, end_us=T0 + 16 * H + 1).items == found
        for limit in (1, 4, 6):
            assert list(every(lambda c: past.history.shift_results(limit=limit, cursor=c))) == found  # noqa: B023
        assert past.history.shift_results(limit=6).next is None

    def test_lists_of_documents_page_too(self, past: Past) -> None:
        for i in range(30):
            past.document("transition", T0 + i // 4, transition(f"s.{i}", "co-1" if i % 3 else "no2-1", "unack"))
        for sensors in (None, ["co-1"], ["no2-1"]):
            whole = past.history.alarms(sensors).items
            paged = list(every(lambda cursor: past.history.alarms(sensors, limit=4, cursor=cursor)))  # noqa: B023
            assert paged == whole
        assert [change.alarm for change in past.history.alarms().items] == [f"s.{i}" for i in range(30)]
        assert past.history.alarms(limit=30).next is None

    def test_a_page_of_alarms_stays_good_while_more_is_written(self, past: Past) -> None:
        for i in range(4):
            past.document("transition", T0 + i, transition(f"s.{i}", "co-1", "unack"))
        first = past.history.alarms(limit=2)
        past.document("transition", T0 - S, transition("s.4", "co-1", "unack"))
        rest = past.history.alarms(cursor=first.next)
        assert [change.alarm for change in first.items + rest.items] == [f"s.{i}" for i in range(5)]

    @pytest.mark.parametrize("cursor", NO_CURSORS)
    def test_a_cursor_of_something_else_is_refused_in_one_sentence(self, past: Past, cursor: str) -> None:
        history = past.history
        for ask in (history.exposures, history.alarms, history.commands, history.shift_results):
            with pytest.raises(ConfigError, match="is none of this list"):
                ask(cursor=cursor)
        with pytest.raises(ConfigError, match="is none of this list"):
            history.person_exposures("ana", cursor=cursor)
