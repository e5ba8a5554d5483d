"""What anemometers say, as measurements: no number is no air speed of 0, and calm air has no direction.

Sources: sensor protocols, section 8; Gill, WindSonic manual 1405-PS-0019, sections 9 and 10 (setting K).
"""

import math
from collections.abc import Mapping
from typing import Final

from gateway.domain.measurement import Measurement
from gateway.domain.quality import Quality, Reason
from gateway.drivers.readings import no_value
from gateway.drivers.text_line import number

METRES_PER_SECOND: Final[Mapping[str, float]] = {
    "M": 1.0, "N": 1852 / 3600, "K": 1 / 3.6, "S": 1609.344 / 3600, "P": 1609.344 / 3600, "F": 0.3048 / 60,
}  # fmt: skip
"""Unit letter → m/s: metres a second, knots, km/h, miles an hour (S in NMEA and Vaisala, P in Gill), feet a minute."""

CALM_M_S: Final = 0.05
"""[m/s] Below it an ultrasonic anemometer gives no new direction (WindSonic manual, setting K50)."""
FULL_TURN: Final = 360.0


def moving(channel: str, speed: float, full_scale: float | None) -> Measurement:
    """A speed [m/s], either way; from the end of the range on it is a floor."""
    if full_scale and abs(speed) >= full_scale:
        return Measurement(channel, speed, "m/s", Quality.UNCERTAIN, Reason.OVER_RANGE)
    return Measurement(channel, speed, "m/s")


def velocity(
    text: str, unit: str, full_scale: float | None = None, channel: str = "air_velocity", *,
    most: float = math.inf, signed: bool = False,
) -> Measurement:  # fmt: skip
    """A number with its unit letter as a speed [m/s].

    A number from `most` on [the letter's unit], or below 0 where the form has no sign, stands for no value.
    """
    value, factor = number(text), METRES_PER_SECOND.get(unit)
    if value is None or factor is None or abs(value) >= most or (value < 0 and not signed):
        return no_value(channel, "m/s")
    return moving(channel, value * factor, full_scale)


def direction(text: str, channel: str = "air_direction") -> Measurement:
    """An angle [deg], 0 to 360; whatever else stands there (empty, 999.9) is no value."""
    value = number(text)
    if value is None or not 0 <= value <= FULL_TURN:
        return no_value(channel, "deg")
    return Measurement(channel, value, "deg")


def is_calm(speed: Measurement) -> bool:
    """Whether the air is too slow for a direction: an empty one is then no fault."""
    return speed.quality is Quality.GOOD and speed.value is not None and abs(speed.value) < CALM_M_S


def wind(heading: Measurement, speed: Measurement) -> tuple[Measurement, ...]:
    """Direction and speed of one frame; a direction that calm air does not have is not listed."""
    return (speed,) if heading.value is None and is_calm(speed) else (heading, speed)


def marked(readings: tuple[Measurement, ...], *, valid: bool, settling: bool = False) -> tuple[Measurement, ...]:
    """The readings as the device's status leaves them: without values when it marks them invalid."""
    if not valid:
        return tuple(no_value(reading.quantity, reading.unit) for reading in readings)
    if settling:
        return tuple(
            reading._replace(quality=Quality.UNCERTAIN, reason=Reason.WARMING_UP)
            if reading.quality is Quality.GOOD else reading
            for reading in readings
        )  # fmt: skip
    return readings
