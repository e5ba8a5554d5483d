"""Who is inside: `occupied`, `empty` or `unknown` for every zone (limits reference 6.6).

Unknown counts as occupied for raising and as not empty for suppressing. *Empty* is never guessed: a named person
counted nobody, the tag board agrees, and nothing has spoken against it since.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from alerts.model import MAY_COMMAND
from alerts.rulebook import figure_us
from gateway.domain.errors import Refused
from gateway.domain.moment import Moment
from gateway.domain.site import Site

Occupied = Literal["occupied", "empty", "unknown"]
LAPSE_US: Final = figure_us("occupancy", "lapse_h")


@dataclass(slots=True)
class _Count:
    """A named person's count of a zone; proven: it was zero, agreed with the tags and has not lapsed."""

    people: int
    by: str
    at_us: int
    proven: bool


class Occupancy:
    """Tags and counts of all zones. Every change is an argument's; `step` tells which zones changed."""

    def __init__(self, site: Site) -> None:
        self._zones = tuple(zone.id for zone in site.zones)
        self._roles: Mapping[str, str] = {person.id: person.role for person in site.people}
        self._tags: dict[str, str] = {}
        self._tagged: Counter[str] = Counter()  # people by place, of `_tags`
        self._counts: dict[str, _Count] = {}
        self._reader_up = True
        self._shown: dict[str, tuple[Occupied, int | None]] = dict.fromkeys(self._zones, ("unknown", None))

    def presence(self, moment: Moment, person: str, zone: str | None) -> None:
        """A tag was read in a zone, or outside (None). A tag that the site does not know is a person all the same.

        Raises Refused for a zone that the site file lacks: the person then counts as inside at an unknown place,
        and no zone is empty until the tag is seen elsewhere.
        """
        before = self._tags.pop(person, None)
        if before is not None:
            self._tagged[before] -= 1
        if zone is None:
            return
        entered = before != zone
        self._tags[person] = zone
        self._tagged[zone] += 1
        if zone not in self._zones:
            self.lapse(moment)
            raise Refused(f"presence of '{person}': '{zone}' is no zone of this site; counted as inside, place unknown")
        if entered:
            self.lapse(moment, zone)

    def count(self, moment: Moment, zone: str, people: int, by: str, role: str | None = None) -> None:
        """A named person counted the people in a zone.

        role: of a logged-in person; without it `by` must be a person of the site file. Raises Refused with one
        sentence: unknown zone or person, a role that may not count, or a zero that the tag board contradicts (the
        zone is then not empty).
        """
        if zone not in self._zones:
            raise Refused(f"count of '{zone}': no such zone in this site")
        if people < 0:
            raise Refused(f"count of '{zone}': {people} is no number of people; expected 0 or more")
        role = role or self._roles.get(by)
        if role is None:
            raise Refused(f"count of '{zone}': '{by}' is no person of this site; a count needs a named person")
        if role not in MAY_COMMAND:
            raise Refused(f"count of '{zone}': '{by}' is {role}; expected one of {', '.join(sorted(MAY_COMMAND))}")
        against = self._against(zone)
        self._counts[zone] = _Count(people, by, moment.now_us, people == 0 and not against)
        if people == 0 and against:
            raise Refused(f"count 0 of '{zone}' does not stand: {against}")

    def _against(self, zone: str) -> str | None:
        """What speaks against a count of zero, as one clause."""
        tags = sorted(person for person, place in self._tags.items() if place == zone)
        lost = sorted(person for person, place in self._tags.items() if place not in self._zones)
        if tags:
            return f"the tag board still has {', '.join(tags)} there"
        if lost:
            return f"{', '.join(lost)} is inside at an unknown place"
        return None if self._reader_up else "the presence reader is lost, nobody would see an entry"

    def lapse(self, moment: Moment, zone: str | None = None) -> None:
        """Something speaks against emptiness (an entry, a door, a lamp): of one zone, or of all."""
        del moment
        for place, count in self._counts.items():
            if zone in (None, place):
                count.proven = False

    def reader(self, moment: Moment, up: bool) -> None:
        """The presence reader was lost, or is back. While it is lost no zone is empty."""
        self._reader_up = up
        if not up:
            self.lapse(moment)

    def state(self, zone: str, moment: Moment) -> tuple[Occupied, int | None]:
        """The zone's occupancy and how many people are known in it; None where nobody knows, never a guessed 0."""
        tags = self._tagged[zone]
        count = self._counts.get(zone)
        current = count is not None and moment.now_us - count.at_us < LAPSE_US
        if count is not None and current:
            if count.proven and not tags:
                return "empty", 0
            if count.people:
                return "occupied", max(count.people, tags)
        return ("occupied", tags) if tags else ("unknown", None)

    def may_hold_people(self, zone: str, moment: Moment) -> bool:
        """Whether the zone is anything but verified empty."""
        return self.state(zone, moment)[0] != "empty"

    def verified_empty(self, moment: Moment) -> frozenset[str]:
        """All zones that are: every other one may hold people."""
        return frozenset(zone for zone in self._counts if not self.may_hold_people(zone, moment))

    def confirmed_by(self, zone: str, moment: Moment) -> str | None:
        """Who confirmed that the zone is empty."""
        return self._counts[zone].by if self.state(zone, moment)[0] == "empty" else None

    def people_in(self, zone: str) -> tuple[str, ...]:
        """Tags known to be in the zone, sorted."""
        return tuple(sorted(person for person, place in self._tags.items() if place == zone))

    def step(self, moment: Moment) -> tuple[str, ...]:
        """Zones whose occupancy or number of people is another than at the last step, in the site file's order."""
        changed = []
        for zone in self._zones:
            now = self.state(zone, moment)
            if now != self._shown[zone]:
                self._shown[zone] = now
                changed.append(zone)
        return tuple(changed)

    def dump(self) -> dict[str, Any]:
        """The whole state, msgpack-able."""
        return {
            "tags": dict(self._tags),
            "counts": {zone: [c.people, c.by, c.at_us, c.proven] for zone, c in self._counts.items()},
            "reader_up": self._reader_up,
            "shown": {zone: list(state) for zone, state in self._shown.items()},
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Take up what `dump` gave; zones that the site file no longer has are dropped, their people are not."""
        self._tags = dict(state["tags"])
        self._tagged = Counter(self._tags.values())
        self._counts = {zone: _Count(*row) for zone, row in state["counts"].items() if zone in self._zones}
        self._reader_up = state["reader_up"]
        self._shown |= {zone: (row[0], row[1]) for zone, row in state["shown"].items() if zone in self._zones}
