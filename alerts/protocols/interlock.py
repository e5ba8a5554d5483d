"""The methane interlock: when a fan may not be switched by the machine, and when not even by a person.

Bocamina requests and verifies; a power trip is hard-wired from a certified detector (limits reference 6.4). Source:
30 CFR 57.22232 and the interface's precedence (2): CH4 at 0.5 %vol or above, or a configured CH4 sensor not good.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from alerts.model import Alarm, Priority
from alerts.protocols.air import FiguresOf, at_least, reading
from alerts.protocols.portable import PortableReadings
from alerts.rulebook import figure, figure_us
from gateway.domain.moment import Moment
from gateway.domain.site import Site

Methane = Literal["clear", "not_watched", "measured"]
"""clear: every configured CH4 sensor is good and below. measured: someone read the interlock's level or more, and
nobody has read less since. not_watched: a configured CH4 sensor is not good."""

LEVEL: Final = figure("methane", "interlock")
UNWATCHED_US: Final = figure_us("methane", "unwatched_s")


class MethaneInterlock:
    """What is known of methane in every zone that has a CH4 sensor, or where a person measured it."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._sensors = tuple(i for i, s in enumerate(site.sensors) if s.quantity == "ch4")
        self._sensors_at = {
            zone.id: tuple(s.id for s in site.sensors if s.quantity == "ch4" and s.zone == zone.id)
            for zone in site.zones
        }
        self._over: set[str] = set()  # sensors that read the level and have not read less since
        self._not_good_since: dict[str, int] = {}
        self._portable: dict[str, float] = {}
        self._alarmed: frozenset[str] = frozenset()

    def step(
        self, moment: Moment, alarms: Sequence[Alarm], figures_of: FiguresOf, portable: PortableReadings
    ) -> None:
        """Look at every CH4 sensor and the newest portable readings."""
        for i in self._sensors:
            sensor = self._site.sensors[i]
            now = reading(sensor, figures_of(i), moment.now_us)
            if now.usable and now.value >= LEVEL:
                self._over.add(sensor.id)
            elif now.good:
                self._over.discard(sensor.id)  # only a good value below the level takes it back: silence never does
            if now.good:
                self._not_good_since.pop(sensor.id, None)
            else:
                self._not_good_since.setdefault(sensor.id, moment.now_us)
        self._portable = portable.newest("ch4", moment)
        ours = {self._site.sensors[i].id for i in self._sensors}
        self._alarmed = frozenset(a.sensor for a in alarms if a.sensor in ours and at_least(a, Priority.WARNING))

    def state(self, zones: Iterable[str]) -> Methane:
        """The worst that is known of these zones."""
        places = tuple(zones)
        sensors = [sensor for zone in places for sensor in self._sensors_at.get(zone, ())]
        if any(sensor in self._over or sensor in self._alarmed for sensor in sensors):
            return "measured"
        if any(self._portable.get(zone, 0.0) >= LEVEL for zone in places):
            return "measured"
        return "not_watched" if any(sensor in self._not_good_since for sensor in sensors) else "clear"

    def portable_allows(self, zones: Iterable[str]) -> bool:
        """Whether a valid portable reading below the level stands in for every CH4 sensor that is not good."""
        places = frozenset(zones)
        blind = {s.zone for s in self._site.sensors if s.id in self._not_good_since and s.zone in places}
        return self.state(places) != "measured" and all(self._portable.get(zone, LEVEL) < LEVEL for zone in blind)

    def withdraw(self, moment: Moment) -> dict[str, str]:
        """Zones that people must leave, with the reason: methane measured, or its sensor not good for too long."""
        reasons: dict[str, str] = {}
        for i in self._sensors:
            sensor = self._site.sensors[i]
            since = self._not_good_since.get(sensor.id)
            if since is not None and moment.now_us - since >= UNWATCHED_US and not self.portable_allows([sensor.zone]):
                reasons[sensor.zone] = f"methane not watched: {sensor.id}"
        for i in self._sensors:
            sensor = self._site.sensors[i]
            if sensor.id in self._over or sensor.id in self._alarmed:
                reasons[sensor.zone] = f"methane at or above {LEVEL:g} %: {sensor.id}"
        for zone, value in self._portable.items():
            if value >= LEVEL:
                reasons[zone] = f"methane {value:g} % by portable"
        return reasons

    def dump(self) -> dict[str, Any]:
        """The state that is not read again at every step, msgpack-able."""
        return {"over": sorted(self._over), "not_good_since": dict(self._not_good_since)}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take up what `dump` gave, for the sensors that the site file still has."""
        ours = {self._site.sensors[i].id for i in self._sensors}
        self._over = set(state["over"]) & ours
        self._not_good_since = {s: t for s, t in state["not_good_since"].items() if s in ours}
