"""`GET stream`: server-sent events, from the gateway's word to the page."""

import time
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from api.auth import Reader, Session
from api.health import assess
from api.live import STREAMED
from api.problems import Problem
from api.services import Services, Svc
from api.subscription import Event, Subscription

router = APIRouter(tags=["stream"])

HEALTH_EVERY_S: Final = 2.0
MOST_STREAMS: Final = 32


@router.get("/stream", response_class=StreamingResponse)
async def stream(
    request: Request,
    services: Svc,
    session: Reader,
    pace_s: Annotated[float, Query(ge=0.1, le=60, description="readings and exposures at most this often [s]")] = 1.0,
    kinds: Annotated[str | None, Query(description="comma-separated names of the events wanted")] = None,
) -> StreamingResponse:
    """Events `reading exposure alarm protocol zone actuator command`, and `health` every 2 s as a sign of life.

    A reader that is too slow misses the oldest events, and is told so by `gap`: it then fetches the state again.
    """
    wanted = frozenset(kinds.split(",")) if kinds else STREAMED | {"health"}
    if strange := wanted - STREAMED - {"health"}:
        known = ", ".join(sorted(STREAMED | {"health"}))
        raise Problem(422, f"kinds: {min(strange)!r} is no event; expected some of {known}", kind="invalid")
    if services.live.streams >= MOST_STREAMS:
        raise Problem(503, f"{MOST_STREAMS} streams are open already, which is the most", kind="too-many-streams")
    events = _events(request, services, session, wanted, pace_s)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


async def _events(
    request: Request, services: Services, session: Session, kinds: frozenset[str], pace_s: float
) -> AsyncIterator[bytes]:
    subscription = Subscription(kinds)
    services.live.subscribe(subscription)
    paced_at = health_at = -1e9
    try:
        while not request.app.state.closing.is_set():
            now = time.monotonic()
            if now - health_at >= HEALTH_EVERY_S:
                if services.tokens.read(session.token) is None:
                    return
                health_at = now
                # Every stream beats, wanted or not: silence on it then means that the link is gone.
                document = assess(services.live, services.link).document
                yield _encode(Event("health", "", {**document, "uptime_s": round(now, 3)}))
            paced = now - paced_at >= pace_s
            if paced:
                paced_at = now
            for event in subscription.take(paced=paced):
                yield _encode(event)
            await subscription.wait(min(pace_s, 0.5))
    finally:
        services.live.unsubscribe(subscription)


def _encode(event: Event) -> bytes:
    document: dict[str, Any] = event.document
    return b"event: %b\ndata: %b\n\n" % (event.kind.encode(), msgspec.json.encode(document))
