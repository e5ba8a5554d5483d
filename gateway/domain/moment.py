"""Time as an argument."""

from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

SECOND_US: Final = 1_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
NO_TIME: Final = -(2**63)
"""Stands for "no time given" where a time is a plain int64 [µs]."""


class Moment(NamedTuple):
    """One instant, on both clocks.

    now_us: engine time [µs], monotonic, goes on over restarts, rules every timer and window.
    utc_us: wall clock [µs since 1970 UTC], labels records for people. trusted: the wall clock is believed.
    """

    now_us: int
    utc_us: int
    trusted: bool = True


def rfc3339(utc_us: int) -> str:
    """A wall-clock time [µs since 1970 UTC] as the interface writes times: RFC 3339, milliseconds, `Z`."""
    at = datetime.fromtimestamp(utc_us // 1000 / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_rfc3339(text: str) -> int:
    """RFC 3339 with an offset or `Z` → µs since 1970 UTC. ValueError for all else, a time without zone included."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no time; expected RFC 3339 such as 2026-11-23T07:00:00.000Z") from None
    if at.tzinfo is None:
        raise ValueError(f"time {text!r} has no zone; expected RFC 3339 such as 2026-11-23T07:00:00.000Z")
    return (at - _EPOCH) // _MICROSECOND
