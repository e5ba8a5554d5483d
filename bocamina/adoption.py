"""What the broker kept of a former life: adopted where the journal knows nothing of it, taken back where it is over.

Pure (design, "The engine", order of a step): an alarm must not be lost because the commit of its birth did not come.
"""

from typing import Any, Final

from alerts.model import Priority
from bocamina.decisions import Decisions
from bocamina.response import Response
from gateway.domain.events import Remembered
from gateway.domain.moment import Moment
from gateway.domain.site import Actuator

_SOUNDING: Final = {"warn": Priority.HIGH, "evacuate": Priority.EVACUATE}


def adopt(now: Moment, event: Remembered, response: Response, out: Decisions) -> None:
    """Take up retained alarms, the evacuation and sounding sirens; `out` gets removals and what alarms made wanted."""
    desk = response.desk
    for document in event.alarms:
        name = str(document.get("alarm"))
        if desk.adopt(now, document):
            continue
        alarm = desk.alarm(name)
        if alarm is None or alarm not in desk.active():
            out.documents[f"alarm/{name}"] = None
    for document in event.protocols:
        if document.get("protocol") == "evacuation":
            response.evacuation.adopt(now, document)
    response.settle(now, out)
    for actuator in response.site.actuators:
        found = _unexplained(actuator, event.actuators.get(actuator.id, {}), response.commander.wanted(actuator.id))
        if found is not None:
            desk.adopt(now, found)


def _unexplained(actuator: Actuator, state: dict[str, Any], wanted: float | str | None) -> dict[str, Any] | None:
    """An alarm for a siren that sounds and that no alarm explains: a former life whose commit did not come began it.

    It stands on its own, so that nobody but a person silences it. None where nothing is unexplained.
    """
    said = state.get("setpoint")
    priority = _SOUNDING.get(said) if actuator.kind == "siren" and isinstance(said, str) else None
    if priority is None or wanted in {said, "evacuate"}:
        return None
    return {
        "alarm": f"{actuator.id}.recovered", "condition": "recovered", "priority": priority.word,
        "zone": actuator.zones[0] if actuator.zones else None, "sensor": None,
    }  # fmt: skip
