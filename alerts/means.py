"""The means that rungs are judged by, and what they can be at most (limits reference 4.3, 4.9, 6.3)."""

import math
from typing import Final

from alerts.ladder import Rung
from gateway.domain.figures import Figures

QUARTER_S: Final = 900.0
"""The window of `15min` [s]."""


def mean_of(figures: Figures, statistic: str) -> tuple[float, float]:
    """The mean that a statistic names, and how much of its window is covered [s]."""
    if statistic == "1min":
        return figures.mean_1min, figures.covered_1min_s
    if statistic == "5min":
        return figures.mean_5min, figures.covered_5min_s
    return figures.low_15min, figures.covered_15min_s


def at_worst(figures: Figures, rung: Rung, x: float, full_scale: float | None) -> float:
    """What a mean can be at most: gaps count as 0 to raise, but as full scale to clear (limits reference 4.9)."""
    if rung.statistic != "15min":
        return x
    gap_s = max(0.0, QUARTER_S - figures.covered_15min_s)
    if figures.over_range_15min or (full_scale is None and gap_s > 0.01 * QUARTER_S):
        return math.nan
    return x + gap_s / QUARTER_S * (full_scale or 0.0)
