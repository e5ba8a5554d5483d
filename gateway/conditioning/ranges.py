"""What is known of each configured sensor before its first sample: range, warm-up, and which rules of health apply."""

from collections.abc import Mapping
from datetime import date
from typing import Final

from gateway.domain.quantities import QUANTITIES, TOXIC
from gateway.domain.site import SensorConfig, Site, Source

GASES: Final = TOXIC | {"ch4", "h2", "o2"}
DUST: Final = frozenset(
    ["pm1", "pm2_5", "pm4", "pm10", "dust_respirable", "dust_inhalable", "silica_respirable", "dpm", "dpm_tc", "dpm_ec"]
)
AIR: Final = frozenset(["air_velocity", "air_flow"])
CELLS: Final = GASES - {"o2", "co2", "hg"}
"""Electrochemical cells and pellistors: too much gas may blind them (limits reference 6.5, 8.1). Oxygen has its full
scale in every breath; NDIR and UV instruments (CO2, mercury) recover by themselves."""

NEVER_NEGATIVE: Final = GASES | DUST
"""A value clearly below zero is a fault of the cell. Air that turns back is no fault."""
RANGED: Final = GASES | DUST | AIR | {"pressure_diff"}
"""The end of the range means "at least this". Humidity of 100 % and a fan that runs (1 of 1) are plain values."""
LSBS_A_LOD: Final = 3.0
"""The limit of detection is taken as three least steps of the channel [D]: a step is the smallest noise it can show,
and a LOD is three times the noise."""
LODS_PRESENT: Final = 3.0
"""From here on a gas is clearly there, or clearly not: the reference's measure for under-range (6.5)."""
_DAYS_OF_A_YEAR: Final = 365.25
CAN_STICK: Final = frozenset(name for name in GASES | AIR if QUANTITIES[name].rest is not None)
"""Quantities with a rest value (limits reference 6.5); never temperature, humidity, pressure, battery, signal, fan."""


def resolve_full_scale(site: Site, drivers: Mapping[str, Mapping[str, float]]) -> list[float | None]:
    """End of range of each sensor [canonical unit]: the site's key, else the driver's, else the quantity's default.

    `drivers`: driver name → its full_scale table, by channel or quantity.
    """
    return [_full_scale(sensor, _source(site, sensor), drivers) for sensor in site.sensors]


def resolve_warm_up(site: Site, drivers: Mapping[str, float]) -> list[float]:
    """Warm-up of each sensor [s]: the site's key, else the driver's (`drivers`: driver name → seconds), else 0."""
    found = []
    for sensor in site.sensors:
        source = _source(site, sensor)
        default = drivers.get(source.driver, 0.0) if source is not None and source.driver else 0.0
        found.append(default if sensor.warm_up_s is None else sensor.warm_up_s)
    return found


def resolve_resolution(sensor: SensorConfig) -> float:
    """One LSB of the sensor [canonical unit]: the site's key, else the quantity's; 0 when unknown."""
    if sensor.resolution is not None:
        return sensor.resolution
    info = QUANTITIES.get(sensor.quantity)
    return info.resolution if info else 0.0


def resolve_noise(sensor: SensorConfig, on: date | None) -> float:
    """Noise and drift since the last calibration [canonical unit]: what the channel cannot tell apart (reference 6.7).

    The larger of one LSB and the site's `noise`, and `drift_per_year` from the calibration's date to `on`; no drift
    without a date of calibration, or with None.
    """
    calibrated = sensor.calibration.date if sensor.calibration is not None else None
    drift = 0.0
    if on is not None and calibrated is not None and sensor.drift_per_year:
        drift = sensor.drift_per_year * max(0, (on - date.fromisoformat(calibrated)).days) / _DAYS_OF_A_YEAR
    return max(resolve_resolution(sensor), sensor.noise or 0.0) + drift


def _source(site: Site, sensor: SensorConfig) -> Source | None:
    return next((source for source in site.sources if source.id == sensor.source), None)


def _full_scale(
    sensor: SensorConfig, source: Source | None, drivers: Mapping[str, Mapping[str, float]]
) -> float | None:
    if sensor.full_scale is not None:
        return sensor.full_scale
    table = drivers.get(source.driver, {}) if source is not None and source.driver else {}
    own = table.get(sensor.channel, table.get(sensor.quantity))
    if own is not None:
        return own
    info = QUANTITIES.get(sensor.quantity)
    return info.full_scale if info else None
