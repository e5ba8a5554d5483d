"""The loops of the batch path: a whole record through one rolling window, with the mean and gaps of every window.

Sums are differences of running sums of integers. The running sums go round at 2^64 and may: a difference of two is
right as long as the window itself fits, so nothing drifts, nothing is carried, and a record can be cut anywhere.
"""

import numpy as np
import numpy.typing as npt

from gateway.domain.quality import ABSURD_ABOVE
from gateway.exposure.compiler import batch_kernel
from gateway.exposure.sums import Floats, Ints

Tails = npt.NDArray[np.uint32]
CHUNK = 2048
"""Stretches that pass through the loops at a time: what they share stays in the nearest cache."""
RINGS = 3  # of the scratch: level · time as unit · big + grain · small, and missing time, each summed up to a stretch
NOT_IN_ORDER, UNUSABLE = 1, 2
ONE, TWO, THREE = np.uint64(1), np.uint64(2), np.uint64(3)


@batch_kernel
def _weigh(
    t: Ints, v: Floats, longest: int, unit: float, grain: float, big: Ints, small: Ints
) -> tuple[np.bool_, np.bool_]:
    """Level · time of each stretch as unit · big + grain · small.

    Returns whether times never fall, and whether every stretch has a usable value and is not above `longest`; else
    what was written does not count. No branches: this becomes vector code.
    """
    steps, room, usable = np.int64(0), np.int64(0), True
    per_unit, per_grain = 1.0 / unit, 1.0 / grain
    for j in range(v.size):
        length = t[j + 1] - t[j]
        steps |= length
        room |= longest - length
        good = abs(v[j]) <= ABSURD_ABOVE
        usable &= good
        product = (v[j] if good else 0.0) * min(max(length, 0), longest)
        whole = np.int64(product * per_unit)
        big[j] = whole
        small[j] = np.int64((product - whole * unit) * per_grain)
    return steps >= 0, (room >= 0) & usable


@batch_kernel
def _weigh_torn(
    t: Ints, v: Floats, window: int, hold: int, unit: float, grain: float, big: Ints, small: Ints, missing: Ints
) -> bool:
    """The same for stretches with gaps, and the missing time of each; returns whether every value is usable.

    A stretch longer than the window is never whole inside one, so that its product only has to be the same each time.
    """
    per_unit, per_grain = 1.0 / unit, 1.0 / grain
    all_usable = True
    for j in range(v.size):
        length = t[j + 1] - t[j]
        usable = abs(v[j]) <= ABSURD_ABOVE
        all_usable &= usable
        covered = min(length, hold) if usable else 0
        product = v[j] * min(covered, window) if usable else 0.0
        whole = np.int64(product * per_unit)
        big[j] = whole
        small[j] = np.int64((product - whole * unit) * per_grain)
        missing[j] = length - covered
    return all_usable


@batch_kernel
def _accumulate(values: Ints, others: Ints, a: np.int64, b: np.int64) -> tuple[np.int64, np.int64]:
    """Each stretch's numbers become those of all stretches up to it; a, b: the sums so far, returned as they end."""
    for j in range(values.size):
        a += values[j]
        b += others[j]
        values[j], others[j] = a, b
    return a, b


@batch_kernel
def _passed(t: Ints, k: np.uint64, opens: int) -> np.uint64:
    """How many of the three stretches after `k` start not after `opens`."""
    return np.uint64(t[k + ONE] <= opens) + np.uint64(t[k + TWO] <= opens) + np.uint64(t[k + THREE] <= opens)


@batch_kernel
def _seek(t: Ints, k: np.uint64, opens: int) -> np.uint64:
    """The last stretch from `k` on that starts not after `opens`."""
    while t[k + ONE] <= opens:
        k += ONE
    return k


@batch_kernel
def _tail(t: Ints, first: int, upto: int, opens: int) -> np.uint64:
    """The last stretch of [first, upto] that starts not after `opens`; `first` if none does."""
    found = first + np.searchsorted(t[first : upto + 1], opens, side="right") - 1
    return np.uint64(max(np.int64(found), np.int64(first)))


@batch_kernel
def find_tails(t: Ints, begin: int, end: int, window: int, first: int, tails: Tails) -> int:
    """tails[i]: the last stretch that starts not after the window that ends with stretch begin + i; see `_tail`.

    A step seldom passes more than two stretches, so three are compared without a branch; and in four places at once,
    because each comparison waits for the one before it. Returns the last tail.
    """
    ends = t[begin + 1 : end + 1]
    m = max(min(ends.size, t.size - 3 - begin), 0) // 4  # at the end of the record nobody looks three stretches ahead
    k0, k3 = np.uint64(first), np.uint64(first)
    if m > 0:
        ends1, ends2, ends3 = ends[m:], ends[2 * m :], ends[3 * m :]
        tails1, tails2, tails3 = tails[m:], tails[2 * m :], tails[3 * m :]
        k1, k2 = _tail(t, first, end, ends1[0] - window), _tail(t, first, end, ends2[0] - window)
        k3 = _tail(t, first, end, ends3[0] - window)
        for j in range(m):
            o0, o1, o2, o3 = ends[j] - window, ends1[j] - window, ends2[j] - window, ends3[j] - window
            s0, s1, s2, s3 = _passed(t, k0, o0), _passed(t, k1, o1), _passed(t, k2, o2), _passed(t, k3, o3)
            k0, k1, k2, k3 = k0 + s0, k1 + s1, k2 + s2, k3 + s3
            if (s0 == THREE) | (s1 == THREE) | (s2 == THREE) | (s3 == THREE):
                k0, k1, k2, k3 = _seek(t, k0, o0), _seek(t, k1, o1), _seek(t, k2, o2), _seek(t, k3, o3)
            tails[j], tails1[j], tails2[j], tails3[j] = k0, k1, k2, k3
    for i in range(4 * m, ends.size):
        k3 = _seek(t, k3, ends[i] - window)
        tails[i] = k3
    return np.int64(k3)  # type: ignore[return-value]  # int() of a uint64 would stay unsigned


@batch_kernel
def _mean(
    t: Ints, v: Floats, k: np.uint64, opens: int, to_big: int, to_small: int, unit: float, grain: float,
    big: Ints, small: Ints,
) -> float:  # fmt: skip
    """∫c dt of the window from `opens`, whose tail is stretch k: the whole ones after it, and its rest."""
    at = k & np.uint64(big.size - 1)
    total: float = (to_big - big[at]) * unit + (to_small - small[at]) * grain + v[k] * (t[k + ONE] - opens)
    return total


@batch_kernel
def _means(
    t: Ints, v: Floats, begin: int, end: int, window: int, first: int, unit: float, grain: float,
    big: Ints, small: Ints, to_big: Ints, to_small: Ints, low: Floats,
) -> int:  # fmt: skip
    """Windows without a gap, each tail found and used at once, in four places at a time; see `find_tails`."""
    ends, share = t[begin + 1 : end + 1], 1.0 / window
    # one less than a quarter: four places that lie a page of memory apart stand in each other's way
    m = max(min(ends.size, t.size - 3 - begin) // 4 - 1, 0)
    k0, k3 = np.uint64(first), np.uint64(first)
    if m > 0:
        ends1, ends2, ends3 = ends[m:], ends[2 * m :], ends[3 * m :]
        big1, big2, big3 = to_big[m:], to_big[2 * m :], to_big[3 * m :]
        small1, small2, small3 = to_small[m:], to_small[2 * m :], to_small[3 * m :]
        low1, low2, low3 = low[m:], low[2 * m :], low[3 * m :]
        k1, k2 = _tail(t, first, end, ends1[0] - window), _tail(t, first, end, ends2[0] - window)
        k3 = _tail(t, first, end, ends3[0] - window)
        for j in range(m):
            o0, o1, o2, o3 = ends[j] - window, ends1[j] - window, ends2[j] - window, ends3[j] - window
            s0, s1, s2, s3 = _passed(t, k0, o0), _passed(t, k1, o1), _passed(t, k2, o2), _passed(t, k3, o3)
            k0, k1, k2, k3 = k0 + s0, k1 + s1, k2 + s2, k3 + s3
            if (s0 == THREE) | (s1 == THREE) | (s2 == THREE) | (s3 == THREE):
                k0, k1, k2, k3 = _seek(t, k0, o0), _seek(t, k1, o1), _seek(t, k2, o2), _seek(t, k3, o3)
            low[j] = _mean(t, v, k0, o0, to_big[j], to_small[j], unit, grain, big, small) * share
            low1[j] = _mean(t, v, k1, o1, big1[j], small1[j], unit, grain, big, small) * share
            low2[j] = _mean(t, v, k2, o2, big2[j], small2[j], unit, grain, big, small) * share
            low3[j] = _mean(t, v, k3, o3, big3[j], small3[j], unit, grain, big, small) * share
    for i in range(4 * m, ends.size):
        k3 = _seek(t, k3, ends[i] - window)
        low[i] = _mean(t, v, k3, ends[i] - window, to_big[i], to_small[i], unit, grain, big, small) * share
    return np.int64(k3)  # type: ignore[return-value]  # int() of a uint64 would stay unsigned


@batch_kernel
def _means_opening(unit: float, grain: float, share: float, to_big: Ints, to_small: Ints, low: Floats) -> None:
    """Windows that open before the first stretch and have no gap after it: whatever there is, is in them."""
    for i in range(low.size):
        low[i] = (to_big[i] * unit + to_small[i] * grain) * share


@batch_kernel
def _means_torn(
    t: Ints, v: Floats, ends: Ints, tails: Tails, window: int, hold: int, unit: float, grain: float,
    rings: Ints, to_big: Ints, to_small: Ints, to_missing: Ints, low: Floats, gaps: Ints,
) -> None:  # fmt: skip
    """Windows with gaps in them; some may open before the first stretch."""
    share, mask = 1.0 / window, np.uint64(rings.shape[1] - 1)
    big, small, missing = rings[0], rings[1], rings[2]
    for i in range(low.size):
        k = np.uint64(tails[i])
        at = k & mask
        opens = ends[i] - window
        if opens < t[0]:
            total = to_big[i] * unit + to_small[i] * grain
            gap = to_missing[i]
        else:
            rest = max(min(t[k + ONE], t[k] + hold) - opens, 0) if abs(v[k]) <= ABSURD_ABOVE else 0
            total = (to_big[i] - big[at]) * unit + (to_small[i] - small[at]) * grain
            if rest > 0:
                total += v[k] * rest
            gap = window - (ends[i] - t[k + ONE] - (to_missing[i] - missing[at]) + rest)
        low[i] = total * share
        if gap != 0:
            gaps[i] = gap


@batch_kernel
def rolling_means(
    t: Ints, v: Floats, window: int, hold: int, first: int, stop: int, unit: float, grain: float,
    rings: Ints, low: Floats, gaps: Ints,
) -> int:  # fmt: skip
    """The windows that end at samples `first` ≥ 1 to `stop` - 1, as `rolling.Rolling` has them.

    t        (n,) int64    times, never falling                                                      [µs]
    v        (≥ n-1,) float64  level from each time to the next; not usable: a gap                   [unit]
    rings    (RINGS, size) int64  scratch; `size`, a power of two, holds the stretches of one chunk's windows and one
             before; `unit` and `grain` fit them (`rolling.Scale`)
    low      (stop - first,) float64  answer: ∫c dt ÷ window with gaps as 0                          [unit]
    gaps     (stop - first,) int64  answer: gaps since the first time. It comes as zeros and is written only where there
             may be one: memory that nobody writes costs nothing                                     [µs]

    Returns 0, or which of NOT_IN_ORDER and UNUSABLE it met. Where time falls it stops, and nothing written counts.
    """
    tails = np.empty(CHUNK, np.uint32)
    big, small, missing = rings[0], rings[1], rings[2]
    found, mask = 0, rings.shape[1] - 1
    tail = min(max(np.searchsorted(t[: first + 1], t[first] - window, side="right") - 1, 0), first - 1)
    warm = tail // CHUNK * CHUNK
    a, b, c = np.int64(0), np.int64(0), np.int64(0)
    missing[(warm - 1) & mask] = 0
    same = 0  # how far back the ring of missing time holds nothing but c
    for begin in range(warm, stop - 1, CHUNK):
        end = min(begin + CHUNK, stop - 1)
        at = begin & mask
        to = at + end - begin
        in_order, whole = _weigh(
            t[begin : end + 1], v[begin:end], min(hold, window), unit, grain, big[at:to], small[at:to]
        )
        if not in_order:
            return NOT_IN_ORDER
        if whole:
            if same <= mask:
                missing[at:to] = c
                same += CHUNK
        else:
            same = 0
            if not _weigh_torn(
                t[begin : end + 1], v[begin:end], window, hold, unit, grain, big[at:to], small[at:to], missing[at:to]
            ):
                found = UNUSABLE
            for j in range(at, to):
                c += missing[j]
                missing[j] = c
        a, b = _accumulate(big[at:to], small[at:to], a, b)
        start = max(begin, first - 1)
        if start >= end:
            continue
        ends, at = t[start + 1 : end + 1], at + start - begin
        out, upto = start + 1 - first, end + 1 - first
        if t[start + 1] - window >= t[0]:
            tail = int(np.int64(_tail(t, tail, end, t[start + 1] - window)))
            if c == missing[(tail - 1) & mask]:
                tail = _means(
                    t, v, start, end, window, tail, unit, grain, big, small, big[at:to], small[at:to], low[out:upto]
                )  # fmt: skip
                continue
        if t[end] - window >= t[0]:  # else every window opens before the first stretch: there is nothing to look for
            tail = find_tails(t, start, end, window, tail, tails)
        elif c == 0:
            _means_opening(unit, grain, 1.0 / window, big[at:to], small[at:to], low[out:upto])
            continue
        _means_torn(
            t, v, ends, tails, window, hold, unit, grain, rings, big[at:to], small[at:to], missing[at:to],
            low[out:upto], gaps[out:upto],
        )  # fmt: skip
    return found
