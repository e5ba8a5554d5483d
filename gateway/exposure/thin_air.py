"""What altitude, warmth and wet do to readings: oxygen's pressure, infrared cells, and the standard atmosphere.

Limits in ppm and oxygen's in % by volume are never moved with altitude; these figures explain readings and correct
instruments. Source: limits reference 2.4, 4.7, 8.1.
"""

import math
from typing import Final

from gateway.domain.errors import ConfigError

DRY_OXYGEN: Final = 20.95
"""Oxygen in dry fresh air [%vol] (limits reference 4.7)."""
_SEA_LEVEL_HPA: Final = 1013.25
_TORR_IN_HPA: Final = 1013.25 / 760.0


def isa_pressure_hpa(altitude_m: float) -> float:
    """Standard atmosphere, P = 1013.25·(1 − 2.25577e-5·h)^5.25588 [hPa]; in the Andes West's model is nearer."""
    if not -500.0 <= altitude_m <= 11_000.0:
        raise ConfigError(f"altitude {altitude_m:g} m: expected -500 to 11000")
    return float(_SEA_LEVEL_HPA * (1.0 - 2.25577e-5 * altitude_m) ** 5.25588)


def oxygen_pressure_torr(pressure_hpa: float, percent: float = DRY_OXYGEN) -> float:
    """Partial pressure of oxygen [torr], for the medical record: the law counts % by volume."""
    return percent / 100.0 * _positive(pressure_hpa) / _TORR_IN_HPA


def uncompensated_oxygen(pressure_hpa: float, percent: float = DRY_OXYGEN) -> float:
    """What a partial-pressure cell that was spanned at sea level reads in this air [%vol]."""
    return percent * _positive(pressure_hpa) / _SEA_LEVEL_HPA


def oxygen_in_saturated_air(temperature_c: float, pressure_hpa: float) -> float:
    """Oxygen of fresh air that is full of water vapour [%vol]; vapour by Magnus, 6.112·exp(17.62·t/(243.12+t)) hPa."""
    if not -40.0 <= temperature_c <= 60.0:
        raise ConfigError(f"temperature {temperature_c:g} degC: expected -40 to 60")
    vapour = 6.112 * math.exp(17.62 * temperature_c / (243.12 + temperature_c))
    return DRY_OXYGEN * max(0.0, 1.0 - vapour / _positive(pressure_hpa))


def corrected_infrared(reading: float, temperature_c: float, pressure_hpa: float) -> float:
    """Infrared: c = c_meas · 1013·(t + 273) / (298·P) of an NDIR cell, in the unit of the reading.

    It counts molecules: uncorrected CO2 at 4,000 m reads 63 % of the truth, unsafely low (reference 8.1, S56).
    """
    if not -40.0 <= temperature_c <= 60.0:
        raise ConfigError(f"temperature {temperature_c:g} degC: expected -40 to 60")
    return reading * 1013.0 * (temperature_c + 273.0) / (298.0 * _positive(pressure_hpa))


def _positive(pressure_hpa: float) -> float:
    if not (pressure_hpa > 0.0 and math.isfinite(pressure_hpa)):
        raise ConfigError(f"pressure {pressure_hpa:g} hPa: expected more than 0")
    return pressure_hpa
