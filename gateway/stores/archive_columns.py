"""One sensor's archived readings as columns, straight out of its row groups: for long spans and for recomputation.

Only sealed days: what came after a sealing joins its day with the next one.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from gateway.domain.errors import StoreFailed
from gateway.domain.history import DAY_US
from gateway.stores.archive import Archive, Series, begin_us
from gateway.stores.archive_files import pyarrow
from gateway.stores.archive_months import TRIES

THREADS: Final = 2


class Columns(NamedTuple):
    """Readings in the order of time. values: [canonical unit], NaN without one. quality, reason: codes."""

    time_us: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    quality: npt.NDArray[np.uint8]
    reason: npt.NDArray[np.uint8]


def columns(archive: Archive, sensor: str, start_us: int, end_us: int) -> Columns:
    """A sensor's readings on sealed days in [start, end) µs UTC. Raises StoreFailed, OperationFailed."""
    names = ("ms", "us", "scaled", "value", "quality", "reason")
    parts = [Columns(np.empty(0, np.int64), np.empty(0), np.empty(0, np.uint8), np.empty(0, np.uint8))]
    for table, one in _tables(archive, sensor, start_us, end_us, names):
        times = table["ms"].to_numpy() * 1000 + table["us"].to_numpy()
        quality, reason = (table[name].to_numpy() for name in ("quality", "reason"))
        inside = slice(None) if times[0] >= start_us and times[-1] < end_us else (times >= start_us) & (times < end_us)
        parts.append(Columns(times[inside], _values(table, one)[inside], quality[inside], reason[inside]))
    times, values, quality, reason = (np.concatenate(column) for column in zip(*parts, strict=True))
    if (times[1:] >= times[:-1]).all():
        return Columns(times, values, quality, reason)
    order = np.argsort(times, kind="stable")  # several files of a day
    return Columns(times[order], values[order], quality[order], reason[order])


def means(archive: Archive, sensor: str, start_us: int, end_us: int, step_us: int) -> npt.NDArray[Any]:
    """Of each step with a reading: (time, mean of the readings' values, highest), for a chart without rollups.

    Not weighted by time, and of all qualities: `rollups.py` has what counts. step_us: whole milliseconds.
    """
    made = [np.empty(0, [("time", "i8"), ("mean", "f8"), ("high", "f8")])]
    for table, one in _tables(archive, sensor, start_us, end_us, ("ms", "scaled", "value")):
        ms, values = table["ms"].to_numpy(), _values(table, one)
        known = ~np.isnan(values)
        ms, values = ms[known], values[known]
        steps = np.arange(ms[0] * 1000 // step_us, ms[-1] * 1000 // step_us + 2) * (step_us // 1000)
        edges = np.searchsorted(ms, steps)
        filled = edges[1:] > edges[:-1]
        starts = edges[:-1][filled]
        part = np.empty(starts.size, made[0].dtype)
        part["time"] = steps[:-1][filled] * 1000
        part["mean"] = np.add.reduceat(values, starts) / np.diff(edges)[filled]
        part["high"] = np.maximum.reduceat(values, starts)
        made.append(part[(part["time"] >= start_us) & (part["time"] < end_us)])
    return np.concatenate(made)


def _tables(
    archive: Archive, sensor: str, start_us: int, end_us: int, names: tuple[str, ...]
) -> Iterator[tuple[Any, Series]]:
    days = [day for day in archive.days() if begin_us(day) < end_us and begin_us(day) + DAY_US > start_us]
    with ThreadPoolExecutor(THREADS) as pool:
        for tables in pool.map(lambda day: _of_day(archive, day, sensor, names), days):
            yield from tables


def _of_day(archive: Archive, day: str, sensor: str, names: tuple[str, ...]) -> list[tuple[Any, Series]]:
    for attempt in range(TRIES):
        manifest = archive.manifest(day)
        try:
            return [
                (_row_group(archive.path(manifest, file), group, names), one)
                for file in (manifest.of_kind("readings") if manifest is not None else ())
                for group, one in enumerate(file.series)
                if one.sensor == sensor and manifest is not None
            ]
        except FileNotFoundError as error:  # superseded by a sealing meanwhile
            if attempt == TRIES - 1:
                raise StoreFailed(f"{error.filename or archive.folder}: is missing") from error
    raise AssertionError("the last try returns or raises")


def _row_group(path: Path, group: int, names: tuple[str, ...]) -> Any:
    pa = pyarrow()
    try:
        with pa.parquet.ParquetFile(path, memory_map=True) as opened:
            return opened.read_row_group(group, columns=list(names), use_threads=False)
    except pa.ArrowException as error:
        raise StoreFailed(f"{path}: {' '.join(str(error).split())[:300]}") from error


def _values(table: Any, one: Series) -> npt.NDArray[np.float64]:
    rest = table["value"]
    if not one.per_unit:
        return np.asarray(rest.to_numpy())
    steps = table["scaled"].to_numpy() / one.per_unit
    if rest.null_count == len(rest):
        return np.asarray(steps)
    found: npt.NDArray[np.float64] = np.where(rest.is_null().to_numpy(), steps, rest.to_numpy())
    return found
