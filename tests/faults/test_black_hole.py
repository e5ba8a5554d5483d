"""Packets vanish, and no socket is closed: the gateway and the nodes notice, keep what they have, and lose nothing.

Thirty days of readings carry the times of thirty days; the line is a relay that swallows (`fixtures/bad_line.py`).
"""

import time

import pytest

from gateway.domain.moment import SECOND_US, parse_rfc3339
from tests.end_to_end.mine import Gateway, Listener, Node, ready, site_text, wait_for
from tests.fixtures.bad_line import BadLine

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.timeout(300)]

DAYS = 30


def kept_for_thirty_days(node: Node, every_s: int) -> dict[int, float]:
    """The node measures on while nobody hears it: time [s] → value, one a pack."""
    began = time.time() - DAYS * 86_400
    sent = {}
    for k in range(DAYS * 86_400 // every_s):
        at, value = round(began + k * every_s, 3), round(2.0 + k / 100_000, 5)
        node.send(base_time=at, co=value)
        sent[round(at * 1000)] = value
    return sent


def stored(gateway: Gateway) -> dict[int, float]:
    """Time [ms] → value of every backlog reading; one that stands twice fails."""
    rows = [line.split(",") for line in gateway.export() if ",co-frente-1," in line and ",late," in line]
    found = {parse_rfc3339(row[0]) * 1000 // SECOND_US: float(row[2]) for row in rows}
    assert len(found) == len(rows), "twice"
    return found


def backfilled(gateway: Gateway, listener: Listener, node: Node, sent: dict[int, float]) -> None:
    wait_for(node.turn, 200, "the node is rid of every pack")
    found = stored(gateway)
    assert found == sent
    assert not listener.newest.get("alarm/co-frente-1.level"), "history sounds no siren"


def hole_before_the_broker(mosquitto, tmp_path, every_s: int) -> None:
    """Between gateway and broker: the broker takes the packs, the node's acknowledgement does not come."""
    with BadLine(mosquitto.port) as line:
        site = tmp_path / "site.toml"
        site.write_text(site_text(line.port))
        listener = Listener(mosquitto.port)
        gateway = Gateway(site, tmp_path / "data").start()
        ready(listener, 0.0)
        node = Node(mosquitto.port, resend_s=60.0)
        live = node.send(co=1.5)
        wait_for(lambda: node.acked >= live, 10, "the line is well")
        line.black_hole()
        began = time.monotonic()
        sent = kept_for_thirty_days(node, every_s)
        wait_for(
            lambda: (s := listener.newest["gateway/status"]) and s["state"] == "offline", 40,
            "the broker tells everybody that the gateway is gone",
        )  # fmt: skip
        assert time.monotonic() - began < 60
        assert node.acked == live
        line.pass_on()
        wait_for(lambda: listener.newest["gateway/status"]["state"] != "offline", 60, "it is back by itself")
        backfilled(gateway, listener, node, sent)
        gateway.stop()
        node.close()
        listener.close()


def test_thirty_days_between_gateway_and_broker(mosquitto, tmp_path) -> None:
    hole_before_the_broker(mosquitto, tmp_path, 1800)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_thirty_days_between_gateway_and_broker_minute_by_minute(mosquitto, tmp_path) -> None:
    hole_before_the_broker(mosquitto, tmp_path, 60)


@pytest.mark.long
def test_thirty_days_between_a_node_and_the_broker(mosquitto, tmp_path) -> None:
    """What the node had sent into the hole it keeps: nobody acknowledged it.

    The gateway was there all the time, so to it these are live readings with a clock that disagrees: they may raise and
    stand at their receipt (design, "Time"). Each value once is what can be said of them.
    """
    with BadLine(mosquitto.port) as line:
        site = tmp_path / "site.toml"
        site.write_text(site_text(mosquitto.port))
        listener = Listener(mosquitto.port)
        gateway = Gateway(site, tmp_path / "data").start()
        ready(listener, 0.0)
        node = Node(line.port, resend_s=60.0)
        live = node.send(co=1.5)
        wait_for(lambda: node.acked >= live, 10, "the line is well")
        line.black_hole()
        sent = kept_for_thirty_days(node, 1800)
        wait_for(lambda: listener.newest.get("alarm/co-frente-1.comm_lost"), 60, "its silence is an alarm")
        assert node.acked == live
        line.pass_on()
        line.reset()  # the radio comes back; without this the node's own keep-alive of a minute would find out
        wait_for(node.turn, 200, "the node is rid of every pack")
        values = [line.split(",")[2] for line in gateway.export() if ",co-frente-1," in line]
        assert sorted(map(float, values)) == sorted([1.5, *sent.values()]), "each once"
        gateway.stop()
        node.close()
        listener.close()
