"""The simulated mine's Modbus devices, and that their bytes are the specification's."""

import struct
import tomllib
from pathlib import Path

import pytest

from firmware_sim.devices.connection import Broker
from firmware_sim.devices.modbus_devices import modbus_device
from firmware_sim.devices.modbus_slave import SLAVE_FAULTS, SlaveBus, crc, framed
from firmware_sim.live import Simulator
from firmware_sim.mine import Mine
from firmware_sim.script import ScenarioError, read_scenario

QUIET = read_scenario("quiet", 'text = "x"\nduration_s = 60\n')
SITE = """
[site]
id = "demo"
name = "x"
[[zones]]
id = "frente-1"
name = "Frente 1"
kind = "face"
[[sources]]
id = "gas"
kind = "modbus"
port = "demo:rs485"
map = "honeywell-xnx"
address = 5
[[sources]]
id = "wind"
kind = "modbus"
port = "demo:rs485"
map = "renke-rs-fs"
address = 2
[[sensors]]
id = "ch4-1"
zone = "frente-1"
quantity = "ch4"
source = "gas"
channel = "gas"
[[sensors]]
id = "wind-1"
zone = "frente-1"
quantity = "air_velocity"
source = "wind"
channel = "air_velocity"
"""


def simulator(text: str, ports: Path) -> Simulator:
    site = tomllib.loads(text)
    return Simulator(site, Mine(site, QUIET), Broker("127.0.0.1", 1, "3.1.1"), ports)


def test_the_crc_is_the_catalogues() -> None:
    assert crc(b"123456789") == 0x4B37
    assert framed(1, 3, 0, 0, 0, 1).hex() == "010300000001840a"


def test_sources_of_one_port_are_slaves_of_one_line(tmp_path: Path) -> None:
    lines = simulator(SITE, tmp_path).lines
    assert lines["gas"] is lines["wind"]
    bus = lines["gas"].device
    assert isinstance(bus, SlaveBus)
    (reply,) = bus.hear(0.0, framed(5, 3, 0, 0, 0, 11))
    assert reply[:3] == bytes((5, 3, 22))
    assert struct.unpack(">H", reply[23:25]) == (3,), "methane is told in %vol"
    assert bus.hear(0.0, framed(2, 3, 0, 0, 0, 1))[0][:3] == bytes((2, 3, 2))


def test_a_map_without_a_simulated_device_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="source wind: no simulated device has map 'x'"):
        simulator(SITE.replace("renke-rs-fs", "x"), tmp_path)


def test_requests_are_heard_cut_anywhere_and_between_noise() -> None:
    bus = SlaveBus([modbus_device("renke-rs-fs", 7, {"air_velocity": 1.5}.get)])
    request = framed(7, 3, 0, 0, 0, 1)
    stream = b"\x00\x07\x03" + request + b"\xff" + request
    answers = [frame for byte in stream for frame in bus.hear(0.0, bytes([byte]))]
    assert answers == [framed(7, 3, 2, 0, 15)] * 2
    assert bus.hear(0.0, framed(8, 3, 0, 0, 0, 1)) == [], "for somebody else"


@pytest.mark.parametrize(
    ("request_body", "code"), [((7, 4, 0, 0, 0, 1), 1), ((7, 3, 0, 9, 0, 1), 2), ((7, 3, 0, 0, 0, 200), 3)]
)
def test_what_it_does_not_have_it_refuses(request_body: tuple[int, ...], code: int) -> None:
    bus = SlaveBus([modbus_device("renke-rs-fs", 7, {"air_velocity": 1.5}.get)])
    assert bus.hear(0.0, framed(*request_body)) == [framed(7, request_body[1] | 0x80, code)]


@pytest.mark.parametrize("fault", SLAVE_FAULTS)
def test_every_fault_of_a_slave(fault: str) -> None:
    slave = modbus_device("renke-rs-fs", 7, {"air_velocity": 1.5}.get)
    slave.fault = fault
    bus = SlaveBus([slave])
    good = framed(7, 3, 2, 0, 15)
    at_once = {
        "none": [good], "dead": [], "late": [], "wrong_unit": [framed(8, 3, 2, 0, 15)], "twin": [good, good],
        "other_register": [framed(7, 3, 4, 0, 15, 0, 0)], "refuses": [framed(7, 0x83, 2)],
        "failed": [framed(7, 0x83, 4)], "busy": [framed(7, 0x83, 6)],
        "held": [],
    }  # fmt: skip
    assert bus.hear(10.0, framed(7, 3, 0, 0, 0, 1)) == at_once[fault]
    assert bus.speak(10.1) == []
    assert bus.speak(11.0) == ([good] if fault == "late" else [])
