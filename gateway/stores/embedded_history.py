"""The history out of the journal itself, beside the gateway that writes it: short read-only transactions."""

import math
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from gateway.domain.errors import ConfigError
from gateway.domain.history import AlarmChange, AuditRecord, CommandRecord, Page, PersonFigures, Reading, Verdict
from gateway.domain.moment import NO_TIME, SECOND_US
from gateway.domain.quality import Quality, Reason
from gateway.stores.journal import BEGINNING_US, END_US, Journal, SensorRecord
from gateway.stores.packing import unpack_outcomes
from gateway.stores.rows import Kind, StoredRow

Item = TypeVar("Item")
Key = tuple[int, int, int]
Readings = npt.NDArray[Any]

LOOK_BACK_US: Final = tuple(minutes * 60 * SECOND_US for minutes in (2, 30, 480, 10_080, 131_040))
"""How far before the newest row a person is looked for, shorter first: minutes, a shift, a week, a quarter."""

AUDITED: Final = (Kind.TRANSITION, Kind.COMMAND, Kind.REQUEST, Kind.NOTICE)

_READING: Final = np.dtype(
    [("time_us", "i8"), ("n", "i8"), ("i", "i4"), ("sensor", "i4"), ("value", "f8"), ("raw", "f8"), ("quality", "u1"),
     ("reason", "u1")]
)  # fmt: skip
_OF_THE_TRANSITION: Final = frozenset({"old", "new", "by", "comment", "utc_us"})
"""What a TRANSITION row has beside the alarm's MQTT payload."""

_QUALITIES: Final = {int(quality): quality for quality in Quality}
_REASONS: Final = {int(reason): reason for reason in Reason}


class EmbeddedHistory:
    """`gateway.domain.history.History` on a journal file; a journal that is not there yet is an empty history."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def sensors(self) -> frozenset[str]:
        """Ids of all sensors that ever were in the site file."""
        if not self._path.exists():
            return frozenset()
        with Journal.reader(self._path) as journal:
            return frozenset(sensor.id for sensors in journal.sites().values() for sensor in sensors)

    def readings(
        self,
        sensors: Collection[str] | None = None,
        start_us: int | None = None,
        end_us: int | None = None,
        limit: int = 1000,
        cursor: str | None = None,
    ) -> Page[Reading]:
        """Readings by time; those without a time come first, if start is open."""
        after = _reading_key(cursor)
        if not self._path.exists():
            return Page([], None)
        with Journal.reader(self._path) as journal:
            catalog = _Catalog(journal.sites(), sensors)
            parts, wanted = [], limit + 1
            for part in _ordered(journal, catalog, start_us, END_US if end_us is None else end_us, after):
                parts.append(part[:wanted])
                wanted -= len(parts[-1])
                if not wanted:
                    break
        found = np.concatenate(parts) if parts else np.empty(0, _READING)
        last = found[limit - 1] if len(found) > limit else None
        following = None if last is None else f"{last['time_us']}:{last['n']}:{last['i']}"
        return Page(_presented(found[:limit], catalog.records), following)

    def exposures(
        self,
        sensors: Collection[str] | None = None,
        start_us: int | None = None,
        end_us: int | None = None,
        limit: int = 1000,
        cursor: str | None = None,
    ) -> Page[Verdict]:
        """Changes of verdict in the order of record, of places and of persons; with `sensors` of these alone."""
        return self._documents([Kind.VERDICT], start_us, end_us, limit, cursor, _verdict, _of(sensors))

    def person_exposures(
        self,
        person: str,
        start_us: int | None = None,
        end_us: int | None = None,
        limit: int = 1000,
        cursor: str | None = None,
    ) -> Page[Verdict]:
        """Changes of verdict of one person in the order of record."""
        return self._documents(
            [Kind.VERDICT], start_us, end_us, limit, cursor, _verdict,
            lambda document: document.get("person") == person,
        )  # fmt: skip

    def person_now(self, person: str) -> PersonFigures | None:
        """The newest figures of a person on record, at most a quarter of a year before the newest row."""
        if not self._path.exists():
            return None
        with Journal.reader(self._path) as journal:
            last, before_us = journal.last(), END_US
            newest_us = BEGINNING_US if last is None else last.utc_us
            for back_us in LOOK_BACK_US:
                start_us = max(BEGINNING_US, newest_us - back_us)
                newest = None
                for row in _rows(journal, Kind.PERSON, start_us, before_us):
                    document = row.document()
                    if document.get("person") == person:
                        newest = PersonFigures(row.utc_us, person, document)
                if newest is not None:
                    return newest
                before_us = start_us
        return None

    def alarms(
        self,
        sensors: Collection[str] | None = None,
        start_us: int | None = None,
        end_us: int | None = None,
        limit: int = 1000,
        cursor: str | None = None,
    ) -> Page[AlarmChange]:
        """Transitions of alarms in the order of record."""
        return self._documents([Kind.TRANSITION], start_us, end_us, limit, cursor, _alarm_change, _of(sensors))

    def commands(
        self, start_us: int | None = None, end_us: int | None = None, limit: int = 1000, cursor: str | None = None
    ) -> Page[CommandRecord]:
        """Orders to actuators in the order of record."""
        return self._documents([Kind.COMMAND], start_us, end_us, limit, cursor, _command)

    def audit(
        self, start_us: int | None = None, end_us: int | None = None, limit: int = 1000, cursor: str | None = None
    ) -> Page[AuditRecord]:
        """Transitions, orders, requests of people and notices in the order of record."""
        return self._documents(AUDITED, start_us, end_us, limit, cursor, _audit_record)

    def _documents(
        self,
        kinds: Collection[Kind],
        start_us: int | None,
        end_us: int | None,
        limit: int,
        cursor: str | None,
        present: Callable[[StoredRow, dict[str, Any]], Item],
        wanted: Callable[[dict[str, Any]], bool] = lambda _document: True,
    ) -> Page[Item]:
        after = _row_number(cursor)
        if not self._path.exists():
            return Page([], None)
        start_us, end_us = BEGINNING_US if start_us is None else start_us, END_US if end_us is None else end_us
        items: list[Item] = []
        last_n = 0
        more: int | None = after
        with Journal.reader(self._path) as journal:
            while more is not None:
                rows, more = journal.read(more, kinds, min(limit + 1, 1000), start_us, end_us)
                for row in rows:
                    document = row.document()
                    if not wanted(document):
                        continue
                    if len(items) == limit:
                        return Page(items, str(last_n))
                    items.append(present(row, document))
                    last_n = row.n
        return Page(items, None)


def _rows(journal: Journal, kind: Kind, start_us: int, end_us: int) -> Iterator[StoredRow]:
    more: int | None = 0
    while more is not None:
        rows, more = journal.read(more, [kind], 1000, start_us, end_us)
        yield from rows


class _Catalog:
    """Sensors by number over all site files that the journal knows; indexes of one file become these numbers."""

    def __init__(self, sites: dict[str, tuple[SensorRecord, ...]], wanted: Collection[str] | None) -> None:
        self.records: list[SensorRecord] = []
        self._numbers: dict[SensorRecord, int] = {}
        self._sites = sites
        self._wanted = None if wanted is None else frozenset(wanted)
        self._by_site: dict[str, npt.NDArray[np.int32]] = {}

    def numbers(self, site_hash: str, indexes: npt.NDArray[np.uint16]) -> npt.NDArray[np.int32]:
        """The number of the sensor behind each index of a site file, −1 where it is not wanted."""
        table = self._by_site.get(site_hash)
        if table is None or (indexes.size and int(indexes.max()) >= table.size):
            known = self._sites.get(site_hash, ())
            size = max(len(known), int(indexes.max(initial=0)) + 1)
            # without a name only when the row that names the sensors was lost: the readings are shown all the same
            nameless = (SensorRecord(f"{site_hash[:8]}#{index}", "", "", "") for index in range(len(known), size))
            numbers = [self._number(record) for record in (*known, *nameless)]
            table = self._by_site[site_hash] = np.array(numbers, np.int32)
        return table[indexes]

    def _number(self, record: SensorRecord) -> int:
        if self._wanted is not None and record.id not in self._wanted:
            return -1
        if record not in self._numbers:
            self._numbers[record] = len(self.records)
            self.records.append(record)
        return self._numbers[record]


def _ordered(
    journal: Journal, catalog: _Catalog, start_us: int | None, end_us: int, after: Key | None
) -> Iterator[Readings]:
    """The wanted readings after the key `after`, by (time, row, place in the row), part by part."""
    if start_us is None and (after is None or after[0] == NO_TIME):
        n: int | None = after[1] - 1 if after is not None else 0
        while n is not None:
            rows, n = journal.untimed(n)
            untimed = _readings_of(rows, catalog)
            yield _after(untimed[untimed["time_us"] == NO_TIME], after)
    start_us = max(NO_TIME + 1 if start_us is None else start_us, after[0] if after is not None else NO_TIME + 1)
    held = np.empty(0, _READING)
    going_on: tuple[int, int] | None = (BEGINNING_US, 0)
    while going_on is not None:
        rows, going_on = journal.overlapping(start_us, end_us, going_on)
        found = _readings_of(rows, catalog)
        found = _after(found[(found["time_us"] >= start_us) & (found["time_us"] < end_us)], after)
        held = np.concatenate([held, found])
        held = held[np.lexsort((held["i"], held["n"], held["time_us"]))]
        # a later row has no reading before its own first one
        ready = held["time_us"] < (going_on[0] if going_on is not None else END_US)
        yield held[ready]
        held = held[~ready]
    yield held


def _readings_of(rows: Sequence[StoredRow], catalog: _Catalog) -> Readings:
    parts = [np.empty(0, _READING)]
    for row in rows:
        site_hash, outcomes, _untrusted = unpack_outcomes(row.body)
        part = np.empty(outcomes.size, _READING)
        part["n"], part["i"] = row.n, np.arange(outcomes.size)
        part["sensor"] = catalog.numbers(site_hash, outcomes["sensor"])
        for name in ("time_us", "value", "raw", "quality", "reason"):
            part[name] = outcomes[name]
        parts.append(part[part["sensor"] >= 0])
    return np.concatenate(parts)


def _after(found: Readings, after: Key | None) -> Readings:
    if after is None:
        return found
    time_us, n, i = after
    same_time, same_row = found["time_us"] == time_us, found["n"] == n
    later = (found["n"] > n) | (same_row & (found["i"] > i))
    following: Readings = found[(found["time_us"] > time_us) | (same_time & later)]
    return following


def _presented(found: Readings, records: Sequence[SensorRecord]) -> list[Reading]:
    columns = (found[name].tolist() for name in ("time_us", "sensor", "value", "quality", "reason", "raw"))
    return [
        Reading(
            None if time_us == NO_TIME else time_us,
            records[sensor].id,
            value if math.isfinite(value) else None,
            records[sensor].unit,
            _QUALITIES.get(quality, Quality.BAD),
            _REASONS.get(reason, Reason.FAULT),
            raw if math.isfinite(raw) else None,
        )
        for time_us, sensor, value, quality, reason, raw in zip(*columns, strict=True)
    ]


def _of(sensors: Collection[str] | None) -> Callable[[dict[str, Any]], bool]:
    return lambda document: sensors is None or document.get("sensor") in sensors


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None


def _verdict(row: StoredRow, document: dict[str, Any]) -> Verdict:
    return Verdict(
        row.utc_us, document.get("sensor"), document.get("zone"), document.get("quantity"), document["regime"],
        document["kind"], document["method"], _number(document.get("limit")), _number(document.get("value")),
        _number(document.get("low")), _number(document.get("high")), _number(document.get("coverage")),
        document["verdict"], document.get("person"),
    )  # fmt: skip


def _alarm_change(row: StoredRow, document: dict[str, Any]) -> AlarmChange:
    published = {
        name: _number(value) if isinstance(value, float) else value
        for name, value in document.items()
        if name not in _OF_THE_TRANSITION
    }
    return AlarmChange(
        row.utc_us, document["alarm"], document["occurrence"], document["old"], document["new"],
        document.get("priority"), document["condition"], document.get("zone"), document.get("sensor"),
        _number(document.get("value")), _number(document.get("limit")), document.get("by"), document.get("comment"),
        document.get("reason"), published,
    )  # fmt: skip


def _command(row: StoredRow, document: dict[str, Any]) -> CommandRecord:
    return CommandRecord(
        row.utc_us, document["id"], document["actuator"], document["setpoint"], document["reason"],
        document.get("expires_in_s"), bool(document.get("drill")),
    )  # fmt: skip


def _audit_record(row: StoredRow, document: dict[str, Any]) -> AuditRecord:
    return AuditRecord(row.n, row.utc_us, row.kind.word, document)


def _reading_key(cursor: str | None) -> Key | None:
    if cursor is None:
        return None
    time_us, n, i = _numbers(cursor, 3)
    return time_us, n, i


def _row_number(cursor: str | None) -> int:
    return _numbers(cursor, 1)[0] if cursor is not None else 0


def _numbers(cursor: str, how_many: int) -> list[int]:
    if re.fullmatch(r"-?\d{1,19}(:\d{1,18})*", cursor) and cursor.count(":") == how_many - 1:
        numbers = [int(part) for part in cursor.split(":")]
        if BEGINNING_US <= numbers[0] <= END_US:
            return numbers
    raise ConfigError(f"cursor {cursor[:60]!r} is none of this list; expected the `next` of its last page")
