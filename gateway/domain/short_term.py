"""What a rule book says of exposures above the TWA that are short: how high, how long, how often.

The data stand in the regime's own file under `limit_tables/regimes/`, in the tables `stel_frequency`, `excursion` and
`acceptable_peak`; most regimes have none. Source: limits reference 4.3, 4.5, 1.2.
"""

import math
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from gateway.domain.errors import ConfigError
from gateway.domain.quantities import QUANTITIES

_FOLDER: Final = Path(__file__).with_name("limit_tables") / "regimes"


class EpisodeRule(NamedTuple):
    """How exposures above `times` the TWA limit may occur: how long one may be, how many in a shift, how far apart."""

    times: float
    longest_min: float
    most: int
    apart_min: float
    source: str
    confidence: str


class ExcursionRule(NamedTuple):
    """How far an excursion may go, for substances with a TWA limit and neither STEL nor ceiling.

    factors: (up to this TWA limit, inclusive; times of it), rising. averaging_minutes: 0 = any level. unit: only for
    limits in it, None for all.
    """

    averaging_minutes: int
    factors: tuple[tuple[float, float], ...]
    unit: str | None
    episodes: EpisodeRule | None
    source: str
    confidence: str

    def factor(self, limit: float, unit: str) -> float | None:
        """How many times the TWA limit is the highest permitted; None where the rule says nothing of it."""
        if self.unit not in (None, unit):
            return None
        return next((times for up_to, times in self.factors if limit <= up_to), None)


class PeakRule(NamedTuple):
    """How often in a shift the ceiling of a quantity may be passed up to its timed peak (its MAX row).

    alone: only if no other measurable exposure occurs.
    """

    quantity: str
    most: int
    alone: bool
    source: str
    confidence: str


class ShortTermRules(NamedTuple):
    """stel: of substances with a STEL, on their TWA limit. excursion: of those without. peaks: above a ceiling."""

    stel: EpisodeRule | None
    excursion: ExcursionRule | None
    peaks: tuple[PeakRule, ...] = ()


@cache
def short_term_rules(regime: str) -> ShortTermRules:
    """The rules of one regime; none where it has none. Raises ConfigError for a file that is wrong."""
    path = _FOLDER / f"{regime}.toml"
    if not path.is_file():
        return ShortTermRules(None, None)
    try:
        entry = tomllib.loads(path.read_text(encoding="utf-8"))
        stel, excursion = entry.get("stel_frequency"), entry.get("excursion")
        return ShortTermRules(
            _episodes(stel) if stel else None, _excursion(excursion) if excursion else None,
            tuple(_peak(row) for row in entry.get("acceptable_peak", ())),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        tables = "stel_frequency, excursion or acceptable_peak"
        raise ConfigError(f"{path.name}: {error} is missing or wrong in {tables}") from error


def _episodes(row: Mapping[str, Any]) -> EpisodeRule:
    return EpisodeRule(
        float(row.get("times", 1.0)), row["longest_min"], row["most"], row["apart_min"], row["source"],
        row["confidence"],
    )  # fmt: skip


def _peak(row: Mapping[str, Any]) -> PeakRule:
    if row["quantity"] not in QUANTITIES:
        raise ValueError(f"quantity {row['quantity']!r}")
    return PeakRule(row["quantity"], int(row["most"]), bool(row["alone"]), row["source"], row["confidence"])


def _excursion(row: Mapping[str, Any]) -> ExcursionRule:
    factors = tuple((float(one["up_to"]), float(one["times"])) for one in row["factors"])
    if not factors or [*factors] != sorted(factors) or any(math.isnan(number) for pair in factors for number in pair):
        raise ValueError("factors")
    episodes = _episodes(row["episodes"]) if "episodes" in row else None
    return ExcursionRule(
        row["averaging_minutes"], factors, row.get("unit"), episodes, row["source"], row["confidence"]
    )  # fmt: skip
