"""Frames of text: a start, a body, a mark with two hexadecimal digits behind it, and the end of a line.

NMEA 0183 (`$…*hh`) and Gill (STX … ETX hh) differ in two bytes only; both check the exclusive or of the body.
"""

import re
from functools import reduce
from operator import xor
from typing import Final

from gateway.drivers.items import CHECKSUM, Refusal
from gateway.drivers.scanner import MORE, NO_FRAME

_NUMBER: Final = re.compile(r"[+-]?(?:\d{1,12}\.?\d{0,9}|\.\d{1,9})")
_HEX: Final = re.compile(rb"[0-9A-Fa-f]{2}")
CR: Final = 0x0D
LF: Final = 0x0A


def number(field: str) -> float | None:
    """A decimal number as instruments print it, `26.` and `+03.1` too; None if there is none: empty is never 0."""
    text = field.strip()
    return float(text) if _NUMBER.fullmatch(text) else None


def line_end(data: bytes | bytearray, at: int, *, ended: bool) -> int:
    """Bytes of the line's end at `at`: CR LF, CR or LF; 0 if none; MORE if the next byte decides it."""
    if at >= len(data):
        return 0 if ended else MORE
    if data[at] == CR:
        if at + 1 >= len(data):
            return 1 if ended else MORE
        return 2 if data[at + 1] == LF else 1
    return 1 if data[at] == LF else 0


class MarkedLine:
    """Where a frame begins and ends. start, mark: single bytes; most: longest body [bytes]."""

    def __init__(self, start: bytes, mark: bytes, most: int) -> None:
        self._most = most
        self.longest = 1 + most + 1 + 2 + 2
        self._stop = re.compile(b"[" + re.escape(start + mark) + b"\r\n]")
        self._start, self._mark = start[0], mark[0]

    def length_at(self, data: bytes | bytearray, at: int, *, ended: bool) -> int:
        """As FrameRules.length_at, of a frame that begins at `at`. `ended`: no more bytes come.

        A new start begins afresh. A line that ends without its mark is a whole frame that lacks its checksum.
        """
        stop = self._stop.search(data, at + 1, at + 2 + self._most)
        if stop is None:
            return MORE if len(data) < at + 2 + self._most else NO_FRAME
        end = stop.start()
        if data[end] == self._start:
            return NO_FRAME
        if data[end] == self._mark:
            if len(data) < end + 3:
                return MORE
            end += 3 if _HEX.match(data, end + 1) else 1
        tail = line_end(data, end, ended=ended)
        return MORE if tail == MORE else end - at + tail

    def body(self, frame: bytes) -> str | Refusal:
        """The text between start and mark, whose checksum is right."""
        body, mark, tail = frame[1:].partition(bytes([self._mark]))
        if not mark or not _HEX.match(tail):
            return Refusal(CHECKSUM, "a line without its checksum, expected two hexadecimal digits")
        told, computed = int(tail[:2], 16), reduce(xor, body, 0)
        if told != computed:
            return Refusal(CHECKSUM, f"checksum {told:#04x}, expected {computed:#04x}")
        return body.decode("latin-1")
