"""Exposure of a whole record against the limits: the document of `bocamina exposure --json` (interfaces)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from gateway.domain.errors import ConfigError
from gateway.domain.figures import LimitFigure
from gateway.domain.limits import Limit, formulas, limits_for
from gateway.domain.quantities import QUANTITIES
from gateway.exposure.air import Air
from gateway.exposure.batch_rows import Hours, divisor_s, rows_of, tidy
from gateway.exposure.dose import additive_index
from gateway.exposure.mixtures import GROUPS, NEVER
from gateway.exposure.series import Series
from gateway.exposure.silica import silica_fraction
from gateway.exposure.together import worst_index
from gateway.exposure.verdicts import SAME, Channel

_HOUR_US: Final = 3_600_000_000
_STEL_US: Final = 900_000_000
_DUST: Final = "dust_respirable"
_SILICA: Final = "silica_respirable"
_PHASES_GROUP: Final = "pneumoconiosis_dusts"


@dataclass(frozen=True, slots=True)
class Question:
    """What a record is judged by.

    regimes: identifiers, in the order of the answer. shift_hours: None = the span of the record. week_hours: for
    Brief & Scala's weekly factor. full_scales, gap_levels (95th percentile of the last 7 shifts): [canonical unit]
    by substance. groups: forced mixtures. phases: the laboratory's share of quartz and of cristobalite in the
    respirable dust [%]; without them no silica is given.
    """

    regimes: tuple[str, ...]
    shift_hours: float | None = None
    week_hours: float | None = None
    full_scales: Mapping[str, float] = field(default_factory=dict)
    gap_levels: Mapping[str, float] = field(default_factory=dict)
    groups: tuple[tuple[str, ...], ...] = ()
    phases: Mapping[str, float] = field(default_factory=dict)


def evaluate(record: Mapping[str, Series], question: Question) -> dict[str, Any]:
    """The JSON document of the interface; figures are rounded to 12 digits, three more than they are accurate to."""
    opens = min(series.opens_us for series in record.values())
    span_us = max(series.closes_us for series in record.values()) - opens
    if question.shift_hours is not None and not 0.0 < question.shift_hours <= 24.0:
        raise ConfigError(f"--shift-hours {question.shift_hours:g}: expected more than 0 and at most 24")
    shift_us = span_us if question.shift_hours is None else round(question.shift_hours * _HOUR_US)
    if span_us <= 0:
        raise ConfigError("the record has no duration, expected at least one row that stands for some time")
    airs = {
        quantity: _air(series, opens, opens + max(span_us, shift_us), shift_us, quantity, question)
        for quantity, series in record.items()
    }
    grouped = (name for group in question.groups for name in group)
    for quantity in (*question.full_scales, *question.gap_levels, *grouped):
        if quantity not in airs:
            raise ConfigError(f"{quantity}: the record has no such substance, it has {', '.join(airs)}")
    substances = {quantity: _substance(quantity, air, question) for quantity, air in airs.items()}
    mixture = _mixtures(airs, question)
    if question.phases:
        if _DUST not in record or _SILICA in record:
            raise ConfigError(f"a share of {', '.join(question.phases)}: expected {_DUST} in the record, no {_SILICA}")
        of_phase = {
            phase: _scaled(record[_DUST], silica_fraction(percent, phase), opens, shift_us, question, airs[_DUST])
            for phase, percent in question.phases.items()
        }
        both = math.fsum(silica_fraction(percent, phase) for phase, percent in question.phases.items())
        if both > 1.0:
            names = ", ".join(question.phases)
            raise ConfigError(f"shares of {names}: {100 * both:g} % together, expected at most 100")
        air = _scaled(record[_DUST], both, opens, shift_us, question, airs[_DUST])
        substances[_SILICA] = _substance(_SILICA, air, question, of_phase)
        mixture += _phases_index(of_phase, question)
    return {"substances": substances, "mixture": mixture}


def _scaled(dust: Series, fraction: float, opens: int, shift_us: int, question: Question, air: Air) -> Air:
    """Respirable dust × the laboratory's fraction, full scale and gap level with it."""
    scales = {_SILICA: question.full_scales[_DUST] * fraction} if _DUST in question.full_scales else {}
    gaps = {_SILICA: question.gap_levels[_DUST] * fraction} if _DUST in question.gap_levels else {}
    ours = replace(question, full_scales=scales, gap_levels=gaps)
    return _air(dust.scaled(fraction), opens, air.closes_us, shift_us, _SILICA, ours)


def _air(series: Series, opens: int, closes: int, shift_us: int, quantity: str, question: Question) -> Air:
    candidates = [question.gap_levels[quantity]] if quantity in question.gap_levels else []
    candidates += [] if math.isnan(series.last) else [series.last]
    channel = Channel(question.full_scales.get(quantity), max(candidates, default=None))
    return Air(series, opens, closes, shift_us * 1e-6, channel, question.gap_levels.get(quantity, math.nan))


def _substance(
    quantity: str, air: Air, question: Question, of_phase: Mapping[str, Air] | None = None
) -> dict[str, Any]:
    """One substance. of_phase: the air of each phase, for rows that are of one; rows of other phases are left out."""
    hours = Hours(question.shift_hours, question.week_hours)
    limits = [*limits_for(quantity, question.regimes), *_formula_limits(quantity, question)]
    return {
        "unit": QUANTITIES[quantity].unit,
        "samples": air.series.rows,
        "covered_s": tidy(air.covered_s),
        "gap_s": tidy(max(0.0, air.window_s - air.covered_s)),
        "mean": tidy(air.total / air.covered_s) if air.covered_s else None,
        "e8": tidy(air.total / 28_800.0),
        "mean_shift": tidy(air.total / air.shift_s),
        "rolling_8h_max": tidy(air.rolling(8 * _HOUR_US).low),
        "stel_max": tidy(air.rolling(_STEL_US).low),
        "peak": tidy(air.series.highest),
        "limits": [
            _limit_document(*row)
            for limit in limits
            if of_phase is None or limit.phase in of_phase
            for row in rows_of(limit, limits, air if of_phase is None else of_phase[limit.phase or ""], hours)
        ],
    }


def _formula_limits(quantity: str, question: Question) -> list[Limit]:
    """Limits of MSHA before 30 CFR 60, numbers once the laboratory gave a share."""
    found = []
    for one in formulas():
        share = question.phases.get(one.phase or "")
        if one.regime in question.regimes and one.measured == quantity and share is not None:
            source = f"{one.text} with Q = {share:g} %; {one.source}"
            found.append(
                Limit(
                    one.regime, "MSHA_LEGACY_FORMULA", quantity, one.substance, one.kind, one.averaging_minutes,
                    one.at(share), one.unit, source, one.confidence, phase=one.phase, edition=one.edition,
                )
            )  # fmt: skip
    return found


def _phases_index(of_phase: Mapping[str, Air], question: Question) -> list[dict[str, Any]]:
    """Quartz with cristobalite: Em over the phases that the laboratory found, for regimes that limit each."""
    found = []
    for regime in question.regimes:
        bounds = {
            limit.phase: limit
            for limit in limits_for(_SILICA, [regime])
            if limit.kind == "TWA" and limit.phase in of_phase
        }
        if len(bounds) > 1:
            index, exceeded = additive_index(
                (of_phase[phase or ""].total / divisor_s(limit, of_phase[phase or ""]), limit.value)
                for phase, limit in bounds.items()
            )
            found.append(
                {"regime": regime, "group": _PHASES_GROUP, "kind": "TWA", "index": tidy(index), "exceeded": exceeded}
            )
    return found


def _mixtures(airs: Mapping[str, Air], question: Question) -> list[dict[str, Any]]:
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
                        {"regime": regime, "group": name, "kind": kind, "index": tidy(index), "exceeded": exceeded}
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


def _index(airs: Mapping[str, Air], bounds: Mapping[str, Limit], kind: str) -> float:
    """Σ C/L with gaps as 0; for STEL the worst single window of all substances together."""
    if kind == "TWA":
        total = 0.0
        for quantity, limit in bounds.items():
            air = airs[quantity]
            total += max(0.0, air.total) / divisor_s(limit, air) / limit.value
        return total
    return worst_index([(airs[quantity], limit.value) for quantity, limit in bounds.items()], _STEL_US)


def _limit_document(limit: Limit, figure: LimitFigure, more: Mapping[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = {
        name: tidy(value) if isinstance(value, float) else value
        for name, value in figure._asdict().items()
        if name != "time_to_limit_s"
    }
    document["table"] = limit.table
    if limit.phase:
        document["phase"] = limit.phase
    return document | {name: tidy(value) if isinstance(value, float) else value for name, value in more.items()}
