"""Time as an argument."""

from typing import Final, NamedTuple

SECOND_US: Final = 1_000_000
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
