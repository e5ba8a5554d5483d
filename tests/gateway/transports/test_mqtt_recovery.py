"""The link, its broker and its network: each may go and come back."""

import logging
import socket
import subprocess
import sys
import time

import pytest

from tests.fixtures.leaks import assert_no_more_than, held
from tests.fixtures.link import OFFLINE, ROOT, SENML, cut
from tests.fixtures.mosquitto import Mosquitto, free_port
from tests.fixtures.waiting import wait_for


def test_the_broker_restarts_with_its_store(mosquitto: Mosquitto, gateways, peers):
    gateway = gateways(mosquitto.port, acks=False).start()
    node = peers(mosquitto.port)
    gateway.link.publish(ROOT + "gateway/status", b"ready", retain=True)
    node.publish(SENML, b"before")
    wait_for(lambda: len(gateway.messages) == 1, "the first arrives")
    node.close()
    mosquitto.restart()
    wait_for(lambda: gateway.link.counters.connections == 2 and gateway.link.live, "the link comes back")
    second = peers(mosquitto.port, ROOT + "gateway/status")
    second.publish(SENML, b"after")
    wait_for(lambda: b"after" in gateway.payloads(), "subscribed again")
    assert gateway.payloads(backlog=True) == [b"before"]
    assert gateway.payloads(backlog=False) == [b"before", b"after"]
    wait_for(lambda: second.got(ROOT + "gateway/status") == [b"ready"], "the status is published again")
    assert [up for up, _ in gateway.links] == [True, False, True]


def test_a_broker_that_forgot_everything_is_told_again(mosquitto: Mosquitto, gateways, peers):
    gateway = gateways(mosquitto.port).start()
    gateway.link.publish(ROOT + "alarm/a.level", b"unack", retain=True)
    gateway.link.publish(ROOT + "alarm/b.level", b"unack", retain=True)
    gateway.link.publish(ROOT + "alarm/b.level", b"", retain=True)
    wait_for(lambda: gateway.link._thread.outbox.unconfirmed == 0, "the broker has them")
    mosquitto.stop()
    for file in mosquitto.folder.glob("*.db"):
        file.unlink()
    mosquitto.start()
    wait_for(lambda: gateway.link.counters.connections == 2 and gateway.link.live, "the link comes back")
    api = peers(mosquitto.port, ROOT + "alarm/+")
    wait_for(lambda: api.got(ROOT + "alarm/a.level") == [b"unack"], "the alarm is there again")
    assert api.got(ROOT + "alarm/b.level") == []


def test_no_broker_at_start_is_one_sentence_and_the_link_comes_when_it_does(mosquitto: Mosquitto, gateways, caplog):
    mosquitto.stop()
    caplog.set_level(logging.INFO, "gateway.transports")
    gateway = gateways(mosquitto.port).start(live=False)
    wait_for(lambda: gateway.links, "the link says that nobody answers")
    up, detail = gateway.links[0]
    assert not up
    assert f"127.0.0.1:{mosquitto.port}" in detail
    assert "expected a broker that speaks MQTT 5" in detail
    wait_for(lambda: gateway.remembered, "nothing is remembered within the deadline")
    assert gateway.remembered == [((), False)]
    mosquitto.start()
    wait_for(lambda: gateway.link.live, "the link comes")
    assert [up for up, _ in gateway.links] == [False, True]
    assert gateway.remembered == [((), False), ((), True)]
    assert len(caplog.records) == 2


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_the_last_will_speaks_for_a_dead_gateway_and_the_farewell_for_a_stopped_one(
    mosquitto: Mosquitto, gateways, peers, protocol
):
    watcher = peers(mosquitto.port, ROOT + "gateway/status")
    gateway = gateways(mosquitto.port, protocol).start()
    gateway.link.publish(ROOT + "gateway/status", b"ready", retain=True)
    wait_for(lambda: watcher.got(ROOT + "gateway/status") == [b"ready"], "ready is seen")
    gateway.die()
    wait_for(lambda: watcher.got(ROOT + "gateway/status") == [b"ready", OFFLINE], "the will is seen")
    second = gateways(mosquitto.port, protocol).start()
    second.link.publish(ROOT + "gateway/status", b"ready", retain=True)
    second.link.stop()
    wait_for(lambda: watcher.got(ROOT + "gateway/status")[2:] == [b"ready", OFFLINE], "the farewell is seen")
    late = peers(mosquitto.port, ROOT + "gateway/status")
    wait_for(lambda: late.got(ROOT + "gateway/status") == [OFFLINE], "and kept")


KILLED = """
import sys, time
from gateway.domain.site import Mqtt
from gateway.transports.mqtt_link import MqttLink
link = MqttLink("orex-01", Mqtt(host="127.0.0.1", port=int(sys.argv[1]), protocol=sys.argv[2]), [],
                on_message=id, on_link=lambda up, detail: None, on_remembered=lambda messages, complete: None,
                offline_status=b'{"state":"offline"}')
link.start()
link.publish("bocamina/v1/orex-01/gateway/status", b"ready", retain=True)
time.sleep(60)
"""

@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_killed_gateway_is_offline_within_a_second(mosquitto: Mosquitto, peers, protocol):
    watcher = peers(mosquitto.port, ROOT + "gateway/status")
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(mosquitto.port), protocol])
    try:
        wait_for(lambda: watcher.got(ROOT + "gateway/status") == [b"ready"], "ready is seen", 20)
    finally:
        process.kill()
    killed = time.monotonic()
    wait_for(lambda: watcher.got(ROOT + "gateway/status")[1:] == [OFFLINE], "the will is seen")
    assert time.monotonic() - killed < 1.0
    process.wait(10)


def test_after_a_blink_of_the_network_the_status_is_said_again_at_once(mosquitto: Mosquitto, gateways, peers):
    watcher = peers(mosquitto.port, ROOT + "gateway/status")
    gateway = gateways(mosquitto.port).start()
    gateway.link.publish(ROOT + "gateway/status", b"ready", retain=True)
    wait_for(lambda: watcher.got(ROOT + "gateway/status") == [b"ready"], "ready is seen")
    cut(gateway.link)
    wait_for(lambda: len(watcher.got(ROOT + "gateway/status")) == 3, "the will, and what is true again")
    assert watcher.got(ROOT + "gateway/status") == [b"ready", OFFLINE, b"ready"]
    late = peers(mosquitto.port, ROOT + "gateway/status")
    wait_for(lambda: late.got(ROOT + "gateway/status") == [b"ready"], "and kept")


def test_a_command_carries_its_expiry_and_waits_no_longer(mosquitto: Mosquitto, gateways, peers):
    fan = peers(mosquitto.port, ROOT + "command/#")
    gateway = gateways(mosquitto.port).start()
    gateway.link.publish(
        ROOT + "command/fan-1", b"60", expiry_s=30, user_properties={"drill": "1"}, response_topic="r",
        correlation=b"c", content_type="application/json",
    )  # fmt: skip
    wait_for(lambda: fan.messages, "the command arrives")
    properties = fan.messages[0].properties
    assert 28 <= properties.MessageExpiryInterval <= 30
    assert properties.UserProperty == [("drill", "1")]
    assert (properties.ResponseTopic, properties.CorrelationData) == ("r", b"c")
    assert properties.ContentType == "application/json"
    fan.close()
    mosquitto.stop()
    wait_for(lambda: not gateway.link.connected, "the broker is gone")
    assert gateway.link.publish(ROOT + "command/fan-1", b"expired", expiry_s=0.001)
    assert gateway.link.publish(ROOT + "command/fan-1", b"wanted", expiry_s=60)
    assert not gateway.link.publish(ROOT + "node/node7/ack", b"nobody waits for this")
    mosquitto.start()
    fan = peers(mosquitto.port, ROOT + "command/#", ROOT + "node/node7/ack")
    wait_for(lambda: fan.got(ROOT + "command/fan-1"), "the command arrives")
    assert fan.got(ROOT + "command/fan-1") == [b"wanted"]
    assert fan.got(ROOT + "node/node7/ack") == []
    assert gateway.link.dropped == 2


def test_something_that_is_no_broker_is_a_sentence(gateways):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        gateway = gateways(server.getsockname()[1]).start(live=False)
        stranger, _ = server.accept()
        with stranger:
            stranger.recv(100)
            stranger.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        wait_for(lambda: gateway.links, "the link gives up on it")
        assert gateway.links[0][0] is False


def test_two_gateways_with_one_identity_are_told_and_do_not_fight_fast(mosquitto: Mosquitto, gateways, caplog):
    one = gateways(mosquitto.port).start()
    two = gateways(mosquitto.port).start()
    wait_for(lambda: "does another gateway use the identity 'bocamina-orex-01'?" in caplog.text, "they are told", 20)
    assert one.link.counters.connections + two.link.counters.connections < 20


def test_nothing_is_left_behind(mosquitto: Mosquitto, gateways):
    gateways(mosquitto.port).start().link.stop()
    before = held()
    for _ in range(3):
        gateways(mosquitto.port).start().link.stop()
    assert_no_more_than(before)


def test_stop_while_nobody_answers_is_quick(gateways):
    gateway = gateways(free_port()).start(live=False)
    wait_for(lambda: gateway.links, "the link has tried")
    started = time.monotonic()
    gateway.link.stop()
    assert time.monotonic() - started < 2.0
