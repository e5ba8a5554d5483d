"""Reads limit tables: folders of data files, so that a new regime is a new file and no code.

`regimes/{regime}.toml` names the row sets of a regime (and the formulas it has); `{ROW_SET}.csv` holds rows, below a
head of TOML in its `#` lines: `version`, `edition` and what holds for every row. A column of the same name goes before.
Lines with `##` are remarks. `substances.csv` says who is who.
"""

import csv
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from gateway.domain.errors import ConfigError
from gateway.domain.limit import COMPARISONS, KINDS, FormulaLimit, Limit, Substance
from gateway.domain.quantities import QUANTITIES

# (unit of the table, canonical unit) -> factor; gases stay in ppm v/v at any altitude (limits reference 4.7)
_FACTORS: Final[Mapping[tuple[str, str], Decimal]] = {
    ("% v/v", "%vol"): Decimal(1),
    ("ppm", "%vol"): Decimal("0.0001"),
    ("mg/m3", "ug/m3"): Decimal(1000),
    ("ug/m3", "mg/m3"): Decimal("0.001"),
}


@dataclass(frozen=True, slots=True)
class Regime:
    """A regime as its files have it. stricter_of: of rows that are equal in kind one remains, the stricter."""

    name: str
    order: int
    limits: tuple[Limit, ...]
    formulas: tuple[FormulaLimit, ...]
    stricter_of: bool


def in_canonical_unit(value: float | Decimal, unit: str, quantity: str) -> float:
    """A limit's value in the canonical unit of its quantity. ValueError for a unit that is none of `units_of`."""
    known = units_of(quantity)
    if unit not in known:
        raise ValueError(f"unit {unit!r}, expected one of {', '.join(known)}")
    factor = Decimal(1) if unit == known[0] else _FACTORS[unit, known[0]]
    return float(Decimal(str(value)) * factor)


def units_of(quantity: str) -> tuple[str, ...]:
    """The units that `in_canonical_unit` takes for a quantity, the canonical one first."""
    canonical = QUANTITIES[quantity].unit
    return canonical, *(unit for unit, to in _FACTORS if to == canonical)


def read_substances(folder: Path) -> Mapping[str, Substance]:
    """Every substance by its English name."""
    return MappingProxyType({
        row["substance"]: Substance(
            row["substance"], row["quantity"], row["phase"] or None, row["formula"], row["cas"],
            float(row["molar_mass_g_mol"]) if row["molar_mass_g_mol"] else None,
        )
        for _, row in _read(folder / "substances.csv")[1]
    })  # fmt: skip


def read_regimes(folder: Path) -> Mapping[str, Regime]:
    """Every regime by its name, in their order. Raises ConfigError that names file and row."""
    substances = read_substances(folder)
    regimes = [_regime(path, folder, substances) for path in (folder / "regimes").glob("*.toml")]
    regimes.sort(key=lambda regime: (regime.order, regime.name))
    return MappingProxyType({regime.name: regime for regime in regimes})


def _regime(path: Path, folder: Path, substances: Mapping[str, Substance]) -> Regime:
    try:
        entry = tomllib.loads(path.read_text(encoding="utf-8"))
        sets = [folder / f"{table}.csv" for table in entry["tables"]]
        return Regime(
            path.stem, entry["order"], tuple(limit for one in sets for limit in _rows(one, path.stem, substances)),
            tuple(_formula(path.stem, row, substances) for row in entry.get("formulas", ())),
            entry.get("stricter_of", False),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise ConfigError(f"{path.name}: {_why(error)}") from error


def _rows(path: Path, regime: str, substances: Mapping[str, Substance]) -> Iterator[Limit]:
    head, rows = _read(path)
    for line, row in rows:
        try:
            yield _limit(regime, path.stem, head | {key: value for key, value in row.items() if value}, substances)
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"{path.name} line {line}: {_why(error)}") from error


def _read(path: Path) -> tuple[dict[str, Any], list[tuple[int, dict[str, str]]]]:
    """The head of a file, and its rows with their line numbers (no cell holds a line break)."""
    lines = path.read_text(encoding="utf-8").splitlines()
    body = [(number, line) for number, line in enumerate(lines, start=1) if line and not line.startswith("#")]
    head = tomllib.loads("\n".join(line[1:].strip() for line in lines if line.startswith("#")))
    rows = csv.DictReader(line for _, line in body)
    return head, list(zip((number for number, _ in body[1:]), rows, strict=True))


def _limit(regime: str, table: str, row: Mapping[str, Any], substances: Mapping[str, Substance]) -> Limit:
    substance = substances[row["substance"]]
    return Limit(
        regime=regime, table=table, quantity=substance.quantity, substance=substance.name,
        kind=_word(row["kind"], KINDS), averaging_minutes=int(_number(row["averaging_minutes"])),
        value=in_canonical_unit(_number(row["value"]), row["unit"], substance.quantity),
        unit=QUANTITIES[substance.quantity].unit, source=row["source"], confidence=_word(row["confidence"], "VM"),
        phase=substance.phase, comparison=_word(row.get("comparison", "exceeds"), COMPARISONS),
        edition=row["edition"], version=row["version"],
        effective_from=_date(row.get("effective_from")), effective_to=_date(row.get("effective_to")),
        confirmed_by=row.get("confirmed_by"), confirmed_on=_date(row.get("confirmed_on")),
    )  # fmt: skip


def _formula(regime: str, row: Mapping[str, Any], substances: Mapping[str, Substance]) -> FormulaLimit:
    substance = substances[row["substance"]]
    return FormulaLimit(
        regime, substance.quantity, substance.name, substance.phase, row["measured"], row["kind"],
        row["averaging_minutes"], row["numerator"], row["added"], row["unit"], row["source"], row["confidence"],
        row["edition"],
    )  # fmt: skip


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is no number") from None
    if not (number.is_finite() and number >= 0):
        raise ValueError(f"{text!r}, expected 0 or more")
    return number


def _word(word: str, known: tuple[str, ...] | str) -> str:
    if word not in known:
        raise ValueError(f"{word!r}, expected one of {', '.join(known)}")
    return word


def _date(value: date | str | None) -> date | None:
    return date.fromisoformat(value) if isinstance(value, str) else value


def _why(error: Exception) -> str:
    """What is wrong with a data file, in words."""
    return f"{error} is missing or not known" if isinstance(error, KeyError) else str(error)
