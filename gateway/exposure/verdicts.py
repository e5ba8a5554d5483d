"""From a window of air to a verdict: low, best estimate, high, and what may be said of them (limits reference 4.9)."""

import math
from typing import Final, NamedTuple

from gateway.domain.figures import LimitFigure
from gateway.domain.limits import Limit

ENOUGH_COVERAGE: Final = 0.75
"""Below it nothing is compliant: data-capture criterion of running 8 h means (limits reference 4.9)."""
SAME: Final = 1e-9
"""Figures are computed to this relative accuracy: what is closer to a limit than that equals it, and equal passes."""
MICROSECOND: Final = 1e-6
"""[s] Times are whole microseconds: a shorter gap is none, but a rounding."""
RESOLVES: Final = 3.0
"""A channel judges a limit of at least three times its noise and drift (limits reference 6.7)."""

SEVERITY: Final = {"compliant": 0, "indeterminate": 1, "exceeded": 2}
"""Of two verdicts on one limit the worse one holds."""


class Channel(NamedTuple):
    """What a figure needs to know of who measured it.

    full_scale: None unknown. gap_level: what a gap is best filled with, None unknown. resolution: noise and drift.
    """

    full_scale: float | None = None
    gap_level: float | None = None
    resolution: float = 0.0


NOBODY: Final = Channel()


class Window(NamedTuple):
    """One averaging window: total ∫c dt over the covered time [unit·s], all lengths [s].

    window_s: how long it is; what is not covered of it is gap. divisor_s: what the rule divides by (8 h for E8).
    over: a value in it was a lower bound. doubt: one was uncertain. absurd: one was no number at all.
    """

    total: float
    covered_s: float
    window_s: float
    divisor_s: float
    over: bool = False
    doubt: bool = False
    absurd: bool = False


class Instant(NamedTuple):
    """Extreme levels of a stretch of time (live: the present level twice), None when nothing was valid."""

    lowest: float | None
    highest: float | None
    coverage: float
    over: bool = False
    doubt: bool = False
    absurd: bool = False


def method_of(limit: Limit) -> str:
    """How a limit is compared, by its kind and averaging time (identifiers of the interface)."""
    if limit.averaging_minutes == 0:
        return "instant"
    if limit.averaging_minutes == 600 and limit.regime == "niosh":
        return "niosh_10h"
    if limit.averaging_minutes >= 480:
        return "e8"
    return "excursion" if limit.kind == "MAX" else "rolling"


def is_resolved(limit: Limit, resolution: float) -> bool:
    """Whether a channel of this resolution can judge the limit (limits reference 6.7)."""
    return limit.value >= RESOLVES * resolution * (1.0 - SAME)


def always_alarms(limit: Limit) -> bool:
    """Peru's limits, IDLH and signed limits alarm also where a channel cannot resolve them (limits reference 6.7)."""
    return limit.regime == "peru" or limit.kind == "IDLH" or limit.signed


def judge_window(
    limit: Limit, method: str, window: Window, channel: Channel, *, bound: float | None = None
) -> LimitFigure:
    """A mean against a limit. bound: the adjusted limit where it differs from the rule book's (Brief & Scala).

    Means are clipped at 0 here and nowhere before (limits reference 4.11). An absurd value makes `high` unknown and
    `low` at least full scale as long as it is inside.
    """
    gap_s = window.window_s - window.covered_s
    if gap_s < 0.5 * MICROSECOND:
        gap_s = 0.0
    divisor = window.divisor_s
    low = max(0.0, window.total / divisor)
    high = None
    if not (window.over or window.absurd) and (gap_s == 0.0 or channel.full_scale is not None):
        high = max(low, (window.total + gap_s * (channel.full_scale or 0.0)) / divisor)
    if window.absurd and channel.full_scale is not None:
        low = max(low, channel.full_scale)
    value = None
    if gap_s == 0.0 or channel.gap_level is not None:
        value = max(low, (window.total + gap_s * (channel.gap_level or 0.0)) / divisor)
    coverage = min(1.0, window.covered_s / window.window_s) if window.window_s > 0.0 else 0.0
    return judge_bounds(limit, method, value, low, high, coverage, bound=bound, doubtful=window.doubt, channel=channel)


def judge_instant(
    limit: Limit, method: str, seen: Instant, channel: Channel, *, bound: float | None = None
) -> LimitFigure:
    """Levels against a limit without averaging; MIN looks at the lowest, everything else at the highest level.

    bound: as for `judge_window`.
    """
    complete = seen.coverage >= 1.0 - SAME and not seen.absurd
    value = seen.lowest if limit.kind == "MIN" else seen.highest
    if limit.kind == "MIN":
        low = seen.lowest if seen.lowest is not None and complete else 0.0
        high = seen.lowest if seen.lowest is not None and not seen.over else channel.full_scale
    else:
        low = 0.0 if seen.highest is None else seen.highest
        if seen.absurd and channel.full_scale is not None:
            low = max(low, channel.full_scale)
        high = low if complete else channel.full_scale
        high = None if seen.over or seen.absurd or high is None else max(high, low)
    if value is None:
        value = channel.gap_level
    elif limit.kind != "MIN":
        value = max(value, low)  # an absurd level stands for full scale at least, in the estimate as in the bound
    return judge_bounds(
        limit, method, value, low, high, seen.coverage, bound=bound, doubtful=seen.doubt, channel=channel
    )


def _is_beyond(limit: Limit, more: float, less: float) -> bool:
    """Whether `more` is above `less`, or at it where the rule says "reaches" (limits reference 0.2)."""
    if math.isclose(more, less, rel_tol=SAME):
        return limit.comparison == "reaches"
    return more > less


def judge_bounds(
    limit: Limit, method: str, value: float | None, low: float, high: float | None, coverage: float,
    *, bound: float | None = None, doubtful: bool = False, channel: Channel = NOBODY,
) -> LimitFigure:  # fmt: skip
    """The verdict on bounds that are already computed; the truth lies in [low, high]."""
    bound = limit.value if bound is None else bound
    if limit.kind == "MIN":
        exceeded = high is not None and _is_beyond(limit, bound, high)
        within = not _is_beyond(limit, bound, low)
    else:
        exceeded = _is_beyond(limit, low, bound)
        within = high is not None and not _is_beyond(limit, high, bound)
    verdict, reason = "compliant", None
    if not is_resolved(limit, channel.resolution) and not (exceeded and always_alarms(limit)):
        verdict, reason = "indeterminate", "resolution"
    elif exceeded:
        verdict = "exceeded"
    elif not within:
        verdict, reason = "indeterminate", "range"
    elif coverage < ENOUGH_COVERAGE:
        verdict, reason = "indeterminate", "coverage"
    elif doubtful:
        verdict, reason = "indeterminate", "uncertain"
    return LimitFigure(
        regime=limit.regime, kind=limit.kind, method=method, averaging_minutes=limit.averaging_minutes, limit=bound,
        base_limit=limit.value, value=value, low=low, high=high, coverage=coverage,
        fraction=value / bound if value is not None and bound > 0.0 else None, verdict=verdict, time_to_limit_s=None,
        source=limit.cited, confidence=limit.confidence, reason=reason, confirmed_by=limit.confirmed_by,
        confirmed_on=limit.confirmed_on.isoformat() if limit.confirmed_on else None,
    )  # fmt: skip
