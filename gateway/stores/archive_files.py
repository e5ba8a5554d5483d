"""Readings of a day as one Parquet file, bit for bit, in about two bytes each. pyarrow is imported when it is used.

One row group a sensor, sorted by time; every column is typed and delta- or dictionary-coded before zstd:

ms, us            the time [ms since 1970 UTC] and the µs beyond it; both null for a reading without a time
value             the value itself where it is no whole number of steps; NaN: there was none; null: it is
scaled, per_unit  value = scaled / per_unit where `value` is null: that division gives its very bits (a sensor that
                  speaks in steps of 0.1 needs a small whole number, not eight bytes). Elsewhere `scaled` is the lowest
                  of its row group: without nulls it is read in two thirds of the time, and this filler is never above
raw               as the device gave it, before calibration; null: the same bits as the value
quality reason    codes of `gateway/domain/quality.py`; delivery of `gateway/domain/events.py`
seq n i           the node's sequence mod 1000; the journal's row and the place in it: where the number comes from
trusted           whether the wall clock of its time was believed
series            number of the sensor in this file; sensor, quantity, zone, unit say who it was
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from gateway.domain.errors import OperationFailed
from gateway.domain.moment import NO_TIME
from gateway.domain.quality import Quality
from gateway.stores.archive import ArchivedFile, FileKind, Series, sha256_of, sync_folder
from gateway.stores.journal import SensorRecord
from gateway.stores.reading_rows import READING, Readings

PER_UNITS: Final = (1, 10, 100, 1000, 10_000, 100_000, 1_000_000)
MOSTLY: Final = 0.9
"""Share of the finite values that must be whole steps before a file counts in steps."""
LARGEST_SCALED: Final = 2**31
"""Four bytes: a year is compared in a third less time than with eight. What is larger stays in `value`."""
LEVEL: Final = 3
"""Of zstd: at 9 a day is 2 % smaller and takes half as long again to write."""

_DELTA: Final = ("ms", "scaled", "seq", "n", "i", "time")
_DICTIONARY: Final = ("us", "value", "raw", "quality", "reason", "delivery", "per_unit", "series", "sensor", "quantity",
                      "zone", "unit", "good", "uncertain", "bad", "late", "low", "high", "covered_us")  # fmt: skip

_NULLABLE: Final = ("ms", "us", "value", "raw")
_FAST: Final = ("ms", "scaled")
"""What questions over a year read: as LZ4 they take 5 % more room in all, and two thirds of the time to read."""
_STATISTICS: Final = ("ms", "scaled", "value", "sensor", "time")
"""Only of columns that a reader may choose row groups by: the others would make a footer half as large again."""


def pyarrow() -> Any:
    """The module with `parquet` loaded. Raises OperationFailed where it is not installed."""
    try:
        import pyarrow as pa  # noqa: PLC0415  50 MB of memory, for the sealing process alone
        import pyarrow.parquet  # noqa: PLC0415
    except ImportError as error:
        raise OperationFailed("the archive needs pyarrow; expected `pip install 'bocamina[archive]'`") from error
    return pa


class Scaled(NamedTuple):
    """Values split into whole steps and the rest. scaled: where not `whole`, the lowest of those that are."""

    per_unit: int
    scaled: npt.NDArray[np.int64]
    whole: npt.NDArray[np.bool_]


def scaled(values: npt.NDArray[np.float64]) -> Scaled:
    """The coarsest decimal steps in which nearly all finite values are whole, bit for bit; per_unit 0: none are."""
    finite = np.isfinite(values)
    count = int(finite.sum())
    usable = np.where(finite, values, 0.0)
    for per_unit in PER_UNITS:
        with np.errstate(over="ignore"):
            exact = np.rint(usable * per_unit)
        steps = np.where(np.abs(exact) < LARGEST_SCALED, exact, 0.0).astype(np.int64)
        whole = finite & ((steps / per_unit).view(np.int64) == values.view(np.int64))  # bits: −0.0 is not 0.0
        if count and int(whole.sum()) >= MOSTLY * count:
            return Scaled(per_unit, np.where(whole, steps, steps[whole].min()), whole)
    return Scaled(0, np.zeros(values.size, np.int64), np.zeros(values.size, np.bool_))


def write_readings(
    path: Path, through_n: int, groups: Iterable[tuple[SensorRecord, Readings]]
) -> ArchivedFile | None:
    """One row group of each sensor's readings, which are in order; None, and no file, when there are none at all.

    The file is on the disk under its name on return. Raises OperationFailed without pyarrow, OSError.
    """
    pa = pyarrow()
    schema = _reading_schema(pa)
    series: list[Series] = []
    with _durable_writer(pa, path, schema) as writer:
        for record, found in groups:
            if not found.size:
                continue
            steps = scaled(np.ascontiguousarray(found["value"]))
            finite = found["value"][np.isfinite(found["value"])]
            low, high = (float(finite.min()), float(finite.max())) if finite.size else (None, None)
            writer.write_table(_table(pa, schema, len(series), record, found, steps), row_group_size=max(1, found.size))
            bad = int((np.isfinite(found["value"]) & (found["quality"] == Quality.BAD)).sum())
            series.append(Series(*record, found.size, low, high, steps.per_unit, bad))
    if not series:
        path.unlink()
        return None
    return archived(path, "readings", sum(one.rows for one in series), through_n, tuple(series))


def archived(path: Path, kind: FileKind, rows: int, through_n: int, series: Sequence[Series] = ()) -> ArchivedFile:
    """The manifest's word about a file that is on the disk."""
    return ArchivedFile(path.name, kind, sha256_of(path), path.stat().st_size, rows, through_n, tuple(series))


def write_groups(path: Path, schema: Any, tables: Iterable[Any]) -> int:
    """A file of one row group a table, on the disk on return; how many rows it has."""
    rows = 0
    with _durable_writer(pyarrow(), path, schema) as writer:
        for table in tables:
            writer.write_table(table, row_group_size=max(1, table.num_rows))
            rows += table.num_rows
    return rows


def readings_from(columns: dict[str, npt.NDArray[Any]], numbers: npt.NDArray[np.int32]) -> Readings:
    """Rows of `READING` from the columns `series time_us n i value raw quality reason delivery seq trusted`.

    numbers: the catalog's number of each series.
    """
    found = np.empty(len(columns["time_us"]), READING)
    found["sensor"] = numbers[columns["series"]]
    for name in ("time_us", "n", "i", "value", "raw", "quality", "reason", "delivery", "seq", "trusted"):
        found[name] = columns[name]
    return found


class _durable_writer:  # noqa: N801  a context manager, named as one uses it
    """A ParquetWriter whose file gets its name once it is whole and on the disk."""

    def __init__(self, pa: Any, path: Path, schema: Any) -> None:
        self._path, self._part = path, path.with_name(path.name + ".part")
        path.parent.mkdir(parents=True, exist_ok=True)
        names = schema.names
        self._writer = pa.parquet.ParquetWriter(
            self._part, schema, version="2.6", data_page_version="2.0",
            compression={name: "lz4" if name in _FAST else "zstd" for name in names},
            compression_level={name: LEVEL for name in names if name not in _FAST},
            write_page_checksum=True,
            write_statistics=[name for name in names if name in _STATISTICS],
            use_dictionary=[name for name in names if name in _DICTIONARY],
            column_encoding={name: "DELTA_BINARY_PACKED" for name in names if name in _DELTA}
            | {name: "BYTE_STREAM_SPLIT" for name in names if name == "mean"},
        )  # fmt: skip

    def __enter__(self) -> Any:
        return self._writer

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._writer.close()
        if kind is not None:
            self._part.unlink(missing_ok=True)
            return
        with self._part.open("rb") as file:
            os.fsync(file.fileno())
        self._part.replace(self._path)
        sync_folder(self._path.parent)


def _reading_schema(pa: Any) -> Any:
    kinds = {
        "series": pa.int32(), "sensor": pa.string(), "quantity": pa.string(), "zone": pa.string(), "unit": pa.string(),
        "ms": pa.int64(), "us": pa.int32(), "scaled": pa.int32(), "per_unit": pa.int32(), "value": pa.float64(),
        "raw": pa.float64(), "quality": pa.uint8(), "reason": pa.uint8(), "delivery": pa.uint8(), "seq": pa.int32(),
        "n": pa.int64(), "i": pa.int32(), "trusted": pa.bool_(),
    }  # fmt: skip
    return pa.schema([pa.field(name, kind, nullable=name in _NULLABLE) for name, kind in kinds.items()])


def _table(pa: Any, schema: Any, number: int, record: SensorRecord, found: Readings, steps: Scaled) -> Any:
    size = found.size
    untimed = found["time_us"] == NO_TIME
    ms, us = np.divmod(np.where(untimed, 0, found["time_us"]), 1000)
    value, raw = np.ascontiguousarray(found["value"]), np.ascontiguousarray(found["raw"])
    same = value.view(np.int64) == raw.view(np.int64)
    columns = {
        "series": np.full(size, number), "ms": (ms, untimed), "us": (us, untimed),
        "scaled": steps.scaled, "per_unit": np.full(size, steps.per_unit),
        "value": (value, steps.whole), "raw": (raw, same),
    }  # fmt: skip
    words = {"sensor": record.id, "quantity": record.quantity, "zone": record.zone, "unit": record.unit}
    arrays = []
    for field in schema:
        if field.name in words:
            arrays.append(pa.repeat(words[field.name], size))
            continue
        column = columns.get(field.name, found[field.name] if field.name in (found.dtype.names or ()) else None)
        data, absent = column if isinstance(column, tuple) else (column, None)
        arrays.append(pa.array(np.ascontiguousarray(data), field.type, mask=absent, from_pandas=False))
    return pa.Table.from_arrays(arrays, schema=schema)
