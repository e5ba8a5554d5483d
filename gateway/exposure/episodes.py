"""Short exposures above a level: how long each was, how many, how far apart (limits reference 4.3, 4.5).

Judged on the 1-minute mean: a 15-minute mean drags a tail that would double the length of each exposure. An episode
opens when the mean is above the level and closes when it has been at or below it for 60 s; its end is where that began.
What was not measured is neither an episode nor the end of one: it makes *compliant* impossible, and never *exceeded*.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Self, TypeVar

import numpy as np
import numpy.typing as npt

from gateway.domain.short_term import EpisodeRule

_MEAN_US: Final = 60_000_000
_CLOSES_AFTER_US: Final = 60_000_000
"""At or below the level for this long ends an episode [D]."""
_UNBOUNDED: Final = 1e30
"""Stands for an unknown full scale: any gap may have been any level."""
_SAME: Final = 1e-9
_Number = TypeVar("_Number", np.float64, np.int64)

CLEAN, OVER, UNKNOWN = 0, 1, 2


class Span(NamedTuple):
    """[start_us, end_us) in one state: CLEAN, OVER, UNKNOWN."""

    start_us: int
    end_us: int
    state: int


class Episode(NamedTuple):
    """One exposure above the level [µs]. certain_us: the longest part of it in which nothing was unknown."""

    start_us: int
    end_us: int
    certain_us: int


class Frequency(NamedTuple):
    """What came of the rule. violations: of `too_long too_often too_close`; closest_us: None with fewer than two."""

    verdict: str
    violations: tuple[str, ...]
    episodes: int
    longest_us: int
    closest_us: int | None


@dataclass(slots=True)
class Tally:
    """The fewest exposures that a record allows, span by span in the order of time, in constant space [µs].

    One goes on through what is unknown and through less than 60 s below the level. number: with the running one.
    unsure: some time was unknown, or some value doubtful.
    """

    number: int = 0
    longest_us: int = 0
    closest_us: int | None = None
    unsure: bool = False
    running: Episode | None = None
    _ended_us: int | None = None
    _clean_us: int = 0
    _certain_us: int = 0

    def add(self, span: Span) -> Episode | None:
        """The next span; returns the exposure that it ended."""
        length = span.end_us - span.start_us
        ended: Episode | None = None
        if span.state == CLEAN:
            self._clean_us += length
            if self.running is not None and self._clean_us >= _CLOSES_AFTER_US:
                ended = self.running
                self._ended_us, self.running = ended.end_us, None
        elif span.state == UNKNOWN:
            self._clean_us, self._certain_us, self.unsure = 0, 0, True
        else:
            self._go_on(span, length)
        if self.running is None:
            self._certain_us = 0
        return ended

    def _go_on(self, span: Span, length: int) -> None:
        running = self.running
        if running is None:
            self.number += 1
            if self._ended_us is not None:
                pause = span.start_us - self._ended_us
                self.closest_us = pause if self.closest_us is None else min(pause, self.closest_us)
            running = Episode(span.start_us, span.start_us, 0)
        # a dip of less than 60 s is part of the exposure; one through unknown time is not certainly so
        dip = span.start_us - running.end_us if self._certain_us > 0 else 0
        self._certain_us += dip + length
        self.running = Episode(running.start_us, span.end_us, max(self._certain_us, running.certain_us))
        self.longest_us = max(self.longest_us, self._certain_us)
        self._clean_us = 0

    def judge(self, rule: EpisodeRule, *, doubtful: bool) -> Frequency:
        """The rule on a shift. Only what is certain violates it; unknown time or a doubtful value never complies."""
        violations = []
        if self.longest_us > rule.longest_min * 60_000_000 + 1:
            violations.append("too_long")
        if self.number > rule.most:
            violations.append("too_often")
        if self.closest_us is not None and self.closest_us < rule.apart_min * 60_000_000 - 1:
            violations.append("too_close")
        verdict = "exceeded" if violations else "indeterminate" if doubtful or self.unsure else "compliant"
        return Frequency(verdict, tuple(violations), self.number, self.longest_us, self.closest_us)

    def dump(self) -> list[Any]:
        """The state as plain values, for `load`."""
        running = None if self.running is None else list(self.running)
        return [
            self.number, self.longest_us, self.closest_us, self.unsure, running, self._ended_us, self._clean_us,
            self._certain_us,
        ]  # fmt: skip

    @classmethod
    def load(cls, state: Sequence[Any]) -> Self:
        """What `dump` gave."""
        number, longest_us, closest_us, unsure, running, *rest = state
        return cls(number, longest_us, closest_us, unsure, None if running is None else Episode(*running), *rest)


def spans_above(
    edges: npt.NDArray[np.int64], levels: npt.NDArray[np.float64], level: float, full_scale: float | None
) -> list[Span]:
    """Where the 1-minute mean lies above `level`, over the whole record, neighbours merged.

    edges (n+1,) int64 [µs], increasing; levels (n,) float64 [unit], NaN in a gap. Before the first edge the person is
    unexposed: zero. OVER: above even if the gaps of the minute were 0. CLEAN: not above even if they were full scale.
    UNKNOWN: all else. Exact between edges, where ∫c dt over a minute is linear in time.
    """
    valid = ~np.isnan(levels)
    if bool(valid.all()) and not np.any(levels > level):
        return [Span(int(edges[0]), int(edges[-1]), CLEAN)]  # no mean is above what no level is above
    at = np.concatenate([[-_MEAN_US], edges - edges[0]]).astype(np.float64)
    lengths = np.diff(at)
    total = np.concatenate([[0.0], np.cumsum(np.concatenate([[0.0], np.where(valid, levels, 0.0)]) * lengths)])
    missing = np.concatenate([[0.0], np.cumsum(np.concatenate([[0.0], np.where(valid, 0.0, lengths[1:])]))])
    times = _distinct(np.concatenate([at[1:], at[1:] + _MEAN_US]))
    times = times[times <= at[-1]]
    slack = _SAME * abs(level) * _MEAN_US + 1e-15 * float(np.abs(total).max())
    low = np.interp(times, at, total) - np.interp(times - _MEAN_US, at, total) - level * _MEAN_US - slack
    gap = np.interp(times, at, missing) - np.interp(times - _MEAN_US, at, missing)
    high = low + gap * (_UNBOUNDED if full_scale is None else full_scale)
    return [
        Span(span.start_us + int(edges[0]), span.end_us + int(edges[0]), span.state) for span in _cut(times, low, high)
    ]


def _distinct(numbers: npt.NDArray[_Number]) -> npt.NDArray[_Number]:
    """Sorted, each once. np.unique hashes first, which took a third of the time of `bocamina exposure`."""
    numbers = np.sort(numbers)
    return np.asarray(numbers[np.concatenate([[True], numbers[1:] > numbers[:-1]])])


def _cut(times: npt.NDArray[np.float64], low: npt.NDArray[np.float64], high: npt.NDArray[np.float64]) -> list[Span]:
    """Spans of one state, cut where one of the two piecewise linear functions changes its sign."""
    cuts = [times]
    for line in (low, high):
        crossing = (line[:-1] <= 0.0) != (line[1:] <= 0.0)
        a, b = line[:-1][crossing], line[1:][crossing]
        cuts.append(times[:-1][crossing] + a / (a - b) * np.diff(times)[crossing])
    points = _distinct(np.rint(np.concatenate(cuts)).astype(np.int64))
    middle = (points[:-1] + points[1:]) / 2.0
    is_over, is_clean = np.interp(middle, times, low) > 0.0, np.interp(middle, times, high) <= 0.0
    states = np.where(is_over, OVER, np.where(is_clean, CLEAN, UNKNOWN))
    starts = np.flatnonzero(np.diff(states, prepend=-1))
    ends = np.append(starts[1:], states.size)
    return [Span(int(points[i]), int(points[j]), int(states[i])) for i, j in zip(starts, ends, strict=True)]


def episodes_of(spans: Iterable[Span]) -> list[Episode]:
    """All exposures of a record, the one that still runs last."""
    tally = Tally()
    found = [ended for span in spans if (ended := tally.add(span)) is not None]
    return found if tally.running is None else [*found, tally.running]


def judge_episodes(spans: Iterable[Span], rule: EpisodeRule, *, doubtful: bool) -> Frequency:
    """The rule on a whole record."""
    tally = Tally()
    for span in spans:
        tally.add(span)
    return tally.judge(rule, doubtful=doubtful)
