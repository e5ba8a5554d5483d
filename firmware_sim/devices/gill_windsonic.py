"""A Gill WindSonic that is not there: a banner after power-up, then a message a second.

Source: Gill, WindSonic user manual 1405-PS-0019, sections 9 and 10 (sensor protocols, section 8).
"""

import math
from typing import Final

from firmware_sim.devices.faults import Read

PERIOD_S: Final = 1.0
RANGE_M_S: Final = 60.0
CALM_M_S: Final = 0.05
"""[m/s] Below it the direction is left out (comma separated) or repeated (fixed fields)."""
OK: Final = "00"
BOTH_AXES: Final = "04"
BANNER: Final = (
    b"WINDSONIC (Gill Instruments Ltd)\r\n2368-110-01\r\nRS232 (CFG)\r\n"
    b"CHECKSUM ROM:0000 0000 *PASS*\r\nCHECKSUM FAC:0000 0000 *PASS*\r\n"
)


def message(text: str) -> bytes:
    """STX, the text, ETX, the exclusive or of the text, CR LF."""
    check = 0
    for byte in text.encode("ascii"):
        check ^= byte
    return b"\x02" + text.encode("ascii") + b"\x03" + f"{check:02X}".encode("ascii") + b"\r\n"


class WindSonic:
    """The sensor. mode: polar, uv or tunnel. fixed: fixed fields. `status` other than OK: it has no values."""

    baud: Final = 9600

    def __init__(self, read: Read, mode: str = "polar", node: str = "Q", *, fixed: bool = False) -> None:
        self._read, self._mode, self._node, self._fixed = read, mode, node, fixed
        self._next_s = 0.0
        self._last = 0.0
        self._banner = False
        self.status = OK

    def power_on(self, now_s: float) -> None:
        """Power has come: it says what it is, then measures."""
        self._banner, self._next_s, self._last = True, now_s + PERIOD_S, 0.0

    def speak(self, now_s: float) -> list[bytes]:
        """The message that is due."""
        said = [BANNER] if self._banner else []
        self._banner = False
        if now_s >= self._next_s:
            self._next_s = now_s + PERIOD_S
            fields = self._fields()
            if fields is not None:
                said.append(message(",".join([self._node, *fields, "M", self.status, ""])))
        return said

    def hear(self, now_s: float, data: bytes) -> list[bytes]:
        """Continuous modes take no request."""
        del now_s, data
        return []

    def _fields(self) -> tuple[str, str] | None:
        if self.status != OK:
            return "", ""
        speed = self._read("air_velocity")
        if speed is None:
            return None
        speed = max(-RANGE_M_S, min(RANGE_M_S, speed))
        if self._mode == "tunnel":
            return f"{abs(speed):06.2f}", "0" if speed < 0 else "1"
        angle = (self._read("air_direction") or 0.0) % 360.0
        if self._mode == "uv":  # U from south to north, V from east to west; the angle is where the wind comes from
            from_north, from_east = math.cos(math.radians(angle)), math.sin(math.radians(angle))
            return f"{-speed * from_north:+07.2f}", f"{speed * from_east:+07.2f}"
        return self._heading(speed, angle), f"{abs(speed):06.2f}"

    def _heading(self, speed: float, angle: float) -> str:
        if abs(speed) >= CALM_M_S:
            self._last = angle
        elif not self._fixed:
            return ""
        return f"{round(self._last) % 360:03d}"
