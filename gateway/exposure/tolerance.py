"""One-sided lognormal tolerance by the non-central t (limits reference 5).

Needs scipy: never imported by the gateway.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Final, NamedTuple

from scipy import optimize, stats  # type: ignore[import-untyped, unused-ignore]

NORMAL: Final = NormalDist()
SHARE: Final = 0.95
"""Share of the shifts that must be below the limit: less than 5 % may exceed (limits reference 5)."""
CONFIDENCE: Final = 0.70
"""EN 689's confidence (limits reference 5)."""
Z: Final = NORMAL.inv_cdf(SHARE)
"""1.645, exactly."""
SHAPIRO_NEEDS: Final = 3
SHAPIRO_TAKES: Final = 5000
"""The p-value of the test is good for 3 to 5,000 values (scipy.stats.shapiro; Royston 1995, algorithm AS R94)."""
_FARTHEST: Final = 38.0
"""Standard deviations beyond which Φ is 0 or 1 to the last digit of a double."""
_EXACT_TO: Final = 500.0
"""Non-centrality above which the series of the non-central t may take for ever; no set of shifts that fits in a
register comes near it (√n times the distance of the limit in standard deviations)."""


def k_factor(n: int, confidence: float = CONFIDENCE) -> float:
    """k(n) = t'(confidence; n−1; z·√n) / √n: ln UTL lies k standard deviations above the mean of ln x. n ≥ 2."""
    root = math.sqrt(n)
    return float(stats.nct.ppf(confidence, n - 1, Z * root) / root)


def exceedance_upper(u: float, n: int, confidence: float = CONFIDENCE) -> float:
    """Upper confidence limit of the fraction of shifts above the limit, 0..1.

    u: (ln limit − ln GM) / ln GSD of n results. It is the fraction whose tolerance limit is the limit itself, so that
    it is 5 % exactly where u = k(n).
    """
    u = min(max(u, -_FARTHEST), _FARTHEST)
    t, width = math.sqrt(n) * u, 1.0 + abs(u)
    z = optimize.brentq(lambda at: _at_most(t, n - 1, math.sqrt(n) * at) - confidence, u - width, u + width)
    return NORMAL.cdf(-float(z))


def _at_most(t: float, freedom: int, shift: float) -> float:
    """P(T ≤ t) of the non-central t; by the normal approximation where the exact series does not converge."""
    if abs(shift) <= _EXACT_TO and math.isfinite(exact := float(stats.nct.cdf(t, freedom, shift))):
        return exact
    # Abramowitz & Stegun 26.7.10
    return NORMAL.cdf((t * (1.0 - 1.0 / (4.0 * freedom)) - shift) / math.sqrt(1.0 + t * t / (2.0 * freedom)))


class Lognormality(NamedTuple):
    """Shapiro and Wilk's W of ln x, and the probability of one as small if the values are lognormal."""

    w: float
    p: float


def lognormality(values: Sequence[float]) -> Lognormality | None:
    """Shapiro-Wilk test of ln x. None: fewer or more values than the test takes, or all alike."""
    if not SHAPIRO_NEEDS <= len(values) <= SHAPIRO_TAKES or min(values) == max(values):
        return None
    found = stats.shapiro([math.log(value) for value in values])
    return Lognormality(float(found.statistic), float(found.pvalue))
