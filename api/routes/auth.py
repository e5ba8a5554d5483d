"""Log-in: a bearer token for programs, a cookie for the page."""

import math
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request, Response
from fastapi.security import OAuth2PasswordRequestForm

from api.auth import CSRF_COOKIE, SESSION_COOKIE, VALID_FOR_S, Reader, Session
from api.problems import Problem
from api.schemas import PageSession, Token
from api.services import Services, Svc
from api.users import MAY_COMMAND

router = APIRouter(prefix="/auth", tags=["log-in"])
Form = Annotated[OAuth2PasswordRequestForm, Depends()]


@router.post("/token")
def make_token(request: Request, form: Form, services: Svc) -> Token:
    """OAuth 2 password form → bearer token, valid for 12 hours."""
    return Token(access_token=_log_in(request, form, services).token)


@router.post("/session")
def open_session(request: Request, response: Response, form: Form, services: Svc) -> PageSession:
    """The page's log-in: sets the HttpOnly cookie that every GET accepts and the cookie for the CSRF header."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise Problem(403, "the log-in form of another site may not log in here", kind="origin")
    session = _log_in(request, form, services)
    secure = request.url.scheme == "https"
    for name, value, hidden in ((SESSION_COOKIE, session.token, True), (CSRF_COOKIE, session.csrf, False)):
        response.set_cookie(name, value, VALID_FOR_S, httponly=hidden, secure=secure, samesite="strict")
    return _page(session)


@router.get("/session")
def read_session(session: Reader) -> PageSession:
    """Who is logged in."""
    return _page(session)


@router.delete("/session", status_code=204)
def close_session(response: Response, _: Reader) -> None:
    """Log the page out."""
    for name in (SESSION_COOKIE, CSRF_COOKIE):
        response.delete_cookie(name, samesite="strict")


def _page(session: Session) -> PageSession:
    user = session.user
    return PageSession(name=user.name, role=user.role, may_command=user.role in MAY_COMMAND, csrf=session.csrf)


def _log_in(request: Request, form: OAuth2PasswordRequestForm, services: Services) -> Session:
    address = request.client.host if request.client else "?"
    keys = (f"{address} {form.username[:64]}",)
    wait_s = services.throttle.wait_s(*keys)
    if wait_s > 0:
        seconds = math.ceil(wait_s)
        raise Problem(
            429, f"too many wrong passwords; try again in {seconds} s", kind="throttled",
            headers={"Retry-After": str(seconds)}, retry_after_s=seconds,
        )  # fmt: skip
    user = services.users.verify(form.username, form.password)
    if user is None:
        services.throttle.failed(*keys)
        raise Problem(
            401, "the name or the password is wrong", kind="wrong-password", headers={"WWW-Authenticate": "Bearer"}
        )
    services.throttle.succeeded(*keys)
    return services.tokens.issue(user)
