"""SMS: the alphabet, parts, stamps and reports; units built by hand from 3GPP TS 23.040 and 23.038."""

import contextlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.domain.errors import FormatError
from gateway.domain.moment import parse_rfc3339
from gateway.formats import gsm7
from gateway.formats.sms_pdu import Deliver, Part, StatusReport, _validity, decode, encode

NUMBER = "+51987654321"
ADDRESS = "0B911589674523F1"
STAMP = "62113270000002"  # 2026-11-23 07:00:00, zone +5 h (20 quarters: tens 2, ones 0 → 02)


def as_delivered(pdu: str, stamp: str = STAMP, smsc: str = "00") -> str:
    """What the receiver's modem shows of a unit that `encode` made: first octet, sender, stamp, the same user data."""
    body = bytes.fromhex(pdu)[1:]
    first, rest = body[0], body[2:]
    address, rest = rest[:8], rest[8:]
    octets = bytes([first & 0x40]) + address + rest[:2] + bytes.fromhex(stamp) + rest[3:]
    return smsc + octets.hex()


def received(text: str) -> list[Deliver]:
    units = encode(text, NUMBER, reference=7)
    found = [decode(as_delivered(unit.pdu)) for unit in units]
    assert all(isinstance(one, Deliver) for one in found)
    return found  # type: ignore[return-value]


def test_the_first_message_by_hand() -> None:
    """hola in septets 68 6F 6C 61: the octets E8, 37, 3B, 0C by arithmetic."""
    assert gsm7.pack([0x68, 0x6F, 0x6C, 0x61]).hex() == "e8373b0c"
    (unit,) = encode("hola", NUMBER, reference=0, validity_s=3600)
    assert unit.pdu == "00" + "31" + "00" + ADDRESS + "00" + "00" + "0B" + "04" + "E8373B0C"
    assert unit.length == len(unit.pdu) // 2 - 1
    (plain,) = encode("hola", "123", reference=0, status_report=False)
    assert plain.pdu.startswith("00" + "11" + "00" + "038121F3")


@pytest.mark.parametrize(
    ("letter", "whole", "part", "units"),
    [("a", 160, 153, 1), ("ñ", 160, 153, 1), ("€", 80, 76, 2), ("á", 70, 67, 1), ("😷", 35, 33, 2)],
)
def test_how_many_letters_a_message_holds(letter: str, whole: int, part: int, units: int) -> None:
    assert len(encode(letter * whole, NUMBER, reference=0)) == 1
    two = received(letter * (whole + 1))
    assert [len(one.text) for one in two] == [part, whole + 1 - part]
    assert [one.part for one in two] == [Part(7, 2, 1), Part(7, 2, 2)]
    assert len(encode(letter * (2 * part), NUMBER, reference=0)) == 2
    assert len(encode(letter * (2 * part + 1), NUMBER, reference=0)) == 3


@settings(max_examples=200)
@given(st.text(max_size=400))
@example("@" * 8 + "ñ{}")
@example("x" * 159 + "€")
@example("x" * 152 + "€" + "y" * 10)
@example("\x1b")
def test_what_is_sent_is_what_is_read(text: str) -> None:
    found = received(text)
    assert "".join(one.text for one in found) == text
    assert all(one.sender == NUMBER and not one.problems for one in found)
    assert all(len(one.pdu) // 2 <= 1 + 14 + 140 for one in encode(text, NUMBER, reference=1))


def test_too_long_and_no_number_are_one_sentence() -> None:
    assert len(encode("x" * 153 * 255, NUMBER, reference=0)) == 255
    with pytest.raises(FormatError, match="256 messages, expected at most 255"):
        encode("x" * (153 * 255 + 1), NUMBER, reference=0)
    for number in ("", "+", "12", "+51 987", "ana", "+" + "1" * 16, "²²²²"):
        with pytest.raises(FormatError, match="no telephone number"):
            encode("x", number, reference=0)


@pytest.mark.parametrize(
    ("stamp", "utc"),
    [
        ("62113270000002", "2026-11-23T02:00:00Z"),  # 07:00 at +5 h
        ("6211327000000A", "2026-11-23T12:00:00Z"),  # 07:00 at −5 h: Lima
        ("62113270000032", "2026-11-23T01:15:00Z"),  # +23 quarters
    ],
)
def test_a_zone_is_in_quarter_hours_with_its_sign_in_the_tens(stamp: str, utc: str) -> None:
    (unit,) = encode("hola", NUMBER, reference=0)
    message = decode(as_delivered(unit.pdu, stamp))
    assert isinstance(message, Deliver)
    assert (message.utc_us, message.problems) == (parse_rfc3339(utc), ())


@pytest.mark.parametrize("stamp", ["621132700000F2", "62113270000077", "00000000000000", "FFFFFFFFFFFFFF"])
def test_a_stamp_that_is_none_costs_the_time_and_not_the_text(stamp: str) -> None:
    (unit,) = encode("OK 4821", NUMBER, reference=0)
    message = decode(as_delivered(unit.pdu, stamp))
    assert isinstance(message, Deliver)
    assert (message.text, message.utc_us) == ("OK 4821", None)
    assert message.problems


def test_a_broken_smsc_field_is_passed_by_what_the_modem_told_of_the_length() -> None:
    (unit,) = encode("OK 4821", NUMBER, reference=0)
    body = as_delivered(unit.pdu, smsc="")
    for smsc in ("FF91", "0391", "079115"):
        message = decode(smsc + body, len(body) // 2)
        assert isinstance(message, Deliver)
        assert message.text == "OK 4821"
        assert "SMSC" in message.problems[0]
    right = decode("07911589674523F1" + body, len(body) // 2)
    assert right.problems == ()


@pytest.mark.parametrize(
    ("status", "delivered"), [(0x00, True), (0x1F, True), (0x20, None), (0x40, False), (99, False)]
)
def test_a_status_report(status: int, delivered: bool | None) -> None:
    pdu = "00" + "06" + "2A" + ADDRESS + STAMP + "6211327051000A" + f"{status:02X}"
    report = decode(pdu)
    assert report == StatusReport(42, NUMBER, status, delivered, parse_rfc3339("2026-11-23T12:15:00Z"), ())


def test_a_sender_with_a_name_a_spanish_alphabet_and_a_wide_reference() -> None:
    name = "0AD0" + gsm7.pack([0x43, 0x6C, 0x61, 0x72, 0x6F]).hex()  # Claro: 5 septets in 10 halves
    header = "09" + "24" + "01" + "02" + "08" + "04" + "01F4" + "0201"
    septets = [0x1B, 0x61, 0x1B, 0x75, 0x6C]
    fill = (10 * 8 + 6) // 7 * 7 - 80
    length = (10 * 8 + 6) // 7 + len(septets)
    message = decode("00" + "40" + name + "0000" + STAMP + f"{length:02X}" + header + gsm7.pack(septets, fill).hex())
    assert isinstance(message, Deliver)
    assert (message.sender, message.text, message.part) == ("Claro", "áúl", Part(500, 2, 1))


def test_data_and_a_text_that_was_cut_off() -> None:
    data = decode("00" + "00" + ADDRESS + "00" + "04" + STAMP + "02" + "4869")
    assert isinstance(data, Deliver)
    assert data.text == "Hi"
    cut = decode("00" + "00" + ADDRESS + "00" + "00" + STAMP + "08" + "E8373B0C")
    assert isinstance(cut, Deliver)
    assert (cut.text, cut.problems) == ("hola", ("4 of 8 characters are missing",))


@settings(max_examples=300)
@given(st.binary(max_size=200), st.none() | st.integers(-5, 300))
def test_any_octets_are_a_message_or_one_sentence(data: bytes, length: int | None) -> None:
    with contextlib.suppress(FormatError):
        decode(data.hex(), length)


@given(st.text(max_size=40))
def test_any_text_in_place_of_a_unit_is_one_sentence(text: str) -> None:
    with contextlib.suppress(FormatError):
        decode(text)


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(1, 0), (300, 0), (301, 1), (3600, 11), (43_200, 143), (43_201, 144), (86_400, 167), (2 * 86_400, 168),
     (30 * 86_400, 196), (5 * 604_800, 197), (63 * 604_800, 255), (1e9, 255)],
)  # fmt: skip
def test_the_validity_period_is_rounded_up(seconds: float, code: int) -> None:
    assert _validity(seconds) == code
