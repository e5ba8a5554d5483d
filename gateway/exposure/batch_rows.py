"""One limit against one substance of a record: every row of figures that the rule book gives for it."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from gateway.domain.figures import LimitFigure
from gateway.domain.limit import Limit
from gateway.domain.short_term import EpisodeRule
from gateway.exposure.air import Air
from gateway.exposure.dose import action_level, dose_percent
from gateway.exposure.episodes import Frequency, Span, judge_episodes, spans_above
from gateway.exposure.excursions import excursion_of, stel_frequency_of
from gateway.exposure.extended_shift import is_scaled, reduction_factor
from gateway.exposure.layout import ABSURD, DOUBT, OVER
from gateway.exposure.peaks import AcceptablePeak, acceptable_peak_of, judge_peak
from gateway.exposure.verdicts import (
    SAME,
    SEVERITY,
    Instant,
    Window,
    judge_bounds,
    judge_instant,
    judge_window,
    method_of,
)  # fmt: skip

_ART_111: Final = "PE_DS024_ART111"
_MINUTE_US: Final = 60_000_000  # episodes are judged on the 1-minute mean
Row = tuple[Limit, LimitFigure, dict[str, Any]]
"""A limit, its figure, and what the document says beside it."""


class Hours(NamedTuple):
    """Worked, as somebody said: a shift and a week [h]; None not said."""

    shift: float | None
    week: float | None


def tidy(number: float) -> float | None:
    """Rounded to 12 digits, three more than it is accurate to; None for what is no number."""
    return float(f"{number:.12g}") if math.isfinite(number) else None


def divisor_s(limit: Limit, air: Air) -> float:
    """What a rule divides ∫c dt by [s]: 8 h always, NIOSH the shift between 8 and 10 h."""
    return 3600.0 * (min(max(air.shift_s / 3600.0, 8.0), 10.0) if method_of(limit) == "niosh_10h" else 8.0)


def rows_of(limit: Limit, limits: Sequence[Limit], air: Air, hours: Hours) -> list[Row]:
    """Everything that one limit of a rule book gives: its own row, Brief & Scala's, its excursion rule."""
    rows: list[Row] = [(limit, figure, {}) for figure in _judge(limit, air, hours)]
    if frequency := stel_frequency_of(limit, limits):
        rows = [_with_frequency(row, *frequency, air) for row in rows]
    if peak := acceptable_peak_of(limit, limits):
        rows = [_with_peak(row, peak, air) for row in rows]
    if limit.kind == "TWA":
        rows = [(limit, one, more | _dose(limit, one, air, hours)) for limit, one, more in rows]
    if excursion := excursion_of(limit, limits):
        row: Row = (excursion.limit, _judge_peak(excursion.limit, excursion.bound, air), {})
        rule = excursion.episodes
        rows.append(_with_frequency(row, rule, excursion.episode_level, air) if rule else row)
    return rows


def _with_frequency(row: Row, rule: EpisodeRule, level: float, air: Air) -> Row:
    """The row with how often its level was passed; the worse of the two verdicts is the row's."""
    limit, figure, more = row
    found = judge_episodes(_spans(air, level), rule, doubtful=air.has(DOUBT | ABSURD))
    if SEVERITY[found.verdict] > SEVERITY[figure.verdict]:
        figure = figure._replace(verdict=found.verdict, reason="frequency")
    return limit, figure, {**more, "frequency": _frequency_document(found, rule, level)}


def _with_peak(row: Row, rule: AcceptablePeak, air: Air) -> Row:
    """The row with what may pass the ceiling. The MAX row carries the verdict of the rule, the ceiling's is its own."""
    limit, figure, more = row
    measurable = air.channel.resolution
    marks = [one.value * (1.0 + SAME) for one in (rule.ceiling, rule.peak)]
    if air.series.highest > marks[0]:  # only beside a peak does it matter how often anything was measurable
        marks.append(measurable)
    found = judge_peak(*air.condensed(sorted(marks)), rule, measurable)
    if limit.kind == "MAX" and SEVERITY[found.verdict] > SEVERITY[figure.verdict]:
        figure = figure._replace(verdict=found.verdict, reason="frequency")
    document = {
        "above": rule.ceiling.value,
        "peaks": found.number,
        "over_min": tidy(found.over_s / 60.0),
        "violations": list(found.violations),
        "verdict": found.verdict,
        "source": rule.rule.source,
        "confidence": rule.rule.confidence,
    }
    return limit, figure, {**more, "acceptable_peak": document}


def _spans(air: Air, level: float) -> Iterator[Span]:
    """Where the 1-minute mean lies above `level`, part by part."""
    full_scale = None if air.has(OVER) else air.channel.full_scale
    for since_us, edges, levels, flags in air.stretches(_MINUTE_US):
        over = (flags & OVER) != 0  # a lower bound: where it is not above the level itself, nobody knows
        known = np.where(over & (levels <= level), math.nan, levels)
        for span in spans_above(edges, known, level, full_scale):
            if span.end_us > since_us:
                yield span._replace(start_us=max(span.start_us, since_us))


def _frequency_document(found: Frequency, rule: EpisodeRule, level: float) -> dict[str, Any]:
    return {
        "above": level,
        "episodes": found.episodes,
        "longest_min": tidy(found.longest_us / 60e6),
        "closest_min": None if found.closest_us is None else tidy(found.closest_us / 60e6),
        "violations": list(found.violations),
        "verdict": found.verdict,
        "source": rule.source,
        "confidence": rule.confidence,
    }


def _dose(limit: Limit, figure: LimitFigure, air: Air, hours: Hours) -> dict[str, Any]:
    """Dose and action level beside an 8 h TWA, and the order to stop work of Art. 111."""
    if figure.method != "e8" or not is_scaled(limit):
        return {}
    action = action_level(limit)
    judged = next(one for one in _judge(limit, air, hours, bound=action.value) if one.method == "e8")
    more: dict[str, Any] = {
        "dose_percent": dose_percent(air.total, limit.value),
        "action_level": action.value,
        "action_verdict": judged.verdict,
        "action_source": action.source,
    }
    if _ART_111 in limit.table and figure.verdict == "exceeded":
        more["recommendation"] = "stop_work"
    return more


def _judge(limit: Limit, air: Air, hours: Hours, *, bound: float | None = None) -> list[LimitFigure]:
    method = method_of(limit)
    if method == "rolling":
        return [_judge_rolling(limit, air)]
    if method in {"instant", "excursion"}:
        return [judge_instant(limit, method, _seen(air), air.channel)]
    window = Window(
        air.total, air.covered_s, air.window_s, divisor_s(limit, air), air.has(OVER), air.has(DOUBT), air.has(ABSURD)
    )
    rows = [judge_window(limit, method, window, air.channel, bound=bound)]
    given = hours.shift
    if is_scaled(limit) and given is not None and given != 8.0:
        bound = limit.value * reduction_factor(given, hours.week)
        mean = window._replace(divisor_s=air.shift_s)
        rows.append(judge_window(limit, "brief_scala", mean, air.channel, bound=bound))
    return rows


def _seen(air: Air) -> Instant:
    """The extreme levels of the record."""
    lowest, highest = air.series.lowest, air.series.highest
    coverage = min(1.0, air.covered_s / air.window_s)
    if math.isnan(highest):
        return Instant(None, None, coverage, air.has(OVER), air.has(DOUBT), air.has(ABSURD))
    return Instant(lowest, highest, coverage, air.has(OVER), air.has(DOUBT), air.has(ABSURD))


def _judge_peak(limit: Limit, bound: float, air: Air) -> LimitFigure:
    """A timed peak: the worst mean over its minutes, or the highest level where it names none."""
    if limit.averaging_minutes:
        return _judge_rolling(limit, air, "excursion", bound)
    return judge_instant(limit, "excursion", _seen(air), air.channel, bound=bound)


def _judge_rolling(limit: Limit, air: Air, method: str = "rolling", bound: float | None = None) -> LimitFigure:
    """The worst windows of the record: the low, estimate and high are each the largest of all windows."""
    low, value, high, coverage = air.rolling(limit.averaging_minutes * 60_000_000)
    low = max(0.0, low)
    if air.has(ABSURD) and air.channel.full_scale is not None:
        low = max(low, air.channel.full_scale)
    return judge_bounds(
        limit, method, None if math.isnan(value) else max(low, value), low,
        None if math.isnan(high) else max(0.0, high), coverage, bound=bound, doubtful=air.has(DOUBT),
        channel=air.channel,
    )  # fmt: skip
