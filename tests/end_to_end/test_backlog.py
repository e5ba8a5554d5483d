"""An hour of packs that waited at the broker is history: it sounds no siren and clears no alarm."""

import time

import pytest

from tests.end_to_end.mine import Gateway, Listener, Node, every, ready, site_text, wait_for

pytestmark = [pytest.mark.xdist_group("end_to_end"), pytest.mark.timeout(180)]


def test_a_backlog_of_an_hour_is_history(mosquitto, tmp_path) -> None:
    site = tmp_path / "site.toml"
    site.write_text(site_text(mosquitto.port))
    listener = Listener(mosquitto.port)
    gateway = Gateway(site, tmp_path / "data").start()
    ready(listener, 0.0)
    node = Node(mosquitto.port, resend_s=600)
    node.send(co=2.0)
    wait_for(lambda: node.acked >= 0, 10, "the gateway has its session")
    gateway.stop()
    hour_ago = time.time() - 3600
    for count in range(3600):
        node.send(base_time=hour_ago + count, co=500.0)
    listener.heard.clear()
    started = time.monotonic()
    gateway.start()
    ready(listener, started)
    wait_for(lambda: node.acked == 3600, 60, "every pack of the backlog is durable")
    assert not any(
        topic == "command/siren-1" and b'"off"' not in body for _, topic, body in listener.heard
    ), "no siren for history"
    assert not listener.newest.get("alarm/co-frente-1.level")
    rows = [row for row in gateway.export() if ",co-frente-1," in row]
    assert len(rows) == 3601
    assert sum(",late," in row for row in rows) == 3600

    for _ in every(0.5, 14):
        node.send(co=500.0)
    wait_for(lambda: listener.newest.get("alarm/co-frente-1.level"), 10, "live gas is an alarm")
    gateway.stop()
    for count in range(600):
        node.send(base_time=hour_ago + count, co=0.0)
    started = time.monotonic()
    gateway.start()
    ready(listener, started)
    wait_for(lambda: node.acked == node.seq - 1, 60, "the second backlog is durable")
    assert listener.newest["alarm/co-frente-1.level"]["state"] in {"unack", "acked"}, "clean history clears nothing"
    gateway.stop()
    node.close()
    listener.close()
