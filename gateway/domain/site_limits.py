"""The limits of one mine: the tables with its officer's signatures, and its own stricter limits (limits reference 6.7).

An entry of `[[limits]]` with the value of a row confirms that row: it shows as confirmed by whom and when. A stricter
value is a limit of the mine's own, regime `site`. A laxer one than the law of the alarm regimes is refused.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Final, NamedTuple

from gateway.domain.errors import ConfigError
from gateway.domain.limit import SITE_REGIME, Limit
from gateway.domain.limit_reader import in_canonical_unit, units_of
from gateway.domain.limits import all_limits, idlh, limits_for, substances
from gateway.domain.names import expected_one_of
from gateway.domain.quantities import COMBUSTIBLE, QUANTITIES
from gateway.domain.site import Site, SiteLimit

OWN_TABLE: Final = "SITE"
_OWN_MINUTES: Final[Mapping[str, tuple[int, ...]]] = {
    "TWA": (480,), "STEL": (15,), "CEILING": (0, 10, 15), "IDLH": (0,), "MIN": (0,), "MAX": (0,),
}  # fmt: skip
"""Averaging times of a mine's own limits by kind, the usual one first: windows that the gateway keeps live."""
_LONG: Final = 480
"""[min] TWAs of 8 and of 10 hours bound the same shift."""
_SAME: Final = 1e-9


class Signed(NamedTuple):
    """What an entry of `[[limits]]` comes to: rows of the tables that it confirms, signed, or a limit of the mine."""

    confirmed: Mapping[Limit, Limit]
    own: Limit | None


def limits_for_site(site: Site, quantity: str, regimes: Iterable[str]) -> tuple[Limit, ...]:
    """The limits of one quantity under the given regimes, signatures applied, then the mine's own: these always count.

    Raises ConfigError for an unknown regime, or for an entry of the site file that `check` refuses.
    """
    signed = [_signed(site, entry) for entry in site.limits if entry.quantity == quantity]
    return _applied(limits_for(quantity, regimes), signed)


def all_limits_for_site(site: Site, on: date | None = None) -> tuple[Limit, ...]:
    """Every limit of every regime as this mine signed it, then its own. on: as for `limits.all_limits`."""
    return _applied(all_limits(on), [_signed(site, entry) for entry in site.limits])


def _applied(rows: Iterable[Limit], signed: Sequence[Signed]) -> tuple[Limit, ...]:
    confirmed = {row: one for each in signed for row, one in each.confirmed.items()}
    own = (each.own for each in signed if each.own is not None)
    return (*(confirmed.get(row, row) for row in rows), *own)


def _signed(site: Site, entry: SiteLimit) -> Signed:
    names = {person.id: person.name for person in site.people}
    return resolve(entry, site.site.alarm_regimes, names.get(entry.confirmed_by, entry.confirmed_by))


def resolve(entry: SiteLimit, alarm_regimes: Iterable[str], signer: str) -> Signed:
    """What an entry comes to; signer: the person's name. Raises ConfigError, a sentence that begins with the key."""
    value, on = _value(entry), date.fromisoformat(entry.confirmed_on)
    if entry.regime is not None:
        return Signed({row: replace(row, confirmed_by=signer, confirmed_on=on)
                       for row in _rows_of_regime(entry, entry.regime, value)}, None)  # fmt: skip
    law = _alike(entry, limits_for(entry.quantity, (*alarm_regimes, *(("niosh",) if entry.kind == "IDLH" else ()))))
    equal = [row for row in law if math.isclose(row.value, value, rel_tol=_SAME)]
    if equal:
        return Signed({row: replace(row, confirmed_by=signer, confirmed_on=on) for row in equal}, None)
    minutes = _own_minutes(entry, law)
    _refuse_laxer(entry, value, [row for row in law if _same_window(row.averaging_minutes, minutes)])
    name = next(one.name for one in substances().values() if (one.quantity, one.phase) == (entry.quantity, entry.phase))
    return Signed({}, Limit(
        regime=SITE_REGIME, table=OWN_TABLE, quantity=entry.quantity, substance=name, kind=entry.kind,
        averaging_minutes=minutes, value=value, unit=QUANTITIES[entry.quantity].unit,
        source="internal limit of the mine", confidence="V", phase=entry.phase, edition="site file",
        version=entry.confirmed_on, confirmed_by=signer, confirmed_on=on,
    ))  # fmt: skip


def _value(entry: SiteLimit) -> float:
    """The value in the canonical unit of its quantity, once quantity, phase and unit are known to fit."""
    known = dict.fromkeys(one.quantity for one in substances().values())
    if entry.quantity not in known:
        expected = expected_one_of(entry.quantity, known, most=30)
        raise ConfigError(f"quantity: {entry.quantity!r} has no limits; {expected}")
    phases = [one.phase for one in substances().values() if one.quantity == entry.quantity]
    if entry.phase not in phases:
        named = [phase for phase in phases if phase]
        expected = f"expected one of {', '.join(named)}" if named else "expected none"
        raise ConfigError(f"phase: {entry.phase or 'missing'}: not of {entry.quantity!r}; {expected}")
    unit = entry.unit or QUANTITIES[entry.quantity].unit
    if unit not in units_of(entry.quantity):
        expected = expected_one_of(unit, units_of(entry.quantity))
        raise ConfigError(f"unit: {unit!r} is not a unit of {entry.quantity!r} limits; {expected}")
    return in_canonical_unit(entry.value, unit, entry.quantity)


def _alike(entry: SiteLimit, rows: Iterable[Limit]) -> list[Limit]:
    """The rows that the entry may be about: of its kind, phase and, where it names one, averaging time."""
    return [
        row for row in rows
        if (row.kind, row.phase) == (entry.kind, entry.phase)
        and entry.averaging_minutes in (None, row.averaging_minutes)
    ]  # fmt: skip


def _rows_of_regime(entry: SiteLimit, regime: str, value: float) -> list[Limit]:
    """The rows of a named regime that the entry confirms."""
    rows, unit = _alike(entry, limits_for(entry.quantity, [regime])), QUANTITIES[entry.quantity].unit
    if not rows:
        raise ConfigError(f"regime: {regime!r} has no such {entry.kind} of {entry.quantity}; expected one that has")
    equal = [row for row in rows if math.isclose(row.value, value, rel_tol=_SAME)]
    if not equal:
        known = " or ".join(f"{row.value:g}" for row in rows)
        raise ConfigError(
            f"value: {value:g} {unit} is not {regime}'s {entry.kind}, {known} {unit}; expected that value to confirm "
            "it, or no regime for a stricter limit of the mine's own"
        )
    return equal


def _own_minutes(entry: SiteLimit, law: Sequence[Limit]) -> int:
    """The averaging time of a limit of the mine's own, once its kind is known to fit the quantity."""
    kinds = ("MIN", "MAX") if entry.quantity == "o2" else ("CEILING",) if entry.quantity in COMBUSTIBLE else (
        "TWA", "STEL", "CEILING", *(("IDLH",) if law else ()))  # fmt: skip
    if entry.kind not in kinds:
        known = " or ".join(f"{row.value:g}" for row in law)
        raise ConfigError(
            f"kind: {entry.kind} {entry.value:g} cannot be a limit of the mine's own for {entry.quantity!r}; expected "
            f"one of {', '.join(kinds)}" + (f", or {known} to confirm the law's row" if known else "")
        )
    minutes = _OWN_MINUTES[entry.kind][0] if entry.averaging_minutes is None else entry.averaging_minutes
    if minutes not in _OWN_MINUTES[entry.kind]:
        expected = ", ".join(map(str, _OWN_MINUTES[entry.kind]))
        raise ConfigError(f"averaging_minutes: {minutes} does not fit a {entry.kind}; expected one of {expected}")
    return minutes


def _same_window(one: int, other: int) -> bool:
    return one == other or min(one, other) >= _LONG


def _refuse_laxer(entry: SiteLimit, value: float, law: Sequence[Limit]) -> None:
    """Never laxer than the law of the alarm regimes, nor above the level immediately dangerous."""
    danger = idlh(entry.quantity)
    floor = entry.kind == "MIN"
    bounds = law if floor or danger is None else [*law, danger]
    laxer = [row for row in bounds if (value < row.value) == floor]
    if laxer:
        row = (max if floor else min)(laxer, key=lambda one: one.value)
        raise ConfigError(
            f"value: {value:g} {row.unit} is laxer than {row.regime}'s {row.kind} {row.value:g} {row.unit} "
            f"({row.source}); expected {'more' if floor else 'less'} than {row.value:g}"
        )
