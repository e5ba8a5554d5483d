"""Who may log in: names, roles and argon2 hashes in one file of the data folder, readable by its owner only."""

import json
import os
import re
import tempfile
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, NamedTuple, get_args

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from gateway.domain.errors import ConfigError, OperationFailed

Role = Literal["officer", "supervisor", "reviewer", "admin"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
MAY_COMMAND: Final = frozenset({"officer", "supervisor", "admin"})
"""Roles that may acknowledge, reset and start protocols; a reviewer reads (interfaces, HTTP)."""

PASSWORD_MIN: Final = 8
"""Characters; NIST SP 800-63B (revision 3) section 5.1.1.2."""
PASSWORD_MAX: Final = 256
_QUEUE_S: Final = 3.0
"""How long a log-in waits for others [s], so that a flood of them cannot hold every thread of the web process."""

_NAME = re.compile(r"[a-z0-9-]{1,32}")


class User(NamedTuple):
    """One person who may log in. `stamp` changes whenever the password does."""

    name: str
    role: Role
    hash: str

    @property
    def stamp(self) -> str:
        """The tail of the hash: tokens carry it, so that a changed password ends the old sessions."""
        return self.hash[-12:]


class UserStore:
    """The users of one site. Reads the file again when it changes, so `bocamina user` needs no restart."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._hasher = PasswordHasher()
        self._decoy = self._hasher.hash("nobody has this password")
        self._lock = threading.Lock()
        self._users: Mapping[str, User] = {}
        self._read_at: tuple[int, int] | None = None
        self._verifying = threading.BoundedSemaphore(2)  # argon2 takes 64 MiB each: a Pi must not run out of memory

    def get(self, name: str) -> User | None:
        """The user of that name, or None."""
        return self._load().get(name)

    def verify(self, name: str, password: str) -> User | None:
        """The user if the password is theirs; a stranger's name takes as long as a wrong password.

        Raises OperationFailed when too many log in at once, or the file is damaged.
        """
        user = self.get(name)
        if not self._verifying.acquire(timeout=_QUEUE_S):
            raise OperationFailed("too many log-ins at once; try again in a few seconds")
        try:
            self._hasher.verify(user.hash if user else self._decoy, password[: PASSWORD_MAX + 1])
        except (VerificationError, InvalidHashError):
            return None
        finally:
            self._verifying.release()
        return user

    def put(self, name: str, role: str, password: str) -> User:
        """Add a user or change one; the file is replaced at once or not at all.

        Raises ConfigError on a wrong name, role or password, OperationFailed when the file cannot be written.
        """
        problems = []
        if not _NAME.fullmatch(name):
            problems.append(f"user name {name!r}: expected 1 to 32 of a-z, 0-9 and '-'")
        if role not in ROLES:
            problems.append(f"role {role!r} is not known; expected one of {', '.join(ROLES)}")
        if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
            wanted = f"at least {PASSWORD_MIN} and at most {PASSWORD_MAX}"
            problems.append(f"the password has {len(password)} characters; expected {wanted}")
        if problems:
            raise ConfigError(*problems)
        user = User(name, next(known for known in ROLES if known == role), self._hasher.hash(password))
        with self._lock:
            users = {**self._parse(), name: user}
            self._write(users)
        return user

    def _load(self) -> Mapping[str, User]:
        with self._lock:
            try:
                status = self._path.stat()
            except OSError:
                self._users, self._read_at = {}, None
                return self._users
            seen = (status.st_mtime_ns, status.st_ino)
            if seen != self._read_at:
                self._users, self._read_at = self._parse(), seen
            return self._users

    def _parse(self) -> Mapping[str, User]:
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise OperationFailed(f"{self._path}: cannot be read: {error.strerror}") from error
        try:
            rows = json.loads(text)["users"]
            return {name: User(name, row["role"], row["hash"]) for name, row in rows.items() if row["role"] in ROLES}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise OperationFailed(f"{self._path}: is no user file; expected what `bocamina user` wrote") from error

    def _write(self, users: Mapping[str, User]) -> None:
        rows = {user.name: {"role": user.role, "hash": user.hash} for user in users.values()}
        text = json.dumps({"written": datetime.now(UTC).isoformat(timespec="seconds"), "users": rows}, indent=1) + "\n"
        write_secret(self._path, text.encode())


def write_secret(path: Path, content: bytes) -> None:
    """Replace `path` by `content` as one act, synced, mode 0600. Raises OperationFailed."""
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp makes it 0600
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise OperationFailed(f"{path}: cannot be written: {error.strerror}") from error
