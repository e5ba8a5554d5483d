"""A scenario as data: what happens in the mine, what people say, and what must then be seen. Read from TOML."""

import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from firmware_sim.devices.faults import WIRE_FAULTS
from firmware_sim.layout import Ducting

WORLD: Final[Mapping[str, tuple[str, ...]]] = {
    "blast": ("zone", "explosive_kg"),
    "release": ("zone", "quantity", "amount", "over_s"),
    "people": ("zone", "number"),
    "drills": ("zone", "number"),
    "fan_fault": ("actuator", "kind"),
    "cell_fault": ("sensor", "kind"),
}
"""What happens to the mine, with the keys of each. release: m3 of a gas or g of dust. kind "none" mends."""
WIRE: Final[Mapping[str, tuple[str, ...]]] = {"wire_fault": ("device", "kind")}
"""What happens to a device's wire; device: a serial source, a node or an actuator."""
WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "count": ("zone", "people", "by"),
    "presence": ("person", "zone"),
    "request": ("name", "by", "role", "target", "args"),
}
"""What people say to the gateway; zone "" of a presence: outside."""

FAN_FAULTS: Final = ("none", "no_power", "no_air")
CELL_KINDS: Final = ("none", "silence", "stuck", "saturation")
WIRE_KINDS: Final = (*WIRE_FAULTS, "unplugged")
_KINDS: Final = {"fan_fault": FAN_FAULTS, "cell_fault": CELL_KINDS, "wire_fault": WIRE_KINDS}
CHECKS: Final[Mapping[str, frozenset[str]]] = {
    "alarm": frozenset(["priority", "state", "latched", "absent"]),
    "quiet": frozenset(),
    "command": frozenset(["setpoint"]),
    "actuator": frozenset(["running", "setpoint"]),
    "sensor": frozenset(["below", "above"]),
    "protocol": frozenset(["state"]),
}
"""How a machine judges an expectation: its first key, and what may stand beside it. alarm: an alarm's id, with at least
a priority, in one of the states, latched (its state begins with that word), or absent. quiet: up to then no alarm
of this priority or above. command: the setpoint last commanded to an actuator. actuator: what it says of itself."""
_HEAD: Final = frozenset(["text", "site", "duration_s", "physics_speed", "loop_s", "seed", "fans", "event", "expect"])


class ScenarioError(ValueError):
    """A person must correct a scenario or a site file: one sentence."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something at a time [s after the begin]. unless_refused: it does not happen if that request was refused."""

    at_s: float
    do: str
    args: Mapping[str, Any]
    key: str = ""
    unless_refused: str = ""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What must be seen at a time [s]: in words for people, and as `CHECKS` has it for machines."""

    at_s: float
    text: str
    check: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A whole scenario. site: the packaged site it is written for. loop_s: events begin anew after this time [s].

    physics_speed: how much faster the air lives than the wires.
    """

    name: str
    text: str
    site: str
    duration_s: float
    physics_speed: float = 1.0
    loop_s: float | None = None
    seed: int = 1
    fans: Mapping[str, Ducting] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    expectations: tuple[Expectation, ...] = ()


class Agenda:
    """The events of some kinds, in time order, each handed out once, loop after loop."""

    def __init__(self, scenario: Scenario, kinds: Mapping[str, Any]) -> None:
        self._events = [event for event in scenario.events if event.do in kinds]
        self._loop_s = scenario.loop_s
        self._next = 0

    def due(self, to_s: float) -> Iterator[tuple[float, int, Event]]:
        """(time [s], loop, event) of everything not after `to_s`."""
        while (at_s := self.next_s) <= to_s:
            loop, index = divmod(self._next, len(self._events))
            self._next += 1
            yield at_s, loop, self._events[index]

    @property
    def next_s(self) -> float:
        """When the next event comes [s]; infinite when there is none."""
        if not self._events:
            return math.inf
        loop, index = divmod(self._next, len(self._events))
        if loop and self._loop_s is None:
            return math.inf
        return self._events[index].at_s + loop * (self._loop_s or 0.0)


def read_scenario(name: str, text: str) -> Scenario:
    """A scenario from its TOML text. Raises ScenarioError with one sentence that names the key."""
    try:
        body = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"scenario {name}: {error}") from error
    _no_others(f"scenario {name}", body, _HEAD)
    try:
        fans = {fan: Ducting(**row) for fan, row in body.get("fans", {}).items()}
    except TypeError as error:
        raise ScenarioError(f"scenario {name}: fans: {error}") from error
    events = [_event(f"scenario {name}: event[{i}]", row) for i, row in enumerate(body.get("event", ()))]
    expectations = [_expectation(f"scenario {name}: expect[{i}]", row) for i, row in enumerate(body.get("expect", ()))]
    for where, needed in (("text", str), ("duration_s", (int, float))):
        if not isinstance(body.get(where), needed):
            raise ScenarioError(f"scenario {name}: {where} is missing or of the wrong type")
    loop_s = body.get("loop_s")
    if loop_s is not None and events and loop_s <= max(event.at_s for event in events):
        raise ScenarioError(f"scenario {name}: loop_s {loop_s:g} ends before the last event")
    return Scenario(
        name, body["text"], body.get("site", ""), float(body["duration_s"]), float(body.get("physics_speed", 1.0)),
        loop_s, int(body.get("seed", 1)), fans,
        tuple(sorted(events, key=lambda event: event.at_s)), tuple(sorted(expectations, key=lambda one: one.at_s)),
    )  # fmt: skip


def _event(where: str, row: Mapping[str, Any]) -> Event:
    known = {**WORLD, **WIRE, **WORDS}
    do = row.get("do")
    if do not in known:
        raise ScenarioError(f"{where}.do: {do!r} is nothing that can happen; expected one of {', '.join(known)}")
    at_s = _number(where, row, "at_s")
    args = {key: value for key, value in row.items() if key not in ("at_s", "do", "key", "unless_refused")}
    optional = {"args", "role", "target"}
    if missing := [key for key in known[do] if key not in args and key not in optional]:
        raise ScenarioError(f"{where}: {do} needs {', '.join(missing)}")
    _no_others(where, args, known[do])
    if do in _KINDS and args["kind"] not in _KINDS[do]:
        raise ScenarioError(f"{where}.kind: {args['kind']!r} is no {do}; expected one of {', '.join(_KINDS[do])}")
    return Event(at_s, str(do), args, row.get("key", ""), row.get("unless_refused", ""))


def _expectation(where: str, row: Mapping[str, Any]) -> Expectation:
    check = {key: value for key, value in row.items() if key not in ("at_s", "text")}
    subjects = [key for key in check if key in CHECKS]
    if len(subjects) != 1 or not isinstance(row.get("text"), str):
        raise ScenarioError(f"{where}: expected a text and one of {', '.join(CHECKS)}")
    _no_others(where, check, CHECKS[subjects[0]] | {subjects[0]})
    return Expectation(_number(where, row, "at_s"), row["text"], check)


def _number(where: str, row: Mapping[str, Any], key: str) -> float:
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ScenarioError(f"{where}.{key}: {value!r} is no time; expected seconds from 0")
    return float(value)


def _no_others(where: str, row: Mapping[str, Any], known: Sequence[str] | frozenset[str]) -> None:
    if others := sorted(set(row) - set(known)):
        raise ScenarioError(f"{where}: unknown key {others[0]!r}; expected {', '.join(sorted(known))}")
