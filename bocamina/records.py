"""Records of readings to replay: CSV and Parquet rows of `time,sensor,value`; a bad row is one sentence.

`quality`, `reason` and `unit`, as `export` writes them, may stand beside. A unit is no wish: the record of another one
is refused, for to convert it needs the temperature and pressure of then.
"""

import csv
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from gateway.domain.errors import ConfigError
from gateway.domain.moment import SECOND_US, parse_rfc3339
from gateway.domain.quality import QUALITY_WORDS, REASON_WORDS, Quality, Reason

COLUMNS: Final = ("time", "sensor", "value")
LATEST_S: Final = 253_402_300_799.0
"""The last second since 1970 that RFC 3339 can write: the end of the year 9999."""
MAGIC_PARQUET: Final = b"PAR1"
NO_UNITS: Final[Mapping[str, str]] = MappingProxyType({})


class RecordRow(NamedTuple):
    """One row. time_us: µs UTC. value: NaN where the record has none."""

    time_us: int
    sensor: str
    value: float
    quality: Quality
    reason: Reason


def rows(path: Path, units: Mapping[str, str] = NO_UNITS) -> Iterator[RecordRow]:
    """The rows of a CSV or Parquet file, in the file's order. ConfigError names file, line and what was expected.

    units: the canonical unit of each sensor that has one; a row may name no other.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; expected a record to replay") from error
    yield from _parquet(path, units) if magic == MAGIC_PARQUET else _csv(path, units)


def in_order(path: Path, units: Mapping[str, str] = NO_UNITS) -> Iterable[RecordRow]:
    """The rows by time. A record that lists one sensor after the other is sorted in memory, any other is streamed."""
    newest = None
    for row in rows(path, units):
        if newest is not None and row.time_us < newest:
            return sorted(rows(path, units), key=lambda one: one.time_us)
        newest = row.time_us
    return rows(path, units)


def _csv(path: Path, units: Mapping[str, str]) -> Iterator[RecordRow]:
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        reader = csv.DictReader(file)
        missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
        if missing:
            raise ConfigError(f"{path}: line 1 has no column {', '.join(missing)}; expected {','.join(COLUMNS)}")
        try:
            for row in reader:
                yield _row(path, f"line {reader.line_num}", row, units)
        except csv.Error as error:
            raise ConfigError(f"{path}: line {reader.line_num}: {error}; expected {','.join(COLUMNS)}") from error


def _parquet(path: Path, units: Mapping[str, str]) -> Iterator[RecordRow]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise ConfigError(f"{path}: Parquet needs the package pyarrow; install bocamina[parquet]") from error
    try:
        file = parquet.ParquetFile(path)
        missing = [column for column in COLUMNS if column not in file.schema_arrow.names]
        if missing:
            raise ConfigError(f"{path}: no column {', '.join(missing)}; expected {','.join(COLUMNS)}")
        number = 0
        for batch in file.iter_batches(65536):
            for row in batch.to_pylist():
                number += 1
                yield _row(path, f"row {number}", row, units)
    except pa.ArrowException as error:
        raise ConfigError(f"{path}: no readable Parquet file: {error}") from error


def _row(path: Path, where: str, row: dict[str, Any], units: Mapping[str, str]) -> RecordRow:
    try:
        quality = QUALITY_WORDS[str(row.get("quality") or "good")]
        sensor, reason = str(row["sensor"]), _reason(row.get("reason"))
        _refuse_another_unit(sensor, row.get("unit"), units)
        return RecordRow(_time_us(row["time"]), sensor, _value(row["value"]), quality, reason)
    except KeyError as error:
        words = ", ".join(QUALITY_WORDS)
        raise ConfigError(f"{path}: {where}: quality {error} is unknown; expected one of {words}") from None
    except (ValueError, TypeError, OverflowError) as error:
        raise ConfigError(f"{path}: {where}: {error}") from None


def _refuse_another_unit(sensor: str, unit: Any, units: Mapping[str, str]) -> None:
    if unit and unit != units.get(sensor, unit):
        raise ValueError(f"unit {str(unit)[:40]!r} is not that of {sensor}; expected {units[sensor]}")


def _reason(text: Any) -> Reason:
    word = str(text or "none")
    if word not in REASON_WORDS:
        raise ValueError(f"reason {word[:40]!r} is unknown; expected one of {', '.join(REASON_WORDS)}")
    return REASON_WORDS[word]


def _time_us(text: Any) -> int:
    if isinstance(text, datetime):
        text = text.isoformat()
    time_us = -1
    try:
        seconds = math.nan if text is None else float(text)
    except ValueError:
        time_us = parse_rfc3339(text)
    else:
        if 0 <= seconds <= LATEST_S:
            time_us = round(seconds * SECOND_US)
    if time_us < 0:
        raise ValueError(f"time {text!r} is out of range; expected RFC 3339 or seconds since 1970")
    return time_us


def _value(text: Any) -> float:
    if text is None or text == "":
        return math.nan
    try:
        return float(text)
    except (ValueError, TypeError, OverflowError):
        raise ValueError(f"value {str(text)[:40]!r} is no number") from None
