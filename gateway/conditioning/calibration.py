"""How long a calibration is trusted, and how old each sensor's is (limits reference 6.5)."""

from collections.abc import Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from gateway.conditioning.ranges import GASES
from gateway.domain.moment import SECOND_US, Moment
from gateway.domain.site import SensorConfig

INTERVAL_DAYS: Final[Mapping[str, int]] = MappingProxyType({**dict.fromkeys(GASES, 90), "co2": 180})
"""Days between span calibrations by quantity: "span 90–180 days by type" [D] (limits reference 6.5). The short end for
cells that dry out, drift or are poisoned (electrochemical, galvanic oxygen, pellistor; 8.1), the long end for NDIR CO2.
Dust, air and weather have none of their own."""
LONG_OVERDUE: Final = 2
"""Older than this many intervals, a channel is indeterminate (limits reference 6.5)."""
TIME_ZONES_DAYS: Final = 1
"""A date may be a day ahead of UTC; further ahead nobody can have calibrated yet."""
_DAY_US: Final = 86_400 * SECOND_US
_EPOCH: Final = date(1970, 1, 1).toordinal()


def interval_days(sensor: SensorConfig) -> int | None:
    """How long a calibration of this sensor is trusted [days]: the site's key, else by quantity; None: for ever."""
    return INTERVAL_DAYS.get(sensor.quantity) if sensor.calibration_days is None else sensor.calibration_days


def is_future(calibrated: date, on: date) -> bool:
    """Whether a date of calibration cannot be, seen on this day [UTC]."""
    return (calibrated - on).days > TIME_ZONES_DAYS


class CalibrationAge:
    """Per sensor: 0 in time, or no date is known; 1 overdue; 2 overdue by more than a whole interval.

    The day is the wall clock's. A clock that is not trusted may only move it forward: a gateway that woke in the past
    must not take an old calibration for a young one.
    """

    def __init__(self, sensors: Sequence[SensorConfig]) -> None:
        self.overdue = [0] * len(sensors)
        self._made = [
            date.fromisoformat(s.calibration.date) if s.calibration is not None and s.calibration.date else None
            for s in sensors
        ]
        self._interval = [interval_days(sensor) for sensor in sensors]
        self._seen: tuple[int, bool] | None = None  # the day [ordinal], and whether the clock was trusted

    def tick(self, moment: Moment) -> bool:
        """Count anew when a day has begun; whether it was counted."""
        day = _EPOCH + moment.utc_us // _DAY_US
        if self._seen is not None and not moment.trusted:
            day = max(day, self._seen[0])
        if self._seen == (day, moment.trusted):
            return False
        self._count((day, moment.trusted))
        return True

    def _count(self, seen: tuple[int, bool]) -> None:
        self._seen = seen
        self.overdue = [
            0 if made is None or interval is None else _overdue(seen[0] - made.toordinal(), interval, trusted=seen[1])
            for made, interval in zip(self._made, self._interval, strict=True)
        ]

    def dump(self) -> list[Any] | None:
        """The day that was counted last."""
        return list(self._seen) if self._seen else None

    def load(self, state: Sequence[Any] | None) -> None:
        """Take up what `dump` gave, for the dates of the site file as it is now."""
        if state is not None:
            self._count((state[0], state[1]))


def _overdue(age_days: int, interval: int, *, trusted: bool) -> int:
    if age_days < -TIME_ZONES_DAYS:  # a slip of the pen proves nothing; a clock in the past says nothing of it
        return 1 if trusted else 0
    return LONG_OVERDUE if age_days > LONG_OVERDUE * interval else int(age_days > interval)
