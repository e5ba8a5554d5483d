"""A Sensirion SPS30 that is not there: SHDLC frames, its idle, measuring and sleeping state, its status register.

Source: Sensirion SPS30 datasheet v1.0 D1 (March 2020), sections 4 and 5 (sensor protocols, section 4).
"""

import math
import struct
from collections.abc import Sequence
from typing import Final, Literal

from firmware_sim.devices.faults import Read

PERIOD_S: Final = 1.0
CLEANING_S: Final = 10.0
WAKE_S: Final = 0.1
CHANNELS: Final = (
    "pm1", "pm2_5", "pm4", "pm10", "nc0_5", "nc1", "nc2_5", "nc4", "nc10", "particle_size",
)  # fmt: skip
FLAG, ESCAPE = 0x7E, 0x7D
STUFFED: Final = {0x7E: 0x5E, 0x7D: 0x5D, 0x11: 0x31, 0x13: 0x33}
NOT_ALLOWED, WRONG_LENGTH, UNKNOWN, BAD_PARAMETER = 0x43, 0x01, 0x02, 0x04
SERIAL_NUMBER: Final = "B0CA000000000001"
COUNTS_PER_UG: Final = (6.8, 7.9, 8.0, 8.1, 8.2)
"""Particles per cm3 and ug/m3 of PM2.5, up to each size, of an ordinary dust [D]."""


def framed(body: bytes) -> bytes:
    """A body with its check, stuffed, between flags."""
    inside = bytearray()
    for byte in body + bytes([0xFF - sum(body) % 256]):
        inside += bytes([ESCAPE, STUFFED[byte]]) if byte in STUFFED else bytes([byte])
    return bytes([FLAG]) + bytes(inside) + bytes([FLAG])


def reply(command: int, data: bytes = b"", state: int = 0) -> bytes:
    """The sensor's frame."""
    return framed(bytes([0, command, state, len(data)]) + data)


def as_floats(values: Sequence[float]) -> bytes:
    """Ten values, the size in µm."""
    return struct.pack(">10f", *values)


def as_words(values: Sequence[float]) -> bytes:
    """Ten values as whole numbers, the size in nm."""
    words = [round(value) for value in values[:-1]] + [round(values[-1] * 1000)]
    return struct.pack(">10H", *(min(0xFFFF, max(0, word)) for word in words))


class Sps30:
    """The sensor, idle after power-on. register: its status register, whose error bits show in every reply."""

    baud: Final = 115200

    def __init__(self, read: Read, register: int = 0) -> None:
        self._read = read
        self.register = register
        self._heard = b""
        self._state: Literal["idle", "measuring", "sleep"] = "idle"
        self._floats = True
        self._interval_s = 604_800
        self._next_s = self._started_s = 0.0
        self._woken_s = -math.inf

    def power_on(self, now_s: float) -> None:
        """Power has come: idle; it must be told to measure."""
        self._state, self._heard, self._next_s = "idle", b"", now_s

    def speak(self, now_s: float) -> list[bytes]:
        """It only answers."""
        del now_s
        return []

    def hear(self, now_s: float, data: bytes) -> list[bytes]:
        """The host's frames, cut anywhere; the answers. A byte FF wakes the interface of a sleeping one."""
        if self._state == "sleep" and b"\xff" in data:
            self._woken_s = now_s
        self._heard = (self._heard + data)[-1100:]
        answers: list[bytes] = []
        while (begin := self._heard.find(FLAG)) >= 0:
            end = self._heard.find(FLAG, begin + 1)
            if end < 0:
                break
            inside, self._heard = self._heard[begin + 1 : end], self._heard[end:]
            if inside:
                self._heard = self._heard[1:]
                answers += self._judge(now_s, inside)
        return answers

    def _judge(self, now_s: float, inside: bytes) -> list[bytes]:
        body, pair = bytearray(), False
        for byte in inside:
            if byte == ESCAPE and not pair:
                pair = True
                continue
            body.append(byte ^ 0x20 if pair else byte)
            pair = False
        if len(body) < 4 or body[0] != 0 or sum(body) % 256 != 0xFF:
            return []
        command, data = body[1], bytes(body[3:-1])
        if self._state == "sleep" and (command != 0x11 or now_s - self._woken_s > WAKE_S):
            return []
        state, answer = self._obey(now_s, command, data) if body[2] == len(data) else (WRONG_LENGTH, b"")
        return [reply(command, answer, state | (0x80 if self.register else 0))]

    def _obey(self, now_s: float, command: int, data: bytes) -> tuple[int, bytes]:
        if command == 0x00:
            if self._state != "idle":
                return NOT_ALLOWED, b""
            if data not in (b"\x01\x03", b"\x01\x05"):
                return BAD_PARAMETER, b""
            self._state, self._floats = "measuring", data == b"\x01\x03"
            self._next_s = now_s + PERIOD_S
            return 0, b""
        if command == 0x01:
            self._state = "idle"
            return 0, b""
        if command == 0x03:
            return (0, self._measure(now_s)) if self._state == "measuring" else (NOT_ALLOWED, b"")
        if command == 0x10:
            if self._state != "idle":
                return NOT_ALLOWED, b""
            self._state = "sleep"
            return 0, b""
        if command == 0x11:
            woken = self._state == "sleep"
            self._state = "idle" if woken else self._state
            return (0 if woken else NOT_ALLOWED), b""
        if command == 0x56:
            if self._state != "measuring":
                return NOT_ALLOWED, b""
            self._next_s = now_s + CLEANING_S
            return 0, b""
        return self._tell(command, data)

    def _tell(self, command: int, data: bytes) -> tuple[int, bytes]:
        if command == 0x80 and data[:1] == b"\x00":
            if len(data) == 5:
                self._interval_s = int.from_bytes(data[1:], "big")
                return 0, b""
            return 0, struct.pack(">I", self._interval_s)
        if command == 0xD0:
            text = {b"\x00": "00080000", b"\x03": SERIAL_NUMBER}.get(data)
            return (BAD_PARAMETER, b"") if text is None else (0, text.encode() + b"\x00")
        if command == 0xD1:
            return 0, bytes([2, 2, 0, 7, 0, 2, 0])
        if command == 0xD2:
            before = self.register
            if data == b"\x01":
                self.register = 0
            return 0, struct.pack(">IB", before, 0)
        if command == 0xD3:
            self._state = "idle"
            return 0, b""
        return UNKNOWN, b""

    def _measure(self, now_s: float) -> bytes:
        """The newest values, once; nothing until there are new ones."""
        fine, coarse = self._read("pm2_5"), self._read("pm10")
        if now_s < self._next_s or (fine is None and coarse is None):
            return b""
        self._next_s = now_s + PERIOD_S
        fine = 0.5 * (coarse or 0.0) if fine is None else fine
        coarse = 2.0 * fine if coarse is None else coarse
        finest, middle = self._read("pm1"), self._read("pm4")
        masses = [0.5 * fine if finest is None else finest, fine, coarse if middle is None else middle, coarse]
        counts = [min(3000.0, each * fine) for each in COUNTS_PER_UG]
        values = [*(min(1000.0, mass) for mass in masses), *counts, 0.6]
        return as_floats(values) if self._floats else as_words(values)
