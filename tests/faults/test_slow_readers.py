"""Who does not read what it asked for: a client of the broker, and an event stream. The others are not delayed.

What waits for a slow reader is bounded: the broker cuts off a client that does not answer for one and a half of its
keep-alives (MQTT 5.0, 3.1.2.10), the web process drops the oldest events of a stream and says so (`gap`).
"""

import socket
import time

import psutil
import pytest

from tests.benchmarks.firehose import packet
from tests.end_to_end.mine import ROOT, Gateway, Listener, Node, ready, site_text, wait_for
from tests.faults.test_gateway_faults import HCN, first
from tests.faults.web_process import StreamReader, WebProcess

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.timeout(120)]

KEEPALIVE_S = 2
FILLER = b"x" * 100_000
BLOCKS = 200
"""20 MB: more than the sockets of both ends take."""
ZONES = 5_000
LATE_S = 1.0
"""What a build machine with other work may take."""


@pytest.fixture
def mine(mosquitto, tmp_path):
    site = tmp_path / "site.toml"
    site.write_text(site_text(mosquitto.port, extra=HCN))
    listener = Listener(mosquitto.port, topics=("command/+", "gateway/status", "alarm/+"))
    gateway = Gateway(site, tmp_path / "data").start()
    node = Node(mosquitto.port)
    ready(listener, 0.0)
    yield site, listener, node
    node.close()
    gateway.stop()
    listener.close()


def gas_sounds(listener: Listener, node: Node) -> None:
    """The siren, the retained alarm and the acknowledgement come as if nobody were slow."""
    gas_at = time.monotonic()
    gas = node.send(co=2.0, hcn=20.0)
    siren_at = wait_for(lambda: first(listener, "command/siren-1", setpoint="warn"), 5, "the siren")
    alarm_at = wait_for(lambda: first(listener, "alarm/hcn-frente-1.level", state="unack"), 5, "the alarm")
    assert siren_at - gas_at < LATE_S
    assert alarm_at - gas_at < 2 * LATE_S
    wait_for(lambda: node.acked >= gas, 5, "the reading is durable")


def test_a_client_that_does_not_read_delays_nobody_and_is_cut_off(mosquitto, mine) -> None:
    _, listener, node = mine
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(("127.0.0.1", mosquitto.port))
    topic = f"{ROOT}#".encode()
    slow.sendall(
        packet(0x10, b"\x00\x04MQTT\x05\x02" + KEEPALIVE_S.to_bytes(2, "big") + b"\x00\x00\x04slow")
        + packet(0x82, b"\x00\x01\x00" + len(topic).to_bytes(2, "big") + topic + b"\x01")
    )
    began = time.monotonic()
    for _ in range(BLOCKS):
        listener.say("reply/nobody", FILLER)
    gas_sounds(listener, node)
    wait_for(lambda: "Client slow has exceeded timeout" in mosquitto.log.read_text(), 15, "the broker cuts it off")
    assert time.monotonic() - began > KEEPALIVE_S
    held = psutil.Process(mosquitto._process.pid).memory_info().rss / 1e6
    print(f"\n  {BLOCKS * len(FILLER) / 1e6:.0f} MB unread, cut off after {time.monotonic() - began:.1f} s; "
          f"the broker holds {held:.0f} MB")  # fmt: skip
    slow.close()


def test_a_stream_that_does_not_read_delays_no_other_and_holds_little(mosquitto, mine, tmp_path) -> None:
    site, listener, node = mine
    web = WebProcess(site, tmp_path / "data")
    web.start()
    slow = web.stream("alarm,zone", receive_buffer=4096)
    fast = StreamReader(web.stream("alarm,zone"))
    try:
        wait_for(lambda: web.get("/health")["status"] != "down", 10, "the web process hears the gateway")
        before = psutil.Process(web.process.pid).memory_info().rss
        for n in range(ZONES):
            listener.say("zone/frente-1", {"occupancy": "unknown", "people": None, "count": n, "pad": "x" * 2000})
        wait_for(lambda: f'"count":{ZONES - 1}'.encode() in fast.text, 20, "the other stream is fed on")
        gas_sounds(listener, node)
        fast.heard("alarm", alarm="hcn-frente-1.level", state="unack")
        late_s = time.monotonic() - first(listener, "alarm/hcn-frente-1.level", state="unack")
        grown = (psutil.Process(web.process.pid).memory_info().rss - before) / 1e6
        print(f"\n  the other stream has the alarm {late_s:.2f} s after the broker; the process grew by {grown:.0f} MB")
        assert late_s < 2 * LATE_S
        assert grown < 50
        read = StreamReader(slow)  # now it reads: what is lost is told, and the newest is there
        wait_for(lambda: read.documents("gap"), 10, "it is told that it missed something")
        read.heard("alarm", alarm="hcn-frente-1.level", state="unack")
        assert len(read.documents("zone")) < ZONES
        read.close()
    finally:
        fast.close()
        slow.close()
        web.kill()
