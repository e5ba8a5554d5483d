"""A cell that lags shows less gas than there is: where a rising reading is heading (limits reference 4.4).

ĉ = c + (T90/2.3)·dc/dt, the slope by least squares over at least max(10 s, T90) and only if it is more than three times
its own standard error. It may only raise, never clear.
"""

import math
from collections import deque
from typing import Any, Final, NamedTuple

from gateway.domain.moment import SECOND_US

LAG_PER_T90: Final = math.log(10.0)
"""T90 of a first-order lag in its time constants: 2.303."""
LEAST_WINDOW_S: Final = 10.0
SIGNIFICANT: Final = 3.0
"""A slope below three of its standard errors is noise."""
LEAST_SAMPLES: Final = 4
"""[D] Fewer leave too little to judge the scatter by."""
_APART_US: Final = SECOND_US // 2
_LEAST_GAP_US: Final = 2 * SECOND_US


class Slope(NamedTuple):
    """A least-squares slope and its standard error [unit/s]."""

    value: float
    error: float


def ahead(level: float, slope: float, t90_s: float) -> float:
    """ĉ = c + (T90/2.303)·dc/dt [unit of level]; slope in unit/s."""
    return level + t90_s / LAG_PER_T90 * slope


class Trend:
    """The newest samples of one channel, at most two a second, for as long as the slope looks back.

    t90_s: of the cell. A pause longer than gap_us (at least 2 s) breaks it.
    """

    __slots__ = ("_gap_us", "_next_us", "_samples", "_t90_s", "_window_us")

    def __init__(self, t90_s: float, gap_us: int) -> None:
        self._t90_s = t90_s
        self._gap_us = max(_LEAST_GAP_US, gap_us)
        self._window_us = round(max(LEAST_WINDOW_S, t90_s) * SECOND_US)
        self._samples: deque[tuple[int, float]] = deque(maxlen=self._window_us // _APART_US + LEAST_SAMPLES)
        self._next_us = 0

    def add(self, now_us: int, level: float) -> None:
        """One good sample; constant time."""
        if now_us >= self._next_us:
            self._samples.append((now_us, level))
            self._next_us = now_us + _APART_US

    def forget(self) -> None:
        """What was before says nothing of what comes: the channel was lost, over range, or spiked."""
        self._samples.clear()
        self._next_us = 0

    def predict(self, now_us: int, level: float) -> float | None:
        """Where the gas is, now that the channel shows `level`; None while the slope is short, noise, or downward."""
        slope = self.slope(now_us)
        if slope is None or slope.value <= 0.0 or slope.value <= SIGNIFICANT * slope.error:
            return None
        return ahead(level, slope.value, self._t90_s)

    def slope(self, now_us: int) -> Slope | None:
        """Over the window that ends now; None until samples span it without a pause."""
        points = []
        later_us = now_us
        for at_us, level in reversed(self._samples):
            if later_us - at_us > self._gap_us:
                break
            points.append(((at_us - now_us) / SECOND_US, level))
            later_us = at_us
            if now_us - at_us >= self._window_us and len(points) >= LEAST_SAMPLES:
                return least_squares(points)
        return None

    def dump(self) -> list[Any]:
        """The state, for `load`; plain values."""
        return [self._next_us, [[at_us, level] for at_us, level in self._samples]]

    def load(self, state: Any) -> None:
        """What `dump` gave."""
        self._next_us, samples = state
        self._samples.clear()
        self._samples.extend((at_us, level) for at_us, level in samples)


def least_squares(points: list[tuple[float, float]]) -> Slope | None:
    """The slope through (time [s], level) points, with its standard error; None for too few or all at one time."""
    n = len(points)
    if n < LEAST_SAMPLES:
        return None
    mean_t = math.fsum(t for t, _ in points) / n
    mean_c = math.fsum(c for _, c in points) / n
    s_tt = math.fsum((t - mean_t) ** 2 for t, _ in points)
    if s_tt <= 0.0:
        return None
    value = math.fsum((t - mean_t) * (c - mean_c) for t, c in points) / s_tt
    rest = math.fsum((c - mean_c - value * (t - mean_t)) ** 2 for t, c in points)
    return Slope(value, math.sqrt(rest / (n - 2) / s_tt))
