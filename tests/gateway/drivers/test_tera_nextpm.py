"""NextPM answers (sensor protocols, section 6). Sums are counted by hand."""

import pytest

from gateway.drivers.items import Frame, Item
from gateway.drivers.table import DRIVERS

SPEC = DRIVERS["tera-nextpm"]
DATA = "04b00514051e 0032007800c8"


def items(data: str) -> list[Item]:
    decoder = SPEC.decoder()
    return decoder.feed(bytes.fromhex(data)) + decoder.finish()


def frame(data: str) -> Frame:
    (item,) = items(data)
    assert isinstance(item, Frame)
    return item


def with_state(state: int, command: int = 0x11, data: str = DATA) -> str:
    body = bytes([0x81, command, state]) + bytes.fromhex(data)
    return (body + bytes([-sum(body) & 0xFF])).hex()


@pytest.mark.parametrize(("command", "check"), [("11", "0c"), ("12", "0b"), ("13", "0a")])
def test_means_over_each_time(command: str, check: str) -> None:
    # 81+11+04+B0+05+14+05+1E+32+78+C8 = 2F4, low F4, 100 - F4 = 0C
    readings = frame(f"81{command}00 {DATA} {check}").readings
    assert {r.quantity: (r.value, r.unit) for r in readings} == {
        "pm1": (5.0, "ug/m3"), "pm2_5": (12.0, "ug/m3"), "pm10": (20.0, "ug/m3"),
        "nc1": (1.2, "1/cm3"), "nc2_5": (1.3, "1/cm3"), "nc10": (1.31, "1/cm3"),
    }  # fmt: skip
    assert {r.quality.word for r in readings} == {"good"}


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (0x01, (None, "bad", "fault")),  # sleep
        (0x02, (12.0, "uncertain", "uncalibrated")),  # degraded
        (0x04, (12.0, "uncertain", "warming_up")),  # not ready
        (0x08, (12.0, "uncertain", "uncalibrated")),  # heater: wet air
        (0x10, (12.0, "uncertain", "uncalibrated")),  # temperature and humidity
        (0x20, (None, "bad", "fault")),  # fan
        (0x40, (None, "bad", "fault")),  # memory
        (0x80, (None, "bad", "fault")),  # laser
        (0x84, (None, "bad", "fault")),
    ],
)
def test_every_bit_of_the_state_becomes_quality(state: int, expected: tuple[object, ...]) -> None:
    seen = {r.quantity: (r.value, r.quality.word, r.reason.word) for r in frame(with_state(state)).readings}
    assert seen["pm2_5"] == expected


def test_the_end_of_the_range_is_a_floor() -> None:
    (_, _, pm10, *_) = frame(with_state(0, data="000100010001 000a000a2710")).readings
    assert (pm10.value, pm10.quality.word, pm10.reason.word) == (1000.0, "uncertain", "over_range")


def test_temperature_and_humidity_as_sent() -> None:
    # 81+14+09+C4+13+88 = 1FD, low FD, 100 - FD = 03
    readings = frame("811400 09c41388 03").readings
    assert [(r.quantity, r.value, r.unit) for r in readings] == [
        ("temperature", 25.0, "degC"), ("humidity", 50.0, "%RH"),
    ]  # fmt: skip
    cold = frame(with_state(0, 0x14, "ff381388")).readings
    assert cold[0].value == -2.0
    broken = frame(with_state(0x10, 0x14, "09c41388")).readings
    assert {(r.value, r.quality.word, r.reason.word) for r in broken} == {(None, "bad", "fault")}


@pytest.mark.parametrize(
    ("data", "info"),
    [
        ("81160465", {"reply": "16", "state": "04", "says": ["not_ready"]}),
        ("81160168", {"reply": "16", "state": "01", "says": ["sleep"]}),
        ("8115006a", {"reply": "15", "state": "00", "says": []}),
        ("811700004721", {"reply": "17", "state": "00", "says": [], "firmware": "0047"}),
        ("8121002836", {"reply": "21", "state": "00", "says": [], "fan_percent": 40}),
        ("81116e", {"echo": "11"}),
    ],
)
def test_frames_without_a_measurement(data: str, info: dict[str, object]) -> None:
    answer = frame(data)
    assert (answer.readings, answer.info) == ((), info)


def test_an_echo_in_front_of_an_answer() -> None:
    echo, answer = items("81116e" + with_state(0))
    assert isinstance(echo, Frame)
    assert isinstance(answer, Frame)
    assert len(answer.readings) == 6


def test_the_line_has_even_parity_and_is_polled() -> None:
    assert (SPEC.baud, SPEC.parity, SPEC.poll_command.hex()) == (115200, "E", "81116e")
