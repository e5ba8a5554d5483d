"""The worst windows of a record: a rolling mean and its bounds at every edge, block by block in little memory."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from gateway.exposure.layout import ABSURD, OVER
from gateway.exposure.series import Series, blocks
from gateway.exposure.windows import Floats, Ints, Windows, ring_size

_LONG_AGO: Final = -(1 << 62)
_TIE: Final = 1e-12
"""Relative: windows that are the same but for rounding are equally bad, and the best covered of them is shown."""


class Extremes(NamedTuple):
    """The largest of all windows of a record.

    low: gaps as 0. value: gaps filled, NaN where nothing is known to fill one with. high: NaN unknown. coverage: share
    of covered time in the window with the largest high, else estimate.
    """

    low: float
    value: float
    high: float
    coverage: float


class Filling(NamedTuple):
    """What a gap is filled with [unit], NaN unknown: at least `gap_level` beside the last valid level; at most full."""

    gap_level: float = math.nan
    full_scale: float = math.nan


class _Edges(NamedTuple):
    """Some edges of a record, in the order of time, and the windows that end there."""

    times_us: Ints
    low: Floats
    gaps_us: Ints
    last_valid: Floats
    spoilt: npt.NDArray[np.bool_]


def worst_windows(series: Series, opens_us: int, closes_us: int, window_us: int, filling: Filling) -> Extremes:
    """Bounds of the mean over the windows that end at each edge of [opens, closes), and their largest values.

    What lies before `opens_us` is unexposed: zero, and known if the record is at least one window long. From there to
    the first edge and from the last one on is a gap. Source: limits reference 4.3, 4.9, 4.10.
    """
    worst = _Worst(opens_us, window_us, closes_us - opens_us >= window_us, filling)
    for edges in _edges_of(series, opens_us, closes_us, window_us):
        worst.take(edges)
    return worst.found()


def _edges_of(series: Series, opens_us: int, closes_us: int, window_us: int) -> Iterator[_Edges]:
    t, levels = series.edges, series.levels
    windows = Windows(ring_size(t, window_us), window_us)
    last, until = math.nan, _LONG_AGO
    for first, stop in blocks(t.size):
        low, gaps = np.empty(stop - first), np.zeros(stop - first, np.int64)
        windows.fill(t, levels, first, stop, low, gaps)
        ended = slice(max(first - 1, 0), stop - 1)  # the stretches that end at these edges; none at the very first
        lead = 1 if first == 0 else 0
        valid = np.concatenate([np.full(lead, last), _filled_forward(levels[ended], last)])
        spoilt = np.zeros(stop - first, np.bool_)
        bad = (series.flags[ended] & (OVER | ABSURD)) != 0
        if until > t[first] - window_us or bad.any():
            latest = np.maximum.accumulate(np.where(bad, t[first + lead : stop], until))
            spoilt[lead:] = latest > t[first + lead : stop] - window_us
            until = int(latest[-1]) if latest.size else until
        last = float(valid[-1])
        start = 1 if first == 0 and opens_us >= t[0] else 0
        yield _Edges(
            t[first + start : stop], low[start:] * series.factor, gaps[start:], valid[start:] * series.factor,
            spoilt[start:],
        )  # fmt: skip
    if closes_us > t[-1]:
        since = max(int(np.searchsorted(t, closes_us - window_us, side="right")) - 1, 0)
        ends, rest = np.append(t[since:], closes_us), np.append(levels[since:], math.nan)
        low, gaps = np.empty(1), np.zeros(1, np.int64)
        Windows(ring_size(ends, window_us), window_us).fill(ends, rest, ends.size - 1, ends.size, low, gaps)
        spoilt = np.array([until > closes_us - window_us])
        yield _Edges(ends[-1:], low * series.factor, gaps, np.array([last * series.factor]), spoilt)


def _filled_forward(levels: Floats, before: float) -> Floats:
    """Each level, or the last valid one before it."""
    valid = ~np.isnan(levels)
    if valid.all():
        return levels
    at = np.maximum.accumulate(np.where(valid, np.arange(levels.size), -1))
    return np.where(at >= 0, levels[at], before)


@dataclass(slots=True)
class _Worst:
    """The largest figures so far."""

    opens_us: int
    window_us: int
    known_before: bool
    filling: Filling
    low: float = -math.inf
    value: float = -math.inf
    high: float = -math.inf
    is_value_known: bool = True
    is_high_known: bool = True
    judged: float = -math.inf
    coverage: float = 0.0

    def take(self, edges: _Edges) -> None:
        """The windows that end at these edges."""
        if not edges.low.size:
            return
        before = np.maximum(self.opens_us - (edges.times_us - self.window_us), 0)
        gaps = edges.gaps_us - before
        covered = self.window_us - edges.gaps_us + (before if self.known_before else 0)
        low = value = high = edges.low
        if gaps.any():
            missing = gaps / self.window_us
            fill = np.fmax(self.filling.gap_level, edges.last_valid)
            self.is_value_known &= not np.any(np.isnan(fill) & (gaps > 0))
            value = np.where((gaps > 0) & ~np.isnan(fill), np.maximum(low, low + missing * fill), low)
            high = np.where(gaps > 0, np.maximum(low, low + missing * self.filling.full_scale), low)
        high = np.where(edges.spoilt, math.nan, high)
        unknown = np.isnan(high)
        self.low, self.value = max(self.low, float(low.max())), max(self.value, float(value.max()))
        self.is_high_known &= not unknown.any()
        self.high = max(self.high, float(np.where(unknown, -math.inf, high).max()))
        self._judge(np.where(unknown, value, high), covered / self.window_us)

    def _judge(self, judged: Floats, share: Floats) -> None:
        highest = max(self.judged, float(judged.max()))
        close = highest - _TIE * abs(highest)
        if self.judged < close:
            self.coverage = 0.0
        self.coverage = max(self.coverage, float(share[judged >= close].max(initial=0.0)))
        self.judged = highest

    def found(self) -> Extremes:
        """Over all windows."""
        value, high = (self.value if self.is_value_known else math.nan), (self.high if self.is_high_known else math.nan)
        return Extremes(self.low, value, high, self.coverage)
