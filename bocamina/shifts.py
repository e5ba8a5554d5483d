"""When a shift begins, by the site's own timetable and time zone."""

from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from gateway.domain.site import Site

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class ShiftCalendar:
    """The shift that an instant belongs to: keyed by shift id and the day it began, so night shifts cross midnight.

    A site without `[[shifts]]` counts its exposure by the local day.
    """

    def __init__(self, site: Site) -> None:
        self._zone = ZoneInfo(site.site.timezone)
        self._starts = sorted(
            (time.fromisoformat(shift.start), shift.id, frozenset(shift.days or DAYS)) for shift in site.shifts
        )

    def key(self, utc_us: int) -> str:
        """`{date}/{shift id}` of the shift that began last; it lasts until the next one begins."""
        local = datetime.fromtimestamp(utc_us // 1_000_000, UTC).astimezone(self._zone)
        for back in range(8):
            day = (local - timedelta(days=back)).date()
            for start, ident, days in reversed(self._starts):
                if DAYS[day.weekday()] in days and (back or start <= local.time()):
                    return f"{day}/{ident}"
        return f"{local.date()}/-"
