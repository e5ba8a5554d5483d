"""A record in CSV as stretches of constant level: what `bocamina exposure` reads (interfaces, `exposure`)."""

import csv
import math
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from gateway.domain.errors import ConfigError
from gateway.domain.names import did_you_mean
from gateway.domain.quantities import QUANTITIES
from gateway.exposure.conversion import canonical_unit_name, measurement_factor
from gateway.exposure.record_rows import Columns, Row, header_of, level_of, span_of
from gateway.exposure.series import Bytes, Floats, Ints, MemoryColumn, NewColumn, Series, SeriesBuilder

_TOGETHER: Final = 65_536  # rows that are handed on at once


@dataclass(frozen=True, slots=True)
class Reading:
    """How a record is read.

    name: what to call the file in sentences. max_hold_s: longest time a row without `duration_s` stands for.
    molar_volume: of the measured air [L/mol]. full_scales: [canonical unit]; a value there or above is over range.
    new_column: where the numbers of a record are kept.
    """

    name: str
    max_hold_s: float
    molar_volume: float
    full_scales: Mapping[str, float]
    new_column: NewColumn = MemoryColumn


def read_record(
    lines: Iterable[str], name: str, *, max_hold_s: float, molar_volume: float, full_scales: Mapping[str, float]
) -> dict[str, Series]:
    """The substances of a CSV text, in the order of their first rows, in canonical units; see `Reading`.

    Raises ConfigError that names file, line and column.
    """
    record = Record(Reading(name, max_hold_s, molar_volume, full_scales))
    record.take_lines(lines)
    return record.finish()


class Substance:
    """The rows of one substance as they come, and where the next may begin."""

    def __init__(self, quantity: str, unit: str, hold_us: int | None, reading: Reading) -> None:
        self.unit = unit
        self.factor = measurement_factor(quantity, unit, QUANTITIES[quantity].unit, reading.molar_volume)
        self.full_scale = reading.full_scales.get(quantity, math.nan)
        self.start_us: int | None = None
        self.end_us = 0
        self._series = SeriesBuilder(hold_us, reading.new_column)
        self._new_rows()

    def _new_rows(self) -> None:
        self._starts, self._lengths, self._levels, self._flags = array("q"), array("q"), array("d"), array("B")

    def row(self, start: int, length: int, level: float, flags: int) -> None:
        """One row that was checked."""
        self.start_us, self.end_us = start, start + length
        self._starts.append(start)
        self._lengths.append(length)
        self._levels.append(level)
        self._flags.append(flags)
        if len(self._starts) == _TOGETHER:
            self.flush()

    def rows(self, starts: Ints, lengths: Ints, levels: Floats, flags: Bytes) -> None:
        """Many rows that were checked."""
        self.flush()
        self._series.add(starts, lengths, levels, flags)
        self.start_us, self.end_us = int(starts[-1]), int(starts[-1] + lengths[-1])

    def flush(self) -> None:
        """Hand on the rows that came one by one."""
        if self._starts:
            self._series.add(
                np.array(self._starts, np.int64), np.array(self._lengths, np.int64),
                np.array(self._levels, np.float64), np.array(self._flags, np.uint8),
            )  # fmt: skip
            self._new_rows()

    def finish(self) -> Series:
        """All rows."""
        self.flush()
        return self._series.finish()


class Record:
    """A record that comes in parts: the header first, then rows in the order of lines."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.columns: Columns | None = None
        self.substances: dict[str, Substance] = {}

    def take_lines(self, lines: Iterable[str], lines_before: int = 0) -> None:
        """The next lines, whole ones. Raises ConfigError that names file, line and column."""
        name = self.reading.name
        reader = csv.reader(lines, strict=True)
        try:
            if self.columns is None:
                self.columns = header_of(next(reader, None), name)
            for cells in reader:
                if cells and any(cell.strip() for cell in cells):
                    self._take(Row(cells, self.columns, f"{name} line {lines_before + reader.line_num}"))
        except csv.Error as error:
            raise ConfigError(f"{name} line {lines_before + reader.line_num}: not CSV: {error}") from None
        except UnicodeDecodeError as error:
            raise ConfigError(f"{name}: not UTF-8 text (byte {error.object[error.start]:#04x})") from None

    def substance(self, quantity: str, unit: str) -> Substance:
        """A substance that the record has not had yet. Raises ConfigError for a unit that it cannot have."""
        has_lengths = self.columns is not None and self.columns.duration_s is not None
        hold_us = None if has_lengths else round(self.reading.max_hold_s * 1e6)
        return Substance(quantity, unit, hold_us, self.reading)

    def finish(self) -> dict[str, Series]:
        """The substances, in the order of their first rows."""
        if not self.substances:
            raise ConfigError(f"{self.reading.name}: no rows below the header, expected at least one")
        return {quantity: one.finish() for quantity, one in self.substances.items()}

    def _take(self, row: Row) -> None:
        quantity = row.text("substance").lower()
        unit = canonical_unit_name(row.text("unit"))
        one = self.substances.get(quantity)
        if one is None:
            if quantity not in QUANTITIES:
                raise row.problem("substance", f"{quantity!r} is not known{did_you_mean(quantity, QUANTITIES)}")
            try:
                one = self.substance(quantity, unit)
            except ConfigError as error:
                raise row.problem("unit", str(error)) from None
            self.substances[quantity] = one
        elif unit != one.unit:
            raise row.problem("unit", f"{unit!r} after {one.unit!r} for {quantity}, expected one unit a substance")
        start, length = span_of(row, quantity, one.start_us, one.end_us)
        one.row(start, length, *level_of(row, one.factor, one.full_scale))
