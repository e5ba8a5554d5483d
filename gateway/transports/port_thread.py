"""The thread of one port: it serves the port while it is there, and opens it anew when it was lost."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from gateway.domain.errors import LinkLost
from gateway.transports.backoff import Backoff
from gateway.transports.doorbell import Doorbell
from gateway.transports.port import LOST, reason_of

log = logging.getLogger(__name__)

STOP_S: Final = 2.0


class PortThread:
    """Runs `serve` again and again until `stop`, with growing pauses; the supervisor of a wire.

    where: the port, for people. serve(): opens the port, works until it is lost (LinkLost, or one of `port.LOST`) or
    `stopping` is set, and closes it. lost(detail): told after each loss and failed opening, one sentence.
    """

    def __init__(
        self, name: str, where: str, *, serve: Callable[[], None], lost: Callable[[str], None], backoff: Backoff | None
    ) -> None:
        """Store; `start()` starts."""
        self._name, self._where = name, where
        self._serve, self._lost = serve, lost
        self.backoff = backoff or Backoff(0.2, 5.0)
        self._alive_at = time.monotonic()
        self.stopping = threading.Event()
        self._bell: Doorbell | None = None
        self._thread: threading.Thread | None = None
        self._is_told = False

    @property
    def bell(self) -> Doorbell:
        """Wakes the thread while it waits for its port. Only after `start()`."""
        assert self._bell is not None  # noqa: S101  start() made it
        return self._bell

    @property
    def stuck_s(self) -> float:
        """Seconds since the thread last came round; its calls have deadlines, so more than 5 is a hung driver."""
        return time.monotonic() - self._alive_at

    def alive(self, now: float) -> None:
        """The thread came round at `now` [s, monotonic]."""
        self._alive_at = now

    def start(self) -> None:
        """Start the thread; it opens the port, now or when it appears."""
        self._bell = Doorbell()
        self._alive_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, which closes the port, within 2 s."""
        if self._thread is None or self._bell is None:
            return
        self.stopping.set()
        self._bell.ring()
        self._thread.join(STOP_S)
        if self._thread.is_alive():
            log.error("%s: the driver does not let go of it", self._where)
            return
        self._thread = None
        self._bell.close()

    def tell(self, callback: Callable[..., None], *args: object) -> bool:
        """Call somebody else's code, whose faults must not end the thread; False if it raised (logged once)."""
        try:
            callback(*args)
        except Exception:
            if not self._is_told:
                self._is_told = True
                log.exception("%s: what it received could not be handled", self._where)
            return False
        return True

    def _run(self) -> None:
        while not self.stopping.is_set():
            try:
                self._serve()
            except LinkLost as lost:
                self._lost(str(lost))
            except LOST as error:
                self._lost(f"{self._where}: {reason_of(error)}; trying again until it returns")
            except Exception:
                # A defect of ours or of a library must not silence a sensor for good.
                log.exception("%s: unexpected error, opening it again", self._where)
                self._lost(f"{self._where}: unexpected error; trying again")
            self._pause(self.backoff.next_s())

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self.stopping.wait(min(left, 1.0)):
            self._alive_at = time.monotonic()
