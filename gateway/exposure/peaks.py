"""Acceptable peaks above a ceiling: for a while, once, and only if there is no other exposure (OSHA's Table Z-2).

29 CFR 1910.1000(b)(2): the acceptable ceiling is not exceeded at any time, except up to the acceptable maximum peak and
for no longer than its minutes. Hydrogen sulfide: 20 ppm, 50 ppm for 10 min once, only if no other measurable exposure
occurs (S14, S14b). What makes the exception has to be proven; what was not measured proves nothing.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gateway.domain.limit import Limit
from gateway.domain.short_term import PeakRule, short_term_rules
from gateway.exposure.layout import ABSURD, DOUBT, OVER
from gateway.exposure.verdicts import SAME


class AcceptablePeak(NamedTuple):
    """ceiling: passed only as the rule allows. peak: never passed; its averaging_minutes are how long it may last."""

    ceiling: Limit
    peak: Limit
    rule: PeakRule


class PeakFound(NamedTuple):
    """What came of the rule. violations: of `too_high too_long too_often other_exposure`; over_s: above the ceiling."""

    verdict: str
    violations: tuple[str, ...]
    number: int
    over_s: float


def acceptable_peak_of(limit: Limit, rows: Iterable[Limit]) -> AcceptablePeak | None:
    """The rule that a CEILING or a MAX row belongs to, None where the rule book has none. rows: of its quantity."""
    rule = next((one for one in short_term_rules(limit.regime).peaks if one.quantity == limit.quantity), None)
    if rule is None or limit.kind not in ("CEILING", "MAX"):
        return None
    own = {row.kind: row for row in rows if row.regime == limit.regime and row.kind in ("CEILING", "MAX")}
    return AcceptablePeak(own["CEILING"], own["MAX"], rule) if len(own) == 2 else None


def judge_peak(
    edges: npt.NDArray[np.int64], levels: npt.NDArray[np.float64], flags: npt.NDArray[np.int64],
    found: AcceptablePeak, measurable: float,
) -> PeakFound:  # fmt: skip
    """The rule on a shift. edges (n+1,) int64 [µs]; levels (n,) [unit], NaN in a gap; flags (n,) of `layout`.

    measurable: above it an exposure is one [unit]. An exposure rises and falls: what is measurable right before and
    after the peak belongs to it. What lies on both sides of a gap is taken for one.
    """
    known = ~np.isnan(levels)
    level, length = levels[known], np.diff(edges)[known]
    over = level > found.ceiling.value * (1.0 + SAME)
    over_us = int(length[over].sum())
    number = _runs(over)
    violations = []
    if bool(np.any(level > found.peak.value * (1.0 + SAME))):
        violations.append("too_high")
    if over_us > found.peak.averaging_minutes * 60_000_000:
        violations.append("too_long")
    if number > found.rule.most:
        violations.append("too_often")
    if found.rule.alone and number and _runs(level > measurable) > number:
        violations.append("other_exposure")
    unsure = not bool(known.all()) or bool(np.any(flags & (OVER | DOUBT | ABSURD)))
    verdict = "exceeded" if violations else "indeterminate" if unsure else "compliant"
    return PeakFound(verdict, tuple(violations), number, over_us * 1e-6)


def _runs(states: npt.NDArray[np.bool_]) -> int:
    """How many stretches of True there are."""
    return int(np.count_nonzero(np.diff(states.astype(np.int8), prepend=0) == 1))
