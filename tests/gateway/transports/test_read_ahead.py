"""Reading ahead of paho: every message comes once and whole, however the bytes are cut, plain or with properties."""

import contextlib
import socket
import struct
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt import MQTTException
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from gateway.transports.mqtt_client import ReadAhead

LEVELS = {"5": MQTTProtocolVersion.MQTTv5, "3.1.1": MQTTProtocolVersion.MQTTv311}
EXPIRY = b"\x05\x02\x00\x00\x00\x3c"  # message expiry interval of 60 s (MQTT 5.0, 3.3.2.3.3)


class Cut:
    """A socket that gives its bytes in pieces, and nothing between them."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces: deque[bytes | None] = deque()
        for piece in pieces:
            self._pieces += [piece, None]

    def recv(self, size: int) -> bytes:
        piece = self._pieces.popleft() if self._pieces else None
        if piece is None:
            raise BlockingIOError
        if len(piece) > size:
            self._pieces.appendleft(piece[size:])
        return piece[:size]

    @property
    def empty(self) -> bool:
        return not self._pieces

    def close(self) -> None:
        pass


def length(size: int) -> bytes:
    out = bytearray()
    while True:
        size, digit = divmod(size, 128)
        out.append(digit | (0x80 if size else 0))
        if not size:
            return bytes(out)


def publish(level: str, topic: str, payload: bytes, qos: int, mid: int, properties: bytes, flags: int) -> bytes:
    name = topic.encode()
    body = len(name).to_bytes(2, "big") + name + (mid.to_bytes(2, "big") if qos else b"")
    body += (properties or b"\x00") if level == "5" else b""
    return bytes([0x30 | qos << 1 | flags]) + length(len(body) + len(payload)) + body + payload


messages = st.tuples(
    st.sampled_from(["a", "bocamina/v1/orex-01/node/n1/senml", "ñandú/" + "x" * 200]),
    st.binary(max_size=30) | st.just(b"x" * 20_000), st.integers(0, 1), st.integers(1, 65535),
    st.sampled_from([b"", b"", EXPIRY]), st.sampled_from([0, 1, 8, 9]),
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(["5", "3.1.1"]), st.lists(messages, max_size=12), st.data())
def test_however_the_bytes_are_cut_every_message_comes_once_in_its_order(level, sent, data) -> None:
    ping = b"\xd0\x00"
    stream = b"".join(publish(level, *one) + (ping if n % 3 == 0 else b"") for n, one in enumerate(sent))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True) if a < b]
    got: list[tuple] = []
    client = ReadAhead(CallbackAPIVersion.VERSION2, protocol=LEVELS[level], manual_ack=True)
    client.on_plain = lambda mid, qos, dup, retain, topic, payload: got.append((topic, payload, qos, mid, dup, retain))
    client.on_message = lambda _c, _d, m: got.append((m.topic, bytes(m.payload), m.qos, m.mid, m.dup, m.retain))
    wire = Cut(pieces)
    client._sock = wire
    while not wire.empty or client.ahead:
        client.read(4)
    assert got == [(t, p, q, m if q else 0, bool(f & 8), bool(f & 1)) for t, p, q, m, _, f in sent]
    client._sock = None


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_raise_nothing_that_paho_alone_would_not(noise: bytes) -> None:
    client = ReadAhead(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5, manual_ack=True)
    client.on_plain = lambda *_: None
    client._sock = wire = Cut([noise])
    for _ in range(len(noise) + 5):
        if client._sock is None or (wire.empty and not client.ahead):
            break
        with contextlib.suppress(ValueError, IndexError, struct.error, MQTTException):  # the link ends the connection
            client.read(4)
    client._sock = None


def test_acknowledgements_of_many_messages_are_one_write() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        client = ReadAhead(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5, manual_ack=True)
        client._sock = ours
        client.ack_all([1, 256, 65535])
        client.ack_all([])
        assert theirs.recv(100).hex() == "4002000140020100" + "4002ffff"
        client._sock = None


@pytest.mark.parametrize("level", ["5", "3.1.1"])
def test_a_topic_that_is_no_text_is_left_to_paho(level) -> None:
    client = ReadAhead(CallbackAPIVersion.VERSION2, protocol=LEVELS[level], manual_ack=True)
    plain: list[object] = []
    others: list[object] = []
    client.on_plain = lambda *one: plain.append(one)
    client.on_message = lambda _c, _d, message: others.append(message.payload)
    body = b"\x00\x01\xff" + (b"\x00" if level == "5" else b"") + b"x"
    client._sock = Cut([b"\x30" + bytes([len(body)]) + body])
    client.read(4)
    assert (plain, [bytes(one) for one in others]) == ([], [b"x"])
    client._sock = None
