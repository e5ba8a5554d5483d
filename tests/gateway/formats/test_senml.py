"""SenML in JSON and CBOR (RFC 8428, and interfaces, `formats --json`)."""

import contextlib
import json
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.errors import FormatError
from gateway.domain.measurement import NamedValue
from gateway.domain.names import FORMAT_NAMES
from gateway.formats.senml import MAX_PAYLOAD, decode_senml_cbor, decode_senml_json
from gateway.formats.table import FORMATS

NOW = 1_800_000_000.0

LABELS = ["bs", "bv", "bu", "bt", "bn", "bver", "n", "u", "v", "vs", "vb", "s", "t", "ut", "vd"]
"""RFC 8428 table 4: the labels of −6 to 8."""


def values_of(decode: Callable[[bytes, float], list[NamedValue]], payload: bytes) -> list[NamedValue]:
    """The values of any payload, none for one that is refused: nothing but FormatError may come."""
    with contextlib.suppress(FormatError):
        return decode(payload, NOW)
    return []


def resolved(pack: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [tuple(value)[1:] for value in decode_senml_json(json.dumps(pack).encode(), NOW)]


def refused(payload: bytes, kind: str = "senml") -> str:
    with pytest.raises(FormatError) as caught:
        decode_senml_json(payload, NOW)
    assert caught.value.kind == kind
    assert "\n" not in caught.value.detail
    return caught.value.detail


def test_the_base_fields_of_the_rfc_hold_until_replaced() -> None:
    pack = [
        {"bn": "urn:dev:ow:10e2073a0108006:", "bt": 1.276020076001e9, "bu": "A", "bver": 5, "n": "voltage", "u": "V",
         "v": 120.1},
        {"n": "current", "t": -5, "v": 1.2},
        {"n": "current", "t": -4, "v": 1.3},
        {"bn": "x.", "bt": 0, "bu": "", "n": "temperature", "u": "Cel", "v": 21},
    ]  # fmt: skip
    assert resolved(pack) == [
        ("urn:dev:ow:10e2073a0108006:voltage", None, 120.1, "V", 1276020076.001),
        ("urn:dev:ow:10e2073a0108006:current", None, 1.2, "A", 1276020071.001),
        ("urn:dev:ow:10e2073a0108006:current", None, 1.3, "A", 1276020072.001),
        ("x.temperature", "temperature", 21.0, "degC", NOW),
    ]


@pytest.mark.parametrize(
    ("record", "quantity", "value", "unit"),
    [
        ({"n": "node7/co", "u": "ppm", "v": 25}, "co", 25.0, "ppm"),
        ({"n": "node7/co", "u": "ppb", "v": 250}, "co", 0.25, "ppm"),
        ({"n": "node7/co2", "u": "/100", "v": 0.04}, "co2", 400.0, "ppm"),
        ({"n": "ch4", "u": "/100", "v": 0.5}, "ch4", 0.5, "%vol"),
        ({"n": "o2", "u": "/", "v": 0.209}, "o2", 20.9, "%vol"),
        ({"n": "h2", "u": "ppm", "v": 100}, "h2", 0.01, "%vol"),
        ({"n": "humidity", "u": "/100", "v": 81}, "humidity", 81.0, "%RH"),
        ({"n": "humidity", "u": "%RH", "v": 81}, "humidity", 81.0, "%RH"),
        ({"n": "temperature", "u": "K", "v": 293.15}, "temperature", 20.0, "degC"),
        ({"n": "pressure", "u": "Pa", "v": 101325}, "pressure", 1013.25, "hPa"),
        ({"n": "pressure_diff", "u": "hPa", "v": 0.4}, "pressure_diff", 40.0, "Pa"),
        ({"n": "pm2_5", "u": "mg/m3", "v": 0.012}, "pm2_5", 12.0, "ug/m3"),
        ({"n": "dust_respirable", "u": "ug/m3", "v": 2900}, "dust_respirable", 2.9, "mg/m3"),
        ({"n": "air_velocity", "u": "km/h", "v": 3.6}, "air_velocity", 1.0, "m/s"),
        ({"n": "battery", "u": "mV", "v": 3700}, "battery", 3.7, "V"),
        ({"n": "fan_running", "vb": True}, "fan_running", 1.0, "bool"),
        ({"n": "co", "v": 5}, "co", 5.0, "ppm"),
        # what cannot be converted keeps its words and loses its quantity; the pack lives
        ({"n": "o2", "u": "%", "v": 1}, None, 1.0, "%"),
        ({"n": "co", "u": "mg/m3", "v": 29}, None, 29.0, "mg/m3"),
        ({"n": "co", "vb": True, "u": "ppm"}, None, True, "ppm"),
        ({"n": "co", "vs": "off", "u": "ppm"}, None, "off", "ppm"),
        ({"n": "nfc", "vd": "aGkgCg"}, None, "aGkgCg", None),
        ({"n": "co", "u": "ppm", "s": 12.5}, "co", None, "ppm"),
        ({"n": "eCO", "u": "ppm", "v": 5}, None, 5.0, "ppm"),
        ({"n": "frente-1.co", "u": "ppm", "v": 5}, "co", 5.0, "ppm"),
        ({"n": "node7-no2", "u": "ppm", "v": 5}, "no2", 5.0, "ppm"),
    ],
)
def test_quantities_and_units(record: dict[str, Any], quantity: str | None, value: Any, unit: str | None) -> None:
    ((name, got_quantity, got_value, got_unit, time),) = resolved([record])
    assert (name, got_quantity, got_unit, time) == (record["n"], quantity, unit, None)
    assert got_value == (pytest.approx(value) if type(value) is float else value)
    assert type(got_value) is type(value)


def test_base_value_is_added_and_only_to_numbers() -> None:
    pack = [{"bn": "n/", "bv": 20, "n": "a", "v": 1.5}, {"n": "b", "vs": "x"}, {"bv": -1, "n": "c", "v": 1}]
    assert [value for _, _, value, _, _ in resolved(pack)] == [21.5, "x", 0.0]


def test_a_missing_part_counts_nothing() -> None:
    assert [value for _, _, value, _, _ in resolved([{"bn": "n/", "bv": 20, "n": "a"}, {"n": "b", "v": 1}])] == [20, 21]
    assert [value for _, _, value, _, _ in resolved([{"bn": "n/", "bs": 3, "n": "a"}])] == [None]


@pytest.mark.parametrize(
    ("t", "expected"),
    [(0, NOW), (-60, NOW - 60), (5, NOW + 5), (2**28 - 1, NOW + 2**28 - 1), (2**28, float(2**28)), (4e9, 4e9)],
)
def test_times_below_2_28_are_relative_and_future_ones_are_kept(t: float, expected: float) -> None:
    assert resolved([{"n": "co", "v": 1, "t": t}])[0][-1] == expected
    assert resolved([{"bt": t, "n": "co", "v": 1}])[0][-1] == expected


def test_records_of_base_fields_only_say_nothing() -> None:
    assert resolved([{"bn": "n/"}, {"n": "co", "v": 1}]) == [("n/co", "co", 1.0, "ppm", None)]
    assert resolved([{"bn": "n/", "bver": 10, "future": [1]}]) == []


def test_unknown_labels_are_ignored_unless_they_must_be_understood() -> None:
    assert resolved([{"n": "co", "v": 1, "foo": {"deep": [1]}, "x-y": "z_"}]) == [("co", "co", 1.0, "ppm", None)]
    assert "foo_" in refused(b'[{"n":"co","v":1,"foo_":2}]')
    assert "foo_" in refused(b'[{"n":"co","v":1,"foo\\u005f":2}]')


@pytest.mark.parametrize(
    "payload",
    [
        b"[]", b"{}", b"3", b"[3]", b'[{"n":"co"}]', b'[{"n":"co","t":1}]', b'[{"bn":"n/","u":"ppm"}]',
        b'[{"n":"co","v":1,"vs":"x"}]', b'[{"n":"co","vs":"x","vb":true}]', b'[{"n":"co","v":"1"}]',
        b'[{"n":"co","v":null}]', b'[{"n":"co","v":true}]', b'[{"n":"co","vb":1}]', b'[{"v":1}]', b'[{"n":"","v":1}]',
        b'[{"n":"_co","v":1}]', b'[{"n":"c o","v":1}]', '[{"n":"monóxido","v":1}]'.encode(), b'[{"n":"co\\n","v":1}]',
        b'[{"bver":11,"n":"co","v":1}]', b'[{"bver":"5","n":"co","v":1}]', b'[{"bver":0,"n":"co","v":1}]',
        b'[{"n":"a","vd":"a"}]', b'[{"n":"a","vd":"aGk="}]', b'[{"n":"a","vd":"a+k"}]', b'[{"n":"co","v":1e999}]',
    ],
)  # fmt: skip
def test_a_broken_rule_refuses_the_pack_in_one_sentence(payload: bytes) -> None:
    refused(payload)


@pytest.mark.parametrize(
    "payload",
    [b"", b"co=1", b"[", b'[{"n":"co","v":NaN}]', b'[{"n":"co","v":Infinity}]', b'[{"n":"co","v":1}] x', b"\xff\xfe",
     b'[{"n":"co","v":1,"x":' + b"[" * 5000 + b"]" * 5000 + b"}]"],
)  # fmt: skip
def test_what_is_no_json_is_told_apart(payload: bytes) -> None:
    refused(payload, "json")


def test_a_payload_of_a_megabyte_is_refused_unread() -> None:
    assert "expected at most" in refused(b"[" + b" " * MAX_PAYLOAD + b"]")


# --- CBOR ---


def test_cbor_says_the_same_as_json() -> None:
    pack = [
        {-2: "node7/", -3: 1.276020076e9, -4: "ppm", -1: 10, 0: "co", 2: 12.5},
        {0: "no2", 2: 1, 6: -1.5},
        {0: "fan_running", 1: "bool", 4: True},
        {0: "firmware", 1: "", 3: "1.4"},
        {0: "raw", 1: "", 8: b"hi \n"},
        {0: "energy", 1: "J", 5: 2},
        {0: "half", 1: "V", 2: Decimal("1.25")},
    ]
    labels = dict(zip(range(-6, 9), LABELS, strict=True))
    same = [{labels[key]: "aGkgCg" if key == 8 else value for key, value in record.items()} for record in pack]
    assert decode_senml_cbor(cbor2.dumps(pack), NOW) == decode_senml_json(json.dumps(same, default=float).encode(), NOW)


def test_indefinite_lengths_and_text_labels_are_read() -> None:
    assert decode_senml_cbor(bytes.fromhex("9fbf0062636f0205ffff"), NOW) == [
        NamedValue(None, "co", "co", 5.0, "ppm", None)
    ]
    assert decode_senml_cbor(cbor2.dumps([{"n": "co", "v": 5, "x": 1, 77: 2}]), NOW)[0].value == 5.0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10**400, Decimal("1e999999")])
def test_nan_and_infinity_are_no_value(value: Any) -> None:
    payload = cbor2.dumps([{0: "co", 1: "ppm", 2: value}])
    if isinstance(value, int):  # a big number is a tag
        with pytest.raises(FormatError):
            decode_senml_cbor(payload, NOW)
    else:
        assert decode_senml_cbor(payload, NOW) == [NamedValue(None, "co", "co", None, "ppm", None)]


@pytest.mark.parametrize(
    "pack",
    [
        {0: "co", 2: 1}, [], [1], [{0: "co"}], [{0: "co", 2: "1"}], [{0: "co", 2: True}], [{0: 1, 2: 1}],
        [{0: "co", 2: 1, 6: math.nan}], [{0: "co", 2: 1, "must_": 1}], [{0: "co", 8: "text"}], [{0: "co", 4: 1}],
        [{0: "co", 2: 1, "v": 2}], [{-1: 10.0, 0: "co", 2: 1}], [{0: "co", 2: None}], [{0: "co", 2: [1]}],
    ],
)  # fmt: skip
def test_a_broken_rule_refuses_a_cbor_pack(pack: Any) -> None:
    with pytest.raises(FormatError) as caught:
        decode_senml_cbor(cbor2.dumps(pack), NOW)
    assert caught.value.kind == "senml"


@pytest.mark.parametrize(
    "payload",
    [
        "", "81", "81a20062636f020100", "81a30062636f02010202", "8b" * 300, "c11a5f5e1000", "d8236161",
        "81a20062636f02c249ffffffffffffffffff", "81a20062636f02c5821a3b9aca0001", "d81c80", "ff", "9bffffffffffffffff",
    ],
)  # fmt: skip
def test_dangerous_or_broken_cbor_is_refused(payload: str) -> None:
    with pytest.raises(FormatError):
        decode_senml_cbor(bytes.fromhex(payload), NOW)


@settings(max_examples=150, deadline=None)
@given(payload=st.binary(max_size=200))
def test_any_bytes_are_values_or_one_sentence(payload: bytes) -> None:
    for decode in (decode_senml_json, decode_senml_cbor):
        values_of(decode, payload)


labels = st.sampled_from([*LABELS, "x", "y_"])
values = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**30), 10**30), st.floats(), st.text(max_size=5), st.sampled_from(["co"])
)


@settings(max_examples=150, deadline=None)
@given(pack=st.lists(st.dictionaries(labels, values, max_size=5), max_size=4))
def test_any_pack_of_records_is_values_or_one_sentence(pack: list[dict[str, Any]]) -> None:
    for decode, payload in (
        (decode_senml_json, json.dumps(pack).encode()),
        (decode_senml_cbor, cbor2.dumps(pack)),
    ):
        for value in values_of(decode, payload):
            assert value.quantity is None or value.value is None or type(value.value) is float


def test_the_table_gives_sessions() -> None:
    decode = FORMATS["senml-json"].session()
    assert decode("any/topic", b'[{"n":"co","v":1}]', NOW)[0].quantity == "co"
    assert set(FORMATS) == set(FORMAT_NAMES)
