"""Shift results in CSV: what `bocamina statistics` reads (interfaces, `statistics`), and the Expostats text of them."""

import csv
import math
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from gateway.domain.errors import ConfigError
from gateway.domain.names import did_you_mean, expected_one_of
from gateway.domain.quality import ABSURD_ABOVE
from gateway.domain.quantities import QUANTITIES
from gateway.exposure.conversion import canonical_unit_name

MOST_RESULTS: Final = 100_000
"""Ours: more rows than 25 years of daily shifts of ten people are no shift results but the samples of a sensor."""

_ONE_VALUE: Final = ("substance", "unit", "seg")
"""Columns of which all rows must say the same: one limit is compared with one substance, unit and exposure group."""
_COLUMNS: Final = ("value", "censored", "method", *_ONE_VALUE)


class Method(StrEnum):
    """How a shift result came about (limits reference 5); results of different methods are never pooled."""

    PERSONAL_GRAVIMETRIC = "personal_gravimetric"
    PERSONAL_DIRECT = "personal_direct"
    AREA_ESTIMATE = "area_estimate"


@dataclass(slots=True)
class ShiftResults:
    """Results of one method in the file's order: values > 0 in one unit; censored: 1 where the true value is below."""

    values: "array[float]" = field(default_factory=lambda: array("d"))
    censored: bytearray = field(default_factory=bytearray)
    unit: str | None = None
    substance: str | None = None

    @property
    def detected(self) -> list[float]:
        """The values that were measured."""
        return [value for value, below in zip(self.values, self.censored, strict=True) if not below]

    @property
    def detection_limits(self) -> list[float]:
        """The limits of detection of the others."""
        return [value for value, below in zip(self.values, self.censored, strict=True) if below]


def expostats_lines(results: ShiftResults) -> Iterator[str]:
    """One result a line in the format of Expostats: `12.5`, and `<13.8` for a value below detection."""
    for value, below in zip(results.values, results.censored, strict=True):
        yield f"{'<' if below else ''}{value!r}"


def read_shift_results(lines: Iterable[str], name: str) -> dict[Method | None, ShiftResults]:
    """The results of a CSV text by method, in the order of their first rows; None where there is no such column.

    name: what to call the file in sentences. Raises ConfigError that names file, line and column.
    """
    reader = csv.reader(lines, strict=True)
    found: dict[Method | None, ShiftResults] = {}
    said: dict[str, str] = {}
    count = 0
    try:
        columns = _columns(next(reader, None), name)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            count += 1
            if count > MOST_RESULTS:
                raise ConfigError(
                    f"{name}: more than {MOST_RESULTS} rows; expected one result a person and shift, "
                    "for the samples of a sensor depend on one another"
                )
            row = _Row(cells, columns, f"{name} line {reader.line_num}")
            for column in _ONE_VALUE:
                _same(row, column, said)
            results = found.setdefault(_method(row), ShiftResults())
            value, below = _value(row)
            results.values.append(value)
            results.censored.append(below)
    except csv.Error as error:
        raise ConfigError(f"{name} line {reader.line_num}: not CSV: {error}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name}: not UTF-8 text (byte {error.object[error.start]:#04x})") from None
    if not found:
        raise ConfigError(f"{name}: no rows below the header, expected at least one shift result")
    for results in found.values():
        results.unit, results.substance = said.get("unit"), said.get("substance")
    return found


def of_one_method(found: dict[Method | None, ShiftResults], wanted: str | None, name: str) -> Method | None:
    """The method to judge: the one asked for, or the only one that the file has. Raises ConfigError.

    A file that does not name its methods is taken for whatever is asked for; None says that nobody said it.
    """
    if wanted is not None and wanted not in list(Method):
        raise ConfigError(f"--method: {wanted!r}; {expected_one_of(wanted, Method)}")
    if None in found:
        return Method(wanted) if wanted else None
    held = " and ".join(f"{len(results.values)} {method}" for method, results in found.items())
    if wanted is not None:
        if Method(wanted) not in found:
            raise ConfigError(f"{name}: no {wanted} results, the file holds {held}")
        return Method(wanted)
    if len(found) > 1:
        names = ", ".join(f"--method {method}" for method in found)
        raise ConfigError(f"{name}: {held} results, and methods are never pooled; expected one of {names}")
    return next(iter(found))


def _columns(header: list[str] | None, name: str) -> dict[str, int]:
    if header is None:
        raise ConfigError(f"{name}: empty, expected a header with value and optionally censored, method")
    names = [cell.strip().lower().removeprefix("\ufeff").strip() for cell in header]
    if "value" not in names:
        hint = "; the separator must be a comma" if any(sign in cell for cell in names for sign in ";\t") else ""
        raise ConfigError(
            f"{name} line 1: column value is missing, expected value and optionally censored, method{hint}"
        )
    twice = next((column for column in _COLUMNS if names.count(column) > 1), None)
    if twice:
        raise ConfigError(f"{name} line 1: column {twice} stands twice")
    return {column: names.index(column) for column in _COLUMNS if column in names}


class _Row:
    """One line with its place, for sentences."""

    def __init__(self, cells: list[str], columns: dict[str, int], place: str) -> None:
        self._cells = cells
        self.columns = columns
        self._place = place

    def text(self, column: str) -> str:
        index = self.columns.get(column, len(self._cells))
        return self._cells[index].strip() if index < len(self._cells) else ""

    def problem(self, column: str, what: str) -> ConfigError:
        return ConfigError(f"{self._place}, {column}: {what}")


def _same(row: _Row, column: str, said: dict[str, str]) -> None:
    if column not in row.columns:
        return
    text = row.text(column)
    if column == "unit":
        text = canonical_unit_name(text)
    elif column == "substance":
        text = text.lower()
        if text not in QUANTITIES:
            raise row.problem(column, f"{text!r} is not known{did_you_mean(text, QUANTITIES)}")
    before = said.setdefault(column, text)
    if text != before:
        raise row.problem(column, f"{text!r} after {before!r}, expected one {column} in the whole file")


def _method(row: _Row) -> Method | None:
    if "method" not in row.columns:
        return None
    text = row.text("method").lower()
    if text not in list(Method):
        raise row.problem("method", f"{text!r}; {expected_one_of(text, Method)}")
    return Method(text)


def _value(row: _Row) -> tuple[float, bool]:
    """The value, and whether the true one is below it: `<` in the column `censored`, or before the number."""
    sign, text = row.text("censored"), row.text("value")
    if sign not in ("", "<"):
        raise row.problem("censored", f"{sign!r}, expected < (the true value is below) or nothing")
    if text.startswith("<"):
        sign, text = "<", text[1:].strip()
    try:
        value = float(text)
    except ValueError:
        hint = ", expected a decimal point" if "," in text else ""
        raise row.problem("value", f"{text!r} is no number{hint}") from None
    if not (math.isfinite(value) and 0.0 < value <= ABSURD_ABOVE):
        raise row.problem(
            "value",
            f"{text}, expected more than 0 and at most {ABSURD_ABOVE:g}; "
            "a result below detection is its limit of detection with < in the column censored",
        )
    return value, sign == "<"
