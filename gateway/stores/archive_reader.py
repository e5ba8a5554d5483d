"""Reads the archive through DuckDB: no extension is ever loaded or fetched, no file is written."""

import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
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
from gateway.stores.journal import SensorRecord
from gateway.stores.reading_rows import READING, Catalog, Readings, ordered

READINGS_AT_ONCE: Final = 250_000
"""About how many readings of a day are in memory for a page: a part of a day, as large as that."""
TRIES: Final = 3
"""A file may be superseded between a look at the manifest and the reading: the next look names the new one."""

_SETTINGS: Final = {
    "autoinstall_known_extensions": "false", "autoload_known_extensions": "false", "threads": "2",
    "memory_limit": "512MB", "preserve_insertion_order": "false",
}  # fmt: skip
_READINGS: Final = f"""
SELECT series, ifnull(ms * 1000 + us, {NO_TIME}) AS time_us, n, i,
    ifnull(scaled::DOUBLE / per_unit::DOUBLE, value) AS value,
    coalesce(raw, scaled::DOUBLE / per_unit::DOUBLE, value) AS raw, quality, reason, delivery, seq, trusted
FROM read_parquet(?) WHERE series IN (SELECT unnest(?))
"""  # noqa: S608  our own number only
_ROLLUPS: Final = """
SELECT time // $step * $step AS time, sensor, unit, sum(mean * covered_us) / nullif(sum(covered_us), 0) AS mean,
    min(low) AS low, max(high) AS high, sum(covered_us)::BIGINT AS covered_us, sum(good)::INTEGER AS good,
    sum(uncertain)::INTEGER AS uncertain, sum(bad)::INTEGER AS bad, sum(late)::INTEGER AS late
FROM (SELECT * REPLACE (CASE WHEN covered_us = 0 THEN NULL ELSE mean END AS mean,
        CASE WHEN isnan(low) THEN NULL ELSE low END AS low, CASE WHEN isnan(high) THEN NULL ELSE high END AS high)
    FROM read_parquet($files) WHERE time >= $start AND time < $end AND ($every OR sensor IN (SELECT unnest($sensors))))
GROUP BY ALL ORDER BY 1, 2, 3 LIMIT $limit
"""
_SAME_STEP: Final = """
SELECT time, sensor, unit, mean, low, high, covered_us, good, uncertain, bad, late
FROM read_parquet($files) WHERE time >= $start AND time < $end AND ($every OR sensor IN (SELECT unnest($sensors)))
ORDER BY 1, 2, 3 LIMIT $limit
"""
_COLUMNS: Final = _SAME_STEP.replace(" LIMIT $limit", "")


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
        query = _SAME_STEP if step_us == {"minutes": 60_000_000, "hours": 3_600_000_000}.get(kind) else _ROLLUPS
        for attempt in range(TRIES):
            files = [str(path) for path in self._files(days, kind)]
            if not files:
                return []
            values = {
                "files": files, "start": start_us, "end": end_us, "every": sensors is None,
                "sensors": list(sensors or ()), "limit": limit,
            } | ({} if query is _SAME_STEP else {"step": step_us})  # fmt: skip
            try:
                rows: list[tuple[Any, ...]] = self.query(query, values).fetchall()
            except StoreFailed:
                if attempt == TRIES - 1 or all(Path(file).exists() for file in files):
                    raise
            else:
                return rows
        return []

    def rollup_columns(
        self, days: Sequence[str], kind: FileKind, start_us: int, end_us: int, sensors: Collection[str]
    ) -> dict[str, npt.NDArray[Any]]:
        """The bins of some sensors on sealed days as columns, by time: for charts and for recomputation."""
        files = [str(path) for path in self._files(days, kind)]
        values = {"files": files, "start": start_us, "end": end_us, "every": False, "sensors": list(sensors)}
        if not files:
            return {}
        columns: dict[str, npt.NDArray[Any]] = self.query(_COLUMNS, values).fetchnumpy()
        return columns

    def query(self, sql: str, values: Any) -> Any:
        """A result of DuckDB on a cursor of its own."""
        cursor = self._cursor()
        import duckdb  # noqa: PLC0415  an extra

        try:
            return cursor.execute(sql, values)
        except duckdb.Error as error:
            raise StoreFailed(f"{self.archive.folder}: {' '.join(str(error).split())[:300]}") from error

    def _files(self, days: Iterable[str], kind: FileKind) -> Iterator[Path]:
        for day in days:
            manifest = self.archive.manifest(day)
            if manifest is not None:
                yield from (self.archive.path(manifest, file) for file in manifest.of_kind(kind))

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
