"""Winsen ZE03 frames (sensor protocols, section 5)."""

import pytest

from gateway.drivers.items import Frame, Rejected
from gateway.drivers.table import DRIVERS


def frame(*seven: int) -> bytes:
    return bytes([0xFF, *seven, -sum(seven) & 0xFF])


def read(data: bytes) -> list[tuple[str, float | None, str | None, str, str | None]]:
    decoder = DRIVERS["winsen-ze03"].decoder()
    items = decoder.feed(data) + decoder.finish()
    assert all(isinstance(item, Frame) for item in items)
    return [
        (r.quantity, r.value, r.unit, r.quality.word, r.reason.word)
        for item in items
        if isinstance(item, Frame)
        for r in item.readings
    ]


def test_carbon_monoxide_by_hand() -> None:
    # FF 04 03 00 00 19 03 E8: 04+03+19+03+E8 = 10B, low byte 0B, inverse F4, + 1 = F5
    assert read(bytes.fromhex("ff040300001903e8f5")) == [("co", 25.0, "ppm", "good", None)]


@pytest.mark.parametrize(
    ("seven", "expected"),
    [
        ((0x2C, 3, 1, 0, 31, 0, 200), ("no2", 3.1, "ppm", "good", None)),
        ((0x2B, 3, 2, 0, 31, 7, 208), ("so2", 0.31, "ppm", "good", None)),
        ((0x17, 4, 0, 0, 120, 0x13, 0x88), ("ch2o", 0.12, "ppm", "good", None)),  # ppb
        ((0x06, 3, 0, 0, 100, 3, 0xE8), ("h2", 0.01, "%vol", "good", None)),
        ((0x45, 3, 1, 0, 5, 0, 200), ("ph3", 0.5, "ppm", "good", None)),
        # oxygen is %vol whatever the unit byte says
        ((0x05, 3, 1, 0, 209, 0, 250), ("o2", 20.9, "%vol", "good", None)),
        ((0x05, 5, 1, 0, 209, 0, 250), ("o2", 20.9, "%vol", "good", None)),
        ((0x05, 0, 2, 8, 42, 9, 196), ("o2", 20.9, "%vol", "good", None)),
        # at the end of the range that the frame itself names
        ((0x04, 3, 0, 3, 0xE8, 3, 0xE8), ("co", 1000.0, "ppm", "uncertain", "over_range")),
        ((0x04, 3, 0, 4, 0xE8, 3, 0xE8), ("co", 1256.0, "ppm", "uncertain", "over_range")),
        ((0x04, 3, 0, 4, 0xE8, 0, 0), ("co", 1256.0, "ppm", "good", None)),  # names none
    ],
)
def test_gases_units_and_ranges(seven: tuple[int, ...], expected: tuple[object, ...]) -> None:
    (got,) = read(frame(*seven))
    assert got == (expected[0], pytest.approx(expected[1]), *expected[2:])


def test_a_checksum_that_wraps_to_zero_is_right() -> None:
    data = frame(0x04, 3, 0, 0, 0xF9 - 0x00, 0, 0)
    assert data[-1] == 0
    assert read(data) == [("co", 249.0, "ppm", "good", None)]


@pytest.mark.parametrize("seven", [(0x04, 7, 0, 0, 1, 0, 9), (0x04, 3, 9, 0, 1, 0, 9), (0x77, 3, 0, 0, 1, 0, 9)])
def test_an_unknown_gas_unit_or_scale_is_never_guessed(seven: tuple[int, ...]) -> None:
    (item, *_) = DRIVERS["winsen-ze03"].decoder().feed(frame(*seven) + frame(4, 3, 0, 0, 1, 3, 0xE8))
    assert isinstance(item, Rejected)
    assert item.error == "unsupported"
    assert "expected" in item.detail


def test_a_read_answer_has_the_gas_of_the_last_upload() -> None:
    answer = frame(0x86, 0, 209, 0, 0, 0, 0)
    decoder = DRIVERS["winsen-ze03"].decoder()
    (alone,) = decoder.feed(answer)
    assert isinstance(alone, Frame)
    assert alone.readings == ()
    assert alone.info == {"reply": "86", "raw": 209, "gas": None}
    _, known = decoder.feed(frame(5, 5, 1, 0, 200, 0, 250) + answer)
    assert isinstance(known, Frame)
    assert (known.readings[0].quantity, known.readings[0].value) == ("o2", 20.9)


@pytest.mark.parametrize(
    ("data", "info"),
    [
        ("ff0186000000000079", {"echo": "860000000000"}),
        ("ff78010000000000 87", {"reply": "78", "data": "010000000000"}),
    ],
)
def test_an_echo_or_a_reply_is_no_measurement(data: str, info: dict[str, str]) -> None:
    (item,) = DRIVERS["winsen-ze03"].decoder().feed(bytes.fromhex(data))
    assert isinstance(item, Frame)
    assert (item.readings, item.info) == ((), info)


def test_the_start_command_asks_for_active_upload_and_never_for_a_zero_calibration() -> None:
    command = DRIVERS["winsen-ze03"].start_command
    assert command == bytes.fromhex("ff0178400000000047")
    assert -sum(command[1:8]) & 0xFF == command[8]
