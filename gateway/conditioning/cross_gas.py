"""Gases that drive the cells of other gases below zero: such a cell is not faulty, and its reading is no reading.

Source: limits reference 6.5 (under-range, cross-gas) and the table of cross-sensitivities in 8.1.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.conditioning.ranges import LODS_PRESENT, LSBS_A_LOD, resolve_resolution
from gateway.conditioning.stale import max_age_us
from gateway.domain.moment import NO_TIME, SECOND_US
from gateway.domain.site import SensorConfig

NO2_RAISED_PPM: Final = 2.0
AFTER_US: Final = 30 * 60 * SECOND_US
DRIVEN_BY_NO2: Final = frozenset(["so2", "h2s", "hcn", "co", "nh3"])
"""From 2 ppm NO2 and for 30 min after, these cells go below zero without being faulty (limits reference 6.5)."""
DRIVES_NO2: Final = frozenset(["h2s", "so2"])
"""With these present an NO2 cell goes below zero: both are suspect then (limits reference 6.5, 8.1). They are present
from three limits of detection of their cell on, and for 30 min after as above [D]."""


class CrossGas:
    """By zone: until when NO2 drives other cells, others drive the NO2 cell, and both are suspect [engine time µs]."""

    def __init__(self, sensors: Sequence[SensorConfig]) -> None:
        self._zone = [sensor.zone for sensor in sensors]
        self._is_no2 = [sensor.quantity == "no2" for sensor in sensors]
        self._driven_by_no2 = [sensor.quantity in DRIVEN_BY_NO2 for sensor in sensors]
        self.drives_no2 = [sensor.quantity in DRIVES_NO2 for sensor in sensors]
        self.drives_from = [_drives_from(sensor) for sensor in sensors]
        """From this value on a sensor's gas drives others [canonical unit]; infinite for all that never do."""
        self._max_age = [max_age_us(sensor) for sensor in sensors]
        self._no2_until: dict[str, int] = {}
        self._others_until: dict[str, int] = {}
        self._suspect_until: dict[str, int] = {}

    def raised(self, sensor: int, now_us: int) -> None:
        """A usable live value at or above `drives_from`."""
        until = self._no2_until if self._is_no2[sensor] else self._others_until
        until[self._zone[sensor]] = now_us + AFTER_US

    def explains(self, sensor: int, now_us: int) -> bool:
        """Whether another gas explains that this cell is below zero."""
        zone = self._zone[sensor]
        if self._is_no2[sensor]:
            return now_us < self._others_until.get(zone, NO_TIME)
        return self._driven_by_no2[sensor] and now_us < self._no2_until.get(zone, NO_TIME)

    def crossed(self, sensor: int, now_us: int) -> None:
        """A live value below zero that is explained. Where it is NO2's, those that explain it are suspect as well."""
        if self._is_no2[sensor]:
            self._suspect_until[self._zone[sensor]] = now_us + self._max_age[sensor]

    def is_suspect(self, sensor: int, now_us: int) -> bool:
        """Whether the NO2 cell beside this H2S or SO2 cell is driven below zero now (or was, when it last spoke)."""
        return self.drives_no2[sensor] and now_us < self._suspect_until.get(self._zone[sensor], NO_TIME)

    def dump(self) -> dict[str, Any]:
        """State by zone id."""
        no2, others, suspect = (dict(x) for x in (self._no2_until, self._others_until, self._suspect_until))
        return {"no2": no2, "others": others, "suspect": suspect}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take up what `dump` gave."""
        self._no2_until = dict(state["no2"])
        self._others_until, self._suspect_until = dict(state["others"]), dict(state["suspect"])


def _drives_from(sensor: SensorConfig) -> float:
    if sensor.quantity == "no2":
        return NO2_RAISED_PPM
    if sensor.quantity in DRIVES_NO2 and (resolution := resolve_resolution(sensor)) > 0.0:
        return LODS_PRESENT * LSBS_A_LOD * resolution
    return float("inf")
