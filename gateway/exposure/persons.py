"""What each tagged person has breathed: exposure follows the person through the zones they were in.

The air of a place is summed once for all who are in it (`place_air`); a person takes the difference between coming
and going. Outside is unexposed, a place without a sensor, or an unknown one, is a gap (limits reference 4.1, 4.9).
The 15-minute window slides in whole minutes of engine time and so does what the projection looks back on [D].
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.domain.moment import NO_TIME
from gateway.exposure.episodes import Tally
from gateway.exposure.person_dose import MINUTE_US, WINDOW_MINUTES, Taken, or_nan, or_none
from gateway.exposure.person_figures import Asked, Hours, Judged, judge
from gateway.exposure.place_air import COVERED, GAP, PlaceAir, Present, nothing

CATCH_UP_US: Final = 90 * MINUTE_US
"""After a longer stop the minutes before this count as one: they are out of every window."""

BEFORE_US: Final = WINDOW_MINUTES * MINUTE_US
"""So far before its beginning the first windows of a shift reach."""

Places = Mapping[tuple[str, str], Sequence[int]]


@dataclass(slots=True)
class _Person:
    """A tagged person. zone: None outside. last_zone: where they were last inside. base: the place's sums at arrival.

    late: a tag event of this shift came late. elsewhere_h: hours of this working day in another place. moved_us: when
    their zone changed, as far back as a window reaches and once more.
    """

    taken: dict[str, Taken]
    zone: str | None = None
    last_zone: str = ""
    late: bool = False
    base: dict[str, list[int]] = field(default_factory=dict)
    elsewhere_h: float = 0.0
    moved_us: list[int] = field(default_factory=list)


class Persons:
    """The exposure of all tagged persons. Times are engine time [µs] and never go back.

    asked: what is followed, and what each quantity is judged by. places: sensor indexes by (zone, quantity). present:
    a sensor's level as it stands. channel: its full scale (NaN unknown) and resolution. is_blast: whether a zone is
    in a blast window now. typical: 95th percentile of a sensor's last seven shifts, None unknown; it changes with
    `start_shift` only.
    """

    def __init__(
        self, asked: Mapping[str, Sequence[Asked]], places: Places, present: Callable[[int], Present],
        channel: Callable[[int], tuple[float, float]], is_blast: Callable[[str], bool],
        typical: Callable[[int], float | None] = lambda _i: None,
    ) -> None:  # fmt: skip
        self._asked = asked
        self.quantities = tuple(asked)
        self._levels = {
            quantity: tuple({one.level: None for one in rows if one.episodes is not None})
            for quantity, rows in asked.items()
        }
        self._places, self._present, self._channel, self._is_blast = places, present, channel, is_blast
        self._typical = typical
        self._people: dict[str, _Person] = {}
        self._airs: dict[str, dict[str, PlaceAir]] = {}
        self.watched: dict[int, PlaceAir] = {}
        """The sensors whose readings somebody breathes; only these are worth a call of `reading`."""
        self.minute_us = 0
        """End of the open minute."""
        self._opened_us = 0
        self._lost_us = 0

    # -- what happens -------------------------------------------------------------------------------------------------

    def move(self, now_us: int, tag: str, zone: str | None, *, late: bool = False) -> None:
        """A tag was seen in a zone, also one that the site lacks (a gap), or outside (None).

        It counts from now on, whenever it happened. late: it happened earlier; then nothing of this person's shift
        is evidence of compliance any more.
        """
        self.advance(now_us)
        person = self._people.get(tag)
        if person is None:
            if zone is None:
                return
            person = self._appear(now_us, tag)
        if zone == person.zone:
            return
        person.late = person.late or late
        self._settle(person, now_us)
        left, person.zone, person.base = person.zone, zone, {}
        person.moved_us.append(now_us)
        while len(person.moved_us) > 1 and person.moved_us[1] <= now_us - BEFORE_US:
            del person.moved_us[0]
        person.last_zone = zone or person.last_zone
        if left is not None and all(one.zone != left for one in self._people.values()):
            del self._airs[left]
            self._watch()
        if zone is not None:
            self._arrive(person, zone, now_us)

    def declare(self, now_us: int, tag: str, hours: float, doses: Mapping[str, float]) -> None:
        """In this working day the person was `hours` in another place and took these doses there [unit·h].

        It counts for the shift that runs, and replaces what was declared before. A quantity without a dose is a gap.
        """
        self.advance(now_us)
        person = self._people.get(tag) or self._appear(now_us, tag)
        person.elsewhere_h = hours
        for quantity, taken in person.taken.items():
            taken.declare(hours, doses.get(quantity))

    def reading(self, now_us: int, i: int) -> None:
        """Sensor i of `watched` has a new level."""
        self.advance(now_us)
        air = self.watched[i]
        air.advance(now_us)
        air.held[i] = self._present(i)

    def advance(self, now_us: int) -> None:
        """Close the minutes that are over."""
        if not self._people or now_us < self.minute_us:
            return
        self.minute_us = max(self.minute_us, (now_us - CATCH_UP_US) // MINUTE_US * MINUTE_US)
        while self.minute_us <= now_us:
            for person in self._people.values():
                self._settle(person, self.minute_us)
                counts = person.zone is None or not self._is_blast(person.zone)
                for taken in person.taken.values():
                    taken.close_minute(self._opened_us, self.minute_us, counts=counts)
            self._opened_us, self.minute_us = self.minute_us, self.minute_us + MINUTE_US

    def settle(self, now_us: int) -> None:
        """Everybody's sums of the shift reach up to now, not only to the last whole minute."""
        self.advance(now_us)
        for person in self._people.values():
            self._settle(person, now_us)

    def start_shift(self, now_us: int, lost_us: int, *, after_rest: bool = False) -> None:
        """Everybody's sums begin anew; the minutes go on. Who is outside, rested and without a word is forgotten.

        lost_us: how much of the new shift was over before anybody watched: a gap of everybody's. after_rest: the
        stretch that ends was no shift; what was declared in it is of the shift that begins.
        """
        self.settle(now_us)
        self._lost_us = lost_us
        for zone, airs in self._airs.items():
            for quantity, air in airs.items():
                air.typical = self._typical_of(zone, quantity)
        for tag, person in list(self._people.items()):
            declared = {q: taken.elsewhere for q, taken in person.taken.items()} if after_rest else {}
            hours = person.elsewhere_h if after_rest else 0.0
            if person.zone is None and not hours and all(taken.is_rested for taken in person.taken.values()):
                del self._people[tag]
                continue
            self._begin(person)
            person.elsewhere_h = hours
            for quantity, sums in declared.items():
                person.taken[quantity].elsewhere = sums

    # -- what is known ------------------------------------------------------------------------------------------------

    def tags(self) -> tuple[str, ...]:
        """Everybody who is followed, sorted."""
        return tuple(sorted(self._people))

    def zone_of(self, tag: str) -> str | None:
        """Where the person is, None outside."""
        return self._people[tag].zone

    def last_zone_of(self, tag: str) -> str:
        """Where the person is, or was before going outside."""
        return self._people[tag].last_zone

    def elsewhere_hours_of(self, tag: str) -> float:
        """How long the person was in another place in this working day, as declared [h]."""
        return self._people[tag].elsewhere_h

    def elsewhere_of(self, tag: str) -> dict[str, float]:
        """What was taken there, as declared [unit·h]; a quantity that is not in it is a gap."""
        taken = self._people[tag].taken
        return {quantity: dose for quantity, one in taken.items() if (dose := one.elsewhere_dose) is not None}

    def since_of(self, tag: str, at_us: int) -> int | None:
        """When the person came to where they were at `at_us`, at most BEFORE_US ago [engine time, µs].

        None: nobody had seen them yet. NO_TIME: nobody noted it.
        """
        return max((one for one in self._people[tag].moved_us if one <= at_us), default=None)

    def is_late(self, tag: str) -> bool:
        """Whether a tag event of this person came late in this shift."""
        return self._people[tag].late

    def judge(self, tag: str, quantity: str, hours: Hours) -> list[Judged]:
        """The person's figures as of the last whole minute, in the order of what is asked. hours: of the site."""
        person = self._people[tag]
        air = self._airs[person.zone].get(quantity) if person.zone is not None else None
        return judge(
            person.taken[quantity], self._asked[quantity], hours._replace(elsewhere=person.elsewhere_h),
            late=person.late, level=math.nan if air is None else air.present().level, inside=air is not None,
        )  # fmt: skip

    # -- inside -------------------------------------------------------------------------------------------------------

    def _appear(self, now_us: int, tag: str) -> _Person:
        if not self._people:
            self._opened_us = now_us // MINUTE_US * MINUTE_US
            self.minute_us = self._opened_us + MINUTE_US
        taken = {q: Taken(tallies={level: Tally() for level in self._levels[q]}) for q in self.quantities}
        person = self._people[tag] = _Person(taken)
        self._begin(person)
        return person

    def _begin(self, person: _Person) -> None:
        person.late, person.elsewhere_h = False, 0.0
        for quantity, taken in person.taken.items():
            air = self._airs.get(person.zone or "", {}).get(quantity)
            taken.begin(self._lost_us, 0.0 if air is None else air.resolution)

    def _arrive(self, person: _Person, zone: str, now_us: int) -> None:
        airs = self._airs.get(zone)
        if airs is None:
            airs = self._airs[zone] = {quantity: self._air(zone, quantity, now_us) for quantity in self.quantities}
            self._watch()
        for quantity, air in airs.items():
            air.advance(now_us)
            person.base[quantity] = air.sums.copy()
            person.taken[quantity].resolution = max(person.taken[quantity].resolution, air.resolution)

    def _air(self, zone: str, quantity: str, now_us: int) -> PlaceAir:
        sensors = self._places.get((zone, quantity), ())
        channels = [self._channel(i) for i in sensors]
        full = max((full for full, _ in channels), default=math.nan)
        known = bool(channels) and not any(math.isnan(full) for full, _ in channels)
        return PlaceAir(
            now_us, {i: self._present(i) for i in sensors}, full if known else None,
            max((resolution for _, resolution in channels), default=0.0), self._typical_of(zone, quantity),
        )  # fmt: skip

    def _typical_of(self, zone: str, quantity: str) -> float:
        found = [level for i in self._places.get((zone, quantity), ()) if (level := self._typical(i)) is not None]
        return max(found, default=math.nan)

    def _watch(self) -> None:
        self.watched = {i: air for airs in self._airs.values() for air in airs.values() for i in air.held}

    def _settle(self, person: _Person, at_us: int) -> None:
        """Take what the place had since the person came, or was last settled."""
        if person.zone is None:
            return
        for quantity, air in self._airs[person.zone].items():
            air.advance(at_us)
            person.taken[quantity].take(_since(air, person.base[quantity]), air.last_valid)
            person.base[quantity] = air.sums.copy()

    # -- over a restart -----------------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """Everything, as plain values for msgpack; sums are text, because they outgrow 64 bits."""
        return {
            "opened_us": self._opened_us,
            "minute_us": self.minute_us,
            "lost_us": self._lost_us,
            "airs": {
                zone: {quantity: _dumped_air(air) for quantity, air in airs.items()}
                for zone, airs in self._airs.items()
            },
            "people": {tag: self._dumped(person) for tag, person in self._people.items()},
        }

    def _dumped(self, person: _Person) -> dict[str, Any]:
        rows = {}
        for quantity, taken in person.taken.items():
            air = self._airs[person.zone][quantity] if person.zone is not None else None
            pending = nothing() if air is None else _since(air, person.base[quantity])
            rows[quantity] = taken.dump(pending, math.nan if air is None else air.last_valid)
        return {
            "zone": person.zone, "last_zone": person.last_zone, "late": person.late,
            "elsewhere_h": person.elsewhere_h, "moved_us": list(person.moved_us), "taken": rows,
        }  # fmt: skip

    def load(self, state: Mapping[str, Any], moved: Callable[[int], int | None]) -> None:
        """Take up what `dump` gave. moved: a sensor's index then to its index now, None where it is gone.

        A quantity that the former site file did not measure was a gap for as long as the person was inside.
        """
        self.minute_us, self._lost_us = state["minute_us"], state["lost_us"]
        self._opened_us = state.get("opened_us", self.minute_us - MINUTE_US)
        self._airs = {
            zone: {quantity: self._restored(zone, quantity, rows, moved) for quantity in self.quantities}
            for zone, rows in state["airs"].items()
        }
        self._people = {tag: self._loaded(row) for tag, row in state["people"].items()}
        self._watch()

    def _loaded(self, row: Mapping[str, Any]) -> _Person:
        taken = {quantity: Taken.load(one, self._levels.get(quantity, ())) for quantity, one in row["taken"].items()}
        inside_us = max((one.shift[COVERED] + one.shift[GAP] for one in taken.values()), default=0)
        person = _Person(
            {q: taken.get(q) or Taken.unmeasured(inside_us, self._levels[q]) for q in self.quantities},
            row["zone"], row["last_zone"], row["late"], elsewhere_h=row.get("elsewhere_h", 0.0),
            moved_us=list(row.get("moved_us", [NO_TIME])),
        )  # fmt: skip
        for quantity, air in self._airs.get(person.zone or "", {}).items():
            person.base[quantity] = nothing()
            person.taken[quantity].resolution = max(person.taken[quantity].resolution, air.resolution)
        return person

    def _restored(
        self, zone: str, quantity: str, rows: Mapping[str, Any], moved: Callable[[int], int | None]
    ) -> PlaceAir:
        row = rows.get(quantity)
        air = self._air(zone, quantity, max((one["head_us"] for one in rows.values()), default=self.minute_us))
        if row is not None:
            air.head_us, air.last_valid = row["head_us"], or_nan(row["last_valid"])
            for then, level, flags, until_us in row["held"]:
                if (i := moved(then)) in air.held:
                    air.held[i] = Present(or_nan(level), flags, until_us, air.last_valid)
        return air


def _since(air: PlaceAir, base: Sequence[int]) -> list[int]:
    return [now - then for now, then in zip(air.sums, base, strict=True)]


def _dumped_air(air: PlaceAir) -> dict[str, Any]:
    held = [[i, or_none(one.level), one.flags, one.until_us] for i, one in air.held.items()]
    return {"head_us": air.head_us, "last_valid": or_none(air.last_valid), "held": held}
