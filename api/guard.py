"""The gate before every route: strangers stop here, whatever route is added later.

Also what each response must carry against other sites' pages, and how much a request may bring.
"""

import hmac
from http.cookies import CookieError, SimpleCookie
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.auth import CSRF_HEADER, SESSION_COOKIE, Session, Tokens
from api.problems import Problem, problem_response
from gateway.domain.errors import BocaminaError

PUBLIC: Final = frozenset({
    ("GET", "/"), ("GET", "/api/v1/health"), ("POST", "/api/v1/auth/token"), ("POST", "/api/v1/auth/session"),
})  # fmt: skip
"""`/` is the log-in form until somebody has logged in: it holds no data of the mine, and neither do its assets."""
PUBLIC_FOLDER: Final = "/static/"
LARGEST_BODY: Final = 65_536
"""Bytes; the longest honest request is a comment of 500 characters."""

SECURITY_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Guard:
    """ASGI middleware: leaves the session in `request.state.session` or answers 401, 403, 413 itself."""

    def __init__(self, app: ASGIApp, tokens: Tokens) -> None:
        self._app = app
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            self._admit(scope)
            await self._app(scope, _Limited(receive, scope), send_hardened)
        except Problem as problem:
            await problem_response(problem)(scope, receive, send_hardened)
        except BocaminaError as error:
            await problem_response(Problem(503, str(error)))(scope, receive, send_hardened)

    def _admit(self, scope: Scope) -> None:
        method, path = scope["method"], scope["path"]
        headers = Headers(scope=scope)
        if int(headers.get("content-length", "0") or 0) > LARGEST_BODY:
            raise Problem(413, f"the request is larger than {LARGEST_BODY} bytes")
        seen_as = "GET" if method == "HEAD" else method
        if (seen_as, path) in PUBLIC or (seen_as == "GET" and path.startswith(PUBLIC_FOLDER)):
            return
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        by_bearer = scheme.lower() == "bearer"
        session = self._tokens.read(bearer.strip() if by_bearer else _cookie(headers))
        if session is None:
            raise Problem(
                401, "log in first: this address answers to named users only", kind="not-logged-in",
                headers={"WWW-Authenticate": "Bearer"},
            )  # fmt: skip
        if not by_bearer and seen_as != "GET":
            _check_csrf(headers, session)
        scope.setdefault("state", {})["session"] = session


def _cookie(headers: Headers) -> str:
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(SESSION_COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel else ""


def _check_csrf(headers: Headers, session: Session) -> None:
    """A cookie alone, which a browser sends by itself, is not enough to change anything."""
    if not hmac.compare_digest(headers.get(CSRF_HEADER, "").encode(), session.csrf.encode()):
        raise Problem(403, f"a page's request needs the header {CSRF_HEADER} with the value of its cookie", kind="csrf")


class _Limited:
    """`receive` that stops a body sent without its length once it grows too large."""

    def __init__(self, receive: Receive, scope: Scope) -> None:
        self._receive = receive
        self._left = LARGEST_BODY
        self._counts = scope["method"] not in {"GET", "HEAD"}

    async def __call__(self) -> Message:
        message = await self._receive()
        if self._counts:
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                # Of all that may be raised while a body is read, FastAPI passes on this one only.
                raise HTTPException(413, f"the request is larger than {LARGEST_BODY} bytes")
        return message
