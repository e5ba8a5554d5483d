"""Gill WindSonic: STX, node, fields, ETX, the exclusive or of what stands between as two digits, CR LF.

Source: Gill, WindSonic user manual 1405-PS-0019, sections 9.1 to 9.6 and 11.5; tunnel mode also WindObserver manual
1390-PS-0004, "ASCII format - Tunnel Mode". The manual's example for UV prints a checksum (2D) that is not its own (3A).
"""

import math
import re
from collections.abc import Mapping
from typing import Final

from gateway.domain.measurement import Measurement
from gateway.drivers.items import GARBAGE, UNSUPPORTED, Content, Refusal
from gateway.drivers.readings import no_value
from gateway.drivers.text_line import MarkedLine
from gateway.drivers.wind import FULL_TURN, direction, is_calm, marked, moving, velocity, wind

BAUD: Final = 9600
WARM_UP_S: Final = 0.0
"""The status code tells; before the first measurement the device only prints its banner."""
PERIOD_S: Final = 1.0
"""[s] Setting P1; P2 and P4 are faster."""
FULL_SCALE_M_S: Final = 60.0
"""[m/s] Specification, section 5 (the WindSonic 75 reaches 75)."""
FULL_SCALE: Final[Mapping[str, float]] = {"air_velocity": FULL_SCALE_M_S}

UNITS: Final[Mapping[str, str]] = {"u": "m/s", "v": "m/s"}

MAX_BODY: Final = 64
"""[bytes] Between STX and ETX: the longest form, UV, has 24."""

_GOOD: Final = ("00", "60")
"""Measures; measures and the heater works."""
_SETTLING: Final = "51"
"""An average is building up."""
_STATUS: Final = re.compile(r"[0-9]{2}")
_SIGNED: Final = re.compile(r"[+-].*")
_POLARITY: Final[Mapping[str, float]] = {"1": 1.0, "0": -1.0}
"""Tunnel mode: 1 is wind from the south (+U), 0 wind from the north (-U)."""


class WindSonicRules:
    """FrameRules of all three forms: the fields tell polar, UV and tunnel mode apart."""

    first = b"\x02"

    def __init__(self) -> None:
        self._line = MarkedLine(b"\x02", b"\x03", MAX_BODY)
        self.longest = self._line.longest

    def length_at(self, data: bytes | bytearray, at: int) -> int:
        """See FrameRules."""
        return self._line.length_at(data, at, ended=False)

    def length_at_end(self, data: bytes | bytearray, at: int) -> int:
        """See LineRules."""
        return self._line.length_at(data, at, ended=True)

    def read(self, frame: bytes) -> Content | Refusal:
        """See FrameRules."""
        body = self._line.body(frame)
        if isinstance(body, Refusal):
            bare = b"\x03" not in frame and b"," not in frame
            return Refusal(GARBAGE, f"{len(frame)} bytes of a line that is no message") if bare else body
        fields = [field.strip() for field in body.split(",")]
        if len(fields) == 6 and not fields[5] and _STATUS.fullmatch(fields[4]):
            return _content(fields[1], fields[2], fields[3], fields[4])
        return Refusal(UNSUPPORTED, f"a message of {len(fields)} fields, expected node, two values, unit, status")


def _content(first: str, second: str, unit: str, status: str) -> Content:
    readings = _tunnel(first, second, unit) or _uv(first, second, unit) or _polar(first, second, unit)
    settling = status == _SETTLING
    return Content(marked(readings, valid=settling or status in _GOOD, settling=settling))


def _polar(heading: str, speed: str, unit: str) -> tuple[Measurement, ...]:
    """Direction and speed. Calm: the direction is empty or, with fixed fields, the last one before the calm."""
    return wind(direction(heading), velocity(speed, unit, FULL_SCALE_M_S))


def _uv(u: str, v: str, unit: str) -> tuple[Measurement, ...]:
    """Signed speeds: U from south to north, V from east to west. Empty for any other form."""
    if not (_SIGNED.fullmatch(u) and _SIGNED.fullmatch(v)):
        return ()
    along = velocity(u, unit, FULL_SCALE_M_S, "u", signed=True)
    across = velocity(v, unit, FULL_SCALE_M_S, "v", signed=True)
    if along.value is None or across.value is None:
        return (no_value("air_direction", "deg"), no_value("air_velocity", "m/s"), along, across)
    angle = math.degrees(math.atan2(across.value, -along.value)) % FULL_TURN
    speed = moving("air_velocity", math.hypot(along.value, across.value), FULL_SCALE_M_S)
    if is_calm(speed):
        return (speed, along, across)
    return (Measurement("air_direction", angle, "deg"), speed, along, across)


def _tunnel(speed: str, polarity: str, unit: str) -> tuple[Measurement, ...]:
    """Speed along the north-south axis, with its sign: reversed air is negative. Empty for any other form."""
    if speed in _POLARITY:  # a direction has three digits: a single one is the polarity, whichever stands first
        speed, polarity = polarity, speed
    if polarity not in _POLARITY:
        return ()
    found = velocity(speed, unit, FULL_SCALE_M_S)
    if not found.value:
        return (found,)
    return (found._replace(value=found.value * _POLARITY[polarity]),)
