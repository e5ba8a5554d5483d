"""The web process: routes over what the gateway says on MQTT. Nothing that protects people depends on it."""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from api import problems
from api.auth import Tokens, load_secret
from api.gateway_link import GatewayLink
from api.guard import Guard
from api.live import LiveState
from api.routes import alarms, auth, health, metrics, mine, page, protocols, stream, upkeep
from api.routes import history as history_routes
from api.services import Services
from api.throttle import Throttle
from api.users import UserStore
from gateway.domain.history import History
from gateway.domain.site import Site

DESCRIPTION = (
    "Bocamina helps to watch the air. It is not certified life-safety equipment (no SIL) and replaces neither the "
    "certified portable detector nor the measurement before entry. No alarm does not mean no danger."
)


def user_file(folder: Path) -> Path:
    """Where the log-ins of a site lie; folder: the site's own, below the data folder."""
    return folder / "users.json"


def create_app(site: Site, folder: Path, history: History | None) -> FastAPI:
    """The application of one site. Connects to the broker when the server starts it, and lets go when it stops.

    folder: the site's own, below the data folder, for users and the signing key. history: what `readings`,
    `exposures` and `alarms?state=all` are read from, None where there is none.
    Raises OperationFailed when the key cannot be read or written.
    """
    live = LiveState(site)
    link = GatewayLink(site, live)
    users = UserStore(user_file(folder))
    tokens = Tokens(load_secret(folder / "web-key"), site.site.id, users)

    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        link.start()
        try:
            yield
        finally:
            app.state.closing.set()
            link.stop()

    app = FastAPI(
        title=f"Bocamina: {site.site.name}",
        description=DESCRIPTION,
        version=version("bocamina"),
        lifespan=running,
        docs_url=None,
        redoc_url=None,
    )
    app.state.services = Services(site, live, link, users, tokens, Throttle(), history)
    app.state.closing = threading.Event()
    problems.install(app)
    for module in (health, auth, mine, history_routes, alarms, protocols, upkeep, stream):
        app.include_router(module.router, prefix="/api/v1")
    app.include_router(metrics.router)
    app.include_router(page.router)
    app.add_middleware(Guard, tokens=tokens)
    app.add_middleware(GZipMiddleware, minimum_size=500)
    return app
