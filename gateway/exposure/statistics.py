"""Compliance statistics of shift results (limits reference 5). Needs scipy: never imported by the gateway."""

import math
from typing import Any, Final, NamedTuple

from gateway.domain.errors import ConfigError
from gateway.exposure import censored, tolerance
from gateway.exposure.censored import Fit, LodMethod
from gateway.exposure.shift_results import Method, ShiftResults
from gateway.exposure.verdicts import SAME

ENOUGH_RESULTS: Final = 6
"""Results that the statistical test and a tolerance limit need (limits reference 5)."""
PRELIMINARY: Final = {3: 0.10, 4: 0.15, 5: 0.20}
"""EN 689:2018, preliminary test: n results are all below this fraction of the limit (limits reference 5 [M])."""
MIXED_GSD: Final = 3.0
"""A GSD above it says that the group is hardly one of similar exposure (limits reference 5 [D])."""
NOT_LOGNORMAL: Final = 0.05
"""Level of the Shapiro-Wilk test: the usual one (ours)."""
AIHA: Final = (0.01, 0.10, 0.50, 1.00)
"""Fractions of the limit that X95 passes from category 0 to 1, 1 to 2, 2 to 3 and 3 to 4 (limits reference 5 [M])."""


class _Sample(NamedTuple):
    """The results as the statistics see them: measured values and limits of detection, and the limit of exposure."""

    detected: list[float]
    lods: list[float]
    limit: float

    @property
    def n(self) -> int:
        return len(self.detected) + len(self.lods)

    @property
    def largest(self) -> float:
        return max([*self.detected, *self.lods])


def judge(results: ShiftResults, limit: float, method: Method | None, lod_method: LodMethod | None) -> dict[str, Any]:
    """The JSON object of `bocamina statistics`; a figure that cannot be had is None, and `warnings` says why.

    limit: in the unit of the results. method: None, nobody said it: taken for personal samples. lod_method: None, the
    best one: β-substitution, or maximum likelihood with several LODs or where β has no answer. Raises ConfigError for a
    limit that is none, and for a way with censored results that these do not allow.
    """
    if not (math.isfinite(limit) and limit > 0.0):
        raise ConfigError(f"--limit {limit:g}: expected a finite number above 0, in the unit of the values")
    sample = _Sample(results.detected, results.detection_limits, limit)
    personal = method is not Method.AREA_ESTIMATE
    warnings = [] if method else ["method_not_stated"]
    if not personal:
        warnings.append("area_estimate")
    if any(lod > limit * (1.0 + SAME) for lod in sample.lods):
        warnings.append("detection_limit_above_limit")
    fit, used = _fit(sample, lod_method, warnings)
    spread = fit is not None and fit.sigma > 0.0
    u = (math.log(limit) - fit.mu) / fit.sigma if fit and spread else None
    enough = sample.n >= ENOUGH_RESULTS
    k = tolerance.k_factor(sample.n) if enough else None
    if not enough:
        warnings.append("fewer_than_6")
    test = tolerance.lognormality(sample.detected) if not sample.lods else None
    if test is None:
        warnings.append("lognormality_not_tested")
    elif test.p < NOT_LOGNORMAL:
        warnings.append("not_lognormal")
    p95 = _quantile(fit, tolerance.Z) if fit and spread else None
    return {
        "n": sample.n,
        "gm": _exp(fit.mu) if fit else None,
        "gsd": _exp(fit.sigma) if fit and not math.isnan(fit.sigma) else None,
        "mean": _finite(fit.mean) if fit else None,
        "p95": p95,
        "utl95_70": _quantile(fit, k) if fit and spread and k is not None and personal else None,
        "exceedance_fraction": tolerance.NORMAL.cdf(-u) if u is not None else None,
        "exceedance_fraction_ucl70": (
            tolerance.exceedance_upper(u, sample.n) if u is not None and enough and personal else None
        ),
        "aiha_category": _aiha(p95, limit) if p95 is not None and personal else None,
        "en689": _en689(sample, u, k) if personal else dict.fromkeys(("result", "r", "u_r", "u_t", "test", "reason")),
        "limit": limit,
        "unit": results.unit,
        "substance": results.substance,
        "method": str(method) if method else None,
        "screening": not personal,
        "censored": len(sample.lods),
        "lod_method": str(used) if used else None,
        "lognormality": test._asdict() if test else None,
        "warnings": warnings,
    }


def _fit(sample: _Sample, wanted: LodMethod | None, warnings: list[str]) -> tuple[Fit | None, LodMethod | None]:
    """The lognormal of the sample, None where it has none, and what stood for the results below detection."""
    fit, used = _lognormal(sample, wanted, warnings)
    if fit is not None:
        if not fit.sigma > 0.0:
            warnings.append("no_spread")
        elif fit.sigma > math.log(MIXED_GSD):
            warnings.append("gsd_above_3")
        if used is LodMethod.LOD_SQRT2 and fit.sigma >= math.log(censored.SKEWED):
            warnings.append("lod_sqrt2_of_skewed_results")
    return fit, used


def _lognormal(sample: _Sample, wanted: LodMethod | None, warnings: list[str]) -> tuple[Fit | None, LodMethod | None]:
    detected, lods = sample.detected, sample.lods
    if sample.n == 1 and detected:  # one value has a GM and no spread
        return Fit(math.log(detected[0]), math.nan, math.nan), None
    if not lods:
        return censored.of_complete(detected), None
    share = len(lods) / sample.n
    if share > censored.TOO_MANY:
        warnings.append("censored_above_20_percent")
        if wanted in (LodMethod.LOD_SQRT2, LodMethod.LOD_2):
            raise ConfigError(
                f"--censored-method {wanted}: {len(lods)} of {sample.n} results are below detection, "
                f"more than {censored.TOO_MANY:.0%}; expected {LodMethod.BETA} or {LodMethod.MLE}"
            )
    if share > censored.TESTED:
        warnings.append("censored_above_50_percent")
    if len(set(detected)) < 2:
        warnings.append("fewer_than_2_detected" if detected else "all_censored")
        return None, None
    if wanted in (LodMethod.LOD_SQRT2, LodMethod.LOD_2):
        return censored.of_substituted(detected, lods, wanted), wanted
    if wanted is LodMethod.BETA or (wanted is None and len(set(lods)) == 1):
        fit = censored.of_beta(detected, lods)
        if fit is not None:
            return fit, LodMethod.BETA
        if wanted is LodMethod.BETA:
            raise ConfigError(
                f"--censored-method {wanted}: the measured values lie on the whole below the limits of detection, "
                f"where it has no answer; expected {LodMethod.MLE}"
            )
    return censored.of_likelihood(detected, lods), LodMethod.MLE


def _en689(sample: _Sample, u_r: float | None, u_t: float | None) -> dict[str, Any]:
    """EN 689:2018: preliminary test with 3 to 5 results, statistical test with 6 or more.

    r: the largest result ÷ the limit, which the preliminary test is about; of a censored one its limit of detection.
    Six or more results of which no spread can be had (all below detection, all alike) pass where any five of them do.
    """
    test, result, reason = None, "more_measurements_needed", "fewer_than_3_results"
    if any(value > sample.limit * (1.0 + SAME) for value in sample.detected):
        test, result, reason = "preliminary", "non_compliant", "result_above_limit"
    elif any(lod > sample.limit * (1.0 + SAME) for lod in sample.lods):
        reason = "detection_limit_above_limit"
    elif sample.n >= ENOUGH_RESULTS and u_r is not None and u_t is not None:
        test = "statistical"
        passes = u_r >= u_t
        result, reason = ("compliant", "u_r_reaches_u_t") if passes else ("non_compliant", "u_r_below_u_t")
    elif sample.n >= min(PRELIMINARY):
        test = "preliminary"
        bound = PRELIMINARY[min(sample.n, max(PRELIMINARY))] * sample.limit
        passes = all(value < bound * (1.0 - SAME) for value in sample.detected)
        passes = passes and all(lod <= bound * (1.0 + SAME) for lod in sample.lods)
        if passes:
            result, reason = "compliant", "all_below_fraction"
        else:
            reason = "no_decision" if sample.n < ENOUGH_RESULTS else "no_spread"
    return {"result": result, "r": _finite(sample.largest / sample.limit), "u_r": u_r, "u_t": u_t, "test": test,
            "reason": reason}  # fmt: skip


def _aiha(p95: float, limit: float) -> int:
    """AIHA's exposure category by X95 ÷ limit: 0 < 1 %, 1 < 10 %, 2 to 50 %, 3 to 100 %, 4 above."""
    fraction = p95 / limit
    below, to = AIHA[:2], AIHA[2:]
    return sum(fraction >= edge for edge in below) + sum(fraction > edge for edge in to)


def _quantile(fit: Fit, sds: float) -> float | None:
    """GM·GSD^sds."""
    return _exp(fit.mu + sds * fit.sigma)


def _exp(exponent: float) -> float | None:
    return math.exp(exponent) if exponent < 700.0 else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
