"""An anemometer or weather station with NMEA 0183 that is not there: MWV a second, XDR behind it where it has more.

Source: sensor protocols, section 8 (NMEA 0183).
"""

from typing import Final

from firmware_sim.devices.faults import Read

PERIOD_S: Final = 1.0
RANGE_M_S: Final = 60.0
UNITS_PER_M_S: Final = {"M": 1.0, "N": 3600 / 1852, "K": 3.6}


def sentence(text: str) -> bytes:
    """`$`, the text, `*`, the exclusive or of the text, CR LF."""
    check = 0
    for byte in text.encode("ascii"):
        check ^= byte
    return b"$" + text.encode("ascii") + f"*{check:02X}\r\n".encode("ascii")


class NmeaStation:
    """The device. unit: M, N or K. `blocked`: a transducer sees nothing, the fields are empty and the status V."""

    baud: Final = 4800

    def __init__(self, read: Read, unit: str = "M", talker: str = "WI") -> None:
        self._read, self._unit, self._talker = read, unit, talker
        self._next_s = 0.0
        self.blocked = False

    def power_on(self, now_s: float) -> None:
        """Power has come."""
        self._next_s = now_s + PERIOD_S

    def speak(self, now_s: float) -> list[bytes]:
        """The sentences that are due."""
        if now_s < self._next_s:
            return []
        self._next_s = now_s + PERIOD_S
        return [sentence(self._talker + text) for text in (self._wind(), self._state_of_the_air()) if text]

    def hear(self, now_s: float, data: bytes) -> list[bytes]:
        """It takes no request."""
        del now_s, data
        return []

    def _wind(self) -> str:
        if self.blocked:
            return f"MWV,,R,,{self._unit},V"
        speed = self._read("air_velocity")
        if speed is None:
            return ""
        angle = (self._read("air_direction") or 0.0) % 360.0
        shown = min(RANGE_M_S, abs(speed)) * UNITS_PER_M_S[self._unit]
        return f"MWV,{angle:05.1f},R,{shown:06.2f},{self._unit},A"

    def _state_of_the_air(self) -> str:
        groups = [
            f"{kind},{value:.{digits}f},{unit},"
            for kind, channel, unit, per_unit, digits in (
                ("C", "temperature", "C", 1.0, 1), ("H", "humidity", "P", 1.0, 1), ("P", "pressure", "B", 1000.0, 5),
            )
            if (value := self._scaled(channel, per_unit)) is not None
        ]  # fmt: skip
        return "XDR," + ",".join(groups) if groups else ""

    def _scaled(self, channel: str, per_unit: float) -> float | None:
        value = self._read(channel)
        return None if value is None else value / per_unit
