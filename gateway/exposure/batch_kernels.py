"""The loop of the batch path: a whole record through one rolling window."""

import math

import numpy as np

from gateway.exposure.compiler import batch_kernel
from gateway.exposure.layout import N_SUMS
from gateway.exposure.sums import Floats, Ints, add_stretch, seconds_of


@batch_kernel
def rolling(
    edges: Ints, levels: Floats, flags: Ints, window: int, gap_level: float, full_scale: float, out: Floats
) -> None:
    """Bounds of the mean over the `window` µs that end at each edge, and their largest values over the record.

    edges       (n+1,) int64    start and end of the n stretches, increasing                           [µs]
    levels      (n,)   float64  level of each stretch, NaN in a gap                                    [unit]
    flags       (n,)   int64    OVER, DOUBT, ABSURD of each stretch
    gap_level   what a gap is filled with at least, beside the last valid level; NaN unknown           [unit]
    full_scale  what a gap is at most, NaN unknown                                                     [unit]
    out         (4,)   float64  largest low, best estimate (NaN: nothing to fill a gap with), high (NaN: unknown),
                                and the share of covered time in the window with the largest high, else estimate

    What lies before the first edge is unexposed: zero, and known if the record is at least one window long.
    Source: limits reference 4.3, 4.9, 4.10.
    """
    n = levels.size
    head, tail = np.zeros(N_SUMS, np.int64), np.zeros(N_SUMS, np.int64)
    known_before = edges[n] - edges[0] >= window
    low_max, value_max, high_max = -math.inf, -math.inf, -math.inf
    value_known = high_known = True
    worst, coverage = -math.inf, 0.0
    last_valid = math.nan
    k, here = 0, edges[0]
    for e in range(n):
        add_stretch(head, 0, levels[e], flags[e], edges[e + 1] - edges[e])
        if not math.isnan(levels[e]):
            last_valid = levels[e]
        now = edges[e + 1]
        opens = now - window
        while here < opens:
            there = min(edges[k + 1], opens)
            add_stretch(tail, 0, levels[k], flags[k], there - here)
            here = there
            if there == edges[k + 1]:
                k += 1
        total = seconds_of(head[0] - tail[0], head[1] - tail[1], head[2] - tail[2]) * 1e6
        covered = head[3] - tail[3]
        before = max(edges[0] - opens, 0)
        gap = window - before - covered
        low = total / window
        low_max = max(low_max, low)
        value = low
        if gap > 0:
            fill = gap_level if math.isnan(last_valid) or gap_level > last_valid else last_valid
            if math.isnan(fill):
                value_known = False
            else:
                value = max(low, (total + gap * fill) / window)
        value_max = max(value_max, value)
        high = math.nan
        if head[4] == tail[4] and head[6] == tail[6]:
            high = low
            if gap > 0:
                high = math.nan if math.isnan(full_scale) else max(low, (total + gap * full_scale) / window)
        if math.isnan(high):
            high_known = False
        else:
            high_max = max(high_max, high)
        share = (covered + (before if known_before else 0)) / window
        judged = value if math.isnan(high) else high
        if judged > worst or (judged == worst and share > coverage):
            worst, coverage = judged, share
    out[0] = low_max
    out[1] = value_max if value_known else math.nan
    out[2] = high_max if high_known else math.nan
    out[3] = coverage
