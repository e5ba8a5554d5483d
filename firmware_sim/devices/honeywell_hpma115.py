"""A Honeywell HPMA115 that is not there, standard or compact: auto-send after power-on, answers, acknowledgements.

Source: Honeywell, HPM Series datasheet 32322550, issue F, tables 4 to 7 (sensor protocols, section 2).
"""

import struct
from collections.abc import Sequence
from typing import Final

from firmware_sim.devices.faults import Read

PERIOD_S: Final = 1.0
DONE: Final = b"\xa5\xa5"
REFUSED: Final = b"\x96\x96"
RANGE_UG_M3: Final = 1000
STANDARD: Final = ("pm2_5", "pm10")
COMPACT: Final = ("pm1", "pm2_5", "pm4", "pm10")


def auto_frame(masses: Sequence[int]) -> bytes:
    """The 32 bytes of auto-send; two masses [ug/m3] are a standard sensor's, which leaves the first word unused."""
    words = [0, *masses] if len(masses) == len(STANDARD) else list(masses)
    body = b"BM\x00\x1c" + struct.pack(">13H", *words, *[0] * (13 - len(words)))
    return body + struct.pack(">H", sum(body))


def answer_frame(masses: Sequence[int]) -> bytes:
    """The answer to a read: 8 bytes, 16 of the compact sensor."""
    data = struct.pack(f">{len(masses)}H", *masses) + bytes(4 if len(masses) == len(COMPACT) else 0)
    return _ended(bytes([0x40, len(data) + 1, 0x04]) + data)


def coefficient_frame(coefficient: int) -> bytes:
    """The answer to command 10."""
    return _ended(bytes([0x40, 2, 0x10, coefficient]))


def _ended(body: bytes) -> bytes:
    return body + bytes([(65536 - sum(body)) & 0xFF])


class Hpma115:
    """The sensor: measuring and sending after power-on. compact: the C0."""

    baud: Final = 9600

    def __init__(self, read: Read, *, compact: bool = False) -> None:
        self._read = read
        self._channels = COMPACT if compact else STANDARD
        self._heard = b""
        self._coefficient = 100
        self._measuring = self._sending = True
        self._next_s = 0.0

    def power_on(self, now_s: float) -> None:
        """Power has come: measuring, auto-send. The coefficient stays."""
        self._measuring = self._sending = True
        self._heard, self._next_s = b"", now_s + PERIOD_S

    def speak(self, now_s: float) -> list[bytes]:
        """The frame that is due."""
        if not (self._measuring and self._sending) or now_s < self._next_s:
            return []
        self._next_s = now_s + PERIOD_S
        masses = self._masses()
        return [auto_frame(masses)] if masses else []

    def hear(self, now_s: float, data: bytes) -> list[bytes]:
        """The host's commands, cut anywhere; the answers."""
        self._heard = (self._heard + data)[-64:]
        answers: list[bytes] = []
        while (at := self._heard.find(b"\x68")) >= 0 and len(self._heard) - at >= 2:
            length = self._heard[at + 1]
            whole = self._heard[at : at + length + 3]
            if length in (1, 2) and len(whole) < length + 3:
                break
            if length not in (1, 2) or sum(whole) & 0xFF:
                self._heard = self._heard[at + 1 :]
                continue
            self._heard = self._heard[at + len(whole) :]
            answers.append(self._obey(now_s, whole[2], whole[3]))
        return answers

    def _obey(self, now_s: float, command: int, data: int) -> bytes:
        if command == 0x04:
            masses = self._masses() if self._measuring else None
            return answer_frame(masses) if masses else REFUSED
        if command == 0x10:
            return coefficient_frame(self._coefficient)
        if command == 0x08 and 30 <= data <= 200:
            self._coefficient = data
        elif command in (0x01, 0x02):
            self._measuring = command == 0x01
            self._next_s = now_s + PERIOD_S
        elif command in (0x20, 0x40):
            self._sending = command == 0x40
        else:
            return REFUSED
        return DONE

    def _masses(self) -> list[int] | None:
        shown = [self._read(channel) for channel in self._channels]
        if all(value is None for value in shown):
            return None
        return [min(RANGE_UG_M3, max(0, round((value or 0.0) * self._coefficient / 100))) for value in shown]
