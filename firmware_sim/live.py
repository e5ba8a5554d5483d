"""The simulator live: one loop turns the mine and all its devices on pseudo-terminals and MQTT, in real time."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from firmware_sim.devices.anemometers import ANEMOMETERS
from firmware_sim.devices.bocamina_node import BocaminaNode
from firmware_sim.devices.connection import Broker
from firmware_sim.devices.dust_sensors import DUST_SENSORS
from firmware_sim.devices.fan import FanController
from firmware_sim.devices.faults import SerialDevice
from firmware_sim.devices.foreign_device import ForeignDevice
from firmware_sim.devices.foreign_nodes import foreign_devices
from firmware_sim.devices.gas_modules import GAS_MODULES
from firmware_sim.devices.modbus_devices import MODBUS_DEVICES, modbus_device
from firmware_sim.devices.modbus_slave import ModbusSlave, SlaveBus
from firmware_sim.devices.mqtt_actuator import MqttActuator
from firmware_sim.devices.mqtt_client import MqttClient
from firmware_sim.devices.mqtt_node import MqttNode
from firmware_sim.devices.plantower import MODELS, Plantower
from firmware_sim.devices.serial_line import SerialLine
from firmware_sim.devices.siren import SirenController
from firmware_sim.devices.winsen_ze03 import GASES, WinsenZE03
from firmware_sim.mine import Mine
from firmware_sim.script import ScenarioError

log = logging.getLogger(__name__)

TURN_S: Final = 0.05
"""[s] Pause between two turns of everything."""

Node = MqttNode | ForeignDevice
Device = SerialLine | Node | MqttActuator


class Simulator:
    """All devices of a site around one `Mine`. ports: where `port = "demo:gas-1"` becomes the link `gas-1`.

    speed: how much faster the scenario goes than the clock. wait: nothing happens before the gateway says it is ready.
    """

    def __init__(
        self, site: Mapping[str, Any], mine: Mine, broker: Broker, ports: Path | None,
        *, speed: float = 1.0, wait: bool = True, boot: int = 1,
    ) -> None:  # fmt: skip
        self.mine = mine
        self.ready = threading.Event()
        self._speed, self._begun = speed, not wait
        self._stopping = threading.Event()
        root = f"bocamina/v1/{site['site']['id']}/"
        sensors = [dict(row) for row in site.get("sensors", ())]
        self.lines: dict[str, SerialLine] = {}
        self.nodes: dict[str, Node] = {}
        for source in site.get("sources", ()):
            own = [row for row in sensors if row["source"] == source["id"]]
            if source["kind"] == "serial":
                link = link_of(source["id"], source["port"], ports)
                self.lines[source["id"]] = SerialLine(link, _serial_device(source, own, mine, boot))
            elif source["kind"] == "modbus":
                continue  # several share one line
            elif source["kind"] == "mqtt":
                self.nodes |= _nodes(source, own, mine, broker, root, boot)
            else:
                raise ScenarioError(f"source {source['id']}: the simulator has no {source['kind']} devices yet")
        self.lines |= _buses(site, sensors, mine, ports)
        self.actuators = {row["id"]: _actuator(row, mine, broker, root) for row in site.get("actuators", ())}
        self._devices: dict[str, Device] = {**self.lines, **self.nodes, **self.actuators}
        for event in mine.scenario.events:
            if event.do == "wire_fault":
                found = self._device(event.args["device"])
                if isinstance(found, ForeignDevice) and event.args["kind"] not in found.faults:
                    known = ", ".join(found.faults)
                    raise ScenarioError(f"{event.args['kind']!r} is no fault of {event.args['device']}; it has {known}")
        self._people = MqttClient(broker, root, "sim-people", ("gateway/status", "reply/+"), status=False)

    def run(self) -> None:
        """Live until `stop`. Raises OSError when a port cannot be made; leaves nothing behind."""
        mqtt: list[Node | MqttActuator] = [*self.nodes.values(), *self.actuators.values()]
        try:
            for line in self.lines.values():
                line.plug()
            for device in (*mqtt, self._people):
                device.start()
            self._turn_until_stopped(mqtt)
        finally:
            for line in self.lines.values():
                line.unplug()
            for device in (*mqtt, self._people):
                device.stop()

    def stop(self) -> None:
        """Ask `run` to end."""
        self._stopping.set()

    def set_fault(self, device: str, kind: str) -> None:
        """A fault of a wire, see `script.WIRE_KINDS`; device: a serial source, a node or an actuator."""
        found = self._device(device)
        log.info("%s: %s", device, kind)
        found.set_fault(kind)

    def _device(self, name: str) -> Device:
        if name not in self._devices:
            raise ScenarioError(f"{name!r} is no device here; expected one of {', '.join(self._devices)}")
        return self._devices[name]

    def _turn_until_stopped(self, mqtt: list[Node | MqttActuator]) -> None:
        start_s = last_s = time.monotonic()
        self.ready.set()
        while not self._stopping.wait(TURN_S):
            now_s = time.monotonic()
            if self._begun:
                self._live((now_s - last_s) * self._speed)
            last_s = now_s
            for line in self.lines.values():
                line.turn(now_s - start_s)
            for device in mqtt:
                device.turn(now_s - start_s, time.time())
            self._listen()

    def _live(self, dt_s: float) -> None:
        to_s = self.mine.now_s + dt_s
        self.mine.utc_s = time.time() - to_s
        self.mine.advance(to_s)
        for said in self.mine.events_due(to_s):
            log.info("%7.1f s %s %s", said.at_s, said.topic, said.body)
            self._people.say(said.topic, said.body)
        for device, kind in self.mine.wire_faults_due(to_s):
            self.set_fault(device, kind)

    def _listen(self) -> None:
        """What the gateway says to the people: that it is ready, and its answers."""
        while self._people.heard:
            topic, body, retained = self._people.heard.popleft()
            if body is None:
                continue
            if topic == "gateway/status":
                if not self._begun and not retained and body.get("state") in ("ready", "degraded"):
                    self._begun = True
                    log.info("the gateway is %s: the scenario begins", body["state"])
            elif body.get("ok") is False:
                log.warning("refused: %s", body.get("error"))
                self.mine.refuse(str(body.get("id")))


def link_of(source: str, port: object, ports: Path | None) -> Path:
    """The name that a serial source gets: under `ports` by its last part, else the site file's own path."""
    if not isinstance(port, str) or not port:
        raise ScenarioError(f"source {source}: it has no port")
    if ports is not None:
        return ports / Path(port.rpartition(":")[2]).name
    if not port.startswith("/") or port.startswith("/dev/"):
        raise ScenarioError(f"source {source}: port {port!r} is no place for a pseudo-terminal; give --ports DIR")
    return Path(port)


def _readers(sensors: list[dict[str, Any]], mine: Mine) -> Callable[[str], float | None]:
    """What a device finds when it measures: its channels' sensors."""
    by_channel = {row["channel"].partition("/")[2] or row["channel"]: row["id"] for row in sensors}
    return lambda channel: mine.value(by_channel[channel]) if channel in by_channel else None


def _serial_device(source: Mapping[str, Any], sensors: list[dict[str, Any]], mine: Mine, boot: int) -> SerialDevice:
    read, driver = _readers(sensors, mine), source["driver"]
    if driver in MODELS:
        return Plantower(read, driver)
    if driver == "winsen-ze03":
        gas = next((row["quantity"] for row in sensors if row["quantity"] in GASES), None)
        if gas is None:
            raise ScenarioError(f"source {source['id']}: no sensor of {', '.join(GASES)} hangs on this ZE03")
        return WinsenZE03(gas, read)
    if driver == "bocamina-node":
        channels = {row["channel"].partition("/")[2] or row["channel"]: row["quantity"] for row in sensors}
        node = next((row["channel"].partition("/")[0] for row in sensors if "/" in row["channel"]), source["id"])
        return BocaminaNode(node, channels, read, boot)
    others = {**DUST_SENSORS, **GAS_MODULES, **ANEMOMETERS}
    if driver in others:
        return others[driver](read)
    raise ScenarioError(
        f"source {source['id']}: no simulated device speaks {driver!r}; "
        f"expected one of {', '.join((*MODELS, 'winsen-ze03', 'bocamina-node', *others))}"
    )


def _buses(
    site: Mapping[str, Any], sensors: list[dict[str, Any]], mine: Mine, ports: Path | None
) -> dict[str, SerialLine]:
    """The RS-485 line of each Modbus source, with the slaves of all sources that share it."""
    by_port: dict[Path, dict[str, ModbusSlave]] = {}
    for source in site.get("sources", ()):
        if source["kind"] == "modbus":
            link = link_of(source["id"], source["port"], ports)
            by_port.setdefault(link, {})[source["id"]] = _slave(source, sensors, mine)
    found: dict[str, SerialLine] = {}
    for link, slaves in by_port.items():
        found |= dict.fromkeys(slaves, SerialLine(link, SlaveBus(list(slaves.values()))))
    return found


def _slave(source: Mapping[str, Any], sensors: list[dict[str, Any]], mine: Mine) -> ModbusSlave:
    own = [row for row in sensors if row["source"] == source["id"]]
    read = _readers(own, mine)
    percent = 1.0 if any(row["quantity"] in ("ch4", "h2", "o2") for row in own) else None
    if source["map"] not in MODBUS_DEVICES:
        raise ScenarioError(f"source {source['id']}: no simulated device has map {source['map']!r}")
    return modbus_device(
        source["map"], source.get("address", 1), lambda name: percent if name == "is_percent" else read(name)
    )


def _nodes(
    source: Mapping[str, Any], sensors: list[dict[str, Any]], mine: Mine, broker: Broker, root: str, boot: int
) -> Mapping[str, Node]:
    if source["format"] not in ("senml-json", "senml-cbor"):
        return foreign_devices(source, sensors, mine.value, broker)
    by_node: dict[str, list[dict[str, Any]]] = {}
    for row in sensors:
        by_node.setdefault(row["channel"].partition("/")[0], []).append(row)
    found = {}
    for node, own in by_node.items():
        channels = {row["channel"].partition("/")[2]: (row["quantity"], float(row.get("period_s", 1.0))) for row in own}
        cbor = source["format"] == "senml-cbor"
        found[node] = MqttNode(broker, root, node, channels, _readers(own, mine), boot=boot, cbor=cbor)
    return found


def _actuator(row: Mapping[str, Any], mine: Mine, broker: Broker, root: str) -> MqttActuator:
    ident = row["id"]
    controller = FanController(row.get("fail_safe", "hold")) if row["kind"] == "fan" else SirenController()
    return MqttActuator(
        broker, root, ident, controller, partial(mine.command, ident), lambda: mine.actuator_states()[ident]
    )
