"""How much room the journal has left, in hours at the rate at which it grows now."""

import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from gateway.domain.errors import StoreFailed
from gateway.domain.moment import SECOND_US

LOOK_EVERY_US: Final = 60 * SECOND_US
HOUR_US: Final = 3600 * SECOND_US
RATE_OVER_US: Final = 24 * HOUR_US
"""The present rate is that of the last day, so that a shift at work and a night count as they come [D]."""
RATE_AFTER_US: Final = HOUR_US
"""Sooner there is no rate: the file grows by whole checkpoints, some megabytes at a time [D]."""

LOW_HOURS: Final = 72.0
LOW_BYTES: Final = 256 * 1024 * 1024
"""Low: a long weekend, or so little that a burst could fill it [D]."""
LAST_HOURS: Final = 12.0
LAST_BYTES: Final = 64 * 1024 * 1024
"""Nearly full: somebody must come within the shift; 64 MiB is also what the gateway keeps in memory after it [D]."""
BACK: Final = 1.25
"""The alarm goes when there is this much more room than it came with [D]."""
LOW_SHARE: Final = 0.95
LAST_SHARE: Final = 1.0
BACK_SHARE: Final = 0.03
"""Of the quota: rows leave from 90 % on (`trimming.py`), so that what is used passes these only when too few may go.
The alarm goes when it is so much below them [D]. No hours: a journal that is trimmed stays near its quota for years."""


class Room(NamedTuple):
    """Room for the journal. journal_bytes: of its rows; pages that rows have left are room, they are used again.

    bytes_free: of its quota or of the disk, whichever is less; negative above the quota. bytes_an_hour: how the rows
    grow, None while that is not known. level: 0 enough, 1 low, 2 nearly full.
    """

    journal_bytes: int
    bytes_free: int
    quota_bytes: int | None
    bytes_an_hour: float | None
    level: int

    @property
    def hours(self) -> float | None:
        """How long the room lasts at this rate [h]; None while there is no rate, or the rows take no more space."""
        if self.bytes_an_hour is None or self.bytes_an_hour <= 0:
            return None
        return max(0, self.bytes_free) / self.bytes_an_hour

    def __str__(self) -> str:
        """One sentence for people."""
        lasts = "" if self.hours is None else f", {self.hours:.0f} h at the present rate"
        limit = "" if self.quota_bytes is None else f" of {self.quota_bytes / 1e6:.0f} MB"
        has = f"the journal has {self.journal_bytes / 1e6:.0f} MB{limit}"
        return f"room for {max(0, self.bytes_free) / 1e6:.0f} MB{lasts}; {has}"


class RoomWatch:
    """Looks at the disk once a minute. quota_bytes: what the journal may have, None: what the disk gives.

    used: what its rows take [bytes], as trimming measures it, None while nobody has; then the file's size counts on the
    disk, and the quota not at all.
    """

    def __init__(
        self, path: Path, quota_bytes: int | None = None, used: Callable[[], int | None] = lambda: None
    ) -> None:
        self._path, self._quota_bytes, self._used = path, quota_bytes, used
        self._seen: deque[tuple[int, int]] = deque()
        self._due_us: int | None = None
        self.room: Room | None = None

    def look(self, now_us: int) -> Room | None:
        """The room at engine time `now_us`, None when it is not time to look again. Raises StoreFailed."""
        if self._due_us is not None and now_us < self._due_us:
            return None
        self._due_us = now_us + LOOK_EVERY_US
        try:
            size = self._path.stat().st_size
            disk = os.statvfs(self._path.parent)
        except OSError as error:
            raise StoreFailed(f"{self._path}: {error.strerror or error}") from error
        used = self._used()
        free = disk.f_bavail * disk.f_frsize
        if used is None:
            room = Room(size, free, None, None, 0)
        else:
            room = Room(used, free + max(0, size - used), self._quota_bytes, self._rate(now_us, used), 0)
        former = self.room.level if self.room is not None else 0
        level = _level(room, former)
        if room.quota_bytes is not None:
            level = max(level, _level_of_quota(room.journal_bytes / room.quota_bytes, former))
            room = room._replace(bytes_free=min(room.bytes_free, room.quota_bytes - room.journal_bytes))
        self.room = room._replace(level=level)
        return self.room

    def _rate(self, now_us: int, size: int) -> float | None:
        self._seen.append((now_us, size))
        while self._seen[0][0] < now_us - RATE_OVER_US:
            self._seen.popleft()
        first_us, first = self._seen[0]
        return (size - first) * HOUR_US / (now_us - first_us) if now_us - first_us >= RATE_AFTER_US else None


def _level(room: Room, former: int) -> int:
    hours = float("inf") if room.hours is None else room.hours
    for level, least_hours, least_bytes in ((2, LAST_HOURS, LAST_BYTES), (1, LOW_HOURS, LOW_BYTES)):
        factor = BACK if former >= level else 1.0
        if hours < factor * least_hours or room.bytes_free < factor * least_bytes:
            return level
    return 0


def _level_of_quota(share: float, former: int) -> int:
    for level, most in ((2, LAST_SHARE), (1, LOW_SHARE)):
        if share > most - (BACK_SHARE if former >= level else 0.0):
            return level
    return 0
