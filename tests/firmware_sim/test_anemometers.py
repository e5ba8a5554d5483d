"""Anemometers that are not there: their bytes by hand, and what their drivers make of every mode and fault."""

import pytest

from firmware_sim.devices.anemometers import ANEMOMETERS
from firmware_sim.devices.faults import Read, SerialDevice
from firmware_sim.devices.gill_windsonic import BANNER, BOTH_AXES, WindSonic, message
from firmware_sim.devices.nmea_station import NmeaStation, sentence
from firmware_sim.devices.vaisala_wxt import Wxt, with_crc
from gateway.drivers.items import Frame
from gateway.drivers.table import DRIVERS

AIR = {"air_velocity": 2.74, "air_direction": 229.0, "temperature": 18.5, "humidity": 81.0, "pressure": 720.4}


def heard(driver: str, device: SerialDevice, now_s: float = 0.0) -> dict[str, float | None]:
    decoder = DRIVERS[driver].decoder()
    items = decoder.feed(b"".join(device.speak(now_s))) + decoder.finish()
    return {r.quantity: r.value for item in items if isinstance(item, Frame) for r in item.readings}


def test_bytes_by_hand() -> None:
    assert message("Q,229,002.74,M,00,") == b"\x02Q,229,002.74,M,00,\x0316\r\n"  # the manual's own example
    assert sentence("IIMTA,2,C") == b"$IIMTA,2,C*29\r\n"
    assert with_crc("0r1") == b"0r1Goe"  # the maker's own query
    assert WindSonic(AIR.get).speak(0.0) == [message("Q,229,002.74,M,00,")]
    assert NmeaStation(AIR.get).speak(0.0) == [
        sentence("WIMWV,229.0,R,002.74,M,A"), sentence("WIXDR,C,18.5,C,,H,81.0,P,,P,0.72040,B,"),
    ]  # fmt: skip
    assert Wxt(AIR.get).speak(0.0) == [
        b"0R1,Dn=229D,Dm=229D,Dx=229D,Sn=2.7M,Sm=2.7M,Sx=2.7M\r\n", b"0R2,Ta=18.5C,Ua=81.0P,Pa=720.4H\r\n",
    ]  # fmt: skip


@pytest.mark.parametrize("unit", ["M", "N", "K"])
def test_nmea_in_every_unit(unit: str) -> None:
    assert heard("nmea0183", NmeaStation(AIR.get, unit)) == pytest.approx(AIR, abs=0.01)


@pytest.mark.parametrize("crc", [False, True])
def test_wxt_with_and_without_a_checksum(crc: bool) -> None:
    seen = heard("vaisala-wxt", Wxt(AIR.get, crc=crc))
    assert {name: seen[name] for name in AIR} == pytest.approx(AIR, abs=0.05)


@pytest.mark.parametrize("angle", [0.0, 45.0, 229.0, 359.0])
def test_windsonic_in_every_mode(angle: float) -> None:
    read = {**AIR, "air_direction": angle}.get
    assert heard("gill-windsonic", WindSonic(read)) == {"air_direction": angle, "air_velocity": 2.74}
    axes = heard("gill-windsonic", WindSonic(read, "uv"))
    assert axes["air_velocity"] == pytest.approx(2.74, abs=0.02)
    assert axes["air_direction"] == pytest.approx(angle, abs=0.3) or angle == 0.0
    assert heard("gill-windsonic", WindSonic(read, "tunnel")) == {"air_velocity": 2.74}
    assert heard("gill-windsonic", WindSonic({"air_velocity": -1.5}.get, "tunnel")) == {"air_velocity": -1.5}


def test_calm_air_keeps_or_drops_the_direction() -> None:
    air = dict(AIR)
    csv, fixed = WindSonic(air.get), WindSonic(air.get, fixed=True)
    heard("gill-windsonic", csv)
    heard("gill-windsonic", fixed)
    air["air_velocity"], air["air_direction"] = 0.02, 90.0
    assert heard("gill-windsonic", csv, 1.0) == {"air_velocity": 0.02}
    assert heard("gill-windsonic", fixed, 1.0) == {"air_direction": 229.0, "air_velocity": 0.02}


def test_a_device_that_sees_nothing_gives_no_value() -> None:
    sonic, station, wxt = WindSonic(AIR.get), NmeaStation(AIR.get), Wxt(AIR.get)
    sonic.status, station.blocked, wxt.blocked = BOTH_AXES, True, True
    for driver, device in (("gill-windsonic", sonic), ("nmea0183", station), ("vaisala-wxt", wxt)):
        seen = heard(driver, device)
        assert (seen["air_velocity"], seen["air_direction"]) == (None, None)


@pytest.mark.parametrize("name", ANEMOMETERS)
def test_silent_air_says_nothing_and_power_starts_anew(name: str) -> None:
    silent: Read = {}.get
    device = ANEMOMETERS[name](silent)
    assert device.speak(0.0) + device.hear(0.0, b"?Q\r\n") == []
    device = ANEMOMETERS[name](AIR.get)
    device.speak(5.0)
    assert device.speak(5.5) == []
    device.power_on(9.0)
    first = device.speak(9.0)
    assert first == {"gill-windsonic": [BANNER], "vaisala-wxt": [b"0TX,Start-up\r\n"], "nmea0183": []}[name]
    assert len(device.speak(10.0)) >= 1
