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
from gateway.exposure.windows import Floats, Ints, Windows, before_us, ring_size

Run = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""How parts are run: `map`, or the `map` of a thread pool (the kernels give the GIL away)."""

_SPOILT: Final = OVER | ABSURD
_PACK: Final = 500_000
"""Samples that a thread takes at a time; fewer, and handing over costs more than it brings."""


class Rolling(NamedTuple):
    """The windows that end at each of n samples. A sample itself counts from its time on, so not yet in its own window.

    low: ∫c dt ÷ window with gaps as 0 [unit]; at least full scale while an absurd value is inside.
    inside_us: what no sample stood for in the window, since the first sample [µs].
    spoilt: whether an over-range or absurd value is inside, so that no upper bound is known; None: nowhere.
    times_us: of the samples.
    """

    low: Floats
    inside_us: Ints
    spoilt: npt.NDArray[np.bool_] | None
    window_us: int
    times_us: Ints

    @property
    def gaps_us(self) -> Ints:
        """What no sample stood for in the window [µs]; what lies before the first sample is a gap."""
        if not self.times_us.size:
            return self.inside_us
        return self.inside_us + before_us(self.times_us[0], self.times_us, self.window_us)

    @property
    def coverage(self) -> Floats:
        """Share of the window that samples stood for, 0 to 1."""
        return np.asarray((self.window_us - self.gaps_us) / self.window_us)

    def mean(self) -> Floats:
        """Mean of the covered time [unit], NaN where nothing is covered."""
        gaps_us = self.gaps_us
        covered_us = np.where(gaps_us < self.window_us, self.window_us - gaps_us, math.nan)
        return self.low * self.window_us / covered_us

    def high(self, full_scale: float) -> Floats:
        """Upper bound with gaps at full scale [unit]; NaN: unknown (limits reference 4.9)."""
        gaps_us = self.gaps_us
        high = self.low + gaps_us / self.window_us * full_scale
        high[gaps_us == 0] = self.low[gaps_us == 0]
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
    samples: Samples, window_us: int, hold_us: int, *, full_scale: float = math.nan, run: Run = map, parts: int = 1,
    out: Floats | None = None,
) -> Rolling:  # fmt: skip
    """The windows (t - window, t] at every sample t: zero-order hold up to `hold_us`, edges where they fall.

    run, parts: cut the record into parts that `run` computes, with the same result bit for bit.
    out: float64, as long as the samples: where `low` is written, for callers that come again (fresh memory costs a
    fifth of the time). ValueError: lengths that differ, times that fall, a window or hold that is not positive.
    """
    return _rolling([samples], window_us, hold_us, full_scale, run, parts, out)[0]


def rolling_means_of(
    sensors: Sequence[Samples], window_us: int, hold_us: int, *, full_scale: float = math.nan, run: Run = map,
    out: Floats | None = None,
) -> list[Rolling]:  # fmt: skip
    """`rolling_means` of several sensors; `run` as the `map` of a thread pool computes them side by side.

    out: as long as the samples of all of them together.
    """
    return _rolling(sensors, window_us, hold_us, full_scale, run, 1, out)


def _rolling(
    sensors: Sequence[Samples], window_us: int, hold_us: int, full_scale: float, run: Run, parts: int,
    out: Floats | None,
) -> list[Rolling]:  # fmt: skip
    if window_us <= 0 or hold_us <= 0:
        raise ValueError(f"a window of {window_us} µs with a hold of {hold_us} µs: both must be above 0")
    records = [_checked(samples) for samples in sensors]
    # one block of memory for all answers, and scratch that goes from part to part: fresh pages cost more than the sums
    ends = np.cumsum([samples.times_us.size for samples in records], dtype=np.int64).tolist()
    # and memory that is born as zero costs nothing where it stays so
    total = ends[-1] if ends else 0
    if out is not None and (out.shape != (total,) or out.dtype != np.float64 or not out.flags.c_contiguous):
        raise ValueError(f"out: expected {total} float64 in one piece, got {out.shape} {out.dtype}")
    low, gaps = np.empty(total) if out is None else out, np.zeros(total, np.int64)
    plain = []
    for samples, end in zip(records, ends, strict=True):
        ours = slice(end - samples.times_us.size, end)
        plain.append(Rolling(low[ours], gaps[ours], None, window_us, samples.times_us))
    size = max((ring_size(samples.times_us, window_us) for samples in records), default=0)
    windows = Windows(size, window_us, hold_us)

    done: list[tuple[int, int]] = []  # appending is safe between threads, and what else they write is apart

    def fill(work: list[_Part]) -> None:
        for number, first, stop in work:
            (t, v, _), ours = records[number], plain[number]
            met = windows.fill_inside(t, v, first, stop, ours.low[first:stop], ours.inside_us[first:stop])
            done.append((number, met))

    for _ in run(fill, _packs(records, parts)):
        pass
    met = [0] * len(records)
    for number, found in done:
        met[number] |= found
    return [
        _bounded(samples, out, found, window_us, hold_us, full_scale)
        for samples, out, found in zip(records, plain, met, strict=True)
    ]


class _Part(NamedTuple):
    """Samples first to stop - 1 of one record."""

    number: int
    first: int
    stop: int


def _packs(records: Sequence[Samples], parts: int) -> list[list[_Part]]:
    """Parts that are worth handing to a thread: whole small records together, a large one in `parts`."""
    packs: list[list[_Part]] = [[]]
    room = _PACK
    for number, samples in enumerate(records):
        for first, stop in _cuts(samples.times_us.size, parts):
            if packs[-1] and (parts > 1 or stop - first > room):
                packs.append([])
                room = _PACK
            packs[-1].append(_Part(number, first, stop))
            room -= stop - first
    return packs


def _checked(samples: Samples) -> Samples:
    t, v = np.ascontiguousarray(samples.times_us, np.int64), np.ascontiguousarray(samples.values, np.float64)
    if t.ndim != 1 or t.shape != v.shape or (samples.flags is not None and samples.flags.shape != t.shape):
        raise ValueError("rolling_means expects times, values and flags of one length")
    return Samples(t, v, samples.flags)


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
    return plain._replace(spoilt=absurd_inside | inside(over))
