"""Readings in the order of history, out of sealed days and the journal: each reading once, whatever moves meanwhile.

What counts is in the manifests: of a sealed day, rows up to its `through_n` are in the archive, all later ones in the
journal. The sealer's cursor only saves looking: up to it, no row has a reading of a sealed day that is not archived.
It is read before the manifests, so that a sealing between the two hides nothing.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from gateway.domain.history import DAY_US
from gateway.domain.moment import NO_TIME
from gateway.stores.archive import UNTIMED, begin_us, day_of
from gateway.stores.archive_reader import ArchiveReader
from gateway.stores.journal import BEGINNING_US, END_US, Journal
from gateway.stores.reading_rows import READING, Catalog, Key, Readings, following, ordered, readings_of
from gateway.stores.redating import Redating
from gateway.stores.rows import StoredRow

CURSOR: Final = "archive"
"""The sealer's cursor in the journal."""


class Stretch(NamedTuple):
    """A part of the timeline [start, end): of a sealed day, or of none."""

    start_us: int
    end_us: int
    day: str | None


class Past:
    """One look at a site's readings. reader: None where nothing is archived, or nothing can read it.

    through_n: as they stood at this journal row.
    """

    def __init__(self, journal: Journal, reader: ArchiveReader | None, through_n: int = END_US) -> None:
        self._journal, self._reader, self._through_n = journal, reader, through_n
        self._redating = Redating.of(journal)
        self._sealed_n = journal.reached(CURSOR) if reader is not None else 0
        self._days = reader.archive.days() if reader is not None else []

    def readings(
        self, catalog: Catalog, start_us: int | None, end_us: int, after: Key | None = None
    ) -> Iterator[Readings]:
        """The wanted readings behind `after` in order, part by part; those without a time first, if start is None."""
        if start_us is None and (after is None or after.time_us == NO_TIME):
            yield from self._untimed(catalog, after)
        first_us = max(NO_TIME + 1 if start_us is None else start_us, after.time_us if after else NO_TIME + 1)
        for stretch in self.stretches(first_us, end_us):
            if stretch.day is None or self._reader is None:
                parts = self._unsealed(catalog, stretch.start_us, stretch.end_us)
            else:
                parts = self._sealed(self._reader, catalog, stretch.day, stretch.start_us, stretch.end_us)
            for part in parts:
                yield following(part, after)

    def stretches(self, start_us: int, end_us: int) -> Iterator[Stretch]:
        """[start, end) cut where days are sealed."""
        for day in self._days:
            begin = begin_us(day)
            if begin + DAY_US <= start_us:
                continue
            if begin >= end_us:
                break
            if start_us < begin:
                yield Stretch(start_us, begin, None)
            yield Stretch(max(start_us, begin), min(end_us, begin + DAY_US), day)
            start_us = begin + DAY_US
        if start_us < end_us:
            yield Stretch(start_us, end_us, None)

    def late(self, catalog: Catalog, day: str) -> Readings:
        """Readings of a sealed day that came after its sealing."""
        manifest = self._reader.archive.manifest(day) if self._reader is not None else None
        through_n = manifest.through_n if manifest is not None else 0
        begin = begin_us(day)
        parts, after_n = [], max(self._sealed_n, through_n)
        while True:
            rows, more = self._journal.steps_after(after_n, begin, begin + DAY_US)
            found = self._readings_of(rows, catalog)
            parts.append(found[(found["time_us"] >= begin) & (found["time_us"] < begin + DAY_US)])
            if more is None:
                return ordered(np.concatenate(parts))
            after_n = more

    def _readings_of(self, rows: list[StoredRow], catalog: Catalog) -> Readings:
        return readings_of([row for row in rows if row.n <= self._through_n], catalog, self._redating)

    def _sealed(
        self, reader: ArchiveReader, catalog: Catalog, day: str, start_us: int, end_us: int
    ) -> Iterator[Readings]:
        # first what is not archived: a sealing after this adds to the archive what is then found twice, and told apart
        late = self.late(catalog, day)
        for first_us, last_us, part in reader.readings(day, catalog, start_us, end_us):
            more = late[(late["time_us"] >= first_us) & (late["time_us"] < last_us)]
            yield _merged(part, more) if more.size else part

    def _unsealed(self, catalog: Catalog, start_us: int, end_us: int) -> Iterator[Readings]:
        held = np.empty(0, READING)
        going_on: tuple[int, int] | None = (BEGINNING_US, 0)
        while going_on is not None:
            rows, going_on = self._journal.overlapping(start_us, end_us, going_on)
            found = self._readings_of(rows, catalog)
            held = ordered(np.concatenate([held, found[(found["time_us"] >= start_us) & (found["time_us"] < end_us)]]))
            # a later row has no reading before its own first one
            ready = held["time_us"] < (going_on[0] if going_on is not None else END_US)
            yield held[ready]
            held = held[~ready]
        yield held

    def _untimed(self, catalog: Catalog, after: Key | None) -> Iterator[Readings]:
        n: int | None = after.n - 1 if after is not None else 0
        manifest = self._reader.archive.manifest(UNTIMED) if self._reader is not None else None
        if manifest is not None and self._reader is not None:
            for _first, _last, part in self._reader.readings(UNTIMED, catalog, BEGINNING_US, END_US):
                yield following(part, after)
            n = max(n or 0, manifest.through_n)
        while n is not None:
            rows, n = self._journal.untimed(n)
            found = self._readings_of(rows, catalog)
            yield following(ordered(found[found["time_us"] == NO_TIME]), after)


def _merged(archived: Readings, late: Readings) -> Readings:
    """Both in order; a reading that was sealed between the two looks counts once."""
    both = ordered(np.concatenate([archived, late]))
    again = (
        (both["time_us"][1:] == both["time_us"][:-1])
        & (both["n"][1:] == both["n"][:-1])
        & (both["i"][1:] == both["i"][:-1])
    )
    result: Readings = both[np.concatenate([[True], ~again])] if both.size else both
    return result


def days_in(times: Readings) -> set[str]:
    """The days that times [µs UTC] fall on."""
    found = (day_of(int(day) * DAY_US) for day in np.unique(times[times != NO_TIME] // DAY_US))
    return {day for day in found if day is not None}
