"""A shift of persons that is over, from readings and moves on record: late samples count in their place (4.8, 4.9).

The same `Persons` and `Streaming` that judge a shift while it runs live through it again, so that a record in which
nothing came late gives the figures that were lived.
"""

from collections.abc import Iterable, Mapping, Sequence
from heapq import merge
from operator import itemgetter
from typing import Any, NamedTuple

from gateway.domain.moment import SECOND_US
from gateway.domain.quality import Quality
from gateway.exposure.person_figures import Asked, Hours, Judged
from gateway.exposure.person_worst import WorstOfShift
from gateway.exposure.persons import Persons
from gateway.exposure.shift_anew import OnRecord, as_it_counts
from gateway.exposure.streaming import Line, Streaming


class Place(NamedTuple):
    """A sensor of the record. typical: 95th percentile of its last seven shifts [unit], None unknown."""

    zone: str
    quantity: str
    line: Line
    typical: float | None = None


class Move(NamedTuple):
    """A tag was seen at `at_us` [engine time]. zone: None outside. late: it happened more than a minute earlier."""

    at_us: int
    tag: str
    zone: str | None
    late: bool = False


class PastShift(NamedTuple):
    """As it was lived [engine time, µs]. lost_us: over before anybody watched. hours: with nothing remaining.

    elsewhere: of each tag that was in another place, hours and doses there [unit·h].
    """

    begun_us: int
    over_us: int
    lost_us: int
    hours: Hours
    elsewhere: Mapping[str, tuple[float, Mapping[str, float]]]


class PersonAnew(NamedTuple):
    """One person's result. judged: by quantity. touched: a late sample was of the air that they were in."""

    tag: str
    inside: bool
    late: bool
    elsewhere_h: float
    touched: bool
    judged: dict[str, list[Judged]]


class _Anew:
    """One pass through a shift."""

    def __init__(self, asked: Mapping[str, Sequence[Asked]], places: Sequence[Place], shift: PastShift) -> None:
        self._places, self._shift = places, shift
        self._core = Streaming([place.line for place in places], shift_hours=shift.hours.shift, rolling_8h=False)
        where: dict[tuple[str, str], list[int]] = {}
        for i, place in enumerate(places):
            where.setdefault((place.zone, place.quantity), []).append(i)
        self.persons = Persons(
            asked, where, self._core.present, lambda i: (places[i].line.full_scale, places[i].line.resolution),
            lambda _zone: False, lambda i: places[i].typical,
        )  # fmt: skip
        self.worst = WorstOfShift()
        self.touched: set[str] = set()
        self._late_until: dict[str, int] = {}
        self._begun = False

    def pass_to(self, at_us: int) -> None:
        """Time passes; every whole minute of the shift is judged."""
        if not self._begun and at_us >= self._shift.begun_us:
            self._begin()
        while self._begun and self.persons.tags() and self.persons.minute_us <= at_us:
            closed_us = self.persons.minute_us
            self.persons.advance(closed_us)
            if closed_us > self._shift.begun_us:
                self.note()

    def _begin(self) -> None:
        begun_us = self._shift.begun_us
        self.persons.start_shift(begun_us, self._shift.lost_us)
        self._begun = True
        for zone, until_us in self._late_until.items():
            if until_us > begun_us:
                self._touch(zone)
        for tag, (hours, doses) in self._shift.elsewhere.items():
            self.persons.declare(begun_us, tag, hours, doses)

    def note(self) -> None:
        for tag in self.persons.tags():
            for quantity, rows in self.judge(tag).items():
                self.worst.note(tag, quantity, rows)

    def judge(self, tag: str) -> dict[str, list[Judged]]:
        return {quantity: self.persons.judge(tag, quantity, self._shift.hours) for quantity in self.persons.quantities}

    def read(self, i: int, reading: OnRecord) -> None:
        self.pass_to(reading.time_us)
        self._core.feed(i, reading.time_us, reading.value, as_it_counts(reading), reading.reason)
        if i in self.persons.watched:
            self.persons.reading(reading.time_us, i)
        if reading.quality is Quality.LATE:
            zone, hold_us = self._places[i].zone, round(self._places[i].line.hold_s * SECOND_US)
            self._late_until[zone] = max(self._late_until.get(zone, 0), reading.time_us + hold_us)
            if self._begun:
                self._touch(zone)

    def move(self, move: Move) -> None:
        self.pass_to(move.at_us)
        self.persons.move(move.at_us, move.tag, move.zone, late=move.late)
        if self._begun and move.zone is not None and self._late_until.get(move.zone, 0) > move.at_us:
            self.touched.add(move.tag)

    def _touch(self, zone: str) -> None:
        self.touched |= {tag for tag in self.persons.tags() if self.persons.zone_of(tag) == zone}


def persons_anew(
    asked: Mapping[str, Sequence[Asked]], places: Sequence[Place], readings: Iterable[tuple[int, OnRecord]],
    moves: Iterable[Move], shift: PastShift,
) -> tuple[list[PersonAnew], WorstOfShift]:  # fmt: skip
    """Everybody's result, by tag.

    readings: (index in `places`, reading) by time, from one hold before the first move on; moves: by time, from
    BEFORE_US before the shift on, with where everybody was then. All times are engine time [µs]; what lies at or after
    `over_us` is left out.
    """
    anew = _Anew(asked, places, shift)
    at_us: int
    item: Any
    told = merge(
        ((one.time_us, (i, one)) for i, one in readings), ((one.at_us, one) for one in moves), key=itemgetter(0)
    )
    for at_us, item in told:
        if at_us >= shift.over_us:
            break
        if isinstance(item, Move):
            anew.move(item)
        else:
            anew.read(*item)
    anew.pass_to(shift.over_us)
    anew.persons.settle(shift.over_us)
    anew.note()
    persons = anew.persons
    found = [
        PersonAnew(tag, persons.zone_of(tag) is not None, persons.is_late(tag), persons.elsewhere_hours_of(tag),
                   tag in anew.touched, anew.judge(tag))
        for tag in persons.tags()
    ]  # fmt: skip
    return found, anew.worst
