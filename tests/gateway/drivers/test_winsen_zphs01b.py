"""Winsen ZPHS01B, eleven channels in 26 bytes (sensor protocols, section 5)."""

import pytest

from gateway.drivers.items import Frame, Item, Rejected
from gateway.drivers.table import DRIVERS


def answer(words: list[int], grade: int = 0) -> bytes:
    """PM1 PM2.5 PM10 CO2 | grade | T RH CH2O CO O3 NO2 reserved."""
    halves = [word.to_bytes(2, "big") for word in words]
    body = b"\xff\x86" + b"".join(halves[:4]) + bytes([grade]) + b"".join(halves[4:]) + b"\x00\x00"
    return body + bytes([-sum(body[1:]) & 0xFF])


def items(data: bytes) -> list[Item]:
    decoder = DRIVERS["winsen-zphs01b"].decoder()
    return decoder.feed(data) + decoder.finish()


def read(data: bytes) -> dict[str, tuple[float | None, str | None, str, str | None]]:
    (item,) = items(data)
    assert isinstance(item, Frame), item
    assert (item.offset, item.length) == (0, 26)
    return {
        r.quantity: (r.value if r.value is None else round(r.value, 4), r.unit, r.quality.word, r.reason.word)
        for r in item.readings
    }


def test_every_channel_by_hand() -> None:
    data = bytes.fromhex("ff86 0007 000c 0013 0258 02 02c6 0037 0022 007d 0004 0009 0000 4d")
    # 86+07+0C+13 = AC, +02+58+02 = 108, +02+C6+37+22 = 229, +7D+04+09 = 2B3; low byte B3, inverse 4C, + 1 = 4D
    assert read(data) == {
        "pm1": (7.0, "ug/m3", "good", None),
        "pm2_5": (12.0, "ug/m3", "good", None),
        "pm10": (19.0, "ug/m3", "good", None),
        "co2": (600.0, "ppm", "good", None),
        "voc_grade": (2.0, None, "good", None),
        "temperature": (21.0, "degC", "good", None),  # 2C6 = 710
        "humidity": (55.0, "%RH", "good", None),
        "ch2o": (0.0277, "ppm", "good", None),  # 34 µg/m³ ÷ 30.026 g/mol × 24.465 l/mol
        "co": (12.5, "ppm", "good", None),
        "o3": (0.04, "ppm", "good", None),
        "no2": (0.09, "ppm", "good", None),
    }


def test_frost() -> None:
    assert read(answer([1, 1, 1, 400, 455, 20, 0, 0, 0, 0]))["temperature"] == (-4.5, "degC", "good", None)


def test_the_end_of_each_range_is_a_floor() -> None:
    seen = read(answer([1000, 1200, 999, 5000, 700, 100, 1965, 5000, 1000, 1000]))
    over = {name for name, (_, _, quality, reason) in seen.items() if (quality, reason) == ("uncertain", "over_range")}
    assert over == {"pm1", "pm2_5", "co2", "ch2o", "co", "o3", "no2"}


def test_clean_air_has_carbon_dioxide() -> None:
    clean = read(answer([0, 0, 0, 415, 700, 40, 0, 0, 0, 0]))
    assert {quality for _, _, quality, _ in clean.values()} == {"good"}
    no_co2 = read(answer([1, 2, 3, 0, 700, 40, 0, 0, 0, 0]))
    assert no_co2["co2"] == (None, "ppm", "bad", "fault")
    assert no_co2["co"][2] == "good"


def test_a_frame_of_zeros_is_a_module_that_has_not_measured() -> None:
    seen = read(answer([0] * 10))
    assert len(seen) == 11
    assert {(value, quality, reason) for value, _, quality, reason in seen.values()} == {(None, "bad", "fault")}


def test_the_answer_of_a_small_module_is_not_taken_for_one() -> None:
    small = bytes.fromhex("ff8602580000000020")
    (item,) = items(small)
    assert isinstance(item, Rejected)
    assert item.error == "truncated"
    (item,) = items(small * 3)
    assert isinstance(item, Rejected)
    assert item.error == "checksum"


@pytest.mark.parametrize(("data", "error"), [("ff040301007d1388e0", "unsupported"), ("ff040301007d1388e1", "checksum")])
def test_other_winsen_frames(data: str, error: str) -> None:
    (item,) = items(bytes.fromhex(data))
    assert isinstance(item, Rejected)
    assert item.error == error


def test_the_request_come_back_and_then_the_answer() -> None:
    request = DRIVERS["winsen-zphs01b"].poll_command
    assert request == bytes.fromhex("ff0186000000000079")
    echo, frame = items(request + answer([1, 2, 3, 400, 700, 40, 0, 0, 0, 0]))
    assert isinstance(echo, Frame)
    assert isinstance(frame, Frame)
    assert (echo.info, echo.length, frame.offset) == ({"echo": "860000000000"}, 9, 9)
