"""The history out of the journal itself, beside the gateway that writes it: short read-only transactions."""

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

from gateway.domain.history import (
    AlarmChange,
    AuditRecord,
    BlindTime,
    CommandRecord,
    Page,
    PersonFigures,
    PresenceSeen,
    Reading,
    Rollup,
    ShiftResult,
    Verdict,
    check_step,
)
from gateway.domain.moment import SECOND_US, parse_rfc3339
from gateway.stores import archive_reader, past_presence, past_rollups
from gateway.stores.archive import Archive
from gateway.stores.archive_reader import ArchiveReader
from gateway.stores.journal import BEGINNING_US, END_US, Journal
from gateway.stores.packing import mentions
from gateway.stores.pages import numbers_of, page_of, reading_key
from gateway.stores.past_readings import Past
from gateway.stores.past_rollups import Steps
from gateway.stores.paths import archive_folder
from gateway.stores.reading_rows import Catalog
from gateway.stores.record_items import alarm_change, verdict
from gateway.stores.redating import Redating
from gateway.stores.rows import Kind, StoredRow

Item = TypeVar("Item")

LOOK_BACK_US: Final = tuple(minutes * 60 * SECOND_US for minutes in (2, 30, 480, 10_080, 131_040))
"""How far before the newest row a person is looked for, shorter first: minutes, a shift, a week, a quarter."""

_SHIFT_OVER: Final = b"shift_over\xc3"
"""In a PERSON row: the key with msgpack's *true*; all other rows are a person's minutes."""

AUDITED: Final = (Kind.TRANSITION, Kind.COMMAND, Kind.REQUEST, Kind.NOTICE, Kind.CLOCK)


class EmbeddedHistory:
    """`gateway.domain.history.History` on a journal file; a journal that is not there yet is an empty history."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reader = ArchiveReader(Archive(archive_folder(path))) if archive_reader.available() else None

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
        reading_key(cursor)
        if not self._path.exists():
            return Page([], None)
        with Journal.reader(self._path) as journal:
            catalog = Catalog(journal.sites(), sensors)
            return page_of(Past(journal, self._reader), catalog, start_us, end_us, limit, cursor)

    def rollups(
        self,
        step_us: int,
        sensors: Collection[str] | None = None,
        start_us: int | None = None,
        end_us: int | None = None,
        limit: int = 1000,
        cursor: str | None = None,
    ) -> Page[Rollup]:
        """Readings by steps of UTC, by time and sensor; a step that begins in [start, end) is whole."""
        check_step(step_us)
        begun = numbers_of(cursor, 2) if cursor is not None else None
        if not self._path.exists():
            return Page([], None)
        start_us, end_us = BEGINNING_US if start_us is None else start_us, END_US if end_us is None else end_us
        with Journal.reader(self._path) as journal:
            steps = self._steps(journal, step_us, sensors)
            return past_rollups.page(steps, past_rollups.Asked(start_us, end_us, limit, begun))

    def blind_time(self, start_us: int, end_us: int, sensors: Collection[str] | None = None) -> list[BlindTime]:
        """How long each sensor that was or is in the site file gave nothing to count with."""
        if not self._path.exists():
            return []
        with Journal.reader(self._path) as journal:
            known = {sensor.id for records in journal.sites().values() for sensor in records}
            known = known if sensors is None else known & set(sensors)
            return past_rollups.blind_time(
                lambda step_us: self._steps(journal, step_us, known), known, start_us, end_us
            )

    def _steps(self, journal: Journal, step_us: int, sensors: Collection[str] | None) -> Steps:
        past, catalog = Past(journal, self._reader), Catalog(journal.sites(), sensors)
        return Steps(past, self._reader, catalog, journal.holds_s(), step_us)

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
        """The newest figures of a person on record, at most a quarter of a year before the newest row.

        What is corrected is of a shift that was over: it stands here only as long as nothing newer was.
        """
        if not self._path.exists():
            return None
        with Journal.reader(self._path) as journal:
            last, before_us = journal.last(), END_US
            newest_us = BEGINNING_US if last is None else last.utc_us
            corrected: dict[str, PersonFigures] = {}
            for back_us in LOOK_BACK_US:
                start_us = max(BEGINNING_US, newest_us - back_us)
                newest, later = None, corrected
                corrected = {}
                for row in _rows(journal, Kind.PERSON, start_us, before_us):
                    document = row.document()
                    if document.get("person") != person:
                        continue
                    figures = PersonFigures(row.utc_us, person, document)
                    if document.get("corrected"):
                        corrected[document["shift"]] = figures
                    else:
                        newest = figures
                corrected |= later
                if newest is not None:
                    over = newest.document["shift_over"]
                    return corrected.get(newest.document["shift"], newest) if over else newest
                before_us = start_us
        return None

    def person_shifts(
        self,
        person: str,
        start_us: int | None = None,
        end_us: int | None = None,
        limit: int = 1000,
        cursor: str | None = None,
    ) -> Page[PersonFigures]:
        """A person's newest result of every shift that touches the interval, by its beginning."""
        first = _row_number(cursor)
        if not self._path.exists():
            return Page([], None)
        start_us, end_us = BEGINNING_US if start_us is None else start_us, END_US if end_us is None else end_us
        newest: dict[tuple[int, str], PersonFigures] = {}
        with Journal.reader(self._path) as journal:
            for row in _rows(journal, Kind.PERSON, start_us, END_US):
                if not mentions(row.body, _SHIFT_OVER):
                    continue
                document = row.document()
                if document["person"] != person or "start" not in document:  # results of the first versions
                    continue
                began_us = parse_rfc3339(document["start"])
                if began_us < end_us and parse_rfc3339(document["end"]) > start_us:
                    newest[began_us, document["shift"]] = PersonFigures(row.utc_us, person, document)
        items = [newest[key] for key in sorted(newest)[first : first + limit]]
        return Page(items, str(first + limit) if len(newest) > first + limit else None)

    def shift_results(
        self,
        sensors: Collection[str] | None = None,
        start_us: int | None = None,
        end_us: int | None = None,
        limit: int = 1000,
        cursor: str | None = None,
    ) -> Page[ShiftResult]:
        """The newest result of every shift that touches the interval, by its beginning and sensor."""
        first = _row_number(cursor)
        if not self._path.exists():
            return Page([], None)
        start_us, end_us = BEGINNING_US if start_us is None else start_us, END_US if end_us is None else end_us
        newest: dict[tuple[int, str, str], ShiftResult] = {}
        wanted = _of(sensors)
        with Journal.reader(self._path) as journal:
            for row in _rows(journal, Kind.SHIFT, start_us, END_US):
                document = row.document()
                began_us = parse_rfc3339(document["start"])
                if wanted(document) and began_us < end_us and parse_rfc3339(document["end"]) > start_us:
                    found = ShiftResult(
                        row.utc_us, document["sensor"], document["shift"], bool(document["corrected"]), document
                    )
                    newest[began_us, found.sensor, found.shift] = found
        items = [newest[key] for key in sorted(newest)[first : first + limit]]
        return Page(items, str(first + limit) if len(newest) > first + limit else None)

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

    def presence(
        self,
        person: str | None = None,
        start_us: int | None = None,
        end_us: int | None = None,
        limit: int = 1000,
        cursor: str | None = None,
    ) -> Page[PresenceSeen]:
        """Where people were, in the order of record; nothing older than positions may be kept."""
        n, place = numbers_of(cursor, 2) if cursor is not None else (0, 0)
        if not self._path.exists():
            return Page([], None)
        with Journal.reader(self._path) as journal:
            return past_presence.page(journal, person, start_us, end_us, limit, (n, place))

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
            redating = Redating.of(journal)
            first_us, last_us = redating.labels(start_us, end_us)
            while more is not None:
                rows, more = journal.read(more, kinds, min(limit + 1, 1000), first_us, last_us)
                for row in map(redating.row, rows):
                    if not start_us <= row.utc_us < end_us:
                        continue
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


def _of(sensors: Collection[str] | None) -> Callable[[dict[str, Any]], bool]:
    return lambda document: sensors is None or document.get("sensor") in sensors


def _verdict(row: StoredRow, document: dict[str, Any]) -> Verdict:
    return verdict(row.utc_us, document)


def _alarm_change(row: StoredRow, document: dict[str, Any]) -> AlarmChange:
    return alarm_change(row.utc_us, document)


def _command(row: StoredRow, document: dict[str, Any]) -> CommandRecord:
    return CommandRecord(
        row.utc_us, document["id"], document["actuator"], document["setpoint"], document["reason"],
        document.get("expires_in_s"), bool(document.get("drill")),
    )  # fmt: skip


def _audit_record(row: StoredRow, document: dict[str, Any]) -> AuditRecord:
    return AuditRecord(row.n, row.utc_us, row.kind.word, document)


def _row_number(cursor: str | None) -> int:
    return numbers_of(cursor, 1)[0] if cursor is not None else 0
