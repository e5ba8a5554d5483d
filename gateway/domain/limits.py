"""A limit as data: what a rule book says, with its source.

The tables are package data under `limit_tables/`: one CSV file a row set, `substances.csv` for who is who, and
`regimes.toml` for which row sets make a regime of the interface. Values are held in the canonical unit of their
quantity.
"""

import csv
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from gateway.domain.errors import ConfigError
from gateway.domain.names import expected_one_of
from gateway.domain.quantities import QUANTITIES

TABLES: Final = Path(__file__).with_name("limit_tables")

# (unit of the table, canonical unit) -> factor; gases stay in ppm v/v at any altitude (limits reference 4.7)
_FACTORS: Final[Mapping[tuple[str, str], Decimal]] = {
    ("% v/v", "%vol"): Decimal(1),
    ("mg/m3", "ug/m3"): Decimal(1000),
    ("ug/m3", "mg/m3"): Decimal("0.001"),
}


@dataclass(frozen=True, slots=True)
class Limit:
    """One row of the limit tables, value in the canonical unit of `quantity`.

    regime: identifier of the interface (`peru` …). table: the row set it came from (`PE_DS024_ANEXO15` …).
    kind: TWA STEL CEILING IDLH MIN MAX ACTION. averaging_minutes: 0 = instantaneous. confidence: V seen in its
    source, M from memory and shown as unconfirmed. phase: quartz or cristobalite for silica, else None.
    """

    regime: str
    table: str
    quantity: str
    substance: str
    kind: str
    averaging_minutes: int
    value: float
    unit: str
    source: str
    confidence: str
    phase: str | None = None

    @property
    def confirmed(self) -> bool:
        """Seen in its source; what is not is shown as unconfirmed until the site's HSE officer signs it."""
        return self.confidence == "V"


class Substance(NamedTuple):
    """Who is who in the tables. molar_mass: [g/mol], None for mixtures. Source: limits reference 1.1."""

    name: str
    quantity: str
    phase: str | None
    formula: str
    cas: str
    molar_mass: float | None


def _rows(name: str) -> list[dict[str, str]]:
    with (TABLES / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def substances() -> Mapping[str, Substance]:
    """Every substance of the tables by its English name."""
    return MappingProxyType({
        row["substance"]: Substance(
            row["substance"], row["quantity"], row["phase"] or None, row["formula"], row["cas"],
            float(row["molar_mass_g_mol"]) if row["molar_mass_g_mol"] else None,
        )
        for row in _rows("substances")
    })  # fmt: skip


def _limit(regime: str, table: str, row: dict[str, str]) -> Limit:
    substance = substances()[row["substance"]]
    unit = QUANTITIES[substance.quantity].unit
    factor = Decimal(1) if row["unit"] == unit else _FACTORS[row["unit"], unit]
    return Limit(
        regime, table, substance.quantity, substance.name, row["kind"], int(row["averaging_minutes"]),
        float(Decimal(row["value"]) * factor), unit, row["source"], row["confidence"], substance.phase,
    )  # fmt: skip


def _stricter(one: Limit, other: Limit) -> Limit:
    """The stricter of two rows that are equal in kind; with equal values the one confirmed, naming both sources."""
    if one.value == other.value:
        kept, second = (other, one) if other.confirmed and not one.confirmed else (one, other)
        return replace(kept, source=f"{kept.source}; {second.source}")
    lower_is_stricter = one.kind != "MIN"
    return one if (one.value < other.value) == lower_is_stricter else other


def _stricter_of(limits: Iterable[Limit]) -> list[Limit]:
    kept: dict[object, Limit] = {}
    for limit in limits:
        # the rungs of an ACTION ladder share all but their value: each is a row of its own
        rung = limit.value if limit.kind == "ACTION" else None
        key = (limit.quantity, limit.phase, limit.kind, limit.averaging_minutes, rung)
        kept[key] = _stricter(kept[key], limit) if key in kept else limit
    return list(kept.values())


@cache
def _loaded() -> Mapping[str, tuple[Limit, ...]]:
    """The limits of each regime, in the order of `regimes.toml` and of the tables."""
    regimes = tomllib.loads((TABLES / "regimes.toml").read_text(encoding="utf-8"))
    tables = {table: _rows(table) for entry in regimes.values() for table in entry["tables"]}
    loaded = {}
    for regime, entry in regimes.items():
        limits = [_limit(regime, table, row) for table in entry["tables"] for row in tables[table]]
        loaded[regime] = tuple(_stricter_of(limits) if entry.get("stricter_of") else limits)
    return MappingProxyType(loaded)


@cache
def _by_quantity() -> Mapping[tuple[str, str], tuple[Limit, ...]]:
    found: dict[tuple[str, str], tuple[Limit, ...]] = {}
    for limit in all_limits():
        key = (limit.regime, limit.quantity)
        found[key] = (*found.get(key, ()), limit)
    return MappingProxyType(found)


def regimes() -> tuple[str, ...]:
    """The regimes that there are, in the order of `regimes.toml`."""
    return tuple(_loaded())


def all_limits() -> tuple[Limit, ...]:
    """Every limit of every regime."""
    return tuple(limit for limits in _loaded().values() for limit in limits)


def limits_for(quantity: str, regimes: Iterable[str]) -> tuple[Limit, ...]:
    """The limits of one quantity under the given regimes, in the order of `regimes`; empty where there is none.

    Silica brings its rows for quartz and for cristobalite (`phase`). Raises ConfigError for an unknown regime.
    """
    wanted = tuple(regimes)
    for regime in wanted:
        if regime not in _loaded():
            raise ConfigError(f"regime: {regime!r} is no regime; {expected_one_of(regime, _loaded())}")
    return tuple(limit for regime in wanted for limit in _by_quantity().get((regime, quantity), ()))


def idlh(quantity: str) -> Limit | None:
    """The level immediately dangerous to life or health (NIOSH), the lowest phase of it; None where there is none."""
    rows = [limit for limit in all_limits() if limit.kind == "IDLH" and limit.quantity == quantity]
    return min(rows, key=lambda limit: limit.value, default=None)


def open_items() -> tuple[Mapping[str, str], ...]:
    """What the site's HSE officer still has to confirm, by language (`es`, `en`). Source: limits reference 9."""
    items = tomllib.loads((TABLES / "open_items.toml").read_text(encoding="utf-8"))["items"]
    return tuple(MappingProxyType(item) for item in items)


def msha_legacy_dust_limit(quartz_percent: float) -> float:
    """MSHA's limit of respirable dust before 30 CFR 60 [mg/m³], 10 / (quartz + 2).

    quartz_percent: share of quartz in the respirable sample [%], 0 to 100. It is a formula, so the regime
    `msha_legacy` has no row for it. Source: limits reference 1.3 (S34). Raises ValueError outside 0 to 100.
    """
    if not 0.0 <= quartz_percent <= 100.0:
        raise ValueError(f"quartz_percent is {quartz_percent}, expected 0 to 100")
    return 10.0 / (quartz_percent + 2.0)
