"""Why a person's request about an alarm may not be done now: one sentence, None when it may.

Sources: limits reference 6.1 (who, shelving at most 8 h and what never), interfaces "Alarms" (reset).
"""

import math
from typing import Final

from alerts.conditions import shelvable
from alerts.machine import BEYOND, LATCHED
from alerts.model import MAY_COMMAND, State
from alerts.record import Record
from gateway.domain.events import Request

ACTIONS: Final = ("acknowledge", "shelve", "unshelve", "reset")
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
    if request.role not in MAY_COMMAND:
        may = ", ".join(sorted(MAY_COMMAND))
        return f"the role {request.role!r} may not {request.action} an alarm; expected one of {may}"
    return None


def refuse_acknowledge(record: Record) -> str | None:
    """An active alarm can be acknowledged, and again."""
    return None if record.alarm.underlying is not State.NORMAL else f"{record.alarm.alarm} is not active"


def refuse_shelve(record: Record, request: Request) -> str | None:
    """Bounded, with a reason, and never for what kills."""
    alarm, minutes = record.alarm, request.args.get("minutes")
    if alarm.underlying is State.NORMAL:
        return f"{alarm.alarm} is not active"
    if not shelvable(alarm.condition, alarm.priority, record.quantity):
        return f"{alarm.alarm} may never be shelved: {alarm.condition}, priority {alarm.priority.word}"
    if isinstance(minutes, bool) or not isinstance(minutes, int | float) or not math.isfinite(minutes):
        return f"shelving needs 'minutes'; expected a number up to {LONGEST_SHELF_MIN}"
    if not 0 < minutes <= LONGEST_SHELF_MIN:
        return f"{minutes:g} minutes do not fit; expected more than 0 and at most {LONGEST_SHELF_MIN} (8 h)"
    return None if comment_of(request) else "shelving needs a reason; expected 'reason' or 'comment'"


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
