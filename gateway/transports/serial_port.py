"""One serial line: raw bytes out of a port that vanishes and returns."""

import contextlib
import logging
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import serial

from gateway.domain.errors import LinkLost
from gateway.transports.backoff import Backoff
from gateway.transports.port import LOOK_S, Line, is_still, open_port
from gateway.transports.port_thread import PortThread

log = logging.getLogger(__name__)

WAIT_MS: Final = 200
READ_BYTES: Final = 4096
MOST_BYTES_PER_S: Final = 65_536
"""No sensor sends faster (115,200 bit/s are 11,520 bytes/s); a broken adapter that does must not fill our memory."""
READ_PAUSE_S: Final = 0.004
"""Between two reads: a line that brings byte after byte wakes us 250 times a second at most."""


@dataclass(slots=True)
class SerialCounters:
    """What happened so far, for health. silences: times the open line brought nothing and was opened anew."""

    opened: int = 0
    lost: int = 0
    silences: int = 0
    received_bytes: int = 0
    dropped_writes: int = 0
    callback_errors: int = 0


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
        self._opener = opener
        self._where = f"serial port {port} of source {source!r}"
        self._own = PortThread(f"serial {source}", self._where, serve=self._serve, lost=self._down, backoff=backoff)
        self._writes: deque[bytes] = deque(maxlen=64)
        self._open = False
        self._up: bool | None = None
        self._was_silent = False
        self.counters = SerialCounters()

    # --- For other threads -------------------------------------------------------------------------------------------

    @property
    def up(self) -> bool:
        """Open and not silent."""
        return bool(self._up)

    @property
    def stuck_s(self) -> float:
        """Seconds since the thread last came round; its calls have limits, so more than 5 is a hung driver."""
        return self._own.stuck_s

    def start(self) -> None:
        """Start the thread; it opens the port, now or when it appears."""
        self._own.start()

    def stop(self) -> None:
        """End the thread and close the port, within 2 s."""
        self._own.stop()

    def measured(self) -> None:
        """The bytes of this line made measurements just now. Whoever reads them says so, with `by_readings`."""
        self._measured_at = time.monotonic()

    def write(self, data: bytes) -> bool:
        """Send bytes to the device, in order, soon; False (counted) while the port is not open. Never blocks."""
        if not self._open or len(self._writes) == self._writes.maxlen:
            self.counters.dropped_writes += 1
            return False
        self._writes.append(data)
        self._own.bell.ring()
        return True

    # --- The source's own thread -------------------------------------------------------------------------------------

    def _serve(self) -> None:
        line = self._opener(self._port, self._line)
        try:
            self._listen(line)
        finally:
            self._open = False
            with contextlib.suppress(Exception):  # whatever it says, the descriptor is closed
                line.close()

    def _listen(self, line: serial.Serial) -> None:
        """Hand on bytes until the line is lost (LinkLost, or one of LOST) or `stop()`."""
        own, bell = self._own, self._own.bell
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
        while not own.stopping.is_set():
            wait_ms = min(WAIT_MS, max(0, math.ceil((poll_at - now) * 1000))) if self._poll_command else WAIT_MS
            events = bell.wait(line.fileno(), writable=False, timeout_ms=wait_ms)
            now = time.monotonic()
            own.alive(now)
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
                if not is_still(self._port, line.fileno()):
                    raise LinkLost(f"{self._where} is another device now; opening it again")
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
        self._own.backoff.reset()
        self._was_silent = False
        self._now_up(f"{self._where} is sending again")

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
        self.counters.callback_errors += not self._own.tell(callback, *args)
