"""What the routes work with: built once by `create_app`, found by a dependency."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from api.auth import Tokens
from api.gateway_link import GatewayLink
from api.live import LiveState
from api.throttle import Throttle
from api.users import UserStore
from gateway.domain.history import History
from gateway.domain.site import Site


@dataclass(frozen=True, slots=True)
class Services:
    """One site's web process. history: None where the data folder holds none (a web process on another machine)."""

    site: Site
    live: LiveState
    link: GatewayLink
    users: UserStore
    tokens: Tokens
    throttle: Throttle
    history: History | None


def services(request: Request) -> Services:
    """The services of this application."""
    found: Services = request.app.state.services
    return found


Svc = Annotated[Services, Depends(services)]
