"""Who is asking, and what their role may do: sessions as signed tokens."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, NamedTuple

from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from api.problems import Problem
from api.users import MAY_COMMAND, User, UserStore, write_secret
from gateway.domain.errors import OperationFailed

VALID_FOR_S: Final = 12 * 3600
"""A shift and its handover."""
SESSION_COOKIE: Final = "bocamina_session"
CSRF_COOKIE: Final = "bocamina_csrf"
CSRF_HEADER: Final = "X-CSRF-Token"
_CLOCK_SLACK_S: Final = 60


class Session(NamedTuple):
    """A log-in that still holds. csrf: what the header must carry when the cookie asks for a command."""

    user: User
    token: str
    csrf: str


class Tokens:
    """Signs and reads JSON Web Tokens (RFC 7519, HS256). `wall` gives seconds since 1970 UTC."""

    def __init__(self, secret: bytes, site: str, users: UserStore, wall: Callable[[], float] = time.time) -> None:
        self._secret = secret
        self._key = OctKey.import_key(secret)
        self._issuer = f"bocamina/{site}"
        self._users = users
        self._wall = wall

    def issue(self, user: User) -> Session:
        """A new session of 12 hours."""
        now = int(self._wall())
        claims = {
            "iss": self._issuer, "sub": user.name, "role": user.role, "iat": now, "exp": now + VALID_FOR_S,
            "stamp": user.stamp, "jti": secrets.token_hex(8),
        }  # fmt: skip
        return self._session(user, jwt.encode({"alg": "HS256"}, claims, self._key, ["HS256"]))

    def read(self, token: str) -> Session | None:
        """The session of a token, None when it is forged, over, or its user is gone or has a new password."""
        try:
            claims = jwt.decode(token, self._key, ["HS256"]).claims
            name, issued, expires = str(claims["sub"]), float(claims["iat"]), float(claims["exp"])
        except (JoseError, ValueError, KeyError, TypeError):
            return None
        user = self._users.get(name)
        if user is None or claims.get("iss") != self._issuer or claims.get("stamp") != user.stamp:
            return None
        # A token from the future comes from a clock that was wrong then: it would outlive its 12 hours.
        return self._session(user, token) if issued - _CLOCK_SLACK_S <= self._wall() < expires else None

    def _session(self, user: User, token: str) -> Session:
        return Session(user, token, hmac.new(self._secret, b"csrf:" + token.encode(), hashlib.sha256).hexdigest())


def load_secret(path: Path) -> bytes:
    """The site's signing key, made at the first start and readable by its owner only. Raises OperationFailed."""
    try:
        secret = path.read_bytes()
    except FileNotFoundError:
        secret = secrets.token_bytes(32)
        write_secret(path, secret)
    except OSError as error:
        raise OperationFailed(f"{path}: cannot be read: {error.strerror}") from error
    if len(secret) != 32:
        raise OperationFailed(f"{path}: has {len(secret)} bytes, expected 32; delete it to log everybody out")
    return secret


bearer_scheme = OAuth2PasswordBearer(tokenUrl="/api/v1/auth/token", auto_error=False)
"""For the OpenAPI document; `api/guard.py` does the work."""


def reader(request: Request, _: Annotated[str | None, Depends(bearer_scheme)]) -> Session:
    """The session that the guard found."""
    session: Session = request.state.session
    return session


def commander(session: Annotated[Session, Depends(reader)]) -> Session:
    """The session of a person who may command; dependency of every request to the gateway."""
    role = session.user.role
    if role not in MAY_COMMAND:
        wanted = ", ".join(sorted(MAY_COMMAND))
        raise Problem(403, f"the role {role} reads and may not command; expected one of {wanted}", kind="role")
    return session


Reader = Annotated[Session, Depends(reader)]
Commander = Annotated[Session, Depends(commander)]
