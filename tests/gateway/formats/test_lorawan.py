"""ChirpStack v4 and The Things Stack v3: only uplinks measure, times have nine digits, zero fields are absent."""

import json

import pytest

from gateway.domain.errors import FormatError
from gateway.formats.table import FORMATS

NOW = 1_795_000_000.0
EUI = "70b3d57ed0051f2a"
UP = f"application/5e8c/device/{EUI}/event/up"
TTN = "v3/orex@ttn/devices/gas-2/up"


def decode(name: str, topic: str, body: object) -> list[tuple[object, ...]]:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    return [tuple(value) for value in FORMATS[name].session()(topic, payload, NOW)]


def test_the_object_of_an_uplink_with_its_key_paths() -> None:
    body = {
        "deduplicationId": "x", "time": "2026-11-18T11:33:20.775023242+00:00", "deviceInfo": {"devEui": EUI},
        "data": "AQI=",
        "object": {"co": 12.5, "air": {"o2": "20.3", "temperature": "nan"}, "alarm": False, "no2": None,
                   "cells": [{"h2s": 1}], "text": "ok", "fan_running": True, "ch4": True},
        "rxInfo": [{"gatewayId": "a", "rssi": -97}, {"gatewayId": "b", "rssi": -110}],
    }  # fmt: skip
    time = 1_795_001_600.775023
    assert decode("chirpstack", UP, body) == [
        (EUI, "co", "co", 12.5, "ppm", time),
        (EUI, "air/o2", "o2", 20.3, "%vol", time),
        (EUI, "air/temperature", "temperature", None, "degC", time),
        (EUI, "alarm", None, False, None, time),
        (EUI, "no2", "no2", None, "ppm", time),
        (EUI, "cells/0/h2s", "h2s", 1.0, "ppm", time),
        (EUI, "text", None, "ok", None, time),
        (EUI, "fan_running", "fan_running", 1.0, "bool", time),
        (EUI, "ch4", None, True, None, time),
    ]


def test_what_is_absent_is_not_invented() -> None:
    assert decode("chirpstack", UP, {"deviceInfo": {"devEui": EUI}, "data": "AQI="}) == []
    assert decode("chirpstack", UP, {"object": {"co": 1}}) == [(EUI, "co", "co", 1.0, "ppm", None)]
    assert decode("chirpstack", "", {"object": {"co": 1}, "time": "2026-11-18T11:33:20"})[0][::5] == (None, None)
    assert decode("ttn", TTN, {"uplink_message": {"frm_payload": "AQI="}}) == []
    assert decode("ttn", TTN, {}) == []


@pytest.mark.parametrize("event", ["status", "join", "ack", "txack", "log", "location", "integration"])
def test_other_events_measure_nothing(event: str) -> None:
    assert decode("chirpstack", UP.replace("/up", f"/{event}"), {"object": {"co": 1}}) == []


def test_an_uplink_of_the_things_stack() -> None:
    body = {
        "end_device_ids": {"device_id": "gas-2", "application_ids": {"application_id": "orex"}, "dev_eui": EUI.upper()},
        "received_at": "2026-11-18T11:33:20.5Z",
        "uplink_message": {"f_port": 1, "frm_payload": "AQI=", "decoded_payload": {"co": 0, "gas": {"no2": 0.4}},
                           "rx_metadata": [{"rssi": -35}], "received_at": "2026-11-18T11:33:20.25Z"},
    }  # fmt: skip
    assert decode("ttn", TTN, body) == [
        ("gas-2", "co", "co", 0.0, "ppm", 1_795_001_600.5),
        ("gas-2", "gas/no2", "no2", 0.4, "ppm", 1_795_001_600.5),
    ]
    del body["received_at"]
    assert decode("ttn", TTN, body)[0][5] == 1_795_001_600.25
    assert decode("ttn", TTN.replace("/up", "/down/sent"), body) == []
    assert (
        decode("ttn", "v3/orex/devices/gas-2/up", {"uplink_message": {"decoded_payload": {"co": 1}}})[0][0] == "gas-2"
    )


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b'{"object":[1]}', b'{"object":{"co":NaN}}', b'{"object":' + b'{"a":' * 40 + b"1" + b"}" * 41],
)
def test_what_is_no_uplink_is_one_sentence(body: bytes) -> None:
    with pytest.raises(FormatError) as caught:
        decode("chirpstack", UP, body)
    assert caught.value.kind == "json"
    assert "\n" not in caught.value.detail


def test_numbers_that_no_float_holds_are_no_value() -> None:
    body = b'{"object":{"co":1e999,"no2":' + b"9" * 400 + b',"so2":"1e999","x":1e999}}'
    try:
        found = decode("chirpstack", UP, body)
    except FormatError:
        return  # the parser may refuse them
    assert [value[3] for value in found] == [None] * 4
