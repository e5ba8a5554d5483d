"""Cells that may have lost their sense, and what gives the trust back (limits reference 6.5, over-range and bumps)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.conditioning.ranges import CELLS, resolve_resolution
from gateway.conditioning.stale import max_age_us
from gateway.domain.moment import NO_TIME, SECOND_US
from gateway.domain.site import SensorConfig

ZERO_LSBS: Final = 3.0
"""A cell is back at its own zero within this many steps (limits reference 6.5)."""

_OVER: Final = 1
"""It was over range: it must come back to its zero and respond to gas once more."""
_ZEROED: Final = 2
_TESTED: Final = 4
"""Of these two, what it has shown since."""
_SILENT: Final = 8
"""It kept silent at blasts that its neighbours saw."""
_FAILED: Final = 16
"""A person tested it with gas, and it failed."""
_MINUTE_US: Final = 60 * SECOND_US


class Doubt:
    """Per sensor: whether it is suspect, and how long a cell was over range in its life."""

    def __init__(self, sensors: Sequence[SensorConfig]) -> None:
        self._ids = [sensor.id for sensor in sensors]
        self._is_cell = [sensor.quantity in CELLS for sensor in sensors]
        self._zero_band = [ZERO_LSBS * resolve_resolution(sensor) for sensor in sensors]
        self._hold = [max_age_us(sensor) for sensor in sensors]
        self._flags = [0] * len(sensors)
        self._over_at = [NO_TIME] * len(sensors)  # newest sample over range, NO_TIME once one was below
        self._over_us = [0] * len(sensors)

    def is_suspect(self, sensor: int) -> bool:
        """Whether its good samples are doubtful now."""
        return bool(self._flags[sensor] & (_OVER | _SILENT | _FAILED))

    def is_open(self, sensor: int) -> bool:
        """Whether its next samples can change anything here."""
        return self._flags[sensor] != 0 or self._over_at[sensor] != NO_TIME

    def minutes_over_range(self, sensor: int) -> float:
        """Time that this cell has spent over range since it is known here [min]."""
        return self._over_us[sensor] / _MINUTE_US

    def over(self, sensor: int, now_us: int) -> None:
        """A live sample over range: what the cell had shown since the last time counts no more."""
        if not self._is_cell[sensor]:
            return
        self._add(sensor, now_us)
        self._over_at[sensor] = now_us
        self._flags[sensor] = (self._flags[sensor] | _OVER) & ~(_ZEROED | _TESTED)

    def in_range(self, sensor: int, value: float, now_us: int, *, good: bool) -> None:
        """A usable live sample in range [canonical unit, calibrated]; only a good one shows the zero."""
        self._add(sensor, now_us)
        self._over_at[sensor] = NO_TIME
        if good and self._flags[sensor] & _OVER and abs(value) <= self._zero_band[sensor]:
            self._flags[sensor] |= _ZEROED
            self._settle(sensor)

    def silent(self, sensor: int) -> None:
        """It did not answer blasts that its neighbours answered."""
        self._flags[sensor] |= _SILENT

    def answered(self, sensor: int) -> None:
        """It answered a blast: proof of response, once it was back at its zero. It does not outweigh a failed test."""
        self._flags[sensor] &= ~_SILENT
        if self._flags[sensor] & _ZEROED:
            self._flags[sensor] &= ~(_OVER | _ZEROED | _TESTED)

    def tested(self, sensor: int, *, passed: bool) -> None:
        """A person gave it gas. Its zero may come before the test or after it."""
        if not passed:
            self._flags[sensor] |= _FAILED
            return
        self._flags[sensor] &= ~(_SILENT | _FAILED)
        if self._flags[sensor] & _OVER:
            self._flags[sensor] |= _TESTED
            self._settle(sensor)

    def _settle(self, sensor: int) -> None:
        if self._flags[sensor] & _ZEROED and self._flags[sensor] & _TESTED:
            self._flags[sensor] &= ~(_OVER | _ZEROED | _TESTED)

    def _add(self, sensor: int, now_us: int) -> None:
        """A sample over range stands until the next one, at most as long as the sensor may be silent."""
        since = self._over_at[sensor]
        if since != NO_TIME:
            self._over_us[sensor] += min(max(now_us - since, 0), self._hold[sensor])

    def dump(self) -> dict[str, Any]:
        """State by sensor id, of those that have one."""
        return {
            name: [self._flags[i], self._over_at[i], self._over_us[i]]
            for i, name in enumerate(self._ids)
            if self._flags[i] or self._over_us[i] or self._over_at[i] != NO_TIME
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Take up what `dump` gave; a sensor that is no cell any more keeps what people and blasts said of it."""
        for i, name in enumerate(self._ids):
            self._flags[i], self._over_at[i], self._over_us[i] = state.get(name, (0, NO_TIME, 0))
            if not self._is_cell[i]:
                self._flags[i] &= _SILENT | _FAILED
                self._over_at[i], self._over_us[i] = NO_TIME, 0
