"""Other makers' MQTT devices as a site file names them: which device, under which name, reads which sensor's air."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from firmware_sim.devices.air_quality_nodes import AirGradientMonitor, AirRohrNode
from firmware_sim.devices.connection import Broker
from firmware_sim.devices.esphome_node import EspHomeNode
from firmware_sim.devices.faults import Read
from firmware_sim.devices.foreign_device import ForeignDevice
from firmware_sim.devices.lorawan_server import ChirpStack, TheThingsStack
from firmware_sim.devices.sparkplug_node import SparkplugNode
from firmware_sim.devices.tasmota_device import TasmotaDevice
from firmware_sim.script import ScenarioError

Row = Mapping[str, Any]
Value = Callable[[str], float | None]
"""What a sensor of the site file, by its id, measures now."""
ANY_APPLICATION: Final = "1"
TENANT: Final = "ttn"


def foreign_devices(source: Row, sensors: Sequence[Row], value: Value, broker: Broker) -> dict[str, ForeignDevice]:
    """The devices of one source, by the node's name in the channels of its sensors. Raises ScenarioError."""
    make = _MAKERS.get(source["format"])
    if make is None:
        known = ", ".join(("senml-json", "senml-cbor", *_MAKERS))
        raise ScenarioError(
            f"source {source['id']}: no simulated node speaks {source['format']!r}; expected one of {known}"
        )
    levels = 2 if source["format"] == "sparkplug-b" else 1
    by_node: dict[str, list[Row]] = {}
    for row in sensors:
        by_node.setdefault("/".join(str(row["channel"]).split("/")[:levels]), []).append(row)
    found = {}
    for node, rows in by_node.items():
        names = {str(row["channel"]).removeprefix(f"{node}/"): row for row in rows}
        period_s = min(float(row.get("period_s", 1.0)) for row in rows)
        found[node] = make(broker, source, node, names, value, period_s)
    return found


def _by_name(names: Mapping[str, Row], value: Value) -> Read:
    return lambda name: value(names[name]["id"]) if name in names else None


def _by_quantity(names: Mapping[str, Row], value: Value) -> Read:
    ids = {row["quantity"]: row["id"] for row in names.values()}
    return lambda quantity: value(ids[quantity]) if quantity in ids else None


def _sparkplug(
    broker: Broker, source: Row, node: str, names: Mapping[str, Row], value: Value, period_s: float
) -> ForeignDevice:
    """A name of one level is the node's own metric; of more, a device's."""
    devices: dict[str, tuple[str, ...]] = {"": ()}
    ids: dict[str, str] = {}
    for name, row in names.items():
        device, _, metric = name.partition("/") if "/" in name else ("", "", name)
        if metric in ids:
            raise ScenarioError(f"source {source['id']}: {node!r} has two metrics {metric!r}; the simulator knows one")
        ids[metric] = row["id"]
        devices[device] = (*devices.get(device, ()), metric)
    group, _, edge = node.partition("/")
    return SparkplugNode(
        broker, group, edge, devices, lambda metric: value(ids[metric]) if metric in ids else None, period_s
    )


def _chirpstack(
    broker: Broker, source: Row, node: str, names: Mapping[str, Row], value: Value, period_s: float
) -> ForeignDevice:
    level = _level(source, 1)
    return ChirpStack(broker, level or ANY_APPLICATION, node, names, _by_name(names, value), period_s)


def _ttn(
    broker: Broker, source: Row, node: str, names: Mapping[str, Row], value: Value, period_s: float
) -> ForeignDevice:
    application, _, tenant = _level(source, 1).partition("@")
    if application and tenant != TENANT:
        raise ScenarioError(f"source {source['id']}: the simulated server publishes for @{TENANT}, not {tenant!r}")
    return TheThingsStack(broker, application or ANY_APPLICATION, node, names, _by_name(names, value), period_s)


def _tasmota(
    broker: Broker, source: Row, node: str, names: Mapping[str, Row], value: Value, period_s: float
) -> ForeignDevice:
    del source
    keys = {(name.partition("/")[0], name.partition("/")[2]): name for name in names}
    return TasmotaDevice(broker, node, keys, _by_name(names, value), period_s)


def _esphome(
    broker: Broker, source: Row, node: str, names: Mapping[str, Row], value: Value, period_s: float
) -> ForeignDevice:
    del source
    return EspHomeNode(broker, node, names, _by_name(names, value), period_s)


def _airrohr(
    broker: Broker, source: Row, node: str, names: Mapping[str, Row], value: Value, period_s: float
) -> ForeignDevice:
    del source
    return AirRohrNode(broker, node, _by_quantity(names, value), period_s)


def _airgradient(
    broker: Broker, source: Row, node: str, names: Mapping[str, Row], value: Value, period_s: float
) -> ForeignDevice:
    del source
    return AirGradientMonitor(broker, node, _by_quantity(names, value), period_s)


def _level(source: Row, at: int) -> str:
    """A level of the source's topic, empty where it is a wildcard."""
    levels = str(source["topic"]).split("/")
    return levels[at] if at < len(levels) and levels[at] not in ("+", "#") else ""


_MAKERS: Final[
    Mapping[str, Callable[[Broker, Row, str, Mapping[str, Row], Value, float], ForeignDevice]]
] = {
    "sparkplug-b": _sparkplug, "chirpstack": _chirpstack, "ttn": _ttn, "tasmota": _tasmota, "esphome": _esphome,
    "airrohr": _airrohr, "airgradient": _airgradient,
}  # fmt: skip
