"""The alarms, verdicts, orders and results of shifts that a central InfluxDB holds, in the order of record."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from gateway.domain.errors import StoreFailed
from gateway.domain.history import AlarmChange, CommandRecord, Page, ShiftResult, Verdict
from gateway.stores import influx_query
from gateway.stores.influx_query import InfluxQuery, any_of, nanoseconds, quoted
from gateway.stores.journal import BEGINNING_US, END_US
from gateway.stores.pages import numbers_of
from gateway.stores.record_items import alarm_change, verdict

Item = TypeVar("Item")
Source = TypeVar("Source")

_OF_ONE_ROW: Final = 100
"""More points than have one row number: one, but for a site whose journal was begun anew."""
_ALARM: Final = ("alarm", "time_trusted", "document")
_VERDICT: Final = (
    "sensor", "zone", "quantity", "regime", "kind", "method", "limit", "value", "low", "high", "coverage", "verdict",
    "person",
)  # fmt: skip
_COMMAND: Final = ("id", "actuator", "setpoint", "percent", "reason", "expires_in_s", "drill")
_SHIFT: Final = ("row", "recorded_us", "start_us", "sensor", "shift")

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


class Asked(NamedTuple):
    """What a page was asked for; None: open, or the first page."""

    start_us: int | None
    end_us: int | None
    limit: int
    cursor: str | None


class _Shift(NamedTuple):
    began_us: int
    sensor: str
    shift: str


class _Result(NamedTuple):
    row: int
    recorded_us: int
    end_us: int
    document: str = ""


class _Found(NamedTuple):
    """A point. row: its journal row. of: its tags and fields, None what it lacks."""

    row: int
    time_ns: int
    of: Mapping[str, Any]


class InfluxRecords:
    """One site's records in a bucket. Raises StoreFailed, and ConfigError for a foreign cursor."""

    def __init__(self, query: InfluxQuery) -> None:
        self._query = query

    def alarms(self, sensors: Collection[str] | None, asked: Asked) -> Page[AlarmChange]:
        """Transitions of alarms."""
        return self._page("alarm", _ALARM, any_of("sensor", sensors), asked, _alarm_change)

    def exposures(self, sensors: Collection[str] | None, asked: Asked) -> Page[Verdict]:
        """Changes of verdict, of places and of persons."""
        return self._page("exposure", _VERDICT, any_of("sensor", sensors), asked, _verdict)

    def person_exposures(self, person: str, asked: Asked) -> Page[Verdict]:
        """Changes of verdict of one person."""
        return self._page("exposure", _VERDICT, any_of("person", [person]), asked, _verdict)

    def commands(self, asked: Asked) -> Page[CommandRecord]:
        """Orders to actuators."""
        return self._page("command", _COMMAND, "", asked, _command)

    def shift_results(self, sensors: Collection[str] | None, asked: Asked) -> Page[ShiftResult]:
        """The newest result of every shift that touches the interval, by its beginning and sensor."""
        first = numbers_of(asked.cursor, 1)[0] if asked.cursor is not None else 0
        tests = any_of("sensor", sensors)
        if tests is None:
            return Page([], None)
        if asked.end_us is not None:
            tests += f' AND "start_us" < {asked.end_us}'
        after_us = BEGINNING_US if asked.start_us is None else asked.start_us + 1
        newest = self._newest(_SHIFT, tests, after_us, END_US)
        keys = sorted(newest)
        more, keys = len(keys) > first + asked.limit, keys[first : first + asked.limit]
        if not keys:
            return Page([], None)
        ends_us = [newest[key].end_us for key in keys]  # documents of this page and no more, for they are large
        whole = self._newest((*_SHIFT, "document"), tests, min(ends_us), max(ends_us) + 1)
        items = _read(_shift_result, (whole[key] for key in keys if key in whole))
        return Page(items, str(first + asked.limit) if more else None)

    def _newest(self, columns: Sequence[str], tests: str, start_us: int, end_us: int) -> dict[_Shift, _Result]:
        """The newest result of every shift and sensor that ended in [start, end)."""
        newest: dict[_Shift, _Result] = {}
        for rows in self._query.parts("shift_result", columns, tests, start_us, end_us):
            for time_ns, row, recorded_us, began_us, sensor, shift, *document in rows:
                if None in (row, recorded_us, began_us):
                    continue  # the point of another limit than the first
                result = _Result(row, recorded_us, time_ns // 1000, *document)
                key = _Shift(began_us, sensor, shift)
                newest[key] = max(newest.get(key, result), result)
        return newest

    def _page(
        self,
        series: str,
        columns: Sequence[str],
        tests: str | None,
        asked: Asked,
        present: Callable[[_Found], Item],
    ) -> Page[Item]:
        """The smallest rows from the cursor on. A cursor: the last row × 100 + how many points of it were told."""
        number = numbers_of(asked.cursor, 1)[0] if asked.cursor is not None else 0
        first, told = divmod(max(number, 0), _OF_ONE_ROW)
        if tests is None:
            return Page([], None)
        start_us = BEGINNING_US if asked.start_us is None else asked.start_us
        end_us = END_US if asked.end_us is None else asked.end_us
        where = f"{self._query.of_site}{tests} AND time >= {nanoseconds(start_us)} AND time < {nanoseconds(end_us)}"
        most = min(told + asked.limit + _OF_ONE_ROW, influx_query.POINTS)
        found: list[_Found] = []
        at: int | None = first
        while at is not None and len(found) <= told + asked.limit:
            points = self._smallest(series, columns, f'{where} AND "row" >= {at}', most)
            at = points[-1].row if len(points) == most else None  # that row may have more: once more, with the next
            if at is not None and points[0].row == at:
                most *= 2  # somebody gave very many the same number
            found += self._without_moved([one for one in points if one.row != at])
        skipped = sum(one.row == first for one in found[:told])
        items = found[skipped : skipped + asked.limit]
        if len(found) <= skipped + asked.limit:
            return Page(_read(present, items), None)
        last = items[-1].row
        same = sum(one.row == last for one in found[: skipped + asked.limit])
        return Page(_read(present, items), str(last * _OF_ONE_ROW + same))

    def _smallest(self, series: str, columns: Sequence[str], where: str, most: int) -> list[_Found]:
        rows = self._query.rows(
            f'SELECT BOTTOM("row", {most}), {quoted(columns)} FROM {quoted([series])} WHERE {where}'  # noqa: S608
        )
        found = [_Found(row, time_ns, dict(zip(columns, values, strict=True))) for time_ns, row, *values in rows]
        return sorted(found, key=lambda one: one[:2])

    def _without_moved(self, found: list[_Found]) -> list[_Found]:
        """All but alarms of a wrong clock that stand under their right time too: not every store can delete."""
        doubtful = [one.row for one in found if one.of.get("time_trusted") is False]  # only alarms are asked for it
        if not doubtful:
            return found
        rows = self._query.rows(
            f'SELECT "row", "alarm" FROM "alarm" WHERE {self._query.of_site} AND "redated" = true'  # noqa: S608
            f' AND "row" >= {doubtful[0]} AND "row" <= {doubtful[-1]}'
        )
        right_ns = {(row, alarm): time_ns for time_ns, row, alarm in rows}

        def stands(one: _Found) -> bool:
            right = right_ns.get((one.row, one.of.get("alarm")), one.time_ns)
            return one.of.get("time_trusted") is not False or right == one.time_ns

        return list(filter(stands, found))


def _read(present: Callable[[Source], Item], points: Iterable[Source]) -> list[Item]:
    try:
        return [present(point) for point in points]
    except (msgspec.DecodeError, LookupError, TypeError, ValueError) as error:
        why = f"{type(error).__name__}: {error}"
        raise StoreFailed(f"a record of the central store is none of an uplink's ({why})") from error


def _shift_result(result: _Result) -> ShiftResult:
    document = _decode(result.document)
    return ShiftResult(result.recorded_us, document["sensor"], document["shift"], bool(document["corrected"]), document)


def _alarm_change(found: _Found) -> AlarmChange:
    return alarm_change(found.time_ns // 1000, _decode(found.of["document"]))


def _verdict(found: _Found) -> Verdict:
    return verdict(found.time_ns // 1000, found.of)


def _command(found: _Found) -> CommandRecord:
    of = found.of
    setpoint = of["setpoint"] if of["percent"] is None else float(of["percent"])
    return CommandRecord(
        found.time_ns // 1000, of["id"], of["actuator"], setpoint, of["reason"], of["expires_in_s"], bool(of["drill"])
    )
