"""Four wires that do their worst beside good ones: noise at full rate, a plug that will not hold, silence, a stranger.

The alarms of the other lines come in time, and the gateway keeps neither threads nor descriptors.
"""

import json
import os
import threading
import time
from pathlib import Path

import psutil
import pytest

from tests.benchmarks.test_alarm_latency import SIRENS, site_text, ze03_hcn
from tests.end_to_end.mine import Gateway, Listener, ready, wait_for
from tests.fixtures.pty import Cable

pytestmark = [pytest.mark.xdist_group("faults")]

PROBES = 24
ASKED_MS = 50.0
LOOSE_MS = 1000.0
"""What the worst may take on a build machine with other work; the figures are printed."""
BYTES_PER_S = 115_200 // 10
STRANGER = bytes.fromhex("aac0d4043a0a0a0028f6ab")
"""A dust sensor of another maker on a gas module's line (Nova SDS011, its own checksum right)."""


KINDS = (("plantower-pms", "pm10"), ("winsen-ze03", "co"), ("sensirion-sps30", "pm2_5"), ("winsen-ze03", "no2"))
"""Driver and channel of each of the hostile lines."""


class Hostile:
    """Four cables and the threads that abuse them."""

    def __init__(self, folder: Path) -> None:
        self.cables = {name: Cable(folder / name) for name in ("noise", "flap", "mute", "stranger")}
        for cable in self.cables.values():
            cable.plug()
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=run) for run in (self._noise, self._flap, self._stranger)]
        self.sent = self.pulled = 0

    def sources(self) -> str:
        return "".join(
            f'[[sources]]\nid = "{name}"\nkind = "serial"\nport = "{cable.port}"\ndriver = "{driver}"\n'
            f'[[sensors]]\nid = "s-{name}"\nzone = "load"\nquantity = "{quantity}"\nsource = "{name}"\n'
            f'channel = "{quantity}"\n'
            for (name, cable), (driver, quantity) in zip(
                self.cables.items(),
                KINDS,
                strict=True,
            )
        )  # fmt: skip

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()
        for cable in self.cables.values():
            cable.unplug()

    def _noise(self) -> None:
        """As fast as a line of 115,200 bit/s can, and with the first bytes of frames in it."""
        cable, began = self.cables["noise"], time.monotonic()
        while not self._ended.wait(0.002):
            due = round((time.monotonic() - began) * BYTES_PER_S) - self.sent
            try:
                noise = os.urandom(40) + b"BM\x00\x1c" + os.urandom(20)
                self.sent += os.write(cable._master, noise * (due // len(noise) + 1))
            except BlockingIOError:
                continue

    def _flap(self) -> None:
        """Pulled and plugged once a second, sometimes in the middle of a frame."""
        while not self._ended.wait(0.5):
            self.cables["flap"].send(ze03_hcn(1.0)[: 1 + self.pulled % 9])
            self.cables["flap"].unplug()
            self.pulled += 1
            self._ended.wait(0.5)
            self.cables["flap"].plug()

    def _stranger(self) -> None:
        while not self._ended.wait(0.2):
            self.cables["stranger"].received()
            self.cables["stranger"].send(STRANGER)


def abused(mosquitto, tmp_path: Path, seconds: float) -> None:
    """Alarms of good lines and nodes while other lines are abused: asserts their latency, and what must not grow."""
    hostile = Hostile(tmp_path)
    good = [Cable(tmp_path / f"line-{p}") for p in range(PROBES)]
    for cable in good:
        cable.plug()
    site = tmp_path / "site.toml"
    site.write_text(site_text(mosquitto.port, [cable.port for cable in good]) + hostile.sources())
    listener = Listener(mosquitto.port, topics=("command/+", "gateway/status"))
    gateway = Gateway(site, tmp_path / "data").start()
    latencies: list[float] = []
    try:
        ready(listener, 0.0)
        process = psutil.Process(gateway.process.pid)
        calm = (process.num_threads(), process.num_fds())
        hostile.start()

        def latency_ms(siren: str, sent: float) -> float:
            def rang() -> float | None:
                for at, topic, body in reversed(listener.heard):
                    if topic == f"command/{siren}" and json.loads(body)["setpoint"] == "warn":
                        return at
                return None

            return (wait_for(rang, 10, f"siren {siren}") - sent) * 1000

        for p, cable in enumerate(good):
            cable.send(ze03_hcn(0.0))
            time.sleep(seconds / PROBES)
            sent = time.monotonic()
            cable.send(ze03_hcn(20.0))
            latencies.append(latency_ms(f"s-line-{p}", sent))
            if p < SIRENS:  # and a node on MQTT
                sent = time.monotonic()
                listener.say("node/probe/senml", [{"n": f"p{p}", "v": 20.0}])
                latencies.append(latency_ms(f"s{p}", sent))
        hostile.stop()
        for cable in hostile.cables.values():
            cable.plug()

        def calm_again() -> bool:
            threads, files = process.num_threads(), process.num_fds()
            return threads <= calm[0] and files <= calm[1] + 1  # the journal's own may come and go

        wait_for(calm_again, 15, f"no thread or descriptor is left over: {calm} became "
                                 f"{(process.num_threads(), process.num_fds())}")  # fmt: skip
        assert hostile.pulled >= seconds / 2
        assert hostile.sent > 0.5 * seconds * BYTES_PER_S, "the noise was read, not held up"
        counts = listener.newest["gateway/status"]["counts"]
        memory = process.memory_info().rss / 1e6
        rate = hostile.sent / seconds
        print(f"\n  {rate:,.0f} bytes/s of noise, pulled {hostile.pulled} times, {memory:.0f} MB, {counts}")
        assert memory < 300
        assert gateway.stop() == 0
    finally:
        hostile.stop()
        gateway.kill()
        listener.close()
        for cable in good:
            cable.unplug()
    latencies.sort()
    print(f"  alarm of another line or node: median {latencies[len(latencies) // 2]:.1f} ms, worst of {len(latencies)} "
          f"{latencies[-1]:.1f} ms (asked: p99 below {ASKED_MS:g} ms)")  # fmt: skip
    assert latencies[len(latencies) // 2] < ASKED_MS, "what is asked of the hundredth holds for the median at least"
    assert latencies[-1] < LOOSE_MS


@pytest.mark.timeout(150)
def test_hostile_wires_neither_delay_the_others_nor_leak(mosquitto, tmp_path) -> None:
    abused(mosquitto, tmp_path, seconds=20.0)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_hostile_wires_for_a_minute_and_more(mosquitto, tmp_path) -> None:
    abused(mosquitto, tmp_path, seconds=75.0)
