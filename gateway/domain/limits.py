"""The limit tables of the package: what each rule book says of each quantity.

The data are under `limit_tables/` (`limit_reader` says how they are laid out); the site's own signatures and stricter
limits are added by `site_limits`. Values are held in the canonical unit of their quantity.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from gateway.domain.errors import ConfigError
from gateway.domain.limit import FormulaLimit, Limit, Substance
from gateway.domain.limit_reader import Regime, read_regimes, read_substances
from gateway.domain.names import expected_one_of

__all__ = [
    "TABLES", "FormulaLimit", "Limit", "Substance", "all_limits", "formulas", "idlh", "limits_for",
    "msha_legacy_dust_limit", "open_items", "regimes", "stricter_of", "substances",
]  # fmt: skip

TABLES: Final = Path(__file__).with_name("limit_tables")


@cache
def substances() -> Mapping[str, Substance]:
    """Every substance of the tables by its English name."""
    return read_substances(TABLES)


@cache
def _regimes() -> Mapping[str, Regime]:
    return read_regimes(TABLES)


def _stricter(one: Limit, other: Limit) -> Limit:
    """The stricter of two rows that are equal in kind; with equal values the one confirmed, naming both sources."""
    if one.value == other.value:
        kept, second = (other, one) if other.confirmed and not one.confirmed else (one, other)
        return replace(kept, source=f"{kept.source}; {second.source}")
    lower_is_stricter = one.kind != "MIN"
    return one if (one.value < other.value) == lower_is_stricter else other


def stricter_of(limits: Iterable[Limit]) -> tuple[Limit, ...]:
    """One row of each quantity, phase, kind and averaging time, the strictest; every rung of an ACTION ladder."""
    kept: dict[object, Limit] = {}
    for limit in limits:
        # the rungs of an ACTION ladder share all but their value: each is a row of its own
        rung = limit.value if limit.kind == "ACTION" else None
        key = (limit.quantity, limit.phase, limit.kind, limit.averaging_minutes, rung)
        kept[key] = _stricter(kept[key], limit) if key in kept else limit
    return tuple(kept.values())


@cache
def _in_force(name: str, on: date | None) -> tuple[Limit, ...]:
    regime = _regimes()[name]
    limits = tuple(limit for limit in regime.limits if limit.in_force(on))
    return stricter_of(limits) if regime.stricter_of else limits


@cache
def _by_quantity(regime: str, on: date | None) -> Mapping[str, tuple[Limit, ...]]:
    found: dict[str, tuple[Limit, ...]] = {}
    for limit in _in_force(regime, on):
        found[limit.quantity] = (*found.get(limit.quantity, ()), limit)
    return MappingProxyType(found)


def regimes() -> tuple[str, ...]:
    """The regimes that there are, in their order."""
    return tuple(_regimes())


def all_limits(on: date | None = None) -> tuple[Limit, ...]:
    """Every limit of every regime. on: as it stood that day; None: of the newest edition."""
    return tuple(limit for regime in regimes() for limit in _in_force(regime, on))


def formulas() -> tuple[FormulaLimit, ...]:
    """Limits that are no numbers: MSHA's silica before 30 CFR 60."""
    return tuple(formula for regime in _regimes().values() for formula in regime.formulas)


def limits_for(quantity: str, regimes: Iterable[str], on: date | None = None) -> tuple[Limit, ...]:
    """The limits of one quantity under the given regimes, in the order of `regimes`; empty where there is none.

    Silica brings its rows for quartz and for cristobalite (`phase`). on: as they stood that day; None: of the newest
    edition. Raises ConfigError for an unknown regime.
    """
    wanted = tuple(regimes)
    for regime in wanted:
        if regime not in _regimes():
            raise ConfigError(f"regime: {regime!r} is no regime; {expected_one_of(regime, _regimes())}")
    return tuple(limit for regime in wanted for limit in _by_quantity(regime, on).get(quantity, ()))


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

    quartz_percent: share of quartz in the respirable sample [%], 0 to 100. Source: limits reference 1.3 (S34). Raises
    ValueError outside 0 to 100.
    """
    (quartz,) = (one for one in formulas() if one.regime == "msha_legacy" and one.phase == "quartz")
    return quartz.at(quartz_percent)
