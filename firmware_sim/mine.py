"""The mine that does not exist: air, cells and actuators of a site file, moved by a scenario. No threads, no clock.

The same object serves virtual time (`advance` gives the readings that are due) and the live simulator, whose devices
ask `value` when they speak. Times are seconds of the wires; the air lives `physics_speed` times as fast.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from firmware_sim import emissions
from firmware_sim.air import FRESH, Air, amount
from firmware_sim.cells import KINDS, Cell, CellKind
from firmware_sim.layout import Layout
from firmware_sim.script import WIRE, WORDS, WORLD, Agenda, Event, Scenario, ScenarioError

LONGEST_STEP_S: Final = 1.0
"""[s of the wires] Cells follow the air at least this often."""
RUNS_FROM: Final = 0.05
"""Share of full speed from which a fan says that it runs."""
ISA_HPA: Final = 1013.25
ELSEWHERE: Final = {"temperature": 16.0, "humidity": 70.0, "battery": 3.9, "rssi": -67.0}
"""What else a sensor may measure, steady: °C, %RH, V, dBm."""


class Said(NamedTuple):
    """A person's message: topic under the site's root, and its document."""

    at_s: float
    topic: str
    body: dict[str, Any]


@dataclass(slots=True)
class _Machine:
    """An actuator. speed: share of full speed that a fan has now."""

    kind: str
    setpoint: float | str
    speed: float = 0.0
    fault: str = "none"


@dataclass(slots=True)
class _Sensor:
    id: str
    zone: str
    quantity: str
    period_s: float
    in_duct: bool
    cell: Cell
    due_s: float = 0.0


class Mine:
    """One mine. site: the parsed site file; run: makes the ids of people's requests this run's own."""

    def __init__(
        self, site: Mapping[str, Any], scenario: Scenario, *, physics_speed: float | None = None, run: str = "0"
    ) -> None:
        self.scenario = scenario
        self.now_s = 0.0
        self.utc_s = 0.0
        """Unix time of second 0, for the times that people write; the runner sets it."""
        self._run = run
        self._speed = scenario.physics_speed if physics_speed is None else physics_speed
        self._root = f"bocamina/v1/{site['site']['id']}/"
        self._pressure = ISA_HPA * (1 - 2.25577e-5 * float(site["site"].get("altitude_m", 0.0))) ** 5.25588
        self._layout = Layout(site, scenario.fans)
        self._air = Air(self._layout.volumes)
        self._machines = {
            row["id"]: _Machine(row["kind"], 0.0 if row["kind"] == "fan" else "off")
            for row in site.get("actuators", ())
        }
        self._sensors = {row["id"]: self._sensor(row) for row in site.get("sensors", ())}
        self._sources: dict[tuple[str, str], dict[str, float]] = {}
        self._world, self._words, self._wire = (Agenda(scenario, kinds) for kinds in (WORLD, WORDS, WIRE))
        self._refused: set[str] = set()
        self._check_names(site)
        self._set_air()

    # --- Time --------------------------------------------------------------------------------------------------------

    def advance(self, to_s: float) -> list[tuple[str, float, float]]:
        """Live until `to_s`; the readings due on the way: (sensor, time [s], value [canonical unit]), in time order."""
        found = []
        while self.now_s < to_s:
            due_s = min((sensor.due_s for sensor in self._sensors.values()), default=to_s)
            next_s = min(to_s, self.now_s + LONGEST_STEP_S, max(due_s, self.now_s), max(self._world.next_s, self.now_s))
            self._pass(next_s - self.now_s)
            self.now_s = next_s
            for _, loop, event in self._world.due(next_s):
                if not self._is_off(event, loop):
                    self._happen(event)
            for sensor in self._sensors.values():
                if sensor.due_s <= next_s:
                    sensor.due_s = next_s + sensor.period_s
                    value = self.value(sensor.id)
                    if value is not None:
                        found.append((sensor.id, next_s, value))
        return found

    def events_due(self, to_s: float) -> list[Said]:
        """What people say until `to_s`, each once: counts, presences and requests as the gateway's topics have them."""
        due = self._words.due(to_s)
        return [self._said(at_s, loop, event) for at_s, loop, event in due if not self._is_off(event, loop)]

    def wire_faults_due(self, to_s: float) -> list[tuple[str, str]]:
        """(device, kind of fault or "none") until `to_s`, each once."""
        return [(event.args["device"], event.args["kind"]) for _, _, event in self._wire.due(to_s)]

    def refuse(self, request_id: str) -> None:
        """The gateway refused this request: what was to follow from it does not happen."""
        self._refused.add(request_id)

    # --- What can be seen and done -----------------------------------------------------------------------------------

    def value(self, sensor: str) -> float | None:
        """What a sensor shows now [canonical unit], None while it is silent."""
        return self._sensors[sensor].cell.read()

    def concentration(self, zone: str, quantity: str) -> float:
        """The true air of a zone [canonical unit]."""
        return self._air.concentration(zone, quantity)

    def command(self, actuator: str, setpoint: float | str) -> None:
        """An actuator is set: a fan to 0–100 per cent, a siren or beacon to its word."""
        self._machines[actuator].setpoint = setpoint

    def actuator_states(self) -> dict[str, dict[str, Any]]:
        """What every actuator says of itself: setpoint, running, speed_rpm."""
        return {name: self._state(name, machine) for name, machine in self._machines.items()}

    def _state(self, name: str, machine: _Machine) -> dict[str, Any]:
        if machine.kind != "fan":
            return {"setpoint": machine.setpoint, "running": machine.setpoint != "off", "speed_rpm": None}
        rpm = round(machine.speed * self._layout.fans[name].ducting.rpm)
        return {"setpoint": machine.setpoint, "running": machine.speed >= RUNS_FROM, "speed_rpm": rpm}

    # --- Inside ------------------------------------------------------------------------------------------------------

    def _pass(self, dt_s: float) -> None:
        """Fans run up or down, the air moves, cells follow."""
        physics_s = dt_s * self._speed
        if physics_s <= 0:
            return
        if self._turn_fans(physics_s):
            self._set_air()
        self._air.advance(physics_s)
        for sensor in self._sensors.values():
            sensor.cell.step(self._truth(sensor.zone, sensor.quantity, in_duct=sensor.in_duct), physics_s)

    def _turn_fans(self, dt_s: float) -> bool:
        turned = False
        for name, fan in self._layout.fans.items():
            machine = self._machines[name]
            power = 0.0 if machine.fault == "no_power" else float(machine.setpoint) / 100.0
            most = dt_s / fan.ducting.ramp_s
            change = min(max(power - machine.speed, -most), most)
            machine.speed += change
            turned = turned or change != 0.0
        return turned

    def _speeds(self) -> dict[str, float]:
        """Of the fans whose air arrives."""
        return {n: m.speed for n, m in self._machines.items() if m.kind == "fan" and m.fault != "no_air"}

    def _set_air(self) -> None:
        self._air.set_flows(self._layout.flows(self._speeds()))

    def _truth(self, zone: str, quantity: str, *, in_duct: bool = False) -> float:
        if quantity in FRESH:
            return self._air.concentration(zone, quantity)
        speeds = self._speeds()
        fan = next((f for f in self._layout.fans.values() if zone in f.zones), None)
        turning = self._machines[fan.id].speed if fan else 0.0
        moving = self._layout.velocity(zone, speeds, in_duct=in_duct)
        area = fan.ducting.duct_area_m2 if fan and in_duct else self._layout.area[zone]
        found: dict[str, Callable[[], float]] = {
            "air_velocity": lambda: moving,
            "air_flow": lambda: moving * area,
            "fan_speed": lambda: turning * (fan.ducting.rpm if fan else 0.0),
            "fan_running": lambda: float(turning >= RUNS_FROM),
            "pressure_diff": lambda: 800.0 * speeds.get(fan.id, 0.0) ** 2 if fan else 0.0,
            "pressure": lambda: self._pressure,
        }
        return found[quantity]() if quantity in found else ELSEWHERE[quantity]

    def _happen(self, event: Event) -> None:
        args = event.args
        if event.do == "blast":
            self._air.release(args["zone"], emissions.shot(float(args["explosive_kg"])), emissions.PUFF_S)
        elif event.do == "release":
            amounts = {args["quantity"]: amount(args["quantity"], float(args["amount"]))}
            self._air.release(args["zone"], amounts, float(args["over_s"]))
        elif event.do in ("people", "drills"):
            emit = emissions.breath if event.do == "people" else emissions.drilling
            zone = args["zone"]
            self._sources[zone, event.do] = emit(int(args["number"]))
            total: dict[str, float] = {}
            for (place, _), rates in self._sources.items():
                for species, rate in rates.items():
                    total[species] = total.get(species, 0.0) + (rate if place == zone else 0.0)
            for species, rate in total.items():
                self._air.set_source(zone, species, rate)
        elif event.do == "fan_fault":
            self._machines[args["actuator"]].fault = args["kind"]
            self._set_air()
        else:
            self._sensors[args["sensor"]].cell.fault = None if args["kind"] == "none" else args["kind"]

    def _said(self, at_s: float, loop: int, event: Event) -> Said:
        args, now = event.args, self._label(at_s)
        if event.do == "count":
            return Said(at_s, f"presence/count/{args['zone']}",
                        {"count": args["people"], "by": args["by"], "time": now})  # fmt: skip
        if event.do == "presence":
            return Said(at_s, f"presence/{args['person']}", {"zone": args["zone"] or None, "time": now})
        ident = self._key(event.key or f"{self.scenario.events.index(event)}", loop)
        body = {
            "id": ident, "by": args["by"], "role": args.get("role", ""), "target": args.get("target", ""),
            "args": dict(args.get("args", {})), "issued": now, "reply_to": f"{self._root}reply/{ident}",
        }  # fmt: skip
        return Said(at_s, f"request/{args['name']}", body)

    def _is_off(self, event: Event, loop: int) -> bool:
        """Whether it does not happen, because what had to be granted before was refused."""
        return bool(event.unless_refused) and self._key(event.unless_refused, loop) in self._refused

    def _key(self, key: str, loop: int) -> str:
        return f"sim-{self._run}-{loop}-{key}"

    def _label(self, at_s: float) -> str:
        return datetime.fromtimestamp(self.utc_s + at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _sensor(self, row: Mapping[str, Any]) -> _Sensor:
        quantity = row["quantity"]
        usual = KINDS.get(quantity)
        if usual is None:
            raise ScenarioError(
                f"sensor {row['id']}: the simulated mine knows no {quantity}; it has {', '.join(KINDS)}"
            )
        kind = CellKind(
            float(row.get("t90_s", usual.t90_s)), usual.noise, float(row.get("resolution", usual.step)),
            float(row.get("full_scale", usual.full_scale)), usual.least,
        )  # fmt: skip
        in_duct = row.get("role") == "fan_proof"
        rest = self._truth(row["zone"], quantity, in_duct=in_duct)
        cell = Cell(kind, f"{self.scenario.seed}-{row['id']}", at_rest=rest)
        return _Sensor(row["id"], row["zone"], quantity, float(row.get("period_s", 1.0)), in_duct, cell)

    def _check_names(self, site: Mapping[str, Any]) -> None:
        """Every name in the scenario must be one of the site; an error here is a person's to correct."""
        zones = {zone["id"] for zone in site.get("zones", ())}
        known = {"zone": zones | {""}, "sensor": set(self._sensors), "actuator": set(self._machines)}
        for event in self.scenario.events:
            for key, names in known.items():
                if event.args.get(key, "") not in names | {""}:
                    raise ScenarioError(f"scenario {self.scenario.name}: {event.do} at {event.at_s:g} s: "
                                        f"{event.args[key]!r} is no {key} of this site")  # fmt: skip
            quantity = event.args.get("quantity", "co")
            if event.do == "release" and quantity not in FRESH:
                raise ScenarioError(f"scenario {self.scenario.name}: release at {event.at_s:g} s: {quantity!r} is "
                                    f"nothing that the air carries; expected one of {', '.join(FRESH)}")  # fmt: skip
