"""Winsen MH-Z19 (CO2) and MH-440D (methane), frame by frame (sensor protocols, section 5)."""

import pytest

from gateway.drivers.items import Frame, Rejected
from gateway.drivers.table import DRIVERS

Row = tuple[str, float | None, str | None, str, str | None]


def frame(*seven: int) -> bytes:
    return bytes([0xFF, *seven, -sum(seven) & 0xFF])


def read(driver: str, data: bytes) -> list[Row]:
    decoder = DRIVERS[driver].decoder()
    (item,) = decoder.feed(data) + decoder.finish()
    assert isinstance(item, Frame), item
    return [(r.quantity, r.value, r.unit, r.quality.word, r.reason.word) for r in item.readings]


def test_carbon_dioxide_by_hand() -> None:
    # FF 86 03 20 3A 00 00 00: 86+03+20+3A = E3, inverse 1C, + 1 = 1D; 320 = 800 ppm; 3A = 58 − 40 = 18 °C
    assert read("winsen-mhz19", bytes.fromhex("ff8603203a0000001d")) == [
        ("co2", 800.0, "ppm", "good", None),
        ("temperature", 18.0, "degC", "good", None),
    ]


def test_no_temperature_is_not_minus_forty() -> None:
    assert read("winsen-mhz19", frame(0x86, 2, 0x58, 0, 0, 0, 0)) == [("co2", 600.0, "ppm", "good", None)]


def test_below_zero_degrees() -> None:
    assert read("winsen-mhz19", frame(0x86, 2, 0x58, 35, 0, 0, 0))[1] == ("temperature", -5.0, "degC", "good", None)


def test_a_module_that_boots_says_410_and_15000() -> None:
    booting = frame(0x86, 0x01, 0x9A, 0x3C, 0, 0x3A, 0x98)
    assert read("winsen-mhz19", booting)[0] == ("co2", 410.0, "ppm", "uncertain", "warming_up")
    # later only the clock knows that 410 is still no measurement
    assert read("winsen-mhz19", frame(0x86, 0x01, 0x9A, 0x3C, 0, 0, 0))[0][3] == "good"
    assert DRIVERS["winsen-mhz19"].warm_up_s == 180.0


def test_no_air_has_no_carbon_dioxide() -> None:
    assert read("winsen-mhz19", frame(0x86, 0, 0, 0x3C, 0, 0, 0))[0] == ("co2", None, "ppm", "bad", "fault")
    assert read("winsen-mhz19", frame(0x86, 0, 0, 0x3C, 0, 0x3A, 0x98))[0][3] == "bad"


@pytest.mark.parametrize(("ppm", "quality"), [(4999, "good"), (5000, "uncertain"), (9000, "uncertain")])
def test_the_end_of_the_range_that_we_set_is_a_floor(ppm: int, quality: str) -> None:
    ((_, value, _, got, reason),) = read("winsen-mhz19", frame(0x86, *divmod(ppm, 256), 0, 0, 0, 0))
    assert (value, got, reason) == (float(ppm), quality, None if quality == "good" else "over_range")


def test_what_the_gateway_sends_to_an_mhz19() -> None:
    spec = DRIVERS["winsen-mhz19"]
    off, scale = spec.start_command[:9], spec.start_command[9:]
    assert off == bytes.fromhex("ff0179000000000086")  # self-calibration off
    assert scale[:8] == bytes.fromhex("ff01990000001388")  # 5000 in bytes 6 and 7
    assert scale[8] == -sum(scale[1:8]) & 0xFF
    assert (spec.poll_command, spec.poll_s) == (bytes.fromhex("ff0186000000000079"), 5.0)
    assert spec.full_scale == {"co2": 5000.0}


@pytest.mark.parametrize("driver", ["winsen-mhz19", "winsen-mh440d"])
def test_echo_and_foreign_frames(driver: str) -> None:
    (echo,) = DRIVERS[driver].decoder().feed(DRIVERS[driver].poll_command)
    assert isinstance(echo, Frame)
    assert (echo.readings, echo.info) == ((), {"echo": "860000000000"})
    decoder = DRIVERS[driver].decoder()
    (foreign,) = decoder.feed(frame(4, 3, 1, 0, 5, 0x13, 0x88)) + decoder.finish()
    assert isinstance(foreign, Rejected)
    assert foreign.error == "unsupported"
    assert "0x86" in foreign.detail


@pytest.mark.parametrize("kind", [0x79, 0x99, 0x85, 0x7D])
def test_answers_to_settings_are_no_measurement(kind: int) -> None:
    (item,) = DRIVERS["winsen-mhz19"].decoder().feed(frame(kind, 1, 0, 0, 0, 0, 0))
    assert isinstance(item, Frame)
    assert (item.readings, item.info) == ((), {"reply": f"{kind:02x}", "data": "010000000000"})


def test_methane_by_hand() -> None:
    # FF 86 00 0A 47 00 00 00: 86+0A+47 = D7, inverse 28, + 1 = 29; 10 counts of 500 ppm = 0.5 %vol
    assert read("winsen-mh440d", bytes.fromhex("ff86000a4700000029")) == [("ch4", 0.5, "%vol", "good", None)]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (0, ("ch4", 0.0, "%vol", "good", None)),
        (99, ("ch4", 4.95, "%vol", "good", None)),
        (100, ("ch4", 5.0, "%vol", "uncertain", "over_range")),
        (608, ("ch4", 30.4, "%vol", "uncertain", "over_range")),
    ],
)
def test_the_lower_explosive_limit_is_the_end(counts: int, expected: Row) -> None:
    assert read("winsen-mh440d", frame(0x86, *divmod(counts, 256), 0x47, 0, 0, 0)) == [expected]


def test_an_mh440d_is_asked_every_second_and_told_nothing_else() -> None:
    spec = DRIVERS["winsen-mh440d"]
    assert (spec.start_command, spec.poll_command, spec.poll_s) == (b"", bytes.fromhex("ff0186000000000079"), 1.0)
