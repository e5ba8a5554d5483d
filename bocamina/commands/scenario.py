"""`bocamina scenario NAME`: a scenario through the real engine in virtual time, and what was to be seen of it."""

import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from gateway.domain.errors import ConfigError

if TYPE_CHECKING:
    from bocamina.decisions import Decisions
    from firmware_sim.script import Scenario
    from gateway.domain.events import Event
    from gateway.domain.moment import Moment

BEGIN_US: Final = int(datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp()) * 1_000_000
"""Second 0 of every scenario: a Monday at 07:00 in Lima."""
HEARTBEAT_S: Final = 10
"""[s] Actuators tell their state on every change and this often."""
DEAF: Final = frozenset(["unplugged", "silence", "checksum", "half_frame"])
"""Faults of a wire that let nothing through; noise between whole frames does."""


def scenario(
    name: Annotated[str | None, typer.Argument(help="which; see --list")] = None,
    list_all: Annotated[bool, typer.Option("--list", help="name them all")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
) -> int:
    """Run a scenario as fast as it goes; status 0 if all that was expected was seen."""
    from firmware_sim.scenarios import ScenarioError, load, names

    if list_all:
        print(json.dumps(names()) if as_json else "\n".join(f"{one:<14}{load(one).text}" for one in names()))
        return 0
    if name is None:
        raise ConfigError(f"no scenario is named; expected one of {', '.join(names())}")
    try:
        found = load(name)
    except ScenarioError as error:
        raise ConfigError(str(error)) from error
    result = Rehearsal(found).run(_progress(found.duration_s))
    if as_json:
        print(json.dumps(result, ensure_ascii=False))
    else:
        for one in result["expectations"]:
            print(f"{'ok  ' if one['met'] else 'FAIL'} {one['at_s']:>7g} s  {one['text']}")
        verdict = "passed" if result["passed"] else "failed"
        print(f"{name}: {verdict}, {result['simulated_s']:g} s in {result['seconds']} s")
    return 0 if result["passed"] else 1


class Rehearsal:
    """One scenario, its mine, and an engine that lives in the same virtual time."""

    def __init__(self, scenario: "Scenario") -> None:
        import tomllib

        from bocamina.engine import Engine
        from bocamina.inbound import MqttListener
        from bocamina.site_file import parse_site, site_hash
        from bocamina.virtual import Record
        from firmware_sim.mine import Mine
        from firmware_sim.scenarios import site_text

        text = site_text(scenario.site).encode()
        self._scenario = scenario
        self._site = parse_site(text, scenario.site)
        Engine.warm_up()  # before the engine takes hold of kernels that this machine may not be able to compile
        self._engine = Engine(self._site, site_hash(text))
        self._listener = MqttListener(self._site)
        self._root = f"bocamina/v1/{self._site.site.id}/"
        self._mine: Mine = Mine(tomllib.loads(text.decode()), scenario)
        self._mine.utc_s = BEGIN_US / 1e6
        self._record = Record()
        self._values: dict[str, float] = {}
        self._told: dict[str, tuple[dict[str, Any], float]] = {}
        self._orders: dict[str, Any] = {}
        self._command_ids: dict[str, str] = {}
        self._deaf: set[str] = set()

    def run(self, progress: Callable[[float], None] = lambda _s: None) -> dict[str, Any]:
        """The whole of it; the document of `--json`."""
        from bocamina import __version__
        from gateway.domain.events import Started, Tick

        began = time.monotonic()
        self._step(0.0, [Started(self._engine.site_hash, __version__)])
        waiting = list(self._scenario.expectations)
        verdicts = []
        for second in range(int(self._scenario.duration_s) + 1):
            at_s = float(second)
            self._live(at_s)
            self._step(at_s, [Tick()])
            while waiting and waiting[0].at_s <= at_s:
                one = waiting.pop(0)
                verdicts.append({"at_s": one.at_s, "text": one.text, "met": self._is_met(at_s, one.check)})
            progress(at_s)
        verdicts += [{"at_s": one.at_s, "text": one.text, "met": False} for one in waiting]
        return {
            "scenario": self._scenario.name, "passed": all(one["met"] for one in verdicts), "expectations": verdicts,
            "alarms": self._record.alarms_json(), "commands": self._record.commands_json(),
            "simulated_s": self._scenario.duration_s, "seconds": round(time.monotonic() - began, 3),
        }  # fmt: skip

    def _live(self, to_s: float) -> None:
        """Let the mine live until then, and feed the engine what its wires, machines and people say, in time order."""
        from gateway.domain.events import Pack, Sample

        places = {sensor.id: i for i, sensor in enumerate(self._site.sensors)}
        packs: dict[tuple[float, str, str], list[Sample]] = {}
        for sensor, at_s, value in self._mine.advance(to_s):
            row = self._site.sensors[places[sensor]]
            node, slash, _ = row.channel.partition("/")
            node = node if slash else ""
            if not {row.source, node} & self._deaf:
                self._values[sensor] = value
                packs.setdefault((at_s, row.source, node), []).append(Sample(places[sensor], value))
        events: list[tuple[float, Event]] = [
            (at_s, Pack(source, node, tuple(samples))) for (at_s, source, node), samples in packs.items()
        ]
        for said in self._mine.events_due(to_s):
            events += [(said.at_s, event) for event in self._heard(said.topic, said.body)]
        for at_s, event in sorted(events, key=lambda item: item[0]):
            self._step(at_s, [event])
        for device, kind in self._mine.wire_faults_due(to_s):
            (self._deaf.add if kind in DEAF else self._deaf.discard)(device)
        self._machines_tell(to_s)

    def _machines_tell(self, now_s: float) -> None:
        from gateway.domain.events import ActuatorState

        for name, state in self._mine.actuator_states().items():
            told, at_s = self._told.get(name, ({}, -1.0))
            if name in self._deaf or (state == told and now_s - at_s < HEARTBEAT_S):
                continue
            self._told[name] = state, now_s
            event = ActuatorState(
                name, state["setpoint"], state["running"], state["speed_rpm"], self._command_ids.get(name)
            )
            self._step(now_s, [event])

    def _heard(self, topic: str, body: Mapping[str, Any]) -> "Iterable[Event]":
        from gateway.transports.mqtt_messages import Inbound

        payload = json.dumps(body).encode()
        return self._listener.events(Inbound(0, 0, 1, self._root + topic, payload, False, 0, False), BEGIN_US)

    def _step(self, at_s: float, events: "list[Event]") -> None:
        decisions = self._engine.step(_moment(at_s), events)
        self._record.take(decisions)
        self._obey(decisions)
        for reply, _ in decisions.replies:
            if not reply.ok:
                self._mine.refuse(reply.id)

    def _obey(self, decisions: "Decisions") -> None:
        for command in decisions.commands:
            self._orders[command.actuator] = command.setpoint
            if command.actuator not in self._deaf:
                self._command_ids[command.actuator] = command.id
                self._mine.command(command.actuator, command.setpoint)

    def _is_met(self, at_s: float, check: Mapping[str, Any]) -> bool:
        """Whether an expectation (`firmware_sim.script.CHECKS`) is true now."""
        from alerts.model import Priority

        rank = {priority.word: priority for priority in Priority}
        if "quiet" in check:
            return not any(t.priority >= rank[check["quiet"]] and t.new == "unack" for t in self._record.transitions)
        documents = self._engine.standing_documents(_moment(at_s))
        if "alarm" in check:
            alarm = documents.get(f"alarm/{check['alarm']}")
            if alarm is None or check.get("absent"):
                return alarm is None and bool(check.get("absent"))
            return (
                rank[alarm["priority"]] >= rank[check.get("priority", "notice")]
                and ("state" not in check or alarm["state"] == check["state"])
                and ("latched" not in check or str(alarm["state"]).startswith("latched") == check["latched"])
            )
        if "command" in check:
            return bool(self._orders.get(check["command"]) == check.get("setpoint"))
        if "protocol" in check:
            document = documents.get(f"protocol/{check['protocol']}") or {}
            return bool(document.get("state") == check.get("state"))
        if "actuator" in check:
            state = self._mine.actuator_states().get(check["actuator"], {})
            return all(state.get(key) == check[key] for key in ("running", "setpoint") if key in check)
        value = self._values.get(check["sensor"])
        return value is not None and check.get("above", float("-inf")) < value < check.get("below", float("inf"))


def _moment(at_s: float) -> "Moment":
    from gateway.domain.moment import Moment

    at_us = BEGIN_US + round(at_s * 1e6)
    return Moment(at_us, at_us)


def _progress(whole_s: float) -> Callable[[float], None]:
    """A bar on a terminal, nothing in a pipe."""
    if not sys.stderr.isatty():
        return lambda _s: None
    from rich.console import Console
    from rich.progress import Progress

    bar = Progress(console=Console(stderr=True), transient=True)
    bar.start()
    task = bar.add_task("", total=whole_s)

    def show(at_s: float) -> None:
        bar.update(task, completed=at_s)
        if at_s >= whole_s:
            bar.stop()

    return show
