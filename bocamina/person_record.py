"""The shifts of persons that are over, and what came late for them: computed anew out of the journal, put on record.

Pure, a part of the engine, beside `shift_record.py` for places. Kept is who was followed in a shift, and since when
they were where they were shortly before it, never where: positions stand in the journal alone, while they may be kept.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

from bocamina.documents import rfc3339
from bocamina.shift_record import QUIET_US, SHIFTS_KNOWN
from gateway.domain.events import Corrected
from gateway.domain.moment import NO_TIME, Moment
from gateway.domain.site import Site

PERSONS: Final = "persons"
"""In a `Corrected` without a sensor: the documents of everybody whose result is another one now."""


class Followed(NamedTuple):
    """A person of a shift that is over. since_us: when they came to where they were BEFORE_US before it [engine time].

    None: nobody had seen them yet. NO_TIME: nobody noted it. hours, doses: in another place [unit·h].
    """

    tag: str
    since_us: int | None
    hours: float = 0.0
    doses: Mapping[str, float] = {}


class PersonShift(NamedTuple):
    """A shift, or a rest in which somebody was followed. begun_us, over_us: as it was lived [engine time].

    skew_us: what UTC was ahead of engine time at its end. lost_us: over before anybody watched. recorded_us: the label
    of its first results.
    """

    key: str
    begun_us: int
    over_us: int
    skew_us: int
    lost_us: int
    recorded_us: int
    people: Sequence[Followed]

    @property
    def between_us(self) -> tuple[int, int]:
        """When it was [µs UTC], with what nobody watched of it."""
        return self.begun_us - self.lost_us + self.skew_us, self.over_us + self.skew_us


class PersonsWanted(NamedTuple):
    """Results of persons to compute anew. late: sensors that samples came late of. typical: see `Persons`.

    asked_us: engine time of the question; an answer to an earlier one is out of date.
    """

    shift: PersonShift
    late: frozenset[int]
    asked_us: int
    typical: Mapping[int, float]

    def unanswered(self, why: str) -> Corrected:
        """It could not be computed."""
        return Corrected("", self.shift.key, self.asked_us, {}, why)

    def __str__(self) -> str:
        return "persons"


class PersonRecord:
    """Of a site. followed: sensors that count for persons. typical: the best estimate of a sensor's gaps, or None."""

    def __init__(self, site: Site, followed: Collection[int], typical: Callable[[int], float | None]) -> None:
        self._sensors, self._followed, self._typical = site.sensors, frozenset(followed), typical
        self._ended: deque[PersonShift] = deque(maxlen=SHIFTS_KNOWN)
        self._start_us = NO_TIME
        self._late_now: set[int] = set()
        self._late: dict[str, tuple[int, frozenset[int]]] = {}
        self._asked: dict[str, int] = {}
        self._corrected: dict[tuple[str, str], int] = {}

    # --- What happens ------------------------------------------------------------------------------------------------

    def end(self, now: Moment, shift: PersonShift) -> None:
        """A shift is over. people: all that have a result on record."""
        late, self._late_now = self._late_now, set()
        self._start_us = now.utc_us
        if not shift.key or not shift.people or not 0 < shift.begun_us < shift.over_us:
            return  # of a snapshot of the first versions nobody knows when the shift began
        self._ended.append(shift)
        known = {one.key for one in self._ended}
        self._late = {key: found for key, found in self._late.items() if key in known}
        self._corrected = {pair: at_us for pair, at_us in self._corrected.items() if pair[1] in known}
        if late:
            self._late[shift.key] = now.now_us, frozenset(late)

    def late(self, now: Moment, i: int, time_us: int) -> None:
        """A late sample of sensor i belongs to `time_us` [µs UTC]."""
        if i not in self._followed:
            return
        if self._start_us <= time_us:
            self._late_now.add(i)
            return
        at = bisect_right(self._ended, time_us, key=lambda one: one.begun_us + one.skew_us) - 1
        if at >= 0 and time_us < self._ended[at].over_us + self._ended[at].skew_us:
            key = self._ended[at].key
            self._late[key] = now.now_us, self._late.get(key, (0, frozenset()))[1] | {i}
            self._asked.pop(key, None)

    def tick(self, now: Moment) -> list[PersonsWanted]:
        """What is to be computed anew, each shift once until its answer comes."""
        due = {key: sensors for key, (at_us, sensors) in self._late.items()
               if key not in self._asked and now.now_us - at_us >= QUIET_US}  # fmt: skip
        if not due:
            return []
        self._asked |= dict.fromkeys(due, now.now_us)
        typical = {i: level for i in sorted(self._followed) if (level := self._typical(i)) is not None}
        return [PersonsWanted(one, due[one.key], now.now_us, typical) for one in self._ended if one.key in due]

    def resume(self) -> None:
        """The gateway began anew: nobody computes what was asked of the former one."""
        self._asked.clear()

    def correct(self, now: Moment, event: Corrected) -> list[dict[str, Any]]:
        """The results computed anew, as they go on record; none if out of date."""
        shift = next((one for one in self._ended if one.key == event.shift), None)
        if shift is None or self._asked.get(event.shift) != event.asked_us:
            return []  # still later samples came meanwhile: their own answer comes
        del self._asked[event.shift]
        del self._late[event.shift]
        rows = []
        for document in event.document.get(PERSONS, ()):
            pair = document["person"], event.shift
            before_us = self._corrected.get(pair, shift.recorded_us)
            self._corrected[pair] = now.utc_us
            marks = {"time": rfc3339(now.utc_us), "corrected": True, "supersedes": rfc3339(before_us)}
            rows.append(document | marks)
        return rows

    # --- Over a restart ----------------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """The whole state, msgpack-able; sensors by id."""
        ids = [sensor.id for sensor in self._sensors]
        return {
            "start_us": self._start_us,
            "ended": [[*shift[:-1], [list(one) for one in shift.people]] for shift in self._ended],
            "late_now": sorted(ids[i] for i in self._late_now),
            "late": [[key, at_us, sorted(ids[i] for i in sensors)] for key, (at_us, sensors) in self._late.items()],
            "asked": [[key, at_us] for key, at_us in self._asked.items()],
            "corrected": [[*pair, at_us] for pair, at_us in self._corrected.items()],
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Take up what `dump` gave; what is of a sensor that the site no longer has is left out."""
        here = {sensor.id: i for i, sensor in enumerate(self._sensors)}

        def places(idents: Collection[str]) -> frozenset[int]:
            return frozenset(here[ident] for ident in idents if ident in here)

        self._start_us = state["start_us"]
        shifts = (PersonShift(*row) for row in state["ended"])
        self._ended = deque(
            (one._replace(people=tuple(Followed(*p) for p in one.people)) for one in shifts), SHIFTS_KNOWN
        )
        self._late_now = set(places(state["late_now"]))
        self._late = {key: (at_us, places(idents)) for key, at_us, idents in state["late"]}
        self._asked = dict(state["asked"])
        self._corrected = {(tag, key): at_us for tag, key, at_us in state["corrected"]}
