"""Oxygen and carbon dioxide of one zone that do not belong together (limits reference 6.5, Consistency).

What burns or breathes takes about as much oxygen as it gives carbon dioxide. Oxygen that falls while carbon dioxide
rises in quite another proportion is rather a cell that follows the barometer or the temperature. A Notice: it hides no
alarm, and a low oxygen reading stays what it is.
"""

import math
from typing import Final, NamedTuple

from alerts.ladder import LADDER
from alerts.means import QUARTER_S
from alerts.model import Finding, Priority
from gateway.conditioning.ranges import resolve_noise
from gateway.domain.figures import Figures
from gateway.domain.quality import Quality
from gateway.domain.site import Site

PPM_OF_PERCENT: Final = 10_000.0
_RULES: Final = LADDER["consistency"]
_DELAYS: Final = LADDER["defaults"]["notice"]
_MINUTE_COVERED_S: Final[float] = LADDER["means"]["covered_s"]["1min"]


class Pair(NamedTuple):
    """An oxygen and a carbon dioxide sensor of one zone, as indexes; the least changes that count [%vol, ppm]."""

    o2: int
    co2: int
    o2_step: float
    co2_step: float


def pairs(site: Site) -> tuple[Pair, ...]:
    """Every oxygen sensor with the first carbon dioxide sensor of its zone."""
    co2 = {s.zone: i for i, s in reversed(list(enumerate(site.sensors))) if s.quantity == "co2"}
    steps = [_RULES["steps"] * resolve_noise(sensor, None) for sensor in site.sensors]
    return tuple(
        Pair(i, co2[s.zone], steps[i], steps[co2[s.zone]])
        for i, s in enumerate(site.sensors)
        if s.quantity == "o2" and s.zone in co2
    )


def is_inconsistent(pair: Pair, o2: Figures, co2: Figures) -> bool | None:
    """Whether a pair contradicts itself now; None while either is not good or not long enough known."""
    fallen, risen = _change(o2), _change(co2)
    if fallen is None or risen is None:
        return None
    fallen = -fallen
    if fallen <= pair.o2_step or risen <= pair.co2_step:
        return False
    ratio = fallen * PPM_OF_PERCENT / risen
    return not _RULES["least_ratio"] <= ratio <= _RULES["most_ratio"]


def finding(site: Site, pair: Pair, beyond: bool | None) -> Finding:
    """The alarm `consistency` of the oxygen sensor."""
    sensor = site.sensors[pair.o2]
    return Finding(
        sensor.id, "consistency", beyond, sensor.zone, Priority.NOTICE, sensor.id,
        on_s=_DELAYS["on_s"], off_s=_DELAYS["off_s"], reason=f"does not go with {site.sensors[pair.co2].id}",
        source="Limits reference 6.5: −ΔO2/ΔCO2 far from 1",
    )  # fmt: skip


def _change(figures: Figures) -> float | None:
    """The last minute against the last quarter of an hour [unit], None while that cannot be said."""
    covered_s = figures.covered_15min_s
    known = figures.covered_1min_s >= _MINUTE_COVERED_S and covered_s >= _RULES["covered_15min_s"]
    if not known or figures.quality != Quality.GOOD:
        return None
    change = figures.mean_1min - figures.low_15min * QUARTER_S / covered_s
    return change if math.isfinite(change) else None
