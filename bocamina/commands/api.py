"""`bocamina api SITE.toml`: the web process."""

import logging
import os
import socket
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from bocamina.site_file import load_site
from gateway.domain.errors import ConfigError, OperationFailed
from gateway.stores.paths import journal_path

DEFAULT_PORT = 8000
READS_NOTHING_MS = 30_000
"""A browser that takes nothing for so long is cut off and asks anew [D]: else it would hold a place of the stream."""


def api(
    site: Annotated[Path, typer.Argument(metavar="SITE.toml", help="the site file")],
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="where to listen; 0.0.0.0: every network")] = "127.0.0.1",
    port: Annotated[int | None, typer.Option(metavar="N", help="default: BOCAMINA_HTTP_PORT, else 8000")] = None,
) -> None:
    """Serve the dashboard and the HTTP interface. Nothing that protects people depends on this process."""
    known = load_site(site)
    with closing(_listen(host, _port(port))) as listener:
        from api.app import create_app
        from api.server import serve
        from gateway.stores.embedded_history import EmbeddedHistory

        journal = journal_path(known.site.id)
        app = create_app(known, journal.parent, EmbeddedHistory(journal))
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        print(f"dashboard: http://{host}:{listener.getsockname()[1]}/", flush=True)
        serve(app, listener)


def _port(given: int | None) -> int:
    if given is not None:
        return _in_range(given, "--port")
    text = os.environ.get("BOCAMINA_HTTP_PORT") or str(DEFAULT_PORT)
    if not text.isdecimal():
        raise ConfigError(f"BOCAMINA_HTTP_PORT is {text!r}; expected a port from 0 to 65535")
    return _in_range(int(text), "BOCAMINA_HTTP_PORT")


def _in_range(port: int, name: str) -> int:
    if not 0 <= port <= 65535:
        raise ConfigError(f"{name} is {port}; expected a port from 0 to 65535")
    return port


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket, taken before anything else starts. Raises OperationFailed."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise OperationFailed(f"{host!r} is no address of this machine: {error.strerror}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, READS_NOTHING_MS)  # connections inherit it
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise OperationFailed(
            f"cannot listen on {host}:{port}: {error.strerror}; end what uses it, or choose another with --port"
        ) from error
    return listener
