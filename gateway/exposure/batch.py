"""Exposure of a whole record against the limits: the document of `bocamina exposure --json` (interfaces)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from gateway.domain.errors import ConfigError
from gateway.domain.figures import LimitFigure
from gateway.domain.limits import Limit, limits_for
from gateway.domain.quantities import QUANTITIES
from gateway.exposure import batch_kernels
from gateway.exposure.extended_shift import reduction_factor
from gateway.exposure.layout import ABSURD, DOUBT, OVER
from gateway.exposure.mixtures import GROUPS, NEVER
from gateway.exposure.record import Series, pieces
from gateway.exposure.verdicts import (
    SAME,
    Channel,
    Instant,
    Window,
    judge_bounds,
    judge_instant,
    judge_window,
    method_of,
)  # fmt: skip

_HOUR_US: Final = 3_600_000_000
_STEL_US: Final = 900_000_000
_NEVER_SCALED: Final = frozenset(["ch4", "o2", "h2"])


@dataclass(frozen=True, slots=True)
class Question:
    """What a record is judged by.

    regimes: identifiers, in the order of the answer. shift_hours: None = the span of the record. week_hours: for
    Brief & Scala's weekly factor. full_scales, gap_levels (95th percentile of the last 7 shifts): [canonical unit]
    by substance. groups: forced mixtures.
    """

    regimes: tuple[str, ...]
    shift_hours: float | None = None
    week_hours: float | None = None
    full_scales: Mapping[str, float] = field(default_factory=dict)
    gap_levels: Mapping[str, float] = field(default_factory=dict)
    groups: tuple[tuple[str, ...], ...] = ()


class _Air(NamedTuple):
    """One substance over the window of the record: `edges` (n+1) and n stretches, with what follows from them."""

    edges: npt.NDArray[np.int64]
    levels: npt.NDArray[np.float64]
    flags: npt.NDArray[np.int64]
    total: float
    covered_s: float
    window_s: float
    shift_s: float
    channel: Channel
    samples: npt.NDArray[np.float64]
    rows: int
    percentile: float

    def has(self, flag: int) -> bool:
        return bool(np.any(self.flags & flag))

    def rolling(self, window_us: int) -> list[float]:
        """Largest low, estimate and high of the mean over `window_us`, and the coverage there; see the kernel."""
        out = np.empty(4)
        full_scale = math.nan if self.channel.full_scale is None else self.channel.full_scale
        batch_kernels.rolling(self.edges, self.levels, self.flags, window_us, self.percentile, full_scale, out)
        return [float(number) for number in out]


def evaluate(record: Mapping[str, Series], question: Question) -> dict[str, Any]:
    """The JSON document of the interface; figures are rounded to 12 digits, three more than they are accurate to."""
    opens = min(int(series.starts[0]) for series in record.values())
    span_us = max(int(series.ends.max()) for series in record.values()) - opens
    if question.shift_hours is not None and not 0.0 < question.shift_hours <= 24.0:
        raise ConfigError(f"--shift-hours {question.shift_hours:g}: expected more than 0 and at most 24")
    shift_us = span_us if question.shift_hours is None else round(question.shift_hours * _HOUR_US)
    if span_us <= 0:
        raise ConfigError("the record has no duration, expected at least one row that stands for some time")
    airs = {
        quantity: _air(series, opens, opens + max(span_us, shift_us), shift_us, quantity, question)
        for quantity, series in record.items()
    }
    for quantity in (*question.full_scales, *(name for group in question.groups for name in group)):
        if quantity not in airs:
            raise ConfigError(f"{quantity}: the record has no such substance, it has {', '.join(airs)}")
    return {
        "substances": {quantity: _substance(quantity, air, question) for quantity, air in airs.items()},
        "mixture": _mixtures(airs, question),
    }


def _air(series: Series, opens: int, closes: int, shift_us: int, quantity: str, question: Question) -> _Air:
    ends, levels, flags = zip(*pieces(series, opens, closes), strict=True)
    edges = np.array([opens, *ends], np.int64)
    level_array, lengths = np.array(levels), np.diff(edges) * 1e-6
    valid = ~np.isnan(level_array)
    seen = series.levels[~np.isnan(series.levels)]
    candidates = [question.gap_levels[quantity]] if quantity in question.gap_levels else []
    candidates += [float(seen[-1])] if seen.size else []
    return _Air(
        edges, level_array, np.array(flags, np.int64),
        math.fsum((level_array[valid] * lengths[valid]).tolist()), math.fsum(lengths[valid].tolist()),
        (closes - opens) * 1e-6, shift_us * 1e-6,
        Channel(question.full_scales.get(quantity), max(candidates, default=None)), seen, series.samples,
        question.gap_levels.get(quantity, math.nan),
    )  # fmt: skip


def _substance(quantity: str, air: _Air, question: Question) -> dict[str, Any]:
    return {
        "unit": QUANTITIES[quantity].unit,
        "samples": air.rows,
        "covered_s": _tidy(air.covered_s),
        "gap_s": _tidy(max(0.0, air.window_s - air.covered_s)),
        "mean": _tidy(air.total / air.covered_s) if air.covered_s else None,
        "e8": _tidy(air.total / 28_800.0),
        "mean_shift": _tidy(air.total / air.shift_s),
        "rolling_8h_max": _tidy(air.rolling(8 * _HOUR_US)[0]),
        "stel_max": _tidy(air.rolling(_STEL_US)[0]),
        "peak": _tidy(float(air.samples.max())) if air.samples.size else None,
        "limits": [
            _limit_document(limit, figure)
            for limit in limits_for(quantity, question.regimes)
            for figure in _judge(limit, air, question)
        ],
    }


def _judge(limit: Limit, air: _Air, question: Question) -> list[LimitFigure]:
    method = method_of(limit)
    if method == "rolling":
        return [_judge_rolling(limit, air)]
    if method in {"instant", "excursion"}:
        lowest, highest = (float(air.samples.min()), float(air.samples.max())) if air.samples.size else (None, None)
        coverage = min(1.0, air.covered_s / air.window_s)
        seen = Instant(lowest, highest, coverage, air.has(OVER), air.has(DOUBT), air.has(ABSURD))
        return [judge_instant(limit, method, seen, air.channel)]
    hours = min(max(air.shift_s / 3600.0, 8.0), 10.0) if method == "niosh_10h" else 8.0
    window = Window(
        air.total, air.covered_s, air.window_s, hours * 3600.0, air.has(OVER), air.has(DOUBT), air.has(ABSURD)
    )
    rows = [judge_window(limit, method, window, air.channel)]
    given = question.shift_hours
    scalable = method == "e8" and limit.kind == "TWA" and limit.quantity not in _NEVER_SCALED
    if scalable and given is not None and given != 8.0:
        bound = limit.value * reduction_factor(given, question.week_hours)
        mean = window._replace(divisor_s=air.shift_s)
        rows.append(judge_window(limit, "brief_scala", mean, air.channel, bound=bound))
    return rows


def _judge_rolling(limit: Limit, air: _Air) -> LimitFigure:
    """The worst windows of the record: the low, estimate and high are each the largest of all windows."""
    low, value, high, coverage = air.rolling(limit.averaging_minutes * 60_000_000)
    low = max(0.0, low)
    if air.has(ABSURD) and air.channel.full_scale is not None:
        low = max(low, air.channel.full_scale)
    return judge_bounds(
        limit, "rolling", None if math.isnan(value) else max(low, value), low,
        None if math.isnan(high) else max(0.0, high), coverage, doubtful=air.has(DOUBT), channel=air.channel,
    )  # fmt: skip


def _mixtures(airs: Mapping[str, _Air], question: Question) -> list[dict[str, Any]]:
    for group in question.groups:
        if wrong := NEVER.intersection(group):
            raise ConfigError(f"--group: {', '.join(sorted(wrong))} belongs in no mixture index (limits reference 4.6)")
    named = [("+".join(group), group) for group in question.groups] + list(GROUPS.items())
    found = []
    for regime in question.regimes:
        for name, group in named:
            members = [quantity for quantity in group if quantity in airs]
            for kind in ("TWA", "STEL"):
                bounds = {quantity: bound for quantity in members if (bound := _bound(quantity, regime, kind))}
                if len(bounds) > 1:
                    index = _index(airs, bounds, kind)
                    exceeded = index > 1.0 and not math.isclose(index, 1.0, rel_tol=SAME)
                    found.append(
                        {"regime": regime, "group": name, "kind": kind, "index": _tidy(index), "exceeded": exceeded}
                    )
    return found


def _bound(quantity: str, regime: str, kind: str) -> Limit | None:
    """The strictest limit of one averaging period: E8 (NIOSH: its own hours) for TWA, 15 min for STEL."""
    rows = [
        limit
        for limit in limits_for(quantity, [regime])
        if limit.kind == kind and (kind == "TWA" or limit.averaging_minutes == 15) and limit.value > 0.0
    ]
    return min(rows, key=lambda limit: limit.value, default=None)


def _index(airs: Mapping[str, _Air], bounds: Mapping[str, Limit], kind: str) -> float:
    """Σ C/L with gaps as 0; for STEL the worst single window of all substances together."""
    if kind == "TWA":
        total = 0.0
        for quantity, limit in bounds.items():
            air = airs[quantity]
            hours = min(max(air.shift_s / 3600.0, 8.0), 10.0) if method_of(limit) == "niosh_10h" else 8.0
            total += max(0.0, air.total) / (hours * 3600.0) / limit.value
        return total
    members = [airs[quantity] for quantity in bounds]
    edges = np.unique(np.concatenate([air.edges for air in members]))
    together = np.zeros(edges.size - 1)
    for air, limit in zip(members, bounds.values(), strict=True):
        level = np.nan_to_num(air.levels[np.searchsorted(air.edges, edges[:-1], side="right") - 1])
        together += level / limit.value
    out = np.empty(4)
    batch_kernels.rolling(edges, together, np.zeros(together.size, np.int64), _STEL_US, math.nan, math.nan, out)
    return max(0.0, float(out[0]))


def _limit_document(limit: Limit, figure: LimitFigure) -> dict[str, Any]:
    document: dict[str, Any] = {
        name: _tidy(value) if isinstance(value, float) else value
        for name, value in figure._asdict().items()
        if name != "time_to_limit_s"
    }
    document["table"] = limit.table
    if limit.phase:
        document["phase"] = limit.phase
    return document


def _tidy(number: float) -> float | None:
    return float(f"{number:.12g}") if math.isfinite(number) else None
