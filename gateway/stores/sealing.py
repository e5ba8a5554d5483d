"""Seals days: what the journal holds of a day that is over becomes Parquet, then a manifest lets it count.

A consumer of the journal with a cursor. Whatever kills it, the archive is as it was or as it will be: files come first,
the manifest second, the note of days to come third, the cursor last, and each step can be done again. Readings that
come after their day was sealed become a further file of that day; a day with many files is brought together later.
"""

import fcntl
import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import numpy as np

from gateway.domain.errors import OperationFailed, StoreFailed
from gateway.domain.history import DAY_US
from gateway.domain.moment import NO_TIME, SECOND_US
from gateway.stores.archive import (
    FORMAT,
    UNTIMED,
    Archive,
    ArchivedFile,
    FileKind,
    Manifest,
    begin_us,
    day_of,
    write_durably,
)
from gateway.stores.archive_files import pyarrow, write_readings
from gateway.stores.archive_months import Months
from gateway.stores.archive_reader import ArchiveReader
from gateway.stores.archive_rollups import write_rollups
from gateway.stores.arrival import check_whole
from gateway.stores.cursors import Cursors
from gateway.stores.day_parts import joined_in_order, manifest_rows, sensor_by_sensor, series_of
from gateway.stores.journal import BEGINNING_US, END_US, Journal, SensorRecord
from gateway.stores.past_readings import CURSOR, Past, days_in
from gateway.stores.paths import archive_folder
from gateway.stores.reading_rows import READING, Catalog, Readings, ordered, readings_of
from gateway.stores.redating import Redating
from gateway.stores.rollups import DEFAULT_HOLD_S, HOUR_US, MINUTE_US, Rollups, by_sensor, coarser, rolled_up
from gateway.stores.rows import StoredRow

GRACE_US: Final = 2 * HOUR_US
"""A day is sealed this long after its end: what nodes held back for an hour still is in its first file."""
MOST_READINGS: Final = 2_000_000
"""Readings in memory at a time, 45 bytes each: a day of more sensors is sealed sensor group by sensor group."""
MANY_FILES: Final = 8
COMPACT_AFTER_US: Final = 7 * DAY_US
"""A day of several files is brought together when it is this old, or at `MANY_FILES`."""
PENDING: Final = "pending.json"
_LOCK: Final = ".lock"


class Sealed(NamedTuple):
    """What a sealing did. behind: journal rows that it has not looked at. waiting: days that are not over."""

    days: tuple[str, ...]
    late: tuple[str, ...]
    compacted: tuple[str, ...]
    readings: int
    behind: int
    waiting: tuple[str, ...]


def seal(journal_path: Path, site: str, now_us: int) -> Sealed:
    """Seal every day of a site that was over `GRACE_US` before `now_us` [µs UTC], and what came late for others.

    Raises OperationFailed without pyarrow and duckdb, while another process seals this site, and where rows are still
    to be imported; StoreFailed.
    """
    pyarrow()
    folder = archive_folder(journal_path)
    with _locked(folder), Journal.reader(journal_path) as journal, Cursors.open(journal_path) as cursors:
        check_whole(journal)
        return _Sealing(journal, cursors, Archive(folder), site, now_us).run()


class _Sealing:
    def __init__(self, journal: Journal, cursors: Cursors, archive: Archive, site: str, now_us: int) -> None:
        self._journal, self._cursors, self._archive = journal, cursors, archive
        self._reader = ArchiveReader(archive)
        self._site, self._now_us = site, now_us
        self._redating = Redating.of(journal)
        self._through_n = self._redating.final_n(journal)  # what may still be re-dated has no day yet
        self._sites = journal.sites()
        self._holds_us = {sensor: round(hold * SECOND_US) for sensor, hold in journal.holds_s().items()}
        self._longest_us = max([round(DEFAULT_HOLD_S * SECOND_US), *self._holds_us.values()])
        self._readings = 0
        self._tails: tuple[str, dict[tuple[str, str], Readings]] = ("", {})

    def run(self) -> Sealed:
        pending, looked_n = self._noted()
        pending |= self._days_after(looked_n)
        new, late, compacted = [], [], []
        for day in sorted(pending):
            if not self._is_over(day):
                continue
            before = self._archive.manifest(day)
            if before is None or not before.files:
                new += [day] if self._seal(day, None) else []
            else:
                late += [day] if self._seal(day, before) else []
        for day in (*self._archive.days(), UNTIMED):
            manifest = self._archive.manifest(day)
            if manifest is not None and self._is_scattered(manifest):
                self._bring_together(manifest)
                compacted.append(day)
        Months(self._archive).update(self._now_us)
        waiting = tuple(sorted(day for day in pending if not self._is_over(day)))
        write_durably(self._archive.folder / PENDING, msgspec.json.encode(waiting))
        self._cursors.advance(CURSOR, self._through_n)
        behind = self._journal.last_n - self._through_n
        return Sealed(tuple(new), tuple(late), tuple(compacted), self._readings, behind, waiting)

    def _noted(self) -> tuple[set[str], int]:
        """Days with readings that were not over, and the journal row up to which that is known."""
        try:
            noted = msgspec.json.decode((self._archive.folder / PENDING).read_bytes(), type=set[str])
        except (FileNotFoundError, msgspec.DecodeError):
            return set(), 0  # everything is looked through once more
        return noted, self._cursors.cursor(CURSOR)

    def _days_after(self, after_n: int) -> set[str]:
        """The days that journal rows after this one have readings of."""
        days: set[str] = set()
        while spans := self._journal.spans(after_n):
            after_n = spans[-1][0]
            for n, first_us, last_us, untimed in spans:
                if untimed:
                    days.add(UNTIMED)
                if first_us is None or last_us is None:
                    continue
                if last_us // DAY_US - first_us // DAY_US <= 1:
                    days |= {day for day in (day_of(first_us), day_of(last_us)) if day is not None}
                else:  # a backlog, or a clock that jumped: the days between may have none
                    rows, _more = self._journal.steps_after(n - 1, first_us, last_us + 1, 1)
                    days |= days_in(readings_of(rows, Catalog(self._sites), self._redating)["time_us"])
        return days

    def _is_over(self, day: str) -> bool:
        return day == UNTIMED or begin_us(day) + DAY_US + GRACE_US <= self._now_us

    # --- Readings ----------------------------------------------------------------------------------------------------

    def _seal(self, day: str, before: Manifest | None) -> bool:
        """Add to a day what is not in it yet; False when there is nothing."""
        revision = before.revision + 1 if before is not None else 1
        path = self._archive.folder / day / f"readings-{revision}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        minutes: list[tuple[SensorRecord, Rollups]] = []
        missing = self._missing(day, before)
        is_new = before is None and day != UNTIMED
        missing = self._rolled_up_at_once(day, missing, minutes) if is_new else missing
        file = write_readings(path, self._through_n, missing)
        unfinished = before is not None and day != UNTIMED and not before.of_kind("minutes")
        if file is None and not unfinished:
            return False
        if file is not None:
            self._readings += file.rows
            kept = before.of_kind("readings") if before is not None else []
            before = Manifest(FORMAT, self._site, day, revision, self._through_n, (*kept, file))
            self._archive.publish(before)  # without rollups, which would tell less than there is
        if before is not None and day != UNTIMED:
            self._roll_up_next(day)  # first: a day without rollups of its own is taken up again after a power cut
            apart = len({(record.id, record.unit) for record, _made in minutes}) == len(minutes)
            if is_new and apart:
                self._publish_rollups(before, minutes)
            else:
                self._roll_up(before)
        return file is not None

    def _missing(self, day: str, before: Manifest | None) -> Iterator[tuple[SensorRecord, Readings]]:
        """Readings of a day that the archive does not have, sensor by sensor, in order."""
        after_n = before.through_n if before is not None else 0
        catalog = Catalog(self._sites)
        counts = np.zeros(0, np.int64)
        held: list[Readings] | None = []
        for found in self._of_day(day, catalog, after_n):
            sums = np.bincount(found["sensor"], minlength=max(len(catalog.records), counts.size))
            sums[: counts.size] += counts
            counts = sums
            if held is not None:
                held.append(found)
            if int(counts.sum()) > MOST_READINGS:
                held = None
        if held is not None:
            yield from sensor_by_sensor(held, catalog.records)
            return
        for group in _groups(counts.tolist(), catalog.records):
            some = Catalog(self._sites, {record.id for record in group})
            yield from sensor_by_sensor(list(self._of_day(day, some, after_n)), some.records)

    def _of_day(self, day: str, catalog: Catalog, after_n: int) -> Iterator[Readings]:
        first_us, end_us = (NO_TIME, NO_TIME + 1) if day == UNTIMED else (begin_us(day), begin_us(day) + DAY_US)
        for rows in self._rows(day, after_n):
            wanted = [row for row in rows if after_n < row.n <= self._through_n]
            found = readings_of(wanted, catalog, self._redating)
            yield found[(found["time_us"] >= first_us) & (found["time_us"] < end_us)]

    def _rows(self, day: str, after_n: int) -> Iterator[list[StoredRow]]:
        more: int | tuple[int, int] | None
        if day == UNTIMED:
            more = after_n
            while more is not None:
                rows, more = self._journal.untimed(more)
                yield rows
            return
        begin = begin_us(day)
        if after_n:
            more = max(after_n, self._cursors.cursor(CURSOR))
            while more is not None:
                rows, more = self._journal.steps_after(more, begin, begin + DAY_US)
                yield rows
            return
        place: tuple[int, int] | None = (BEGINNING_US, 0)
        while place is not None:
            rows, place = self._journal.overlapping(begin, begin + DAY_US, place)
            yield rows

    # --- Rollups and order -------------------------------------------------------------------------------------------

    def _roll_up(self, manifest: Manifest) -> None:
        """Compute the rollups of a day anew and let them count."""
        begin = begin_us(manifest.day)
        records = sorted({SensorRecord(*fields) for fields in series_of(manifest)})
        # nothing of a later row: the history adds those itself
        past = Past(self._journal, self._reader, self._through_n)
        minutes: list[tuple[SensorRecord, Rollups]] = []
        for group in _groups([manifest_rows(manifest, record) for record in records], records):
            names = {record.id for record in group}
            catalog = Catalog(self._sites, names)
            parts = list(past.readings(catalog, begin - self._longest_us, begin + DAY_US))
            found = np.concatenate([np.empty(0, READING), *parts])
            minutes += by_sensor(found, catalog.records, self._holds_us, MINUTE_US, begin, begin + DAY_US)
        self._publish_rollups(manifest, minutes)

    def _rolled_up_at_once(
        self, day: str, groups: Iterable[tuple[SensorRecord, Readings]], minutes: list[tuple[SensorRecord, Rollups]]
    ) -> Iterator[tuple[SensorRecord, Readings]]:
        """All readings of a new day as they pass by; their rollups go to `minutes`."""
        begin = begin_us(day)
        before = self._before(begin)
        tails: dict[tuple[str, str], Readings] = {}
        for record, found in groups:
            if not found.size:
                continue
            key = record.id, record.unit
            tails[key] = joined_in_order(tails.get(key), found[found["time_us"] >= begin + DAY_US - self._longest_us])
            whole = joined_in_order(before.get(key), found)
            hold_us = self._holds_us.get(record.id, round(DEFAULT_HOLD_S * SECOND_US))
            minutes.append((record, rolled_up(whole, hold_us, MINUTE_US, begin, begin + DAY_US)))
            yield record, found
        self._tails = day, tails

    def _before(self, begin: int) -> dict[tuple[str, str], Readings]:
        """The readings that may still stand when a day begins, by sensor and unit."""
        if self._tails[0] == day_of(begin - DAY_US):
            return self._tails[1]
        catalog = Catalog(self._sites)
        past = Past(self._journal, self._reader, self._through_n)
        found: dict[tuple[str, str], Readings] = {}
        parts = list(past.readings(catalog, begin - self._longest_us, begin))
        for record, some in sensor_by_sensor(parts, catalog.records):
            key = record.id, record.unit
            found[key] = joined_in_order(found.get(key), some)
        return found

    def _publish_rollups(self, manifest: Manifest, minutes: list[tuple[SensorRecord, Rollups]]) -> None:
        minutes.sort(key=lambda one: one[0])
        revision = manifest.revision + 1
        folder = self._archive.folder / manifest.day
        files: list[ArchivedFile] = []
        steps: dict[FileKind, int] = {"minutes": MINUTE_US, "hours": HOUR_US}
        for kind, step_us in steps.items():
            path = folder / f"{kind}-{revision}.parquet"
            rolled = ((record, coarser(made, step_us)) for record, made in minutes)
            files.append(write_rollups(path, kind, rolled, manifest.through_n))
        kept = manifest.of_kind("readings")
        self._archive.publish(Manifest(FORMAT, self._site, manifest.day, revision, manifest.through_n, (*kept, *files)))

    def _roll_up_next(self, day: str) -> None:
        """The last readings of a day stand in the first minute of the next one too."""
        following = self._archive.manifest(day_of(begin_us(day) + DAY_US) or UNTIMED)
        if following is not None and following.day != UNTIMED and following.of_kind("minutes"):
            self._roll_up(following)

    def _is_scattered(self, manifest: Manifest) -> bool:
        files = len(manifest.of_kind("readings"))
        old = manifest.day != UNTIMED and begin_us(manifest.day) + COMPACT_AFTER_US <= self._now_us
        return files >= MANY_FILES or (files > 1 and old)

    def _bring_together(self, manifest: Manifest) -> None:
        """The same readings in one file."""
        revision = manifest.revision + 1
        path = self._archive.folder / manifest.day / f"readings-{revision}.parquet"
        file = write_readings(path, manifest.through_n, self._archived(manifest))
        if file is None or file.rows != sum(one.rows for one in manifest.of_kind("readings")):
            path.unlink(missing_ok=True)
            raise StoreFailed(f"{path}: would not hold what its parts hold; they are kept")
        rollups = [one for one in manifest.files if one.kind != "readings"]
        self._archive.publish(
            Manifest(FORMAT, self._site, manifest.day, revision, manifest.through_n, (file, *rollups))
        )

    def _archived(self, manifest: Manifest) -> Iterator[tuple[SensorRecord, Readings]]:
        for record in sorted({SensorRecord(*fields) for fields in series_of(manifest)}):
            catalog = Catalog({}, {record.id})
            parts = [part for _, _, part in self._reader.readings(manifest.day, catalog, NO_TIME, END_US)]
            found = np.concatenate([np.empty(0, READING), *parts])
            number = catalog.number(record)
            yield record, ordered(found[found["sensor"] == number])


def _groups(counts: Collection[int], records: Iterable[SensorRecord]) -> Iterator[list[SensorRecord]]:
    """Sensors in groups of at most `MOST_READINGS` readings, one at least; what has one id stays together."""
    by_id: dict[str, tuple[int, list[SensorRecord]]] = {}
    for count, record in zip(counts, records, strict=False):
        total, same = by_id.get(record.id, (0, []))
        by_id[record.id] = total + count, [*same, record]
    group: list[SensorRecord] = []
    held = 0
    for count, same in by_id.values():
        if group and held + count > MOST_READINGS:
            yield group
            group, held = [], 0
        group += same
        held += count
    if group:
        yield group


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One sealing of a site at a time; the lock goes with the process."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StoreFailed(f"{folder}: {error.strerror or error}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise OperationFailed(f"{folder}: another process is sealing it") from error
    try:
        yield
    except OSError as error:
        raise StoreFailed(f"{error.filename or folder}: {error.strerror or error}") from error
    finally:
        os.close(lock)


