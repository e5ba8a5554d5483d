"""What each place had in each shift: on record when it ends, kept for estimates, corrected when samples come late.

Pure, a part of the engine. A late sample never touches the live state; it makes the result of its own shift wrong, so
that is computed anew out of the journal (`bocamina/corrections.py`) and put on record beside the first.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from alerts.desk import AlarmDesk
from alerts.model import Priority
from bocamina.documents import limit_document, number, rfc3339
from bocamina.shifts import RESTING
from gateway.domain.events import Corrected
from gateway.domain.limit import Limit
from gateway.domain.moment import SECOND_US, Moment
from gateway.domain.quantities import unit_of
from gateway.domain.site import SensorConfig, Site
from gateway.exposure.shift_anew import ShiftFigures, shift_figures
from gateway.exposure.shift_results import Method
from gateway.exposure.streaming import Streaming
from gateway.exposure.verdicts import ENOUGH_COVERAGE

SHIFTS_KNOWN: Final = 100
"""A late sample of an older shift is history and corrects no result by itself: a month of three shifts a day [D]."""
ESTIMATE_SHIFTS: Final = 7
"""Shifts whose 95th percentile the best estimate of a gap takes (limits reference 4.9)."""
CONDITION: Final = "history_corrected"
QUIET_US: Final = 60 * SECOND_US
"""Backlog comes in bursts: a shift is computed anew when no late sample of it came for so long [D]."""


SHOWN_US: Final = 300 * SECOND_US
"""How long the notice of a corrected past stands after the last correction [D]."""


class Ended(NamedTuple):
    """A shift that is over. start_us, end_us: µs UTC. recorded_us: the label of its first result."""

    key: str
    start_us: int
    end_us: int
    recorded_us: int


class Wanted(NamedTuple):
    """A result to compute anew. i: the sensor. gap_level: for the best estimate of its gaps, None unknown.

    asked_us: engine time of the question; an answer to an earlier one is out of date.
    """

    i: int
    sensor: str
    shift: Ended
    asked_us: int
    gap_level: float | None

    def unanswered(self, why: str) -> Corrected:
        """It could not be computed."""
        return Corrected(self.sensor, self.shift.key, self.asked_us, {}, why)

    def __str__(self) -> str:
        return self.sensor


def shift_limits(limits: Sequence[Limit]) -> tuple[Limit, ...]:
    """The limits that a whole shift is judged by."""
    return tuple(limit for limit in limits if limit.averaging_minutes >= 480)


def percentile_95(values: Sequence[float]) -> float:
    """Linear between the sorted values; of seven it lies between the two largest. values: at least one."""
    ordered = sorted(values)
    at = 0.95 * (len(ordered) - 1)
    below = int(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (at - below) * (ordered[above] - ordered[below])


def result_document(sensor: SensorConfig, key: str, start_us: int, end_us: int, found: ShiftFigures) -> dict[str, Any]:
    """One shift result of one sensor, as it stands on record.

    A sensor at a place describes the place: `area_estimate`, which no EN 689 verdict is made of (limits reference 5).
    """
    rows = [limit_document(figure) for figure in found.limits]
    for row in rows:
        del row["time_to_limit_s"]
    return {
        "sensor": sensor.id, "zone": sensor.zone, "quantity": sensor.quantity, "unit": unit_of(sensor.quantity),
        "shift": key, "start": rfc3339(start_us), "end": rfc3339(end_us),
        "result_method": Method.AREA_ESTIMATE.value, "mean": number(found.mean), "covered_s": found.covered_s,
        "coverage": found.coverage, "limits": rows, "corrected": False, "supersedes": None,
    }  # fmt: skip


class ShiftRecord:
    """The shifts of a site that are over, and what came late for them. limits: of each sensor."""

    def __init__(self, site: Site, exposure: Streaming, limits: Sequence[Sequence[Limit]], desk: AlarmDesk) -> None:
        self._sensors, self._exposure, self._desk = site.sensors, exposure, desk
        self._limits = [shift_limits(rows) for rows in limits]
        self._means: list[deque[float]] = [deque(maxlen=ESTIMATE_SHIFTS) for _ in site.sensors]
        self._ended: deque[Ended] = deque(maxlen=SHIFTS_KNOWN)
        self._key, self._start_us = "", 0
        self._hit: Ended | None = None
        self._told_us: int | None = None
        self._late_now: set[int] = set()
        self._late: dict[tuple[int, str], int] = {}
        self._asked: dict[tuple[int, str], int] = {}
        self._corrected: dict[tuple[str, str], int] = {}

    # --- What happens ------------------------------------------------------------------------------------------------

    def turn(self, now: Moment, key: str, start_us: int) -> list[dict[str, Any]]:
        """The shift `key` begins [µs UTC]; returns the results of the one before, of a rest none."""
        former, begun_us = self._key, self._start_us
        self._key, self._start_us = key, start_us
        return self._end(now, former, begun_us, start_us)

    def _end(self, now: Moment, key: str, begun_us: int, start_us: int) -> list[dict[str, Any]]:
        late, self._late_now = self._late_now, set()
        if not key or key.endswith(RESTING) or not 0 < begun_us < start_us:
            return []
        ended = Ended(key, begun_us, start_us, now.utc_us)
        self._ended.append(ended)
        self._hit = None
        known = {one.key for one in self._ended}
        self._corrected = {pair: at for pair, at in self._corrected.items() if pair[1] in known}
        self._late = {pair: at for pair, at in self._late.items() if pair[1] in known}
        documents = []
        for i, sensor in enumerate(self._sensors):
            if self._limits[i]:
                found = shift_figures(self._exposure, i, now.now_us, self._limits[i])
                documents.append(result_document(sensor, key, begun_us, start_us, found))
                self._keep(i, found.mean, found.coverage)
                if i in late:
                    self._late[i, key] = now.now_us
        return documents

    def late(self, now: Moment, i: int, time_us: int) -> None:
        """A late sample of sensor i belongs to `time_us` [µs UTC]."""
        if not self._limits[i]:
            return
        if self._start_us <= time_us:
            self._late_now.add(i)
            return
        hit = self._hit
        if hit is None or not hit.start_us <= time_us < hit.end_us:  # backlog comes in the order of its time
            at = bisect_right(self._ended, time_us, key=lambda one: one.start_us) - 1
            hit = self._hit = self._ended[at] if at >= 0 and time_us < self._ended[at].end_us else None
        if hit is not None:
            pair = i, hit.key
            self._late[pair] = now.now_us
            self._asked.pop(pair, None)

    def tick(self, now: Moment) -> list[Wanted]:
        """What is to be computed anew, each once until its answer comes. A notice ends: it is an event and no state."""
        if self._told_us is not None and now.now_us - self._told_us >= SHOWN_US:
            self._told_us = None
            self._desk.report(now, "gateway", CONDITION, False, priority=Priority.NOTICE)
        due = [p for p, at_us in self._late.items() if p not in self._asked and now.now_us - at_us >= QUIET_US]
        self._asked |= dict.fromkeys(due, now.now_us)
        shifts = {one.key: one for one in self._ended}
        return [Wanted(i, self._sensors[i].id, shifts[key], now.now_us, self.gap_level(i)) for i, key in due]

    def resume(self) -> None:
        """The gateway began anew: nobody computes what was asked of the former one."""
        self._asked.clear()

    def correct(self, now: Moment, event: Corrected) -> list[dict[str, Any]]:
        """The result of a shift computed anew, as it goes on record, and the officer is told; none if out of date."""
        pair = next((p for p in self._late if (self._sensors[p[0]].id, p[1]) == (event.sensor, event.shift)), None)
        ended = next((one for one in self._ended if one.key == event.shift), None)
        if pair is None or ended is None or self._asked.get(pair) != event.asked_us:
            return []  # still later samples came meanwhile: their own answer comes
        del self._asked[pair]
        del self._late[pair]
        if not event.document:
            return []
        before = self._corrected.get((event.sensor, event.shift), ended.recorded_us)
        self._corrected[event.sensor, event.shift] = now.utc_us
        self.tell(now, event.sensor, event.shift)
        return [event.document | {"corrected": True, "supersedes": rfc3339(before)}]

    def tell(self, now: Moment, who: str, shift: str) -> None:
        """The officer is told that the result of a sensor, or of persons, is another one now."""
        self._told_us = now.now_us
        self._desk.report(
            now, "gateway", CONDITION, True, priority=Priority.NOTICE, reason=f"{who[:80]}, {shift}"[:120],
            source="limits reference 4.8 [D]",
        )  # fmt: skip

    def limits_of(self, i: int) -> tuple[Limit, ...]:
        """The limits that a whole shift of sensor i is judged by."""
        return self._limits[i]

    def gap_level(self, i: int) -> float | None:
        """The 95th percentile of the last seven shifts at sensor i [unit], None until there are seven."""
        means = self._means[i]
        return percentile_95(means) if len(means) == ESTIMATE_SHIFTS else None

    def _keep(self, i: int, mean: float | None, coverage: float) -> None:
        if mean is None or coverage < ENOUGH_COVERAGE:
            return
        self._means[i].append(mean)
        self._exposure.set_gap_level(i, self.gap_level(i))

    # --- Over a restart ----------------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """The whole state, msgpack-able; sensors by id."""
        ids = [sensor.id for sensor in self._sensors]
        return {
            "key": self._key,
            "start_us": self._start_us,
            "ended": [list(one) for one in self._ended],
            "means": {ids[i]: list(means) for i, means in enumerate(self._means) if means},
            "late_now": sorted(ids[i] for i in self._late_now),
            "late": [[ids[i], key, at_us] for (i, key), at_us in self._late.items()],
            "asked": [[ids[i], key, at_us] for (i, key), at_us in self._asked.items()],
            "corrected": [[*pair, at_us] for pair, at_us in self._corrected.items()],
            "told_us": self._told_us,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Take up what `dump` gave; what is of a sensor that the site no longer has is left out."""
        here = {sensor.id: i for i, sensor in enumerate(self._sensors)}
        self._key, self._start_us = state["key"], state["start_us"]
        self._ended = deque((Ended(*one) for one in state["ended"]), SHIFTS_KNOWN)
        for ident, means in state["means"].items():
            if ident in here:
                self._means[here[ident]] = deque(means, ESTIMATE_SHIFTS)
                self._exposure.set_gap_level(here[ident], self.gap_level(here[ident]))
        self._late_now = {here[ident] for ident in state["late_now"] if ident in here}
        self._late = {(here[ident], key): at_us for ident, key, at_us in state["late"] if ident in here}
        self._asked = {(here[ident], key): at_us for ident, key, at_us in state["asked"] if ident in here}
        self._corrected = {(ident, key): at_us for ident, key, at_us in state["corrected"]}
        self._told_us = state["told_us"]
