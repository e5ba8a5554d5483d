"""The loops of the batch path: a whole record through one rolling window, its extremes or every sample's mean."""

import math

import numpy as np
import numpy.typing as npt

from gateway.domain.quality import ABSURD_ABOVE
from gateway.exposure.compiler import batch_kernel
from gateway.exposure.layout import N_SUMS
from gateway.exposure.sums import Floats, Ints, add_stretch, seconds_of

Tails = npt.NDArray[np.uint32]
CHUNK = 1024
"""Samples that pass through the loops of `rolling_means` at a time: what they share stays in the nearest cache."""
SCRATCH_INTS, SUMS = 5, 2  # rows of its scratch: start and end of each stretch [µs], then three sums up to it
NOT_IN_ORDER, UNUSABLE = 1, 2
BEFORE_ALL, AFTER_ALL = -(1 << 62), 1 << 62
ONE, TWO, THREE = np.uint64(1), np.uint64(2), np.uint64(3)


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


@batch_kernel
def _weigh(
    t: Ints, v: Floats, hold: int, unit: float, grain: float,
    levels: Floats, starts: Ints, ends: Ints, big: Ints, small: Ints, covered: Ints,
) -> tuple[np.bool_, bool]:  # fmt: skip
    """Each stretch by itself: level, start, end, level · time as unit · big + grain · small, covered time.

    Returns whether times never fall, and whether every value is usable. Several plain loops: each becomes vector code.
    """
    steps, usable = np.int64(0), True
    per_unit, per_grain = 1.0 / unit, 1.0 / grain
    for j in range(v.size):
        length = t[j + 1] - t[j]
        steps |= length
        good = abs(v[j]) <= ABSURD_ABOVE
        usable &= good
        levels[j] = v[j] if good else 0.0
        covered[j] = min(length, hold) if good else 0
    for j in range(v.size):
        starts[j] = t[j]
        ends[j] = t[j] + covered[j]
    for j in range(v.size):
        big[j] = np.int64(levels[j] * covered[j] * per_unit)
    for j in range(v.size):
        small[j] = np.int64((levels[j] * covered[j] - big[j] * unit) * per_grain)
    return steps >= 0, usable


@batch_kernel
def _accumulate(big: Ints, small: Ints, covered: Ints, at: int, stop: int) -> None:
    """Each stretch's numbers become those of all stretches up to it."""
    a, b, c = big[at - 1], small[at - 1], covered[at - 1]
    for j in range(at, stop):
        a += big[j]
        b += small[j]
        c += covered[j]
        big[j], small[j], covered[j] = a, b, c


@batch_kernel
def _forget(levels: Floats, ints: Ints, cut: int, at: int) -> None:
    """Stretches before `cut` are needed no more: move the rest to the front, and let the sums begin there."""
    for row in range(SCRATCH_INTS):
        less = ints[row, cut] if row >= SUMS else 0
        for j in range(cut, at):
            ints[row, j - cut] = ints[row, j] - less
    for j in range(cut, at):
        levels[j - cut] = levels[j]


@batch_kernel
def _passed(starts: Ints, k: np.uint64, opens: int) -> np.uint64:
    """How many of the three stretches after `k` start not after `opens`."""
    found = np.uint64(starts[k + ONE] <= opens) + np.uint64(starts[k + TWO] <= opens)
    return found + np.uint64(starts[k + THREE] <= opens)


@batch_kernel
def _seek(starts: Ints, k: np.uint64, opens: int) -> np.uint64:
    """The last stretch from `k` on that starts not after `opens`."""
    while starts[k + ONE] <= opens:
        k += ONE
    return k


@batch_kernel
def _find_tails(starts: Ints, opens: Ints, first: int, tails: Tails) -> int:
    """tails[i]: the last stretch that starts not after opens[i]; it is `first` or a later one. Returns the last tail.

    `starts` ends with three that no window reaches. A step seldom passes more than two stretches, so three are compared
    without a branch; and in four places at once, because each comparison waits for the one before it.
    """
    m = opens.size // 4
    k0 = np.uint64(first)
    k1 = np.uint64(np.searchsorted(starts, opens[m], side="right") - 1)
    k2 = np.uint64(np.searchsorted(starts, opens[2 * m], side="right") - 1)
    k3 = np.uint64(np.searchsorted(starts, opens[3 * m], side="right") - 1)
    opens1, opens2, opens3 = opens[m:], opens[2 * m :], opens[3 * m :]
    tails1, tails2, tails3 = tails[m:], tails[2 * m :], tails[3 * m :]
    for j in range(m):
        o0, o1, o2, o3 = opens[j], opens1[j], opens2[j], opens3[j]
        s0, s1 = _passed(starts, k0, o0), _passed(starts, k1, o1)
        s2, s3 = _passed(starts, k2, o2), _passed(starts, k3, o3)
        k0, k1, k2, k3 = k0 + s0, k1 + s1, k2 + s2, k3 + s3
        if (s0 == THREE) | (s1 == THREE) | (s2 == THREE) | (s3 == THREE):
            k0, k1 = _seek(starts, k0, o0), _seek(starts, k1, o1)
            k2, k3 = _seek(starts, k2, o2), _seek(starts, k3, o3)
        tails[j], tails1[j], tails2[j], tails3[j] = k0, k1, k2, k3
    for i in range(4 * m, opens.size):
        k3 = _seek(starts, k3, opens[i])
        tails[i] = k3
    return np.int64(k3)  # type: ignore[return-value]  # int() of a uint64 would stay unsigned


@batch_kernel
def _means(
    opens: Ints, tails: Tails, window: int, unit: float, grain: float,
    levels: Floats, ends: Ints, big: Ints, small: Ints, covered: Ints, to_big: Ints, to_small: Ints, to_covered: Ints,
    low: Floats, coverage: Floats,
) -> None:  # fmt: skip
    """What is left of each tail stretch, and the whole stretches from there to the sample."""
    share = 1.0 / window
    for i in range(low.size):
        k = tails[i]
        rest = max(ends[k] - opens[i], 0)
        total = (to_big[i] - big[k]) * unit + (to_small[i] - small[k]) * grain + levels[k] * rest
        low[i] = total * share
        coverage[i] = (to_covered[i] - covered[k] + rest) * share


@batch_kernel
def rolling_means(
    t: Ints, v: Floats, window: int, hold: int, first: int, stop: int, unit: float, grain: float,
    levels: Floats, ints: Ints, low: Floats, coverage: Floats,
) -> int:  # fmt: skip
    """`low` and `coverage` of the windows that end at samples `first` to `stop` - 1, as `rolling.Rolling` has them.

    levels (size,), ints (SCRATCH_INTS, size) are scratch; `size` holds the stretches of the windows
    that end in one chunk, and a chunk more. Returns 0, or which of NOT_IN_ORDER and UNUSABLE it met. Where time falls
    it stops, and nothing that was written counts.
    """
    starts, ends, big, small, covered = ints[0], ints[1], ints[2], ints[3], ints[4]
    opens, tails = np.empty(CHUNK, np.int64), np.empty(CHUNK, np.uint32)
    found = 0
    p = min(np.searchsorted(t[: first + 1], t[first] - window, side="right") - 1, first - 1)
    base, at, k = p, 0, 0  # position j of the scratch holds stretch base + j; p is the next to enter, at `at`
    if p < 0:  # before the first sample lies an endless gap
        p, at = 0, 1
        levels[0] = 0.0
        big[0] = small[0] = covered[0] = 0
        starts[0] = ends[0] = BEFORE_ALL
    for begin in range(first, stop, CHUNK):
        end = min(begin + CHUNK, stop)
        if at + end - p + 3 > levels.size:
            _forget(levels, ints, k, at)
            base += k
            at -= k
            k = 0
            if at + end - p + 3 > levels.size:  # the size is right for times in order only
                return NOT_IN_ORDER
        to = at + end - 1 - p
        in_order, usable = _weigh(
            t[p:end], v[p : end - 1], hold, unit, grain,
            levels[at:to], starts[at:to], ends[at:to], big[at:to], small[at:to], covered[at:to],
        )  # fmt: skip
        if not in_order:
            return NOT_IN_ORDER
        if not usable:
            found = UNUSABLE
        _accumulate(big, small, covered, max(at, 1), to)
        at, p = to, end - 1
        starts[at : at + 4] = AFTER_ALL
        for i in range(begin, end):
            opens[i - begin] = t[i] - window
        k = _find_tails(starts[: at + 4], opens[: end - begin], k, tails)
        last = begin - 1 - base
        _means(
            opens, tails, window, unit, grain,
            levels, ends, big, small, covered, big[last:], small[last:], covered[last:],
            low[begin:end], coverage[begin:end],
        )  # fmt: skip
    return found
