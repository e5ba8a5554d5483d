"""Raw reply frames to readings: CRC, exceptions, whose answer it is, in any chunking and between any garbage."""

import struct

import pytest
from fastcrc import crc16
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.errors import ConfigError
from gateway.drivers.items import Frame, Item, Rejected
from gateway.drivers.modbus import ModbusDecoder
from gateway.drivers.modbus_catalogue import register_map
from gateway.drivers.modbus_frame import ReadRequest, find_reply, with_crc

XNX, WIND = register_map("honeywell-xnx"), register_map("renke-rs-fs")


def frame(*body: int) -> bytes:
    data = bytes(body)
    return data + struct.pack("<H", crc16.modbus(data))


ASK = bytes.fromhex("010300000001840a")
"""Read one holding register from 0 of unit 1; its CRC 0x0A84 by hand, low byte first (trap 11)."""
REPLY = frame(1, 3, 2, 0, 35)


def decode(data: bytes, request: bytes = b"", device=WIND) -> list[Item]:
    decoder = ModbusDecoder(device, request)
    return [*decoder.feed(data), *decoder.finish()]


def only(data: bytes, request: bytes = b"") -> Item:
    (item,) = decode(data, request)
    return item


def test_the_crc_stands_low_byte_first() -> None:
    assert frame(1, 3, 0, 0, 0, 1) == ASK
    assert ReadRequest(1, 3, 0, 1).frame() == ASK
    assert with_crc(b"123456789")[-2:] == bytes.fromhex("374b"), "catalogue: CRC-16/MODBUS, check value 4B37"


def test_a_reply_is_read_by_the_map_with_and_without_its_request() -> None:
    for request in (b"", ASK, ASK[:-2]):
        item = only(REPLY, request)
        assert isinstance(item, Frame)
        assert [(m.quantity, m.value, m.unit) for m in item.readings] == [("air_velocity", 3.5, "m/s")]


@pytest.mark.parametrize(
    ("data", "request_hex", "error", "words"),
    [
        (REPLY[:-2] + REPLY[:-3:-1], "", "checksum", "CRC"),  # high byte first
        (REPLY[:4] + b"\xff" + REPLY[5:], "", "checksum", "CRC"),
        (REPLY[:5], "", "truncated", "ends"),
        (b"\xde\xad\xbe\xef", "", "garbage", ""),
        (frame(1, 0x83, 2), "", "device", "exception 2: it has no such register"),
        (frame(1, 0x84, 1), "", "unsupported", "function 4"),  # refuses what this map never asks
        (frame(2, 3, 2, 0, 35), ASK.hex(), "unsupported", "unit 2"),  # trap 12: the late answer of another
        (frame(1, 4, 2, 0, 35), ASK.hex(), "unsupported", "function 4"),
        (frame(1, 3, 4, 0, 35, 0, 0), ASK.hex(), "unsupported", "2 registers; expected 1"),
        (frame(1, 3, 4, 0, 35, 0, 0), "", "unsupported", "2 registers; expected 1"),
    ],
)
def test_what_is_no_answer_says_why(data: bytes, request_hex: str, error: str, words: str) -> None:
    item = only(data, bytes.fromhex(request_hex))
    assert isinstance(item, Rejected)
    assert (item.offset, item.length, item.error) == (0, len(data), error)
    assert words in item.detail


def test_the_echo_of_the_request_is_told_and_costs_nothing() -> None:
    echo, reply = decode(ASK + REPLY, ASK)
    assert isinstance(echo, Frame)
    assert echo.info == {"unit": 1, "function": 3, "echo": True}
    assert isinstance(reply, Frame)
    assert reply.readings


def test_a_written_register_is_confirmed_by_its_own_bytes_only() -> None:
    command = frame(1, 6, 0, 1, 0, 3)
    assert isinstance(only(command, command), Frame)
    other = only(frame(1, 6, 0, 1, 0, 4), command)
    assert isinstance(other, Rejected)
    assert other.error == "unsupported"


def test_a_part_of_the_map_can_be_asked() -> None:
    gas = struct.pack(">f", 20.0)
    (item,) = decode(frame(5, 3, 4, *gas), frame(5, 3, 0, 2, 0, 2), XNX)
    assert isinstance(item, Frame)
    assert [(m.quantity, m.value, m.quality.word) for m in item.readings] == [("gas", 20.0, "uncertain")]


def test_registers_without_a_value_are_information() -> None:
    (item,) = decode(frame(5, 3, 2, 0x24, 5), frame(5, 3, 0, 0, 0, 1), XNX)
    assert isinstance(item, Frame)
    assert item.info == {"unit": 5, "function": 3, "words": [0x2405]}


@pytest.mark.parametrize("request_hex", ["01", "0103000000010000", "01630000000102", "ff" * 9])
def test_a_request_that_is_none_is_refused(request_hex: str) -> None:
    with pytest.raises(ConfigError, match="no Modbus request"):
        ModbusDecoder(WIND, bytes.fromhex(request_hex))


octet = st.integers(0, 255)
valid = st.builds(lambda unit, value: frame(unit, 3, 2, *value.to_bytes(2, "big")), st.integers(1, 247),
                  st.integers(0, 0xFFFF))  # fmt: skip
parts = st.one_of(valid, st.binary(max_size=12), valid.map(lambda f: f[:4]), st.just(ASK), st.just(frame(1, 0x83, 2)))


@settings(max_examples=150, deadline=None)
@given(
    stream=st.lists(parts, max_size=8).map(b"".join), cuts=st.lists(st.integers(0, 99), max_size=8),
    asked=st.booleans(),
)  # fmt: skip
def test_any_bytes_in_any_chunking(stream: bytes, cuts: list[int], asked: bool) -> None:
    request = ASK if asked else b""
    decoder = ModbusDecoder(WIND, request)
    items: list[Item] = []
    at = 0
    for cut in sorted(cuts):
        items += decoder.feed(stream[at : max(at, cut)])
        at = max(at, cut)
    items += [*decoder.feed(stream[at:]), *decoder.finish()]
    assert items == decode(stream, request)
    assert sum(item.length for item in items) == len(stream), "every byte is told of once"
    offset = 0
    for item in items:
        assert item.offset == offset
        offset += item.length


@settings(max_examples=150, deadline=None)
@given(before=st.binary(max_size=40), after=st.binary(max_size=10))
def test_an_answer_is_found_whatever_stands_around_it(before: bytes, after: bytes) -> None:
    request = ReadRequest(1, 3, 0, 1)
    found = find_reply(request, before + ASK + frame(2, 3, 2, 9, 9) + REPLY + after)
    assert found is not None
    at, length = found
    assert at + length <= len(before) + 8 + 7 + 7


@settings(max_examples=150, deadline=None)
@given(noise=st.binary(max_size=600))
def test_memory_is_bounded(noise: bytes) -> None:
    decoder = ModbusDecoder(WIND)
    for _ in range(5):
        decoder.feed(noise)
    assert len(decoder._scanner._buffer) < 256
