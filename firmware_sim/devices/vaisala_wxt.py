"""A Vaisala WXT that is not there: the ASCII protocol's wind and air messages, sent by itself.

Source: Vaisala, WXT520 user's guide M210906EN, chapter 7 and appendix C (sensor protocols, section 8).
"""

from typing import Final

from firmware_sim.devices.faults import Read

PERIOD_S: Final = 1.0
RANGE_M_S: Final = 60.0


def with_crc(text: str) -> bytes:
    """The text and its CRC-16 (A001, start 0) as three characters of six bits."""
    crc = 0
    for byte in text.encode("ascii"):
        crc ^= byte
        for _ in range(8):
            crc = crc // 2 ^ (0xA001 if crc % 2 else 0)
    return text.encode("ascii") + bytes(0x40 + (crc >> shift) % 64 for shift in (12, 6, 0))


class Wxt:
    """The transmitter at address 0. crc: messages end with one. `blocked`: ice or dust on the wind transducers."""

    baud: Final = 19200

    def __init__(self, read: Read, *, crc: bool = False) -> None:
        self._read, self._crc = read, crc
        self._next_s = 0.0
        self._started = False
        self.blocked = False

    def power_on(self, now_s: float) -> None:
        """Power has come: it says so."""
        self._started, self._next_s = True, now_s + PERIOD_S

    def speak(self, now_s: float) -> list[bytes]:
        """The messages that are due."""
        said = ["TX,Start-up"] if self._started else []
        self._started = False
        if now_s >= self._next_s:
            self._next_s = now_s + PERIOD_S
            said += [text for text in (self._wind(), self._air()) if text]
        return [self._line(text) for text in said]

    def hear(self, now_s: float, data: bytes) -> list[bytes]:
        """The automatic mode takes no request."""
        del now_s, data
        return []

    def _line(self, text: str) -> bytes:
        if self._crc:
            return with_crc("0" + text[0].lower() + text[1:]) + b"\r\n"
        return f"0{text}\r\n".encode("ascii")

    def _wind(self) -> str:
        speed = self._read("air_velocity")
        if speed is None:
            return ""
        angle = round(self._read("air_direction") or 0.0) % 360
        shown = min(RANGE_M_S, abs(speed))
        d, m = ("#", "#") if self.blocked else ("D", "M")
        directions = [f"{key}={0 if self.blocked else angle:03d}{d}" for key in ("Dn", "Dm", "Dx")]
        speeds = [f"{key}={0.0 if self.blocked else shown:.1f}{m}" for key in ("Sn", "Sm", "Sx")]
        return ",".join(["R1", *directions, *speeds])

    def _air(self) -> str:
        parts = [
            f"{key}={value:.1f}{unit}"
            for key, channel, unit in (("Ta", "temperature", "C"), ("Ua", "humidity", "P"), ("Pa", "pressure", "H"))
            if (value := self._read(channel)) is not None
        ]
        return ",".join(["R2", *parts]) if parts else ""
