"""A blast that nobody declared: CO rises together with NO2 or saturated dust (limits reference 7.2.1, Undeclared).

Dust alone is dry drilling, CO alone is an engine or a fire: neither is called a blast.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from alerts.model import Finding, Priority
from alerts.protocols.air import FiguresOf, reading, sensors_in
from alerts.protocols.rises import Rise, Rises
from alerts.rulebook import BOOK, figure_us, source
from gateway.domain.figures import Figures
from gateway.domain.moment import SECOND_US, Moment
from gateway.domain.quality import Reason
from gateway.domain.quantities import DUST
from gateway.domain.site import SensorConfig, Site

TOGETHER_US: Final = figure_us("blast", "unscheduled_s")
RISE: Final[Mapping[str, float]] = {q: v for q, v in BOOK["blast"]["unscheduled"].items() if q != "source"}
SOURCE: Final = source("blast", "unscheduled_s")
FUMES_US: Final = figure_us("blast", "fume_wait_min")
LOOK_EVERY_US: Final = SECOND_US // 2
"""The protocols are asked at every alarm; the air is looked at with the seconds."""


@dataclass(slots=True)
class _Event:
    """One undeclared blast. bases: CO before it by sensor that rose [ppm]. over: the CO came down again."""

    bases: dict[str, float]
    rise: float
    reason: str
    over: bool = False


class UndeclaredBlast:
    """Every zone with a CO channel and one of NO2 or dust."""

    def __init__(self, site: Site) -> None:
        self._sensors = site.sensors
        self._index = {s.id: i for i, s in enumerate(site.sensors)}
        watched = {z.id: (sensors_in(site, [z.id], ["co"]), sensors_in(site, [z.id], {"no2"} | DUST))
                   for z in site.zones}  # fmt: skip
        self._watched = {zone: pair for zone, pair in watched.items() if all(pair)}
        self._all = tuple(sorted(i for pair in self._watched.values() for part in pair for i in part))
        self._rises = Rises(TOGETHER_US)
        self._events: dict[str, _Event] = {}
        self._looked_us: int | None = None
        self._seen_us: int | None = None

    def step(
        self, moment: Moment, figures_of: FiguresOf, declared: Collection[str], permitted: Callable[[str], bool]
    ) -> tuple[str, ...]:
        """Zones where it looks like a blast now. declared: zones where one is expected, which are not reported.

        Nor are others while its fumes may still be on their way: they are gas, which the ladder judges.
        permitted: whether people measured a zone and signed for it, which ends what a dead sensor cannot.
        """
        if self._looked_us is not None and moment.now_us - self._looked_us < LOOK_EVERY_US:
            return ()
        self._looked_us = moment.now_us
        for i in self._all:
            self._look(moment, self._sensors[i], figures_of(i))
        self._events = {zone: event for zone, event in self._events.items() if not event.over}
        for zone, event in self._events.items():
            event.over = permitted(zone) or self._has_fallen(moment, event, figures_of)
        seen = tuple(
            zone for zone, (co, others) in self._watched.items()
            if zone not in self._events and self._risen(moment, co) and self._risen(moment, others)
        )  # fmt: skip
        on_their_way = self._seen_us is not None and moment.now_us - self._seen_us < FUMES_US
        for zone in seen:
            if zone not in declared and not on_their_way:
                self._seen_us = moment.now_us
                self._events[zone] = self._event(moment, zone)
            self._rises.forget(self._sensors[i].id for part in self._watched[zone] for i in part)
        return seen

    def _look(self, moment: Moment, sensor: SensorConfig, figures: Figures) -> None:
        if not reading(sensor, figures, moment.now_us).usable or figures.reason == Reason.WARMING_UP:
            return  # a cell that warms up swings by itself
        if sensor.quantity in DUST:
            saturated = float(figures.reason == Reason.OVER_RANGE)
            self._rises.look(moment.now_us, sensor.id, saturated, 1.0)
        else:
            self._rises.look(moment.now_us, sensor.id, figures.value, RISE[sensor.quantity])

    def _risen(self, moment: Moment, sensors: Sequence[int]) -> dict[str, Rise]:
        found = ((self._sensors[i].id, self._rises.risen(moment.now_us, self._sensors[i].id)) for i in sensors)
        return {sensor: rise for sensor, rise in found if rise is not None}

    def _event(self, moment: Moment, zone: str) -> _Event:
        co, others = (self._risen(moment, part) for part in self._watched[zone])
        return _Event(
            {sensor: rise.base for sensor, rise in co.items()}, max(rise.top - rise.base for rise in co.values()),
            f"{', '.join(co)} rose together with {', '.join(others)}, nothing was armed",
        )  # fmt: skip

    def _has_fallen(self, moment: Moment, event: _Event, figures_of: FiguresOf) -> bool:
        """Only good values say so."""
        for sensor, base in event.bases.items():
            i = self._index[sensor]
            now = reading(self._sensors[i], figures_of(i), moment.now_us)
            if not now.good or now.value - base >= RISE["co"]:
                return False
        return True

    def findings(self) -> list[Finding]:
        """`blast_unscheduled` of every zone that has one, and of those where it has just ended."""
        return [
            Finding(zone, "blast_unscheduled", not event.over, zone, Priority.HIGH, next(iter(event.bases)),
                    event.rise, RISE["co"], "ppm", latch=True, reason=event.reason, source=SOURCE)
            for zone, event in self._events.items()
        ]  # fmt: skip

    def dump(self) -> dict[str, Any]:
        """The whole state, msgpack-able."""
        return {"rises": self._rises.dump(), "events": {zone: asdict(e) for zone, e in self._events.items()},
                "looked_us": self._looked_us, "seen_us": self._seen_us}  # fmt: skip

    def load(self, state: Mapping[str, Any]) -> None:
        """Take up what `dump` gave, for the zones and sensors that the site file still has."""
        self._rises.load(state["rises"])
        self._rises.forget([sensor for sensor in state["rises"]["lows"] if sensor not in self._index])
        self._events = {
            zone: _Event(**row) for zone, row in state["events"].items()
            if zone in self._watched and row["bases"].keys() <= self._index.keys()
        }  # fmt: skip
        self._looked_us, self._seen_us = state["looked_us"], state["seen_us"]
