"""Excursion and peak rules: what the limits of a substance with a TWA and no STEL or ceiling say of short exposures.

Current ACGIH: the 15-minute mean never above 5 × TLV-TWA, and above 3 × only for a while and seldom. ACGIH 1973, which
30 CFR 57.5001 binds MSHA to: no level above a factor that falls with the TLV. Source: limits reference 4.5.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from gateway.domain.limit import Limit
from gateway.domain.quantities import TOXIC
from gateway.domain.short_term import EpisodeRule, short_term_rules


class Excursion(NamedTuple):
    """limit: the TWA row as a timed peak (kind MAX), its value the TWA. bound: what is never exceeded [unit].

    episodes: how exposures above `episode_level` [unit] may occur, None where the rule does not say.
    """

    limit: Limit
    bound: float
    episodes: EpisodeRule | None
    episode_level: float


def excursion_of(twa: Limit, rows: Iterable[Limit]) -> Excursion | None:
    """The excursion rule that goes with a TWA limit, None where none applies. rows: all limits of its quantity.

    Gases and vapours only: dust and silica are judged by samples of a whole shift (limits reference 4.12).
    """
    rule = short_term_rules(twa.regime).excursion
    if rule is None or twa.kind != "TWA" or twa.quantity not in TOXIC:
        return None
    if any(row.kind in ("STEL", "CEILING") for row in rows if row.regime == twa.regime):
        return None
    factor = rule.factor(twa.value, twa.unit)
    if factor is None:
        return None
    weaker = "M" if "M" in (twa.confidence, rule.confidence) else "V"
    limit = replace(
        twa, kind="MAX", averaging_minutes=rule.averaging_minutes, source=f"{rule.source}; {twa.source}",
        confidence=weaker, comparison="exceeds",
    )  # fmt: skip
    times = rule.episodes.times if rule.episodes else 0.0
    return Excursion(limit, factor * twa.value, rule.episodes, times * twa.value)


def stel_frequency_of(stel: Limit, rows: Iterable[Limit]) -> tuple[EpisodeRule, float] | None:
    """The frequency part of a 15-minute STEL and the TWA limit above which an exposure counts; None without either."""
    rule = short_term_rules(stel.regime).stel
    if rule is None or stel.kind != "STEL" or stel.averaging_minutes != 15:
        return None
    twa = [row.value for row in rows if (row.regime, row.kind, row.phase) == (stel.regime, "TWA", stel.phase)]
    return (rule, rule.times * min(twa)) if twa else None
