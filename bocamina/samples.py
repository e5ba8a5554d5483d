"""One value out of a message or a frame as the engine's sample."""

import math
from typing import Final

from gateway.domain.events import Sample
from gateway.domain.measurement import NamedValue
from gateway.domain.moment import NO_TIME
from gateway.domain.quality import Quality, Reason
from gateway.domain.quantities import unit_of
from gateway.formats.units import to_canonical

MAX_TIME_S: Final = 1e11
"""A source time beyond this size (year 5138) cannot be held in 64 bits of µs with room; the sample has none then."""
UNKNOWN_KEPT: Final = 16
"""Unknown names of a pack that are written down: a slip in the site file shows itself so."""


def canonical_of(item: NamedValue, quantity: str) -> float | None:
    """The value in the unit of the sensor's quantity: the site file says what a channel measures, whatever its name."""
    if isinstance(item.value, bool):
        return float(item.value) if unit_of(quantity) == "bool" else None
    if not isinstance(item.value, (int, float)):
        return None
    if item.quantity == quantity:
        return float(item.value)
    return None if item.quantity is not None else to_canonical(quantity, float(item.value), item.unit)


def sample_of(
    sensor: int, value: float, time_s: float | None, utc_us: int | None,
    quality: Quality = Quality.GOOD, reason: Reason = Reason.NONE,
) -> Sample:  # fmt: skip
    """The sample of a value [canonical unit] with its own time; see `source_us` for `time_s` [s] and `utc_us`."""
    at = source_us(time_s, utc_us)
    if at == NO_TIME and time_s is not None and quality is Quality.GOOD:  # a time that no clock can have
        quality, reason = Quality.UNCERTAIN, Reason.CLOCK
    return Sample(sensor, value, at, quality, reason)


def source_us(time_s: float | None, utc_us: int | None) -> int:
    """A node's own time [s] as µs UTC. With `utc_us` given, times below 2**28 s count from it (RFC 8428, 4.5.3)."""
    if time_s is None or not math.isfinite(time_s) or abs(time_s) > MAX_TIME_S:
        return NO_TIME
    if utc_us is not None and time_s < 2**28:
        return utc_us + round(time_s * 1e6)
    return round(time_s * 1e6)
