"""Winsen modules of one gas, frame by frame (sensor protocols, section 5)."""

import pytest

from gateway.drivers.items import Frame, Rejected
from gateway.drivers.table import DRIVERS
from gateway.drivers.winsen_ze import MODELS

Row = tuple[str, float | None, str | None, str, str | None]


def frame(*seven: int) -> bytes:
    return bytes([0xFF, *seven, -sum(seven) & 0xFF])


def read(driver: str, data: bytes) -> Row:
    decoder = DRIVERS[driver].decoder()
    (item,) = decoder.feed(data) + decoder.finish()
    assert isinstance(item, Frame), item
    assert item.info is None
    (r,) = item.readings
    return (r.quantity, r.value if r.value is None else round(r.value, 6), r.unit, r.quality.word, r.reason.word)


@pytest.mark.parametrize(
    ("driver", "data", "expected"),
    [
        # FF 04 03 01 00 7D 13 88: 04+03+01+7D+13+88 = 120, low byte 20, inverse DF, + 1 = E0; 7D = 125 tenths
        ("winsen-ze07-co", "ff040301007d1388e0", ("co", 12.5, "ppm", "good", None)),
        ("winsen-ze15-co", "ff040301007d1388e0", ("co", 12.5, "ppm", "good", None)),
        # FF 17 04 00 00 30 13 88: 17+04+30+13+88 = E6 → 1A; 30 = 48 ppb
        ("winsen-ze07-ch2o", "ff17040000301388 1a", ("ch2o", 0.048, "ppm", "good", None)),
        # FF 2A 04 00 01 2C 27 10: 2A+04+01+2C+27+10 = 92 → 6E; 12C = 300 ppb
        ("winsen-ze25-o3", "ff2a0400012c2710 6e", ("o3", 0.3, "ppm", "good", None)),
    ],
)
def test_active_upload_by_hand(driver: str, data: str, expected: Row) -> None:
    assert read(driver, bytes.fromhex(data)) == expected


@pytest.mark.parametrize(
    ("driver", "seven", "expected"),
    [
        # ZE07-CO: bytes 2 and 3, whatever its manual's formula says of 4 and 6
        ("winsen-ze07-co", (0x86, 0x01, 0x2C, 9, 0, 9, 0), ("co", 30.0, "ppm", "good", None)),
        # µg/m³ in 2 and 3, ppb in 6 and 7: one quantity, one reading
        ("winsen-ze07-ch2o", (0x86, 0, 99, 0, 0, 0, 81), ("ch2o", 0.081, "ppm", "good", None)),
        ("winsen-ze25-o3", (0x86, 1, 0x88, 0, 0, 0, 200), ("o3", 0.2, "ppm", "good", None)),
        ("winsen-ze15-co", (0x86, 0x01, 0x2C, 0, 0, 0, 0), ("co", 30.0, "ppm", "good", None)),
        # clean air
        ("winsen-ze07-co", (0x86, 0, 0, 0, 0, 0, 0), ("co", 0.0, "ppm", "good", None)),
        ("winsen-ze25-o3", (0x86, 0, 0, 0, 0, 0, 0), ("o3", 0.0, "ppm", "good", None)),
        ("winsen-ze25-o3", (0x86, 0, 1, 0, 0, 0, 0), ("o3", 0.0, "ppm", "good", None)),  # rounds to 0 ppb
        # a mass beside no volume is no clean air
        ("winsen-ze07-ch2o", (0x86, 0, 99, 0, 0, 0, 0), ("ch2o", None, "ppm", "bad", "fault")),
        # the end of the model's range
        ("winsen-ze07-co", (0x86, 0x13, 0x88, 0, 0, 0, 0), ("co", 500.0, "ppm", "uncertain", "over_range")),
        ("winsen-ze25-o3", (0x86, 0x4E, 0x20, 0, 0, 0x27, 0x10), ("o3", 10.0, "ppm", "uncertain", "over_range")),
        # the end of the range that the frame names, or of the model where it names none
        ("winsen-ze07-co", (4, 3, 1, 0x03, 0xE8, 0x03, 0xE8), ("co", 100.0, "ppm", "uncertain", "over_range")),
        ("winsen-ze07-co", (4, 3, 1, 0x14, 0, 0, 0), ("co", 512.0, "ppm", "uncertain", "over_range")),
        # ZE15-CO: a bit tells a broken cell, in both forms; three bits above the value mean nothing
        ("winsen-ze15-co", (0x86, 0x80, 0x32, 0, 0, 0, 0), ("co", None, "ppm", "bad", "fault")),
        ("winsen-ze15-co", (4, 3, 1, 0x80, 0x00, 0x13, 0x88), ("co", None, "ppm", "bad", "fault")),
        ("winsen-ze15-co", (0x86, 0x60, 0x32, 0, 0, 0, 0), ("co", 5.0, "ppm", "good", None)),
        # CH2O in ppm with decimals, should a module send it so
        ("winsen-ze07-ch2o", (0x17, 3, 2, 0, 12, 1, 0xF4), ("ch2o", 0.12, "ppm", "good", None)),
    ],
)
def test_answers_states_and_ranges(driver: str, seven: tuple[int, ...], expected: Row) -> None:
    assert read(driver, frame(*seven)) == expected


@pytest.mark.parametrize("driver", MODELS)
def test_a_module_of_another_gas_or_scale_is_refused(driver: str) -> None:
    for seven in ((0x2C, 3, 1, 0, 5, 0, 200), (0x04, 9, 1, 0, 5, 0, 200), (0x77, 3, 1, 0, 5, 0, 200)):
        (item,) = DRIVERS[driver].decoder().feed(frame(*seven) + frame(0x78, 1, 0, 0, 0, 0, 0))[:1]
        assert isinstance(item, Rejected)
        assert item.error == "unsupported"
        assert "expected" in item.detail


@pytest.mark.parametrize("driver", MODELS)
def test_an_echo_or_a_reply_is_no_measurement(driver: str) -> None:
    for data, info in (
        ("ff0186000000000079", {"echo": "860000000000"}),
        ("ff0178400000000047", {"echo": "784000000000"}),
        ("ff7801000000000087", {"reply": "78", "data": "010000000000"}),
    ):
        (item,) = DRIVERS[driver].decoder().feed(bytes.fromhex(data))
        assert isinstance(item, Frame)
        assert (item.readings, item.info) == ((), info)


def test_a_checksum_that_wraps_to_zero_is_right() -> None:
    data = frame(0x86, 0, 0x7A, 0, 0, 0, 0)  # 86 + 7A = 100
    assert data[-1] == 0
    assert read("winsen-ze07-co", data) == ("co", 12.2, "ppm", "good", None)


@pytest.mark.parametrize("driver", MODELS)
def test_what_the_gateway_sends(driver: str) -> None:
    spec = DRIVERS[driver]
    assert spec.start_command == bytes.fromhex("ff0178400000000047")
    assert (spec.poll_command, spec.warm_up_s, spec.baud) == (b"", 300.0, 9600)
    assert spec.full_scale == {MODELS[driver].gas: MODELS[driver].full_scale}


def test_no_driver_can_send_a_zero_or_span_calibration() -> None:
    for name, spec in DRIVERS.items():
        if name.startswith("winsen-"):
            sent = spec.start_command + spec.poll_command
            for at in range(0, len(sent), 9):
                command = sent[at : at + 9]
                assert command[:2] == b"\xff\x01"
                assert command[2] not in (0x87, 0x88)
                assert -sum(command[1:8]) & 0xFF == command[8]
