"""What the link delivers, from a real Mosquitto with deploy/mosquitto.conf."""

import json
import time

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway.transports.mqtt_messages import Inbound
from tests.fixtures.link import ROOT, SENML, cut
from tests.fixtures.mosquitto import Mosquitto
from tests.fixtures.waiting import wait_for


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_reading_of_now_is_live_and_a_retained_one_is_not(mosquitto: Mosquitto, gateways, peers, protocol):
    node = peers(mosquitto.port, protocol=protocol)
    node.publish(ROOT + "node/old/senml", b"kept", retain=True)
    gateway = gateways(mosquitto.port, protocol).start()
    node.publish(SENML, b"now")
    wait_for(lambda: b"now" in gateway.payloads(), "the reading arrives")
    kept, now = gateway.messages
    assert (kept.payload, kept.retain, kept.backlog, kept.qos) == (b"kept", True, True, 1)
    assert (now.payload, now.retain, now.backlog, now.qos, now.connection) == (b"now", False, False, 1, 1)
    assert abs(time.monotonic_ns() - now.received_ns) < 10e9
    assert gateway.links[0][0] is True


def test_all_subscriptions_of_the_interface(mosquitto: Mosquitto, gateways, peers):
    gateway = gateways(mosquitto.port).start()
    node = peers(mosquitto.port)
    wanted = ["node/node7/senml", "node/node7/status", "request/acknowledge", "presence/ana", "presence/count/frente-1",
              "actuator/fan-1/state"]  # fmt: skip
    for topic in wanted:
        node.publish(ROOT + topic, b"x")
    for topic in ["alarm/a.level", "protocol/evacuation", "reading/a", "command/fan-1", "node/node7/ack"]:
        node.publish(ROOT + topic, b"x")
    node.publish(SENML, b"last")
    wait_for(lambda: b"last" in gateway.payloads(), "all have arrived")
    assert [m.topic.removeprefix(ROOT) for m in gateway.messages][:-1] == wanted


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_what_was_not_acknowledged_comes_again_as_backlog(mosquitto: Mosquitto, gateways, peers, protocol):
    gateway = gateways(mosquitto.port, protocol, acks=False).start()
    node = peers(mosquitto.port, protocol=protocol)
    for text in (b"a", b"b", b"c"):
        node.publish(SENML, text)
    wait_for(lambda: len(gateway.messages) == 3, "the three arrive")
    first = list(gateway.messages)
    gateway.link.ack(first[1])
    wait_for(lambda: gateway.link.counters.acked >= 2, "the acknowledgement is sent (the barrier has one too)")
    node.publish(SENML, b"d")  # an order mark: the broker has read the acknowledgement before it brings this back
    wait_for(lambda: len(gateway.messages) == 4, "d arrives")
    cut(gateway.link)
    wait_for(lambda: gateway.link.live and gateway.link.counters.connections == 2, "the link comes back")
    again = gateway.messages[4:]
    assert [(m.payload, m.backlog, m.connection) for m in again] == [
        (b"a", True, 2), (b"c", True, 2), (b"d", True, 2),
    ]  # fmt: skip
    assert all(m.backlog is False for m in first)


def test_an_acknowledgement_of_an_earlier_connection_is_never_sent(mosquitto: Mosquitto, gateways, peers):
    gateway = gateways(mosquitto.port, acks=False).start()
    node = peers(mosquitto.port)
    node.publish(SENML, b"a")
    wait_for(lambda: len(gateway.messages) == 1, "a arrives")
    cut(gateway.link)
    wait_for(lambda: len(gateway.messages) == 2, "a arrives again")
    stale = gateway.messages[0]
    before = gateway.link.counters.acks_stale
    gateway.link.ack(stale)
    wait_for(lambda: gateway.link.counters.acks_stale == before + 1, "it is counted")
    cut(gateway.link)
    wait_for(lambda: len(gateway.messages) == 3, "the broker still keeps a: nothing confirmed it")
    gateway.link.ack(gateway.messages[2])
    wait_for(lambda: gateway.link.live and gateway.link.counters.acks_stale == before + 1, "the right one is sent")


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_the_barrier_parts_what_waited_from_what_is_new(mosquitto: Mosquitto, gateways, peers, protocol):
    gateways(mosquitto.port, protocol).start().die()
    node = peers(mosquitto.port, protocol=protocol)
    for number in range(500):
        node.publish(SENML, f"{number}".encode())
    gateway = gateways(mosquitto.port, protocol).start()
    node.publish(SENML, b"new")
    wait_for(lambda: b"new" in gateway.payloads(), "the new one arrives")
    assert gateway.payloads(backlog=True) == [f"{number}".encode() for number in range(500)]
    assert gateway.payloads(backlog=False) == [b"new"]


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_own_state_is_remembered_once_and_then_left_alone(mosquitto: Mosquitto, gateways, peers, protocol):
    other = peers(mosquitto.port, protocol=protocol)
    kept = {"alarm/co.level": b"alarm", "protocol/evacuation": b"evacuate", "actuator/fan-1/state": b"fan"}
    for topic, payload in kept.items():
        other.publish(ROOT + topic, payload, retain=True)
    gateway = gateways(mosquitto.port, protocol)
    gateway.link.start()
    gateway.link.publish(ROOT + "alarm/new.level", b"ours", retain=True)
    wait_for(lambda: gateway.link.live and gateway.remembered, "remembered")
    [(messages, complete)] = gateway.remembered
    assert complete
    assert {m.topic.removeprefix(ROOT): m.payload for m in messages} == kept
    assert all(m.retain for m in messages)
    other.publish(ROOT + "alarm/co.level", b"later", retain=True)
    other.publish(SENML, b"mark")
    wait_for(lambda: b"mark" in gateway.payloads(), "the mark arrives")
    assert [m.topic for m in gateway.messages] == [ROOT + "actuator/fan-1/state", SENML]
    cut(gateway.link)
    wait_for(lambda: gateway.link.counters.connections == 2 and gateway.link.live, "the link comes back")
    assert len(gateway.remembered) == 1
    again = [m.topic for m in gateway.messages[2:] if m.payload != b"mark"]  # its acknowledgement may have been cut off
    assert again == [ROOT + "actuator/fan-1/state"]


def test_a_request_keeps_its_mqtt_5_address(mosquitto: Mosquitto, gateways, peers):
    gateway = gateways(mosquitto.port).start()
    api = peers(mosquitto.port)
    properties = Properties(PacketTypes.PUBLISH)
    properties.ResponseTopic = "answers/1"
    properties.CorrelationData = b"42"
    properties.ContentType = "application/json"
    api.client.publish(ROOT + "request/acknowledge", b"{}", qos=1, properties=properties)
    wait_for(lambda: gateway.messages, "the request arrives")
    request = gateway.messages[0]
    assert (request.response_topic, request.correlation, request.content_type) == (
        "answers/1", b"42", "application/json",
    )  # fmt: skip


def test_a_callback_that_fails_ends_nothing_and_confirms_nothing(mosquitto: Mosquitto, gateways, peers, caplog):
    seen: list[Inbound] = []

    def poisoned(inbound: Inbound) -> None:
        seen.append(inbound)
        if inbound.payload == b"poison":
            raise RuntimeError("cannot bear it")
        gateway.link.ack(inbound)

    gateway = gateways(mosquitto.port, on_message=poisoned).start()
    node = peers(mosquitto.port)
    for text in (b"poison", b"poison", b"food"):
        node.publish(SENML, text)
    wait_for(lambda: len(seen) == 3, "the link goes on")
    assert gateway.link.counters.callback_errors == 2
    assert sum("could not be handled" in record.getMessage() for record in caplog.records) == 1
    cut(gateway.link)
    wait_for(lambda: gateway.link.counters.connections == 2 and gateway.link.live, "the link comes back")
    assert [m.payload for m in seen[3:]] == [b"poison", b"poison"]


def test_a_burst_is_delivered_ahead_of_its_acknowledgements(mosquitto: Mosquitto, gateways, peers):
    gateway = gateways(mosquitto.port, acks=False).start()
    node = peers(mosquitto.port)
    for number in range(5000):
        node.client.publish(SENML, f"{number}".encode(), qos=1)
    wait_for(lambda: len(gateway.messages) == 5000, "all 5,000 arrive although none is acknowledged", 60)
    assert gateway.payloads() == [f"{number}".encode() for number in range(5000)]
    before = gateway.link.counters.acked
    gateway.link.ack_all(gateway.messages)
    wait_for(lambda: gateway.link.counters.acked == before + 5000, "all are acknowledged", 60)
    cut(gateway.link)
    wait_for(lambda: gateway.link.counters.connections == 2 and gateway.link.live, "the link comes back")
    assert len(gateway.messages) == 5000


def test_the_status_document_is_opaque_to_the_link(mosquitto: Mosquitto, gateways, peers):
    watcher = peers(mosquitto.port, ROOT + "gateway/barrier")
    gateways(mosquitto.port).start()
    wait_for(lambda: watcher.messages, "the barrier is seen")
    assert json.loads(watcher.messages[0].payload)["connection"] == 1
