"""SPS30 replies over SHDLC (sensor protocols, section 4). Checks are counted by hand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.drivers.items import Frame, Item, Rejected
from gateway.drivers.shdlc import unstuffed
from gateway.drivers.table import DRIVERS

SPEC = DRIVERS["sensirion-sps30"]
NAMES = ["pm1", "pm2_5", "pm4", "pm10", "nc0_5", "nc1", "nc2_5", "nc4", "nc10", "particle_size"]
# 03+14+05+0C+10+14+50+5F+60+61+62+02+58 = 278, low 78, inverse 87
WORDS = "00030014 0005000c00100014 0050005f006000610062 0258 87"


def items(data: str, request: str = "") -> list[Item]:
    decoder = SPEC.decoder(bytes.fromhex(request))
    return decoder.feed(bytes.fromhex(data)) + decoder.finish()


def frame(data: str, request: str = "") -> Frame:
    (item,) = items(data, request)
    assert isinstance(item, Frame)
    assert item.length == len(bytes.fromhex(data))
    return item


def body(*data: int) -> str:
    return (bytes(data) + bytes([~sum(data) & 0xFF])).hex()


def test_whole_numbers_have_their_size_in_nanometres() -> None:
    readings = frame(f"7e{WORDS}7e").readings
    assert [r.quantity for r in readings] == NAMES
    assert [r.value for r in readings] == [5, 12, 16, 20, 80, 95, 96, 97, 98, 0.6]
    assert [r.unit for r in readings] == ["ug/m3"] * 4 + ["1/cm3"] * 5 + ["um"]
    assert {r.quality.word for r in readings} == {"good"}


def test_floats() -> None:
    # 12.5 = 41480000: ten times 89 = 55A; 03+28+5A = 85, inverse 7A
    readings = frame("7e00030028" + "41480000" * 10 + "7a7e").readings
    assert [r.value for r in readings] == [12.5] * 10


def test_stuffed_bytes_are_undone_in_one_pass() -> None:
    # words 7E 7D 11 13, then five ones, then 600: 03+14+FB+24+05+5A = 195, low 95, inverse 6A
    stuffed = "7e 00030014 007d5e 007d5d 007d31 007d33 00010001000100010001 0258 6a 7e"
    assert [r.value for r in frame(stuffed).readings][:4] == [126, 125, 17, 19]
    # 11 and 13 as they are: the datasheet itself prints some
    bare = stuffed.replace("7d31", "11").replace("7d33", "13")
    assert [r.value for r in frame(bare).readings][:4] == [126, 125, 17, 19]
    # 7D 5D 5E is 7D 5E; replace() would make 7E of it
    assert unstuffed(bytes.fromhex("7d5d5e")) == bytes.fromhex("7d5e")
    assert unstuffed(bytes.fromhex("7d5d7d5e")) == bytes.fromhex("7d7e")


def test_two_frames_share_a_flag() -> None:
    first, second = items(f"7e{WORDS}7e{WORDS}7e")
    assert (first.offset, first.length) == (0, 27)
    assert (second.offset, second.length) == (27, 26)
    assert isinstance(second, Frame)


def test_an_empty_reply_is_no_new_value() -> None:
    answer = frame("7e00030000fc7e")
    assert (answer.readings, answer.info) == ((), {"reply": "03", "new_value": False})


def test_a_set_bit_7_takes_the_values_trust() -> None:
    readings = frame("7e" + WORDS.replace("00030014", "00038014").replace(" 87", " 07") + "7e").readings
    assert {(r.value, r.quality.word, r.reason.word) for r in readings} == {(None, "bad", "fault")}
    assert frame("7e000380007c7e").info == {"reply": "03", "new_value": False, "status_error": True}


def test_numbers_that_are_none() -> None:
    # NaN 7FC00000, infinity 7F800000, 1e10 = 501502F9, then 12.5
    data = "7fc00000" + "7f800000" + "501502f9" + "41480000" * 7
    readings = frame("7e" + body(0, 3, 0, 40, *bytes.fromhex(data)).replace("7d", "7d5d").replace("7e", "7d5e") + "7e")
    seen = [(r.value, r.quality.word, r.reason.word) for r in readings.readings]
    assert seen[:2] == [(None, "bad", "absurd")] * 2
    assert seen[2] == (pytest.approx(1e10), "bad", "absurd")
    assert seen[3] == (12.5, "good", None)


def test_the_end_of_the_range_is_a_floor_and_all_zero_is_a_start() -> None:
    words = [1000, 999, 1200, 5, 3000, 1, 1, 1, 1, 600]
    data = b"".join(word.to_bytes(2, "big") for word in words)
    seen = {r.quantity: (r.quality.word, r.reason.word) for r in frame("7e" + body(0, 3, 0, 20, *data) + "7e").readings}
    assert seen["pm1"] == seen["pm4"] == seen["nc0_5"] == ("uncertain", "over_range")
    assert seen["pm2_5"] == seen["particle_size"] == ("good", None)
    zero = frame("7e" + body(0, 3, 0, 20, *[0] * 20) + "7e").readings
    assert {(r.value, r.quality.word, r.reason.word) for r in zero} == {(0.0, "uncertain", "warming_up")}


@pytest.mark.parametrize(
    ("state", "words"), [(0x43, "not allowed"), (0x01, "length"), (0xC3, "not allowed"), (0x33, "does not name")]
)
def test_an_execution_error_is_the_devices(state: int, words: str) -> None:
    (item,) = items("7e" + body(0, 3, state, 0) + "7e")
    assert isinstance(item, Rejected)
    assert item.error == "device"
    assert words in item.detail


@pytest.mark.parametrize(
    ("data", "request_hex", "info"),
    [
        (body(0, 0, 0, 0), "", {"reply": "00"}),
        (
            body(0, 0xD1, 0, 7, 2, 3, 0, 6, 0, 2, 0), "",
            {"reply": "d1", "firmware": "2.3", "hardware": 6, "shdlc": "2.0"},
        ),
        (body(0, 0x80, 0, 4, 0, 9, 0x3A, 0x80), "", {"reply": "80", "interval_s": 604800}),
        (body(0, 0xD0, 0, 3, 0x41, 0x42, 0), "", {"reply": "d0", "text": "AB"}),
        (body(0, 0xD0, 0, 3, 0x41, 0x42, 0), "7e00d001032b7e", {"reply": "d0", "serial_number": "AB"}),
        (body(0, 0xD0, 0, 3, 0x41, 0x42, 0), "7e00d001002e7e", {"reply": "d0", "product_type": "AB"}),
        (
            body(0, 0xD2, 0, 5, 0, 0x20, 0, 0x30, 0), "",
            {"reply": "d2", "register": "00200030", "says": ["fan_speed", "laser", "fan_blocked"]},
        ),
        # the host's own frames, handed back: told apart by their length, or by the request where both forms fit
        (body(0, 3, 0), "", {"echo": "03"}),
        (body(0, 0, 2, 1, 3), "", {"echo": "000103"}),
        (body(0, 0xD2, 1, 0), "7e00d201002c7e", {"echo": "d200"}),
    ],
)  # fmt: skip
def test_frames_without_a_measurement(data: str, request_hex: str, info: dict[str, object]) -> None:
    answer = frame(f"7e{data}7e", request_hex)
    assert (answer.readings, answer.info) == ((), info)


def test_the_commands_have_their_checks() -> None:
    assert SPEC.poll_command == bytes.fromhex("7e" + body(0, 3, 0) + "7e")
    assert SPEC.start_command == bytes.fromhex("7e" + body(0, 0, 2, 1, 3) + "7e")
    assert SPEC.poll_s == 1.0


def stuffed(*data: int) -> bytes:
    told = bytes(data) + bytes([~sum(data) & 0xFF])
    return b"".join(bytes([0x7D, b ^ 0x20]) if b in (0x7E, 0x7D, 0x11, 0x13) else bytes([b]) for b in told)


ANSWERS = st.lists(st.integers(0, 255), min_size=20, max_size=20).map(lambda data: stuffed(0, 3, 0, 20, *data))
NOISE = st.lists(st.integers(0x80, 0xFF), max_size=30).map(bytes)  # no address 0: never a frame


@settings(max_examples=150, deadline=None)
@given(parts=st.lists(st.one_of(ANSWERS, NOISE), max_size=10))
def test_every_answer_between_two_flags_is_found_and_nothing_else(parts: list[bytes]) -> None:
    stream = b"\x7e".join(parts)
    found = [item for item in items(stream.hex()) if isinstance(item, Frame)]
    begins = [sum(len(part) + 1 for part in parts[:i]) for i in range(len(parts))]
    expected = [begin for begin, part in list(zip(begins, parts, strict=True))[1:-1] if part[:2] == b"\x00\x03"]
    # a frame begins at its flag, or behind it where the flag ended the frame before
    assert [item.offset + item.length for item in found] == [
        begin + len(part) + 1 for begin, part in zip(begins, parts, strict=True) if begin in expected
    ]
    assert all(item.offset in (begin - 1, begin) for item, begin in zip(found, expected, strict=True))
