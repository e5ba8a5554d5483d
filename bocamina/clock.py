"""The gateway's two clocks, read in one place."""

import time
from datetime import UTC, datetime
from typing import Final

from gateway.domain.moment import Moment

NOT_BEFORE_US: Final = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1_000_000)
"""No wall clock of this software can be right before the year it was written in."""


class EngineClock:
    """Engine time goes on from where the journal stopped and then follows the monotonic clock.

    last_now_us, last_utc_us: the newest moment in the journal [µs]. A wall clock behind it (a Pi without a
    battery-backed clock boots in the past) is not trusted until it has caught up; timers never notice.
    """

    def __init__(self, last_now_us: int = 0, last_utc_us: int = 0) -> None:
        self._floor_us = max(NOT_BEFORE_US, last_utc_us)
        self._base_us = max(time.time_ns() // 1000, last_now_us + 1)
        self._mono_ns = time.monotonic_ns()
        self._last_us = self._base_us

    def moment(self) -> Moment:
        """Now: engine time never stands still or goes back, whatever the wall clock does."""
        now_us = self._base_us + (time.monotonic_ns() - self._mono_ns) // 1000
        self._last_us = max(now_us, self._last_us)
        utc_us = time.time_ns() // 1000
        return Moment(self._last_us, utc_us, utc_us >= self._floor_us)
