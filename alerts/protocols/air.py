"""What the protocols see of the air: which sensors a zone has, and whether their newest value can be trusted now."""

import math
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from alerts.model import OVERLAYS, Alarm, Priority, State
from gateway.domain.figures import Figures
from gateway.domain.moment import NO_TIME, SECOND_US
from gateway.domain.quality import Quality
from gateway.domain.quantities import TOXIC
from gateway.domain.site import SensorConfig, Site

FiguresOf = Callable[[int], Figures]
"""The live figures of a sensor, by its index in `Site.sensors`."""

SILENT_AFTER_S: Final = 30.0
"""No valid sample for max(30 s, 3 periods) is silence (limits reference 6.5, Loss of signal)."""

GAS_CONDITIONS: Final = frozenset(("level", "stel", "ceiling", "excursion", "mixture"))
"""Conditions that say how much toxic gas there is."""


class Reading(NamedTuple):
    """A sensor's newest live value, NaN without one. usable: may raise. good: may also clear and prove."""

    value: float
    usable: bool
    good: bool


def reading(sensor: SensorConfig, figures: Figures, now_us: int) -> Reading:
    """The newest value of a sensor if it is still news at `now_us` (engine time [µs])."""
    limit_s = sensor.max_age_s or max(SILENT_AFTER_S, 3 * sensor.period_s)
    fresh = figures.value_us != NO_TIME and now_us - figures.value_us <= limit_s * SECOND_US
    usable = fresh and math.isfinite(figures.value) and figures.quality in (Quality.GOOD, Quality.UNCERTAIN)
    return Reading(figures.value if usable else math.nan, usable, usable and figures.quality == Quality.GOOD)


def sensors_in(site: Site, zones: Iterable[str], quantities: Iterable[str]) -> tuple[int, ...]:
    """Indexes of the zones' sensors of these quantities."""
    places, wanted = frozenset(zones), frozenset(quantities)
    return tuple(i for i, s in enumerate(site.sensors) if s.zone in places and s.quantity in wanted)


def stands(alarm: Alarm) -> bool:
    """Whether the alarm's condition must be taken to hold, whatever people see of it (out of service apart)."""
    if alarm.state is State.OUT_OF_SERVICE:
        return False
    beneath = alarm.underlying if alarm.state in OVERLAYS else alarm.state
    return alarm.beyond or beneath in (State.UNACK, State.ACKED)


def is_gas(alarm: Alarm, quantity: str | None) -> bool:
    """Whether an alarm speaks of air that more air makes better: toxic gas, too little oxygen, too little movement.

    quantity: of the alarm's sensor, None for a zone's own condition. Methane is the interlock's, not the demand's.
    """
    if alarm.condition in GAS_CONDITIONS:
        return quantity is None or quantity in TOXIC
    return alarm.condition in ("oxygen_low", "airflow_low")


def at_least(alarm: Alarm, priority: Priority) -> bool:
    """Whether the alarm's condition holds at this priority or above."""
    return alarm.priority >= priority and stands(alarm)
