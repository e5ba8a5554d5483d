"""What an uplink needs of a destination, and the words in which a destination says no."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from gateway.domain.errors import BocaminaError, ConfigError
from gateway.uplink.points import Point


class BatchRejected(BocaminaError):
    """The destination refuses something in these points. Find it by halves, set it aside, go on."""


class Sink(Protocol):
    """Where points go; one thread uses it.

    sent_bytes: handed to the network since the start, failed tries included (payloads and their headers, not TCP, TLS).
    """

    sent_bytes: int

    def text(self, point: Point) -> str:
        """A point as the destination gets it: what is kept of one that it refuses."""

    def write(self, points: Sequence[Point]) -> None:
        """Returns when the destination has confirmed all points; writing them twice is harmless.

        Raises LinkLost or BatchRejected.
        """

    def close(self) -> None:
        """Let go of connections; the next write opens them again."""


def secret(key: str, file: str | None) -> str | None:
    """What the file of a token or password holds, None without one. ConfigError names the key of the site file."""
    if file is None:
        return None
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not text"
        raise ConfigError(f"{key}: {file!r}: {reason}; expected a file that holds it") from error


def one_line(what: object) -> str:
    """An answer or an error of somebody else's as a clause of at most 300 signs."""
    text = what.decode("utf-8", "replace") if isinstance(what, bytes) else str(what or "")
    return " ".join(text.split())[:300]
