"""`kill -9` at random points while two nodes and a serial device publish: what was acknowledged is there, once."""

import os
import random
import threading
import time

import pytest

from gateway.domain.moment import SECOND_US, parse_rfc3339
from tests.end_to_end.mine import Gateway, Listener, Node, ready, site_text, wait_for

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.timeout(300)]

SECOND_NODE = """
[[sensors]]
id = "co-node8"
zone = "frente-1"
quantity = "co"
source = "nodes"
channel = "node8/co"
period_s = 1
full_scale = 1000
warm_up_s = 0
"""
KILLS = int(os.environ.get("BOCAMINA_FAULTS_KILLS", "1000"))
EVERY_S = 0.05
COMMITTED_S = 2.0
"""A serial reading waits for company for half a second at most, and for a busy disk as long again as it must."""


def ze03(ppm: int) -> bytes:
    """Winsen ZE03 active upload for CO, no decimals, full scale 1000 ppm (manual ZE03, 2.1)."""
    body = bytes([0x04, 0x03, 0x00, *ppm.to_bytes(2, "big"), *(1000).to_bytes(2, "big")])
    return b"\xff" + body + bytes([(-sum(body)) & 0xFF])


class Device:
    """A serial device that counts: its n-th frame says n mod 1000 ppm. Nobody can ask it to say it again."""

    def __init__(self, cable) -> None:
        self.sent: list[float] = []
        self._cable = cable
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _work(self) -> None:
        while not self._stopping.wait(EVERY_S):
            try:
                self._cable.send(ze03(len(self.sent) % 1000))
            except BlockingIOError:  # nobody reads and the line's buffer is full: the frame is gone, as on a real line
                continue
            self.sent.append(time.time())

    def close(self) -> None:
        self._stopping.set()
        self._thread.join(5)


def frame_of(sent: list[float], at: float, ppm: int) -> int:
    """Which frame a stored reading is: the one with its last three digits that was sent then."""
    return min(range(ppm, len(sent), 1000), key=lambda n: abs(sent[n] - at))


def kill_often(mosquitto, cable, tmp_path, times: int, seed: int) -> dict[str, int]:
    chance = random.Random(seed)
    site = tmp_path / "site.toml"
    site.write_text(site_text(mosquitto.port, serial_port=str(cable.port), extra=SECOND_NODE))
    gateway = Gateway(site, tmp_path / "data")
    listener = Listener(mosquitto.port)
    nodes = [Node(mosquitto.port, name, resend_s=2.0) for name in ("node7", "node8")]
    stopping = threading.Event()

    def publish(node: Node) -> None:
        while not stopping.wait(EVERY_S):
            node.send(co=2.0 + node.seq / 1000)

    threads = [threading.Thread(target=publish, args=(node,)) for node in nodes]
    device = Device(cable)
    lives: list[tuple[float, float]] = []
    acknowledged = [-1, -1]
    try:
        for thread in threads:
            thread.start()
        for _ in range(times):
            if len(listener.heard) > 100_000:
                listener.heard.clear()
            started = time.monotonic()
            gateway.start()
            if chance.random() < 0.2:  # in the middle of its start, its recovery, its first words
                time.sleep(chance.uniform(0.3, 2.0))
                gateway.kill()
                continue
            ready(listener, started, 60)
            began = time.time()
            time.sleep(chance.uniform(0.0, 1.5))
            gateway.kill()
            lives.append((began, time.time()))
            acknowledged = [node.acked for node in nodes]
        started = time.monotonic()
        gateway.start()
        ready(listener, started, 60)
        began = time.time()
        time.sleep(COMMITTED_S + 1.0)
    finally:
        stopping.set()
        for thread in threads:
            thread.join(5)
        device.close()
    wait_for(lambda: min(node.turn() for node in nodes), 120, "the nodes are rid of every pack")
    gateway.stop()
    lives.append((began, time.time()))
    rows = [line.split(",") for line in gateway.export()[1:]]
    for node, sensor, least in zip(nodes, ("co-frente-1", "co-node8"), acknowledged, strict=True):
        values = sorted(float(row[2]) for row in rows if row[1] == sensor)
        assert values == sorted(2.0 + seq / 1000 for seq in range(node.seq)), f"{node.name}: each pack once"
        assert least < node.seq
        node.close()
    listener.close()
    serial = [(parse_rfc3339(row[0]) / SECOND_US, int(float(row[2]))) for row in rows if row[1] == "co-serial"]
    numbers = [frame_of(device.sent, at, ppm) for at, ppm in serial]
    assert len(set(numbers)) == len(numbers), "no frame twice"
    heard = set(numbers)
    sure = [
        n for n, at in enumerate(device.sent)
        if any(began + 0.5 <= at <= ended - COMMITTED_S for began, ended in lives)
    ]  # fmt: skip
    assert [n for n in sure if n not in heard] == [], "a frame that came while the gateway watched is there"
    return {"kills": times, "packs": sum(node.seq for node in nodes), "frames": len(device.sent), "kept": len(numbers)}


def test_six_kills_while_two_nodes_and_a_serial_device_publish(mosquitto, cable, tmp_path) -> None:
    found = kill_often(mosquitto, cable, tmp_path, 6, seed=1)
    assert found["packs"] > 100
    assert found["kept"] > 50


@pytest.mark.long
@pytest.mark.timeout(4 * 3600)
def test_a_thousand_kills_while_two_nodes_and_a_serial_device_publish(mosquitto, cable, tmp_path) -> None:
    print(kill_often(mosquitto, cable, tmp_path, KILLS, seed=2))
