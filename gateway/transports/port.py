"""A serial port: its settings, its names, how it is opened, and why it cannot be or went away."""

import errno
import os
import termios
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import serial

BY_ID: Final = Path("/dev/serial/by-id")
WRITE_TIMEOUT_S: Final = 1.0
LOOK_S: Final = 1.0
"""How often the name of a port is compared with the open line."""

LOST: Final = (serial.SerialException, OSError, termios.error, ValueError)
"""What pyserial lets through when a port cannot be opened or goes away under an open line."""

_WHY: Final = {
    errno.ENOENT: "it is not there (unplugged, or known by another name now)",
    errno.ENXIO: "there is no device behind it",
    errno.ENODEV: "there is no device behind it",
    errno.EACCES: "this user may not open it (group dialout?)",
    errno.EPERM: "this user may not open it (group dialout?)",
    errno.EAGAIN: "another program has it open; a port belongs to one program",
    errno.EBUSY: "another program has it open; a port belongs to one program",
    errno.ENOTTY: "it is no serial port",
    errno.EINVAL: "it does not take these line settings",
    errno.EISDIR: "it is a folder, no serial port",
}


@dataclass(frozen=True, slots=True)
class Line:
    """Settings of a line; 8 data bits. baud [bit/s]. parity: `N`, `E` or `O`. stop_bits: 1 or 2."""

    baud: int = 9600
    parity: str = "N"
    stop_bits: int = 1


def open_port(port: str, line: Line) -> serial.Serial:
    """Open a port for ourselves alone, not blocking. Raises one of `LOST`."""
    return serial.Serial(
        path_of(port),
        line.baud,
        parity=line.parity,
        stopbits=line.stop_bits,
        timeout=0,
        write_timeout=WRITE_TIMEOUT_S,
        exclusive=True,
    )


def is_still(port: str, line_fd: int) -> bool:
    """Whether the open line is what the port's name stands for now; a replugged device may leave us an old line.

    Raises FileNotFoundError when the name is gone.
    """
    return Path(path_of(port)).stat().st_rdev == os.fstat(line_fd).st_rdev


def path_of(port: str) -> str:
    """A bare name is one of udev's by-id names, which stay with a device wherever it is plugged."""
    return port if "/" in port else str(BY_ID / port)


def reason_of(error: Exception) -> str:
    """Why a port cannot be opened or went away, in words; `error` is one of `LOST`."""
    for cause in (error, error.__context__):  # pyserial hides the number of a termios.error in its text
        number = cause.args[0] if cause is not None and cause.args else None
        if isinstance(number, int) and number in _WHY:
            return _WHY[number]
    return f"the line was lost ({str(error) or type(error).__name__})"
