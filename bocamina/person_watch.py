"""The watch over persons: their exposure against the limits, once a minute, on record and as tasks to withdraw.

Pure, a part of the engine. A place's E8 never alarms, a person's does (limits reference 4.1): `twa` for one substance,
`dose` for substances that act together, projected over the limit a Notice, over it a Warning. Rows on record tell what
a person breathed, never where they were: positions stand in the events that brought them and in the tasks to withdraw.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from alerts.conditions import texts
from alerts.desk import AlarmDesk
from alerts.model import Priority, Reply
from bocamina.decisions import Decisions, VerdictChange
from bocamina.elsewhere import read_elsewhere
from bocamina.person_record import Followed, PersonRecord, PersonShift
from bocamina.person_rows import Standing, person_row, shift_row
from bocamina.person_scope import came_late, scope_of
from bocamina.shifts import RESTING
from gateway.domain.errors import Refused
from gateway.domain.events import Presence, Request
from gateway.domain.figures import LimitFigure
from gateway.domain.limit import SITE_REGIME
from gateway.domain.moment import SECOND_US, Moment
from gateway.domain.quantities import unit_of
from gateway.domain.site import Site
from gateway.exposure.dose import additive_index
from gateway.exposure.mixtures import GROUPS
from gateway.exposure.person_dose import MINUTE_US
from gateway.exposure.person_figures import Hours, Judged
from gateway.exposure.person_worst import WorstOfShift, identity
from gateway.exposure.persons import BEFORE_US, Persons
from gateway.exposure.streaming import Streaming

UNSEEN_US: Final = 60 * SECOND_US
"""A shift that began longer ago than this when the gateway met it has a part that nobody saw [D]."""
OFF_S: Final = 300.0
DEADBAND: Final = 0.02
"""Off-delay and deadband of TWA, dose and projected alarms; they do not latch (limits reference 6.2)."""


class _Over(NamedTuple):
    """Why somebody is to be withdrawn. zone: where they were when it began; it stays there until the shift's end."""

    zone: str
    priority: int
    value: float
    limit: float
    unit: str | None
    regime: str
    source: str


_Rows = Mapping[str, Sequence[Judged]]
_Key = tuple[str, str, str]
"""Condition, quantity or group, tag."""


class PersonWatch:
    """All tagged persons of a site. typical: 95th percentile of a sensor's last seven shifts, None unknown."""

    def __init__(
        self, site: Site, exposure: Streaming, desk: AlarmDesk, is_blast: Callable[[str], bool],
        typical: Callable[[int], float | None] = lambda _i: None,
    ) -> None:  # fmt: skip
        self._site, self._desk = site, desk
        scope = scope_of(site)
        self.persons = Persons(
            scope.asked, scope.places, exposure.present,
            lambda i: (exposure.lines[i].full_scale, exposure.lines[i].resolution), is_blast, typical,
        )  # fmt: skip
        self.past = PersonRecord(site, scope.sensors(), typical)
        """Shifts that are over, for late samples."""
        self._worst = WorstOfShift()
        self._zones = {zone.id for zone in site.zones}
        self._shift, self._began_us, self._judged_us = "", 0, 0
        self._turned_us, self._lost_us = 0, 0
        self._since: dict[str, int] = {}
        self._verdicts: dict[str, dict[tuple[Any, ...], str]] = {}
        self._over: dict[_Key, _Over] = {}
        self._told: dict[tuple[str, str], tuple[int, tuple[str, ...]]] = {}

    # -- what happens -------------------------------------------------------------------------------------------------

    def presence(self, now: Moment, event: Presence) -> None:
        """A tag was seen. It counts from now on; what the clock says of it only tells whether it is late."""
        self.persons.move(now.now_us, event.person, event.zone, late=came_late(now, event))

    def request(self, now: Moment, request: Request) -> Reply:
        """`request/presence` with `elsewhere`: what a person took in another place in this working day."""
        try:
            said = read_elsewhere(request, self.persons.quantities, self._site.site.shift_hours)
        except Refused as refusal:
            return Reply(request.id, ok=False, error=str(refusal))
        self.persons.declare(now.now_us, request.target, said.hours, said.doses)
        return Reply(request.id, ok=True)

    def start_shift(self, now: Moment, key: str, began_us: int, out: Decisions) -> None:
        """A shift began at `began_us` [engine time]: the last one's figures go on record, everybody begins anew."""
        self.persons.settle(now.now_us)
        over = self._shift_over(now)
        for tag in self.persons.tags():
            judged = self._judge(now, tag, over=True)
            self._note_worst(tag, judged)
            out.persons.append(shift_row(now.utc_us, self._standing(tag), judged, self._worst, over.between_us))
        self.past.end(now, over)
        unseen_us = now.now_us - began_us
        after_rest = self._shift.endswith(RESTING)
        self._turned_us, self._lost_us = now.now_us, unseen_us if unseen_us > UNSEEN_US else 0
        self.persons.start_shift(now.now_us, self._lost_us, after_rest=after_rest)
        found = {tag: self.persons.since_of(tag, now.now_us - BEFORE_US) for tag in self.persons.tags()}
        self._since = {tag: at_us for tag, at_us in found.items() if at_us is not None}
        self._shift, self._began_us = key, began_us
        self._worst.begin()
        self._verdicts.clear()
        self._over.clear()
        self._tell(now)

    def _shift_over(self, now: Moment) -> PersonShift:
        people = tuple(
            Followed(tag, self._since.get(tag), self.persons.elsewhere_hours_of(tag), self.persons.elsewhere_of(tag))
            for tag in self.persons.tags()
        )
        skew_us = now.utc_us - now.now_us
        return PersonShift(self._shift, self._turned_us, now.now_us, skew_us, self._lost_us, now.utc_us, people)

    def tick(self, now: Moment, out: Decisions) -> None:
        """Once a minute: judge everybody, note what changed, raise what must be done."""
        out.recompute += self.past.tick(now)
        self.persons.advance(now.now_us)
        if self.persons.minute_us == self._judged_us:
            return
        self._judged_us = self.persons.minute_us
        is_of_shift = self.persons.minute_us - MINUTE_US > self._turned_us
        for tag in self.persons.tags():
            judged = self._judge(now, tag)
            if is_of_shift:
                self._note_worst(tag, judged)
            changes = self._changes(now, tag, judged)
            out.verdicts += changes
            if changes or self.persons.zone_of(tag) is not None:
                out.persons.append(person_row(now.utc_us, self._standing(tag), judged))
            self._weigh(tag, judged)
        self._tell(now)

    # -- judging ------------------------------------------------------------------------------------------------------

    def _judge(self, now: Moment, tag: str, *, over: bool = False) -> _Rows:
        site = self._site.site
        remaining_s = 0.0 if over else max(0.0, site.shift_hours * 3600.0 - (now.now_us - self._began_us) / SECOND_US)
        hours = Hours(site.shift_hours, site.week_hours, remaining_s=remaining_s)
        return {quantity: self.persons.judge(tag, quantity, hours) for quantity in self.persons.quantities}

    def _changes(self, now: Moment, tag: str, judged: _Rows) -> list[VerdictChange]:
        known, found = self._verdicts.setdefault(tag, {}), []
        for quantity, rows in judged.items():
            for row in rows:
                key = (quantity, *identity(row))
                if known.get(key, "indeterminate") != row.figure.verdict:
                    known[key] = row.figure.verdict
                    found.append(_change(now, tag, quantity, row.figure))
        return found

    def _standing(self, tag: str) -> Standing:
        return Standing(
            tag, self.persons.zone_of(tag) is not None, self._shift, self.persons.is_late(tag),
            self.persons.elsewhere_hours_of(tag),
        )  # fmt: skip

    def _note_worst(self, tag: str, judged: _Rows) -> None:
        for quantity, rows in judged.items():
            self._worst.note(tag, quantity, rows)

    # -- tasks --------------------------------------------------------------------------------------------------------

    def _weigh(self, tag: str, judged: _Rows) -> None:
        regimes = {*self._site.site.alarm_regimes, SITE_REGIME}
        drive = {
            quantity: [row for row in rows if row.limit.regime in regimes and row.limit.kind == "TWA"]
            for quantity, rows in judged.items()
        }
        for quantity, rows in drive.items():
            over = [row.figure for row in rows if row.figure.verdict == "exceeded"]
            ahead = [(row.projected, row.figure) for row in rows
                     if row.projected is not None and row.figure.reason != "resolution"]  # fmt: skip
            key = ("twa", quantity, tag)
            if over:
                figure = min(over, key=lambda figure: figure.limit)
                self._hold(key, Priority.WARNING, figure.low, figure, unit_of(quantity))
                continue
            share = 1.0 - DEADBAND if key in self._over else 1.0
            within = [(x, figure) for x, figure in ahead if x > figure.limit * share]
            value, first = min(within, key=lambda pair: pair[1].limit) if within else (0.0, None)
            self._hold(key, Priority.NOTICE, value, first, unit_of(quantity))
        for group, members in GROUPS.items():
            self._weigh_group(tag, group, [drive[quantity] for quantity in members if quantity in drive])

    def _weigh_group(self, tag: str, group: str, members: Sequence[Sequence[Judged]]) -> None:
        """Doses that add up to more than 100 % though no single one does [%]; one convention at a time."""
        worst: tuple[float, LimitFigure | None] = (0.0, None)
        for method in ("e8", "brief_scala"):
            of_method = [[row.figure for row in rows if row.figure.method == method] for rows in members]
            strictest = [min(figures, key=lambda f: f.limit) for figures in of_method if figures]
            index, fails = additive_index((figure.low, figure.limit) for figure in strictest)
            taken = [figure for figure in strictest if figure.low > 0.0]
            together = fails and len(taken) > 1 and all(figure.verdict != "exceeded" for figure in taken)
            if together and index > worst[0]:
                worst = index, taken[0]._replace(limit=100.0, source=f"limits reference 4.6: {group}")
        self._hold(("dose", group, tag), Priority.WARNING, 100.0 * worst[0], worst[1], "%")

    def _hold(
        self, key: _Key, priority: Priority, value: float, figure: LimitFigure | None, unit: str | None
    ) -> None:
        """Begin, escalate or end one task. A Warning lasts to the end of the shift, and where it began."""
        before = self._over.get(key)
        if before is not None and before.priority >= Priority.WARNING:
            return
        if figure is None:
            self._over.pop(key, None)
        elif before is None or priority > before.priority:
            zone = self.persons.last_zone_of(key[2])
            where = zone if zone in self._zones else "gateway"
            self._over[key] = _Over(where, priority, value, figure.limit, unit, figure.regime, figure.source)

    def _tell(self, now: Moment) -> None:
        """One alarm a zone and condition; who comes to it later makes it announce itself again."""
        standing: dict[tuple[str, str], list[tuple[_Key, _Over]]] = {}
        for key, over in self._over.items():
            standing.setdefault((over.zone, key[0]), []).append((key, over))
        for (zone, condition), (priority, _) in list(self._told.items()):
            if (zone, condition) not in standing:
                del self._told[zone, condition]
                self._report(now, zone, condition, beyond=False, priority=Priority(priority), off_s=OFF_S)
        for (zone, condition), rows in standing.items():
            top = max(over.priority for _, over in rows)
            worst = [(key, over) for key, over in rows if over.priority == top]
            names = tuple(sorted({key[2] for key, _ in worst}))
            told = self._told.get((zone, condition))
            if told is not None and (told[0] == top and set(names) <= set(told[1])):
                continue
            if told is not None and told[0] >= top:
                self._report(now, zone, condition, beyond=False, priority=Priority(top), off_s=0.0)
            self._told[zone, condition] = (top, names)
            key, over = max(worst, key=lambda pair: pair[1].value / pair[1].limit)
            self._raise(now, condition, key[1], over, names)

    def _raise(self, now: Moment, condition: str, what: str, over: _Over, names: Iterable[str]) -> None:
        priority = Priority(over.priority)
        quantity = what if condition == "twa" else None
        people = ", ".join(names)[:120]
        named = f"{condition}_projected" if priority is Priority.NOTICE else condition
        extra: dict[str, Any] = {**texts(named, priority, quantity, dead_end=False, closed=False)}
        extra |= {"quantity": quantity or what, "regime": over.regime, "person": people}
        self._report(
            now, over.zone, condition, beyond=True, priority=priority, off_s=OFF_S, value=over.value, limit=over.limit,
            unit=over.unit, reason=people, source=over.source, extra=extra,
        )  # fmt: skip

    def _report(self, now: Moment, zone: str, condition: str, *, beyond: bool, **more: Any) -> None:
        place = zone if zone in self._zones else None
        self._desk.report(now, zone, condition, beyond, zone=place, **more)

    # -- over a restart -----------------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """The whole state, msgpack-able."""
        return {
            "persons": self.persons.dump(),
            "shift": self._shift, "began_us": self._began_us, "judged_us": self._judged_us,
            "verdicts": {tag: [[list(key), word] for key, word in known.items()]
                         for tag, known in self._verdicts.items()},
            "over": [[*key, *over] for key, over in self._over.items()],
            "told": [[*key, priority, list(names)] for key, (priority, names) in self._told.items()],
            "turned_us": self._turned_us, "lost_us": self._lost_us, "since": dict(self._since),
            "worst": self._worst.dump(), "past": self.past.dump(),
        }  # fmt: skip

    def load(self, state: Mapping[str, Any], moved: Callable[[int], int | None]) -> None:
        """Take up what `dump` gave. moved: a sensor's index then to its index now."""
        self.persons.load(state["persons"], moved)
        self._shift, self._began_us, self._judged_us = state["shift"], state["began_us"], state["judged_us"]
        self._verdicts = {tag: {tuple(key): word for key, word in known} for tag, known in state["verdicts"].items()}
        self._over = {(row[0], row[1], row[2]): _Over(*row[3:]) for row in state["over"]}
        self._told = {(row[0], row[1]): (row[2], tuple(row[3])) for row in state["told"]}
        if "past" in state:  # not in snapshots of the first versions: their running shift is not computed anew
            self._turned_us, self._lost_us, self._since = state["turned_us"], state["lost_us"], dict(state["since"])
            self._worst.load(state["worst"])
            self.past.load(state["past"])


def _change(now: Moment, tag: str, quantity: str, figure: LimitFigure) -> VerdictChange:
    return VerdictChange(
        now.utc_us, None, None, quantity, figure.regime, figure.kind, figure.method, figure.limit, figure.value,
        figure.low, figure.high, figure.coverage, figure.verdict, tag,
    )  # fmt: skip
