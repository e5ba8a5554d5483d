"""A serial line that can be pulled: a pseudo-terminal under a steady name, with the faults of `faults.py`."""

import contextlib
import os
import termios
import tty
from array import array
from fcntl import ioctl
from pathlib import Path
from typing import Final

from firmware_sim.devices.faults import SerialDevice, WireFaults

FIFO_BYTES: Final = 1024
"""Unread bytes from which a UART without a reader overflows; a line that nobody reads must not give old news later."""


class SerialLine:
    """The device's end. `link` is the name that the gateway opens; it lives while the line is plugged."""

    def __init__(self, link: Path, device: SerialDevice) -> None:
        self.link = link
        self.device = device
        self._faults = WireFaults(device, link.name)
        self._was_off = False
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
        """"unplugged" or one of `faults.WIRE_FAULTS`: from now on, until another is set."""
        if kind == "unplugged":
            self.unplug()
            return
        if self._was_off:
            self.plug()
        self._faults.set(kind)

    def turn(self, now_s: float) -> None:
        """Let the device hear and speak."""
        if not self.plugged:
            return
        if self._was_off:
            self._was_off = False
            self.device.power_on(now_s)
        for data in self._faults.turn(now_s, self._received()):
            self._send(data)

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
