"""Gill WindSonic (manual 1405-PS-0019). The checks are the exclusive or of what stands between STX and ETX."""

import math
from functools import reduce
from operator import xor

import pytest

from gateway.domain.quality import Quality, Reason
from gateway.drivers.items import Frame, Item
from gateway.drivers.table import DRIVERS

BAD = (None, Quality.BAD, Reason.FAULT)


def items(data: bytes) -> list[Item]:
    decoder = DRIVERS["gill-windsonic"].decoder()
    return decoder.feed(data) + decoder.finish()


def values(text: str) -> dict[str, object]:
    (item,) = items(f"\x02{text}\x03{reduce(xor, text.encode(), 0):02X}\r\n".encode())
    assert isinstance(item, Frame), item
    return {
        r.quantity: r.value if r.quality is Quality.GOOD else (r.value, r.quality, r.reason) for r in item.readings
    }


def test_the_example_of_the_manual() -> None:
    # section 9.1 prints 16 as the checksum of this message, and it is
    (item,) = items(b"\x02Q,229,002.74,M,00,\x0316\r\n")
    assert isinstance(item, Frame)
    assert (item.offset, item.length) == (0, 24)
    assert [(r.quantity, r.value, r.unit) for r in item.readings] == [
        ("air_direction", 229.0, "deg"), ("air_velocity", 2.74, "m/s"),
    ]  # fmt: skip


def test_the_manual_s_own_wrong_checksum_is_refused() -> None:
    # section 9.2 prints 2D; 51^2C^2B^30^30^31^2E^35^39^2C^2D^30^30^32^2E^37^34^2C^4D^2C^30^30^2C = 3A
    (item,) = items(b"\x02Q,+001.59,-002.74,M,00,\x032D\r\n")
    assert item.error == "checksum"  # type: ignore[union-attr]
    assert len(items(b"\x02Q,+001.59,-002.74,M,00,\x033A\r\n")) == 1


@pytest.mark.parametrize(
    ("unit", "metres"),
    [("M", 1.0), ("N", 1852 / 3600), ("P", 1609.344 / 3600), ("K", 1000 / 3600), ("F", 0.3048 / 60)],
)
def test_every_unit_becomes_metres_a_second(unit: str, metres: float) -> None:
    assert values(f"Q,010,010.00,{unit},00,")["air_velocity"] == pytest.approx(10 * metres)


def test_reversed_air_is_negative_in_tunnel_mode() -> None:
    assert values("Q,001.59,1,M,00,") == {"air_velocity": 1.59}
    assert values("Q,001.59,0,M,60,") == {"air_velocity": -1.59}
    assert values("Q,0,001.59,M,00,") == {"air_velocity": -1.59}
    still = values("Q,000.00,0,M,00,")["air_velocity"]
    assert math.copysign(1.0, still) == 1.0  # type: ignore[arg-type]
    assert values("Q,,0,M,04,") == {"air_velocity": BAD}
    assert values("Q,-01.59,1,M,00,") == {"air_velocity": BAD}


@pytest.mark.parametrize(
    ("u", "v", "angle"), [("-002.00", "+000.00", 0), ("+000.00", "+002.00", 90), ("+002.00", "+000.00", 180),
                          ("+000.00", "-002.00", 270), ("-002.00", "-002.00", 315)],
)  # fmt: skip
def test_the_two_axes_give_where_the_wind_comes_from(u: str, v: str, angle: float) -> None:
    seen = values(f"Q,{u},{v},M,00,")
    assert seen["air_direction"] == pytest.approx(angle)
    assert (seen["u"], seen["v"]) == (float(u), float(v))
    assert seen["air_velocity"] == pytest.approx(math.hypot(float(u), float(v)))


def test_calm_air_is_no_fault() -> None:
    assert values("Q,,000.04,M,00,") == {"air_velocity": 0.04}
    assert values("Q,237,000.04,M,00,") == {"air_direction": 237.0, "air_velocity": 0.04}
    assert set(values("Q,+000.01,-000.02,M,00,")) == {"air_velocity", "u", "v"}
    assert values("Q,,002.74,M,00,") == {"air_direction": BAD, "air_velocity": 2.74}


@pytest.mark.parametrize("status", ["01", "02", "04", "08", "09", "10", "62", "63", "65", "99"])
def test_only_00_and_60_carry_a_good_value(status: str) -> None:
    assert values(f"Q,229,002.74,M,{status},") == {"air_direction": BAD, "air_velocity": BAD}
    assert values("Q,229,002.74,M,60,") == values("Q,229,002.74,M,00,")
    assert set(values(f"Q,+001.00,+001.00,M,{status},").values()) == {BAD}


def test_an_average_that_builds_up_is_warming_up() -> None:
    assert values("Q,229,002.74,M,51,")["air_velocity"] == (2.74, Quality.UNCERTAIN, Reason.WARMING_UP)
    assert values("Q,,,M,51,") == {"air_direction": BAD, "air_velocity": BAD}


def test_the_end_of_the_range_is_a_floor() -> None:
    assert values("Q,229,060.00,M,00,")["air_velocity"] == (60.0, Quality.UNCERTAIN, Reason.OVER_RANGE)
    assert values("Q,060.00,0,M,00,")["air_velocity"] == (-60.0, Quality.UNCERTAIN, Reason.OVER_RANGE)


def test_an_unknown_unit_or_form_is_not_guessed() -> None:
    assert values("Q,229,002.74,X,00,") == {"air_direction": 229.0, "air_velocity": BAD}
    for text in ("Q,229,002.74,M,00", "Q,229,002.74,M,0,", "Q", ""):
        (item,) = items(f"\x02{text}\x03{reduce(xor, text.encode(), 0):02X}\r\n".encode())
        assert item.error == "unsupported"  # type: ignore[union-attr]
