"""What a site file must fulfil across keys: references, duplicates, and which key belongs to which kind.

Every check is a generator of sentences. What is already wrong in itself is left out, but its id still counts, so that
one mistake gives one sentence.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from alerts.ladder import setpoint_problems
from bocamina.modbus_checks import modbus_problems
from bocamina.site_draft import Draft
from gateway.conditioning.calibration import is_future
from gateway.domain.errors import ConfigError
from gateway.domain.limits import regimes
from gateway.domain.names import (
    DELAY_KEYS,
    DRIVER_NAMES,
    FORMAT_NAMES,
    SETPOINT_KEYS,
    SLOWEST_PROTECTION_S,
    did_you_mean,
    expected_one_of,
)
from gateway.domain.quantities import COMBUSTIBLE, QUANTITIES, TOXIC
from gateway.domain.site import (
    DAY_S,
    Person,
    SensorConfig,
    Site,
    SiteInfo,
    SiteLimit,
    Source,
)
from gateway.domain.site_limits import resolve
from gateway.formats.units import CONVERSIONS

SUBJECTS: Final = ("zones", "sources", "sensors", "actuators")
"""Tables whose ids name alarms, `{subject}.{condition}`, and so may not meet; `gateway` is a subject of its own."""

_KEYS_OF_SOURCE: Final = {"serial": ("port", "driver"), "modbus": ("port", "map"), "mqtt": ("topic", "format")}
_OPTIONAL_OF_SOURCE: Final = {"serial": ("baud",), "modbus": ("baud", "parity", "address", "offset"), "mqtt": ()}
_FAN_KEYS: Final = ("mode", "fail_safe", "restart_within_min", "proof_s", "duct_length_m", "idle_percent")
SIGNS_LIMITS: Final = "officer"
"""The role that may sign a limit: the site's safety officer (limits reference 9)."""
_PROOFS_OF_AIR: Final = ("air_velocity", "air_flow", "pressure_diff")


def cross_problems(draft: Draft) -> list[str]:
    """Every problem that needs two keys to be seen, one sentence each."""
    checks = (_site, _ids, _connections, _sources, _modbus, _sensors, _protection, _actuators, _shifts, _blasts,
              _people, _limits)  # fmt: skip
    return [problem for check in checks for problem in check(draft)]


def _repeated(path: str, values: Iterable[str]) -> Iterator[str]:
    for value, count in Counter(values).items():
        if count > 1:
            yield f"{path}: {value!r} stands in it {count} times; expected each once"


def _site(draft: Draft) -> Iterator[str]:
    timezone = draft.info.get("timezone", "UTC")
    try:
        ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):
        near = did_you_mean(timezone, available_timezones())
        yield f"site.timezone: {timezone!r} is no time zone; expected a name like 'America/Lima'{near}"
    for key in ("regimes", "alarm_regimes"):
        if draft.info.get(key) == ():
            yield f"site.{key}: empty; expected at least one regime"
        yield from _repeated(f"site.{key}", draft.info.get(key, ()))
        for place, name in enumerate(draft.info.get(key, ())):
            yield from _regime(f"site.{key}[{place}]", name)


def _regime(path: str, name: str) -> Iterator[str]:
    if name not in regimes():
        yield f"{path}: {name!r} is not known here; {expected_one_of(name, regimes(), most=20)}"


def _ids(draft: Draft) -> Iterator[str]:
    subjects: dict[str, str] = {"gateway": "the gateway itself"}
    for table, entries in draft.ids.items():
        taken = subjects if table in SUBJECTS else {}
        for index, name in entries:
            path = f"{table}[{index}]"
            if name in taken:
                why = "; alarms are named by it" if table in SUBJECTS else ""
                yield f"{path}.id: {name!r} is already the id of {taken[name]}; expected an id of its own{why}"
            taken.setdefault(name, path)


def _connections(draft: Draft) -> Iterator[str]:
    seen: dict[frozenset[str], int] = {}
    for index, connection in draft.table("connections"):
        path = f"connections[{index}]"
        yield from draft.missing(f"{path}.from", connection.from_, "zones")
        yield from draft.missing(f"{path}.to", connection.to, "zones")
        if connection.from_ == connection.to:
            yield f"{path}: leads from {connection.to!r} to itself; expected two zones"
            continue
        ends = frozenset((connection.from_, connection.to))
        if ends in seen:
            yield f"{path}: joins the same zones as connections[{seen[ends]}]; expected each pair once"
        seen.setdefault(ends, index)


def _sources(draft: Draft) -> Iterator[str]:
    wires: dict[str, int] = {}
    for index, source in draft.table("sources"):
        path = f"sources[{index}]"
        needed, optional = _KEYS_OF_SOURCE[source.kind], _OPTIONAL_OF_SOURCE[source.kind]
        for key in needed:
            if not getattr(source, key):
                yield f"{path}.{key}: missing; a {source.kind} source needs {' and '.join(needed)}"
        for key in sorted(source.model_fields_set - {"id", "kind", *needed, *optional}):
            yield f"{path}.{key}: not for a {source.kind} source; expected {', '.join((*needed, *optional))}"
        if source.kind == "serial" and source.driver and source.driver not in DRIVER_NAMES:
            yield f"{path}.driver: {source.driver!r} is no driver; {expected_one_of(source.driver, DRIVER_NAMES)}"
        if source.kind == "serial" and source.driver == "modbus":
            yield f'{path}.driver: \'modbus\' is a kind of source; expected kind = "modbus" with port, map and address'
        if source.kind == "mqtt":
            yield from _mqtt_source(draft, path, source)
        # several Modbus devices share one bus; a serial port or an MQTT topic has one reader
        wire = {"serial": source.port, "mqtt": source.topic}.get(source.kind)
        if wire is not None and source.kind == "serial" and wire == draft.modem:
            yield f"sms.port: {wire!r} is already read by {path}; expected a port of the modem's own"
        if wire in wires:
            yield f"{path}: reads {wire!r} like sources[{wires[wire]}]; expected one source for each port or topic"
        elif wire:
            wires[wire] = index


def _modbus(draft: Draft) -> Iterator[str]:
    return modbus_problems(draft.table("sources"), draft.table("sensors"))


def _mqtt_source(draft: Draft, path: str, source: Source) -> Iterator[str]:
    if source.format and source.format not in FORMAT_NAMES:
        yield f"{path}.format: {source.format!r} is no format; {expected_one_of(source.format, FORMAT_NAMES)}"
    if not source.topic:
        return
    levels = source.topic.split("/")
    if any(("+" in level or "#" in level) and level not in ("+", "#") for level in levels) or "#" in levels[:-1]:
        yield f"{path}.topic: {source.topic!r} is no topic filter; expected + for a whole level, # only as the last"
    elif str(source.format).startswith("senml") and "+" not in levels:
        yield f"{path}.topic: {source.topic!r} has no level that names the node; expected a + in its place"
    if levels[:2] == ["bocamina", "v1"] and "id" in draft.info:
        own = f"bocamina/v1/{draft.info['id']}/node/"
        if not source.topic.startswith(own):
            yield f"{path}.topic: {source.topic!r} is not one of this site's nodes; expected it to begin {own!r}"


def _sensors(draft: Draft) -> Iterator[str]:
    sources = {source.id: source for _, source in draft.table("sources")}
    channels: dict[tuple[str, str], int] = {}
    for index, sensor in draft.table("sensors"):
        path = f"sensors[{index}]"
        yield from draft.missing(f"{path}.zone", sensor.zone, "zones")
        yield from draft.missing(f"{path}.source", sensor.source, "sources")
        if sensor.quantity not in QUANTITIES:
            expected = expected_one_of(sensor.quantity, QUANTITIES)
            yield f"{path}.quantity: {sensor.quantity!r} is no quantity; {expected}"
        source = sources.get(sensor.source)
        if source is not None and not _channel_fits(source, sensor.channel):
            form = "node/name, as in 'node7/co'" if _names_nodes(source) else "the name of a value, as in 'pm2_5'"
            yield f"{path}.channel: {sensor.channel!r} does not fit source {source.id!r}; expected {form}"
        if source is not None and source.kind == "serial" and sensor.quantity in QUANTITIES:
            yield from _unit_converts(path, sensor, source)
        wire = (sensor.source, sensor.channel)
        if wire in channels:
            yield f"{path}.channel: {sensor.channel!r} is already read by sensors[{channels[wire]}]; expected another"
        channels.setdefault(wire, index)
        yield from _sensor_values(path, sensor)
        yield from _stricter_only(path, sensor, draft)


def _unit_converts(path: str, sensor: SensorConfig, source: Source) -> Iterator[str]:
    """A device's channel comes in the unit of its maker; what cannot be converted would be a fault for ever."""
    from gateway.drivers.table import DRIVERS

    spec = DRIVERS.get(source.driver or "")
    unit = spec.unit_of(sensor.channel) if spec is not None else None
    if unit is not None and (sensor.quantity, unit) not in CONVERSIONS:
        yield (
            f"{path}.channel: {sensor.channel!r} comes in {unit}, which does not make "
            f"{sensor.quantity!r} in {QUANTITIES[sensor.quantity].unit}; expected a channel that measures it"
        )


def _names_nodes(source: Source) -> bool:
    return source.kind == "mqtt" or source.driver == "bocamina-node"


def _channel_fits(source: Source, channel: str) -> bool:
    if _names_nodes(source):
        node, _, name = channel.partition("/")
        return bool(node and name)
    return re.fullmatch(r"[a-z0-9_]+", channel) is not None


def _stricter_only(path: str, sensor: SensorConfig, draft: Draft) -> Iterator[str]:
    """A site may move the ladder's rungs, but only to be warned earlier (limits reference 6.7)."""
    right = {
        "setpoints": {key: level for key, level in sensor.setpoints.items() if key in SETPOINT_KEYS},
        "delays": {key: delay for key, delay in sensor.delays.items() if key in DELAY_KEYS and 0 <= delay <= DAY_S},
    }
    for problem in setpoint_problems(sensor.model_copy(update=right), demo=draft.info.get("demo") is True):
        yield f"{path}.{problem}"


def _sensor_values(path: str, sensor: SensorConfig) -> Iterator[str]:
    for table, known in (("setpoints", SETPOINT_KEYS), ("delays", DELAY_KEYS)):
        for key in getattr(sensor, table):
            if key not in known:
                yield f"{path}.{table}.{key}: unknown key; {expected_one_of(key, known)}"
    for key, delay in sensor.delays.items():
        if not 0 <= delay <= DAY_S:
            yield f"{path}.delays.{key}: {delay:g} does not fit; expected 0 or more and at most {DAY_S:g} s"
    if sensor.max_age_s is not None and sensor.max_age_s < sensor.period_s:
        yield f"{path}.max_age_s: {sensor.max_age_s:g} is less than one period; expected {sensor.period_s:g} or more"
    if sensor.resolution is not None and sensor.full_scale is not None and sensor.resolution >= sensor.full_scale:
        yield f"{path}.resolution: {sensor.resolution:g} is not below full_scale; expected a step of the last digit"
    if sensor.role == "intake_guard" and sensor.quantity != "co":
        yield f"{path}.role: an intake guard of {sensor.quantity!r} says nothing of fumes; expected quantity 'co'"
    if sensor.role == "fan_proof" and sensor.quantity not in _PROOFS_OF_AIR:
        expected = ", ".join(_PROOFS_OF_AIR)
        yield f"{path}.role: {sensor.quantity!r} does not prove that air moves; expected one of {expected}"
    if sensor.calibration is not None and sensor.calibration.date is not None:
        try:
            date.fromisoformat(sensor.calibration.date)
        except ValueError:
            yield f"{path}.calibration.date: {sensor.calibration.date!r} is no date; expected YYYY-MM-DD"


def refuse_the_future(site: Site, on: date) -> None:
    """Raise ConfigError for every calibration that is dated after `on` [UTC], one sentence each.

    For a person who checks a file, never for `run`: a gateway whose clock woke in the past must watch all the same.
    """
    problems = [
        f"sensors[{index}].calibration.date: {sensor.calibration.date!r} lies in the future; expected the day of the "
        f"last calibration, {on} or before"
        for index, sensor in enumerate(site.sensors)
        if sensor.calibration is not None
        and sensor.calibration.date is not None
        and is_future(date.fromisoformat(sensor.calibration.date), on)
    ]
    if problems:
        raise ConfigError(*problems)


def _protection(draft: Draft) -> Iterator[str]:
    """Slow channels: limits reference 6.5, loss of signal."""
    watched: dict[tuple[str, str], list[tuple[int, SensorConfig]]] = {}
    for index, sensor in draft.table("sensors"):
        if sensor.quantity in TOXIC | COMBUSTIBLE | {"o2"} and sensor.protection != "indicative":
            watched.setdefault((sensor.zone, sensor.quantity), []).append((index, sensor))
    for (zone, quantity), sensors in watched.items():
        if any(sensor.period_s <= SLOWEST_PROTECTION_S for _, sensor in sensors):
            continue
        for index, sensor in sensors:
            yield (
                f"sensors[{index}].period_s: {sensor.period_s:g} is too slow for the only {quantity} channel that "
                f"protects {zone!r}; expected at most {SLOWEST_PROTECTION_S:g}, or protection = \"indicative\""
            )


def _actuators(draft: Draft) -> Iterator[str]:
    for index, actuator in draft.table("actuators"):
        path = f"actuators[{index}]"
        if not actuator.zones:
            yield f"{path}.zones: missing or empty; expected the zones that this {actuator.kind} serves"
        for place, zone in enumerate(actuator.zones):
            yield from draft.missing(f"{path}.zones[{place}]", zone, "zones")
        yield from _repeated(f"{path}.zones", actuator.zones)
        if actuator.kind == "fan" and actuator.mode is None:
            yield f'{path}.mode: missing; a fan needs "blowing" or "exhausting"'
        for key in sorted(actuator.model_fields_set.intersection(_FAN_KEYS)) if actuator.kind != "fan" else ():
            yield f"{path}.{key}: not for a {actuator.kind}; expected only for a fan"


def _shifts(draft: Draft) -> Iterator[str]:
    for index, shift in draft.table("shifts"):
        if shift.start == shift.end:
            yield f"shifts[{index}].end: {shift.end!r} is also the start; expected a shift that lasts"
        yield from _repeated(f"shifts[{index}].days", shift.days)


def _blasts(draft: Draft) -> Iterator[str]:
    for index, blast in draft.table("blasts"):
        path = f"blasts[{index}]"
        for key in ("times", "zones"):
            if not getattr(blast, key):
                yield f"{path}.{key}: empty; expected at least one"
        for key in ("zones", "influence"):
            for place, zone in enumerate(getattr(blast, key)):
                yield from draft.missing(f"{path}.{key}[{place}]", zone, "zones")
        yield from _repeated(f"{path}.times", blast.times)


def _people(draft: Draft) -> Iterator[str]:
    for index, person in draft.table("people"):
        for place, address in enumerate(person.notify):
            if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:.", address):
                yield (
                    f"people[{index}].notify[{place}]: {address!r} is no address; "
                    "expected a form like 'sms:+51…' or 'mailto://…'"
                )


def _limits(draft: Draft) -> Iterator[str]:
    """Signed limits: who signed, when, and that no limit is laxer than the law (limits reference 6.7)."""
    people = {person.id: person for _, person in draft.table("people")}
    usual = SiteInfo.model_fields["alarm_regimes"].default
    alarm_regimes = [name for name in draft.info.get("alarm_regimes", usual) if name in regimes()]
    taken: dict[object, int] = {}
    for index, entry in draft.table("limits"):
        path = f"limits[{index}]"
        problems = list(_signature(path, entry, people))
        problems += _regime(f"{path}.regime", entry.regime) if entry.regime is not None else ()
        yield from problems
        if problems:
            continue
        try:
            signed = resolve(entry, alarm_regimes, entry.confirmed_by)
        except ConfigError as error:
            yield f"{path}.{error}"
            continue
        own = signed.own and (signed.own.quantity, signed.own.phase, signed.own.kind, signed.own.averaging_minutes)
        for target in [own] if own else signed.confirmed:
            if target in taken:
                yield f"{path}: signs the same limit as limits[{taken[target]}]; expected one signature for each"
            taken.setdefault(target, index)


def _signature(path: str, entry: SiteLimit, people: Mapping[str, Person]) -> Iterator[str]:
    try:
        date.fromisoformat(entry.confirmed_on)
    except ValueError:
        yield f"{path}.confirmed_on: {entry.confirmed_on!r} is no date; expected YYYY-MM-DD"
    person = people.get(entry.confirmed_by)
    if person is not None and person.role != SIGNS_LIMITS:
        expected = f"expected the safety officer (role {SIGNS_LIMITS!r})"
        yield f"{path}.confirmed_by: {person.id!r} is of role {person.role!r}; {expected}"
