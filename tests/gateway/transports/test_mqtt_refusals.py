"""What the broker, or the link itself, refuses: one sentence each."""

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from gateway.domain.errors import ConfigError
from gateway.domain.site import Mqtt
from gateway.transports.mqtt_link import MqttLink
from tests.fixtures.link import OFFLINE, ROOT, SENML
from tests.fixtures.mosquitto import Mosquitto, free_port
from tests.fixtures.waiting import wait_for


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
    told: list[tuple[str, bool]] = []
    link = gateways(free_port(), on_subscription=lambda topic, granted, _detail: told.append((topic, granted))).link
    link._thread._subscriptions._asked[9] = ("a/b", "c/d")
    words = [ReasonCode(PacketTypes.SUBACK, identifier=code) for code in (0x87, 1)]
    link._thread._subscribed(link._thread._client, None, 9, words, None)
    assert link.counters.subscriptions_refused == 1
    assert "refused the subscription to 'a/b' (Not authorized)" in caplog.text
    assert told == [("a/b", False)], "what was never refused is no news"
    link._thread._subscriptions._asked[10] = ("a/b",)
    link._thread._subscribed(link._thread._client, None, 10, words[1:], None)
    assert told == [("a/b", False), ("a/b", True)]


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
