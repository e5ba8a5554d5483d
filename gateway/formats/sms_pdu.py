"""Short messages as a modem takes and gives them: protocol data units in hexadecimal. Pure.

What cannot be told of a received message (a zone that is no number, an SMSC field of the wrong length) is left out and
named in `problems`; the text is read all the same. Source: 3GPP TS 23.040 (9.2) and 23.038 (4, alphabets).
"""

from datetime import UTC, datetime, timedelta, timezone
from typing import Final, NamedTuple

from gateway.domain.errors import FormatError
from gateway.domain.moment import SECOND_US
from gateway.formats import gsm7

GSM7_WHOLE, GSM7_PART = 160, 153
UCS2_WHOLE, UCS2_PART = 70, 67
"""[septets, 16-bit units] In one message, and in each part of a longer one: its header takes seven septets."""
MAX_PARTS: Final = 255
VALIDITY_S: Final = 3600
"""[s] For how long the network tries. After an hour somebody else was called, and the mine is another [D]."""
DELIVERED_BELOW: Final = 0x20
"""TP-Status: below it the message is with the receiver or its machine, from 0x40 on it failed for good (9.2.3.15)."""
FAILED_FROM: Final = 0x40

_SUBMIT: Final = 0x01 | 0x10  # a relative validity period
_STATUS_REPORT_REQUEST: Final = 0x20
_HEADER: Final = 0x40
_UCS2: Final = 0x08
_CONCATENATED: Final = {0x00: 3, 0x08: 4}
"""Information elements with reference, total and number of a part → their length."""
_SHIFT_TABLES: Final = (0x24, 0x25)
_SPANISH: Final = b"\x02"
_LONGEST_ZONE: Final = 56
"""[quarter hours] No place on earth is further than 14 hours from UTC."""
_DIGITS: Final = "0123456789*#abc"
MAX_OCTETS: Final = 255
"""Longest unit that is read, with its SMSC field (12 octets) and 164 octets of message: far from it."""


class Submit(NamedTuple):
    """One part to send: `AT+CMGS=length`, then `pdu`. length: octets without the SMSC field."""

    pdu: str
    length: int


class Part(NamedTuple):
    """Which part of a longer message this is; number counts from 1."""

    reference: int
    total: int
    number: int


class Deliver(NamedTuple):
    """A message that came. utc_us: the service centre's stamp [µs UTC], None where it does not tell the zone."""

    sender: str
    text: str
    utc_us: int | None
    part: Part | None
    problems: tuple[str, ...]


class StatusReport(NamedTuple):
    """What became of a message that we sent. reference: as `+CMGS` gave it. delivered: None while the network tries."""

    reference: int
    recipient: str
    status: int
    delivered: bool | None
    utc_us: int | None
    problems: tuple[str, ...]


# --- Sending ----------------------------------------------------------------------------------------------------------


def encode(
    text: str, number: str, *, reference: int, status_report: bool = True, validity_s: float = VALIDITY_S
) -> list[Submit]:
    """The parts of a message. number: digits, with a `+` if international. reference: of the parts, counted by us.

    GSM-7 where the text allows it, else UCS-2; no letter is cut in two. Raises FormatError `sms`: a number that is
    none, a text of more than 255 parts.
    """
    address = _address(number)
    letters = gsm7.septets_of(text)
    if letters is None:
        units = [letter.encode("utf-16-be", "replace") for letter in text]
        parts = _cut([tuple(unit) for unit in units], 2 * UCS2_WHOLE, 2 * UCS2_PART)
    else:
        parts = _cut(letters, GSM7_WHOLE, GSM7_PART)
    if len(parts) > MAX_PARTS:
        raise FormatError("sms", f"the text needs {len(parts)} messages, expected at most {MAX_PARTS}")
    first = _SUBMIT | (_STATUS_REPORT_REQUEST if status_report else 0) | (_HEADER if len(parts) > 1 else 0)
    coding = _UCS2 if letters is None else 0x00
    found = []
    for index, part in enumerate(parts, 1):
        header = bytes([5, 0x00, 3, reference & 0xFF, len(parts), index]) if len(parts) > 1 else b""
        head = bytes([first, 0]) + address + bytes([0, coding, _validity(validity_s)])
        unit = head + _user_data(part, header, ucs2=letters is None)
        found.append(Submit(f"00{unit.hex().upper()}", len(unit)))
    return found


def _cut(letters: list[tuple[int, ...]], whole: int, most: int) -> list[list[int]]:
    """Letters in parts of at most `most` elements, in one if `whole` holds them all."""
    if sum(map(len, letters)) <= whole:
        return [[element for letter in letters for element in letter]]
    parts: list[list[int]] = [[]]
    for letter in letters:
        if len(parts[-1]) + len(letter) > most:
            parts.append([])
        parts[-1] += letter
    return parts


def _user_data(part: list[int], header: bytes, *, ucs2: bool) -> bytes:
    """Length, header and text. The length counts octets of UCS-2, but septets of GSM-7, header and fill included."""
    if ucs2:
        return bytes([len(header) + len(part)]) + header + bytes(part)
    taken = (len(header) * 8 + 6) // 7
    return bytes([taken + len(part)]) + header + gsm7.pack(part, taken * 7 - len(header) * 8)


def _address(number: str) -> bytes:
    digits = number.removeprefix("+")
    if not (digits.isascii() and digits.isdigit() and 3 <= len(digits) <= 15):
        raise FormatError("sms", f"{number!r} is no telephone number; expected 3 to 15 digits, as in +51987654321")
    kind = 0x91 if number.startswith("+") else 0x81
    return bytes([len(digits), kind]) + _swapped(digits)


def _swapped(digits: str) -> bytes:
    """Two digits an octet, the first in the low half; F fills up."""
    padded = digits + "F" * (len(digits) % 2)
    return bytes(int(padded[at + 1] + padded[at], 16) for at in range(0, len(padded), 2))


def _validity(seconds: float) -> int:
    """TP-VP, relative (9.2.3.12.1): steps of 5 minutes, half hours, days, weeks; rounded up."""
    steps = ((144, 300, -1, 0), (168, 1800, 143, 43_200), (197, 86_400, 166, 0), (256, 604_800, 192, 0))
    for below, step, offset, base in steps:
        code = offset + max(1, -int(-(seconds - base) // step))
        if code < below:
            return code
    return 255


# --- Receiving --------------------------------------------------------------------------------------------------------


def decode(pdu: str, length: int | None = None) -> Deliver | StatusReport:
    """What a modem gave. length: octets without the SMSC field, where the modem told them (`+CMGR: 1,,24`).

    Raises FormatError `sms` if it is no hexadecimal text or ends before what a message must have.
    """
    try:
        data = bytes.fromhex(pdu.strip())
    except ValueError:
        raise FormatError("sms", f"{pdu[:40]!r} is not hexadecimal") from None
    if not 2 < len(data) <= MAX_OCTETS:
        raise FormatError("sms", f"{len(data)} octets, expected 3 to {MAX_OCTETS}")
    problems: list[str] = []
    begins = 1 + data[0]
    if length is not None and 0 < length < len(data) and begins != len(data) - length:
        problems.append(f"an SMSC field of {data[0]} octets where {len(data) - length - 1} stand")
        begins = len(data) - length
    reader = _Reader(data[begins:])
    try:
        first = reader.octet()
        if first & 0x03 == 0x02:
            return _status_report(reader, problems)
        if first & 0x03 == 0x00:
            return _deliver(reader, problems, has_header=bool(first & _HEADER))
    except IndexError:
        raise FormatError("sms", f"{len(data)} octets end within the message's head") from None
    raise FormatError("sms", f"type {first & 0x03} is neither a message nor a status report")


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def octet(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def take(self, count: int) -> bytes:
        if self._at + count > len(self._data):
            raise IndexError
        self._at += count
        return self._data[self._at - count : self._at]

    def rest(self) -> bytes:
        return self._data[self._at :]


def _status_report(reader: _Reader, problems: list[str]) -> StatusReport:
    reference = reader.octet()
    recipient = _number(reader)
    _time(reader.take(7), problems)  # when the centre got it
    at = _time(reader.take(7), problems)
    status = reader.octet()
    delivered = True if status < DELIVERED_BELOW else False if status >= FAILED_FROM else None
    return StatusReport(reference, recipient, status, delivered, at, tuple(problems))


def _deliver(reader: _Reader, problems: list[str], *, has_header: bool) -> Deliver:
    sender = _number(reader)
    reader.octet()  # protocol identifier: no telex, no fax
    coding = reader.octet()
    at = _time(reader.take(7), problems)
    length, data = reader.octet(), reader.rest()
    header = data[: 1 + data[0]] if has_header and data else b""
    part, extension = _elements(header[1:], problems)
    alphabet = _alphabet(coding)
    if coding & 0xE0 == 0x20:
        problems.append("the text is compressed")
    if alphabet == "gsm7":
        taken = (len(header) * 8 + 6) // 7
        body = gsm7.unpack(data[len(header) :], length - taken, taken * 7 - len(header) * 8)
        missing = length - taken - len(body)
        text = gsm7.text_of(body, extension)
    else:
        octets = data[len(header) : length]
        missing = length - len(data)
        text = octets.decode("utf-16-be" if alphabet == "ucs2" else "latin-1", "replace")
    if missing > 0:
        problems.append(f"{missing} of {length} characters are missing")
    return Deliver(sender, text, at, part, tuple(problems))


def _number(reader: _Reader) -> str:
    """An address: digits, or the name that some senders have instead."""
    length, kind = reader.octet(), reader.octet()
    octets = reader.take((length + 1) // 2)
    if kind & 0x70 == 0x50:
        return gsm7.text_of(gsm7.unpack(octets, length * 4 // 7))
    halves = [half for octet in octets for half in (octet & 0x0F, octet >> 4)][:length]
    digits = "".join(_DIGITS[half] for half in halves if half < len(_DIGITS))
    return f"+{digits}" if kind & 0x70 == 0x10 else digits


def _time(octets: bytes, problems: list[str]) -> int | None:
    """A stamp of the service centre [µs UTC]: digits swapped, the zone in quarter hours with its sign at bit 3."""
    year, month, day, hour, minute, second = ((octet & 0x0F) * 10 + (octet >> 4) for octet in octets[:6])
    tens, ones = octets[6] & 0x07, octets[6] >> 4
    quarters = tens * 10 + ones
    if ones > 9 or quarters > _LONGEST_ZONE:
        problems.append(f"zone {octets[6]:02x} is none: the time is not known")
        return None
    zone = timezone(timedelta(minutes=-15 * quarters if octets[6] & 0x08 else 15 * quarters))
    try:
        local = datetime(2000 + year, month, day, hour, minute, second, tzinfo=zone)
    except ValueError:
        problems.append(f"{octets.hex()} is no time")
        return None
    return (local - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1) * SECOND_US


def _elements(header: bytes, problems: list[str]) -> tuple[Part | None, dict[int, str]]:
    """The information elements of a header: the part, and the extension of the alphabet that the text uses."""
    part, extension, at = None, dict(gsm7.EXTENSION), 0
    while at + 1 < len(header):
        kind, length = header[at], header[at + 1]
        body = header[at + 2 : at + 2 + length]
        at += 2 + length
        if _CONCATENATED.get(kind) == len(body):
            total, number = body[-2], body[-1]
            if 0 < number <= total:
                part = Part(int.from_bytes(body[:-2], "big"), total, number)
        elif kind == _SHIFT_TABLES[0] and body == _SPANISH:
            extension = dict(gsm7.SPANISH)
        elif kind in _SHIFT_TABLES:
            problems.append(f"alphabet {body.hex()} is not known: letters may be wrong")
    return part, extension


def _alphabet(coding: int) -> str:
    """TP-DCS (23.038, section 4) → gsm7, data or ucs2."""
    group = coding >> 4
    if group < 0x8:
        return ("gsm7", "data", "ucs2", "gsm7")[coding >> 2 & 0x03]
    if group == 0xE:
        return "ucs2"
    return "data" if group == 0xF and coding & 0x04 else "gsm7"
