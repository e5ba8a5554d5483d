"""Winsen and Cubic modules that are not there: bytes by hand, obedience, and each with its driver on a real line."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from firmware_sim.devices.cubic_cm1106 import CM1106
from firmware_sim.devices.faults import WIRE_FAULTS, CellFaults
from firmware_sim.devices.gas_modules import GAS_MODULES
from firmware_sim.devices.serial_line import SerialLine
from firmware_sim.devices.winsen_infrared import MH440D, MHZ19
from firmware_sim.devices.winsen_ze import WinsenZE
from firmware_sim.devices.winsen_zh03 import WinsenZH03, upload_frame
from firmware_sim.devices.winsen_zphs01b import WinsenZPHS01B
from gateway.domain.quality import Quality
from gateway.drivers.items import Frame, Rejected
from gateway.drivers.table import DRIVERS
from gateway.transports.backoff import Backoff
from gateway.transports.port import Line
from gateway.transports.serial_port import SerialSource

READ = bytes.fromhex("ff0186000000000079")
ASK = bytes.fromhex("ff0178410000000046")
UPLOAD = bytes.fromhex("ff0178400000000047")
CO2 = bytes.fromhex("110101ed")

AIR = {
    "co": 12.5, "ch2o": 0.048, "o3": 0.3, "no2": 0.09, "ch4": 0.5, "co2": 800.0, "temperature": 18.0, "humidity": 55.0,
    "pm1": 7.0, "pm2_5": 12.0, "pm10": 19.0,
}  # fmt: skip


def test_uploads_and_answers_by_hand() -> None:
    # 04+03+01+7D+13+88 = 120 → E0; 86+7D = 103 → FD
    assert WinsenZE("winsen-ze07-co", AIR.get).speak(0.0) == [bytes.fromhex("ff040301007d1388e0")]
    assert WinsenZE("winsen-ze15-co", AIR.get).hear(0.0, READ) == [bytes.fromhex("ff86007d00000000fd")]
    # 48 ppb CH2O = 59 µg/m³ (3B): 86+3B+30 = F1 → 0F
    assert WinsenZE("winsen-ze07-ch2o", AIR.get).hear(0.0, READ) == [bytes.fromhex("ff86003b000000300f")]
    # 300 ppb O3: 2A+04+01+2C+27+10 = 92 → 6E
    assert WinsenZE("winsen-ze25-o3", AIR.get).speak(0.0) == [bytes.fromhex("ff2a0400012c27106e")]
    # 800 ppm = 320, 18 °C = 3A: 86+03+20+3A = E3 → 1D
    assert MHZ19(AIR.get).hear(0.0, READ) == [bytes.fromhex("ff8603203a0000001d")]
    # 0.5 %vol = 10 counts: 86+0A = 90 → 70
    assert MH440D(AIR.get).hear(0.0, READ) == [bytes.fromhex("ff86000a0000000070")]
    # 42+4D+14+07+0C+13 = C9
    assert upload_frame(7, 12, 19) == bytes.fromhex("424d0014000000000000 0007000c0013 000000000000 00c9")
    # 16+05+01+03+20 = 3F → C1
    assert CM1106(AIR.get).hear(0.0, CO2) == [bytes.fromhex("1605010320 0000 c1")]
    # PM 7 12 19, CO2 800, grade 0, 18 °C = 680, 55 %, 59 µg/m³, 125, 30, 9, and its sum
    (frame,) = WinsenZPHS01B(AIR.get).hear(0.0, READ)
    assert frame[:25] == bytes.fromhex("ff86 0007000c0013 0320 00 02a8 0037 003b 007d 001e 0009 0000")
    assert sum(frame[1:]) % 256 == 0


def test_a_module_obeys_its_host_however_the_bytes_are_cut() -> None:
    device = WinsenZE("winsen-ze07-co", AIR.get)
    assert [len(device.speak(t)) for t in (0.0, 0.5, 1.0)] == [1, 0, 1]
    assert device.hear(1.0, b"\xff\xff\x01noise" + ASK[:4]) == []
    (reply,) = device.hear(1.0, ASK[4:])
    assert reply[:3] == b"\xff\x78\x01"
    assert device.speak(9.0) == []
    device.hear(9.0, UPLOAD)
    assert len(device.speak(9.0)) == 1
    device.hear(9.0, ASK)
    device.power_on(20.0)
    assert len(device.speak(20.0)) == 1, "active upload is the mode after power-on"


def test_a_broken_cell_shows_in_a_ze15_only() -> None:
    ze15, ze07 = WinsenZE("winsen-ze15-co", AIR.get), WinsenZE("winsen-ze07-co", AIR.get)
    ze15.broken = ze07.broken = True
    assert ze15.speak(0.0)[0][4] & 0x80
    assert not ze07.speak(0.0)[0][4] & 0x80


def test_a_cold_mhz19_says_410_and_has_forgotten_its_settings() -> None:
    device = MHZ19({"co2": 3000.0}.get)
    device.hear(0.0, DRIVERS["winsen-mhz19"].start_command)
    assert (device.self_calibrates, device.range_ppm) == (False, 5000)
    (warm,) = device.hear(0.0, READ)
    assert warm[2:4] == (3000).to_bytes(2, "big")
    device.power_on(10.0)
    (booting,) = device.hear(11.0, READ)
    assert (booting[2:4], booting[6:8]) == ((410).to_bytes(2, "big"), (15000).to_bytes(2, "big"))
    (cold,) = device.hear(100.0, READ)
    assert (cold[2:4], cold[6:8]) == ((410).to_bytes(2, "big"), b"\x00\x00")
    (limited,) = device.hear(200.0, READ)
    assert limited[2:4] == (2000).to_bytes(2, "big"), "the factory's range ends below the limit"
    assert device.self_calibrates


def test_a_cm1106_closes_its_self_calibration_and_refuses_nonsense() -> None:
    device = CM1106(AIR.get)
    assert device.hear(0.0, DRIVERS["cubic-cm1106"].start_command) == [bytes.fromhex("160110d9")]
    assert not device.self_calibrates
    (refused,) = device.hear(0.0, bytes.fromhex("110101ee"))
    assert refused[:4] == b"\x06\x02\x01\x01"
    (unknown,) = device.hear(0.0, bytes.fromhex("11017777"))
    assert unknown[:4] == b"\x06\x02\x77\x02"
    assert device.hear(0.0, b"\x11\x50" + CO2[:2]) == []
    assert len(device.hear(0.0, CO2[2:])) == 1


def test_a_dormant_zh03_is_woken_by_the_start_commands() -> None:
    device = WinsenZH03(AIR.get)
    (slept,) = device.hear(0.0, bytes.fromhex("ff01a7010000000057"))
    assert slept[:3] == b"\xff\xa7\x01"
    assert device.speak(1.0) == []
    device.hear(5.0, DRIVERS["winsen-zh03"].start_command)
    assert len(device.speak(5.0)) == 1


@pytest.mark.parametrize("name", GAS_MODULES)
def test_silent_air_says_nothing_and_saturated_air_ends_at_the_range(name: str) -> None:
    asked = CO2 if name.startswith("cubic") else READ
    silent = GAS_MODULES[name]({}.get)
    assert silent.speak(0.0) + silent.hear(0.0, asked) == []
    cell = CellFaults(AIR.get)
    device = GAS_MODULES[name](cell)
    device.hear(0.0, DRIVERS[name].start_command)
    cell.kind = "saturation"
    decoder = DRIVERS[name].decoder()
    for frame in device.speak(1.0) + device.hear(1.0, asked):
        (item,) = decoder.feed(frame)
        assert isinstance(item, Frame)
        ranged = [r for r in item.readings if r.quantity in DRIVERS[name].full_scale]
        assert ranged
        assert all(r.quality is Quality.UNCERTAIN and r.reason.word == "over_range" for r in ranged)


class Bench:
    """A device on a pseudo-terminal, the gateway's source at the other end, and what its driver made of it."""

    def __init__(self, name: str, link: Path) -> None:
        spec = DRIVERS[name]
        self.device = GAS_MODULES[name](AIR.get)
        self.line = SerialLine(link, self.device)
        self.line.plug()
        self.frames: list[Frame] = []
        self.rejected: list[Rejected] = []
        self._now_s = 1000.0
        self._chunks: list[bytes] = []
        self._decoder = spec.decoder()
        self.source = SerialSource(
            name, str(link), Line(spec.baud, spec.parity, spec.stopbits), start_commands=spec.start_command,
            poll_command=spec.poll_command, poll_s=0.01, on_bytes=lambda _source, data, _ns: self._chunks.append(data),
            on_link=lambda *_: None, backoff=Backoff(0.01, 0.05),
        )  # fmt: skip
        self.source.start()

    def turn(self) -> None:
        """Half a second of the device's life."""
        self._now_s += 0.5
        self.line.turn(self._now_s)
        time.sleep(0.001)
        while self._chunks:
            for item in self._decoder.feed(self._chunks.pop(0)):
                if isinstance(item, Frame):
                    self.frames.append(item)
                else:
                    self.rejected.append(item)

    def until(self, found: Callable[[], object], why: str) -> None:
        """Turn until it is so."""
        deadline = time.monotonic() + 10
        while not found():
            assert time.monotonic() < deadline, why
            self.turn()

    def measured(self) -> list[Frame]:
        """Frames that measure something."""
        return [frame for frame in self.frames if frame.readings]

    def close(self) -> None:
        """End it."""
        self.source.stop()
        self.line.unplug()


@pytest.fixture
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(request.param, tmp_path / "usb-gas")
    yield made
    made.close()


@pytest.mark.parametrize("bench", GAS_MODULES, indirect=True)
def test_a_real_line_with_each_fault_on(bench: Bench) -> None:
    bench.until(bench.measured, "readings arrive")
    first = {r.quantity: r.value for r in bench.measured()[0].readings}
    assert first
    for quantity, value in first.items():
        assert value == pytest.approx(AIR.get(quantity, 0.0), rel=0.05)
    if isinstance(bench.device, MHZ19 | CM1106):
        assert not bench.device.self_calibrates, "the gateway switched it off"
    for fault in (*WIRE_FAULTS, "unplugged"):
        bench.line.set_fault(fault)
        for _ in range(60):
            bench.turn()
        bench.line.set_fault("none")
        before = len(bench.measured())
        bench.until(lambda before=before: len(bench.measured()) > before + 1, f"readings return after {fault}")
    errors = {item.error for item in bench.rejected}
    assert {"checksum", "garbage"} & errors, "half frames and noise were counted"
    polled = bool(DRIVERS[bench.source.source].poll_s)
    assert any(frame.info and "echo" in frame.info for frame in bench.frames) == polled, "an echo measures nothing"
    seen = {(r.quantity, r.value) for frame in bench.measured() for r in frame.readings}
    # nothing but the air's values; an MH-Z19 that had lost its power is cold
    assert seen - {("co2", 410.0)} == set(first.items())
