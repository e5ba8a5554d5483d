"""A number of a device as a measurement: at the end of the range it is a floor, and air without CO2 is no air."""

from gateway.domain.measurement import Measurement
from gateway.domain.quality import Quality, Reason


def ranged(quantity: str, value: float, unit: str | None, full_scale: float | None) -> Measurement:
    """The value, `uncertain` (`over_range`) from the end of the range on; None or 0: no range is known."""
    if full_scale and value >= full_scale:
        return Measurement(quantity, value, unit, Quality.UNCERTAIN, Reason.OVER_RANGE)
    return Measurement(quantity, value, unit)


def no_value(quantity: str, unit: str | None) -> Measurement:
    """A reading that the device announces and marks invalid."""
    return Measurement(quantity, None, unit, Quality.BAD, Reason.FAULT)


def co2(ppm: int, full_scale: float) -> Measurement:
    """CO2 [ppm]. 0 is no measurement: outdoor air has 400, and the optical sensors begin there."""
    return ranged("co2", float(ppm), "ppm", full_scale) if ppm else no_value("co2", "ppm")
