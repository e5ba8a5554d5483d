"""Steps of time as people ask for them: `60`, `60s`, `15min`, `1h`, `1d`; their rows."""

import re
from typing import Any, Final

from api.problems import Problem
from gateway.domain.errors import ConfigError
from gateway.domain.history import Rollup, check_step
from gateway.domain.moment import SECOND_US, rfc3339

COLUMNS: Final = ("time", "sensor", "value", "unit", "quality", "reason", "low", "high", "coverage", "good",
                  "uncertain", "bad", "late")  # fmt: skip
ENOUGH: Final = 0.75
"""Share of a window that must be valid (limits reference 4.9): a step with less is not called good."""
_UNITS: Final = {"": 1, "s": 1, "min": 60, "m": 60, "h": 3600, "d": 86_400}


def step_us(text: str) -> int:
    """A step [µs]. Raises Problem 422 for what is no step, or does not divide a day."""
    found = re.fullmatch(r"([0-9]{1,6})(s|min|m|h|d)?", text)
    if found is None:
        raise Problem(422, "step: expected seconds, or for example 60s, 15min, 1h, 1d", kind="invalid")
    step = int(found[1]) * _UNITS[found[2] or ""] * SECOND_US
    try:
        check_step(step)
    except ConfigError as error:
        raise Problem(422, f"step: {error}", kind="invalid") from error
    return step


def step_row(item: Rollup) -> dict[str, Any]:
    """One step as it is sent: a reading whose value is the mean, and what else is known of the step."""
    time_us, sensor, unit, mean, *rest = item
    row = (rfc3339(time_us), sensor, mean, unit, quality_of(item), None, *rest)
    return dict(zip(COLUMNS, row, strict=True))


def quality_of(item: Rollup) -> str:
    """The least trusted word that is true of a step: bad without a value, good only when nothing speaks against it."""
    if item.mean is None:
        return "bad"
    if item.uncertain or item.coverage < ENOUGH:
        return "uncertain"
    return "late" if item.late else "good"
