"""The link against a real Mosquitto with deploy/mosquitto.conf."""

import json
import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator

import psutil
import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.domain.errors import ConfigError
from gateway.domain.site import Mqtt
from gateway.transports.mqtt_link import MqttLink
from gateway.transports.mqtt_messages import Inbound
from tests.fixtures.mosquitto import Mosquitto, free_port
from tests.fixtures.waiting import wait_for

ROOT = "bocamina/v1/orex-01/"
SENML = ROOT + "node/node7/senml"
OFFLINE = b'{"state":"offline"}'


class Gateway:
    """A link and what its callbacks were told. `acks` says whether messages are acknowledged as they come."""

    def __init__(self, port: int, protocol: str = "5", acks: bool = True, **options) -> None:
        self.messages: list[Inbound] = []
        self.links: list[tuple[bool, str]] = []
        self.remembered: list[tuple[tuple[Inbound, ...], bool]] = []
        self.acks = acks
        mqtt = Mqtt(host="127.0.0.1", port=port, protocol=protocol, **options.pop("mqtt", {}))
        self.link = MqttLink(
            "orex-01",
            mqtt,
            [ROOT + "node/+/senml"],
            on_message=options.pop("on_message", self._on_message),
            on_link=lambda up, detail: self.links.append((up, detail)),
            on_remembered=lambda messages, complete: self.remembered.append((messages, complete)),
            offline_status=OFFLINE,
            **options,
        )

    def _on_message(self, inbound: Inbound) -> None:
        self.messages.append(inbound)
        if self.acks:
            self.link.ack(inbound)

    def start(self, live: bool = True) -> "Gateway":
        self.link.start()
        if live:
            wait_for(lambda: self.link.live, "the barrier returns")
        return self

    def payloads(self, *, backlog: bool | None = None) -> list[bytes]:
        return [m.payload for m in list(self.messages) if backlog is None or m.backlog is backlog]

    def die(self) -> None:
        """As `kill -9` would: the socket is cut, nothing is said, and the link does not come back."""
        self.link._stopping.set()
        cut(self.link)
        self.link.stop()


def cut(link: MqttLink) -> None:
    """Break the TCP connection under the link."""
    sock = link._client.socket()
    assert sock is not None
    sock.shutdown(socket.SHUT_RDWR)


class Peer:
    """Another client of the broker: a node, an actuator, the web process."""

    def __init__(self, port: int, *filters: str, protocol: str = "5") -> None:
        self.messages: deque[MQTTMessage] = deque()
        level = MQTTProtocolVersion.MQTTv5 if protocol == "5" else MQTTProtocolVersion.MQTTv311
        self.client = Client(CallbackAPIVersion.VERSION2, protocol=level)
        self.client.on_message = lambda _c, _d, message: self.messages.append(message)
        ready = threading.Event()
        self.client.on_subscribe = lambda *_: ready.set()
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        if filters:
            self.client.subscribe([(text, 1) for text in filters])
            assert ready.wait(5)

    def publish(self, topic: str, payload: bytes | str, retain: bool = False, qos: int = 1) -> None:
        self.client.publish(topic, payload, qos=qos, retain=retain).wait_for_publish(5)

    def got(self, topic: str) -> list[bytes]:
        return [bytes(m.payload) for m in list(self.messages) if m.topic == topic]

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def peers() -> Iterator[Callable[..., Peer]]:
    made: list[Peer] = []

    def make(*args, **options) -> Peer:
        made.append(Peer(*args, **options))
        return made[-1]

    yield make
    for peer in made:
        peer.close()


@pytest.fixture
def gateways() -> Iterator[Callable[..., Gateway]]:
    made: list[Gateway] = []

    def make(*args, **options) -> Gateway:
        made.append(Gateway(*args, **options))
        return made[-1]

    yield make
    for gateway in made:
        gateway.link.stop()


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
    wait_for(lambda: gateway.link._outbox.unconfirmed == 0, "the broker has them")
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
    assert [m.topic for m in gateway.messages[2:]] == [ROOT + "actuator/fan-1/state"]


def test_the_last_will_speaks_for_a_dead_gateway_and_the_farewell_for_a_stopped_one(
    mosquitto: Mosquitto, gateways, peers
):
    watcher = peers(mosquitto.port, ROOT + "gateway/status")
    gateway = gateways(mosquitto.port, will_delay_s=0).start()
    gateway.link.publish(ROOT + "gateway/status", b"ready", retain=True)
    wait_for(lambda: watcher.got(ROOT + "gateway/status") == [b"ready"], "ready is seen")
    gateway.die()
    wait_for(lambda: watcher.got(ROOT + "gateway/status") == [b"ready", OFFLINE], "the will is seen")
    second = gateways(mosquitto.port).start()
    second.link.publish(ROOT + "gateway/status", b"ready", retain=True)
    second.link.stop()
    wait_for(lambda: watcher.got(ROOT + "gateway/status")[2:] == [b"ready", OFFLINE], "the farewell is seen")
    late = peers(mosquitto.port, ROOT + "gateway/status")
    wait_for(lambda: late.got(ROOT + "gateway/status") == [OFFLINE], "and kept")


def test_a_blink_of_the_network_does_not_send_the_will(mosquitto: Mosquitto, gateways, peers):
    watcher = peers(mosquitto.port, ROOT + "#")
    gateway = gateways(mosquitto.port, will_delay_s=5).start()
    cut(gateway.link)
    wait_for(lambda: gateway.link.counters.connections == 2 and gateway.link.live, "the link comes back")
    gateway.link.publish(ROOT + "zone/x", b"mark")
    wait_for(lambda: watcher.got(ROOT + "zone/x"), "the mark arrives")
    assert OFFLINE not in watcher.got(ROOT + "gateway/status")


def test_a_command_carries_its_expiry_and_waits_no_longer(mosquitto: Mosquitto, gateways, peers):
    fan = peers(mosquitto.port, ROOT + "command/#")
    gateway = gateways(mosquitto.port).start()
    gateway.link.publish(
        ROOT + "command/fan-1", b"60", expiry_s=30, user_properties={"drill": "1"}, response_topic="r", correlation=b"c"
    )
    wait_for(lambda: fan.messages, "the command arrives")
    properties = fan.messages[0].properties
    assert 28 <= properties.MessageExpiryInterval <= 30
    assert properties.UserProperty == [("drill", "1")]
    assert (properties.ResponseTopic, properties.CorrelationData) == ("r", b"c")
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


def test_a_topic_nobody_may_publish_on_is_refused_without_an_error(mosquitto: Mosquitto, gateways):
    gateway = gateways(mosquitto.port).start()
    for topic in ["", "a/+", "#", "a\0b"]:
        assert not gateway.link.publish(topic, b"x")
    assert gateway.link.live


def restrict(broker: Mosquitto, *rules: str) -> None:
    acl = broker.folder / "acl"
    acl.write_text("".join(f"topic {rule}\n" for rule in rules))
    broker.conf.write_text(broker.conf.read_text() + f"\nacl_file {acl}\n")
    broker.restart()


def test_a_barrier_that_may_not_return_is_told_and_leaves_history_only(mosquitto: Mosquitto, gateways, peers, caplog):
    restrict(mosquitto, f"readwrite {ROOT}node/#", f"write {ROOT}gateway/#")
    gateway = gateways(mosquitto.port).start(live=False)
    wait_for(lambda: gateway.link.counters.barriers_repeated, "the barrier is tried again")
    peers(mosquitto.port).publish(SENML, b"a")
    wait_for(lambda: gateway.messages, "the reading arrives")
    assert gateway.messages[0].backlog
    assert gateway.link.connected
    assert not gateway.link.live
    assert "does not return our own message" in caplog.text
    wait_for(lambda: gateway.remembered, "the start does not wait for ever")
    assert gateway.remembered == [((), False)]


def test_a_refused_message_is_told(mosquitto: Mosquitto, gateways, caplog):
    restrict(mosquitto, f"readwrite {ROOT}node/#")
    gateway = gateways(mosquitto.port).start(live=False)
    wait_for(lambda: gateway.link.counters.publishes_refused > 3, "refusals are counted")
    assert "it refused our message on 'bocamina/v1/orex-01/gateway/barrier' (Not authorized)" in caplog.text
    assert "another gateway" not in caplog.text


def test_a_refused_subscription_is_told(gateways, caplog):
    # Mosquitto's ACL file refuses no subscription (it filters what comes), so the broker's word is made up here.
    link = gateways(free_port()).link
    link._subscriptions[9] = ("a/b", "c/d")
    words = [ReasonCode(PacketTypes.SUBACK, identifier=code) for code in (0x87, 1)]
    link._subscribed(link._client, None, 9, words, None)
    assert link.counters.subscriptions_refused == 1
    assert "refused the subscription to 'a/b' (Not authorized)" in caplog.text


def test_a_source_topic_that_is_no_filter_is_refused_at_once():
    with pytest.raises(ConfigError, match="'a/#/b' is no MQTT filter"):
        MqttLink(
            "orex-01", Mqtt(), ["a/#/b"], on_message=print, on_link=print, on_remembered=print, offline_status=OFFLINE
        )


def test_wrong_log_in_is_a_sentence(mosquitto: Mosquitto, gateways, tmp_path):
    mosquitto.conf.write_text(mosquitto.conf.read_text().replace("allow_anonymous true", "allow_anonymous false"))
    mosquitto.restart()
    gateway = gateways(mosquitto.port).start(live=False)
    wait_for(lambda: gateway.links, "refused")
    assert "refused the connection (Not authorized)" in gateway.links[0][1]
    with pytest.raises(ConfigError, match="password_file"):
        gateways(mosquitto.port, mqtt={"username": "u", "password_file": str(tmp_path / "none")}).link.start()
    with pytest.raises(ConfigError, match="ca_file"):
        gateways(mosquitto.port, mqtt={"ca_file": str(tmp_path / "none")}).link.start()


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


def test_nothing_is_left_behind(mosquitto: Mosquitto, gateways):
    process = psutil.Process()
    gateways(mosquitto.port).start().link.stop()
    files, threads = process.num_fds(), threading.active_count()
    for _ in range(3):
        gateways(mosquitto.port).start().link.stop()
    assert (process.num_fds(), threading.active_count()) == (files, threads)


def test_stop_while_nobody_answers_is_quick(gateways):
    gateway = gateways(free_port()).start(live=False)
    wait_for(lambda: gateway.links, "the link has tried")
    started = time.monotonic()
    gateway.link.stop()
    assert time.monotonic() - started < 2.0


def test_the_status_document_is_opaque_to_the_link(mosquitto: Mosquitto, gateways, peers):
    watcher = peers(mosquitto.port, ROOT + "gateway/barrier")
    gateways(mosquitto.port).start()
    wait_for(lambda: watcher.messages, "the barrier is seen")
    assert json.loads(watcher.messages[0].payload)["connection"] == 1
