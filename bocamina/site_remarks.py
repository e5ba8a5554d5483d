"""What a right site file leaves open: remarks that stop nothing and that a safety officer should read once."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import partial
from typing import Final

from alerts.ladder import is_dead_end, neighbours, rungs_for, unreachable_rungs
from alerts.notify.telephones import Telephones
from bocamina.device_ranges import full_scales
from gateway.conditioning.calibration import interval_days
from gateway.conditioning.ranges import resolve_noise, resolve_resolution
from gateway.domain.limit import Limit
from gateway.domain.limits import idlh
from gateway.domain.names import did_you_mean
from gateway.domain.quantities import COMBUSTIBLE, DUST, QUANTITIES, TOXIC
from gateway.domain.site import SensorConfig, Site
from gateway.domain.site_limits import limits_for_site
from gateway.drivers.modbus_catalogue import register_maps
from gateway.drivers.table import DRIVERS
from gateway.exposure.verdicts import is_resolved
from gateway.formats.table import FORMATS

EXITS: Final = frozenset(["portal", "surface"])
OUTSIDE: Final = EXITS | {"workshop", "amalgam_room", "lamp_room"}
"""Kinds of zone that lie at the surface and need no way out."""
WORKED: Final = frozenset(["gallery", "crosscut", "face", "stope", "raise", "shaft", "refuge"])
"""Kinds of zone where people are underground."""

REQUIRED: Final = ("co", "no2", "o2")
"""What must be watched for a zone to count as protected (work practice 1)."""
LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
LONGEST_PROOF_S: Final = 120.0
"""A fan proof that takes longer is remarked (limits reference 7.1)."""


def remarks(site: Site, on: date | None = None) -> list[str]:
    """Every remark, one sentence each, in the order of the file. on: the day, for drift since calibrations."""
    resolution = partial(_resolution, on=on)
    parts = (_ways_out, _watched, _limits, _full_scales, resolution, _calibrations, _rungs, _channels, _fans,
             _warned, _people, _signed, _central)  # fmt: skip
    return [remark for part in parts for remark in part(site)]


def _ways_out(site: Site) -> Iterator[str]:
    neighbours: dict[str, set[str]] = {zone.id: set() for zone in site.zones}
    for connection in site.connections:
        neighbours[connection.from_].add(connection.to)
        neighbours[connection.to].add(connection.from_)
    exits = {zone.id for zone in site.zones if zone.kind in EXITS}
    if not exits:
        yield "zones: none is a portal; nobody can be told a way out"
        return
    single = []
    for index, zone in enumerate(site.zones):
        if zone.kind in OUTSIDE:
            continue
        if not _reaches(zone.id, exits, neighbours):
            yield f"zones[{index}]: no way out of {zone.id!r}: no connection leads from it to a portal"
        elif zone.kind in WORKED and any(
            not _reaches(zone.id, exits, neighbours, without=cut) for cut in neighbours if cut != zone.id
        ):
            single.append(zone.id)
    if single:
        yield f"zones: only one way out of {', '.join(single)}"


def _reaches(start: str, ends: set[str], neighbours: Mapping[str, set[str]], without: str | None = None) -> bool:
    """Whether a walk from `start` comes to one of `ends` when nobody can pass `without`."""
    seen, todo = {start, without}, [start]
    while todo:
        zone = todo.pop()
        if zone in ends:
            return True
        todo += neighbours[zone] - seen
        seen |= neighbours[zone]
    return False


def _watched(site: Site) -> Iterator[str]:
    for index, zone in enumerate(site.zones):
        if zone.kind not in WORKED:
            continue
        has = {s.quantity for s in site.sensors if s.zone == zone.id and s.protection != "indicative"}
        lacks = [quantity for quantity in REQUIRED if quantity not in has]
        if lacks:
            yield f"zones[{index}]: {zone.id!r} has no sensor of {', '.join(lacks)}: it never counts as protected"


def _limits(site: Site) -> Iterator[str]:
    regimes = dict.fromkeys((*site.site.regimes, *site.site.alarm_regimes))
    sensors: dict[str, list[str]] = {}
    for sensor in site.sensors:
        sensors.setdefault(sensor.quantity, []).append(sensor.id)
    for quantity, ids in sensors.items():
        if not limits_for_site(site, quantity, regimes):
            yield f"sensors: no limit for {quantity} in {', '.join(regimes)} ({_listed(ids)})"


def _listed(ids: Iterable[str], most: int = 6) -> str:
    names = list(ids)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _full_scales(site: Site) -> Iterator[str]:
    drivers = {
        source.id: DRIVERS.get(source.driver or "") or register_maps().get(source.map or "") for source in site.sources
    }
    for index, sensor in enumerate(site.sensors):
        if sensor.full_scale is not None or sensor.quantity not in TOXIC | COMBUSTIBLE | DUST | {"o2"}:
            continue
        driver = drivers.get(sensor.source)
        if driver is not None and not {sensor.channel, sensor.quantity}.isdisjoint(driver.full_scale):
            continue
        usual, unit = QUANTITIES[sensor.quantity].full_scale, QUANTITIES[sensor.quantity].unit
        then = "gaps leave its exposure open" if usual is None else f"{usual:g} {unit}, usual for it, is assumed"
        yield f"sensors[{index}].full_scale: {sensor.id!r} does not state its full scale; {then}"


def _resolution(site: Site, on: date | None) -> Iterator[str]:
    regimes = dict.fromkeys((*site.site.regimes, *site.site.alarm_regimes))
    for index, sensor in enumerate(site.sensors):
        step, noise = resolve_resolution(sensor), resolve_noise(sensor, on)
        limits = (*limits_for_site(site, sensor.quantity, regimes), *_idlh(sensor.quantity))
        blind = [limit for limit in dict.fromkeys(limits) if not is_resolved(limit, noise)]
        unit = QUANTITIES[sensor.quantity].unit
        if blind:
            what = f"shows steps of {step:g} {unit}" if noise == step else f"has noise and drift of {noise:.3g} {unit}"
            names = ", ".join(f"{limit.regime} {limit.kind} {limit.value:g}" for limit in blind)
            yield f"sensors[{index}]: {sensor.id!r} {what}, too coarse for {names}: these stay indeterminate"
        if sensor.drift_per_year and (sensor.calibration is None or sensor.calibration.date is None):
            yield f"sensors[{index}].drift_per_year: {sensor.id!r} has no calibration.date, so no drift is counted"


def _calibrations(site: Site) -> Iterator[str]:
    """Without a date nothing says that a calibration is overdue, and nobody is told (limits reference 6.5)."""
    due = [sensor for sensor in site.sensors if interval_days(sensor) is not None]
    undated = [sensor.id for sensor in due if sensor.calibration is None or sensor.calibration.date is None]
    if undated:
        yield f"sensors: no calibration.date of {_listed(undated)}: nobody is told when it is overdue"


def _idlh(quantity: str) -> tuple[Limit, ...]:
    """IDLH is loaded whatever the regimes are (limits reference 6.7)."""
    level = idlh(quantity)
    return (level,) if level else ()


def _rungs(site: Site) -> Iterator[str]:
    zones = {zone.id: zone for zone in site.zones}
    near = neighbours(site)
    for index, (sensor, full_scale) in enumerate(zip(site.sensors, full_scales(site), strict=True)):
        if sensor.quantity in DUST:
            continue  # their rung is saturation itself
        zone = zones[sensor.zone]
        # limits are remarked by _limits and _resolution: here the ladder alone
        rungs = rungs_for(sensor, zone, lambda *_: (), (), full_scale, dead_end=is_dead_end(zone, near))
        for remark in unreachable_rungs(rungs, full_scale, resolve_resolution(sensor)):
            yield f"sensors[{index}]: {sensor.id!r}: {remark}"


def _channels(site: Site) -> Iterator[str]:
    used = {sensor.source for sensor in site.sensors}
    for index, source in enumerate(site.sources):
        reader = {"serial": source.driver, "mqtt": source.format}.get(source.kind, source.kind)
        if source.kind != "modbus" and reader not in DRIVERS and reader not in FORMATS:
            yield f"sources[{index}]: {reader!r} is not in this version yet: `run` cannot read {source.id!r}"
        if source.id not in used:
            yield f"sources[{index}]: no sensor reads {source.id!r}"
    for index, sensor in enumerate(site.sensors):
        name = sensor.channel.rsplit("/", 1)[-1]
        if name in QUANTITIES and name != sensor.quantity:
            yield f"sensors[{index}].channel: {sensor.channel!r} is taken as {sensor.quantity!r}"


def _fans(site: Site) -> Iterator[str]:
    upstream = _upstream(site)
    for index, actuator in enumerate(site.actuators):
        if actuator.kind != "fan":
            continue
        path = f"actuators[{index}]"
        if not _sensors_with(site, "fan_proof", set(actuator.zones)):
            yield f"{path}: no feedback for fan {actuator.id!r}: no sensor with role fan_proof in its zones"
        inlets = set(actuator.zones).union(*(upstream[zone] for zone in actuator.zones))
        if actuator.mode == "blowing" and not _sensors_with(site, "intake_guard", inlets):
            yield f"{path}: nobody watches the air that fan {actuator.id!r} blows in: no sensor with role intake_guard"
        if actuator.proof_s is not None and actuator.proof_s > LONGEST_PROOF_S:
            yield f"{path}.proof_s: {actuator.proof_s:g} s is long to wait for air; up to {LONGEST_PROOF_S:g} is usual"


def _sensors_with(site: Site, role: str, zones: set[str]) -> list[SensorConfig]:
    return [sensor for sensor in site.sensors if sensor.role == role and sensor.zone in zones]


def _upstream(site: Site) -> dict[str, set[str]]:
    """For each zone, the zones that its air comes through when the fans run as designed."""
    before: dict[str, set[str]] = {zone.id: set() for zone in site.zones}
    for connection in site.connections:
        before[connection.to].add(connection.from_)
    return {zone: {other for other in before if other != zone and _reaches(zone, {other}, before)} for zone in before}


def _warned(site: Site) -> Iterator[str]:
    served = {zone for actuator in site.actuators if actuator.kind == "siren" for zone in actuator.zones}
    for index, zone in enumerate(site.zones):
        if zone.kind in WORKED and zone.id not in served:
            yield f"zones[{index}]: no siren serves {zone.id!r}"


def _people(site: Site) -> Iterator[str]:
    signers = [person.id for person in site.people if person.role in ("officer", "supervisor", "admin")]
    if len(signers) < 2:
        yield "people: fewer than two may sign (officer, supervisor, admin); an all clear needs two"
    if not any(person.notify for person in site.people):
        yield "people: nobody has a notify address; alarms reach only the siren and the screen"
    by_sms = [
        (f"people[{index}].notify[{place}]", address)
        for index, person in enumerate(site.people)
        for place, address in enumerate(person.notify) if address.lower().startswith("sms:")
    ]  # fmt: skip
    if by_sms and site.sms is None:
        yield f"sms: there is no [sms] with a modem's port: {by_sms[0][1]!r} and its like reach nobody"
    for path, address in by_sms:
        if not re.fullmatch(r"sms:(//)?\+?[0-9]{3,15}/?", address, re.IGNORECASE):
            yield f"{path}: {address!r} has no telephone number; a form like 'sms:+51987654321' has one"
    for one, other in Telephones(site).shared():
        yield f"people: {one!r} and {other!r} share a telephone; what it answers by SMS counts for nobody"


def _signed(site: Site) -> Iterator[str]:
    known = {person.id for person in site.people}
    for index, entry in enumerate(site.limits):
        if entry.confirmed_by not in known:
            near = did_you_mean(entry.confirmed_by, known)
            yield f"limits[{index}].confirmed_by: {entry.confirmed_by!r} is nobody of [[people]]{near}"


def _central(site: Site) -> Iterator[str]:
    central = site.central
    if central is None:
        return
    if (central.host, central.port) == (site.mqtt.host, site.mqtt.port):
        yield "central: the same broker as in [mqtt]; a copy that lies beside the original is lost with it"
    elif central.ca_file is None and central.host not in LOOPBACK:
        yield "central.ca_file: without it everything goes over the network unencrypted, the password too"
