"""When a shift begins, by the site's own timetable and time zone."""

from datetime import UTC, datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from gateway.domain.moment import SECOND_US
from gateway.domain.site import Site

RESTING: Final = "/over"
"""How the key of a stretch between two shifts ends."""
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Shift(NamedTuple):
    """The stretch of working or of rest that an instant belongs to. began_us: µs UTC."""

    key: str
    began_us: int


class ShiftCalendar:
    """Shifts keyed by the local day they began and their id, so that night shifts cross midnight.

    Between two shifts lies a stretch of rest with a key of its own. A site without `[[shifts]]` counts by local days.
    """

    def __init__(self, site: Site) -> None:
        self._zone = ZoneInfo(site.site.timezone)
        self._shifts = [
            (time.fromisoformat(s.start), time.fromisoformat(s.end), s.id, frozenset(s.days or DAYS))
            for s in site.shifts
        ] or [(time(0), time(0), "day", frozenset(DAYS))]

    def at(self, utc_us: int) -> Shift:
        """The newest beginning or end of a shift at or before `utc_us`; a beginning outranks an end."""
        local = datetime.fromtimestamp(utc_us // SECOND_US, UTC).astimezone(self._zone)
        newest = (0, False, "-")
        for back in range(9):
            day = local.date() - timedelta(days=back)
            for start, end, ident, days in self._shifts:
                if DAYS[day.weekday()] not in days:
                    continue
                last_day = day if end > start else day + timedelta(days=1)
                for when, is_start in ((datetime.combine(day, start), True), (datetime.combine(last_day, end), False)):
                    at_us = int(when.replace(tzinfo=self._zone).timestamp()) * SECOND_US
                    if at_us <= utc_us:
                        newest = max(newest, (at_us, is_start, f"{day}/{ident}{'' if is_start else RESTING}"))
            if newest[1]:
                break
        return Shift(newest[2], newest[0])
