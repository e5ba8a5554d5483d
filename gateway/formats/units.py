"""From the units that senders use to the one unit that each quantity has inside Bocamina."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.domain.quantities import QUANTITIES

Conversion = tuple[float, float, float]
"""canonical = value · multiplier ÷ divisor + offset. Two whole factors: 101325 Pa ÷ 100 is exact, · 0.01 is not."""

_BY_UNIT: Final[Mapping[str, Mapping[str, Conversion]]] = {
    "ppm": {"ppb": (1, 1e3, 0), "/100": (1e4, 1, 0), "%vol": (1e4, 1, 0), "/1000": (1e3, 1, 0), "/": (1e6, 1, 0)},
    "%vol": {"/100": (1, 1, 0), "ppm": (1, 1e4, 0), "ppb": (1, 1e7, 0), "/1000": (1, 10, 0), "/": (100, 1, 0)},
    "%RH": {"/100": (1, 1, 0), "/": (100, 1, 0)},
    "ug/m3": {"mg/m3": (1e3, 1, 0), "kg/m3": (1e9, 1, 0)},
    "mg/m3": {"ug/m3": (1, 1e3, 0), "kg/m3": (1e6, 1, 0)},
    "m/s": {"km/h": (10, 36, 0)},
    "m3/s": {"l/s": (1, 1e3, 0)},
    "deg": {"rad": (180, math.pi, 0)},
    "degC": {"Cel": (1, 1, 0), "K": (1, 1, -273.15)},
    "hPa": {"Pa": (1, 100, 0)},
    "Pa": {"hPa": (100, 1, 0)},
    "rpm": {"1/min": (1, 1, 0), "1/s": (60, 1, 0), "Hz": (60, 1, 0)},
    "V": {"mV": (1, 1e3, 0)},
    "dBm": {"dBW": (1, 1, 30)},
    "um": {"mm": (1e3, 1, 0), "m": (1e6, 1, 0)},
}
"""Per canonical unit: the registered units of RFC 8428 (12.1) and RFC 8798 that mean the same physical thing.

`%` stands in no row: old lists give it as a ratio (1 = 100 %), other senders mean percent. `ppm` ↔ `mg/m3` of a gas
stands in none either: it needs temperature and pressure, which a payload does not tell.
"""


def _table() -> Mapping[tuple[str, str | None], Conversion | None]:
    table: dict[tuple[str, str | None], Conversion | None] = {}
    for quantity, info in QUANTITIES.items():
        table[quantity, None] = table[quantity, info.unit] = None
        for unit, conversion in _BY_UNIT.get(info.unit, {}).items():
            table[quantity, unit] = conversion
    return MappingProxyType(table)


CONVERSIONS: Final = _table()
"""(quantity, unit as sent) → conversion, None where nothing is to do; a missing key means: cannot be converted.

No unit at all counts as the canonical one (RFC 8428 allows records without a unit; our own firmware always sends it).
"""


def to_canonical(quantity: str, value: float, unit: str | None) -> float | None:
    """`value` [unit] in the canonical unit of `quantity`; None when that unit cannot be converted to it."""
    try:
        conversion = CONVERSIONS[quantity, unit]
    except KeyError:
        return None
    if conversion is None:
        return value
    multiplier, divisor, offset = conversion
    return value * multiplier / divisor + offset
