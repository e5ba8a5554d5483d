"""Hands out `reading/…` and `exposure/…` at most once a second and sensor, a few at a time between steps.

A hundred sensors' documents made in one go would hold up an alarm by many milliseconds; one at a time does not.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from gateway.domain.moment import SECOND_US

PAUSE_US: Final = SECOND_US


class Publisher:
    """Which sensor's documents are due. Pure: engine time is an argument."""

    def __init__(self, sensors: int) -> None:
        self._due: OrderedDict[int, int] = OrderedDict()  # sensor → earliest engine time, in the order they became due
        self._last_us = [0] * sensors

    def changed(self, sensors: Iterable[int], urgent: Iterable[int]) -> None:
        """New values of `sensors`; those in `urgent` changed their verdict or quality and go out at once."""
        for sensor in sensors:
            self._due.setdefault(sensor, self._last_us[sensor] + PAUSE_US)
        for sensor in urgent:
            self._due[sensor] = 0
            self._due.move_to_end(sensor, last=False)

    def take(self, now_us: int) -> int | None:
        """The next sensor to publish now, None if none is due."""
        if not self.due(now_us):
            return None
        sensor, _ = self._due.popitem(last=False)
        self._last_us[sensor] = now_us
        return sensor

    def due(self, now_us: int) -> bool:
        """Whether the first in line is due: it changed first, and those behind it wait a second at most as well."""
        return bool(self._due) and next(iter(self._due.values())) <= now_us
