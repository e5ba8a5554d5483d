"""A line on which bytes flow but no measurements is opened anew, and what the device forgot is said to it again."""

import itertools
import threading
import time

from bocamina.serial_listener import SerialListener
from bocamina.site_file import parse_site
from firmware_sim.devices import faults
from firmware_sim.devices.sensirion_sps30 import Sps30
from firmware_sim.devices.serial_line import SerialLine
from gateway.domain.events import Pack
from gateway.transports.backoff import Backoff
from gateway.transports.port import Line
from gateway.transports.serial_port import SerialSource
from tests.bocamina.test_device_units import HEAD, SENSOR
from tests.fixtures.pty import Cable
from tests.fixtures.waiting import wait_for


class Wire:
    """A source whose bytes a listener reads, as the gateway wires them."""

    def __init__(self, port, site, **options) -> None:
        self.listener = SerialListener(site, site.sources[0])
        spec = self.listener.spec
        self.packs: list[Pack] = []
        self.links: list[tuple[bool, str]] = []
        self.source = SerialSource(
            "line", str(port), Line(spec.baud, spec.parity, spec.stopbits), start_commands=spec.start_command,
            poll_command=spec.poll_command, poll_s=0.05, by_readings=True, backoff=Backoff(0.01, 0.05),
            on_bytes=self.heard, on_link=lambda _source, up, why: self.links.append((up, why)), **options,
        )  # fmt: skip

    def heard(self, _source: str, data: bytes, _ns: int) -> None:
        packs = [event for event in self.listener.events(data, 0) if isinstance(event, Pack)]
        self.packs += packs
        if packs:
            self.source.measured()


def test_an_sps30_that_lost_its_own_supply_is_told_to_measure_again(tmp_path, monkeypatch) -> None:
    """Its USB adapter stays: the line is open, and every question is answered with "not allowed in this state"."""
    monkeypatch.setattr(faults, "BROWN_OUT_S", 0.1)
    line = SerialLine(tmp_path / "dust", Sps30({"pm2_5": 12.0, "pm10": 20.0}.get))
    line.plug()
    site = parse_site((HEAD % "sensirion-sps30" + SENSOR % (0, "pm2_5", "pm2_5")).encode())
    wire, ended = Wire(line.link, site, silence_s=1.5), threading.Event()

    def live() -> None:
        began = time.monotonic()
        while not ended.is_set():
            line.turn(time.monotonic() - began)
            ended.wait(0.005)

    device = threading.Thread(target=live)
    device.start()
    try:
        wire.source.start()
        wait_for(lambda: len(wire.packs) >= 2, "it measures")
        line.set_fault("brown_out")
        wait_for(lambda: wire.source.counters.silences, "errors are no measurements")
        assert not wire.source.up
        assert "has brought no measurement for 1.5 s" in wire.links[-1][1]
        before = len(wire.packs)
        wait_for(lambda: len(wire.packs) > before, "it was told to measure again")
        wait_for(lambda: wire.source.up, "and the line counts as up again")
        assert [up for up, _ in wire.links] == [True, False, True]
    finally:
        wire.source.stop()
        ended.set()
        device.join()
        line.unplug()


def test_noise_keeps_no_line_up_and_a_device_that_answers_for_another_is_no_flow(cable: Cable) -> None:
    site = parse_site((HEAD % "winsen-ze03" + SENSOR % (0, "co", "co")).encode())
    wire = Wire(cable.port, site, silence_s=0.4)
    foreign = bytes.fromhex("aac0d4043a0a0a0028f6ab")  # a frame of another maker's dust sensor
    wire.source.start()
    try:
        wait_for(lambda: wire.source.up, "open")
        for part in itertools.cycle((b"\x00\xfe" * 20, foreign)):
            cable.received()
            cable.send(part)
            time.sleep(0.02)
            if wire.source.counters.silences >= 2:
                break
        assert [up for up, _ in wire.links] == [True, False]
        assert wire.listener.ended(), "the noise is counted when the line goes"
    finally:
        wire.source.stop()
