"""What persons of a site are followed by: the limits of each quantity, and the sensors of each place."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from gateway.domain.events import Presence
from gateway.domain.moment import NO_TIME, SECOND_US, Moment
from gateway.domain.site import Site
from gateway.domain.site_limits import limits_for_site
from gateway.exposure.person_figures import Asked, asked_of

LATE_US: Final = 60 * SECOND_US
"""A tag event older than this counts from now on, and the shift is no evidence of compliance any more [D]."""


class Scope(NamedTuple):
    """asked: by quantity. places: sensor indexes by (zone, quantity)."""

    asked: Mapping[str, tuple[Asked, ...]]
    places: Mapping[tuple[str, str], list[int]]

    def sensors(self) -> frozenset[int]:
        """Indexes of the sensors whose readings count for persons."""
        return frozenset(i for (_, quantity), found in self.places.items() if quantity in self.asked for i in found)


def scope_of(site: Site) -> Scope:
    """All quantities of the site that have a limit of a person's averaging time."""
    asked: dict[str, tuple[Asked, ...]] = {}
    for quantity in dict.fromkeys(sensor.quantity for sensor in site.sensors):
        rows = limits_for_site(site, quantity, (*site.site.regimes, *site.site.alarm_regimes))
        if found := asked_of(tuple(dict.fromkeys(rows))):
            asked[quantity] = found
    places: dict[tuple[str, str], list[int]] = {}
    for i, sensor in enumerate(site.sensors):
        places.setdefault((sensor.zone, sensor.quantity), []).append(i)
    return Scope(asked, places)


def came_late(now: Moment, event: Presence) -> bool:
    """Whether a tag event happened long before it came; a clock that is in doubt tells nothing of that."""
    return now.trusted and event.time_us != NO_TIME and abs(now.utc_us - event.time_us) > LATE_US
