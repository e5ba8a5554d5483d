"""A record in CSV as stretches of constant level: what `bocamina exposure` reads (interfaces, `exposure`)."""

import csv
import math
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from gateway.domain.errors import ConfigError
from gateway.domain.names import did_you_mean, expected_one_of
from gateway.domain.quality import ABSURD_ABOVE, QUALITY_WORDS, REASON_WORDS, Quality, Reason
from gateway.domain.quantities import QUANTITIES
from gateway.exposure.conversion import canonical_unit_name, measurement_factor
from gateway.exposure.layout import ABSURD, DOUBT, OVER

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_LATEST_US: Final = 253_402_300_799_999_999  # the end of the year 9999, the last that ISO 8601 can write
_LONGEST_S: Final = 366 * 86_400.0  # one row that stands for more than a year is a slip of the pen
_LONGEST_PIECE_US: Final = 24 * 3600 * 1_000_000  # exact sums take stretches up to 38 h
_Code = TypeVar("_Code", Quality, Reason)


class Series(NamedTuple):
    """One substance's stretches [starts, ends) [µs], in order and apart. levels: canonical unit, NaN where no value."""

    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    levels: npt.NDArray[np.float64]
    flags: npt.NDArray[np.int64]
    samples: int


@dataclass(slots=True)
class _Rows:
    """The rows of one substance as they come."""

    unit: str
    factor: float
    times: "array[int]" = field(default_factory=lambda: array("q"))
    lengths: "array[int]" = field(default_factory=lambda: array("q"))
    levels: "array[float]" = field(default_factory=lambda: array("d"))
    flags: "array[int]" = field(default_factory=lambda: array("q"))


class _Columns(NamedTuple):
    time: int | None
    substance: int
    value: int
    unit: int
    duration_s: int | None
    quality: int | None
    reason: int | None


def read_record(
    lines: Iterable[str], name: str, *, max_hold_s: float, molar_volume: float, full_scales: Mapping[str, float]
) -> dict[str, Series]:
    """The substances of a CSV text, in the order of their first rows, in canonical units.

    name: what to call the file in sentences. max_hold_s: longest time a row without `duration_s` stands for.
    molar_volume: of the measured air [L/mol]. full_scales: [canonical unit]; a value there or above is over range.
    Raises ConfigError that names file, line and column.
    """
    reader = csv.reader(lines, strict=True)
    rows: dict[str, _Rows] = {}
    try:
        columns = _columns(next(reader, None), name)
        for cells in reader:
            if cells and any(cell.strip() for cell in cells):
                _take(_Row(cells, columns, f"{name} line {reader.line_num}"), rows, molar_volume, full_scales)
    except csv.Error as error:
        raise ConfigError(f"{name} line {reader.line_num}: not CSV: {error}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name}: not UTF-8 text (byte {error.object[error.start]:#04x})") from None
    if not rows:
        raise ConfigError(f"{name}: no rows below the header, expected at least one")
    hold_us = round(max_hold_s * 1e6)
    return {quantity: _series(one, columns.duration_s is not None, hold_us) for quantity, one in rows.items()}


def _columns(header: list[str] | None, name: str) -> _Columns:
    if header is None:
        raise ConfigError(f"{name}: empty, expected a header with time, substance, value, unit")
    names = [cell.strip().lower().removeprefix("\ufeff") for cell in header]
    missing = [column for column in ("substance", "value", "unit") if column not in names]
    if "time" not in names and "duration_s" not in names:
        missing.append("time (or duration_s)")
    if missing:
        raise ConfigError(
            f"{name} line 1: column {', '.join(missing)} is missing, expected time, substance, value, unit "
            "and optionally duration_s"
        )
    twice = next((column for column in names if column and names.count(column) > 1), None)
    if twice:
        raise ConfigError(f"{name} line 1: column {twice} stands twice")
    return _Columns(*(names.index(column) if column in names else None for column in _Columns._fields))  # type: ignore[arg-type]


class _Row:
    """One line with its place, for sentences."""

    def __init__(self, cells: list[str], columns: _Columns, place: str) -> None:
        self._cells = cells
        self.columns = columns
        self.place = place

    def text(self, column: str) -> str:
        index = getattr(self.columns, column)
        return self._cells[index].strip() if index is not None and index < len(self._cells) else ""

    def number(self, column: str, *, finite: bool = True) -> float:
        text = self.text(column)
        try:
            number = float(text)
        except ValueError:
            raise self.problem(column, f"{text!r} is no number") from None
        if finite and not math.isfinite(number):
            raise self.problem(column, f"{text!r}, expected a finite number")
        return number

    def problem(self, column: str, what: str) -> ConfigError:
        return ConfigError(f"{self.place}, {column}: {what}")


def _take(row: _Row, rows: dict[str, _Rows], molar_volume: float, full_scales: Mapping[str, float]) -> None:
    quantity = row.text("substance").lower()
    unit = canonical_unit_name(row.text("unit"))
    one = rows.get(quantity)
    if one is None:
        if quantity not in QUANTITIES:
            raise row.problem("substance", f"{quantity!r} is not known{did_you_mean(quantity, QUANTITIES)}")
        try:
            one = _Rows(unit, measurement_factor(quantity, unit, QUANTITIES[quantity].unit, molar_volume))
        except ConfigError as error:
            raise row.problem("unit", str(error)) from None
        rows[quantity] = one
    elif unit != one.unit:
        raise row.problem("unit", f"{unit!r} after {one.unit!r} for {quantity}, expected one unit a substance")
    length = -1
    if row.columns.duration_s is not None:
        seconds = row.number("duration_s")
        if seconds < 0:
            raise row.problem("duration_s", f"{row.text('duration_s')} is negative")
        if seconds > _LONGEST_S:
            raise row.problem("duration_s", f"{row.text('duration_s')}, expected 0 to {_LONGEST_S:.0f} s")
        length = round(seconds * 1e6)
    before_us = one.times[-1] if one.times else None
    if row.columns.time is None:
        start = 0 if before_us is None else before_us + one.lengths[-1]
    else:
        start = _time_us(row)
        if before_us is not None and start < before_us:
            raise row.problem("time", f"{row.text('time')} is before the row above of {quantity}, expected sorted")
        if before_us is not None and length >= 0 and start < before_us + one.lengths[-1]:
            raise row.problem("time", f"{row.text('time')} lies inside the duration of the row above for {quantity}")
    if start + max(0, length) > _LATEST_US:
        raise row.problem("duration_s" if length > 0 else "time", "the record goes beyond the year 9999")
    level, flags = _level(row, one.factor, full_scales.get(quantity, math.nan))
    one.times.append(start)
    one.lengths.append(length)
    one.levels.append(level)
    one.flags.append(flags)


def _time_us(row: _Row) -> int:
    text = row.text("time")
    try:
        seconds = float(text)
    except ValueError:
        pass
    else:
        if not abs(seconds) * 1e6 <= _LATEST_US:
            raise row.problem("time", f"{text!r}, expected seconds since 1970")
        return round(seconds * 1e6)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise row.problem("time", f"{text!r} is no time, expected ISO 8601 with zone or seconds since 1970") from None
    if moment.tzinfo is None:
        raise row.problem("time", f"{text!r} has no zone, expected for example {text}Z")
    return (moment - _EPOCH) // _MICROSECOND


def _level(row: _Row, factor: float, full_scale: float) -> tuple[float, int]:
    """The level that counts and its flags; an empty value, or a bad one, is a gap."""
    quality = _word(row, "quality", QUALITY_WORDS, Quality.GOOD)
    reason = _word(row, "reason", REASON_WORDS, Reason.NONE)
    text = row.text("value")
    if not text or (quality == Quality.BAD and reason != Reason.ABSURD):
        return math.nan, 0
    value = row.number("value", finite=False) * factor
    if not abs(value) <= ABSURD_ABOVE or reason == Reason.ABSURD:
        return math.nan, ABSURD
    if reason == Reason.OVER_RANGE or value >= full_scale:
        return (value if math.isnan(full_scale) else max(value, full_scale)), OVER | DOUBT
    return value, DOUBT if quality == Quality.UNCERTAIN else 0


def _word(row: _Row, column: str, words: Mapping[str, _Code], default: _Code) -> _Code:
    text = row.text(column).lower()
    if not text:
        return default
    if text not in words:
        raise row.problem(column, f"{text!r}; {expected_one_of(text, words, most=20)}")
    return words[text]


def _series(rows: _Rows, has_durations: bool, hold_us: int) -> Series:
    starts = np.frombuffer(rows.times, np.int64)
    if has_durations:
        ends = starts + np.frombuffer(rows.lengths, np.int64)
    else:
        steps = np.diff(starts)
        moved = steps[steps > 0]
        last = starts[-1] + (min(int(moved[-1]), hold_us) if moved.size else hold_us)
        ends = np.minimum(starts + hold_us, np.append(starts[1:], last))
    levels, flags = np.frombuffer(rows.levels, np.float64), np.frombuffer(rows.flags, np.int64)
    return Series(starts, ends, levels, flags, len(starts))


def pieces(series: Series, opens_us: int, closes_us: int) -> Iterator[tuple[int, float, int]]:
    """(end, level, flags) of stretches that fill [opens, closes) without a hole; gaps are NaN, none exceeds a day."""
    here = opens_us
    for start, end, level, flags in zip(
        series.starts.tolist(), series.ends.tolist(), series.levels.tolist(), series.flags.tolist(), strict=True
    ):
        if start > here:
            yield start, math.nan, 0
            here = start
        while end > here:
            here = min(end, here + _LONGEST_PIECE_US)
            yield here, level, flags
    if closes_us > here:
        yield closes_us, math.nan, 0
