"""When the timetable blasts next: `[[blasts]] times`, local times of every day (limits reference 7.2.1, planned)."""

from datetime import UTC, datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from gateway.domain.moment import SECOND_US
from gateway.domain.site import Blast as BlastRow
from gateway.domain.site import Site

MINUTE_US: Final = 60 * SECOND_US


class Due(NamedTuple):
    """A scheduled blast and its time [µs UTC]."""

    row: BlastRow
    at_utc_us: int


class BlastSchedule:
    """The timetable. It announces; that nothing is suppressed by a clock is the protocol's business."""

    def __init__(self, site: Site) -> None:
        self._zone = ZoneInfo(site.site.timezone)
        self._rows = [(time.fromisoformat(text), row) for row in site.blasts for text in row.times]
        self._minute: int | None = None
        self._next: Due | None = None

    def next(self, utc_us: int) -> Due | None:
        """The first scheduled blast at or after this minute [µs UTC], None without a timetable."""
        minute = utc_us // MINUTE_US
        if minute != self._minute:
            self._minute, self._next = minute, self._find(minute * MINUTE_US)
        return self._next

    def _find(self, from_utc_us: int) -> Due | None:
        today = datetime.fromtimestamp(from_utc_us // SECOND_US, UTC).astimezone(self._zone).date()
        dues = [
            Due(row, int(datetime.combine(today + timedelta(days=days), at, self._zone).timestamp()) * SECOND_US)
            for days in (0, 1)
            for at, row in self._rows
        ]
        return min((due for due in dues if due.at_utc_us >= from_utc_us), key=lambda due: due.at_utc_us, default=None)
