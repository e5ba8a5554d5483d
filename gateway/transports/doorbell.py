"""A thread that waits for a socket and can be woken by any other."""

import contextlib
import os
import select
from threading import Lock


class Doorbell:
    """Waits on one socket at a time; `ring()` ends the wait from any thread, at the price of a system call at most."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._rung = False
        self._closing = Lock()  # the number of a closed pipe may already be another file's

    def ring(self) -> None:
        """Put your message where the thread looks, then ring. Never blocks; after `close()` it does nothing."""
        # The waiter lowers the flag before it looks, so a message put before a raised flag is seen.
        if self._rung:
            return
        with self._closing:
            if self._write >= 0:
                self._rung = True
                with contextlib.suppress(BlockingIOError):  # full: the thread is awake
                    os.write(self._write, b"\0")

    def wait(self, socket_fd: int, *, writable: bool, timeout_ms: int) -> int:
        """Wait for the socket or the bell; the socket's poll events (0 when there are none)."""
        poller = select.poll()
        poller.register(self._read, select.POLLIN)
        poller.register(socket_fd, select.POLLIN | (select.POLLOUT if writable else 0))
        ready = dict(poller.poll(timeout_ms))
        if self._read in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._read, 4096)
            self._rung = False
        return ready.get(socket_fd, 0)

    def close(self) -> None:
        """Give the pipe back; the waiting thread must have ended."""
        with self._closing:
            if self._write >= 0:
                os.close(self._read)
                os.close(self._write)
                self._read = self._write = -1
