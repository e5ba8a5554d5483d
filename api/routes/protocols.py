"""Protocols and presence: their state, and what a named person orders."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path

from api.auth import Commander, reader
from api.problems import Problem
from api.schemas import Page, PresenceReport, ProtocolCall
from api.services import Services, Svc

router = APIRouter(tags=["protocols"])


@router.get("/protocols", dependencies=[Depends(reader)])
def read_protocols(services: Svc) -> Page:
    """Evacuation, blast, ventilation and re-entry as the gateway last said."""
    return Page(items=[entry.document for _, entry in sorted(services.live.all("protocol").items())])


@router.post("/protocols/{protocol}/{action}")
def call_protocol(
    protocol: Literal["evacuation", "reentry", "drill", "blast"],
    action: Annotated[str, Path(pattern=r"^[a-z_]{1,32}$")],
    services: Svc,
    session: Commander,
    body: ProtocolCall | None = None,
) -> dict[str, Any]:
    """Ask the gateway for one step of a protocol; the answer is the protocol's document."""
    body = body or ProtocolCall()
    args = {**body.args, "action": action, "comment": body.comment}
    services.link.ask(protocol, body.target, args, by=session.user.name, role=session.user.role)
    entry = services.live.get("protocol", protocol)
    return entry.document if entry else {"protocol": protocol}


@router.get("/presence", dependencies=[Depends(reader)])
def read_presence(services: Svc) -> Page:
    """Where each tag was last seen; the zones' occupancy, which is more than tags, stands in `zones`."""
    items = [{"person": person, **entry.document} for person, entry in sorted(services.live.all("presence").items())]
    return Page(items=items)


@router.post("/presence")
def report_presence(body: PresenceReport, services: Svc, session: Commander) -> dict[str, Any]:
    """A person went in or out (`person`, `zone` or null), or somebody counted (`zone`, `count`)."""
    _check(services, body)
    if body.count is not None:
        target, args = body.zone or "", {"zone": body.zone, "count": body.count}
    else:
        target, args = body.person or "", {"person": body.person, "zone": body.zone}
    services.link.ask(
        "presence", target, {**args, "comment": body.comment}, by=session.user.name, role=session.user.role
    )
    if body.person is not None:  # what the gateway has taken stands in `GET presence`, as if a tag had said it
        services.live.note_presence(body.person, body.zone)
    return {"by": session.user.name, **args}


def _check(services: Services, body: PresenceReport) -> None:
    if (body.person is None) == (body.count is None):
        raise Problem(422, "person, count: expected one of them, a person seen or a count of people", kind="invalid")
    if body.person is not None and "zone" not in body.model_fields_set:  # left out it must not read as outside
        raise Problem(422, "zone: missing; expected a zone id, or null for outside", kind="invalid")
    if body.count is not None and body.zone is None:
        raise Problem(422, "zone: a count needs the zone that was counted", kind="invalid")
    if body.zone is not None and body.zone not in {zone.id for zone in services.site.zones}:
        raise Problem(422, f"zone: {body.zone!r} is no zone of this site", kind="invalid")
