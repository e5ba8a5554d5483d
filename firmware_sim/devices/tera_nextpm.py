"""A Tera NextPM that is not there: it answers `81` requests, and only with its state while it starts or sleeps.

Source: TERA Sensor, NextPM user guide v3.4 (sensor protocols, section 6).
"""

import struct
from typing import Final

from firmware_sim.devices.faults import Read

START_S: Final = 15.0
"""[s] "Not ready" after power-on and wake: 15 to 35 s."""
SLEEP, DEGRADED, NOT_READY, HEATER, CLIMATE, FAN, MEMORY, LASER = (1 << bit for bit in range(8))
FIRMWARE: Final = 0x0047
FAN_PERCENT: Final = 40
PER_UG: Final = (6000.0, 6200.0, 6250.0)
"""Particles per litre and ug/m3 of PM2.5, up to 1, 2.5, 10 µm, of an ordinary dust [D]."""


def answer(command: int, state: int, data: bytes = b"") -> bytes:
    """A frame whose bytes sum to 0 mod 256."""
    body = bytes([0x81, command, state]) + data
    return body + bytes([-sum(body) % 256])


def means(pm1: float, pm2_5: float, pm10: float) -> bytes:
    """Three counts per litre, three masses [ug/m3] in tenths."""
    counts = (_word(each * pm2_5) for each in PER_UG)
    return struct.pack(">6H", *counts, *(_word(mass * 10) for mass in (pm1, pm2_5, pm10)))


def _word(value: float) -> int:
    return min(0xFFFF, max(0, round(value)))


class NextPm:
    """The sensor; it has run for a while when it is made. faults: error bits of its state."""

    baud: Final = 115200

    def __init__(self, read: Read, faults: int = 0) -> None:
        self._read = read
        self.faults = faults
        self._heard = b""
        self._asleep = False
        self._started_s = -START_S

    def power_on(self, now_s: float) -> None:
        """Power has come: awake, and not ready for a while."""
        self._asleep, self._heard, self._started_s = False, b"", now_s

    def speak(self, now_s: float) -> list[bytes]:
        """It only answers."""
        del now_s
        return []

    def hear(self, now_s: float, data: bytes) -> list[bytes]:
        """The host's requests, cut anywhere; the answers."""
        self._heard = (self._heard + data)[-64:]
        answers: list[bytes] = []
        while (at := self._heard.find(b"\x81")) >= 0 and len(self._heard) - at >= 3:
            request = self._heard[at : at + 3]
            if sum(request) % 256:
                self._heard = self._heard[at + 1 :]
                continue
            self._heard = self._heard[at + 3 :]
            answers += self._obey(now_s, request[1])
        return answers

    def _obey(self, now_s: float, command: int) -> list[bytes]:
        if command == 0x15:
            self._asleep = not self._asleep
            self._started_s = now_s
            return [answer(command, self._state(now_s))]
        state = self._state(now_s)
        if command == 0x16 or state & (SLEEP | NOT_READY):
            return [answer(0x16, state)]
        if command in (0x11, 0x12, 0x13):
            fine, coarse = self._read("pm2_5"), self._read("pm10")
            if fine is None and coarse is None:
                return []
            fine = 0.5 * (coarse or 0.0) if fine is None else fine
            coarse = 2.0 * fine if coarse is None else coarse
            finest = self._read("pm1")
            masses = (0.5 * fine if finest is None else finest, fine, coarse)
            return [answer(command, state, means(*(min(1000.0, mass) for mass in masses)))]
        if command == 0x14:
            temperature, humidity = self._read("temperature"), self._read("humidity")
            raw = round(100 * (20.0 if temperature is None else temperature)), _word(100 * (humidity or 0.0))
            return [answer(command, state, struct.pack(">hH", *raw))]
        if command == 0x17:
            return [answer(command, state, struct.pack(">H", FIRMWARE))]
        return [answer(command, state, bytes([FAN_PERCENT]))] if command == 0x21 else []

    def _state(self, now_s: float) -> int:
        if self._asleep:
            return SLEEP
        return self.faults | (NOT_READY if now_s - self._started_s < START_S else 0)
