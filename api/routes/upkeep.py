"""What a technician records, and what an officer takes out of service; who has the watch."""

from typing import Annotated, Any

from fastapi import APIRouter, Path

from api.auth import Commander, Session
from api.schemas import Handover, Maintenance, Shelving
from api.services import Services, Svc
from gateway.domain.site import Id

router = APIRouter(tags=["upkeep"])
Sensor = Annotated[Id, Path(description="id of the site file")]
Answer = dict[str, Any]


@router.post("/sensors/{sensor}/out_of_service")
def take_out(sensor: Sensor, services: Svc, session: Commander, body: Shelving) -> Answer:
    """The alarms of its own health stand aside for some minutes; those of the air never do."""
    return _ask("out_of_service", sensor, services, session, {"comment": body.comment, "minutes": body.minutes})


@router.post("/sensors/{sensor}/in_service")
def put_back(sensor: Sensor, services: Svc, session: Commander) -> Answer:
    """It is back before its time."""
    return _ask("in_service", sensor, services, session, {})


@router.post("/maintenance/{target}")
def record(target: Sensor, services: Svc, session: Commander, body: Maintenance) -> Answer:
    """A bump test or calibration check of a gas sensor, a proof test of a siren or fan, passed or failed."""
    return _ask("maintenance", target, services, session, body.model_dump())


@router.post("/handover")
def hand_over(services: Svc, session: Commander, body: Handover) -> Answer:
    """Who is logged in gives the watch to another person of the site file."""
    return _ask("handover", body.to, services, session, {"comment": body.comment})


def _ask(action: str, target: str, services: Services, session: Session, args: dict[str, Any]) -> Answer:
    services.link.ask(action, target, args, by=session.user.name, role=session.user.role)
    return {"by": session.user.name, "target": target, **args}
