"""How often each sensor was above a level, over years: two threads, one column, nothing that the manifests exclude.

The manifests hold the highest value of each sensor's row group, so that a row group that cannot hold an exceedance is
never opened. Of the others the whole steps are read alone; qualities and what is no whole step only where those, or
what the file says of the rest, may be above.
"""

import math
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from gateway.domain.errors import StoreFailed
from gateway.domain.history import DAY_US
from gateway.domain.quality import Quality
from gateway.stores.archive import Archive, ArchivedFile, begin_us
from gateway.stores.archive_files import LARGEST_SCALED, pyarrow
from gateway.stores.archive_months import TRIES, Months

_Above = tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]
"""Places in a row group, in order, and the values there."""

THREADS: Final = 2
_VALUE: Final = 9
"""Place of `value` among the columns."""


class Exceedance(NamedTuple):
    """Archived readings of a sensor above its level, bad ones apart. first_us, last_us: of them, to the ms."""

    sensor: str
    readings: int
    first_us: int
    last_us: int
    highest: float


class _Hit(NamedTuple):
    """Of one row group: how many readings are above, and the places in it of the first and the last."""

    sensor: str
    day: str
    path: Path
    group: int
    readings: int
    highest: float
    places: tuple[int, int]


def exceedances(
    archive: Archive, levels: Mapping[str, float], start_us: int, end_us: int, *, everywhere: bool = False
) -> list[Exceedance]:
    """Sensors with readings above `levels` [canonical unit] on sealed days that lie in [start, end) µs UTC, by id.

    everywhere: also where the manifests exclude it, for a benchmark. Raises StoreFailed, OperationFailed.
    """
    pyarrow()
    days = days_within(archive, start_us, end_us)
    for attempt in range(TRIES):
        try:
            with ThreadPoolExecutor(THREADS) as pool:
                found = pool.map(lambda day: list(_of_day(archive, day, levels, everywhere=everywhere)), days)
                hits = [hit for of_day in found for hit in of_day]
            by_sensor: dict[str, list[_Hit]] = {}
            for hit in hits:
                by_sensor.setdefault(hit.sensor, []).append(hit)
            return [_together(sensor, by_sensor[sensor]) for sensor in sorted(by_sensor)]
        except FileNotFoundError as error:  # superseded by a sealing meanwhile
            if attempt == TRIES - 1:
                raise StoreFailed(f"{error.filename or archive.folder}: is missing") from error
    raise AssertionError("the last try returns or raises")


def hours_above(archive: Archive, levels: Mapping[str, float], start_us: int, end_us: int) -> dict[str, int]:
    """In how many hours each sensor had a value above its level, out of the rollups alone; see `exceedances`."""
    keys, figures = Months(archive).read(
        days_within(archive, start_us, end_us), "hours", start_us, end_us, None, ("time", "high"), in_order=False
    )
    limits = np.array([levels.get(sensor, math.inf) for sensor, _unit in keys])
    above = figures["high"] > limits[figures["series"]] if keys else np.zeros(0, np.bool_)
    counts = np.bincount(figures["series"][above], minlength=len(keys)).tolist()
    found: dict[str, int] = {}
    for (sensor, _unit), count in zip(keys, counts, strict=True):
        if count:
            found[sensor] = found.get(sensor, 0) + count
    return found


def days_within(archive: Archive, start_us: int, end_us: int) -> list[str]:
    """The sealed days that lie in [start, end) µs UTC as a whole."""
    return [day for day in archive.days() if start_us <= begin_us(day) and begin_us(day) + DAY_US <= end_us]


def _of_day(archive: Archive, day: str, levels: Mapping[str, float], *, everywhere: bool) -> Iterator[_Hit]:
    manifest = archive.manifest(day)
    for file in manifest.of_kind("readings") if manifest is not None else ():
        asked = {
            group: levels[one.sensor]
            for group, one in enumerate(file.series)
            if one.sensor in levels and (everywhere or (one.high is not None and one.high > levels[one.sensor]))
        }
        if asked:
            yield from _of_file(archive.folder / day / file.name, day, file, asked)


def _of_file(path: Path, day: str, file: ArchivedFile, asked: Mapping[int, float]) -> Iterator[_Hit]:
    pa = pyarrow()
    try:
        with pa.parquet.ParquetFile(path, memory_map=True) as opened:
            count = opened.metadata.num_row_groups
            if count != len(file.series):
                raise StoreFailed(f"{path}: {count} row groups, its manifest has {len(file.series)}")
            found = _above_in_steps(opened, file, asked)
            found |= _above_in_the_rest(opened, asked, found)
            if not found:
                return
            for group in sorted(found):
                places, values = found[group]
                one = file.series[group]
                if one.bad_values:
                    table = opened.read_row_group(group, columns=["quality"], use_threads=False)
                    trusted = table.column(0).to_numpy()[places] != Quality.BAD
                    places, values = places[trusted], values[trusted]
                if places.size:
                    span = int(places[0]), int(places[-1])
                    yield _Hit(one.sensor, day, path, group, places.size, float(values.max()), span)
    except pa.ArrowException as error:
        raise StoreFailed(f"{path}: {' '.join(str(error).split())[:300]}") from error


def _above_in_steps(opened: Any, file: ArchivedFile, asked: Mapping[int, float]) -> dict[int, _Above]:
    """Of each row group with values in whole steps: those that are above."""
    stepped = [group for group in asked if file.series[group].per_unit]
    if not stepped:
        return {}
    chunks = opened.read_row_groups(stepped, columns=["scaled"], use_threads=False).column(0).chunks
    steps = np.concatenate([chunk.to_numpy() for chunk in chunks]) if len(chunks) > 1 else chunks[0].to_numpy()
    found, at = {}, 0
    for group in stepped:
        one = file.series[group]
        mine = steps[at : at + one.rows]
        at += one.rows
        # steps that may be above; the division decides, bit for bit
        near = math.floor(max(min(asked[group] * one.per_unit, LARGEST_SCALED), -LARGEST_SCALED)) - 1
        places = np.flatnonzero(mine > near)
        if places.size == one.rows:  # so is what stands where there are no steps: the lowest of them
            rest = opened.read_row_group(group, columns=["value"], use_threads=False).column(0)
            places = np.flatnonzero(rest.is_null().to_numpy())
        if places.size:
            values = mine[places] / one.per_unit
            above = values > asked[group]
            if above.any():
                found[group] = places[above], values[above]
    return found


def _above_in_the_rest(opened: Any, asked: Mapping[int, float], before: Mapping[int, _Above]) -> dict[int, _Above]:
    """The same with values that are no whole steps, of row groups that may have one above, as the footer says."""
    found = {}
    for group, level in asked.items():
        statistics = opened.metadata.row_group(group).column(_VALUE).statistics
        if statistics is not None and not (statistics.has_min_max and statistics.max > level):
            continue
        values = opened.read_row_group(group, columns=["value"], use_threads=False).column(0).to_numpy()
        places = np.flatnonzero(values > level)
        if places.size:
            steps, in_steps = before.get(group, (places[:0], values[:0]))
            places, values = np.concatenate([steps, places]), np.concatenate([in_steps, values[places]])
            order = np.argsort(places)
            found[group] = places[order], values[order]
    return found


def _together(sensor: str, hits: list[_Hit]) -> Exceedance:
    days = sorted({hit.day for hit in hits})
    first = min(_ms_at(hit.path, hit.group, hit.places[0]) for hit in hits if hit.day == days[0])
    last = max(_ms_at(hit.path, hit.group, hit.places[1]) for hit in hits if hit.day == days[-1])
    readings, highest = sum(hit.readings for hit in hits), max(hit.highest for hit in hits)
    return Exceedance(sensor, readings, first * 1000, last * 1000, highest)


def _ms_at(path: Path, group: int, place: int) -> int:
    with pyarrow().parquet.ParquetFile(path) as opened:
        ms: int = opened.read_row_group(group, columns=["ms"], use_threads=False).column(0)[place].as_py()
    return ms
