"""`bocamina api` as a process of its own, with one person who may log in, to be killed or left unread at will."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx

from tests.end_to_end.mine import wait_for

PASSWORD = "a password for ana"


class WebProcess:
    """The web process of a site on a port that the system chooses; a later start takes the same port."""

    def __init__(self, site: Path, data: Path) -> None:
        self._site, self._environment = site, os.environ | {"BOCAMINA_DATA": str(data)}
        self._log = data / "api.log"
        self.port = 0
        subprocess.run(
            [sys.executable, "-m", "bocamina", "user", str(site), "ana", "--role", "officer"],
            input=f"{PASSWORD}\n", text=True, env=self._environment, check=True, capture_output=True, timeout=30,
        )  # fmt: skip

    def start(self) -> "WebProcess":
        """Start, wait until it answers, log in."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bocamina", "api", str(self._site), "--port", str(self.port)],
                env=self._environment, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        assert said.startswith("dashboard: http://127.0.0.1:"), f"it said {said!r}\n{self._log.read_text()}"
        self.port = int(said.rpartition(":")[2].strip("/\n"))
        self._web = httpx.Client(base_url=f"http://127.0.0.1:{self.port}/api/v1", timeout=10)
        log_in = {"username": "ana", "password": PASSWORD}
        self.token = self._web.post("/auth/token", data=log_in).json()["access_token"]
        self._web.headers["Authorization"] = f"Bearer {self.token}"
        return self

    def get(self, path: str, **query: Any) -> Any:
        """The JSON of a GET route."""
        return self._web.get(path, params=query).json()

    def kill(self) -> None:
        """As the kernel ends it when memory runs out."""
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate(timeout=10)
        self._web.close()

    def stream(self, kinds: str, receive_buffer: int | None = None) -> socket.socket:
        """An open event stream; with a small receive buffer what it does not read soon waits at the server."""
        reader = socket.socket()
        if receive_buffer is not None:
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        reader.settimeout(10)
        reader.connect(("127.0.0.1", self.port))
        lines = (f"GET /api/v1/stream?kinds={kinds} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {self.token}")
        reader.sendall("".join(f"{line}\r\n" for line in (*lines, "")).encode())
        assert reader.recv(15) == b"HTTP/1.1 200 OK"
        return reader


class StreamReader:
    """Reads an event stream as fast as it comes: when each piece of text was there."""

    def __init__(self, stream: socket.socket) -> None:
        self.pieces: list[tuple[float, bytes]] = []
        self.has_ended = threading.Event()
        self._stream = stream
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        try:
            while data := self._stream.recv(65536):
                self.pieces.append((time.monotonic(), data))
        except OSError:
            pass
        self.has_ended.set()

    @property
    def text(self) -> bytes:
        """Everything so far."""
        return b"".join(data for _, data in list(self.pieces))

    def documents(self, kind: str) -> list[dict[str, Any]]:
        """The whole events of a kind so far."""
        head = f"event: {kind}\ndata: ".encode()
        lines = self.text.replace(b"\r\n", b"\n").split(b"\n\n")[:-1]
        return [json.loads(part.rpartition(head)[2].splitlines()[0]) for part in lines if head in part]

    def heard(self, kind: str, **values: object) -> float:
        """Monotonic time at which an event with these values was there; waits for it."""
        wait_for(lambda: any(values.items() <= d.items() for d in self.documents(kind)), 10, f"{kind} {values}")
        return time.monotonic()

    def close(self) -> None:
        """Hang up."""
        self._stream.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._stream.close()
