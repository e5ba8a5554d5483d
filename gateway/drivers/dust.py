"""What the optical dust drivers share: values of one frame with what the device says of all of them."""

import math
from collections.abc import Mapping
from typing import Final

from gateway.domain.measurement import Measurement
from gateway.domain.quality import ABSURD_ABOVE, Quality, Reason
from gateway.domain.quantities import unit_of
from gateway.drivers.items import FullScale
from gateway.drivers.readings import no_value, ranged

Verdict = tuple[Quality, Reason]
FINE: Final[Verdict] = (Quality.GOOD, Reason.NONE)
STARTING: Final[Verdict] = (Quality.UNCERTAIN, Reason.WARMING_UP)
DEGRADED: Final[Verdict] = (Quality.UNCERTAIN, Reason.UNCALIBRATED)
"""The device still measures, but not as accurately as it was calibrated."""
INVALID: Final[Verdict] = (Quality.BAD, Reason.FAULT)


def dust_readings(
    values: Mapping[str, float], full_scale: FullScale, verdict: Verdict = FINE
) -> tuple[Measurement, ...]:
    """One frame's values [ug/m3, or the quantity's own unit], in their order.

    `verdict` is the device's on the whole frame; INVALID leaves no value. A value that is no number is `bad`
    (`absurd`), also where the device claims to be well; from the end of its range on, a value is a floor.
    """
    return tuple(_reading(name, value, full_scale.get(name), verdict) for name, value in values.items())


def all_zero(values: Mapping[str, float]) -> bool:
    """Whether a frame says nothing but zero: a device that starts. No working air is that clean."""
    return not any(values.values())


def _reading(name: str, value: float, full: float | None, verdict: Verdict) -> Measurement:
    quality, reason = verdict
    unit = unit_of(name) or "ug/m3"
    if quality is Quality.BAD:
        return no_value(name, unit)
    if not -ABSURD_ABOVE <= value <= ABSURD_ABOVE:  # also NaN
        return Measurement(name, value if math.isfinite(value) else None, unit, Quality.BAD, Reason.ABSURD)
    if quality is Quality.GOOD:
        return ranged(name, value, unit, full)
    return Measurement(name, value, unit, quality, reason)
