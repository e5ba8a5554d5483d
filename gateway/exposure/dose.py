"""Dose, action level, additive index: one shift against one limit in the forms that people ask for (reference 4.6)."""

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

from gateway.domain.limit import Limit
from gateway.domain.limits import limits_for
from gateway.exposure.verdicts import SAME

ACTION_SHARE: Final = 0.5
"""Default action level, a share of the limit [D]; rule books that print their own go before."""
_SHIFT_S: Final = 28_800.0


class ActionLevel(NamedTuple):
    """Where watching begins [unit of the limit]. source: the rule book's words, or that it is a default."""

    value: float
    source: str


def dose_percent(total: float, limit: float) -> float:
    """D = 100·Σ c·Δt / (L·480 min) [%]. total: ∫c dt [unit·s], negative noise counts as none. limit: above 0."""
    return 100.0 * max(0.0, total) / (limit * _SHIFT_S)


def action_level(limit: Limit) -> ActionLevel:
    """The rule book's own (silica 50 %, formaldehyde 67 %), else half of the limit."""
    for row in limits_for(limit.quantity, [limit.regime]):
        if row.kind == "ACTION" and row.averaging_minutes == 480 and row.phase == limit.phase:
            return ActionLevel(row.value, row.source)
    return ActionLevel(ACTION_SHARE * limit.value, "half of the limit, a design default (limits reference 4.6)")


def additive_index(parts: Iterable[tuple[float, float]]) -> tuple[float, bool]:
    """Em = Σ C/L and whether it fails: above 1, exactly 1 passes. parts: (mean, limit) in one averaging period."""
    index = math.fsum(max(0.0, level) / limit for level, limit in parts)
    return index, index > 1.0 and not math.isclose(index, 1.0, rel_tol=SAME)
