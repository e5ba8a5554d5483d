"""Nova SDS011 and SDS198 frames (sensor protocols, section 3). Sums are counted by hand."""

import pytest

from gateway.drivers.items import Frame, Item, Rejected
from gateway.drivers.nova_sds import command
from gateway.drivers.table import DRIVERS


def items(driver: str, data: str) -> list[Item]:
    decoder = DRIVERS[driver].decoder()
    return decoder.feed(bytes.fromhex(data)) + decoder.finish()


def values(driver: str, data: str) -> dict[str, tuple[float | None, str | None, str, str | None]]:
    (item,) = items(driver, data)
    assert isinstance(item, Frame)
    return {r.quantity: (r.value, r.unit, r.quality.word, r.reason.word) for r in item.readings}


def test_low_byte_first_in_tenths() -> None:
    # 12.3 = 123 = 7B 00; 45.6 = 456 = C8 01; 7B+00+C8+01+A1+60 = 245, low 45
    assert values("nova-sds011", "aac0 7b00 c801 a160 45 ab") == {
        "pm2_5": (12.3, "ug/m3", "good", None), "pm10": (45.6, "ug/m3", "good", None),
    }  # fmt: skip


def test_the_total_dust_sensor_sends_whole_micrograms() -> None:
    # 1234 = D2 04; D2+04+A1+60 = 1D7, low D7
    assert values("nova-sds198", "aacf 0000 d204 a160 d7 ab") == {"pm100": (1234.0, "ug/m3", "good", None)}


def test_the_end_of_the_range_is_a_floor_and_all_zero_is_a_start() -> None:
    # 999.9 = 9999 = 0F 27, 65.0 = 8A 02: 0F+27+8A+02 = C2
    seen = values("nova-sds011", "aac0 0f27 8a02 0000 c2 ab")
    assert seen["pm2_5"] == (999.9, "ug/m3", "uncertain", "over_range")
    assert seen["pm10"] == (65.0, "ug/m3", "good", None)
    start = values("nova-sds011", "aac0 0000 0000 a160 01 ab")
    assert set(start.values()) == {(0.0, "ug/m3", "uncertain", "warming_up")}


def test_the_published_commands() -> None:
    # "work" to all sensors: 06+01+01+FF+FF = 206, low 06
    assert command(0x06, 1, 1).hex() == "aab4060101" + "00" * 10 + "ffff06ab"
    assert command(0x02, 1, 0).hex() == "aab4020100" + "00" * 10 + "ffff01ab"
    assert DRIVERS["nova-sds198"].start_command == command(6, 1, 1) + command(2, 1, 0)


@pytest.mark.parametrize("driver", ["nova-sds011", "nova-sds198"])
def test_answers_and_echoes_are_no_measurement(driver: str) -> None:
    # 07+0F+07+0A+A1+60 = 128, low 28: firmware of 2015-07-10
    firmware, mode, echo = items(driver, "aac5070f070aa16028ab" + "aac502010000a16004ab" + command(4).hex())
    assert isinstance(firmware, Frame)
    assert firmware.info == {"reply": "07", "data": "0f070a", "id": "a160", "firmware": "2015-07-10"}
    assert isinstance(mode, Frame)
    assert mode.info == {"reply": "02", "data": "010000", "id": "a160"}
    assert isinstance(echo, Frame)
    assert (echo.length, echo.info) == (19, {"echo": "04" + "00" * 12})


def test_a_wrong_tail_is_no_frame_though_the_sum_is_right() -> None:
    (item,) = items("nova-sds011", "aac0 7b00 c801 a160 45 aa")
    assert isinstance(item, Rejected)
    assert item.error == "checksum"
    assert "0xab" in item.detail
