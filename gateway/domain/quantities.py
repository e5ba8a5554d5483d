"""What is measured, and the one unit that each quantity has inside Bocamina."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

TOXIC: Final = frozenset(["co", "co2", "no", "no2", "so2", "h2s", "hcn", "nh3", "o3", "ch2o", "c3h4o", "hg"])
"""Gases and vapours of which more is worse and whose fresh-air value is (nearly) zero, CO2 apart."""

DUST: Final = frozenset(["pm1", "pm2_5", "pm4", "pm10"])
"""Mass of an optical dust sensor: never a respirable fraction without a site factor (limits reference 4.12)."""

COMBUSTIBLE: Final = frozenset(["ch4", "h2"])
"""Gases that burn, measured in %vol."""


@dataclass(frozen=True, slots=True)
class QuantityInfo:
    """A quantity's unit and the defaults of a usual cell for it.

    full_scale: usual range of the cell [unit], None where no usual one exists.
    resolution: one LSB [unit]. rest: the value in fresh, still air [unit], None where there is none.
    t90_s: time to reach 90 % of a step [s]. Source: limits reference 8.1 (tables of cells) and 8.2 (dust).
    """

    unit: str
    full_scale: float | None = None
    resolution: float = 0.0
    rest: float | None = None
    t90_s: float = 30.0


def _table() -> Mapping[str, QuantityInfo]:
    gas = {
        "co": QuantityInfo("ppm", 1000.0, 1.0, 0.0, 30.0),
        "co2": QuantityInfo("ppm", 50000.0, 1.0, None, 30.0),
        "no": QuantityInfo("ppm", 100.0, 0.5, 0.0, 45.0),
        "no2": QuantityInfo("ppm", 20.0, 0.1, 0.0, 30.0),
        "so2": QuantityInfo("ppm", 20.0, 0.1, 0.0, 30.0),
        "h2s": QuantityInfo("ppm", 100.0, 0.1, 0.0, 30.0),
        "hcn": QuantityInfo("ppm", 50.0, 0.1, 0.0, 120.0),
        "nh3": QuantityInfo("ppm", 100.0, 1.0, 0.0, 60.0),
        "o3": QuantityInfo("ppm", 10.0, 0.01, 0.0, 60.0),
        "ch2o": QuantityInfo("ppm", 5.0, 0.01, 0.0, 60.0),
        "c3h4o": QuantityInfo("ppm", None, 0.01, 0.0, 60.0),
        "ch4": QuantityInfo("%vol", 5.0, 0.05, 0.0, 30.0),
        "h2": QuantityInfo("%vol", 4.0, 0.01, 0.0, 60.0),
        "o2": QuantityInfo("%vol", 25.0, 0.1, 20.9, 15.0),
        "hg": QuantityInfo("ug/m3", 1000.0, 0.1, 0.0, 10.0),
    }
    dust = {name: QuantityInfo("ug/m3", 1000.0, 1.0, None, 10.0) for name in sorted(DUST)}
    mass = {
        name: QuantityInfo("mg/m3")
        for name in ("dust_respirable", "dust_inhalable", "silica_respirable", "dpm", "dpm_tc", "dpm_ec")
    }
    air = {
        "air_velocity": QuantityInfo("m/s", 30.0, 0.01, 0.0, 1.0),
        "air_flow": QuantityInfo("m3/s", None, 0.01, 0.0, 1.0),
        "air_direction": QuantityInfo("deg", 360.0, 1.0),
        "temperature": QuantityInfo("degC", 125.0, 0.1),
        "humidity": QuantityInfo("%RH", 100.0, 0.1),
        "pressure": QuantityInfo("hPa", 1100.0, 0.1),
        "pressure_diff": QuantityInfo("Pa", None, 0.1),
        "fan_speed": QuantityInfo("rpm"),
        "fan_running": QuantityInfo("bool", 1.0, 1.0),
        "battery": QuantityInfo("V"),
        "rssi": QuantityInfo("dBm"),
        "particle_size": QuantityInfo("um"),
    }
    counts = {
        name: QuantityInfo("1/cm3") for name in ("nc0_3", "nc0_5", "nc1", "nc2_5", "nc4", "nc5", "nc10")
    }
    return MappingProxyType({**gas, **dust, **mass, **air, **counts})


QUANTITIES: Final[Mapping[str, QuantityInfo]] = _table()


def unit_of(quantity: str) -> str | None:
    """The canonical unit of a quantity, None for a device's own channel name."""
    info = QUANTITIES.get(quantity)
    return info.unit if info else None
