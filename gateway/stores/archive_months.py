"""Rollups of a month in one file, so that a year is twelve files and a month is one.

`archive/months/2026-11.minutes-7.parquet` says in its footer which revision of each day it is made of. For a day that
has another revision meanwhile the day's own file counts: a month that is missing, old or left over from a power cut
costs time, never a reading. The highest number counts; a file has its name once it is whole and on the disk.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

import numpy as np

from gateway.domain.errors import StoreFailed
from gateway.domain.history import DAY_US
from gateway.domain.moment import SECOND_US
from gateway.stores.archive import Archive, FileKind, begin_us, day_of
from gateway.stores.archive_files import pyarrow
from gateway.stores.archive_rollups import Bins, footer, of_days, read_bins, write_bins
from gateway.stores.journal import SensorRecord
from gateway.stores.rollups import FIGURES, Rollups, joined

MONTHS: Final = "months"
KINDS: Final[tuple[FileKind, ...]] = ("minutes", "hours")
TRIES: Final = 3
"""A file may be superseded between a look at what counts and the reading: the next look names the new one."""
FEW_DAYS: Final = 2
"""So many days are read from their own files: a row group of a month has thirty."""
_NAME: Final = re.compile(r"(\d{4}-\d\d)\.(minutes|hours)-(\d+)\.parquet")


class Months:
    """The rollups of an archive, in whichever file they lie. Raises StoreFailed."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._folder = archive.folder / MONTHS

    def read(
        self, days: Sequence[str], kind: FileKind, start_us: int, end_us: int,
        sensors: Collection[str] | None = None, figures: Sequence[str] = FIGURES, *, in_order: bool = True,
    ) -> Bins:  # fmt: skip
        """Bins of sealed days that begin in [start, end) µs UTC, by sensor and unit, then time if `in_order`.

        figures: what is read of them, `time` with it; the others are 0.
        """
        wanted = None if sensors is None else frozenset(sensors)
        for attempt in range(TRIES):
            keys: dict[tuple[str, str], int] = {}
            try:
                parts = [
                    of_days(found, of, start_us, end_us)
                    for path, of in self._sources(days, kind)
                    for found in self._read(path, kind, of, wanted, keys, figures)
                ]
            except FileNotFoundError as error:
                if attempt == TRIES - 1:
                    raise StoreFailed(f"{error.filename or self._archive.folder}: is missing") from error
            else:
                return _in_order(list(keys), joined(parts)) if in_order else Bins(list(keys), joined(parts))
        raise AssertionError("the last try returns or raises")

    def update(self, now_us: int) -> list[str]:
        """Write each month anew that lacks a day; one of which a day changed, once a day. What was written."""
        named, written = self._named(), []
        for month, found in groupby(self._archive.days(), lambda day: day[:7]):
            days = list(found)
            for kind in KINDS:
                path = named.get((month, kind))
                revisions = self._revisions(days, kind)
                known = _made_of(path) if path is not None else {}
                changed = path is not None and now_us - path.stat().st_mtime_ns // 1000 >= 86_400 * SECOND_US
                if set(revisions) - set(known) or (changed and revisions != known):
                    written.append(self.write(month, kind))
        return written

    def write(self, month: str, kind: FileKind) -> str:
        """The file of a month ("2026-11") out of the files of its days; the former one goes. Its name."""
        revisions = self._revisions([day for day in self._archive.days() if day.startswith(month)], kind)
        former = self._named().get((month, kind))
        number = int(former.stem.rpartition("-")[2]) + 1 if former is not None else 1
        path = self._folder / f"{month}.{kind}-{number}.parquet"
        write_bins(path, self._by_sensor(list(revisions), kind), revisions)
        for other in self._folder.glob(f"{month}.{kind}-*"):
            if other != path:
                other.unlink(missing_ok=True)
        return path.name

    def faults(self) -> Iterator[str]:
        """One sentence for each file of a month that cannot be read whole; its days' own files have all it holds."""
        pa = pyarrow()
        for path in sorted(self._named().values()):
            try:
                with pa.parquet.ParquetFile(path, page_checksum_verification=True) as opened:
                    for group in range(opened.metadata.num_row_groups):
                        opened.read_row_group(group)
            except (pa.ArrowException, OSError) as error:
                why = " ".join(str(error).split())[:200]
                yield f"{path}: is damaged and may be deleted, sealing writes it anew: {why}"

    def _by_sensor(self, days: list[str], kind: FileKind) -> Iterator[tuple[SensorRecord, Rollups]]:
        """One sensor at a time: a month of fifty in memory would be as large as the smallest gateway's."""
        newest: dict[str, SensorRecord] = {}
        for day in days:
            manifest = self._archive.manifest(day)
            for file in manifest.of_kind("readings") if manifest is not None else ():
                for one in file.series:
                    newest[one.sensor] = SensorRecord(one.sensor, one.quantity, one.zone, one.unit)
        files = list(self._own(days, kind))
        for sensor, record in sorted(newest.items()):
            keys: dict[tuple[str, str], int] = {}
            parts = [of_days(read_bins(path, {sensor}, keys), of, 0, 2**62) for path, of in files]
            found = _in_order(list(keys), joined(parts))
            for number, (_sensor, unit) in enumerate(found.keys):
                yield record._replace(unit=unit), found.figures[found.figures["series"] == number]

    def _read(
        self, path: Path, kind: FileKind, days: Collection[int], sensors: Collection[str] | None,
        keys: dict[tuple[str, str], int], figures: Sequence[str],
    ) -> Iterator[Rollups]:  # fmt: skip
        try:
            found = read_bins(path, sensors, keys, figures)
        except StoreFailed:
            if path.parent != self._folder:
                raise
            own = self._own([day for number in sorted(days) if (day := day_of(number * DAY_US))], kind)
            yield from (read_bins(other, sensors, keys, figures) for other, _days in own)
        else:
            yield found

    def _sources(self, days: Sequence[str], kind: FileKind) -> Iterator[tuple[Path, set[int]]]:
        """Files, and the days (by number since 1970) that count of each."""
        named = self._named()
        for month, of_month in groupby(days, lambda day: day[:7]):
            own = list(of_month)
            path = named.get((month, kind)) if len(own) > FEW_DAYS else None
            if path is not None:
                made_of = _made_of(path)
                held = {day for day, revision in self._revisions(own, kind).items() if made_of.get(day) == revision}
                if held:
                    yield path, set(map(_number, held))
                own = [day for day in own if day not in held]
            yield from self._own(own, kind)

    def _own(self, days: Sequence[str], kind: FileKind) -> Iterator[tuple[Path, set[int]]]:
        for day in days:
            manifest = self._archive.manifest(day)
            if manifest is not None:
                for file in manifest.of_kind(kind):
                    yield self._archive.path(manifest, file), {_number(day)}

    def _revisions(self, days: Sequence[str], kind: FileKind) -> dict[str, int]:
        found = ((day, self._archive.manifest(day)) for day in days)
        return {day: manifest.revision for day, manifest in found if manifest is not None and manifest.of_kind(kind)}

    def _named(self) -> dict[tuple[str, str], Path]:
        """The file that counts of each month and kind."""
        found: dict[tuple[str, str], tuple[int, Path]] = {}
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            name = _NAME.fullmatch(path.name)
            if name is not None:
                month, kind, number = name.groups()
                found[month, kind] = max(found.get((month, kind), (0, path)), (int(number), path))
        return {key: path for key, (_number, path) in found.items()}


def _made_of(path: Path) -> Mapping[str, int]:
    """The revision of each day that counts of a month's file; none of a file that is damaged."""
    try:
        return footer(path).days
    except StoreFailed:
        return {}


def _number(day: str) -> int:
    return begin_us(day) // DAY_US


def _in_order(keys: list[tuple[str, str]], found: Rollups) -> Bins:
    order = sorted(range(len(keys)), key=lambda number: keys[number])
    if len(keys) > 1:
        places = np.empty(len(keys), np.int32)
        places[order] = np.arange(len(keys))
        found["series"] = places[found["series"]]
        found = found[np.lexsort((found["time"], found["series"]))]
    elif found.size and not (found["time"][1:] >= found["time"][:-1]).all():
        found = found[np.argsort(found["time"], kind="stable")]
    return Bins([keys[number] for number in order], found)
