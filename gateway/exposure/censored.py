"""GM, GSD and mean of shift results of which some are below detection. Needs scipy: never imported by the gateway.

Limits reference 4.11 and 5. Substitution by LOD/√2: Hornung and Reed 1990. β-substitution: Ganser and Hewett,
J. Occup. Environ. Hyg. 7 (2010) 233-244, doi 10.1080/15459621003609713.
"""

import math
from collections.abc import Sequence
from enum import StrEnum
from functools import partial
from typing import Final, NamedTuple

from scipy import optimize, stats  # type: ignore[import-untyped, unused-ignore]

from gateway.exposure.tolerance import NORMAL

TOO_MANY: Final = 0.20
"""Above this share of censored results LOD/√2 and LOD/2 are not taken (limits reference 4.11)."""
SKEWED: Final = 3.0
"""GSD from which on results are highly skewed: LOD/2 instead of LOD/√2 (limits reference 4.11)."""
TESTED: Final = 0.50
"""β-substitution was compared with maximum likelihood for up to this share of censored results (Ganser, Hewett)."""


class LodMethod(StrEnum):
    """What stands for results below detection."""

    BETA = "beta"
    MLE = "mle"
    LOD_SQRT2 = "lod_sqrt2"
    LOD_2 = "lod_2"


class Fit(NamedTuple):
    """A lognormal: mean and standard deviation of ln x (sd as with n−1), and the arithmetic mean of x."""

    mu: float
    sigma: float
    mean: float


def of_complete(values: Sequence[float]) -> Fit:
    """The formulas of section 5 for two or more values, none of them censored."""
    logs = [math.log(value) for value in values]
    mu = math.fsum(logs) / len(logs)
    if min(values) == max(values):
        return Fit(mu, 0.0, values[0])
    sigma = math.sqrt(math.fsum((log - mu) ** 2 for log in logs) / (len(logs) - 1))
    return Fit(mu, sigma, _mean(mu, sigma))


def of_substituted(detected: Sequence[float], lods: Sequence[float], method: LodMethod) -> Fit:
    """The same with LOD/√2 or LOD/2 in place of each result below detection."""
    divisor = math.sqrt(2.0) if method is LodMethod.LOD_SQRT2 else 2.0
    return of_complete([*detected, *(lod / divisor for lod in lods)])


def of_beta(detected: Sequence[float], lods: Sequence[float]) -> Fit | None:
    """β-substitution. None where it has no answer: the detected values lie on the whole below the (mean) LOD.

    With several LODs their mean stands in the estimate of the spread, and each result takes β times its own: then it
    is an approximation (a GM 6 % high for three LODs around the GM and a GSD of 3).
    """
    k, n = len(lods), len(lods) + len(detected)
    logs = [math.log(value) for value in detected]
    z = NORMAL.inv_cdf(k / n)
    above = NORMAL.cdf(-z)
    spread = math.fsum(logs) / len(logs) - math.log(math.fsum(lods) / k)
    if spread <= 0.0:
        return None
    s = spread / (NORMAL.pdf(z) / above - z)
    beta_mean = n / k * math.exp(float(stats.norm.logcdf(z - s)) + s * s / 2.0 - s * z)
    # E[x^(1/n)] above the LOD against that of the whole: β for the GM makes the estimate of the GM unbiased
    whole = math.log(NORMAL.cdf(s / n - z) / above)
    ln_beta_gm = -(n - k) * n / k * whole - s * z - (n - k) / (2.0 * k * n) * s * s
    mu = (math.fsum(logs) + math.fsum(math.log(lod) + ln_beta_gm for lod in lods)) / n
    mean = (math.fsum(detected) + beta_mean * math.fsum(lods)) / n
    ratio = math.log(mean) - mu
    if not ratio > 0.0:
        return None
    return Fit(mu, math.sqrt(2.0 * n / (n - 1) * ratio), mean)


def of_likelihood(detected: Sequence[float], lods: Sequence[float]) -> Fit:
    """Maximum likelihood of the left-censored lognormal (scipy.stats, `CensoredData`), for two or more unequal values.

    The likelihood's sd divides by n; it is taken times √(n/(n−1)), so that it is section 5's when nothing is censored.
    """
    n = len(detected) + len(lods)
    logs = [math.log(value) for value in detected]
    centre = math.fsum(logs) / len(logs)
    width = max(math.sqrt(math.fsum((log - centre) ** 2 for log in logs) / len(logs)), 1e-6)
    data = stats.CensoredData(
        uncensored=[(log - centre) / width for log in logs], left=[(math.log(lod) - centre) / width for lod in lods]
    )
    search = partial(optimize.fmin, xtol=1e-10, ftol=1e-12, maxiter=4000, maxfun=4000)
    mu, sigma = stats.norm.fit(data, loc=0.0, scale=1.0, optimizer=search)
    corrected = float(sigma) * width * math.sqrt(n / (n - 1))
    middle = float(mu) * width + centre
    return Fit(middle, corrected, _mean(middle, corrected))


def _mean(mu: float, sigma: float) -> float:
    """exp(mean + s²/2); infinite where no number is large enough."""
    exponent = mu + sigma * sigma / 2.0
    return math.exp(exponent) if exponent < 700.0 else math.inf
