"""A node's link that blinks is no news; one that stays away is, and its readings' silence does not wait for that.

A real gateway, a real Mosquitto, our node with a last will that waits (MQTT 5).
"""

import threading
import time
from contextlib import contextmanager

import pytest

from firmware_sim.devices.connection import Broker
from firmware_sim.devices.mqtt_node import WILL_DELAY_S, MqttNode
from tests.end_to_end.mine import ROOT, Gateway, Listener, ready, site_text, wait_for

pytestmark = [pytest.mark.xdist_group("end_to_end"), pytest.mark.timeout(120)]

DELAY_S = 4
AIR = {"co": 3.0, "no2": 0.1, "air_velocity": 0.6}


@contextmanager
def measuring(node: MqttNode):
    stop, began = threading.Event(), time.monotonic()

    def turn() -> None:
        while not stop.wait(0.05):
            node.turn(time.monotonic() - began, time.time())

    thread = threading.Thread(target=turn)
    node.start()
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(5)
        node.stop()


def node_on(port: int, protocol: str) -> MqttNode:
    channels = {name: (name, 1.0) for name in AIR}
    return MqttNode(Broker("127.0.0.1", port, protocol), ROOT, "node7", channels, AIR.get, boot=1, will_delay_s=DELAY_S)


def states(listener: Listener) -> list[str]:
    return [document["state"] for document in listener.documents("node/node7/status")]


def test_a_short_reconnection_raises_nothing_and_silence_does(mosquitto, tmp_path) -> None:
    site = tmp_path / "site.toml"
    site.write_text(site_text(mosquitto.port, delays="max_age_s = 5"))
    listener = Listener(mosquitto.port)
    gateway = Gateway(site, tmp_path / "data").start()
    node = node_on(mosquitto.port, "5")
    try:
        ready(listener, 0.0)
        with measuring(node):
            wait_for(lambda: listener.newest.get("reading/co-frente-1"), 10, "it measures")
            cut_at = time.monotonic()
            node.set_fault("unplugged")
            time.sleep(1.0)
            node.set_fault("none")
            wait_for(lambda: len(states(listener)) == 2, 5, "it is here again")
            wait_for(lambda: time.monotonic() > cut_at + DELAY_S + 1.5, 10, "longer than the will would wait")
            assert states(listener) == ["online", "online"], "the broker has kept its will to itself"
            assert not any(topic.endswith("comm_lost") for topic in listener.newest), "and nobody was alarmed"
            node.set_fault("unplugged")
            gone_at = time.monotonic()
            wait_for(lambda: states(listener)[-1] == "offline", DELAY_S + 5, "the will is spoken in the end")
            assert time.monotonic() - gone_at > DELAY_S - 1
            lost = wait_for(lambda: listener.newest.get("alarm/co-frente-1.comm_lost"), 20, "silence is an alarm")
            assert lost["state"] == "unack"
    finally:
        gateway.stop()
        listener.close()


def test_without_mqtt_5_the_will_is_spoken_at_once(mosquitto) -> None:
    listener = Listener(mosquitto.port)
    node = node_on(mosquitto.port, "3.1.1")
    try:
        with measuring(node):
            wait_for(lambda: states(listener) == ["online"], 10, "it is here")
            node.set_fault("unplugged")
            wait_for(lambda: states(listener)[-1] == "offline", DELAY_S / 2, "3.1.1 knows no delay")
    finally:
        listener.close()


def test_the_delay_is_one_that_the_reference_names() -> None:
    assert 10 <= WILL_DELAY_S <= 30, "sensor protocols, section 12"
