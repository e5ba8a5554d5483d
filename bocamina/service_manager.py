"""Tells systemd that the gateway is ready and alive (sd_notify(3)); does nothing where there is no systemd."""

import os
import socket


class ServiceManager:
    """One datagram a word to `$NOTIFY_SOCKET`; the watchdog restarts a gateway whose engine stopped turning."""

    def __init__(self) -> None:
        address = os.environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if address else None

    def ready(self) -> None:
        """The gateway watches from now on."""
        self._send("READY=1")

    def alive(self) -> None:
        """The engine thread turned; called by that thread and no other."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """An orderly end has begun."""
        self._send("STOPPING=1")

    def _send(self, word: str) -> None:
        if self._socket is not None:
            try:
                self._socket.sendto(word.encode(), self._address)
            except OSError:
                self._socket = None
