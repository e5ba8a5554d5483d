"""Alarms: those that stand, those that were, and what a person does about them."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path

from api.auth import Commander, Session
from api.problems import Problem
from api.schemas import AlarmId, Comment, Shelving
from api.services import Services, Svc

router = APIRouter(prefix="/alarms", tags=["alarms"])
Alarm = Annotated[AlarmId, Path(description="`{subject}.{condition}`")]
Answer = dict[str, Any]

SHOWN_WITHIN_S: Final = 1.5
"""How long the answer waits for the alarm's own topic to follow the gateway's yes [s]."""
_RANK: Final = {"evacuate": 0, "high": 1, "warning": 2, "notice": 3}
_DONE: Final[Mapping[str, Callable[[str], bool]]] = {
    "acknowledge": lambda state: not state.endswith("unack"),
    "shelve": lambda state: state == "shelved",
    "unshelve": lambda state: state != "shelved",
    "reset": lambda state: state == "normal",
    "out_of_service": lambda state: state == "out_of_service",
    "in_service": lambda state: state != "out_of_service",
}


def active(services: Services) -> list[dict[str, Any]]:
    """Alarms that are not normal, the most urgent first, among equals the oldest first."""
    found = [entry.document for entry in services.live.all("alarm").values()]
    return sorted(found, key=lambda alarm: (_RANK.get(alarm.get("priority", ""), 0), str(alarm.get("since"))))


@router.post("/{alarm}/acknowledge")
def acknowledge(alarm: Alarm, services: Svc, session: Commander, body: Comment | None = None) -> Answer:
    """A named person has seen it; that ends nothing. 409 when the gateway refuses, 504 when it does not answer."""
    return _do("acknowledge", alarm, services, session, _said(body))


@router.post("/{alarm}/shelve")
def shelve(alarm: Alarm, services: Svc, session: Commander, body: Shelving) -> Answer:
    """Put a lesser alarm aside for some minutes."""
    return _do("shelve", alarm, services, session, {**_said(body), "minutes": body.minutes})


@router.post("/{alarm}/unshelve")
def unshelve(alarm: Alarm, services: Svc, session: Commander, body: Comment | None = None) -> Answer:
    """Take a shelved alarm back."""
    return _do("unshelve", alarm, services, session, _said(body))


@router.post("/{alarm}/reset")
def reset(alarm: Alarm, services: Svc, session: Commander, body: Comment | None = None) -> Answer:
    """End a latched alarm whose condition is gone."""
    return _do("reset", alarm, services, session, _said(body))


@router.post("/{alarm}/out_of_service")
def take_out(alarm: Alarm, services: Svc, session: Commander, body: Shelving) -> Answer:
    """Take one alarm of a sensor's own health out of service for some minutes."""
    return _do("out_of_service", alarm, services, session, {**_said(body), "minutes": body.minutes})


@router.post("/{alarm}/in_service")
def put_back(alarm: Alarm, services: Svc, session: Commander, body: Comment | None = None) -> Answer:
    """It is back before its time."""
    return _do("in_service", alarm, services, session, _said(body))


def _said(body: Comment | None) -> dict[str, Any]:
    return {"comment": body.comment if body else ""}


def _do(action: str, alarm: str, services: Services, session: Session, args: dict[str, Any]) -> Answer:
    if services.live.alarm(alarm) is None and services.link.trouble is None:
        raise Problem(404, f"{alarm} is no active alarm", kind="no-such-alarm")
    services.link.ask(action, alarm, args, by=session.user.name, role=session.user.role)
    shown = services.live.wait_for_alarm(
        alarm, lambda document: _DONE[action](str(document.get("state"))), SHOWN_WITHIN_S
    )
    if shown is None:
        raise Problem(504, f"done, but the gateway has not shown {alarm} since", kind="not-shown")
    return shown
