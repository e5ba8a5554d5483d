"""Which test shows which fault of which emulator: a table that no emulator slips past, and the tests of its gaps."""

import random
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from firmware_sim.devices import faults
from firmware_sim.devices.air_quality_nodes import AirGradientMonitor, AirRohrNode
from firmware_sim.devices.anemometers import ANEMOMETERS
from firmware_sim.devices.bocamina_node import BocaminaNode
from firmware_sim.devices.connection import Broker
from firmware_sim.devices.dust_sensors import DUST_SENSORS
from firmware_sim.devices.esphome_node import EspHomeNode
from firmware_sim.devices.faults import CellFaults, Read, SerialDevice, WireFaults
from firmware_sim.devices.foreign_device import ForeignDevice
from firmware_sim.devices.gas_modules import GAS_MODULES
from firmware_sim.devices.lorawan_server import ChirpStack, TheThingsStack
from firmware_sim.devices.modem import Modem
from firmware_sim.devices.plantower import MODELS, Plantower
from firmware_sim.devices.sparkplug_node import SparkplugNode
from firmware_sim.devices.tasmota_device import TasmotaDevice
from firmware_sim.devices.vaisala_wxt import Wxt
from firmware_sim.devices.winsen_ze03 import WinsenZE03
from gateway.domain.measurement import Measurement
from gateway.domain.moment import SECOND_US
from gateway.domain.quality import Quality
from gateway.drivers.items import Rejected
from gateway.drivers.modem import Modem as HostModem
from gateway.drivers.modem_events import Sent
from gateway.drivers.table import DRIVERS
from gateway.formats.session import Session
from gateway.formats.table import FORMATS
from tests.fixtures.modbus_line import Ear, SlaveLine
from tests.fixtures.waiting import wait_for

# --- The table -------------------------------------------------------------------------------------------------------

FAULTS = (
    "noise", "half_frame", "checksum", "wrong_length", "stuck", "saturation", "brown_out", "unplugged", "slow_drip",
    "burst", "echo", "two_with_one_address",
)  # fmt: skip
SERIAL: dict[str, Callable[[Read], SerialDevice]] = {
    **{name: partial(Plantower, model=name) for name in MODELS},
    "winsen-ze03": partial(WinsenZE03, "co"),
    "bocamina-node": partial(BocaminaNode, "node7", {"co": "co"}),
    **DUST_SENSORS, **GAS_MODULES, **ANEMOMETERS,
}  # fmt: skip
WIRES, CELLS = "test_sim_wires.py", "test_gas_modules.py"
HERE, BUS = "test_fault_table.py", "../gateway/transports/test_modbus_bus.py"
FOREIGN, LIVE = "test_foreign_nodes.py", "test_sim_live.py"
BY_WIRE = {
    **dict.fromkeys(("noise", "burst", "echo"), (WIRES, "test_noise_hides_no_frame_and_bursts_come_whole")),
    **dict.fromkeys(
        ("half_frame", "checksum", "wrong_length", "brown_out", "slow_drip"),
        (WIRES, "test_no_wire_makes_a_wrong_number_and_every_device_comes_back"),
    ),
    "unplugged": (WIRES, "test_pulled_and_plugged_again"),
    **dict.fromkeys(("stuck", "saturation"), (WIRES, "test_a_broken_cell_is_seen_as_such")),
    "two_with_one_address": (HERE, "test_two_devices_on_one_line_make_no_third_number"),
}
BY_GAS = BY_WIRE | dict.fromkeys(faults.WIRE_FAULTS[1:], (CELLS, "test_a_real_line_with_each_fault_on")) | {
    "unplugged": (CELLS, "test_a_real_line_with_each_fault_on"),
    "stuck": (HERE, "test_a_stuck_gas_module_repeats_itself"),
    "saturation": (CELLS, "test_silent_air_says_nothing_and_saturated_air_ends_at_the_range"),
}
BY_BUS = {
    **dict.fromkeys(("noise", "echo"), (BUS, "test_noise_and_echo_lose_nothing")),
    **dict.fromkeys(
        ("half_frame", "checksum", "wrong_length", "slow_drip"), (BUS, "test_a_bad_line_is_told_once_and_heals")
    ),
    "unplugged": (BUS, "test_unplugged_and_replugged"),
    "two_with_one_address": (BUS, "test_two_devices_with_one_address_are_told_and_doubted"),
    **dict.fromkeys(("brown_out", "burst"), (HERE, "test_a_bus_survives_a_brown_out_and_a_burst")),
    **dict.fromkeys(("stuck", "saturation"), (HERE, "test_a_broken_cell_of_a_slave_is_read_as_it_is")),
}
BY_MODEM = {
    **dict.fromkeys(
        ("noise", "half_frame", "checksum", "wrong_length", "brown_out", "slow_drip", "burst", "echo"),
        (HERE, "test_a_modem_comes_back_from_every_fault_of_its_wire"),
    ),
    "unplugged": ("../alerts/test_sms_channel.py", "test_a_message_is_delivered_and_an_answer_is_heard_also_after"),
}
BY_NODE = dict.fromkeys(("stuck", "saturation"), (HERE, "test_a_broken_cell_of_a_foreign_node_is_read_as_it_is"))
OURS = {
    "unplugged": (LIVE, "test_a_node_that_loses_its_link_leaves_its_last_will"),
    **dict.fromkeys(("stuck", "saturation"), ("test_sim_wires.py", "test_a_broken_cell_is_seen_as_such")),
}
FRAMES = ("noise", "half_frame", "checksum", "wrong_length", "slow_drip", "burst", "echo", "brown_out")
NOT_THERE = {
    "mqtt": (
        (*FRAMES, "two_with_one_address"),
        "TCP carries whole messages; of two clients with one name the broker ends the older",
    ),
    "modem": (("stuck", "saturation", "two_with_one_address"), "it measures nothing and is alone on its line"),
}
UNPLUGGED = {
    "sparkplug-b": "test_a_sparkplug_node_that_is_cut_off_is_stale_at_once_and_comes_back",
    "tasmota": "test_a_tasmota_device_with_its_faults",
    "esphome": "test_an_esphome_node_with_its_faults",
    **dict.fromkeys(("chirpstack", "ttn", "airrohr", "airgradient"), "test_a_node_without_a_will_falls_silent"),
}


def _table() -> dict[tuple[str, str], tuple[str, str]]:
    found: dict[tuple[str, str], tuple[str, str]] = {}

    def add(emulator: str, tests: Mapping[str, tuple[str, str]]) -> None:
        found.update({(emulator, fault): test for fault, test in tests.items() if fault in FAULTS})

    for name in SERIAL:
        add(name, BY_GAS if name in GAS_MODULES else BY_WIRE)
    add("modbus", BY_BUS)
    add("modem", BY_MODEM)
    for name, test in UNPLUGGED.items():
        add(name, BY_NODE | {"unplugged": (FOREIGN if "silent" not in test else HERE, test)})
    for name in ("senml-json", "senml-cbor"):
        add(name, OURS)
    return found


TABLE = _table()


def test_every_pair_of_emulator_and_fault_has_its_test_or_its_reason() -> None:
    assert SERIAL.keys() == DRIVERS.keys(), "every driver has an emulator, and no emulator lacks a driver"
    assert UNPLUGGED.keys() | {"senml-json", "senml-cbor"} == FORMATS.keys()
    kinds = dict.fromkeys(SERIAL, "serial") | {"modbus": "bus", "modem": "modem"} | dict.fromkeys(FORMATS, "mqtt")
    for emulator, kind in kinds.items():
        excused = NOT_THERE.get(kind, ((), ""))[0]
        missing = [fault for fault in FAULTS if (emulator, fault) not in TABLE and fault not in excused]
        assert not missing, (emulator, missing)
        assert not [fault for fault in excused if (emulator, fault) in TABLE], emulator


def test_the_tests_that_the_table_names_exist() -> None:
    here = Path(__file__).parent
    for file, test in set(TABLE.values()):
        assert re.search(rf"^def {test}", (here / file).read_text(encoding="utf-8"), re.MULTILINE), (file, test)


# --- Serial ----------------------------------------------------------------------------------------------------------

LOW = {"pm1": 5.0, "pm2_5": 12.0, "pm4": 16.0, "pm10": 20.0, "pm100": 80.0, "co": 25.0, "air_velocity": 2.0,
       "ch2o": 0.05, "o3": 0.3, "no2": 0.1, "ch4": 0.5, "co2": 800.0, "temperature": 18.0, "humidity": 55.0,
       "wind_direction": 90.0}  # fmt: skip
HIGH = {name: 2.0 * value for name, value in LOW.items()}


WEAK = {"tera-nextpm": "a sum of eight bits misses one damage in 256, and more where frames are mostly zeros"}
"""Which checksums do not find every mixture of two frames, and why."""


def frames_of(name: str, air: Mapping[str, float], count: int = 12) -> list[bytes]:
    """What a device says on a line, asked as the gateway asks."""
    spec = DRIVERS[name]
    device = Wxt(air.get, crc=True) if name == "vaisala-wxt" else SERIAL[name](air.get)
    device.hear(0.0, spec.start_command)
    device.hear(30.0, spec.poll_command)
    said: list[bytes] = []
    now_s = 40.0
    while len(said) < count:
        now_s += 2.5
        said += device.hear(now_s, spec.poll_command) + device.speak(now_s)
    return said


def good(name: str, data: bytes) -> set[tuple[str, float | None]]:
    decoder = DRIVERS[name].decoder()
    items = [*decoder.feed(data), *decoder.finish()]
    readings: list[Measurement] = [r for item in items if not isinstance(item, Rejected) for r in item.readings]
    return {(r.quantity, r.value) for r in readings if r.quality is Quality.GOOD}


@pytest.mark.parametrize("name", SERIAL)
def test_two_devices_on_one_line_make_no_third_number(name: str) -> None:
    """They talk into each other's frames: pieces of both come in any order; whole frames between are still found."""
    one, other = frames_of(name, LOW), frames_of(name, HIGH)
    known = good(name, b"".join(one)) | good(name, b"".join(other))
    assert good(name, b"".join(one)) != good(name, b"".join(other))
    dice = random.Random(name)
    heard = b""
    for first, second in zip(one, other, strict=False):
        at, until = dice.randrange(1, len(first)), dice.randrange(1, len(second))
        heard += first[:at] + second[:until] + first[at:] + second[until:] + first + second
    assert good(name, heard) <= known or name in WEAK
    assert good(name, heard), "what is whole is found all the same"


@pytest.mark.parametrize("name", GAS_MODULES)
def test_a_stuck_gas_module_repeats_itself(name: str) -> None:
    air = dict(LOW)
    cell = CellFaults(air.get)
    device = GAS_MODULES[name](cell)
    spec = DRIVERS[name]
    device.hear(0.0, spec.start_command)
    device.hear(30.0, spec.poll_command)

    def measured(now_s: float) -> set[tuple[str, float | None]]:
        said = b""
        for step in range(8):
            at = now_s + step
            said += b"".join(device.hear(at, spec.poll_command) + device.speak(at))
        return good(name, said)

    before = measured(400.0)
    cell.kind = "stuck"
    air |= HIGH
    assert measured(420.0) == before
    cell.kind = "none"
    assert measured(440.0) != before


# --- Modbus ----------------------------------------------------------------------------------------------------------


class Cells(dict[str, float]):
    """Air that slaves read through cells that may break."""

    def __init__(self, air: Mapping[str, float]) -> None:
        super().__init__(air)
        self.cell = CellFaults(super().get)

    def get(self, name: str, _default: object = None) -> float | None:  # type: ignore[override]
        return self.cell(name)


@pytest.fixture
def bus(tmp_path: Path):
    line = SlaveLine(tmp_path / "rs485", {1: "renke-rs-fs"}, Cells({"air_velocity": 1.5}))
    ear = Ear(line.port, {1: "renke-rs-fs"})
    wait_for(lambda: len(ear.of("d1")) > 2, "it answers")
    yield line, ear
    ear.bus.stop()
    line.close()


@pytest.mark.parametrize("fault", ["brown_out", "burst"])
def test_a_bus_survives_a_brown_out_and_a_burst(bus, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    line, ear = bus
    monkeypatch.setattr(faults, "BURST_S", 1.0)
    line.fault(fault)
    wait_for(lambda: ear.state("d1") is False, "the loss is told", 20)
    line.air["air_velocity"] = 2.5
    before = len(ear.of("d1"))
    if fault == "burst":
        line.fault("none")  # a brown-out ends by itself
    wait_for(lambda: ear.state("d1") is True, "it heals", 20)
    assert {reply.words for reply in ear.of("d1")[before:]} == {(25,)}, "what was held back is no news"


def test_a_broken_cell_of_a_slave_is_read_as_it_is(bus) -> None:
    line, ear = bus
    line.air.cell.kind = "stuck"
    line.air["air_velocity"] = 3.5
    before = len(ear.of("d1"))
    wait_for(lambda: len(ear.of("d1")) > before + 3, "it goes on answering")
    assert {reply.words for reply in ear.of("d1")[before:]} == {(15,)}
    line.air.cell.kind = "saturation"
    wait_for(lambda: ear.of("d1")[-1].words[0] > 300, "the end of its range")
    line.air.cell.kind = "none"
    wait_for(lambda: ear.of("d1")[-1].words == (35,), "what is true again")


# --- The modem -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [kind for kind, test in BY_MODEM.items() if kind != "unplugged"])
def test_a_modem_comes_back_from_every_fault_of_its_wire(fault: str) -> None:
    """No message is told as sent that the network does not have; each is sent or told as failed."""
    device, host = Modem(), HostModem()
    wire = WireFaults(device, fault)
    device.power_on(0.0)
    host.opened(0)
    sent: list[Sent] = []
    pending = b""
    tenth = 0

    def run(seconds: int) -> None:
        nonlocal pending, tenth
        for _ in range(seconds * 10):
            tenth += 1
            heard = b"".join(wire.turn(tenth / 10, pending))
            out = host.advance(tenth * SECOND_US // 10, heard)
            pending = out.write
            sent.extend(event for event in out.events if isinstance(event, Sent))

    run(20)
    assert host.ready
    wire.set(fault)
    host.send(tenth * SECOND_US // 10, "during", "+51987654321", "EVACUAR")
    run(200)
    wire.set("none")
    run(200)
    host.send(tenth * SECOND_US // 10, "after", "+51987654321", "DESPUES")
    run(60)
    assert [event.ident for event in sent] == ["during", "after"], "each is told once"
    assert sent[-1].ok
    texts = [message.text for message in device.sent]
    assert "DESPUES" in texts
    assert not sent[0].ok or "EVACUAR" in texts


# --- MQTT nodes of other makers --------------------------------------------------------------------------------------

NODES: dict[str, Callable[[Broker, Read], ForeignDevice]] = {
    "sparkplug-b": lambda broker, read: SparkplugNode(broker, "orex", "n1", {"": ("co",)}, read),
    "chirpstack": lambda broker, read: ChirpStack(broker, "1", "70b3", ("co",), read, 1.0),
    "ttn": lambda broker, read: TheThingsStack(broker, "1", "gas", ("co",), read, 1.0),
    "tasmota": lambda broker, read: TasmotaDevice(broker, "n1", {("GAS", "co"): "co"}, read, 1.0),
    "esphome": lambda broker, read: EspHomeNode(broker, "n1", ("co",), read, 1.0),
    "airrohr": lambda broker, read: AirRohrNode(broker, "123", read, 1.0),
    "airgradient": lambda broker, read: AirGradientMonitor(broker, "abc", read, 1.0),
}


def values_of(decode: Any, messages: list[Any], channel: str) -> set[float]:
    """The values of a channel in these messages, whatever its name in the format."""
    found = set()
    for message in messages:
        for item in decode(message.topic, message.payload, 1_795_000_000.0):
            if item.name.rpartition("/")[2].lower().removeprefix("sds_") in (channel, "p2", "pm02"):
                found.add(item.value)
    return found


@pytest.mark.parametrize("name", NODES)
def test_a_broken_cell_of_a_foreign_node_is_read_as_it_is(name: str) -> None:
    assert NODES.keys() == UNPLUGGED.keys()
    channel = "pm2_5" if name.startswith("air") else "co"
    air = dict(LOW)
    cell = CellFaults(air.get)
    device = NODES[name](Broker("127.0.0.1", 1, "5"), cell)
    decode = FORMATS[name].session()
    assert callable(decode) or isinstance(decode, Session)
    values_of(decode, device.greet(1_795_000_000.0), channel)
    before = values_of(decode, device.report(1_795_000_000.0), channel)
    assert before == {LOW[channel]}
    cell.kind = "stuck"
    air |= HIGH
    assert values_of(decode, device.report(1_795_000_001.0), channel) == before
    cell.kind = "saturation"
    (end,) = values_of(decode, device.report(1_795_000_002.0), channel)
    assert end == pytest.approx(faults.SATURATED), "no number is invented: the channel's range says what it is"


@pytest.mark.parametrize("name", ["chirpstack", "ttn", "airrohr", "airgradient"])
def test_a_node_without_a_will_falls_silent(name: str, mosquitto) -> None:
    """Nothing tells of its end but its silence, which the sensor's maximum age makes an alarm."""
    device = NODES[name](Broker("127.0.0.1", mosquitto.port, "5"), LOW.get)
    said: list[Any] = []
    say = device.link.say
    device.link.say = lambda message: (said.append(message) if device.link.up else None, say(message))[1]  # type: ignore[method-assign]
    device.start()
    try:
        wait_for(lambda: device.link.up, "connected")
        device.turn(0.0, 1_795_000_000.0)
        assert said
        device.set_fault("unplugged")
        said.clear()
        device.turn(10.0, 1_795_000_010.0)
        assert said == []
        device.set_fault("none")
        wait_for(lambda: device.link.up, "back")
        device.turn(20.0, 1_795_000_020.0)
        assert said
    finally:
        device.stop()
