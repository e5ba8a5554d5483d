"""The fumes of one shot: did a witness answer, how high did CO go, does it rise a second time (reference 7.2.1)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from alerts.protocols.air import FiguresOf, reading, sensors_in
from alerts.rulebook import BOOK, figure, figure_us
from gateway.domain.moment import Moment
from gateway.domain.site import Site

RISE_US: Final = figure_us("blast", "second_rise_s")
RISE_PPM: Final = figure("blast", "second_rise_ppm")
RISE_OF_PEAK: Final = figure("blast", "second_rise_of_peak")
SEEN: Final[Mapping[str, float]] = {q: v for q, v in BOOK["blast"]["seen"].items() if q != "source"}
MEAN_FROM_S: Final = 30.0
"""A one-minute mean needs 30 s of valid samples (limits reference 6.3)."""


@dataclass(slots=True)
class Fumes:
    """What was seen of a shot. base: first value by sensor. peak, low: CO [ppm], low since the peak. Times [µs]."""

    seen: bool = False
    base: dict[str, float] = field(default_factory=dict)
    peak: float = 0.0
    low: float | None = None
    rising_since_us: int | None = None

    def watch(self, moment: Moment, site: Site, influence: list[str], figures_of: FiguresOf) -> None:
        """Look at the CO and NO2 sensors of the influence. What nobody measures neither ends nor begins a rise."""
        levels = []
        for i in sensors_in(site, influence, SEEN):
            sensor, figures = site.sensors[i], figures_of(i)
            now = reading(sensor, figures, moment.now_us)
            if not now.usable:
                continue
            least = SEEN[sensor.quantity]
            base = self.base.setdefault(sensor.id, now.value)
            self.seen = self.seen or now.value - base >= least or now.value >= 2 * least
            if sensor.quantity == "co":
                levels.append(figures.mean_1min if figures.covered_1min_s >= MEAN_FROM_S else now.value)
        level = max((value for value in levels if math.isfinite(value)), default=None)
        if level is None:
            return
        if level >= self.peak and (self.low is None or self.low >= self.peak):
            self.peak = self.low = level  # still the first rise
            return
        self.low = level if self.low is None else min(self.low, level)
        if self.seen and level - self.low > min(RISE_PPM, RISE_OF_PEAK * self.peak):
            self.rising_since_us = moment.now_us if self.rising_since_us is None else self.rising_since_us
        else:
            self.rising_since_us = None

    def rises_again(self, moment: Moment) -> bool:
        """Whether CO has stood above its lowest since the peak for 2 min: fire, burning explosive, a second shot."""
        return self.rising_since_us is not None and moment.now_us - self.rising_since_us >= RISE_US
