"""A Modbus source in the site file, and its answers as the engine's events."""

import math
import struct

import pytest

from bocamina.device_ranges import full_scales
from bocamina.modbus_listener import ModbusListener, open_buses
from bocamina.site_file import parse_site
from bocamina.site_remarks import remarks
from gateway.domain.errors import ConfigError
from gateway.domain.events import Counted, Pack
from gateway.domain.quality import Quality, Reason
from gateway.domain.site import Site
from gateway.transports.modbus_bus import BusReply

HEAD = """
[site]
id = "orex-01"
name = "Orex"
[[zones]]
id = "frente-1"
name = "Frente 1"
kind = "face"
"""
XNX = """
[[sources]]
id = "gas-5"
kind = "modbus"
port = "/dev/ttyUSB0"
map = "honeywell-xnx"
address = 5
[[sensors]]
id = "gas-5-s"
zone = "frente-1"
quantity = "QUANTITY"
source = "gas-5"
channel = "gas"
"""
WIND = """
[[sources]]
id = "wind-2"
kind = "modbus"
port = "/dev/ttyUSB0"
map = "renke-rs-fs"
address = 2
baud = 9600
[[sensors]]
id = "wind-2-s"
zone = "frente-1"
quantity = "air_velocity"
source = "wind-2"
channel = "air_velocity"
"""


def site(*parts: str, quantity: str = "co") -> Site:
    return parse_site((HEAD + "".join(parts)).replace("QUANTITY", quantity).encode())


def problems(*parts: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        site(*parts)
    return caught.value.problems


def xnx(gas: float, *, unit: int = 4, state: int = 1, beat: int = 1, at_s: float = 1.0, twin: bool = False) -> BusReply:
    def words(value: float) -> tuple[int, int]:
        return struct.unpack(">HH", struct.pack(">f", value))

    registers = (0x2405, 0x2405, *words(gas), 0, 0, state, beat, *words(300.0), unit)
    return BusReply(registers, round(at_s * 1e9), twin)


def sample(listener: ModbusListener, reply: BusReply) -> tuple[float, Quality, Reason]:
    pack = listener.events(reply)[0]
    assert isinstance(pack, Pack)
    (found,) = pack.samples
    return found.value, Quality(found.quality), Reason(found.reason)


def listener(quantity: str = "co") -> ModbusListener:
    loaded = site(XNX, quantity=quantity)
    return ModbusListener(loaded, loaded.sources[0])


def test_several_devices_of_one_port_are_one_bus() -> None:
    loaded = site(XNX, WIND)
    listeners = {source.id: ModbusListener(loaded, source) for source in loaded.sources}
    (bus,) = open_buses(listeners, lambda _item: None)
    assert [slot.device.request.unit for slot in bus._slots] == [5, 2]
    assert not any("not in this version" in remark for remark in remarks(loaded))


def test_a_reading_goes_to_its_sensor_in_the_sensors_unit() -> None:
    assert sample(listener(), xnx(25.0)) == (25.0, Quality.GOOD, Reason.NONE)
    assert sample(listener("o2"), xnx(20.9, unit=3))[0] == pytest.approx(20.9, abs=1e-5)
    assert sample(listener("co2"), xnx(0.5, unit=3))[0] == 5000.0
    assert sample(listener("ch4"), xnx(10.0, unit=5))[0] == pytest.approx(0.5), "10 %LEL of methane"
    assert sample(listener("h2"), xnx(10.0, unit=5))[0] == pytest.approx(0.4)


@pytest.mark.parametrize("unit", [1, 2, 5])
def test_a_unit_that_says_nothing_of_the_quantity_is_a_fault_and_told_once(unit: int) -> None:
    ear = listener("co")
    pack, told = ear.events(xnx(25.0, unit=unit))
    assert isinstance(told, Counted)
    assert "gas comes in" in told.detail
    assert isinstance(pack, Pack)
    assert math.isnan(pack.samples[0].value)
    assert pack.samples[0].quality == Quality.BAD
    assert len(ear.events(xnx(25.0, unit=unit))) == 1


def test_zero_in_inhibit_reaches_the_engine_as_no_value() -> None:
    value, quality, reason = sample(listener(), xnx(0.0, state=3))
    assert math.isnan(value)
    assert (quality, reason) == (Quality.BAD, Reason.FAULT)


def test_a_heartbeat_that_stands_still_is_a_frozen_head() -> None:
    ear = listener()
    for second in range(15):
        assert sample(ear, xnx(0.0, at_s=100.0 + second))[1] is Quality.GOOD
    assert sample(ear, xnx(0.0, at_s=116.0))[1:] == (Quality.BAD, Reason.STUCK)
    assert sample(ear, xnx(0.0, at_s=117.0, beat=2))[1] is Quality.GOOD
    assert sample(ear, xnx(0.0, at_s=200.0, beat=2))[1] is Quality.GOOD, "it was away, and returns with the same"


def test_of_two_devices_with_one_address_nothing_is_clean_air() -> None:
    assert sample(listener(), xnx(0.0, twin=True)) == (0.0, Quality.UNCERTAIN, Reason.UNCALIBRATED)
    assert sample(listener(), xnx(900.0, twin=True))[0] == 900.0, "but it may raise"


def test_the_range_of_a_map_is_the_range_of_its_sensor() -> None:
    adtek = WIND.replace("renke-rs-fs", "adtek-wsa")
    assert full_scales(site(adtek)) == [30.0]


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ((XNX.replace("xnx", "xnxx"),), ["sources[0].map: 'honeywell-xnxx'", "did you mean 'honeywell-xnx'"]),
        ((XNX, WIND.replace("address = 2", "address = 5")), ["sources[1].address: 5", "sources[0]"]),
        ((XNX.replace("address = 5\n", ""), WIND.replace("address = 2", "address = 1")), ["sources[1].address: 1"]),
        ((XNX, WIND.replace("baud = 9600\n", "")), ["sources[1]: runs at 4800 8N1", "9600 8N1", "whole bus"]),
        ((XNX, WIND.replace("baud = 9600", 'baud = 9600\nparity = "E"')), ["sources[1]: runs at 9600 8E1"]),
        ((XNX.replace("address = 5", "address = 250"),), ["sources[0].address: 250 is reserved"]),
        ((XNX.replace("address = 5", "address = 5\noffset = 65530"),), ["sources[0].offset: 65530"]),
        ((XNX.replace('"gas"', '"co"'),), ["sensors[0].channel: 'co' is not in map 'honeywell-xnx'", "gas"]),
        ((WIND.replace('"air_velocity"\nsource', '"co"\nsource'),), ["'air_velocity' comes in m/s", "'co' in ppm"]),
        ((XNX.replace("map =", "driver ="),), ["sources[0].map: missing", "sources[0].driver: not for a modbus"]),
        ((XNX, '[[sources]]\nid = "s"\nkind = "serial"\nport = "/dev/ttyUSB0"\ndriver = "winsen-ze03"\n'),
         ["sources[0].port: '/dev/ttyUSB0' is already read by sources[1]"]),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence(parts: tuple[str, ...], words: list[str]) -> None:
    found = "\n".join(problems(*(part.replace("QUANTITY", "co") for part in parts)))
    for word in words:
        assert word in found


def test_another_base_of_registers_moves_the_question() -> None:
    loaded = site(XNX.replace("address = 5", "address = 5\noffset = 1000"))
    assert ModbusListener(loaded, loaded.sources[0]).device.request.address == 1000
