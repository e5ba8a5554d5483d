"""The retained documents that the gateway publishes of the air (interfaces, MQTT); the alarms' own are the desk's."""

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from gateway.domain.figures import LimitFigure
from gateway.domain.moment import NO_TIME
from gateway.domain.quality import Quality, Reason
from gateway.domain.quantities import unit_of
from gateway.domain.site import SensorConfig


class Latest(NamedTuple):
    """The newest live reading of a sensor; value NaN when there is none."""

    time_us: int = NO_TIME
    value: float = math.nan
    quality: int = Quality.BAD
    reason: int = Reason.STALE


def rfc3339(utc_us: int) -> str | None:
    """UTC with milliseconds and `Z`; None for NO_TIME."""
    if utc_us == NO_TIME:
        return None
    seconds, rest = divmod(utc_us, 1_000_000)
    try:
        whole = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{rest // 1000:03d}Z"


def number(value: float | None) -> float | None:
    """A missing number is null, never NaN."""
    return value if value is not None and math.isfinite(value) else None


def reading_document(sensor: SensorConfig, latest: Latest) -> dict[str, Any]:
    """`reading/{sensor}`."""
    return {
        "time": rfc3339(latest.time_us),
        "zone": sensor.zone,
        "quantity": sensor.quantity,
        "value": number(latest.value),
        "unit": unit_of(sensor.quantity),
        "quality": Quality(latest.quality).word,
        "reason": Reason(latest.reason).word,
    }


def exposure_document(sensor: SensorConfig, latest: Latest, figures: Iterable[LimitFigure]) -> dict[str, Any]:
    """`exposure/{sensor}`: the reading with its limits."""
    return reading_document(sensor, latest) | {"limits": [limit_document(figure) for figure in figures]}


def limit_document(figure: LimitFigure) -> dict[str, Any]:
    """One limit with its figure, as `exposure/{sensor}` and `GET exposures` list it."""
    return {
        "regime": figure.regime,
        "kind": figure.kind,
        "method": figure.method,
        "averaging_minutes": figure.averaging_minutes,
        "value": number(figure.value),
        "low": number(figure.low),
        "high": number(figure.high),
        "limit": figure.limit,
        "fraction": number(figure.fraction),
        "coverage": figure.coverage,
        "verdict": figure.verdict,
        "time_to_limit_s": number(figure.time_to_limit_s),
        "source": figure.source,
        "confidence": figure.confidence,
        "reason": figure.reason,
        "confirmed_by": figure.confirmed_by,
        "confirmed_on": figure.confirmed_on,
    }
