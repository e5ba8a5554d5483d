"""One substance over the window of the record, with what the rows of limits ask of it."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from gateway.exposure.extremes import Extremes, Filling, worst_windows
from gateway.exposure.series import Bytes, Floats, Ints, Series, blocks
from gateway.exposure.verdicts import Channel


@dataclass(slots=True, eq=False)
class Air:
    """[opens, closes) [µs]: what no row covers in it is a gap.

    shift_s: hours worked as the rules take them [s]. channel: full scale and what a gap is best filled with.
    percentile: 95th of the last 7 shifts there, NaN unknown. total: ∫c dt of the covered time [unit·s].
    """

    series: Series
    opens_us: int
    closes_us: int
    shift_s: float
    channel: Channel
    percentile: float
    total: float = 0.0
    covered_s: float = 0.0
    flags: int = 0
    _worst: dict[int, Extremes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        totals, covered = [], []
        for first, stop in blocks(self.series.levels.size):
            levels = self.series.levels[first:stop] * self.series.factor
            lengths = np.diff(self.series.edges[first : stop + 1]) * 1e-6
            valid = ~np.isnan(levels)
            totals.append(math.fsum((levels[valid] * lengths[valid]).tolist()))
            covered.append(math.fsum(lengths[valid].tolist()))
            self.flags |= int(np.bitwise_or.reduce(self.series.flags[first:stop]))
        self.total, self.covered_s = math.fsum(totals), math.fsum(covered)

    @property
    def window_s(self) -> float:
        """Length of the window of the record [s]."""
        return (self.closes_us - self.opens_us) * 1e-6

    def has(self, flag: int) -> bool:
        """Whether any stretch has this flag."""
        return bool(self.flags & flag)

    def rolling(self, window_us: int) -> Extremes:
        """The worst means over `window_us`; computed once however many limits ask."""
        if window_us not in self._worst:
            full_scale = math.nan if self.channel.full_scale is None else self.channel.full_scale
            self._worst[window_us] = worst_windows(
                self.series, self.opens_us, self.closes_us, window_us, Filling(self.percentile, full_scale)
            )
        return self._worst[window_us]

    def stretches(self, lookback_us: int) -> Iterator[tuple[int, Ints, Floats, Bytes]]:
        """(from, edges, levels, flags) of the whole window in parts that begin with `from`.

        Each has at least `lookback_us` of what lies before it in front, as far as the record goes back.
        """
        t = self.series.edges
        parts = list(blocks(t.size - 1)) or [(0, 0)]
        for first, stop in parts:
            since = max(int(np.searchsorted(t, t[first] - lookback_us, side="right")) - 1, 0)
            edges, levels, flags = self._with_ends(since, stop)
            yield self.opens_us if first == 0 else int(t[first]), edges, levels, flags

    def condensed(self, marks: Sequence[float]) -> tuple[Ints, Floats, Ints]:
        """The stretches of the whole window, merged while they lie between the same of the rising `marks` [unit].

        Of merged ones the highest level and all flags stand; a gap stays apart.
        """
        edges, levels, flags = [np.array([self.opens_us], np.int64)], [], []
        for since_us, ends, level, flag in self.stretches(0):
            first = int(np.searchsorted(ends, since_us))
            grade = np.where(np.isnan(level), -1, np.searchsorted(marks, level))[first:]
            at = np.flatnonzero(np.diff(grade, prepend=-2))
            if at.size:
                edges.append(ends[first + 1 :][np.append(at[1:], grade.size) - 1])
                levels.append(np.maximum.reduceat(level[first:], at))
                flags.append(np.bitwise_or.reduceat(flag[first:].astype(np.int64), at))
        return np.concatenate(edges), np.concatenate(levels), np.concatenate(flags)

    def between(self, since_us: int, until_us: int) -> tuple[Ints, Floats]:
        """Edges and levels of [since, until), which lies inside the window; the outer edges are cut."""
        t = self.series.edges
        first = max(int(np.searchsorted(t, since_us, side="right")) - 1, 0)
        stop = min(int(np.searchsorted(t, until_us, side="left")), t.size - 1)
        edges, levels, _ = self._with_ends(first, max(stop, first))
        inside = (edges[1:] > since_us) & (edges[:-1] < until_us)
        ends = np.minimum(edges[1:][inside], until_us)
        return np.concatenate([[since_us], ends]), levels[inside]

    def _with_ends(self, first: int, stop: int) -> tuple[Ints, Floats, Bytes]:
        """Stretches first to stop - 1, with the gaps at the two ends of the window if they are next to them."""
        t = self.series.edges
        before = [self.opens_us] if first == 0 and self.opens_us < t[0] else []
        after = [self.closes_us] if stop == t.size - 1 and self.closes_us > t[-1] else []
        levels, flags = self.series.levels[first:stop] * self.series.factor, self.series.flags[first:stop]
        if not before and not after:
            return t[first : stop + 1], levels, flags
        gaps = len(before), len(after)
        return (
            np.concatenate([np.array(before, np.int64), t[first : stop + 1], np.array(after, np.int64)]),
            np.pad(levels, gaps, constant_values=math.nan), np.pad(flags, gaps),
        )  # fmt: skip
