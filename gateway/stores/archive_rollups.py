"""Rollups as Parquet: the files of a day and those of a month have the same columns, by sensor, then by time."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from gateway.domain.errors import StoreFailed
from gateway.domain.history import DAY_US
from gateway.stores.archive import ArchivedFile, FileKind
from gateway.stores.archive_files import archived, pyarrow, write_groups
from gateway.stores.journal import SensorRecord
from gateway.stores.rollups import FIGURES, ROLLUP, Rollups, joined

GROUP_ROWS: Final = 16_384
"""A row group ends with the sensor that reaches so many bins: fewer would cost more in the footer than they save."""
_WORDS: Final = ("sensor", "quantity", "zone", "unit")
_MADE_OF: Final = b"bocamina.days"
_LAST: Final = "\U0010ffff"
_FOOTERS: Final = 64


class Bins(NamedTuple):
    """Bins of several series. keys: (sensor, unit) by number. figures: their `series` is that number."""

    keys: list[tuple[str, str]]
    figures: Rollups


class Footer(NamedTuple):
    """What a file of rollups says about itself. sensors: first and last of each row group.

    days: for a file of a month, the revision of each day that it was made of.
    """

    metadata: Any
    sensors: tuple[tuple[str, str], ...]
    days: Mapping[str, int]


def write_rollups(
    path: Path, kind: FileKind, groups: Iterable[tuple[SensorRecord, Rollups]], through_n: int
) -> ArchivedFile:
    """The bins of each sensor, with the figures of `ROLLUP`, as a file that is on the disk on return."""
    return archived(path, kind, write_bins(path, groups), through_n)


def write_bins(
    path: Path, groups: Iterable[tuple[SensorRecord, Rollups]], days: Mapping[str, int] | None = None
) -> int:
    """The same, with the days that it is made of; how many bins there are. groups: by sensor."""
    pa = pyarrow()
    fields = [(name, pa.dictionary(pa.int32(), pa.string())) for name in _WORDS]
    fields += [(name, pa.from_numpy_dtype(ROLLUP[name])) for name in FIGURES]
    notes = {_MADE_OF: json.dumps(dict(days)).encode()} if days is not None else None
    schema = pa.schema([pa.field(name, kind, nullable=False) for name, kind in fields], metadata=notes)
    return write_groups(path, schema, (_table(pa, schema, some) for some in _together(groups)))


def _together(groups: Iterable[tuple[SensorRecord, Rollups]]) -> Iterator[list[tuple[SensorRecord, Rollups]]]:
    held: list[tuple[SensorRecord, Rollups]] = []
    for one in groups:
        held.append(one)
        if sum(made.size for _record, made in held) >= GROUP_ROWS:
            yield held
            held = []
    if held:
        yield held


def _table(pa: Any, schema: Any, some: Sequence[tuple[SensorRecord, Rollups]]) -> Any:
    figures = np.concatenate([np.empty(0, ROLLUP), *(made for _record, made in some)])
    codes = pa.array(np.repeat(np.arange(len(some), dtype=np.int32), [made.size for _record, made in some]))
    arrays = [
        pa.DictionaryArray.from_arrays(codes, pa.array([record[at] for record, _made in some], pa.string()))
        for at in range(len(_WORDS))
    ]
    arrays += [pa.array(np.ascontiguousarray(figures[name]), from_pandas=False) for name in FIGURES]
    return pa.Table.from_arrays(arrays, schema=schema)


def footer(path: Path) -> Footer:
    """The footer of a file of rollups. Raises StoreFailed, FileNotFoundError."""
    stat = path.stat()
    return _footer(path, (stat.st_ino, stat.st_mtime_ns, stat.st_size))


@lru_cache(_FOOTERS)
def _footer(path: Path, _seen: tuple[int, int, int]) -> Footer:
    pa = pyarrow()
    try:
        metadata = pa.parquet.read_metadata(path)
        at = metadata.schema.names.index("sensor")
        found = (metadata.row_group(group).column(at).statistics for group in range(metadata.num_row_groups))
        sensors = [(one.min, one.max) if one is not None and one.has_min_max else ("", _LAST) for one in found]
        return Footer(metadata, tuple(sensors), json.loads((metadata.metadata or {}).get(_MADE_OF, b"{}")))
    except (pa.ArrowException, ValueError) as error:
        raise StoreFailed(f"{path}: no file of rollups: {' '.join(str(error).split())[:300]}") from error


def read_bins(
    path: Path, sensors: Collection[str] | None, keys: dict[tuple[str, str], int], figures: Sequence[str] = FIGURES
) -> Rollups:
    """The bins of some sensors, of all for None, with these figures alone; their keys get the next numbers in `keys`.

    Raises StoreFailed, FileNotFoundError.
    """
    pa = pyarrow()
    known = footer(path)
    groups = [
        group
        for group, (first, last) in enumerate(known.sensors)
        if sensors is None or any(first <= sensor <= last for sensor in sensors)
    ]
    try:
        with pa.parquet.ParquetFile(path, metadata=known.metadata, read_dictionary=["sensor", "unit"]) as file:
            table = file.read_row_groups(groups, columns=["sensor", "unit", *figures], use_threads=False)
    except pa.ArrowException as error:
        raise StoreFailed(f"{path}: {' '.join(str(error).split())[:300]}") from error
    parts = []
    for batch in table.to_batches():
        words = [batch.column(name) for name in ("sensor", "unit")]
        (sensor, unit), (at_sensor, at_unit) = zip(
            *((word.dictionary.to_pylist(), word.indices.to_numpy()) for word in words), strict=True
        )
        pairs = at_sensor.astype(np.int64) * len(unit) + at_unit
        numbers = np.full(len(sensor) * len(unit), -1, np.int32)
        for pair in np.flatnonzero(np.bincount(pairs, minlength=numbers.size)).tolist():
            key = sensor[pair // len(unit)], unit[pair % len(unit)]
            if sensors is None or key[0] in sensors:
                numbers[pair] = keys.setdefault(key, len(keys))
        series = numbers[pairs]
        part = np.zeros(batch.num_rows, ROLLUP)
        part["series"] = series
        for name in figures:
            part[name] = batch.column(name).to_numpy()
        parts.append(part if (series >= 0).all() else part[series >= 0])
    return joined(parts)


def of_days(found: Rollups, days: Collection[int], start_us: int, end_us: int) -> Rollups:
    """Those of these days (by number since 1970) that begin in [start, end) µs UTC."""
    times = found["time"]
    if not times.size:
        return found
    first_us, last_us = int(times.min()), int(times.max())
    every = set(range(first_us // DAY_US, last_us // DAY_US + 1)) <= set(days)
    if every and start_us <= first_us and last_us < end_us:
        return found
    wanted = (times >= start_us) & (times < end_us)
    wanted &= np.isin(times // DAY_US, np.array(sorted(days), np.int64))
    return found[wanted]
