"""What people and their work let into the air: shots, drilling, breath. Amounts as `Air.release` takes them.

Figures marked [D] are guesses of a plausible size for a small mine; no rule or data sheet gives them.
"""

from typing import Final

from firmware_sim.air import amount

CO_M3_PER_KG: Final = 0.015
NOX_M3_PER_KG: Final = 0.004
"""Fumes of a kilogram of explosive: middle of 0.010–0.020 m3 CO and 0.002–0.006 m3 NOx (limits reference 7.2)."""
NO2_SHARE: Final = 0.12
"""Of the NOx, by the time it reaches a sensor; the rest is still NO [D]."""
CO2_M3_PER_KG: Final = 0.10
"""[D]"""
PM10_G_PER_KG: Final = 5.0
PM2_5_SHARE: Final = 0.15
PM1_SHARE: Final = 0.06
PM4_SHARE: Final = 0.35
"""Airborne dust of a shot per kilogram of explosive, and the finer parts of it [D]."""
PUFF_S: Final = 15.0
"""How long the cloud of a shot takes to fill its heading [D]."""

CO2_M3_S_PER_PERSON: Final = 1.0e-3 / 60
O2_M3_S_PER_PERSON: Final = 1.2e-3 / 60
"""Breath at moderate work: 1.0 L/min CO2 out, 1.2 L/min O2 in [D]."""

DRILL_PM10_G_S: Final = 0.010
"""One dry rock drill [D]."""


def shot(explosive_kg: float) -> dict[str, float]:
    """What a blast of so much explosive [kg] leaves in its heading."""
    nox = NOX_M3_PER_KG * explosive_kg
    return {
        "co": amount("co", CO_M3_PER_KG * explosive_kg),
        "no2": amount("no2", NO2_SHARE * nox),
        "no": amount("no", (1 - NO2_SHARE) * nox),
        "co2": amount("co2", CO2_M3_PER_KG * explosive_kg),
        **dust(PM10_G_PER_KG * explosive_kg),
    }


def dust(pm10_g: float) -> dict[str, float]:
    """Rock dust of so many grams in PM10, with its finer parts."""
    shares = {"pm10": 1.0, "pm4": PM4_SHARE, "pm2_5": PM2_5_SHARE, "pm1": PM1_SHARE}
    return {species: amount(species, share * pm10_g) for species, share in shares.items()}


def breath(people: int) -> dict[str, float]:
    """What people at work do to the air, per second."""
    return {
        "co2": amount("co2", CO2_M3_S_PER_PERSON * people),
        "o2": amount("o2", -O2_M3_S_PER_PERSON * people),
    }


def drilling(drills: int) -> dict[str, float]:
    """What dry drilling does to the air, per second."""
    return dust(DRILL_PM10_G_S * drills)
