"""What Winsen modules that are not there have in common: nine bytes, FF first, checksum last; two modes; an ear.

Source: Winsen manuals (sensor protocols, section 5).
"""

from abc import ABC, abstractmethod
from typing import Final

PERIOD_S: Final = 1.0
"""[s] Of the active upload."""
READ: Final = 0x86
MODE: Final = 0x78


def checksum(body: bytes) -> int:
    """Inverse of the sum of all bytes after the first, plus 1, as one byte; `body` has no checksum yet."""
    return (0x100 - sum(body[1:]) % 0x100) & 0xFF


def ended(*body: int) -> bytes:
    """`body`, filled with zeros to eight bytes, and its checksum."""
    whole = bytes(body).ljust(8, b"\x00")
    return whole + bytes([checksum(whole)])


def split(count: float, most: int = 0xFFFF) -> tuple[int, int]:
    """High and low byte of a count, which ends at 0 and `most`."""
    return divmod(round(min(most, max(0, count))), 256)


class WinsenModule(ABC):
    """A module on its line. A model says what it uploads and answers; one that uploads nothing only answers."""

    baud: Final = 9600
    uploads: bool = True

    def __init__(self) -> None:
        self._heard = b""
        self._active = self.uploads
        self._next_s = 0.0

    def power_on(self, now_s: float) -> None:
        """Power has come: active upload, where the model has it."""
        self._heard, self._active, self._next_s = b"", self.uploads, now_s

    def speak(self, now_s: float) -> list[bytes]:
        """The frames that are due."""
        if not self._active or now_s < self._next_s:
            return []
        self._next_s = now_s + PERIOD_S
        return self.upload(now_s)

    def hear(self, now_s: float, data: bytes) -> list[bytes]:
        """The host's commands, cut anywhere; the answers."""
        self._heard = (self._heard + data)[-64:]
        answers: list[bytes] = []
        while (at := self._heard.find(b"\xff\x01")) >= 0 and len(self._heard) - at >= 9:
            command = self._heard[at : at + 9]
            if command[8] != checksum(command[:8]):
                self._heard = self._heard[at + 1 :]
                continue
            self._heard = self._heard[at + 9 :]
            answers += self.obey(now_s, command[2], command[3:8])
        return answers

    def obey(self, now_s: float, command: int, data: bytes) -> list[bytes]:
        """Do one command; the answers to it."""
        if command == READ:
            return self.answer(now_s)
        if command == MODE and self.uploads:
            self._active = data[0] in (0x40, 0x04)  # 04: older ZE03
            return [ended(0xFF, MODE, 1)]
        return []

    def upload(self, now_s: float) -> list[bytes]:
        """What the active upload sends now; nothing while the air of the module is silent."""
        del now_s
        return []

    @abstractmethod
    def answer(self, now_s: float) -> list[bytes]:
        """What a read is answered; nothing while the air of the module is silent."""
