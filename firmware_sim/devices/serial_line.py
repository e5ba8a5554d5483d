"""A serial line that can be pulled: a pseudo-terminal under a steady name, and the faults of bad cables."""

import contextlib
import os
import random
import termios
import tty
from array import array
from fcntl import ioctl
from pathlib import Path
from typing import Final, Protocol

FIFO_BYTES: Final = 1024
"""Unread bytes from which a UART without a reader overflows; a line that nobody reads must not give old news later."""


class SerialDevice(Protocol):
    """What a simulated device does with its line; times are seconds since its power-on."""

    @property
    def baud(self) -> int:
        """Bits per second of the real one; a pseudo-terminal does not care."""

    def power_on(self, now_s: float) -> None:
        """It was without power and has it again."""

    def speak(self, now_s: float) -> list[bytes]:
        """Frames that are due."""

    def hear(self, now_s: float, data: bytes) -> list[bytes]:
        """Bytes from the host; the frames that answer."""


class SerialLine:
    """The device's end. `link` is the name that the gateway opens; it lives while the line is plugged."""

    def __init__(self, link: Path, device: SerialDevice) -> None:
        self.link = link
        self.device = device
        self._fault = "none"
        self._was_off = False
        self._noise = random.Random(str(link.name))
        self._master = self._slave = -1

    @property
    def plugged(self) -> bool:
        """Whether the pseudo-terminal exists."""
        return self._master >= 0

    def plug(self) -> None:
        """A new pseudo-terminal under the old name. Raises OSError when the name cannot be made."""
        if self.plugged:
            return
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.link.parent.mkdir(parents=True, exist_ok=True)
        if self.link.is_symlink():
            self.link.unlink()
        self.link.symlink_to(os.ttyname(self._slave))

    def unplug(self) -> None:
        """The name is gone, and the line under whoever has it open."""
        if self.plugged:
            with contextlib.suppress(FileNotFoundError):
                self.link.unlink()
            os.close(self._slave)
            os.close(self._master)
            self._master = self._slave = -1
            self._was_off = True

    def set_fault(self, kind: str) -> None:
        """none, noise, checksum, half_frame, silence, unplugged: from now on, until another is set."""
        if kind == "unplugged":
            self.unplug()
        elif self._fault == "unplugged":
            self.plug()
        self._fault = kind

    def turn(self, now_s: float) -> None:
        """Let the device hear and speak."""
        if not self.plugged:
            return
        if self._was_off:
            self._was_off = False
            self.device.power_on(now_s)
        frames = self.device.hear(now_s, self._received()) + self.device.speak(now_s)
        if self._fault == "silence":
            return
        for frame in frames:
            self._send(self._spoilt(frame))

    def _spoilt(self, frame: bytes) -> bytes:
        if self._fault == "noise":
            return self._noise.randbytes(self._noise.randint(1, 12)) + frame
        if self._fault == "checksum":
            at = len(frame) // 2
            return frame[:at] + bytes([frame[at] ^ 0x10]) + frame[at + 1 :]
        return frame[: len(frame) // 2] if self._fault == "half_frame" else frame

    def _send(self, data: bytes) -> None:
        unread = array("i", [0])
        ioctl(self._slave, termios.FIONREAD, unread)
        if unread[0] > FIFO_BYTES:
            termios.tcflush(self._slave, termios.TCIFLUSH)
        with contextlib.suppress(BlockingIOError):
            os.write(self._master, data)

    def _received(self) -> bytes:
        with contextlib.suppress(BlockingIOError):
            return os.read(self._master, 4096)
        return b""
