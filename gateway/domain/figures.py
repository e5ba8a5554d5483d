"""What is known of the air at one sensor: the figures that exposure computes and alarms judge."""

from typing import NamedTuple


class Figures(NamedTuple):
    """Live figures of one sensor at an instant of engine time. Concentrations in the canonical unit.

    value, quality, reason, value_us: the newest live sample (NaN, BAD, STALE, NO_TIME before the first one).
    mean_1min, covered_1min_s: time-weighted mean over the *covered* part of the last 60 s, and how much that is [s].
    mean_5min, covered_5min_s: the same over 300 s. low_15min: ∫c dt ÷ 15 min with gaps = 0 (limits reference 4.3);
    covered_15min_s, over_range_15min: whether a value in it was a lower bound. e8: ∫c dt ÷ 8 h since the shift began.
    """

    now_us: int
    value: float
    quality: int
    reason: int
    value_us: int
    mean_1min: float
    covered_1min_s: float
    mean_5min: float
    covered_5min_s: float
    low_15min: float
    covered_15min_s: float
    over_range_15min: bool
    e8: float


class LimitFigure(NamedTuple):
    """One limit's figure for one sensor (interfaces, MQTT `exposure/{sensor}` and `exposure --json`).

    reason: why a verdict is indeterminate: `resolution` (the limit is less than three times the channel's noise and
    drift), `range` (the truth may lie on either side), `coverage` (too little valid data), `uncertain` (an uncertain
    value is inside), `frequency` (short exposures: how long, how often; also where that alone exceeds), `uncalibrated`
    (the calibration is overdue by more than its whole interval); else None.
    confirmed_by, confirmed_on: who signed the limit, and the day (ISO 8601).
    """

    regime: str
    kind: str
    method: str
    averaging_minutes: int
    limit: float
    base_limit: float
    value: float | None
    low: float
    high: float | None
    coverage: float
    fraction: float | None
    verdict: str
    time_to_limit_s: float | None
    source: str
    confidence: str
    reason: str | None = None
    confirmed_by: str | None = None
    confirmed_on: str | None = None
