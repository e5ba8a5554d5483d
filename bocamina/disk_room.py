"""The room that the journal has: its alarm before the disk is full, and what leaves the journal at its quota."""

import os
from pathlib import Path
from typing import Any, Final

from gateway.domain.errors import StoreFailed
from gateway.domain.events import DiskSpace
from gateway.domain.site import Site
from gateway.stores.archive import Archive
from gateway.stores.paths import archive_folder
from gateway.stores.room import RoomWatch
from gateway.stores.trimming import Trimming

QUOTA_SHARE: Final = 0.40
"""Of the disk, where the site file gives no quota: a damaged journal is saved into a second one beside it, and the
archive needs its room too [D]."""
LEAST_QUOTA: Final = 100_000_000
"""Bytes; as in the site file."""


class DiskRoom:
    """Of one site's journal; the engine's thread asks once a second, the disk is looked at once a minute."""

    def __init__(self, site: Site, journal: Path) -> None:
        quota_mb = site.journal.quota_mb
        quota_bytes = _share_of_disk(journal) if quota_mb is None else quota_mb * 1_000_000
        self._quota_mb = quota_bytes // 1_000_000
        self._level: int | None = None
        uplinks = [name for name, uplink in (("influx", site.influx), ("central", site.central)) if uplink is not None]
        self.trimming = Trimming(quota_bytes, uplinks, lambda: Archive(archive_folder(journal)))
        self._watch = RoomWatch(journal, quota_bytes, lambda: self.trimming.used_bytes)

    def events(self, now_us: int) -> list[DiskSpace]:
        """What the engine is to know: each change of the level, the first one included."""
        try:
            room = self._watch.look(now_us)
        except StoreFailed:  # a disk that is gone has an alarm of its own
            return []
        if room is None or room.level == self._level:
            return []
        self._level = room.level
        return [DiskSpace(room.level, str(room))]

    def document(self) -> dict[str, Any] | None:
        """For `gateway/status`, None before the first look."""
        room = self._watch.room
        if room is None:
            return None
        return {
            "journal_mb": round(room.journal_bytes / 1e6, 1),
            "quota_mb": self._quota_mb,
            "free_mb": round(max(0, room.bytes_free) / 1e6),
            "mb_a_day": None if room.bytes_an_hour is None else round(room.bytes_an_hour * 24 / 1e6, 1),
            "hours": None if room.hours is None else round(room.hours),
        }


def _share_of_disk(journal: Path) -> int:
    """The quota where none is given [bytes]; the folder need not be there yet."""
    folder = next(one for one in journal.absolute().parents if one.exists())
    disk = os.statvfs(folder)
    return max(LEAST_QUOTA, round(QUOTA_SHARE * disk.f_blocks * disk.f_frsize))
