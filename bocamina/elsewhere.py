"""Exposure that a person brings from another place, or took there after: `request/presence` with `elsewhere`.

`{"target": tag, "args": {"elsewhere": {"hours": 4, "co": {"ppm_h": 80}}}}`: in this working day the person was four
hours in another place and took 80 ppm·h of CO there (limits reference 4.10). The unit is the quantity's own. A
quantity that is not named is unknown for these hours, not zero; zero has to be said.
"""

import math
from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

from alerts.model import MAY_COMMAND
from gateway.domain.errors import Refused
from gateway.domain.events import Request
from gateway.domain.names import did_you_mean
from gateway.domain.quality import ABSURD_ABOVE
from gateway.domain.quantities import unit_of

KEY: Final = "elsewhere"
DAY_HOURS: Final = 24.0


class Elsewhere(NamedTuple):
    """hours: in the other place, 0 takes a former word back. doses: ∫c dt there [unit·h] by quantity."""

    hours: float
    doses: Mapping[str, float]


def is_asked(request: Request) -> bool:
    """Whether a request is of this kind."""
    return request.action == "presence" and KEY in request.args


def read_elsewhere(request: Request, followed: Collection[str], shift_hours: float) -> Elsewhere:
    """What a named person says of somebody. followed: quantities of this site. Raises Refused with one sentence."""
    if not request.target:
        raise Refused("presence: nobody is named; expected the person as `target`")
    if not request.by.strip() or request.role not in MAY_COMMAND:
        may = ", ".join(sorted(MAY_COMMAND))
        raise Refused(f"presence: {KEY} needs a named person in `by` with the role {may}")
    said = request.args[KEY]
    if not isinstance(said, dict):
        raise Refused(f'presence: {KEY} is {said!r}; expected for example {{"hours": 4, "co": {{"ppm_h": 80}}}}')
    rest = dict(said)
    hours = _number(rest.pop("hours", None))
    if hours is None or hours >= DAY_HOURS - shift_hours:
        raise Refused(
            f"presence: {KEY}.hours is {said.get('hours')!r}; expected 0 or more, with the shift of {shift_hours:g} h"
            f" less than {DAY_HOURS:g} together"
        )
    return Elsewhere(hours, {name: _dose(name, row, followed) for name, row in rest.items()} if hours else {})


def _dose(quantity: str, row: Any, followed: Collection[str]) -> float:
    if quantity not in followed:
        raise Refused(f"presence: {KEY}.{quantity} is not followed here{did_you_mean(quantity, followed)}")
    key = f"{unit_of(quantity)}_h"
    dose = _number(row.get(key)) if isinstance(row, dict) and set(row) == {key} else None
    if dose is None:
        raise Refused(f'presence: {KEY}.{quantity} is {row!r}; expected {{"{key}": number}}, 0 or more')
    return dose


def _number(value: Any) -> float | None:
    """A finite number from 0 to what is absurd, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value) if 0.0 <= value <= ABSURD_ABOVE else None
