"""NMEA 0183 from anemometers and weather stations: `$` talker, type, fields, `*hh`, CR LF; a tag block before it.

Sources: sensor protocols, section 8; Vaisala WXT520 user's guide M210906EN and Gill manual 1405-PS-0019, NMEA chapters.
What each sentence means stands in `nmea_sentences.py`.
"""

import re
from collections.abc import Mapping
from functools import reduce
from operator import xor
from typing import Final

from gateway.drivers.items import CHECKSUM, GARBAGE, UNSUPPORTED, Content, Refusal
from gateway.drivers.nmea_sentences import SENTENCES
from gateway.drivers.scanner import MORE, NO_FRAME
from gateway.drivers.text_line import MarkedLine

BAUD: Final = 4800
"""NMEA 0183; 9600 is common too: the site file's `baud` replaces it."""
WARM_UP_S: Final = 0.0
"""The sentence's own status tells."""
PERIOD_S: Final = 2.0
"""[s] Slower than the 1 Hz of most anemometers [D]; weather stations are slower: `period_s` of the sensor."""

UNITS: Final[Mapping[str, str]] = {
    "air_velocity_gust": "m/s", "air_direction_gust": "deg", "air_direction_magnetic": "deg",
    "water_temperature": "degC", "dew_point": "degC", "absolute_humidity": "%",
}  # fmt: skip
"""Of the channels that are no quantities of ours; those of XDR come as sent."""

MAX_BODY: Final = 240
"""[bytes] Between `$` and `*`. The standard ends at 82 characters; real MDA and XDR sentences are longer [D]."""
MAX_TAG: Final = 80
"""[bytes] Between the backslashes of a tag block (NMEA 0183 4.x)."""

_TAG_STOP: Final = re.compile(rb"[\\$\r\n]")
_ADDRESS: Final = re.compile(rb"\$[A-Z][A-Z0-9]{2,},")
_TAG_SUM: Final = re.compile(rb"(.*)\*([0-9A-Fa-f]{2})", re.DOTALL)


class NmeaRules:
    """FrameRules. The checksum is asked for: a sentence without one could be any damaged one."""

    first = b"$\\"

    def __init__(self) -> None:
        self._line = MarkedLine(b"$", b"*", MAX_BODY)
        self.longest = MAX_TAG + 2 + self._line.longest

    def length_at(self, data: bytes | bytearray, at: int) -> int:
        """See FrameRules."""
        return self._length(data, at, ended=False)

    def length_at_end(self, data: bytes | bytearray, at: int) -> int:
        """See LineRules."""
        return self._length(data, at, ended=True)

    def read(self, frame: bytes) -> Content | Refusal:
        """See FrameRules."""
        if frame.startswith(b"\\"):
            tag, _, rest = frame[1:].partition(b"\\")
            if not _tag_holds(tag):
                return Refusal(CHECKSUM, "the tag block's checksum is not that of its text")
            frame = rest
        body = self._line.body(frame)
        if isinstance(body, Refusal):
            if b"*" not in frame and not _ADDRESS.match(frame):
                return Refusal(GARBAGE, f"{len(frame)} bytes of a line that is no sentence")
            return body
        address, *fields = body.split(",")
        read = SENTENCES.get(address[-3:]) if len(address) == 5 and not address.startswith("P") else None
        found = read(fields) if read else None
        return found or Refusal(UNSUPPORTED, f"a sentence {address[:10]!r}, expected {', '.join(sorted(SENTENCES))}")

    def _length(self, data: bytes | bytearray, at: int, *, ended: bool) -> int:
        if data[at] == 0x24:
            return self._line.length_at(data, at, ended=ended)
        stop = _TAG_STOP.search(data, at + 1, at + 2 + MAX_TAG)
        if stop is None:
            return MORE if len(data) < at + 2 + MAX_TAG else NO_FRAME
        begin = stop.end()
        if stop[0] != b"\\":
            return NO_FRAME
        if begin >= len(data):
            return MORE
        if data[begin] != 0x24:
            return NO_FRAME
        length = self._line.length_at(data, begin, ended=ended)
        return length if length in (MORE, NO_FRAME) else begin - at + length


def _tag_holds(tag: bytes) -> bool:
    parts = _TAG_SUM.fullmatch(tag)
    return parts is not None and reduce(xor, parts[1], 0) == int(parts[2], 16)
