"""One serial line: raw bytes out of a port that vanishes and returns."""

import contextlib
import errno
import logging
import math
import os
import termios
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import serial

from gateway.domain.errors import LinkLost
from gateway.transports.backoff import Backoff
from gateway.transports.doorbell import Doorbell

log = logging.getLogger(__name__)

BY_ID: Final = Path("/dev/serial/by-id")
WAIT_MS: Final = 200
WRITE_TIMEOUT_S: Final = 1.0
LOOK_S: Final = 1.0
"""How often the name of the port is compared with the open line."""
READ_BYTES: Final = 4096
MOST_BYTES_PER_S: Final = 65_536
"""No sensor sends faster (115,200 bit/s are 11,520 bytes/s); a broken adapter that does must not fill our memory."""
READ_PAUSE_S: Final = 0.004
"""Between two reads: a line that brings byte after byte wakes us 250 times a second at most."""
STOP_S: Final = 2.0

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


@dataclass(slots=True)
class SerialCounters:
    """What happened so far, for health. silences: times the open line brought nothing and was opened anew."""

    opened: int = 0
    lost: int = 0
    silences: int = 0
    received_bytes: int = 0
    dropped_writes: int = 0
    callback_errors: int = 0


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


class SerialSource:
    """Owns one serial port, its thread and its recovery. Knows bytes, no frames.

    `port` is a path (`/dev/ttyUSB0`, `/dev/serial/by-id/…`, a pseudo-terminal) or a bare by-id name. Callbacks run on
    the source's thread; one that raises is counted and logged once.

    on_bytes(source, data, received_ns): what the device sent, cut anywhere; monotonic clock, just after the read.
    on_link(source, up, detail): the line came or went, with one sentence; also once when the port is missing at start.
    Up means open and not silent: a line that said nothing for `silence_s` is opened anew, counts as down from then on,
    and is up again with its first byte; `by_readings`: that brought no measurement, and with its first one. Bytes alone
    prove little: a device that lost its settings answers every question with an error.
    """

    def __init__(
        self,
        source: str,
        port: str,
        line: Line,
        *,
        on_bytes: Callable[[str, bytes, int], None],
        on_link: Callable[[str, bool, str], None],
        start_commands: bytes = b"",
        poll_command: bytes = b"",
        poll_s: float = 0.0,
        silence_s: float = 30.0,
        by_readings: bool = False,
        backoff: Backoff | None = None,
        opener: Callable[[str, Line], serial.Serial] = open_port,
    ) -> None:
        """Store; `start()` opens.

        start_commands: written after every opening, for a sensor forgets its mode when it is unplugged.
        poll_command: written every `poll_s` seconds while the port is open, for a sensor that only answers.
        """
        self.source = source
        self._port = port
        self._line = line
        self._on_bytes = on_bytes
        self._on_link = on_link
        self._start_commands = start_commands
        self._poll_command = poll_command
        self._poll_s = poll_s
        self._silence_s = silence_s
        self._by_readings = by_readings
        self._measured_at = -math.inf
        self._backoff = backoff or Backoff(0.2, 5.0)
        self._opener = opener
        self._where = f"serial port {port} of source {source!r}"
        self._writes: deque[bytes] = deque(maxlen=64)
        self._open = False
        self._up: bool | None = None
        self._was_silent = False
        self._alive_at = time.monotonic()
        self._stopping = threading.Event()
        self._bell: Doorbell | None = None
        self._thread: threading.Thread | None = None
        self.counters = SerialCounters()

    # --- For other threads -------------------------------------------------------------------------------------------

    @property
    def up(self) -> bool:
        """Open and not silent."""
        return bool(self._up)

    @property
    def stuck_s(self) -> float:
        """Seconds since the thread last came round; its calls have limits, so more than 5 is a hung driver."""
        return time.monotonic() - self._alive_at

    def start(self) -> None:
        """Start the thread; it opens the port, now or when it appears."""
        self._bell = Doorbell()
        self._alive_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=f"serial {self.source}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread and close the port, within 2 s."""
        if self._thread is None or self._bell is None:
            return
        self._stopping.set()
        self._bell.ring()
        self._thread.join(STOP_S)
        if self._thread.is_alive():
            log.error("%s: the driver does not let go of it", self._where)
            return
        self._thread = None
        self._bell.close()

    def measured(self) -> None:
        """The bytes of this line made measurements just now. Whoever reads them says so, with `by_readings`."""
        self._measured_at = time.monotonic()

    def write(self, data: bytes) -> bool:
        """Send bytes to the device, in order, soon; False (counted) while the port is not open. Never blocks."""
        if not self._open or self._bell is None or len(self._writes) == self._writes.maxlen:
            self.counters.dropped_writes += 1
            return False
        self._writes.append(data)
        self._bell.ring()
        return True

    # --- The source's own thread -------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            line: serial.Serial | None = None
            try:
                line = self._opener(self._port, self._line)
                self._listen(line)
            except LinkLost as lost:
                self._down(str(lost))
            except LOST as error:
                self._down(f"{self._where}: {reason_of(error)}; trying again until it returns")
            except Exception:
                # A defect of ours or pyserial's must not silence the sensor for good.
                log.exception("%s: unexpected error, opening it again", self._where)
                self._down(f"{self._where}: unexpected error; trying again")
            finally:
                self._open = False
                if line is not None:
                    with contextlib.suppress(Exception):  # whatever it says, the descriptor is closed
                        line.close()
            self._pause(self._backoff.next_s())

    def _listen(self, line: serial.Serial) -> None:
        """Hand on bytes until the line is lost (LinkLost, or one of LOST) or `stop()`."""
        assert self._bell is not None  # noqa: S101  start() made it
        self.counters.opened += 1
        self._writes.clear()
        self._open = True
        if self._start_commands:
            line.write(self._start_commands)
        if not self._was_silent:
            self._now_up(f"{self._where} is open")
        heard_at = looked_at = now = time.monotonic()
        before = self.counters.received_bytes
        poll_at = now + self._poll_s if self._poll_command else math.inf
        while not self._stopping.is_set():
            wait_ms = min(WAIT_MS, max(0, math.ceil((poll_at - now) * 1000))) if self._poll_command else WAIT_MS
            events = self._bell.wait(line.fileno(), writable=False, timeout_ms=wait_ms)
            now = self._alive_at = time.monotonic()
            if events and (data := line.read(min(max(1, line.in_waiting), READ_BYTES))):
                if not self._by_readings:
                    heard_at = now
                    self._flows()
                self._hand_on(data)
                time.sleep(max(READ_PAUSE_S, len(data) / MOST_BYTES_PER_S))
            if self._measured_at > heard_at:
                heard_at = self._measured_at
                self._flows()
            while self._writes:
                line.write(self._writes.popleft())
            if now >= poll_at:
                line.write(self._poll_command)
                poll_at = now + self._poll_s
            if now - looked_at >= LOOK_S:
                looked_at = now
                self._compare_name(line)
            if now - heard_at >= self._silence_s:
                self.counters.silences += 1
                self._was_silent = True
                some = self.counters.received_bytes - before
                what = f"brought no measurement for {self._silence_s:g} s ({some} bytes)" if some else (
                    f"sent nothing for {self._silence_s:g} s"
                )  # fmt: skip
                raise LinkLost(f"{self._where} is open but has {what}; opening it again until it does")

    def _hand_on(self, data: bytes) -> None:
        received_ns = time.monotonic_ns()
        self.counters.received_bytes += len(data)
        self._guarded(self._on_bytes, self.source, data, received_ns)

    def _flows(self) -> None:
        """What this line is for comes in."""
        self._backoff.reset()
        self._was_silent = False
        self._now_up(f"{self._where} is sending again")

    def _compare_name(self, line: serial.Serial) -> None:
        """A device that was replugged may leave us an old line that stays open and says nothing."""
        named = Path(path_of(self._port)).stat()  # FileNotFoundError: it is gone
        if named.st_rdev != os.fstat(line.fileno()).st_rdev:
            raise LinkLost(f"{self._where} is another device now; opening it again")

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._stopping.wait(min(left, 1.0)):
            self._alive_at = time.monotonic()

    def _now_up(self, detail: str) -> None:
        if not self._up:
            self._up = True
            log.info("%s", detail)
            self._guarded(self._on_link, self.source, True, detail)

    def _down(self, detail: str) -> None:
        if self._up is not False:
            self._up = False
            self.counters.lost += 1
            log.warning("%s", detail)
            self._guarded(self._on_link, self.source, False, detail)

    def _guarded(self, callback: Callable[..., None], *args: object) -> None:
        try:
            callback(*args)
        except Exception:
            self.counters.callback_errors += 1
            if self.counters.callback_errors == 1:
                log.exception("%s: what it received could not be handled", self._where)


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
