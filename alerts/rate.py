"""Faster than the cell can be believed: a change of more than full scale in one T90 is a SPIKE (limits reference 6.5).

It is a Notice and nothing else. A step of gas moves a first-order cell at up to 2.3 · step / T90, so the front of a
blast of more than 43 % of full scale is as steep as a loose wire: the value raises like any other, and the prediction
of 4.4 goes on. Only a step that falls back at once (6.3) is known to be electrical and ends the prediction.
"""

import math
from typing import Final

from alerts.ladder import LADDER, Rung
from alerts.model import Priority
from gateway.conditioning.ranges import GASES, resolve_noise
from gateway.domain.moment import SECOND_US
from gateway.domain.quantities import QUANTITIES, unit_of
from gateway.domain.site import SensorConfig

_NOISES: Final[float] = LADDER["rate"]["noises"]


class Rate:
    """How fast one sensor may change. full_scale: [canonical unit], None where unknown: then nothing is too fast.

    calm: a change of this size between two samples is never too fast, however close they came [unit].
    """

    def __init__(self, sensor: SensorConfig, full_scale: float | None) -> None:
        info = QUANTITIES.get(sensor.quantity)
        known = full_scale is not None and info is not None and sensor.quantity in GASES
        self._per_s = (full_scale or math.nan) / (sensor.t90_s or info.t90_s) if known and info else math.inf
        self._period_s = sensor.period_s
        self.calm = max(self._per_s * sensor.period_s, _NOISES * resolve_noise(sensor, None))
        self.rung: Rung | None = None
        if known:
            unit = unit_of(sensor.quantity)
            self.rung = Rung(
                "spike.rate", "spike", Priority.NOTICE, "rate", self._per_s,
                "Limits reference 6.5: faster than full scale in one T90",
                off_us=round(LADDER["defaults"]["notice"]["off_s"] * SECOND_US), unit=f"{unit}/s",
            )  # fmt: skip

    def too_fast(self, change: float, apart_us: int) -> float | None:
        """The rate [unit/s] of a change between two consecutive valid samples, None where it is not too fast.

        Samples that came closer together than the sensor measures count as one period apart. NaN is never too fast.
        """
        size = abs(change)
        if not size > self.calm:
            return None
        apart_s = max(self._period_s, apart_us / SECOND_US)
        return size / apart_s if size > self._per_s * apart_s else None
