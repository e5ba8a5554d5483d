"""The slow twin of `streaming`: every sample is kept, every window is summed afresh with exact fractions.

Written from the definitions alone (limits reference 4.1, 4.3, 4.8, 4.11), sharing no line with the kernels; tests and
the self-check at start-up compare the two.
"""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from gateway.domain.figures import Figures
from gateway.domain.moment import NO_TIME
from gateway.domain.quality import ABSURD_ABOVE, Quality, Reason


class Stretch(NamedTuple):
    """[start_us, end_us) at one level; level None is an absurd value: a gap that is remembered."""

    start_us: int
    end_us: int
    level: Fraction | None
    over: bool
    doubt: bool


class Sums(NamedTuple):
    """A window: ∫c dt [unit·µs] and the lengths [µs] of covered, over-range, doubtful and absurd time in it."""

    total: Fraction
    covered_us: int
    over_us: int
    doubt_us: int
    absurd_us: int


class Twin:
    """The same calls as `Streaming` for sensors of these holds [s] and full scales [unit, NaN unknown]."""

    def __init__(self, holds_s: Sequence[float], full_scales: Sequence[float]) -> None:
        self._holds_us = [round(hold * 1e6) for hold in holds_s]
        self._full_scales = list(full_scales)
        self._samples: list[list[tuple[int, float, int, int]]] = [[] for _ in holds_s]
        self._heads: list[int | None] = [None] * len(self._holds_us)
        self._shift_starts: list[int | None] = [None] * len(self._holds_us)

    def feed(self, i: int, t_us: int, value: float, quality: int, reason: int = 0) -> None:
        """See `Streaming.feed`."""
        if quality != Quality.LATE:
            self._samples[i].append((self._now(i, t_us), value, quality, reason))

    def start_shift(self, now_us: int) -> None:
        """See `Streaming.start_shift`."""
        self._shift_starts = [self._now(i, now_us) for i in range(len(self._heads))]

    def _now(self, i: int, t_us: int) -> int:
        head = self._heads[i]
        now = t_us if head is None else max(t_us, head)
        self._heads[i] = now
        if self._shift_starts[i] is None:
            self._shift_starts[i] = now
        return now

    def _stretches(self, i: int, now_us: int) -> list[Stretch]:
        samples, found = self._samples[i], []
        for number, (t, value, quality, reason) in enumerate(samples):
            following = samples[number + 1][0] if number + 1 < len(samples) else now_us
            end = min(following, t + self._holds_us[i])
            usable = math.isfinite(value) and abs(value) <= ABSURD_ABOVE
            if quality == Quality.BAD or not usable:
                if reason == Reason.ABSURD or (quality != Quality.BAD and not usable):
                    found.append(Stretch(t, end, None, over=False, doubt=False))
                continue
            over = reason == Reason.OVER_RANGE
            level = Fraction(value)
            if over and not math.isnan(self._full_scales[i]):
                level = max(level, Fraction(self._full_scales[i]))
            found.append(Stretch(t, end, level, over=over, doubt=over or quality == Quality.UNCERTAIN))
        return found

    def sums(self, i: int, now_us: int, opens_us: int, closes_us: int | None = None) -> Sums:
        """The window [opens_us, closes_us) of sensor i as of now, to now_us if nothing else is said."""
        now = self._now(i, now_us)
        closes = now if closes_us is None else closes_us
        total, covered, over, doubt, absurd = Fraction(0), 0, 0, 0, 0
        for stretch in self._stretches(i, now):
            length = min(stretch.end_us, closes) - max(stretch.start_us, opens_us)
            if length <= 0:
                continue
            if stretch.level is None:
                absurd += length
            else:
                total += stretch.level * length
                covered += length
                over += length * stretch.over
                doubt += length * stretch.doubt
        return Sums(total, covered, over, doubt, absurd)

    def shift_sums(self, i: int, now_us: int) -> Sums:
        """The window since the shift began."""
        now = self._now(i, now_us)
        start = self._shift_starts[i]
        return self.sums(i, now, now if start is None else start)

    def long_window(self, i: int, now_us: int, hours: int = 8) -> Sums:
        """The last hours in whole seconds that are over."""
        now = self._now(i, now_us)
        closes = now // 1_000_000 * 1_000_000
        return self.sums(i, now, closes - hours * 3_600_000_000, closes)

    def figures(self, i: int, now_us: int) -> Figures:
        """See `Streaming.figures`."""
        now = self._now(i, now_us)
        newest = self._samples[i][-1] if self._samples[i] else (NO_TIME, math.nan, Quality.BAD, Reason.STALE)
        t, value, quality, reason = newest
        if quality != Quality.BAD and not (math.isfinite(value) and abs(value) <= ABSURD_ABOVE):
            quality, reason = Quality.BAD, Reason.ABSURD
        one, five, fifteen = (self.sums(i, now, now - minutes * 60_000_000) for minutes in (1, 5, 15))
        return Figures(
            now, value, int(quality), int(reason), t,
            _mean(one), one.covered_us / 1e6, _mean(five), five.covered_us / 1e6,
            float(fifteen.total / 900_000_000), fifteen.covered_us / 1e6, fifteen.over_us > 0,
            float(self.shift_sums(i, now).total / (28_800 * 1_000_000)),
        )  # fmt: skip


def _mean(sums: Sums) -> float:
    return float(sums.total / sums.covered_us) if sums.covered_us else math.nan
