"""A Nova SDS011 or SDS198 that is not there: ten bytes a second, and what it answers to nineteen.

Source: Nova Fitness, Laser Dust Sensor Control Protocol V1.3 (sensor protocols, section 3).
"""

import struct
from typing import Final

from firmware_sim.devices.faults import Read

PERIOD_S: Final = 1.0
WORK_S: Final = 30.0
"""[s] With a working period it works that long and reports once."""
IDENT: Final = 0xA160
FIRMWARE: Final = (15, 7, 10)
"""Year, month, day."""


def sds011_frame(pm2_5: float, pm10: float, ident: int = IDENT) -> bytes:
    """Masses [ug/m3] in tenths, low byte first."""
    return _framed(0xC0, struct.pack("<HH", _word(pm2_5 * 10), _word(pm10 * 10)) + struct.pack(">H", ident))


def sds198_frame(pm100: float, ident: int = IDENT) -> bytes:
    """The second word is the mass [ug/m3] itself."""
    return _framed(0xCF, struct.pack("<HH", 0, _word(pm100)) + struct.pack(">H", ident))


def reply_frame(command: int, first: int, second: int, third: int = 0, ident: int = IDENT) -> bytes:
    """What answers a setting: the command and its data again."""
    return _framed(0xC5, bytes([command, first, second, third]) + struct.pack(">H", ident))


def _framed(kind: int, data: bytes) -> bytes:
    return bytes([0xAA, kind]) + data + bytes([sum(data) % 256, 0xAB])


def _word(value: float) -> int:
    return min(0xFFFF, max(0, round(value)))


class NovaSds:
    """The sensor: active and continuous when new. total: the SDS198, with its channel pm100."""

    baud: Final = 9600

    def __init__(self, read: Read, *, total: bool = False) -> None:
        self._read = read
        self._total = total
        self._heard = b""
        self._awake = self._active = True
        self._period_min = 0
        self._next_s = 0.0
        self._ident = IDENT

    def power_on(self, now_s: float) -> None:
        """Power has come: awake; mode, period and id stay, for they are kept in flash."""
        self._awake, self._heard, self._next_s = True, b"", now_s + PERIOD_S

    def speak(self, now_s: float) -> list[bytes]:
        """The frame that is due."""
        if not (self._awake and self._active) or now_s < self._next_s:
            return []
        self._next_s = now_s + (self._period_min * 60.0 + WORK_S if self._period_min else PERIOD_S)
        return self._measure()

    def hear(self, now_s: float, data: bytes) -> list[bytes]:
        """The host's commands, cut anywhere; the answers."""
        self._heard = (self._heard + data)[-128:]
        answers: list[bytes] = []
        while (at := self._heard.find(b"\xaa\xb4")) >= 0 and len(self._heard) - at >= 19:
            command = self._heard[at : at + 19]
            if command[18] != 0xAB or sum(command[2:17]) % 256 != command[17]:
                self._heard = self._heard[at + 1 :]
                continue
            self._heard = self._heard[at + 19 :]
            if command[15:17] in (b"\xff\xff", struct.pack(">H", self._ident)):
                answers += self._obey(now_s, command)
        return answers

    def _obey(self, now_s: float, command: bytes) -> list[bytes]:
        what, setting, value = command[2], command[3] == 1, command[4]
        if not self._awake and not (what == 0x06 and setting and value == 1):
            return []
        if what == 0x04:
            return self._measure()
        if what == 0x05:
            self._ident = int.from_bytes(command[13:15], "big")
            return [reply_frame(what, 0, 0, ident=self._ident)]
        if what == 0x07:
            return [reply_frame(what, *FIRMWARE, ident=self._ident)]
        if what == 0x02:
            if setting:
                self._active = value == 0
            value = 0 if self._active else 1
        elif what == 0x06:
            if setting:
                self._awake = value == 1
                self._next_s = now_s + PERIOD_S
            value = 1 if self._awake else 0
        elif what == 0x08 and value <= 30:
            if setting:
                self._period_min = value
            value = self._period_min
        else:
            return []
        return [reply_frame(what, command[3], value, ident=self._ident)]

    def _measure(self) -> list[bytes]:
        if self._total:
            dust = self._read("pm100")
            return [] if dust is None else [sds198_frame(min(dust, 20000.0), self._ident)]
        fine, coarse = self._read("pm2_5"), self._read("pm10")
        if fine is None and coarse is None:
            return []
        return [sds011_frame(min(fine or 0.0, 999.9), min(coarse or 0.0, 999.9), self._ident)]
