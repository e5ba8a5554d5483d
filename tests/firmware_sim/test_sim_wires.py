"""Emulators against their drivers over real pseudo-terminals, with every fault of `faults.py` on."""

import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from firmware_sim.devices.anemometers import ANEMOMETERS
from firmware_sim.devices.bocamina_node import BocaminaNode
from firmware_sim.devices.dust_sensors import DUST_SENSORS
from firmware_sim.devices.faults import CELL_FAULTS, WIRE_FAULTS, CellFaults, Read, SerialDevice, WireFaults
from firmware_sim.devices.plantower import Plantower
from firmware_sim.devices.serial_line import SerialLine
from firmware_sim.devices.winsen_ze03 import WinsenZE03
from gateway.domain.measurement import Measurement
from gateway.domain.quality import Quality, Reason
from gateway.drivers.items import Item, Rejected
from gateway.drivers.table import DRIVERS
from gateway.transports.backoff import Backoff
from gateway.transports.port import Line
from gateway.transports.serial_port import SerialSource

AIR = {"pm1": 5.0, "pm2_5": 12.0, "pm4": 16.0, "pm10": 20.0, "pm100": 80.0, "co": 25.0, "air_velocity": 2.0}
DEVICES: dict[str, tuple[Callable[[Read], SerialDevice], str]] = {
    "plantower-pms": (Plantower, "pm2_5"),
    "winsen-ze03": (partial(WinsenZE03, "co"), "co"),
    **{name: (make, "pm100" if name == "nova-sds198" else "pm2_5") for name, make in DUST_SENSORS.items()},
    **{name: (make, "air_velocity") for name, make in ANEMOMETERS.items()},
    "bocamina-node": (partial(BocaminaNode, "node7", {"co": "co"}), "co"),
}
"""Driver → emulator and the channel that is looked at."""
TURN_S = 0.5
"""Simulated time between two turns; the pseudo-terminal and the gateway's source live in real time."""


class Bench:
    """One emulator on a line, and the gateway's own source and driver at the other end."""

    def __init__(self, driver: str, link: Path) -> None:
        make, self.channel = DEVICES[driver]
        self.air = dict(AIR)
        self.cell = CellFaults(self.air.get)
        self.line = SerialLine(link, make(self.cell))
        self.now_s = 0.0
        spec = DRIVERS[driver]
        self._start = spec.start_command
        self._decoder = spec.decoder()
        self._items: list[Item] = []
        self._lock = threading.Lock()
        self.line.plug()
        self.source = SerialSource(
            driver, str(link), Line(spec.baud), start_commands=spec.start_command,
            poll_command=spec.poll_command, poll_s=0.01, backoff=Backoff(0.01, 0.05),
            on_bytes=lambda _source, data, _ns: self._take(self._decoder.feed(data)),
            on_link=lambda _source, up, _detail: None if up else self._take(self._decoder.finish()),
        )  # fmt: skip
        self.source.start()

    def _take(self, items: list[Item]) -> None:
        with self._lock:
            self._items += items

    def taken(self) -> list[Item]:
        with self._lock:
            found, self._items = self._items, []
            return found

    def readings(self, found: list[Item]) -> list[Measurement]:
        frames = (item.readings for item in found if not isinstance(item, Rejected))
        return [reading for readings in frames for reading in readings if reading.quantity == self.channel]

    def turn(self) -> None:
        self.now_s += TURN_S
        self.line.turn(self.now_s)
        time.sleep(0.002)  # the source's thread reads meanwhile

    def until(self, seen: Callable[[list[Item]], bool], seconds: float = 15.0) -> list[Item]:
        """Turns until the items seen since the last call satisfy."""
        found: list[Item] = []
        deadline = time.monotonic() + seconds
        while not seen(found):
            assert time.monotonic() < deadline, (self.source.source, [str(item)[:100] for item in found[-5:]])
            self.turn()
            found += self.taken()
        return found

    def good(self, found: list[Item], count: int = 2) -> bool:
        return sum(reading.quality is Quality.GOOD for reading in self.readings(found)) >= count

    def restart(self) -> None:
        """What the gateway does when it opens the port: tell the device to measure."""
        self.source.write(self._start)

    def close(self) -> None:
        self.source.stop()
        self.line.unplug()


@pytest.fixture(params=DEVICES)
def bench(request: pytest.FixtureRequest, tmp_path: Path):
    made = Bench(request.param, tmp_path / "port")
    made.until(made.good)
    yield made
    made.close()


TURNS = 30
"""Longer than a burst, a brown-out and the slowest period."""
REJECTED_BY = {"checksum", "half_frame", "wrong_length"}


def test_no_wire_makes_a_wrong_number_and_every_device_comes_back(bench: Bench) -> None:
    value = bench.air[bench.channel]
    for kind in WIRE_FAULTS:
        bench.taken()
        bench.line.set_fault(kind)
        found: list[Item] = []
        for _ in range(TURNS):
            bench.turn()
            found += bench.taken()
        bench.line.set_fault("none")
        bench.restart()
        found += bench.until(bench.good)
        if kind in REJECTED_BY:
            assert any(isinstance(item, Rejected) for item in found)
        for reading in bench.readings(found):
            assert reading.value == value or reading.quality is not Quality.GOOD, (kind, reading)


def test_noise_hides_no_frame_and_bursts_come_whole(bench: Bench) -> None:
    for kind in ("noise", "burst", "echo"):
        bench.line.set_fault(kind)
        bench.until(lambda items: bench.good(items, 8))


def test_pulled_and_plugged_again(bench: Bench) -> None:
    for _ in range(3):
        bench.line.set_fault("unplugged")
        bench.taken()
        bench.line.set_fault("none")
        bench.until(bench.good)


def test_a_broken_cell_is_seen_as_such(bench: Bench) -> None:
    assert CELL_FAULTS == ("none", "stuck", "saturation")
    bench.cell.kind = "stuck"
    bench.air[bench.channel] = 33.0
    for reading in bench.readings(bench.until(lambda items: bench.good(items, 4))):
        assert reading.value == AIR[bench.channel]
    bench.cell.kind = "saturation"
    end = 60.0 if bench.channel == "air_velocity" else 999.0
    found = bench.until(lambda items: any((r.value or 0.0) >= end for r in bench.readings(items)))
    floor = next(r for r in bench.readings(found) if (r.value or 0.0) >= end)
    # the range of whatever speaks NMEA, or hangs on a node, is in the site file alone
    unknown = bench.source.source in ("nmea0183", "bocamina-node")
    over = (Quality.GOOD, Reason.NONE) if unknown else (Quality.UNCERTAIN, Reason.OVER_RANGE)
    assert (floor.quality, floor.reason) == over
    bench.cell.kind = "none"
    bench.until(lambda items: any(r.value == 33.0 for r in bench.readings(items)))


class Talker:
    """A device that says the same frame at every turn."""

    baud = 9600

    def __init__(self) -> None:
        self.started = 0

    def power_on(self, now_s: float) -> None:
        self.started += 1

    def speak(self, now_s: float) -> list[bytes]:
        return [b"BM\x00\x04abcd"]

    def hear(self, now_s: float, data: bytes) -> list[bytes]:
        return []


def test_what_each_fault_does_to_a_frame() -> None:
    def said(kind: str, turns: int = 1) -> list[list[bytes]]:
        faults = WireFaults(Talker(), "seed")
        faults.set(kind)
        return [faults.turn(float(second), b"?") for second in range(turns)]

    frame = b"BM\x00\x04abcd"
    assert said("none") == [[frame]]
    assert said("noise")[0][0].endswith(frame)
    assert said("noise") == said("noise")
    assert said("checksum") == [[b"BM\x00\x04qbcd"]]
    assert said("half_frame") == [[frame[:4]]]
    assert said("wrong_length") == [[b"BM\x00\xffabcd"]]
    assert said("echo") == [[b"?", frame]]
    assert said("silence", 2) == [[], []]
    assert said("slow_drip", 4) == [[], [b"B"], [b"M"], [b"\x00"]]
    assert [b"".join(pieces) for pieces in said("burst", 12)] == [b""] * 10 + [frame * 11, b""]
    with pytest.raises(ValueError, match="slow_drip"):
        WireFaults(Talker()).set("gremlins")


def test_a_brown_out_cuts_one_frame_and_starts_the_device_anew() -> None:
    device = Talker()
    faults = WireFaults(device)
    faults.set("brown_out")
    said = [b"".join(faults.turn(float(second), b"")) for second in range(4)]
    assert said == [b"BM\x00\x04", b"", b"BM\x00\x04abcd", b"BM\x00\x04abcd"]
    assert device.started == 1
