"""From messages and bytes to events: what is understood, what is counted, and that nothing ends the gateway."""

import json
import math

import cbor2
import msgspec
import pytest
from cobs import cobs
from fastcrc import crc16
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bocamina.engine import Engine
from bocamina.inbound import KEPT_PAYLOAD, MqttListener
from bocamina.serial_listener import SerialListener
from bocamina.site_file import parse_site
from gateway.domain.events import (
    ActuatorState,
    Counted,
    Delivery,
    HeadCount,
    NodeStatus,
    Pack,
    Presence,
    Request,
    Sample,
)
from gateway.domain.moment import NO_TIME, SECOND_US, Moment, parse_rfc3339
from gateway.domain.quality import Quality, Reason
from gateway.stores.packing import Step, pack_steps
from gateway.transports.mqtt_messages import Inbound
from tests.end_to_end.mine import ROOT, site_text

SITE = parse_site(site_text(1883, serial_port="/dev/ttyUSB0").encode())
CO, NO2 = 0, 1
UTC = parse_rfc3339("2026-11-23T07:00:00Z")


def message(topic: str, body: object, **more: object) -> Inbound:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {"qos": 1, "retain": False, "backlog": False} | more
    return Inbound(1, 1, topic=ROOT + topic, payload=payload, received_ns=0, **fields)


def heard(topic: str, body: object, **more: object):
    (event,) = MqttListener(SITE).events(message(topic, body, **more), UTC)
    return event


@pytest.mark.parametrize(
    "pack",
    [
        [{"bn": "node7/", "n": "co", "u": "ppm", "v": 26.0}],
        [{"n": "co", "v": 26.0}],
        [{"n": "node7/co", "v": 26.0}],
        [{"n": "node7:co", "v": 26.0}],
    ],
)
def test_however_a_node_names_its_channel_the_sensor_hears_it(pack) -> None:
    assert heard("node/node7/senml", pack) == Pack("nodes", "node7", (Sample(CO, 26.0),))


def test_a_pack_with_its_counters_its_times_and_a_stranger() -> None:
    pack = [{"bn": "node7/", "bt": 1_795_000_000, "n": "boot", "v": 3}, {"n": "seq", "v": 9}, {"n": "co", "v": 1.0},
            {"n": "no2", "t": 2, "v": 0.5}, {"n": "pony", "v": 1}]  # fmt: skip
    event = heard("node/node7/senml", pack)
    assert (event.boot, event.seq, event.unknown) == (3, 9, ("node7/pony",))
    assert event.samples == (
        Sample(CO, 1.0, 1_795_000_000 * SECOND_US), Sample(NO2, 0.5, 1_795_000_002 * SECOND_US),
    )  # fmt: skip


def test_a_value_in_a_unit_that_says_nothing_of_its_quantity_is_a_fault_never_a_number() -> None:
    event = heard("node/node7/senml", [{"n": "co", "u": "Cel", "v": 26.0}, {"n": "no2", "u": "mg/m3", "v": 1.0}])
    assert [(s.quality, s.reason, math.isnan(s.value)) for s in event.samples] == [
        (Quality.BAD, Reason.FAULT, True), (Quality.BAD, Reason.FAULT, True),
    ]  # fmt: skip


def test_text_where_a_number_belongs_is_a_fault() -> None:
    (sample,) = heard("node/node7/senml", [{"n": "co", "vs": "high"}]).samples
    assert (sample.quality, sample.reason) == (Quality.BAD, Reason.FAULT)


@pytest.mark.parametrize(
    ("how", "delivery"),
    [({}, Delivery.LIVE), ({"backlog": True}, Delivery.BACKLOG), ({"retain": True}, Delivery.RETAINED),
     ({"retain": True, "backlog": True}, Delivery.RETAINED)],
)  # fmt: skip
def test_only_what_came_after_the_barrier_and_was_not_kept_is_live(how, delivery) -> None:
    assert heard("node/node7/senml", [{"n": "co", "v": 1.0}], **how).delivery == delivery


@pytest.mark.parametrize("level", ["", "a\u00adb"])
def test_a_node_that_cannot_be_told_has_no_counters(level) -> None:
    event = heard(f"node/{level}/senml", [{"n": "boot", "v": 1}, {"n": "seq", "v": 2}, {"n": "co", "v": 5.0}])
    assert (event.boot, event.seq) == (None, None)
    engine = Engine(SITE, "hash")
    assert engine.step(Moment(UTC, UTC), [event]).acks == []


@pytest.mark.parametrize(
    ("topic", "body", "event"),
    [
        ("node/node7/status", {"state": "offline"}, NodeStatus("node7", online=False)),
        ("actuator/fan-1/state", {"setpoint": 60, "running": True, "speed_rpm": 900, "command_id": "fan-1-3"},
         ActuatorState("fan-1", 60.0, True, 900.0, "fan-1-3")),
        ("actuator/siren-1/state", {"setpoint": "warn", "running": 1}, ActuatorState("siren-1", "warn")),
        ("presence/ana", {"zone": None}, Presence("ana", None)),
        ("presence/ana", {"zone": "frente-1", "time": "2026-11-23T07:00:00Z"}, Presence("ana", "frente-1", UTC)),
        ("presence/count/frente-1", {"count": 0, "by": "ana"}, HeadCount("frente-1", 0, "ana")),
        ("request/reset", {"id": "1", "by": "ana", "target": "x.level", "reply_to": "r"},
         Request("1", "reset", "ana", "", "x.level", {}, "r")),
    ],
)  # fmt: skip
def test_documents_become_events(topic, body, event) -> None:
    assert heard(topic, body) == event


def test_a_request_is_answered_on_its_reply_to_and_where_mqtt_5_says() -> None:
    body = {"id": "1", "by": "ana", "target": "x"}
    asked = heard("request/reset", {**body, "reply_to": "here"}, response_topic="apps/7")
    assert (asked.reply_to, asked.response_topic) == ("here", "apps/7")


def test_whoever_asks_wrongly_and_can_be_answered_is_told() -> None:
    asked = heard("request/shelve", {"id": "1", "by": "ana", "args": [], "reply_to": "here"})
    assert asked.malformed == "'args' is a JSON list; expected an object"
    [(reply, request)] = Engine(SITE, "hash").step(Moment(UTC, UTC), [asked]).replies
    assert (reply.ok, reply.error, request.reply_to) == (False, asked.malformed, "here")


@pytest.mark.parametrize("wrong", [{}, {"id": None}, {"id": ""}, {"id": 5}, {"id": ["1"]}])
def test_a_request_without_an_id_of_its_own_is_told_and_never_carried_out(wrong) -> None:
    """It cannot be carried out once only: another of its kind would be taken for the same."""
    asked = heard("request/evacuation", {"by": "ana", "args": {"action": "start"}, "reply_to": "here"} | wrong)
    assert (asked.id, asked.args, asked.reply_to) == ("", {}, "here")
    decisions = Engine(SITE, "hash").step(Moment(UTC, UTC), [asked])
    [(reply, _)] = decisions.replies
    assert (reply.ok, decisions.requests) == (False, [])
    assert "'id' is" in reply.error


@pytest.mark.parametrize(
    ("topic", "body", "words"),
    [
        ("node/node7/status", {"state": "asleep"}, "expected online or offline"),
        ("node/node7/status", [], "expected an object"),
        ("actuator/fan-1/state", {"setpoint": True}, "expected a number"),
        ("actuator/fan-1/state", b'{"setpoint": 1%s}' % (b"0" * 400), "serialize"),
        ("actuator/fan-1/state", b'{"setpoint": NaN}', "malformed"),
        ("presence/ana", {}, "key 'zone' is missing"),
        ("presence/ana", {"zone": 5}, "expected a zone id or null"),
        ("presence/count/frente-1", {"count": True, "by": "ana"}, "expected a whole number"),
        ("presence/count/frente-1", {"count": 0.0, "by": "ana"}, "expected a whole number"),
        ("presence/count/frente-1", {"count": 0}, "'by' is None"),
        ("request/shelve", {"by": "ana"}, "'id' is None"),
        ("request/shelve", b'{"id": "\\ud800", "by": "ana"}', "escaped"),
        ("request/shelve", b"[" * 100_000, "recursion"),
        ("request/shelve", b"", "truncated"),
        ("pony/1", {}, "is of no source here"),
    ],
)
def test_what_cannot_be_read_is_counted_with_its_payload_and_one_sentence(topic, body, words) -> None:
    event = heard(topic, body)
    assert isinstance(event, Counted)
    assert words in event.detail
    assert event.payload == message(topic, body).payload[:KEPT_PAYLOAD]


def test_a_retained_document_that_is_taken_back_is_no_error() -> None:
    listener = MqttListener(SITE)
    (event,) = listener.events(message("node/node7/status", b""), UTC)
    assert event.kind == "removed"
    assert not listener.counts


def test_what_the_broker_remembers_of_us_is_of_the_topic_that_it_stands_on() -> None:
    listener = MqttListener(SITE)
    event = listener.remembered(
        [
            message("alarm/co-frente-1.level", {"alarm": "#", "condition": "level"}, retain=True),
            message("protocol/evacuation", {"state": "withdraw"}, retain=True),
            message("actuator/siren-1/state", {"setpoint": "warn"}, retain=True),
            message("alarm/no2-frente-1.level", b"[" * 100_000, retain=True),
            message("alarm/x.level", b"7", retain=True),
        ]
    )
    assert event.alarms == ({"alarm": "co-frente-1.level", "condition": "level"},)
    assert event.protocols == ({"protocol": "evacuation", "state": "withdraw"},)
    assert event.actuators == {"siren-1": {"setpoint": "warn"}}
    assert listener.counts["document"] == 2


TOPICS = st.sampled_from(
    ["node/node7/senml", "node/node7/status", "actuator/fan-1/state", "actuator/siren-1/state", "presence/ana",
     "presence/count/frente-1", "request/shelve", "request/blast", "request/evacuation", "request/presence",
     "request/manual_reading", "request/board", "request/emergency", "alarm/co-frente-1.level", "x"]
)  # fmt: skip
WORDS = st.sampled_from(
    ["id", "by", "role", "target", "args", "zone", "count", "time", "state", "setpoint", "minutes", "value",
     "officer", "ana", "frente-1", "action", "start", "fire", "2026-11-23T07:00:00Z"]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=6),
    max_leaves=12,
)
REQUEST = st.fixed_dictionaries({"id": WORDS, "by": WORDS, "role": WORDS, "target": WORDS, "args": JSON})


@settings(max_examples=250, deadline=None)
@given(TOPICS, st.binary(max_size=40) | (JSON | REQUEST).map(lambda body: json.dumps(body).encode()), st.booleans())
@example("request/shelve", b'{"id":"1","by":"ana","target":"x","args":{"minutes":1%s}}' % (b"0" * 30), False)
def test_no_message_ends_the_gateway_and_every_one_can_be_journaled_and_answered(topic, payload, retain) -> None:
    listener, moment = MqttListener(SITE), Moment(UTC, UTC)
    inbound = message(topic, payload, retain=retain)
    engine = Engine(SITE, "hash")
    for events in (listener.events(inbound, UTC), [listener.remembered([inbound])]):
        decisions = engine.step(moment, events)
        body, _ = pack_steps("hash", [Step(moment, events, decisions.rows)])
        assert body
        assert b"unwritable" not in body
        msgspec.json.encode([[reply.id, reply.error] for reply, _ in decisions.replies])
        msgspec.json.encode(decisions.documents)
        for request in decisions.requests:
            msgspec.msgpack.encode(request)
    msgspec.msgpack.encode(engine.dump())
    assert not engine.counts["software_fault"]


# --- Serial lines ----------------------------------------------------------------------------------------------------


def ze03(ppm: int) -> bytes:
    body = bytes([0x04, 0x03, 0x00, *ppm.to_bytes(2, "big"), *(1000).to_bytes(2, "big")])
    return b"\xff" + body + bytes([(-sum(body)) & 0xFF])


def test_frames_that_are_cut_anywhere_are_the_same_packs() -> None:
    stream = ze03(7) + ze03(500)
    whole = SerialListener(SITE, SITE.sources[1]).events(stream, UTC)
    assert [event.samples[0].value for event in whole] == [7.0, 500.0]
    listener = SerialListener(SITE, SITE.sources[1])
    assert [event for byte in stream for event in listener.events(bytes([byte]), UTC)] == whole


def test_half_a_frame_of_before_the_unplugging_is_not_glued_to_what_comes_after() -> None:
    listener = SerialListener(SITE, SITE.sources[1])
    listener.events(ze03(0)[:5], UTC)
    assert [event.kind for event in listener.ended()] == ["truncated"]
    (event,) = listener.events(ze03(500), UTC)
    assert event.samples[0].value == 500.0


def test_noise_on_the_line_is_counted() -> None:
    listener = SerialListener(SITE, SITE.sources[1])
    bad = bytearray(ze03(500))
    bad[4] ^= 0x40
    found = listener.events(bytes(bad) + ze03(3), UTC)
    assert [event.samples[0].value for event in found if isinstance(event, Pack)] == [3.0]
    assert [event.kind for event in found if isinstance(event, Counted)] == ["checksum"]


@pytest.fixture
def node_line() -> SerialListener:
    text = site_text(1883, serial_port="/dev/ttyUSB0").replace("winsen-ze03", "bocamina-node")
    text = text.replace('source = "co-line"\nchannel = "co"', 'source = "co-line"\nchannel = "n9/co"')
    site = parse_site(text.encode())
    return SerialListener(site, site.sources[1])


def frame(*records: dict[int, object]) -> bytes:
    payload = cbor2.dumps(list(records))
    return cobs.encode(payload + crc16.ibm_3740(payload).to_bytes(2, "big")) + b"\x00"


def test_a_node_on_a_cable_has_counters_times_and_strangers(node_line) -> None:
    (event,) = node_line.events(
        frame({-2: "n9/", 0: "co", 2: 5.0, 6: -3.0}, {0: "boot", 2: 1}, {0: "seq", 2: 2}, {0: "pony", 2: 1}), UTC
    )
    assert (event.node, event.boot, event.seq, event.unknown) == ("n9", 1, 2, ("n9/pony",))
    assert [(s.value, s.source_us) for s in event.samples] == [(5.0, UTC - 3 * SECOND_US)]


def test_a_node_without_a_name_has_no_counters(node_line) -> None:
    (event,) = node_line.events(frame({0: "co", 2: 5.0}, {0: "boot", 2: 1}, {0: "seq", 2: 2}), UTC)
    assert (event.node, event.boot, event.seq) == ("", None, None)


def test_a_time_that_no_clock_can_have_is_no_time(node_line) -> None:
    (event,) = node_line.events(frame({-2: "n9/", 0: "co", 2: 5.0, 6: 1e300}), UTC)
    (sample,) = event.samples
    assert (sample.source_us, sample.quality, sample.reason) == (NO_TIME, Quality.UNCERTAIN, Reason.CLOCK)


def test_two_sources_that_take_one_message_share_its_pack() -> None:
    text = site_text(1883) + """
[[sources]]
id = "others"
kind = "mqtt"
topic = "bocamina/v1/orex-01/node/+/#"
format = "senml-json"
[[sensors]]
id = "co2-frente-1"
zone = "frente-1"
quantity = "co2"
source = "others"
channel = "node7/co2"
"""
    site = parse_site(text.encode())
    body = json.dumps([{"n": "boot", "v": 1}, {"n": "seq", "v": 0}, {"n": "co", "v": 3}, {"n": "co2", "v": 900}])
    found = MqttListener(site).events(message("node/node7/senml", body.encode()), UTC)
    assert [type(event) for event in found] == [Pack]
    decided = Engine(site, "hash").step(Moment(UTC, UTC), found)
    names = {site.sensors[row[0]].id for row in decided.rows}
    assert names == {"co-frente-1", "co2-frente-1"}
