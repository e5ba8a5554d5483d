"""NMEA 0183 (sensor protocols, section 8). The checksums are counted by hand: xor of what stands between $ and *."""

from functools import reduce
from operator import xor

import pytest

from gateway.domain.quality import Quality, Reason
from gateway.drivers.items import Frame, Item
from gateway.drivers.table import DRIVERS

BAD = (None, Quality.BAD, Reason.FAULT)


def items(data: bytes) -> list[Item]:
    decoder = DRIVERS["nmea0183"].decoder()
    return decoder.feed(data) + decoder.finish()


def frame(text: str) -> Frame:
    (item,) = items(f"${text}*{reduce(xor, text.encode(), 0):02x}\r\n".encode())
    assert isinstance(item, Frame), item
    return item


def values(text: str) -> dict[str, object]:
    """Channel → value, or value, quality and reason where it is not good."""
    found = frame(text)
    names = found.names or tuple(r.quantity for r in found.readings)
    return {
        name: r.value if r.quality is Quality.GOOD else (r.value, r.quality, r.reason)
        for name, r in zip(names, found.readings, strict=True)
    }


def test_a_sentence_by_hand() -> None:
    # "MTA,2,C": M^T = 19, ^A = 58, ^, = 74, ^2 = 46, ^, = 6A, ^C = 29; before it "II" cancels out
    (item,) = items(b"$IIMTA,2,C*29\r\n")
    assert isinstance(item, Frame)
    assert (item.offset, item.length) == (0, 15)
    assert [(r.quantity, r.value, r.unit) for r in item.readings] == [("temperature", 2.0, "degC")]


@pytest.mark.parametrize(
    ("unit", "metres"), [("M", 1.0), ("N", 1852 / 3600), ("K", 1000 / 3600), ("S", 1609.344 / 3600)]
)
def test_every_unit_becomes_metres_a_second(unit: str, metres: float) -> None:
    assert values(f"WIMWV,010,R,10,{unit},A") == {"air_direction": 10.0, "air_velocity": pytest.approx(10 * metres)}


def test_numbers_as_instruments_print_them() -> None:
    assert values("IIMWV,026.,T,+03.1,M,A") == {"air_direction": 26.0, "air_velocity": 3.1}
    assert values("IIMWV, 26 ,T,.5,M,A") == {"air_direction": 26.0, "air_velocity": 0.5}
    for wrong in ("1e3", "0x10", "1_0", "nan", "inf", "--1", "1.2.3", "9" * 40):
        assert values(f"IIMWV,{wrong},T,{wrong},M,A") == {"air_direction": BAD, "air_velocity": BAD}, wrong


@pytest.mark.parametrize(
    "text",
    [
        "WIMWV,,R,,M,V",  # Vaisala
        "WIMWV,,R,,M,A",  # Thies: empty in spite of the status
        "WIMWV,999.9,R,999.9,M,A",  # Lambrecht: likewise
        "WIMWV,120,R,3.4,M,V",
        "WIMWV,120,R,3.4,M,",
        "WIMWV,120,R,3.4,M,04",
        "WIMWD,,T,,M,,N,,M",
        "WIMWV,361,R,-1,M,A",
        "WIMWV,-5,R,3.4,X,A",
    ],
)
def test_no_value_is_never_calm_air(text: str) -> None:
    assert values(text) == {"air_direction": BAD, "air_velocity": BAD}


def test_calm_air_has_a_speed_and_no_direction() -> None:
    assert values("WIMWV,,R,0.04,M,A") == {"air_velocity": 0.04}
    assert values("WIMWV,,R,0.05,M,A") == {"air_direction": BAD, "air_velocity": 0.05}


def test_gill_status_codes_in_a_sentence() -> None:
    assert values("WIMWV,230,R,002.74,M,00") == values("WIMWV,230,R,002.74,M,60") == values("WIMWV,230,R,2.74,M,A")
    settling = (Quality.UNCERTAIN, Reason.WARMING_UP)
    assert values("WIMWV,230,R,2.74,M,51") == {"air_direction": (230.0, *settling), "air_velocity": (2.74, *settling)}


def test_gusts_are_channels_of_their_own() -> None:
    assert values("WIMWV,90,G,7,M,A") == {"air_direction_gust": 90.0, "air_velocity_gust": 7.0}


def test_what_stands_in_two_units_is_one_reading() -> None:
    assert values("WIMWD,350.0,T,2.0,M,10.0,N,5.2,M") == {
        "air_direction": 350.0, "air_velocity": 5.2, "air_direction_magnetic": 2.0,
    }  # fmt: skip
    assert values("WIMWD,350.0,T,,M,10.0,N,,M")["air_velocity"] == pytest.approx(10 * 1852 / 3600)
    assert values("IIVWR,45,L,4,N,2.1,M,7.5,K") == {"air_direction": 315.0, "air_velocity": 2.1}
    assert values("IIVWR,45,R,,N,,M,36,K") == {"air_direction": 45.0, "air_velocity": pytest.approx(10.0)}
    assert values("IIVWR,45,,4,N,2.1,M,,K") == {"air_direction": BAD, "air_velocity": 2.1}
    assert values("IIVWR,0,L,4,N,2.1,M,,K")["air_direction"] == 0.0


@pytest.mark.parametrize(
    ("text", "hpa"),
    [
        ("WIMMB,,,0.7204,B", 720.4),
        ("WIMMB,21.273,I,720.4,B", 720.4),  # hPa that say they are bar
        ("WIMMB,21.273,I,,B", 720.386),
        ("WIMMB,21.273,I,7.2,B", 720.386),
        ("WIXDR,P,1.0173,B,", 1017.3),
        ("WIXDR,P,1025.2,H,0", 1025.2),
        ("WIXDR,P,72040,P,", 720.4),
        ("WIXDR,P,540.3,M,", 720.34),
    ],
)
def test_pressure_in_whatever_unit(text: str, hpa: float) -> None:
    assert values(text) == {"pressure": pytest.approx(hpa, abs=0.01)}


def test_a_pressure_that_no_air_has_is_no_value() -> None:
    for text in ("WIMMB,,I,7.2,B", "WIMMB,,I,,B", "WIXDR,P,0,B,", "WIXDR,P,1.01,H,"):
        assert values(text) == {"pressure": BAD}


def test_a_weather_station_without_water() -> None:
    assert values("WIMDA,21.27,I,0.7204,B,12.5,C,,,61.0,,5.2,C,,T,,M,,N,,M") == {
        "pressure": pytest.approx(720.4), "temperature": 12.5, "humidity": 61.0, "dew_point": 5.2,
        "air_direction": BAD, "air_velocity": BAD,
    }  # fmt: skip
    assert values("WIMDA,,,,,,,8.5,C") == {"water_temperature": 8.5}
    assert frame("WIMDA,,,,").info == {"sentence": "MDA"}


def test_one_bad_group_costs_the_others_nothing() -> None:
    assert values("WIXDR,C,x,C,,H,61,P,,Q,1,1,1,P,0.7204,B") == {
        "temperature": BAD, "humidity": 61.0, "pressure": pytest.approx(720.4),
    }  # fmt: skip
    assert values("WIXDR,C,022.0,C,,") == {"temperature": 22.0}
    assert values("WIXDR,C,50,F,") == {"temperature": pytest.approx(10.0)}
    assert values("WIXDR,C,,C,,H,,P,") == {"temperature": BAD, "humidity": BAD}


def test_the_heater_never_passes_for_the_air() -> None:
    found = frame("WIXDR,C,25.9,C,2,U,12.0,N,0,U,12.4,V,1,G,HEL/___,,4")
    assert found.names == ("temperature_2", "voltage_0", "voltage_1")
    assert found.info == {"4": "HEL/___"}
    assert list(values("WIXDR,C,21,C,0,C,85,C,ENG #1,C,22,C,0")) == [
        "temperature", "temperature_eng_1", "temperature_2",
    ]  # fmt: skip
    assert values("WIXDR,A,320,D,1,S,36,K,1") == {"angle_1": 320.0, "speed_1": pytest.approx(10.0)}


def test_a_text_measures_nothing() -> None:
    assert frame("WITXT,01,01,07,No wind, check").info == {"sentence": "TXT", "text": "No wind, check"}
    assert frame("WIXDR,G,ok,,4").info == {"sentence": "XDR", "4": "ok"}


def test_too_short_a_sentence_is_not_guessed() -> None:
    text = "WIMWV,120,R,3.4"
    (item,) = items(f"${text}*{reduce(xor, text.encode(), 0):02X}\r\n".encode())
    assert item.error == "unsupported"  # type: ignore[union-attr]
