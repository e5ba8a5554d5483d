"""From bytes on a wire to the siren's topic, and again after every part of the way was cut and mended."""

import json
import time

import pytest

from tests.end_to_end.mine import Gateway, Listener, Node, every, ready, site_text, wait_for

pytestmark = [pytest.mark.xdist_group("end_to_end"), pytest.mark.timeout(180)]


def siren(listener: Listener) -> str | None:
    document = listener.newest.get("command/siren-1")
    return document and document["setpoint"]


@pytest.fixture
def mine(mosquitto, cable, tmp_path):
    """A running gateway on a real broker with a serial CO cell and a node; all of it ends with the test."""
    site = tmp_path / "site.toml"
    site.write_text(site_text(mosquitto.port, serial_port=str(cable.port)))
    listener = Listener(mosquitto.port)
    gateway = Gateway(site, tmp_path / "data").start()
    ready(listener, 0.0)
    yield gateway, listener
    gateway.stop()
    listener.close()


def ze03(ppm: float) -> bytes:
    """Winsen ZE03 active upload for CO, no decimals, full scale 1000 ppm (manual ZE03, 2.1)."""
    body = bytes([0x04, 0x03, 0x00, *int(ppm).to_bytes(2, "big"), *(1000).to_bytes(2, "big")])
    return b"\xff" + body + bytes([(-sum(body)) & 0xFF])


def test_bytes_on_a_cable_sound_the_siren_and_again_after_it_was_unplugged(mine, cable) -> None:
    _, listener = mine
    for _ in every(1.0, 8):
        cable.send(ze03(500))
        if siren(listener) == "evacuate":
            break
    wait_for(lambda: siren(listener) == "evacuate", 10, "the siren is commanded to evacuate")
    alarm = wait_for(lambda: listener.newest.get("alarm/co-serial.level"), 10, "the alarm is retained")
    assert alarm["state"] == "unack"
    assert alarm["priority"] == "evacuate"
    assert alarm["zone"] == "frente-1"
    cable.unplug()
    wait_for(lambda: listener.newest["gateway/status"]["state"] == "degraded", 15, "the lost line is told")
    cable.plug()
    wait_for(lambda: listener.newest["gateway/status"]["state"] == "ready", 15, "the line is back")
    before = len(listener.documents("reading/co-serial"))
    for _ in every(0.5, 20):
        cable.send(ze03(0))
        if len(listener.documents("reading/co-serial")) > before:
            break
    newest = wait_for(lambda: listener.documents("reading/co-serial")[before:], 5, "readings flow again")[-1]
    assert newest["value"] == 0.0
    assert siren(listener) == "evacuate", "clean air does not silence a siren by itself"


def test_an_mqtt_message_sounds_the_siren_and_again_after_the_broker_was_restarted(mine, mosquitto) -> None:
    _, listener = mine
    node = Node(mosquitto.port)
    for _ in every(1.0, 3):
        node.send(co=3.0, no2=0.1, air_velocity=0.6)
    wait_for(lambda: node.acked >= 2, 10, "the packs are acknowledged as durable")
    assert siren(listener) in {None, "off"}
    mosquitto.restart()
    wait_for(lambda: listener.newest["gateway/status"]["state"] == "ready", 20, "the gateway is back on the broker")
    for _ in every(1.0, 10):
        node.send(co=500.0, no2=0.1, air_velocity=0.6)
        if siren(listener) == "evacuate":
            break
    wait_for(lambda: siren(listener) == "evacuate", 10, "the siren is commanded to evacuate")
    wait_for(lambda: listener.newest.get("alarm/co-frente-1.level"), 10, "the alarm is retained")
    node.close()


def test_a_node_that_falls_silent_raises_an_alarm_and_clears_none(mine, mosquitto) -> None:
    _, listener = mine
    node = Node(mosquitto.port)
    for _ in every(1.0, 8):
        node.send(co=500.0, no2=0.1, air_velocity=0.6)
    wait_for(lambda: listener.newest.get("alarm/co-frente-1.level"), 10, "the gas alarm stands")
    node.drop()
    lost = wait_for(lambda: listener.newest.get("alarm/co-frente-1.comm_lost"), 60, "silence is an alarm")
    assert lost["state"] == "unack"
    assert listener.newest["alarm/co-frente-1.level"]["state"] == "unack", "silence clears nothing"
    assert siren(listener) == "evacuate"
    stale = wait_for(
        lambda: (r := listener.newest.get("reading/co-frente-1")) and r["quality"] == "bad" and r, 10, "stale is told"
    )
    assert (stale["value"], stale["reason"]) == (None, "stale")


# 1970 by the node's clock (SenML reads such a time as seconds from now), 1980, and 2099
@pytest.mark.parametrize("base_time", [1_000.0, 332_000_000.0, 4_070_908_800.0])
def test_a_node_with_a_wrong_clock_still_sounds_the_siren(mine, mosquitto, base_time: float) -> None:
    _, listener = mine
    node = Node(mosquitto.port)
    for count in every(1.0, 10):
        node.send(base_time=base_time + count, co=500.0)
        if siren(listener) == "evacuate":
            break
    wait_for(lambda: siren(listener) == "evacuate", 10, "the siren sounds whatever the node's clock says")
    reading = wait_for(lambda: listener.newest.get("reading/co-frente-1"), 5, "the reading is shown")
    assert (reading["quality"], reading["reason"]) == ("uncertain", "clock")
    assert reading["time"].startswith(time.strftime("%Y-%m-%dT", time.gmtime())), "it counts as of its receipt"
    node.close()


def test_nonsense_harms_nothing_and_is_counted(mine, mosquitto) -> None:
    _, listener = mine
    for payload in (b"\xff\x00", b"{}", b'[{"n":"co","v":NaN}]', b'[{"bver":99,"n":"co","v":1}]', b"[" * 5000):
        listener.say("node/node7/senml", payload)
    listener.say("request/acknowledge", b"no json")
    listener.say("presence/ana", b'{"zone":5}')
    node = Node(mosquitto.port)
    for _ in every(1.0, 3):
        node.send(co=1e308)
        node.send(stranger=1.0, co=4.0)
    wait_for(lambda: node.acked == 5, 15, "what came after the nonsense is durable")
    counts = wait_for(
        lambda: (c := listener.newest["gateway/status"]["counts"]).get("format", 0) >= 5 and c, 10, "counted in status"
    )
    assert counts["unknown"] >= 3
    assert listener.ask("acknowledge", "nothing.level")["ok"] is False
    node.close()


def test_a_request_is_answered_and_an_alarm_ends_by_acknowledge_and_reset(mine, mosquitto) -> None:
    _, listener = mine
    node = Node(mosquitto.port)
    for _ in every(0.5, 14):
        node.send(co=500.0)
    alarm = wait_for(lambda: listener.newest.get("alarm/co-frente-1.level"), 10, "the alarm stands")
    assert alarm["limit"] is not None
    assert alarm["source"]
    refused = listener.ask("reset", "co-frente-1.level")
    assert refused["ok"] is False
    assert listener.ask("acknowledge", "co-frente-1.level", comment="visto")["ok"] is True
    wait_for(lambda: listener.newest["alarm/co-frente-1.level"]["state"] == "acked", 5, "acknowledged")
    assert listener.newest["alarm/co-frente-1.level"]["acknowledged_by"] == "ana"
    assert siren(listener) == "evacuate", "an acknowledgement never silences the siren"
    stranger = listener.ask("acknowledge", "co-frente-1.level", by="x", role="reviewer")
    assert stranger["ok"] is False
    assert json.dumps(stranger["error"])
    node.close()
