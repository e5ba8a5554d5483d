"""Why a person's request about an alarm may not be done now: one sentence, None when it may.

Sources: limits reference 6.1 (who, shelving at most 8 h and what never; out of service is managed), interfaces "Alarms"
(reset), work practice C4 (a portable reading stands in where nobody watches).
"""

import math
from typing import Final

from alerts.conditions import serviceable, shelvable
from alerts.ladder import Rung
from alerts.machine import BEYOND, LATCHED
from alerts.model import MAY_COMMAND, State
from alerts.protocols.portable import VALID_US
from alerts.record import Record
from gateway.domain.events import Request
from gateway.domain.moment import SECOND_US

ACTIONS: Final = ("acknowledge", "shelve", "unshelve", "reset", "out_of_service", "in_service")
SERVICE: Final = frozenset(("out_of_service", "in_service"))
MAY_SERVE: Final = frozenset(("officer", "admin"))
"""Roles that take a sensor out of service, and that judge in its place by a portable reading [D]."""
LONGEST_SHELF_MIN: Final = 480
"""8 h, limits reference 6.1."""


def comment_of(request: Request) -> str | None:
    """What the person wrote: `reason`, else `comment`."""
    for key in ("reason", "comment"):
        text = request.args.get(key)
        if isinstance(text, str) and text.strip():
            return text.strip()
    return None


def refuse_person(request: Request) -> str | None:
    """Only a named person of a role that may command."""
    if request.action not in ACTIONS:
        return f"{request.action!r} is nothing that an alarm can be asked; expected one of {', '.join(ACTIONS)}"
    if not request.by.strip():
        return f"{request.action} needs a named person; expected 'by'"
    may = MAY_SERVE if request.action in SERVICE else MAY_COMMAND
    if request.role not in may:
        return f"the role {request.role!r} may not {request.action} an alarm; expected one of {', '.join(sorted(may))}"
    return None


def refuse_acknowledge(record: Record) -> str | None:
    """An active alarm can be acknowledged, and again."""
    return None if record.alarm.underlying is not State.NORMAL else f"{record.alarm.alarm} is not active"


def refuse_shelve(record: Record, request: Request) -> str | None:
    """Bounded, with a reason, and never for what kills."""
    alarm = record.alarm
    if alarm.underlying is State.NORMAL:
        return f"{alarm.alarm} is not active"
    if not shelvable(alarm.condition, alarm.priority, record.quantity):
        return f"{alarm.alarm} may never be shelved: {alarm.condition}, priority {alarm.priority.word}"
    return _refuse_time(request, "shelving")


def refuse_out_of_service(record: Record | None, request: Request, *, is_sensor: bool) -> str | None:
    """A sensor, or one alarm of a sensor's own health (`record`); bounded like a shelf, with a reason."""
    if record is None and not is_sensor:
        return f"{request.target!r} is no sensor of this site and no active alarm"
    if record is not None and (record.alarm.sensor is None or not serviceable(record.alarm.condition)):
        return f"{record.alarm.alarm} may never be out of service: it is not about a sensor's own health"
    return _refuse_time(request, "out of service")


def refuse_in_service(target: str, *, is_out: bool) -> str | None:
    """Only what is out."""
    return None if is_out else f"{target} is not out of service"


def _refuse_time(request: Request, what: str) -> str | None:
    minutes = request.args.get("minutes")
    if isinstance(minutes, bool) or not isinstance(minutes, int | float) or not math.isfinite(minutes):
        return f"{what} needs 'minutes'; expected a number up to {LONGEST_SHELF_MIN}"
    if not 0 < minutes <= LONGEST_SHELF_MIN:
        return f"{minutes:g} minutes do not fit; expected more than 0 and at most {LONGEST_SHELF_MIN} (8 h)"
    return None if comment_of(request) else f"{what} needs a reason; expected 'reason' or 'comment'"


def refuse_unshelve(record: Record) -> str | None:
    """Only what is shelved."""
    return None if record.shelf else f"{record.alarm.alarm} is not shelved"


def refuse_reset(record: Record, request: Request, not_gone: str | None) -> str | None:
    """A latched alarm ends by reset, and only when its condition is gone. not_gone: why nobody can say so now.

    Where only a person can say so, the reset says it, with a comment.
    """
    alarm = record.alarm
    if alarm.underlying in (State.UNACK, State.LATCHED_UNACK) and (record.person_judges or alarm.underlying in LATCHED):
        return f"{alarm.alarm} cannot be reset before somebody has acknowledged it"
    if alarm.underlying in BEYOND:
        if not record.person_judges:
            return f"{alarm.alarm} cannot be reset: its condition still holds"
        return None if comment_of(request) else f"only a person can judge {alarm.alarm} gone: reset needs a comment"
    if alarm.underlying not in LATCHED:
        return f"{alarm.alarm} is not latched, there is nothing to reset"
    return f"{alarm.alarm} cannot be reset: {not_gone}" if not_gone else None


def refuse_reset_by_hand(record: Record, request: Request, portable: float | None, crossed: Rung | None) -> str | None:
    """An alarm of the air whose sensor is out of service and gives nothing good: a person judges in its place.

    portable: the newest valid reading of that gas in that zone since the sensor was taken out, None without one.
    crossed: the rung from Warning on that this reading is over, None when it is below all.
    """
    alarm = record.alarm
    if alarm.underlying in (State.UNACK, State.LATCHED_UNACK):
        return f"{alarm.alarm} cannot be reset before somebody has acknowledged it"
    if request.role not in MAY_SERVE:
        return f"{alarm.sensor} is out of service: only {' or '.join(sorted(MAY_SERVE))} may reset {alarm.alarm}"
    if portable is None:
        return (
            f"{alarm.alarm} cannot be reset: {alarm.sensor} gives no valid reading and nobody has measured"
            f" {record.quantity} in {alarm.zone} since it went out of service; expected a portable reading of at most"
            f" {VALID_US // 60 // SECOND_US} min ago on record"
        )
    if crossed is not None:
        side, unit = "below" if crossed.rising else "above", crossed.unit or ""
        return (
            f"{alarm.alarm} cannot be reset: the portable reads {portable:g} {unit}; expected {side}"
            f" {round(crossed.limit, 4):g} {unit} ({crossed.source})"
        )
    if not comment_of(request):
        return f"only a person can judge {alarm.alarm} gone: reset needs a comment"
    return None
