"""Short exposures above a level: how long each was, how many, how far apart (limits reference 4.3, 4.5).

Judged on the 1-minute mean: a 15-minute mean drags a tail that would double the length of each exposure. An episode
opens when the mean is above the level and closes when it has been at or below it for 60 s; its end is where that began.
What was not measured is neither an episode nor the end of one: it makes *compliant* impossible, and never *exceeded*.
"""

from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from gateway.domain.short_term import EpisodeRule

_MEAN_US: Final = 60_000_000
_CLOSES_AFTER_US: Final = 60_000_000
"""At or below the level for this long ends an episode [D]."""
_UNBOUNDED: Final = 1e30
"""Stands for an unknown full scale: any gap may have been any level."""
_SAME: Final = 1e-9

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
    episodes: tuple[Episode, ...]
    longest_us: int
    closest_us: int | None


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
    times = np.unique(np.concatenate([at[1:], at[1:] + _MEAN_US]))
    times = times[times <= at[-1]]
    slack = _SAME * abs(level) * _MEAN_US + 1e-15 * float(np.abs(total).max())
    low = np.interp(times, at, total) - np.interp(times - _MEAN_US, at, total) - level * _MEAN_US - slack
    gap = np.interp(times, at, missing) - np.interp(times - _MEAN_US, at, missing)
    high = low + gap * (_UNBOUNDED if full_scale is None else full_scale)
    return [
        Span(span.start_us + int(edges[0]), span.end_us + int(edges[0]), span.state) for span in _cut(times, low, high)
    ]


def _cut(times: npt.NDArray[np.float64], low: npt.NDArray[np.float64], high: npt.NDArray[np.float64]) -> list[Span]:
    """Spans of one state, cut where one of the two piecewise linear functions changes its sign."""
    cuts = [times]
    for line in (low, high):
        crossing = (line[:-1] <= 0.0) != (line[1:] <= 0.0)
        a, b = line[:-1][crossing], line[1:][crossing]
        cuts.append(times[:-1][crossing] + a / (a - b) * np.diff(times)[crossing])
    points = np.unique(np.rint(np.concatenate(cuts)).astype(np.int64))
    middle = (points[:-1] + points[1:]) / 2.0
    is_over, is_clean = np.interp(middle, times, low) > 0.0, np.interp(middle, times, high) <= 0.0
    states = np.where(is_over, OVER, np.where(is_clean, CLEAN, UNKNOWN))
    starts = np.flatnonzero(np.diff(states, prepend=-1))
    ends = np.append(starts[1:], states.size)
    return [Span(int(points[i]), int(points[j]), int(states[i])) for i, j in zip(starts, ends, strict=True)]


def episodes_of(spans: list[Span]) -> list[Episode]:
    """The fewest exposures that the record allows: one goes on through what is unknown and through less than 60 s."""
    found: list[Episode] = []
    running: Episode | None = None
    clean_us = certain_us = 0
    for span in spans:
        length = span.end_us - span.start_us
        if span.state == CLEAN:
            clean_us += length
            if running is not None and clean_us >= _CLOSES_AFTER_US:
                found.append(running)
                running = None
        elif span.state == UNKNOWN:
            clean_us, certain_us = 0, 0
        else:
            # a dip of less than 60 s is part of the exposure; one through unknown time is not certainly so
            start = span.start_us if running is None else running.start_us
            joined = running is not None and certain_us > 0
            certain_us = certain_us + (span.start_us - running.end_us) + length if joined and running else length
            running = Episode(start, span.end_us, max(certain_us, running.certain_us if running else 0))
            clean_us = 0
        if running is None:
            certain_us = 0
    return found if running is None else [*found, running]


def judge_episodes(spans: list[Span], rule: EpisodeRule, *, doubtful: bool) -> Frequency:
    """The rule on a shift. Only what is certain violates it; with unknown time or a doubtful value none complies."""
    episodes = episodes_of(spans)
    longest = max((one.certain_us for one in episodes), default=0)
    apart = [later.start_us - one.end_us for one, later in pairwise(episodes)]
    violations = []
    if longest > rule.longest_min * 60_000_000 + 1:
        violations.append("too_long")
    if len(episodes) > rule.most:
        violations.append("too_often")
    if apart and min(apart) < rule.apart_min * 60_000_000 - 1:
        violations.append("too_close")
    unsure = doubtful or any(span.state == UNKNOWN for span in spans)
    verdict = "exceeded" if violations else "indeterminate" if unsure else "compliant"
    return Frequency(verdict, tuple(violations), tuple(episodes), longest, min(apart, default=None))
