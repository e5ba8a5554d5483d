"""A Sparkplug node at a real gateway: births are asked for, gas is an alarm, archive is none, a death is a gap."""

import json
import time

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from firmware_sim.devices.connection import Broker
from firmware_sim.devices.sparkplug_node import SparkplugNode
from tests.end_to_end.mine import Gateway, Listener, ready, site_text, wait_for

pytestmark = [pytest.mark.xdist_group("end_to_end"), pytest.mark.timeout(120)]

SOURCE = """
[[sources]]
id = "plant"
kind = "mqtt"
topic = "spBv1.0/orex/#"
format = "sparkplug-b"
[[sensors]]
id = "co-plant"
zone = "frente-1"
quantity = "co"
source = "plant"
channel = "orex/nodo7/xam/co"
period_s = 1
full_scale = 1000
warm_up_s = 0
"""


def test_a_sparkplug_node_at_a_real_gateway(mosquitto, tmp_path) -> None:
    site = tmp_path / "site.toml"
    site.write_text(site_text(mosquitto.port, extra=SOURCE))
    air = {"co": 1.0}
    node = SparkplugNode(Broker("127.0.0.1", mosquitto.port), "orex", "nodo7", {"": (), "xam": ("co",)}, air.get, 0.3)
    states: list[bool] = []
    watcher = mqtt.Client(CallbackAPIVersion.VERSION2)
    watcher.on_message = lambda _c, _d, message: states.append(json.loads(message.payload)["online"])
    watcher.connect("127.0.0.1", mosquitto.port)
    watcher.subscribe("spBv1.0/STATE/+", qos=1)
    watcher.loop_start()
    listener = Listener(mosquitto.port)
    gateway = Gateway(site, tmp_path / "data")

    def turned(what):
        def turn():
            node.turn(time.monotonic(), time.time())
            return what()

        return turn

    def reading():
        return listener.newest.get("reading/co-plant", {})

    node.start()
    try:
        wait_for(turned(lambda: node._seq >= 3), 10, "the node was born before the gateway starts")
        node.set_fault("historical")
        gateway.start()
        ready(listener, 0.0)
        wait_for(lambda: states == [True], 10, "the host is online")
        wait_for(turned(lambda: node.births >= 2), 10, "the gateway asks for the births")
        air["co"] = 500.0
        began = time.monotonic()
        wait_for(turned(lambda: time.monotonic() - began > 6.5), 10, "archive of as long as gas needs to be an alarm")
        assert not any(topic == "alarm/co-plant.level" and body for _, topic, body in listener.heard)
        node.set_fault("none")
        alarm = wait_for(turned(lambda: listener.newest.get("alarm/co-plant.level")), 20, "gas is an alarm")
        assert (alarm["sensor"], alarm["priority"]) == ("co-plant", "evacuate")
        node.set_fault("unplugged")
        wait_for(lambda: reading().get("reason") == "stale", 10, "its death makes the value stale")
        assert reading()["quality"] == "bad"
        assert listener.newest["alarm/co-plant.level"]["state"] == "unack", "and clears nothing"
    finally:
        gateway.stop()
        wait_for(lambda: states[-1:] == [False], 10, "the host is offline")
        node.stop()
        listener.close()
        watcher.disconnect()
        watcher.loop_stop()
