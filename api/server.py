"""Runs the application on a socket; open event streams end at once when the process is told to stop."""

import socket
from types import FrameType

import uvicorn
from fastapi import FastAPI


class Server(uvicorn.Server):
    """uvicorn waits for open responses before it stops; a stream never ends by itself, so it is told first."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,
                lifespan="on",
                server_header=False,
                timeout_keep_alive=15,
                timeout_graceful_shutdown=5,
                proxy_headers=False,  # else a header could name any address to the throttle
            )
        )
        self._closing = app.state.closing

    def stop(self) -> None:
        """Stop soon; any thread."""
        self._closing.set()
        self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGINT, SIGTERM."""
        self._closing.set()
        super().handle_exit(sig, frame)


def serve(app: FastAPI, listener: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM."""
    Server(app).run(sockets=[listener])
