"""What MQTT 5 is used for beside the payload: properties of what we say, refused topics, retained requests."""

import json
from pathlib import Path

import pytest

from bocamina.aftermath import properties_of
from bocamina.inbound import MqttListener
from bocamina.service import GatewayService, _Subscription
from bocamina.site_file import parse_site
from gateway.domain.events import Counted, LinkState, Request
from gateway.domain.moment import SECOND_US, Moment
from gateway.transports.mqtt_messages import Inbound
from tests.end_to_end.mine import ROOT, Gateway, Listener, Node, every, ready, site_text, wait_for

UTC = 1_795_000_000 * SECOND_US


def test_a_refused_topic_is_a_lost_source_and_any_other_a_trouble_of_the_status(tmp_path: Path) -> None:
    service = GatewayService(parse_site(site_text(1883).encode()), "hash", tmp_path)
    moment = Moment(UTC, UTC)
    nodes, requests = f"{ROOT}node/+/senml", f"{ROOT}request/+"
    refused = service._events(_Subscription(nodes, False, "the broker refused it"), moment)
    assert refused == [LinkState("nodes", False, "the broker refused it")]
    assert service._events(_Subscription(requests, False, "refused too"), moment) == []
    assert service._troubles.down == {"nodes": "the broker refused it", requests: "refused too"}
    assert service._events(_Subscription(nodes, True, "granted"), moment) == [LinkState("nodes", True, "granted")]
    service._events(_Subscription(requests, True, "granted"), moment)
    assert service._troubles.down == {}


@pytest.mark.parametrize("reply_to", ["", f"{ROOT}reply/app"])
def test_a_retained_request_is_never_done(reply_to: str) -> None:
    listener = MqttListener(parse_site(site_text(1883).encode()))
    body = {"id": "1", "by": "ana", "role": "officer", "target": "", "args": {"action": "all_clear"},
            "reply_to": reply_to}  # fmt: skip
    message = Inbound(1, 1, 1, f"{ROOT}request/evacuation", json.dumps(body).encode(), True, 0, True)
    (event,) = listener.events(message, UTC)
    if reply_to:
        assert isinstance(event, Request)
        assert "retained request" in event.malformed
    else:
        assert isinstance(event, Counted)


def test_a_drill_is_told_by_a_property_as_well() -> None:
    assert properties_of({"drill": False})["user_properties"] == {"schema": "1"}
    assert properties_of({"drill": True}) == {
        "content_type": "application/json", "user_properties": {"schema": "1", "drill": "1"},
    }  # fmt: skip


@pytest.mark.xdist_group("end_to_end")
def test_what_the_gateway_says_carries_its_schema_and_a_command_its_expiry(mosquitto, tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text(site_text(mosquitto.port))
    listener = Listener(mosquitto.port)
    said: dict[str, object] = {}
    hear = listener._hear

    def keep(client, data, message) -> None:
        said[message.topic[len(ROOT) :]] = message.properties
        hear(client, data, message)

    listener._client.on_message = keep
    gateway = Gateway(site, tmp_path / "data").start()
    node = Node(mosquitto.port)
    try:
        ready(listener, 0.0)
        for _ in every(0.5, 8):
            node.send(co=500.0)
        wait_for(lambda: "command/siren-1" in said and "alarm/co-frente-1.level" in said, 10, "the alarm")
        wait_for(lambda: "node/node7/ack" in said, 10, "the node is told")
        for topic in ("command/siren-1", "alarm/co-frente-1.level", "node/node7/ack", "gateway/status"):
            assert said[topic].ContentType == "application/json", topic
            assert said[topic].UserProperty == [("schema", "1")], topic
        assert 0 < said["command/siren-1"].MessageExpiryInterval <= 60
    finally:
        node.close()
        gateway.stop()
        listener.close()
