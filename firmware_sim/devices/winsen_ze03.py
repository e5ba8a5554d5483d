"""A Winsen ZE03 gas module that is not there: nine bytes, FF first, checksum last.

Source: Winsen ZE03 manual (sensor protocols, section 5).
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

PPM: Final = 0x03
PERIOD_S: Final = 1.0


class Gas(NamedTuple):
    """A variant: its gas code, decimals and range [ppm; o2 %vol]."""

    code: int
    decimals: int
    full: float


GASES: Final[Mapping[str, Gas]] = {
    "nh3": Gas(0x02, 0, 100), "h2s": Gas(0x03, 1, 100), "co": Gas(0x04, 0, 1000), "o2": Gas(0x05, 1, 25),
    "so2": Gas(0x2B, 1, 20), "no2": Gas(0x2C, 1, 20), "o3": Gas(0x2A, 1, 20),
}  # fmt: skip
"""Codes: manual. Decimals and ranges: of the usual variants."""


def checksum(body: bytes) -> int:
    """Inverse of the sum of bytes 1 to 7, plus 1, as one byte."""
    return (0x100 - sum(body[1:8]) % 0x100) & 0xFF


def upload_frame(gas: Gas, value: float) -> bytes:
    """Active upload: `FF` gas unit decimals value value full full checksum."""
    scale = 10**gas.decimals
    raw, full = min(0xFFFF, max(0, round(value * scale))), round(gas.full * scale)
    return _ended(bytes([0xFF, gas.code, PPM, gas.decimals, raw >> 8, raw & 0xFF, full >> 8, full & 0xFF]))


def answer_frame(gas: Gas, value: float) -> bytes:
    """The answer to a read, which does not tell its gas."""
    raw = min(0xFFFF, max(0, round(value * 10**gas.decimals)))
    return _ended(bytes([0xFF, 0x86, raw >> 8, raw & 0xFF, 0, 0, 0, 0]))


def _ended(body: bytes) -> bytes:
    return body + bytes([checksum(body)])


class WinsenZE03:
    """The module: active upload after power-on."""

    baud: Final = 9600

    def __init__(self, quantity: str, read: Callable[[str], float | None]) -> None:
        self._gas = GASES[quantity]
        self._quantity = quantity
        self._read = read
        self._heard = b""
        self._active = True
        self._next_s = 0.0

    def power_on(self, now_s: float) -> None:
        """Power has come: active upload."""
        self._active, self._next_s = True, now_s

    def speak(self, now_s: float) -> list[bytes]:
        """The frames that are due."""
        if not self._active or now_s < self._next_s:
            return []
        self._next_s = now_s + PERIOD_S
        value = self._read(self._quantity)
        return [] if value is None else [upload_frame(self._gas, value)]

    def hear(self, now_s: float, data: bytes) -> list[bytes]:
        """The host's commands, cut anywhere; the answers."""
        del now_s
        self._heard = (self._heard + data)[-64:]
        answers: list[bytes] = []
        while (at := self._heard.find(b"\xff\x01")) >= 0 and len(self._heard) - at >= 9:
            command = self._heard[at : at + 9]
            if command[8] != checksum(command):
                self._heard = self._heard[at + 1 :]
                continue
            self._heard = self._heard[at + 9 :]
            answers += self._obey(command[2], command[3])
        return answers

    def _obey(self, command: int, data: int) -> list[bytes]:
        if command == 0x86:
            value = self._read(self._quantity)
            return [] if value is None else [answer_frame(self._gas, value)]
        if command == 0x78:
            self._active = data in (0x40, 0x04)
            return [_ended(bytes([0xFF, 0x78, 0x01, 0, 0, 0, 0, 0]))]
        return []
