"""What every format promises: values or one FormatError, whatever arrives, and the next message is read as ever."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.domain.errors import FormatError
from gateway.domain.measurement import NamedValue
from gateway.formats.session import Session
from gateway.formats.table import FORMATS

NOW = 1_795_000_000.0
LEVEL = st.sampled_from(["", "a", "n", "SENSOR", "STATUS8", "LWT", "sensor", "state", "status", "event", "up", "node"])
TOPIC = st.one_of(
    st.lists(LEVEL, max_size=6).map("/".join),
    st.sampled_from(["spBv1.0/g/NBIRTH/n", "spBv1.0/g/NDATA/n", "spBv1.0/g/DDATA/n/d", "spBv1.0/STATE/h"]),
    st.sampled_from(["tele/n/SENSOR", "n/sensor/co/state", "application/1/device/e/event/up", "v3/a/devices/d/up"]),
    st.text(max_size=20),
)
KEYS = st.sampled_from(
    ["n", "v", "u", "bn", "bt", "t", "vs", "Time", "Epoch", "object", "deviceInfo", "devEui", "uplink_message", "co",
     "decoded_payload", "sensordatavalues", "value_type", "value", "esp8266id", "rco2", "StatusSNS", "received_at"]
)  # fmt: skip
LEAF = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=8),
    st.sampled_from(["nan", "1e999", "2026-11-18T06:33:20Z", "-0", "12.5"]),
)  # fmt: skip
TREE = st.recursive(
    LEAF, lambda below: st.lists(below, max_size=3) | st.dictionaries(KEYS, below, max_size=4), max_leaves=12
)
PAYLOAD = st.one_of(
    st.binary(max_size=60),
    TREE.map(lambda tree: json.dumps(tree).encode()),
    st.builds(lambda tree, at, byte: spoil(json.dumps(tree).encode(), at, byte), TREE, st.integers(0), st.binary()),
)


def spoil(payload: bytes, at: int, by: bytes) -> bytes:
    at %= len(payload) + 1
    return payload[:at] + by + payload[at + 1 :]


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=80, deadline=None)
@given(messages=st.lists(st.tuples(TOPIC, PAYLOAD), max_size=4))
@example(messages=[("n/sensor/co/state", b"\xff"), ("", b'[{"n":"\xff"}]'), ("", b'{"\xc3":1}'), ("", b"\x81\xff")])
def test_any_payload_is_values_or_one_sentence(name: str, messages: list[tuple[str, bytes]]) -> None:
    decode = FORMATS[name].session()
    for topic, payload in messages:
        try:
            values = decode(topic, payload, NOW)
        except FormatError as error:
            assert error.detail, "one sentence that says what is wrong"  # noqa: PT017
            assert "\n" not in error.detail  # noqa: PT017
            values = []
        assert all(isinstance(value, NamedValue) for value in values)
        if isinstance(decode, Session):
            aside = decode.aside()
            assert all(0 <= position < len(values) for position in aside.history)
            assert decode.aside() == type(aside)(), "said once"
