"""Cubic CM1106, frame by frame (sensor protocols, section 6)."""

import pytest

from gateway.drivers.items import Frame, Item, Rejected
from gateway.drivers.table import DRIVERS


def frame(*body: int) -> bytes:
    return bytes([*body, -sum(body) & 0xFF])


def items(data: bytes) -> list[Item]:
    decoder = DRIVERS["cubic-cm1106"].decoder()
    return decoder.feed(data) + decoder.finish()


def test_carbon_dioxide_by_hand() -> None:
    # 16+05+01+03+52 = 71; 100 − 71 = 8F; 352 = 850
    (item,) = items(bytes.fromhex("1605010352 0000 8f"))
    assert isinstance(item, Frame)
    (r,) = item.readings
    assert (r.quantity, r.value, r.unit, r.quality.word, item.info) == ("co2", 850.0, "ppm", "good", None)


@pytest.mark.parametrize(
    ("ppm", "status", "value", "quality", "reason"),
    [
        (800, 0x00, 800.0, "good", None),
        (800, 0xFF, 800.0, "good", None),  # the status bytes are not used
        (5000, 0, 5000.0, "uncertain", "over_range"),
        (0, 0, None, "bad", "fault"),
    ],
)
def test_states(ppm: int, status: int, value: float | None, quality: str, reason: str | None) -> None:
    (item,) = items(frame(0x16, 5, 1, *divmod(ppm, 256), status, 7))
    assert isinstance(item, Frame)
    (r,) = item.readings
    assert (r.value, r.quality.word, r.reason.word) == (value, quality, reason)


def test_a_sum_that_is_zero_without_help() -> None:
    data = frame(0x16, 5, 1, 0x01, 0xE3, 0, 0)
    assert data[-1] == 0
    (item,) = items(data)
    assert isinstance(item, Frame)
    assert item.readings[0].value == 483.0


@pytest.mark.parametrize(
    ("data", "info"),
    [
        (frame(0x11, 1, 1), {"echo": "01"}),
        (frame(0x11, 7, 0x10, 0x64, 2, 7, 1, 0x90, 0x64), {"echo": "10640207019064"}),
        (frame(0x16, 1, 0x10), {"reply": "10", "data": ""}),
        (frame(0x16, 12, 0x1E, *b"CM V0.0.20", 0), {"reply": "1e", "data": b"CM V0.0.20\0".hex()}),
        (frame(0x16, 11, 0x1F, *range(10)), {"reply": "1f", "data": bytes(range(10)).hex()}),
    ],
)
def test_echoes_and_other_answers_measure_nothing(data: bytes, info: dict[str, str]) -> None:
    (item,) = items(data)
    assert isinstance(item, Frame)
    assert (item.readings, item.info) == ((), info)


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (frame(0x16, 5, 1, 3, 0x52, 0, 0)[:-1] + b"\x11", "checksum", "expected 0x8f"),
        (frame(0x16, 5, 1, 3, 0x52, 0, 0)[:-1], "truncated", "ends after 7 bytes"),
        (frame(0x16, 17, 0x0B, *range(0x20, 0x30)), "unsupported", "another Cubic model"),
        (frame(0x16, 11, 0x01, *range(0x20, 0x2A)), "unsupported", "another Cubic model"),
        (frame(0x06, 2, 0x01, 2), "device", "unknown command"),
        (frame(0x06, 2, 0x10, 9), "device", "reason 0x09"),
        (frame(0x16, 0xFF, 1), "garbage", "no frame begins"),
        (b"\xff\x86\x02\x58\x00\x00\x00\x00\x20", "garbage", "no frame begins"),
    ],
)
def test_what_a_bad_run_is_called(data: bytes, error: str, words: str) -> None:
    (item,) = items(data)
    assert isinstance(item, Rejected)
    assert item.error == error
    assert words in item.detail


def test_a_lost_byte_costs_one_frame_only() -> None:
    good = frame(0x16, 5, 1, 3, 0x52, 0, 0)
    found = items(good[:3] + good[4:] + good + good)
    assert [type(item).__name__ for item in found] == ["Rejected", "Frame", "Frame"]


def test_what_the_gateway_sends() -> None:
    spec = DRIVERS["cubic-cm1106"]
    assert spec.poll_command == bytes.fromhex("110101ed")
    assert spec.start_command == bytes.fromhex("11071064020701906476")  # self-calibration closed
    assert sum(spec.start_command) % 256 == 0
    assert (spec.poll_s, spec.warm_up_s, spec.full_scale) == (2.0, 180.0, {"co2": 5000.0})
