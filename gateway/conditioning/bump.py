"""The natural bump: every declared blast gives gas to the cells of its influence, and shows which of them respond.

A proof of response, never a calibration (limits reference 6.5). How long an answer may take, and which neighbour
bears witness: docs/decisions/0009-what-gives-a-cell-its-trust-back.md.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from gateway.conditioning.ranges import resolve_noise, resolve_resolution
from gateway.conditioning.stale import max_age_us
from gateway.domain.moment import NO_TIME, SECOND_US
from gateway.domain.site import Blast, Site

JUDGED: Final = frozenset(["co", "no2"])
"""Cells that must answer a blast (limits reference 6.5)."""
WITNESSES: Final = JUDGED | {"no"}
"""Cells whose answer shows that the fumes were there: every shot has CO and nitrous gases (limits reference 7.2)."""
ANSWER_LSBS: Final = 3.0
"""An answer is a rise by more than three steps and by more than the channel's noise."""
CLEARLY: Final = 10.0
"""A neighbour bears witness from ten times its own least answer [D]: where CO rises by 5 ppm, a sound NO2 cell is
still."""
SILENT_TWICE: Final = 2
DEFAULT_WINDOW_MIN: Final[float] = Blast.model_fields["window_min"].default


class NaturalBump:
    """The newest declared blast, and how often running each cell kept silent."""

    def __init__(self, site: Site) -> None:
        sensors = site.sensors
        self._blasts = site.blasts
        self._ids = [sensor.id for sensor in sensors]
        self._zones = [sensor.zone for sensor in sensors]
        self._judged = [sensor.quantity in JUDGED for sensor in sensors]
        self._witness = [sensor.quantity in WITNESSES for sensor in sensors]
        self._least = [max(ANSWER_LSBS * resolve_resolution(s), resolve_noise(s, None)) for s in sensors]
        self._max_age = [max_age_us(sensor) for sensor in sensors]
        near: dict[str, set[str]] = {zone.id: {zone.id} for zone in site.zones}
        for link in site.connections:
            near[link.from_].add(link.to)
            near[link.to].add(link.from_)
        self._neighbours = [
            [j for j, other in enumerate(sensors) if j != i and self._witness[j] and other.zone in near[sensor.zone]]
            for i, sensor in enumerate(sensors)
        ]
        self._silent = [0] * len(sensors)
        self.fired_us = self._until = NO_TIME
        self.open = [False] * len(sensors)
        """Whether a sample of this sensor may be its answer to the newest blast, or bear witness."""
        self._base = [math.nan] * len(sensors)
        self._rise = [0.0] * len(sensors)
        self._heard = [NO_TIME] * len(sensors)

    def fired(
        self, now_us: int, fired_us: int, zones: Iterable[str], value_of: Callable[[int], float], *, detected: bool
    ) -> list[int]:
        """A declared blast was fired at `fired_us` [engine time µs] with these zones as its influence.

        value_of: newest calibrated value of a sensor, NaN without a fresh one. detected: the fumes themselves told of
        the shot, so that they are in the newest values already, and a cell answers by standing above its zero.
        Returns the sensors that kept silent at the blast before for the second time running.
        """
        suspects = self._judge(now_us) if self._until != NO_TIME else []
        influence = set(zones)
        windows = [row.window_min for row in self._blasts if influence & {*row.zones, *row.influence}]
        self.fired_us = fired_us
        self._until = fired_us + round(max(windows, default=DEFAULT_WINDOW_MIN) * 60 * SECOND_US)
        for i, zone in enumerate(self._zones):
            value = value_of(i) if self._witness[i] and zone in influence else math.nan
            self._base[i] = 0.0 if detected and not math.isnan(value) else value
            self._rise[i], self._heard[i] = 0.0, NO_TIME
            self.open[i] = not math.isnan(value)
        return suspects

    def sample(self, i: int, value: float, now_us: int) -> bool:
        """A usable live value of a sensor that is `open`, over range included; whether it is its first answer."""
        rise = value - self._base[i]
        is_answer = rise > self._least[i] >= self._rise[i]
        self._rise[i], self._heard[i] = max(rise, self._rise[i]), now_us
        if is_answer:
            self._silent[i] = 0
        return is_answer

    def tick(self, now_us: int) -> list[int]:
        """Sensors that kept silent for the second time running, when the window of a blast ends now."""
        return self._judge(now_us) if NO_TIME != self._until <= now_us else []

    def proved(self, i: int) -> None:
        """A bump test was passed: what was counted so far is over."""
        self._silent[i] = 0

    def _judge(self, now_us: int) -> list[int]:
        """A cell kept silent if it spoke to the end and a neighbour clearly answered; else nothing is known of it."""
        suspects = []
        for i, is_open in enumerate(self.open):
            if not (is_open and self._judged[i]) or self._rise[i] > self._least[i]:
                continue
            spoke = self._heard[i] != NO_TIME and now_us - self._heard[i] <= self._max_age[i]
            if spoke and any(self.open[j] and self._rise[j] > CLEARLY * self._least[j] for j in self._neighbours[i]):
                self._silent[i] += 1
                if self._silent[i] >= SILENT_TWICE:
                    suspects.append(i)
        self.open = [False] * len(self.open)
        self._until = NO_TIME
        return suspects

    def dump(self) -> dict[str, Any]:
        """State by sensor id."""
        return {
            "fired": self.fired_us,
            "until": self._until,
            "silent": {name: self._silent[i] for i, name in enumerate(self._ids) if self._silent[i]},
            "open": {
                name: [self._base[i], self._rise[i], self._heard[i]]
                for i, name in enumerate(self._ids)
                if self.open[i]
            },
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Take up what `dump` gave; what the site file no longer has is forgotten."""
        self.fired_us, self._until = state["fired"], state["until"]
        for i, name in enumerate(self._ids):
            self._silent[i] = state["silent"].get(name, 0)
            self.open[i] = name in state["open"] and self._witness[i]
            if self.open[i]:
                self._base[i], self._rise[i], self._heard[i] = state["open"][name]
