"""Reads the archive through DuckDB: no extension is ever loaded or fetched, no file is written."""

import threading
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gateway.domain.errors import OperationFailed, StoreFailed
from gateway.domain.history import DAY_US
from gateway.domain.moment import NO_TIME
from gateway.stores.archive import UNTIMED, Archive, FileKind, Manifest, begin_us
from gateway.stores.archive_files import readings_from
from gateway.stores.archive_months import TRIES, Months
from gateway.stores.journal import SensorRecord
from gateway.stores.reading_rows import READING, Catalog, Readings, ordered
from gateway.stores.rollups import FIGURES, HOUR_US, MINUTE_US, coarser

READINGS_AT_ONCE: Final = 250_000
"""About how many readings of a day are in memory for a page: a part of a day, as large as that."""

_SETTINGS: Final = {
    "autoinstall_known_extensions": "false", "autoload_known_extensions": "false", "threads": "2",
    "memory_limit": "512MB", "preserve_insertion_order": "false",
}  # fmt: skip
_READINGS: Final = f"""
SELECT series, ifnull(ms * 1000 + us, {NO_TIME}) AS time_us, n, i,
    ifnull(value, scaled::DOUBLE / per_unit::DOUBLE) AS value,
    coalesce(raw, value, scaled::DOUBLE / per_unit::DOUBLE) AS raw, quality, reason, delivery, seq, trusted
FROM read_parquet(?) WHERE series IN (SELECT unnest(?))
"""  # noqa: S608  our own number only


def available() -> bool:
    """Whether DuckDB is installed."""
    try:
        import duckdb  # noqa: F401, PLC0415
    except ImportError:
        return False
    return True


class ArchiveReader:
    """Queries on one archive, from any thread. Raises StoreFailed; OperationFailed where DuckDB is not installed."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self.months = Months(archive)
        self._lock = threading.Lock()
        self._connection: Any = None
        self._held: tuple[tuple[Any, ...], Readings] | None = None

    def readings(
        self, day: str, catalog: Catalog, start_us: int, end_us: int
    ) -> Iterator[tuple[int, int, Readings]]:
        """The wanted readings of a sealed day in [start, end), ordered, part by part: each [first, last) of the day."""
        manifest = self.archive.manifest(day)
        if manifest is None:
            return
        if day == UNTIMED:
            yield start_us, end_us, self._part(day, catalog, None)
            return
        for part in _parts(manifest, start_us, end_us):
            found = self._part(day, catalog, part)
            first_us, last_us = max(start_us, part[0]), min(end_us, part[1])
            yield first_us, last_us, found[(found["time_us"] >= first_us) & (found["time_us"] < last_us)]

    def rollups(
        self, days: Sequence[str], kind: FileKind, step_us: int, start_us: int, end_us: int,
        sensors: Collection[str] | None, limit: int,
    ) -> list[tuple[Any, ...]]:  # fmt: skip
        """The first `limit` bins of sealed days: (time, sensor, unit, mean, low, high, covered_us, good … late)."""
        rows: list[tuple[Any, ...]] = []
        at = 0
        while at < len(days) and len(rows) < limit:
            # as many days as the limit is likely to need: a page of a year does not read the year
            bins_a_day = max(1, self._bins_of(days[at], kind, sensors) * kind_us(kind) // step_us)
            some = days[at : at + 1 + (limit - len(rows)) // bins_a_day]
            at += len(some)
            keys, figures = self.months.read(some, kind, start_us, end_us, sensors)
            figures = coarser(figures, step_us) if step_us != kind_us(kind) else figures
            order = np.lexsort((figures["series"], figures["time"]))[: limit - len(rows)]
            figures = figures[order] if len(keys) > 1 else figures[: limit - len(rows)]
            columns = zip(*(figures[name].tolist() for name in ("series", *FIGURES)), strict=True)
            rows += [(time_us, *keys[number], *more) for number, time_us, *more in columns]
        return rows

    def query(self, sql: str, values: Any) -> Any:
        """A result of DuckDB on a cursor of its own."""
        cursor = self._cursor()
        import duckdb  # noqa: PLC0415  an extra

        try:
            return cursor.execute(sql, values)
        except duckdb.Error as error:
            raise StoreFailed(f"{self.archive.folder}: {' '.join(str(error).split())[:300]}") from error

    def _bins_of(self, day: str, kind: FileKind, sensors: Collection[str] | None) -> int:
        manifest = self.archive.manifest(day)
        rows = sum(file.rows for file in manifest.of_kind(kind)) if manifest is not None else 0
        return rows if sensors is None else min(rows, len(sensors) * DAY_US // kind_us(kind))

    def _part(self, day: str, catalog: Catalog, span: tuple[int, int] | None) -> Readings:
        for attempt in range(TRIES):
            manifest = self.archive.manifest(day)
            if manifest is None:
                break
            wanted: list[tuple[Path, list[int], npt.NDArray[np.int32]]] = []
            for file in manifest.of_kind("readings"):
                numbers = np.array([catalog.number(SensorRecord(*one[:4])) for one in map(_fields, file.series)], "i4")
                if (numbers >= 0).any():
                    wanted.append((self.archive.path(manifest, file), np.flatnonzero(numbers >= 0).tolist(), numbers))
            key = (day, manifest.revision, span, tuple((str(path), *numbers.tolist()) for path, _, numbers in wanted))
            held = self._held
            if held is not None and held[0] == key:
                return held[1]
            try:
                found = ordered(np.concatenate([np.empty(0, READING), *(self._read(*one, span) for one in wanted)]))
            except StoreFailed:
                if attempt == TRIES - 1 or all(path.exists() for path, _, _ in wanted):
                    raise
            else:
                self._held = (key, found)
                return found
        return np.empty(0, READING)

    def _read(
        self, path: Path, series: list[int], numbers: npt.NDArray[np.int32], span: tuple[int, int] | None
    ) -> Readings:
        query, values = _READINGS, [[str(path)], series]
        if span is not None:
            query += " AND ms >= ? AND ms < ?"
            values += [span[0] // 1000, -(-span[1] // 1000)]
        return readings_from(self.query(query, values).fetchnumpy(), numbers)

    def _cursor(self) -> Any:
        try:
            import duckdb  # noqa: PLC0415  an extra, and 60 MB of memory for who asks for the archive only
        except ImportError as error:
            raise OperationFailed("the archive needs duckdb; expected `pip install 'bocamina[archive]'`") from error
        with self._lock:
            if self._connection is None:
                self._connection = duckdb.connect(":memory:", config=dict(_SETTINGS))
                self._connection.execute("SET parquet_metadata_cache = true")  # a footer is parsed once: 2 ms a day
            return self._connection.cursor()


def kind_us(kind: FileKind) -> int:
    """How long the bins of a kind of rollup are."""
    return {"minutes": MINUTE_US, "hours": HOUR_US}[kind]


def _fields(series: Any) -> tuple[str, str, str, str]:
    return series.sensor, series.quantity, series.zone, series.unit


def _parts(manifest: Manifest, start_us: int, end_us: int) -> Iterator[tuple[int, int]]:
    """The parts of a day that touch [start, end), each of about `READINGS_AT_ONCE` readings."""
    rows = sum(file.rows for file in manifest.of_kind("readings"))
    count = min(1440, max(1, -(-rows // READINGS_AT_ONCE)))
    begin = begin_us(manifest.day)
    edges = [begin + DAY_US * part // count // 60_000_000 * 60_000_000 for part in range(count)] + [begin + DAY_US]
    for first, last in pairwise(edges):
        if first < end_us and last > start_us:
            yield first, last
