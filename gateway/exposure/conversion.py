"""Between ppm, %vol and mass per volume. Limits and measurements convert by two functions, never one.

A rule book's ppm and mg/m³ belong together at the rule book's own conditions; a measurement's at the air's.
Source of the formulas: limits reference 4.7.
"""

import math
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from gateway.domain.errors import ConfigError
from gateway.domain.limits import substances
from gateway.domain.names import expected_one_of
from gateway.domain.quantities import QUANTITIES

GAS_CONSTANT: Final = 8.314462618
"""R [kPa·L/(mol·K)], CODATA 2018 (limits reference 4.7)."""
LIMIT_MOLAR_VOLUME: Final = 24.45
"""[L/mol] at 25 °C and 760 mmHg, as the US limit tables print and use it (limits reference 4.7, S47)."""
STANDARD_TEMPERATURE_C: Final = 25.0
STANDARD_PRESSURE_HPA: Final = 1013.25
_ZERO_C_IN_K: Final = 273.15
_TORR_IN_HPA: Final = 1013.25 / 760.0

# unit as people write it → (kind, how many of it make one ppm, one mg/m³, or one of itself)
_UNITS: Final[Mapping[str, tuple[str, float]]] = {
    "ppm": ("volume", 1.0),
    "ppb": ("volume", 1e3),
    "%vol": ("volume", 1e-4),
    "mg/m3": ("mass", 1.0),
    "ug/m3": ("mass", 1e3),
}


_PARTICLES: Final = frozenset({"silica_respirable", "dpm_ec"})
"""They have a formula, but no ppm: what is no gas has no volume in air."""


@cache
def molar_masses() -> Mapping[str, float]:
    """Molar mass [g/mol] of each quantity that has one (limits reference 1.1)."""
    return MappingProxyType({
        one.quantity: one.molar_mass
        for one in substances().values()
        if one.molar_mass and one.quantity not in _PARTICLES
    })


def canonical_unit_name(unit: str) -> str:
    """A unit as people write it (µg/m³, % v/v …) in the spelling of the interface."""
    plain = unit.strip().replace("³", "3").replace("µ", "u").replace("μ", "u").replace(" ", "")
    return {"%v/v": "%vol", "vol%": "%vol", "%": "%vol"}.get(plain.lower(), plain)


def molar_volume_l(temperature_c: float = STANDARD_TEMPERATURE_C, pressure_hpa: float = STANDARD_PRESSURE_HPA) -> float:
    """Vm = R·T/P [L/mol]; 24.465 at 25 °C and 1013.25 hPa."""
    if not (temperature_c > -_ZERO_C_IN_K and math.isfinite(temperature_c)):
        raise ConfigError(f"temperature {temperature_c:g} degC: expected more than -273.15")
    if not (pressure_hpa > 0.0 and math.isfinite(pressure_hpa)):
        raise ConfigError(f"pressure {pressure_hpa:g} hPa: expected more than 0")
    return GAS_CONSTANT * (temperature_c + _ZERO_C_IN_K) / (pressure_hpa / 10.0)


def west_pressure_hpa(altitude_m: float) -> float:
    """Barometric pressure of the tropical Andes by West's model [hPa]; altitude −500 to 9000 m."""
    if not -500.0 <= altitude_m <= 9000.0:
        raise ConfigError(f"altitude {altitude_m:g} m: expected -500 to 9000")
    km = altitude_m / 1000.0
    return math.exp(6.63268 - 0.1112 * km - 0.00149 * km * km) * _TORR_IN_HPA


def standard_or_given_pressure_hpa(pressure_hpa: float | None, altitude_m: float | None) -> float:
    """The air's pressure from what a person gave: itself, West's model of the altitude, or the standard one [hPa]."""
    if pressure_hpa is not None and altitude_m is not None:
        raise ConfigError("--pressure and --altitude: expected one of them, not both")
    if altitude_m is not None:
        return west_pressure_hpa(altitude_m)
    return STANDARD_PRESSURE_HPA if pressure_hpa is None else pressure_hpa


def check_substance(name: str) -> str:
    """The identifier of a substance that can be converted; ConfigError with the nearest name for any other."""
    quantity = name.strip().lower()
    if quantity not in QUANTITIES:
        raise ConfigError(f"--substance: {name!r} is not known; {expected_one_of(quantity, molar_masses(), most=20)}")
    return quantity


def limit_mg_m3_from_ppm(ppm: float, molar_mass: float) -> float:
    """A *limit* in mg/m³ from ppm, at 25 °C and 760 mmHg whatever the site's air is."""
    return ppm * molar_mass / LIMIT_MOLAR_VOLUME


def limit_ppm_from_mg_m3(mg_m3: float, molar_mass: float) -> float:
    """A *limit* in ppm from mg/m³, at 25 °C and 760 mmHg whatever the site's air is."""
    return mg_m3 * LIMIT_MOLAR_VOLUME / molar_mass


def measurement_factor(quantity: str, unit: str, to: str, molar_volume: float) -> float:
    """What a *measurement* in `unit` is multiplied by to be in `to`, in air of this molar volume [L/mol].

    Raises ConfigError when the two units cannot be converted into one another for this quantity.
    """
    unit, to = canonical_unit_name(unit), canonical_unit_name(to)
    if unit == to:
        return 1.0
    if unit not in _UNITS or to not in _UNITS:
        wrong = unit if unit not in _UNITS else to
        raise ConfigError(f"{quantity}: unit {wrong!r} cannot be converted; {expected_one_of(wrong, _UNITS)}")
    canonical = QUANTITIES[quantity].unit
    if canonical not in _UNITS:
        raise ConfigError(f"{quantity}: it is measured in {canonical} and is no concentration")
    (kind, per), (to_kind, to_per) = _UNITS[unit], _UNITS[to]
    mass = molar_masses().get(quantity)
    if kind == to_kind and (mass is not None or _UNITS[canonical][0] == kind):
        return to_per / per
    if mass is None:
        raise ConfigError(f"{quantity}: no molar mass, so {unit} cannot become {to}")
    return to_per / per * (mass / molar_volume if kind == "volume" else molar_volume / mass)
