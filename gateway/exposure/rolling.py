"""The mean of a rolling window at every sample of a record, weighted by time, with its coverage."""

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from gateway.domain.quality import ABSURD_ABOVE
from gateway.exposure import batch_kernels
from gateway.exposure.layout import ABSURD, OVER

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Run = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""How parts are run: `map`, or the `map` of a thread pool (the kernels give the GIL away)."""

_SPOILT: Final = OVER | ABSURD


class Rolling(NamedTuple):
    """The windows that end at each of n samples. A sample itself counts from its time on, so not yet in its own window.

    low: ∫c dt ÷ window with gaps as 0 [unit]; at least full scale while an absurd value is inside.
    coverage: share of the window that samples stood for, 0 to 1. What lies before the first sample is a gap.
    spoilt: whether an over-range or absurd value is inside, so that no upper bound is known; None: nowhere.
    """

    low: Floats
    coverage: Floats
    spoilt: npt.NDArray[np.bool_] | None

    def mean(self) -> Floats:
        """Mean of the covered time [unit], NaN where nothing is covered."""
        covered = np.where(self.coverage > 0.0, self.coverage, math.nan)
        return self.low / covered

    def high(self, full_scale: float) -> Floats:
        """Upper bound with gaps at full scale [unit]; NaN: unknown (limits reference 4.9)."""
        high = self.low + (1.0 - self.coverage) * full_scale
        high[self.coverage >= 1.0] = self.low[self.coverage >= 1.0]
        if self.spoilt is not None:
            high[self.spoilt] = math.nan
        return high


class Samples(NamedTuple):
    """One sensor's record, in the order of time.

    times_us: never falling [µs]; of several samples at one time the last counts. values: canonical unit.
    flags: OVER, DOUBT, ABSURD of each (see `layout`), and a NaN without ABSURD is a gap; without flags every value that
    is not finite or above 1e9 is absurd.
    """

    times_us: Ints
    values: Floats
    flags: Ints | None = None


def rolling_means(
    samples: Samples, window_us: int, hold_us: int, *, full_scale: float = math.nan, run: Run = map, parts: int = 1
) -> Rolling:
    """The windows (t - window, t] at every sample t: zero-order hold up to `hold_us`, edges where they fall.

    run, parts: cut the record into parts that `run` computes, with the same result bit for bit.
    ValueError: lengths that differ, times that fall, a window or hold that is not positive.
    """
    return _rolling([samples], window_us, hold_us, full_scale, run, parts)[0]


def rolling_means_of(
    sensors: Sequence[Samples], window_us: int, hold_us: int, *, full_scale: float = math.nan, run: Run = map
) -> list[Rolling]:
    """`rolling_means` of several sensors; `run` as the `map` of a thread pool computes them side by side."""
    return _rolling(sensors, window_us, hold_us, full_scale, run, 1)


def _rolling(
    sensors: Sequence[Samples], window_us: int, hold_us: int, full_scale: float, run: Run, parts: int
) -> list[Rolling]:
    if window_us <= 0 or hold_us <= 0:
        raise ValueError(f"a window of {window_us} µs with a hold of {hold_us} µs: both must be above 0")
    records = [_checked(samples) for samples in sensors]
    size = max((_positions(samples.times_us, window_us) for samples in records), default=0)
    # the largest value for a whole window fits the big unit's 62 bits, and a scratch full of remainders the grain's
    unit = 2.0 ** max(0, math.ceil(math.log2(ABSURD_ABOVE * window_us)) - 61)
    grain = unit * 2.0 ** (math.ceil(math.log2(max(size, 1))) - 61)
    # one block of memory for all answers, and scratch that goes from part to part: fresh pages cost more than the sums
    ends = np.cumsum([samples.times_us.size for samples in records], dtype=np.int64).tolist()
    low, coverage = np.empty(ends[-1] if ends else 0), np.empty(ends[-1] if ends else 0)
    plain = [
        Rolling(low[end - samples.times_us.size : end], coverage[end - samples.times_us.size : end], None)
        for samples, end in zip(records, ends, strict=True)
    ]
    scratch: list[tuple[Floats, Ints]] = []

    def part(which: tuple[int, int, int]) -> int:
        number, first, stop = which
        samples, out = records[number], plain[number]
        try:
            own = scratch.pop()
        except IndexError:
            own = np.empty(size), np.empty((batch_kernels.SCRATCH_INTS, size), np.int64)
        met = batch_kernels.rolling_means(
            samples.times_us, samples.values, window_us, hold_us, first, stop, unit, grain, *own, out.low, out.coverage
        )
        scratch.append(own)
        return int(met)

    work = [
        (number, first, stop)
        for number, samples in enumerate(records)
        for first, stop in _cuts(samples.times_us.size, parts)
    ]
    met = [0] * len(records)
    for (number, _, _), found in zip(work, run(part, work), strict=True):
        met[number] |= found
    return [
        _bounded(samples, out, found, window_us, hold_us, full_scale)
        for samples, out, found in zip(records, plain, met, strict=True)
    ]


def _checked(samples: Samples) -> Samples:
    t, v = np.ascontiguousarray(samples.times_us, np.int64), np.ascontiguousarray(samples.values, np.float64)
    if t.ndim != 1 or t.shape != v.shape or (samples.flags is not None and samples.flags.shape != t.shape):
        raise ValueError("rolling_means expects times, values and flags of one length")
    return Samples(t, v, samples.flags)


def _positions(t: Ints, window_us: int) -> int:
    """How many stretches the kernel's scratch holds: those of the fullest windows of a chunk, and some chunks more."""
    starts = np.arange(0, t.size, batch_kernels.CHUNK)
    if not starts.size:
        return 0
    stops = np.minimum(starts + batch_kernels.CHUNK, t.size)
    within = int((stops - np.searchsorted(t, t[starts] - window_us, side="right")).max()) + 1
    return within + min(max(2 * within, 4 * batch_kernels.CHUNK), t.size) + 4


def _cuts(n: int, parts: int) -> list[tuple[int, int]]:
    """[first, stop) of at most `parts` parts of n samples, in whole chunks."""
    chunk = batch_kernels.CHUNK
    chunks = -(-n // chunk)
    edges = [min(chunks * k // parts * chunk, n) for k in range(parts + 1)]
    return [(first, stop) for first, stop in pairwise(edges) if stop > first]


def _bounded(samples: Samples, plain: Rolling, met: int, window_us: int, hold_us: int, full_scale: float) -> Rolling:
    """With the windows marked that an over-range or absurd value lies in."""
    t, v = samples.times_us, samples.values
    if met & batch_kernels.NOT_IN_ORDER:
        at = int(np.flatnonzero(np.diff(t) < 0)[0]) + 1
        raise ValueError(f"times must not fall: sample {at} is at {t[at]} µs, the one before it at {t[at - 1]} µs")
    if not met and (samples.flags is None or not np.any(samples.flags & _SPOILT)):
        return plain
    flags = np.zeros(t.size, np.int64) if samples.flags is None else samples.flags
    unusable = ~(np.abs(v) <= ABSURD_ABOVE)
    absurd = unusable if samples.flags is None else unusable & (((flags & ABSURD) != 0) | ~np.isnan(v))
    over = ~unusable & ((flags & OVER) != 0)
    ends = np.minimum(t + hold_us, np.append(t[1:], t[-1]))

    def inside(which: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        until = np.maximum.accumulate(np.where(which & (ends > t), ends, np.iinfo(np.int64).min))
        return np.append(False, until[:-1] > t[1:] - window_us)

    absurd_inside = inside(absurd)
    if not math.isnan(full_scale):
        np.maximum(plain.low, full_scale, out=plain.low, where=absurd_inside)
    return Rolling(plain.low, plain.coverage, absurd_inside | inside(over))
