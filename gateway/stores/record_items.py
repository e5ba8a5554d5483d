"""What a recorded document says, as the history's readers see it: the same out of the journal and a central store."""

import math
from collections.abc import Mapping
from typing import Any, Final

from gateway.domain.history import AlarmChange, Verdict

_OF_THE_TRANSITION: Final = frozenset({"old", "new", "by", "comment", "utc_us"})
"""What a transition's document has beside the alarm's MQTT payload."""


def number(value: Any) -> float | None:
    """A finite number; None for what is none."""
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None


def verdict(time_us: int, document: Mapping[str, Any]) -> Verdict:
    """A change of verdict."""
    return Verdict(
        time_us, document.get("sensor"), document.get("zone"), document.get("quantity"), document["regime"],
        document["kind"], document["method"], number(document.get("limit")), number(document.get("value")),
        number(document.get("low")), number(document.get("high")), number(document.get("coverage")),
        document["verdict"], document.get("person"),
    )  # fmt: skip


def alarm_change(time_us: int, document: Mapping[str, Any]) -> AlarmChange:
    """A transition of an alarm."""
    published = {
        name: number(value) if isinstance(value, float) else value
        for name, value in document.items()
        if name not in _OF_THE_TRANSITION
    }
    return AlarmChange(
        time_us, document["alarm"], document["occurrence"], document["old"], document["new"],
        document.get("priority"), document["condition"], document.get("zone"), document.get("sensor"),
        number(document.get("value")), number(document.get("limit")), document.get("by"), document.get("comment"),
        document.get("reason"), published, bool(document.get("drill")),
    )  # fmt: skip
