"""What each tagged person has breathed: exposure follows the person through the zones they were in.

The air of a place is summed once for all who are in it (`place_air`); a person takes the difference between coming
and going. Outside is unexposed, a place without a sensor, or an unknown one, is a gap (limits reference 4.1, 4.9).
The 15-minute window slides in whole minutes of engine time and so does what the projection looks back on [D].
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final, NamedTuple

from gateway.domain.figures import LimitFigure
from gateway.domain.limit import Limit
from gateway.domain.moment import SECOND_US
from gateway.exposure.place_air import (
    ABSURD_US,
    BLIND,
    COVERED,
    DOUBT_US,
    FULL,
    GAP,
    GRID,
    OVER_US,
    TOTAL,
    PlaceAir,
    Present,
    add_to,
    nothing,
)
from gateway.exposure.verdicts import Channel, Window, judge_window, method_of

MINUTE_US: Final = 60 * SECOND_US
WINDOW_MINUTES: Final = 15
LOOK_BACK: Final = 60
"""Occupied minutes whose median the projection takes (limits reference 4.1)."""
CATCH_UP_US: Final = 90 * MINUTE_US
"""After a longer stop the minutes before this count as one: they are out of every window."""

Places = Mapping[tuple[str, str], Sequence[int]]


class Judged(NamedTuple):
    """A limit's figure for a person. projected: the mean at the shift's end at the median level, None unknown."""

    figure: LimitFigure
    projected: float | None


@dataclass(slots=True)
class _Taken:
    """One quantity of one person. shift, minute: sums since these began. levels: means of occupied minutes [unit]."""

    shift: list[int] = field(default_factory=nothing)
    minute: list[int] = field(default_factory=nothing)
    minutes: deque[list[int]] = field(default_factory=lambda: deque(maxlen=WINDOW_MINUTES))
    levels: deque[float] = field(default_factory=lambda: deque(maxlen=LOOK_BACK))
    last_valid: float = math.nan
    resolution: float = 0.0

    def take(self, sums: Sequence[int], last_valid: float) -> None:
        add_to(self.shift, sums)
        add_to(self.minute, sums)
        if not math.isnan(last_valid):
            self.last_valid = last_valid

    def close_minute(self, *, counts: bool) -> None:
        if counts and self.minute[COVERED]:
            self.levels.append(self.minute[TOTAL] / (GRID * self.minute[COVERED]))
        self.minutes.append(self.minute)
        self.minute = nothing()

    @property
    def window(self) -> list[int]:
        return [sum(column) for column in zip(nothing(), *self.minutes, strict=True)]

    @property
    def is_rested(self) -> bool:
        """Nothing of the last 15 minutes is left."""
        return not any(self.minute) and not any(map(any, self.minutes))


@dataclass(slots=True)
class _Person:
    """A tagged person. zone: None outside. last_zone: where they were last inside. base: the place's sums at arrival.

    late: a tag event of this shift came late.
    """

    taken: dict[str, _Taken]
    zone: str | None = None
    last_zone: str = ""
    late: bool = False
    base: dict[str, list[int]] = field(default_factory=dict)


class Persons:
    """The exposure of all tagged persons. Times are engine time [µs] and never go back.

    quantities: what is followed. places: sensor indexes by (zone, quantity). present: a sensor's level as it stands.
    channel: its full scale (NaN unknown) and resolution. is_blast: whether a zone is in a blast window now.
    """

    def __init__(
        self, quantities: Iterable[str], places: Places, present: Callable[[int], Present],
        channel: Callable[[int], tuple[float, float]], is_blast: Callable[[str], bool],
    ) -> None:  # fmt: skip
        self.quantities = tuple(quantities)
        self._places, self._present, self._channel, self._is_blast = places, present, channel, is_blast
        self._people: dict[str, _Person] = {}
        self._airs: dict[str, dict[str, PlaceAir]] = {}
        self.watched: dict[int, PlaceAir] = {}
        """The sensors whose readings somebody breathes; only these are worth a call of `reading`."""
        self.minute_us = 0
        """End of the open minute."""
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
            if not self._people:
                self.minute_us = (now_us // MINUTE_US + 1) * MINUTE_US
            person = self._people[tag] = _Person({quantity: _Taken() for quantity in self.quantities})
            self._begin(person)
        if zone == person.zone:
            return
        person.late = person.late or late
        self._settle(person, now_us)
        left, person.zone, person.base = person.zone, zone, {}
        person.last_zone = zone or person.last_zone
        if left is not None and all(one.zone != left for one in self._people.values()):
            del self._airs[left]
            self._watch()
        if zone is not None:
            self._arrive(person, zone, now_us)

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
                    taken.close_minute(counts=counts)
            self.minute_us += MINUTE_US

    def start_shift(self, now_us: int, lost_us: int) -> None:
        """Everybody's sums begin anew; the 15-minute windows go on. Who is outside and rested is forgotten.

        lost_us: how much of the new shift was over before anybody watched: a gap of everybody's.
        """
        self.advance(now_us)
        self._lost_us = lost_us
        for tag, person in list(self._people.items()):
            self._settle(person, now_us)
            if person.zone is None and all(taken.is_rested for taken in person.taken.values()):
                del self._people[tag]
            else:
                self._begin(person)

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

    def is_late(self, tag: str) -> bool:
        """Whether a tag event of this person came late in this shift."""
        return self._people[tag].late

    def judge(
        self, tag: str, quantity: str, limits: Sequence[Limit], *, shift_hours: float, remaining_s: float
    ) -> list[Judged]:
        """The person's figures against limits over 15 min, 8 h or NIOSH's 10 h, in their order, as of the last minute.

        shift_hours: of the site, for NIOSH's divisor. remaining_s: of the shift, for projection and time to limit; a
        person who is outside takes nothing more. Coverage of the shift is of the time inside; the 15 minutes count
        what lies outside as unexposed (limits reference 4.10).
        """
        person = self._people[tag]
        taken = person.taken[quantity]
        window = taken.window
        typical = median(taken.levels) if taken.levels else None
        air = self._airs[person.zone].get(quantity) if person.zone is not None else None
        level = math.nan if air is None else air.present().level
        found = []
        for limit in limits:
            method = method_of(limit)
            if method == "rolling":
                figure = judge_window(
                    limit, method, _window(window, 900.0, 900.0 - window[GAP] / SECOND_US, 900.0, doubt=person.late),
                    _channel(taken, window),
                )  # fmt: skip
                found.append(Judged(_timed(figure, None), None))
                continue
            hours = min(max(shift_hours, 8.0), 10.0) if method == "niosh_10h" else 8.0
            sums, divisor_s = taken.shift, hours * 3600.0
            covered_s = sums[COVERED] / SECOND_US
            whole_s = (sums[COVERED] + sums[GAP]) / SECOND_US
            shift = _window(sums, whole_s, covered_s, divisor_s, doubt=person.late)
            figure = judge_window(limit, method, shift, _channel(taken, sums))
            ahead = 0.0 if air is None else typical
            projected = None if ahead is None else max(0.0, (shift.total + ahead * remaining_s) / divisor_s)
            left_s = (limit.value * divisor_s - shift.total) / level if level > 0.0 else None
            found.append(Judged(_timed(figure, left_s if left_s is None or left_s <= remaining_s else None), projected))
        return found

    # -- inside -------------------------------------------------------------------------------------------------------

    def _begin(self, person: _Person) -> None:
        person.late = False
        for quantity, taken in person.taken.items():
            taken.shift = nothing()
            taken.shift[GAP] = taken.shift[BLIND] = self._lost_us
            taken.levels.clear()
            air = self._airs.get(person.zone or "", {}).get(quantity)
            taken.resolution = 0.0 if air is None else air.resolution

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
            max((resolution for _, resolution in channels), default=0.0),
        )  # fmt: skip

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
            last_valid, pending = taken.last_valid, nothing()
            if person.zone is not None:
                air = self._airs[person.zone][quantity]
                pending = _since(air, person.base[quantity])
                last_valid = last_valid if math.isnan(air.last_valid) else air.last_valid
            rows[quantity] = {
                "shift": _text([a + b for a, b in zip(taken.shift, pending, strict=True)]),
                "minute": _text([a + b for a, b in zip(taken.minute, pending, strict=True)]),
                "minutes": [_text(sums) for sums in taken.minutes],
                "levels": list(taken.levels),
                "last_valid": _or_none(last_valid),
                "resolution": taken.resolution,
            }
        return {"zone": person.zone, "last_zone": person.last_zone, "late": person.late, "taken": rows}

    def load(self, state: Mapping[str, Any], moved: Callable[[int], int | None]) -> None:
        """Take up what `dump` gave. moved: a sensor's index then to its index now, None where it is gone.

        A quantity that the former site file did not measure was a gap for as long as the person was inside.
        """
        self.minute_us, self._lost_us = state["minute_us"], state["lost_us"]
        self._airs = {
            zone: {quantity: self._restored(zone, quantity, rows, moved) for quantity in self.quantities}
            for zone, rows in state["airs"].items()
        }
        self._people = {}
        for tag, row in state["people"].items():
            taken = {quantity: _loaded(one) for quantity, one in row["taken"].items()}
            inside_us = max((one.shift[COVERED] + one.shift[GAP] for one in taken.values()), default=0)
            person = _Person(
                {q: taken.get(q) or _unmeasured(inside_us) for q in self.quantities},
                row["zone"], row["last_zone"], row["late"],
            )  # fmt: skip
            for quantity, air in self._airs.get(person.zone or "", {}).items():
                person.base[quantity] = nothing()
                person.taken[quantity].resolution = max(person.taken[quantity].resolution, air.resolution)
            self._people[tag] = person
        self._watch()

    def _restored(
        self, zone: str, quantity: str, rows: Mapping[str, Any], moved: Callable[[int], int | None]
    ) -> PlaceAir:
        row = rows.get(quantity)
        air = self._air(zone, quantity, max((one["head_us"] for one in rows.values()), default=self.minute_us))
        if row is not None:
            air.head_us, air.last_valid = row["head_us"], _or_nan(row["last_valid"])
            for then, level, flags, until_us in row["held"]:
                if (i := moved(then)) in air.held:
                    air.held[i] = Present(_or_nan(level), flags, until_us, air.last_valid)
        return air


def _since(air: PlaceAir, base: Sequence[int]) -> list[int]:
    return [now - then for now, then in zip(air.sums, base, strict=True)]


def _window(sums: Sequence[int], window_s: float, covered_s: float, divisor_s: float, *, doubt: bool) -> Window:
    return Window(
        sums[TOTAL] / (GRID * SECOND_US), covered_s, window_s, divisor_s, sums[OVER_US] > 0,
        doubt or sums[DOUBT_US] > 0, sums[ABSURD_US] > 0,
    )  # fmt: skip


def _channel(taken: _Taken, sums: Sequence[int]) -> Channel:
    """Who measured it: of several full scales the mean over the gaps, which gives their exact `high`."""
    known = sums[GAP] > 0 and sums[BLIND] == 0
    return Channel(
        sums[FULL] / (GRID * sums[GAP]) if known else None,
        _or_none(taken.last_valid), taken.resolution,
    )  # fmt: skip


def _timed(figure: LimitFigure, left_s: float | None) -> LimitFigure:
    if figure.verdict == "exceeded":
        return figure._replace(time_to_limit_s=0.0)
    return figure._replace(time_to_limit_s=None if left_s is None or left_s < 0.0 else left_s)


def _dumped_air(air: PlaceAir) -> dict[str, Any]:
    held = [[i, _or_none(one.level), one.flags, one.until_us] for i, one in air.held.items()]
    return {"head_us": air.head_us, "last_valid": _or_none(air.last_valid), "held": held}


def _or_none(level: float) -> float | None:
    return None if math.isnan(level) else level


def _or_nan(level: float | None) -> float:
    return math.nan if level is None else level


def _text(sums: Sequence[int]) -> list[str]:
    return [str(one) for one in sums]


def _loaded(row: Mapping[str, Any]) -> _Taken:
    def numbers(texts: Sequence[str]) -> list[int]:
        return [int(one) for one in texts]

    return _Taken(
        numbers(row["shift"]), numbers(row["minute"]),
        deque((numbers(one) for one in row["minutes"]), WINDOW_MINUTES), deque(row["levels"], LOOK_BACK),
        _or_nan(row["last_valid"]), row["resolution"],
    )  # fmt: skip


def _unmeasured(inside_us: int) -> _Taken:
    taken = _Taken()
    taken.shift[GAP] = taken.shift[BLIND] = inside_us
    return taken
