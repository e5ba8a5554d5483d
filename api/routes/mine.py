"""What the site file says, with what is known of it now: site, zones, sensors, actuators, limits."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from api.auth import reader
from api.live import Entry, LiveState
from api.schemas import Page
from api.services import Svc
from gateway.domain.quantities import unit_of
from gateway.domain.site import SensorConfig
from gateway.domain.site_limits import all_limits_for_site

router = APIRouter(tags=["mine"], dependencies=[Depends(reader)])

SHOWN_OF_PEOPLE = {"id", "name", "role"}
"""Telephone numbers and addresses of people stay in the site file."""


@router.get("/site")
def read_site(services: Svc) -> dict[str, Any]:
    """The site: `[site]`, shifts, blasts, connections, and people without their numbers."""
    site = services.site
    return {
        **site.site.model_dump(mode="json"),
        "shifts": [shift.model_dump(mode="json") for shift in site.shifts],
        "blasts": [blast.model_dump(mode="json") for blast in site.blasts],
        "connections": [connection.model_dump(mode="json", by_alias=True) for connection in site.connections],
        "people": [person.model_dump(mode="json", include=SHOWN_OF_PEOPLE) for person in site.people],
        "words": site.words,
    }


@router.get("/zones")
def read_zones(services: Svc) -> Page:
    """The site file's zones with occupancy, people, protection, access and their worst value."""
    unknown = {"occupancy": "unknown", "people": None, "protected": False, "access": None, "worst": None}
    items = []
    for zone in services.site.zones:
        entry = services.live.get("zone", zone.id)
        items.append({**zone.model_dump(mode="json"), **unknown, **_newest(services.live, entry)})
    return Page(items=items)


@router.get("/sensors")
def read_sensors(services: Svc) -> Page:
    """The site file's sensors with their newest value. `stale`: it is too old to be taken for the present."""
    return Page(items=[sensor_now(services.live, sensor) for sensor in services.site.sensors])


@router.get("/actuators")
def read_actuators(services: Svc) -> Page:
    """The site file's fans, sirens and beacons with their last `command` and what they say (`state`)."""
    items = []
    for actuator in services.site.actuators:
        state, command = (services.live.get(kind, actuator.id) for kind in ("actuator", "command"))
        items.append({
            **actuator.model_dump(mode="json"),
            "state": state.document if state else None,
            "age_s": services.live.age_s(state) if state else None,
            "command": command.document if command else None,
        })  # fmt: skip
    return Page(items=items)


@router.get("/limits")
def read_limits(
    services: Svc,
    substance: Annotated[str | None, Query(description="a quantity, or a substance's name")] = None,
    regime: Annotated[str | None, Query()] = None,
) -> Page:
    """The limits with their sources and signatures, and the mine's own (regime `site`); keys of `limits --json`."""
    rows = [
        {**asdict(limit), "substance": limit.quantity, "name": limit.substance, "confirmed": limit.confirmed}
        for limit in all_limits_for_site(services.site)
        if (substance is None or substance in {limit.quantity, limit.substance})
        and (regime is None or regime == limit.regime)
    ]
    return Page(items=rows)


def max_age_s(sensor: SensorConfig) -> float:
    """After how long without a word a value is old [s]: the site file's, else 30 s or three periods."""
    return sensor.max_age_s or max(30.0, 3 * sensor.period_s)


def sensor_now(live: LiveState, sensor: SensorConfig) -> dict[str, Any]:
    """A sensor's keys of the site file, its newest reading, its limits, and whether all that is stale."""
    reading, exposure = live.get("reading", sensor.id), live.get("exposure", sensor.id)
    newest = max((entry for entry in (reading, exposure) if entry), key=lambda entry: entry.as_of_s, default=None)
    told = _newest(live, newest)
    document = {
        **sensor.model_dump(mode="json"), "value": None, "unit": unit_of(sensor.quantity), "quality": None,
        "reason": None, "time": None, **{key: told.get(key) for key in ("value", "quality", "reason", "time") if told},
        "over_range_min": told.get("over_range_min"),
        "limits": exposure.document.get("limits", []) if exposure else [], "age_s": told.get("age_s"),
    }  # fmt: skip
    document["stale"] = document["age_s"] is None or document["age_s"] > max_age_s(sensor)
    return document


def _newest(live: LiveState, entry: Entry | None) -> dict[str, Any]:
    if entry is None:
        return {"age_s": None}
    return {**entry.document, "age_s": live.age_s(entry)}
