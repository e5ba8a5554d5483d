"""Vaisala WXT, ASCII protocol (user's guides M210906EN, M211840EN; sensor protocols, section 8)."""

import pytest

from gateway.domain.quality import Quality, Reason
from gateway.drivers.items import Frame, Item, Rejected
from gateway.drivers.table import DRIVERS
from gateway.drivers.vaisala_wxt import crc

BAD = (None, Quality.BAD, Reason.FAULT)


def items(data: bytes) -> list[Item]:
    decoder = DRIVERS["vaisala-wxt"].decoder()
    return decoder.feed(data) + decoder.finish()


def frame(text: str) -> Frame:
    (item,) = items(text.encode() + b"\r\n")
    assert isinstance(item, Frame), item
    return item


def values(text: str) -> dict[str, object]:
    return {
        r.quantity: r.value if r.quality is Quality.GOOD else (r.value, r.quality, r.reason)
        for r in frame(text).readings
    }


def test_a_wind_message() -> None:
    assert values("0R1,Dn=236D,Dm=283D,Dx=031D,Sn=0.0M,Sm=1.0M,Sx=2.2M") == {
        "dn": 236.0, "air_direction": 283.0, "dx": 31.0, "sn": 0.0, "air_velocity": 1.0, "sx": 2.2,
    }  # fmt: skip


def test_the_air_and_the_device() -> None:
    assert values("0R2,Ta=23.6C,Ua=14.2P,Pa=720.4H") == {"temperature": 23.6, "humidity": 14.2, "pressure": 720.4}
    assert values("0R5,Th=25.9C,Vh=12.0N,Vs=15.2V,Vr=3.475V,Id=Ant") == {
        "th": 25.9, "vh": 12.0, "vs": 15.2, "vr": 3.475,
    }  # fmt: skip
    assert frame("0R5,Th=25.9C,Id=Ant").info == {"Id": "Ant"}
    assert [(r.quantity, r.unit) for r in frame("zR3,Rc=0.5M,Rd=40s").readings] == [("rc", "M"), ("rd", "s")]


@pytest.mark.parametrize(("letter", "metres"), [("M", 1.0), ("K", 1 / 3.6), ("N", 1852 / 3600), ("S", 0.44704)])
def test_every_unit_of_speed(letter: str, metres: float) -> None:
    assert values(f"0R1,Sm=10.0{letter}") == {"air_velocity": pytest.approx(10 * metres)}


def test_imperial_air() -> None:
    assert values("0R2,Ta=-4.0F,Pa=21.273I") == {
        "temperature": pytest.approx(-20.0), "pressure": pytest.approx(720.39, abs=0.01),
    }  # fmt: skip
    assert values("0R2,Pa=1.0133B") == {"pressure": pytest.approx(1013.3)}


def test_a_hash_is_no_value_whatever_number_stands_before_it() -> None:
    assert values("0R1,Dn=000#,Dm=106#,Dx=182#,Sn=1.1#,Sm=4.0#,Sx=6.6#") == dict.fromkeys(
        ("dn", "air_direction", "dx", "sn", "air_velocity", "sx"), BAD
    )
    assert values("0R0,Dm=051D,Sm=#,Ta=27.9C") == {"air_direction": 51.0, "air_velocity": BAD, "temperature": 27.9}


def test_the_end_of_the_range_is_a_floor() -> None:
    assert values("0R1,Sm=60.0M") == {"air_velocity": (60.0, Quality.UNCERTAIN, Reason.OVER_RANGE)}


def test_the_crc_is_that_of_the_maker_s_queries() -> None:
    # the queries printed in the user's guides with their checksums; the line printed as an answer has another
    for query, letters in {"0r1": "Goe", "0r2": "Gje", "0r3": "Kid", "0r5": "Kcd", "0r0": "Kld", "0r": "BVT"}.items():
        assert crc(query.encode()) == letters
    assert frame("0tX,Use chksum GoeIU~").info == {"text": "Use chksum Goe"}


def test_a_message_with_a_crc() -> None:
    line = b"0r1,Dm=283D,Sm=1.0M"
    (item,) = items(line + crc(line).encode() + b"\r\n")
    assert isinstance(item, Frame)
    assert [r.value for r in item.readings] == [283.0, 1.0]
    for wrong in (line + b"\r\n", line + b"abc\r\n", line.replace(b"1.0", b"9.0") + crc(line).encode() + b"\r\n"):
        (bad,) = items(wrong)
        assert isinstance(bad, Rejected)
        assert bad.error == "checksum"


@pytest.mark.parametrize(
    "line",
    ["0R1,Dn=0m=032D,Sm=0.1M", "0R1,Dm=28T,Sm=0.1M", "0R1,Dm=D", "0R1,Sm=1.0M,Sm=2.0M", "0R1,", "0R1,Sm=1.0M,",
     "0R1,Sm=1.0", "0R1,Sm=1.0MM", "0R1,Sm=1..0M", "0R1,Sm 1.0M", "0TX,Sta\x01rt"],
)  # fmt: skip
def test_a_damaged_line_is_refused_as_a_whole(line: str) -> None:
    (item,) = items(line.encode() + b"\r\n")
    assert isinstance(item, Rejected)
    assert item.error == "checksum"


def test_every_cut_between_two_values_is_the_values_before_it() -> None:
    whole = b"0R1,Dm=236D,Sm=1.0M"
    for cut in range(1, len(whole)):
        (item,) = items(whole[:cut])
        if whole[:cut] == b"0R1,Dm=236D":
            assert isinstance(item, Frame)
        else:
            assert isinstance(item, Rejected)
            assert item.error == "truncated"
