"""`GET health`: public, and the one route that a supervisor of processes may ask."""

from typing import Any

from fastapi import APIRouter, Response

from api.health import assess
from api.services import Svc

router = APIRouter(tags=["health"])


@router.get("/health", responses={503: {"description": "the gateway is silent, offline or absent"}})
def read_health(response: Response, services: Svc) -> dict[str, Any]:
    """Whether the mine is watched: `ok`, `degraded` or `down` (503), with the gateway's own status."""
    health = assess(services.live, services.link)
    response.status_code = 503 if health.status == "down" else 200
    return health.document
