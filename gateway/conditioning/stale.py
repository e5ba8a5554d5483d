"""Silence: a sensor without a valid sample for too long is a hazard, and says so once."""

from collections.abc import Sequence
from typing import Any, Final

from gateway.domain.moment import NO_TIME, SECOND_US, Moment
from gateway.domain.site import SensorConfig

SHORTEST_S: Final = 30.0
PERIODS: Final = 3.0
"""Loss of signal: no valid sample for max(30 s, 3 × period) (limits reference 6.5), or the sensor's own `max_age_s`."""


def max_age_us(sensor: SensorConfig) -> int:
    """How long the sensor may say nothing [µs]."""
    seconds = max(SHORTEST_S, PERIODS * sensor.period_s) if sensor.max_age_s is None else sensor.max_age_s
    return round(seconds * SECOND_US)


class Silence:
    """Per sensor: when it last gave a valid sample, in engine time."""

    def __init__(self, sensors: Sequence[SensorConfig]) -> None:
        self._ids = [sensor.id for sensor in sensors]
        self.max_age = [max_age_us(sensor) for sensor in sensors]
        self.heard = [NO_TIME] * len(sensors)
        self._told = [False] * len(sensors)

    def hear(self, sensor: int, now_us: int) -> None:
        """A live sample came that is not bad."""
        self.heard[sensor] = now_us
        self._told[sensor] = False

    def silent(self, moment: Moment) -> list[int]:
        """Sensors that fell silent since the last call; one that was never heard counts from the first call."""
        found = []
        for i, heard in enumerate(self.heard):
            if heard == NO_TIME:
                self.heard[i] = moment.now_us
            elif not self._told[i] and moment.now_us - heard >= self.max_age[i]:
                self._told[i] = True
                found.append(i)
        return found

    def resume(self, moment: Moment) -> None:
        """Nobody listened until `moment`: whoever was not silent before has its full time again."""
        self.heard = [heard if told else moment.now_us for heard, told in zip(self.heard, self._told, strict=True)]

    def is_silent(self, sensor: int) -> bool:
        """Whether it was told silent and has not been heard since."""
        return self._told[sensor]

    def dump(self) -> dict[str, Any]:
        """State by sensor id, so that it survives an edit of the site file."""
        return {name: [self.heard[i], self._told[i]] for i, name in enumerate(self._ids)}

    def load(self, state: dict[str, Any]) -> None:
        """Take up what `dump` gave; sensors that the site file no longer has are forgotten."""
        for i, name in enumerate(self._ids):
            if name in state:
                self.heard[i], self._told[i] = state[name]
