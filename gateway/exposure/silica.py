"""Respirable crystalline silica: calibrated respirable dust × the laboratory's fraction, and the dose of a life.

Source: limits reference 1.3, 4.6, 4.12. No sensor sees silica: without a laboratory's fraction there is no figure.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from gateway.domain.errors import ConfigError

HOURS_A_YEAR: Final = 2000.0
"""Working hours that make one year of a cumulative dose [D] (limits reference 4.6)."""


class CumulativeDose(NamedTuple):
    """A life's silica: mg_years [mg/m³·year] and the raw mg_hours [mg/m³·h], kept so that the year may change."""

    mg_years: float
    mg_hours: float


def silica_fraction(percent: float | None, phase: str = "quartz") -> float:
    """The laboratory's share of a phase in the *respirable* dust, 0 to 1; refuses without one, and rock's own assay.

    percent: by XRD (NIOSH 7500) or IR (NIOSH 7602, 7603), more than 0 and at most 100.
    """
    if percent is None:
        raise ConfigError(f"{phase}: no laboratory fraction of the respirable dust, so no silica can be given")
    if not 0.0 < percent <= 100.0:
        raise ConfigError(f"{phase} {percent:g} %: expected the laboratory's share, more than 0 and at most 100")
    return percent / 100.0


def respirable_silica(dust_mg_m3: float, percent: float | None, phase: str = "quartz") -> float:
    """C_RCS = C_resp · f_q [mg/m³] of calibrated respirable dust. Raises ConfigError without a laboratory's share."""
    return dust_mg_m3 * silica_fraction(percent, phase)


def cumulative_dose(shifts: Iterable[tuple[float, float]], *, hours_a_year: float = HOURS_A_YEAR) -> CumulativeDose:
    """CE = Σ C·h / H_y. shifts: (mean silica [mg/m³], hours) each."""
    if not hours_a_year > 0.0:
        raise ConfigError(f"hours a year {hours_a_year:g}: expected more than 0")
    total = 0.0
    for level, hours in shifts:
        if not (level >= 0.0 and hours >= 0.0):
            raise ConfigError(f"a shift of {hours:g} h at {level:g} mg/m3: expected 0 or more for both")
        total += level * hours
    return CumulativeDose(total / hours_a_year, total)
