"""Vaisala WXT510 to WXT530, ASCII protocol: address, R and message number, key=value+unit letter, CR LF.

`0R1,…` has no checksum, so that a line is taken whole or not at all; `0r1,…` ends with a CRC in three characters.
Source: Vaisala, WXT520 user's guide M210906EN, chapter 7 (messages) and appendix C (CRC-16), WXT530 user's guide
M211840EN. The CRC was checked against the queries printed there (`0r1` Goe, `0r2` Gje); the guide's example of an
answer (`…Sx=2.2MLFj`) carries one that is not its own.
"""

import re
from collections.abc import Mapping
from typing import Final

from gateway.domain.measurement import Measurement
from gateway.drivers.items import CHECKSUM, Content, Refusal
from gateway.drivers.scanner import MORE, NO_FRAME
from gateway.drivers.text_line import line_end, number
from gateway.drivers.weather import plain, pressure, temperature
from gateway.drivers.wind import direction, velocity

BAUD: Final = 19200
"""Delivered setting of the ASCII protocol (user's guide, chapter 5)."""
WARM_UP_S: Final = 0.0
"""Units `#` mark what does not measure yet."""
PERIOD_S: Final = 5.0
"""[s] Delivered interval of the wind message; temperature, humidity and pressure come every 60 s: `period_s` there."""
FULL_SCALE_M_S: Final = 60.0
"""[m/s] Specification of the wind sensor."""
FULL_SCALE: Final[Mapping[str, float]] = {"air_velocity": FULL_SCALE_M_S}

UNITS: Final[Mapping[str, str]] = {
    "dn": "deg", "dx": "deg", "sn": "m/s", "sx": "m/s", "tp": "degC", "th": "degC", "vh": "V", "vs": "V", "vr": "V",
}  # fmt: skip

MAX_LINE: Final = 320
"""[bytes] Longest message: the composite one with every parameter has about 210."""

_HEAD: Final = 4
"""Address, R or r, message number, comma; or address, TX or tX, comma."""
_BEGINS: Final = re.compile(rb"[0-9A-Za-z](?:[Rr][0-9]|[Tt]X),")
_BEGINNING: Final = re.compile(rb"[0-9A-Za-z](?:[Rr][0-9]?|[Tt]X?)?")
_LINE_STOP: Final = re.compile(rb"[\r\n]")
_PART: Final = re.compile(r"([A-Z][a-z][0-9]?)=([+-]?[0-9]*\.?[0-9]*)([A-Za-z#])")
_WORD: Final = re.compile(r"(Id)=([ -~]*)")
_INVALID: Final = "#"
_QUANTITIES: Final[Mapping[str, str]] = {
    "Dm": "air_direction", "Sm": "air_velocity", "Ta": "temperature", "Ua": "humidity", "Pa": "pressure",
}  # fmt: skip
"""Averages of the wind and the state of the air; any other key is a channel of its own (`dn`, `sx`, `tp`, `rc`, …)."""
_DIRECTIONS: Final = ("Dn", "Dm", "Dx")
_SPEEDS: Final = ("Sn", "Sm", "Sx")
_TEMPERATURES: Final = ("Ta", "Tp", "Th")
_VOLTAGES: Final = ("Vh", "Vs", "Vr")
_LETTERS: Final[Mapping[str, str]] = {
    **dict.fromkeys(_DIRECTIONS, "D"), **dict.fromkeys(_SPEEDS, "MKSN"), **dict.fromkeys(_TEMPERATURES, "CF"),
    **dict.fromkeys(_VOLTAGES, "NVWF"), "Ua": "P", "Pa": "HPBMI",
}  # fmt: skip
"""Unit letters that a key can have beside `#`: without a checksum another one is damage."""
_CRC_CHARACTERS: Final = 3


def crc(line: bytes) -> str:
    """Appendix C: CRC-16, polynomial A001 reflected, start 0, of everything before it; six bits a character."""
    value = 0
    for byte in line:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
    return "".join(chr(0x40 | six) for six in (value >> 12, (value >> 6) & 0x3F, value & 0x3F))


class WxtRules:
    """FrameRules of one line."""

    first = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    longest = MAX_LINE + 2

    def length_at(self, data: bytes | bytearray, at: int) -> int:
        """See FrameRules."""
        return self._length(data, at, ended=False)

    def length_at_end(self, data: bytes | bytearray, at: int) -> int:
        """See LineRules: a last line without its end is whole if its last value has its unit."""
        return self._length(data, at, ended=True)

    def read(self, frame: bytes) -> Content | Refusal:
        """See FrameRules."""
        line = frame.rstrip(b"\r\n")
        if line[1:2] in (b"r", b"t"):
            line, told = line[:-_CRC_CHARACTERS], line[-_CRC_CHARACTERS:].decode("latin-1")
            computed = crc(line)
            if told != computed:
                return Refusal(CHECKSUM, f"CRC {told!r}, expected {computed!r}")
        text = line[_HEAD:].decode("latin-1")
        if line[1:2] in (b"T", b"t"):
            return Content((), {"text": text}) if text.isprintable() else Refusal(CHECKSUM, "a damaged line of text")
        return _content(text.split(","))

    def _length(self, data: bytes | bytearray, at: int, *, ended: bool) -> int:
        head = bytes(data[at : at + _HEAD])
        if not _BEGINS.match(head):
            return MORE if len(head) < _HEAD and _BEGINNING.fullmatch(head) else NO_FRAME
        stop = _LINE_STOP.search(data, at, at + MAX_LINE)
        if stop is None:
            if len(data) >= at + MAX_LINE:
                return NO_FRAME
            whole = ended and len(head) == _HEAD and isinstance(self.read(bytes(data[at:])), Content)
            return len(data) - at if whole else MORE
        tail = line_end(data, stop.start(), ended=ended)
        return MORE if tail == MORE else stop.start() - at + tail


def _content(parts: list[str]) -> Content | Refusal:
    readings: dict[str, Measurement] = {}
    words: dict[str, str] = {}
    for part in parts:
        word, value = _WORD.fullmatch(part), _PART.fullmatch(part)
        key = word[1] if word else value[1] if value else ""
        if key.lower() in readings or key in words:
            return Refusal(CHECKSUM, f"a damaged line: {key!r} stands in it twice")
        if word:
            words[key] = word[2]
        elif value and _is_whole(key, value[2], value[3]):
            readings[key.lower()] = _reading(key, value[2], value[3])
        else:
            return Refusal(CHECKSUM, f"a damaged line: {part[:20]!r}, expected a key, a value and a unit letter")
    return Content(tuple(readings.values()), words or (None if readings else {}))


def _is_whole(key: str, text: str, unit: str) -> bool:
    return unit == _INVALID or (number(text) is not None and unit in _LETTERS.get(key, unit))


def _reading(key: str, text: str, unit: str) -> Measurement:
    """One part of a line; the keys of the air have its quantities, the others keep their own name."""
    channel = _QUANTITIES.get(key, key.lower())
    text = "" if unit == _INVALID else text
    if key in _DIRECTIONS:
        return direction(text, channel)
    if key in _SPEEDS:
        return velocity(text, unit, FULL_SCALE_M_S, channel)
    if key in _TEMPERATURES:
        return temperature(channel, text, unit)
    if key == "Pa":
        return pressure(text, unit)
    if key == "Ua":
        return plain(channel, text, "%RH")
    # the letter behind the heating's voltage is its state (N off, V half, W on, F too hot), not its unit
    return plain(channel, text, "V" if key in _VOLTAGES else None if unit == _INVALID else unit)
