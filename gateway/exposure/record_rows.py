"""One line of a record in CSV: its columns, its times and its level, or one sentence that says what is wrong."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, TypeVar

from gateway.domain.errors import ConfigError
from gateway.domain.names import expected_one_of
from gateway.domain.quality import ABSURD_ABOVE, QUALITY_WORDS, REASON_WORDS, Quality, Reason
from gateway.exposure.layout import ABSURD, DOUBT, OVER

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
LATEST_US: Final = 253_402_300_799_999_999  # the end of the year 9999, the last that ISO 8601 can write
LONGEST_S: Final = 366 * 86_400.0  # one row that stands for more than a year is a slip of the pen
_Code = TypeVar("_Code", Quality, Reason)


class Columns(NamedTuple):
    """Where each column stands in a row, None where it does not."""

    time: int | None
    substance: int
    value: int
    unit: int
    duration_s: int | None
    quality: int | None
    reason: int | None


def header_of(header: list[str] | None, name: str) -> Columns:
    """Columns of a header. Raises ConfigError that says what is missing or stands twice."""
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
    return Columns(*(names.index(column) if column in names else None for column in Columns._fields))  # type: ignore[arg-type]


class Row:
    """One line with its place, for sentences."""

    def __init__(self, cells: list[str], columns: Columns, place: str) -> None:
        self._cells = cells
        self.columns = columns
        self.place = place

    def text(self, column: str) -> str:
        """A cell, empty where the row or the record has none."""
        index = getattr(self.columns, column)
        return self._cells[index].strip() if index is not None and index < len(self._cells) else ""

    def number(self, column: str, *, finite: bool = True) -> float:
        """A cell that holds a number."""
        text = self.text(column)
        try:
            number = float(text)
        except ValueError:
            raise self.problem(column, f"{text!r} is no number") from None
        if finite and not math.isfinite(number):
            raise self.problem(column, f"{text!r}, expected a finite number")
        return number

    def problem(self, column: str, what: str) -> ConfigError:
        """What is wrong with a cell, to be raised."""
        return ConfigError(f"{self.place}, {column}: {what}")


def span_of(row: Row, quantity: str, start_us: int | None, end_us: int) -> tuple[int, int]:
    """Start and length [µs]; without `duration_s` the length is 0 and means nothing.

    start_us, end_us: of the row above of this substance, None and 0 without one.
    """
    length = 0
    if row.columns.duration_s is not None:
        seconds = row.number("duration_s")
        if seconds < 0:
            raise row.problem("duration_s", f"{row.text('duration_s')} is negative")
        if seconds > LONGEST_S:
            raise row.problem("duration_s", f"{row.text('duration_s')}, expected 0 to {LONGEST_S:.0f} s")
        length = round(seconds * 1e6)
    if row.columns.time is None:
        start = end_us
    else:
        start = _time_us(row)
        if start_us is not None and start < start_us:
            raise row.problem("time", f"{row.text('time')} is before the row above of {quantity}, expected sorted")
        if start_us is not None and start < end_us:
            raise row.problem("time", f"{row.text('time')} lies inside the duration of the row above for {quantity}")
    if start + length > LATEST_US:
        raise row.problem("duration_s" if length > 0 else "time", "the record goes beyond the year 9999")
    return start, length


def _time_us(row: Row) -> int:
    text = row.text("time")
    try:
        seconds = float(text)
    except ValueError:
        pass
    else:
        if not abs(seconds) * 1e6 <= LATEST_US:
            raise row.problem("time", f"{text!r}, expected seconds since 1970")
        return round(seconds * 1e6)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise row.problem("time", f"{text!r} is no time, expected ISO 8601 with zone or seconds since 1970") from None
    if moment.tzinfo is None:
        raise row.problem("time", f"{text!r} has no zone, expected for example {text}Z")
    return (moment - _EPOCH) // _MICROSECOND


def level_of(row: Row, factor: float, full_scale: float) -> tuple[float, int]:
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


def _word(row: Row, column: str, words: Mapping[str, _Code], default: _Code) -> _Code:
    text = row.text(column).lower()
    if not text:
        return default
    if text not in words:
        raise row.problem(column, f"{text!r}; {expected_one_of(text, words, most=20)}")
    return words[text]
