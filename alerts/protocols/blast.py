"""The declared blast (limits reference 7.2.1).

What it must cause is suppressed by design: only in its influence, only while that is verified empty, only until its
window ends. Bocamina records and refuses to sign; it never fires.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final, NamedTuple

from alerts.graph import MineGraph
from alerts.model import MAY_COMMAND, Alarm, Finding, Priority, Reply, acts
from alerts.occupancy import Occupancy
from alerts.protocols.air import FiguresOf, at_least, is_gas, stands
from alerts.protocols.arming import refuse_arming
from alerts.protocols.blast_schedule import BlastSchedule, Due
from alerts.protocols.fire import FireSigns
from alerts.protocols.fumes import Fumes
from alerts.protocols.portable import PortableReadings
from alerts.protocols.shot import OVER, SCHEDULE, SHOT, BlastState, Shot
from alerts.protocols.undeclared import UndeclaredBlast
from alerts.rulebook import figure_us, source
from gateway.domain.errors import Refused
from gateway.domain.events import Request
from gateway.domain.moment import SECOND_US, Moment
from gateway.domain.site import Blast as BlastRow
from gateway.domain.site import Site

NOT_SEEN_US: Final = figure_us("blast", "not_seen_min")
ANNOUNCED_US: Final = figure_us("blast", "announced_min")
FORGOTTEN_US: Final = figure_us("blast", "forgotten_min")
NO_MINE: Final = ("workshop", "amalgam_room", "lamp_room")
"""Kinds of zone whose gas says nothing of a blast."""


class Suppression(NamedTuple):
    """What the alarm desk suppresses: zones, until engine time [µs]."""

    zones: tuple[str, ...]
    until_us: int


class Blast:
    """The blast of a site: one at a time. Its timetable announces blasts; only a person clears, arms and fires one."""

    def __init__(self, site: Site, graph: MineGraph) -> None:
        self._site = site
        self._graph = graph
        self._quantity = {s.id: s.quantity for s in site.sensors}
        self._zones = frozenset(zone.id for zone in site.zones)
        self._shot: Shot | None = None
        self._schedule = BlastSchedule(site)
        self._undeclared = UndeclaredBlast(site)
        self._fire_signs = FireSigns(site)
        self._began_utc_us: int | None = None
        self._found: list[Finding] = []

    @property
    def state(self) -> BlastState | None:
        """The state of the interface's list; None before the first blast that is announced or planned."""
        return self._shot.state if self._shot else None

    def fired(self, zone: str) -> tuple[int, int] | None:
        """When a shot whose fumes reach this zone was fired and how long to wait after it, engine time [µs]."""
        shot = self._shot
        if shot is None or shot.fired_us is None or shot.state not in SHOT or zone not in shot.influence:
            return None
        return shot.fired_us, shot.wait_us

    def is_armed(self, zone: str) -> bool:
        """Whether a shot is about to be fired whose fumes will reach this zone."""
        return self._shot is not None and self._shot.state == "armed" and zone in self._shot.influence

    def is_closed(self, zone: str) -> bool:
        """Whether the blast keeps people out of this zone."""
        shot = self._shot
        return shot is not None and zone in shot.influence and shot.state in SHOT | {"clearing", "armed"}

    def suppression(self, moment: Moment, occupancy: Occupancy) -> Suppression | None:
        """What is suppressed by design now; None the instant that the influence is not verified empty any more."""
        shot = self._shot
        if shot is None or shot.fired_us is None or shot.state not in SHOT:
            return None
        until_us = shot.fired_us + shot.window_us
        if moment.now_us >= until_us or any(occupancy.may_hold_people(zone, moment) for zone in shot.influence):
            return None
        return Suppression(tuple(shot.influence), until_us)

    def step(
        self, moment: Moment, alarms: Sequence[Alarm], figures_of: FiguresOf, occupancy: Occupancy,
        permitted: Callable[[str], bool],
    ) -> None:  # fmt: skip
        """Move on by what is known of air and people. permitted: whether re-entry to a zone was signed."""
        self._began_utc_us = moment.utc_us if self._began_utc_us is None else self._began_utc_us
        self._follow_schedule(moment)
        shot = self._shot
        seen = self._undeclared.step(moment, figures_of, self._expected(moment), permitted)
        self._found = self._undeclared.findings()
        if shot is None:
            return
        if shot.state == "armed":
            alarmed = any(a.zone in shot.influence and self._is_fume(a) and stands(a) for a in alarms)
            if alarmed or not set(shot.influence).isdisjoint(seen):
                shot.detected = True
                self._fire(moment, shot)
            elif any(occupancy.may_hold_people(zone, moment) for zone in shot.influence):
                self._become(moment, shot, "clearing")
        if shot.fired_us is not None and shot.live:
            shot.fumes.watch(moment, self._site, shot.influence, figures_of)
            self._fire_signs.watch(moment, shot.influence, figures_of)
            since_us = moment.now_us - shot.fired_us
            if shot.state == "fired" and shot.fumes.seen:
                self._become(moment, shot, "fumes")
            if shot.state in ("fired", "fumes") and since_us >= shot.wait_us:
                self._become(moment, shot, "measuring")
            if shot.state == "measuring" and all(permitted(zone) for zone in shot.zones):
                self._become(moment, shot, "released")
        if shot.live or shot.judged:
            shot.judged = shot.live  # once more after its end: what it found is over
            self._judge(moment, shot, alarms)

    def _follow_schedule(self, moment: Moment) -> None:
        """Announce the timetable's next blast in time; give up one that nobody cleared for. Not by a doubtful clock."""
        if not moment.trusted:
            return
        shot = self._shot
        if shot is not None and shot.state == "planned" and shot.by == SCHEDULE and shot.due_utc_us is not None:
            if moment.utc_us - shot.due_utc_us >= FORGOTTEN_US:
                self._become(moment, shot, "cancelled")
        elif shot is None or shot.state in OVER:
            due = self._soon(moment)
            if due is not None and (shot is None or shot.due_utc_us != due.at_utc_us):
                self._shot = self._planned(moment, due.row, SCHEDULE, due.at_utc_us)

    def _soon(self, moment: Moment) -> Due | None:
        """The timetable's blast that is to be announced now."""
        due = self._schedule.next(moment.utc_us)
        return due if due is not None and due.at_utc_us - moment.utc_us <= ANNOUNCED_US else None

    def _expected(self, moment: Moment) -> Collection[str]:
        """Where a declared blast explains its fumes: its influence, and everywhere while they may be on their way."""
        shot = self._shot
        if shot is None or not (shot.live or shot.state == "armed"):
            return ()
        if shot.fired_us is not None and moment.now_us - shot.fired_us < shot.wait_us:
            return self._zones
        return shot.influence

    def _is_fume(self, alarm: Alarm) -> bool:
        return self._quantity.get(alarm.sensor or "") in ("co", "no", "no2") and is_gas(
            alarm, self._quantity.get(alarm.sensor or "")
        )

    def _judge(self, moment: Moment, shot: Shot, alarms: Sequence[Alarm]) -> None:
        """`fume_escape`, `blast_not_seen`, `second_rise`, `fire_suspected`, `misfire_hold` (7.2.1, what pierces)."""
        live = shot.live
        gassed = {a.zone for a in alarms if is_gas(a, self._quantity.get(a.sensor or "")) and acts(a)
                  and at_least(a, Priority.WARNING) and a.condition != "airflow_low"}  # fmt: skip
        high, place = Priority.HIGH, shot.zones[0]
        for zone in self._site.zones:
            if zone.id not in shot.influence and zone.kind not in NO_MINE:
                out = live and zone.id in gassed
                self._found.append(Finding(zone.id, "fume_escape", out, zone.id, high, source="Reference 7.2.1 [D]"))
        since_us = moment.now_us - (shot.fired_us or moment.now_us)
        self._found += [
            Finding(place, "blast_not_seen", live and not shot.fumes.seen and since_us >= NOT_SEEN_US, place, high,
                    source=source("blast", "not_seen_min")),
            Finding(place, "second_rise", live and shot.fumes.rises_again(moment), place, high, latch=True,
                    source=source("blast", "second_rise_s")),
            Finding(place, "fire_suspected", live and self._fire_signs.reason is not None, place, high, latch=True,
                    reason=self._fire_signs.reason, source=source("fire", "co_rise")),
            Finding(place, "misfire_hold", shot.state == "misfire_hold", place, high,
                    value=shot.counted, limit=shot.charged, source="30 CFR 57.6310"),
        ]  # fmt: skip

    def findings(self) -> list[Finding]:
        """The conditions that the last step judged."""
        return list(self._found)

    def request(
        self, moment: Moment, request: Request, occupancy: Occupancy, figures_of: FiguresOf, portable: PortableReadings
    ) -> Reply:
        """`request/blast`: target the zone that is shot; args {"action": plan, clear, arm, fire, misfire_over, cancel}.

        arm may name `guards`; fire may give `charged` and `counted` shots.
        """
        try:
            self._do(moment, request, occupancy, figures_of, portable)
        except Refused as refusal:
            return Reply(request.id, ok=False, error=str(refusal))
        return Reply(request.id, ok=True)

    def _do(
        self, moment: Moment, request: Request, occupancy: Occupancy, figures_of: FiguresOf, portable: PortableReadings
    ) -> None:
        if request.role not in MAY_COMMAND or not request.by:
            raise Refused(f"blast: {request.role or 'a nameless person'} may not sign")
        action, shot = str(request.args.get("action")), self._shot
        # nobody has touched what the timetable alone planned: it stands in no other blast's way
        over = shot is None or shot.state in OVER or (shot.by == SCHEDULE and request.target not in ("", *shot.zones))
        if action in ("plan", "start") or (action == "arm" and over):
            shot = self._plan(moment, request)
            if action != "arm":
                return
        if shot is None or (request.target and request.target not in shot.zones):
            raise Refused(f"blast: none is planned in '{request.target}'")
        states: Mapping[str, tuple[BlastState, ...]] = {
            "clear": ("planned",), "arm": ("planned", "clearing"), "fire": ("armed",),
            "misfire_over": ("misfire_hold",), "cancel": ("planned", "clearing", "armed"),
            "stop": ("planned", "clearing", "armed"),
        }  # fmt: skip
        if action not in states:
            raise Refused(f"blast: '{action}' is no action; expected plan, {', '.join(states)}")
        if shot.state not in states[action]:
            raise Refused(f"blast: {action} does not follow {shot.state}; expected {' or '.join(states[action])}")
        if action == "clear":
            shot.by = request.by
            self._become(moment, shot, "clearing")
        elif action == "arm":
            self._arm(moment, shot, request, occupancy, figures_of, portable)
        elif action == "fire":
            self._fire(moment, shot, request.args)
        elif action == "misfire_over":
            if moment.now_us - (shot.fired_us or 0) < shot.wait_us:
                raise Refused("blast: nobody goes to a misfire before the wait after the shot is over")
            self._become(moment, shot, "measuring")
        else:
            shot.by = request.by
            self._become(moment, shot, "cancelled")

    def _plan(self, moment: Moment, request: Request) -> Shot:
        zone = request.target
        if self._graph.kind(zone) is None:
            raise Refused(f"blast: '{zone}' is no zone of this site")
        if self._shot is not None and self._shot.state in SHOT:
            raise Refused(f"blast: {', '.join(self._shot.zones)} is not released yet ({self._shot.state})")
        row = next((b for b in self._site.blasts if zone in b.zones), None) or BlastRow(times=(), zones=(zone,))
        due = self._soon(moment)  # a person takes over what the timetable announced
        self._shot = self._planned(moment, row, request.by, due.at_utc_us if due and due.row is row else None)
        return self._shot

    def _planned(self, moment: Moment, row: BlastRow, by: str, due_utc_us: int | None) -> Shot:
        return Shot(
            "planned", list(row.zones), self._influence(row), list(row.guards),
            round(row.window_min * 60 * SECOND_US), round(row.fume_wait_min * 60 * SECOND_US), by, moment.utc_us,
            due_utc_us,
        )  # fmt: skip

    def _influence(self, row: BlastRow) -> list[str]:
        reached = row.influence or frozenset().union(*(self._graph.affected_set(z, True) for z in row.zones))
        return sorted({*reached, *row.zones})

    def _arm(
        self, moment: Moment, shot: Shot, request: Request, occupancy: Occupancy, figures_of: FiguresOf,
        portable: PortableReadings,
    ) -> None:  # fmt: skip
        refuse_arming(moment, self._site, shot.influence, occupancy, figures_of, portable)
        guards = request.args.get("guards")
        shot.guards = [str(g) for g in guards] if isinstance(guards, list | tuple) and guards else shot.guards
        if not shot.guards:
            raise Refused("blast: no guard is named; every access needs its vigia")
        shot.by = request.by
        self._become(moment, shot, "armed")

    def _fire(self, moment: Moment, shot: Shot, args: Mapping[str, Any] | None = None) -> None:
        args = args or {}
        shot.charged, shot.counted = _whole(args, "charged"), _whole(args, "counted")
        shot.fired_us, shot.fired_utc_us = moment.now_us, moment.utc_us
        self._fire_signs.begin()
        missing = shot.charged is not None and shot.counted is not None and shot.counted < shot.charged
        self._become(moment, shot, "misfire_hold" if missing else "fired")

    def _become(self, moment: Moment, shot: Shot, state: BlastState) -> None:
        if state != shot.state:
            shot.state, shot.since_utc_us = state, moment.utc_us

    def document(self, moment: Moment, occupancy: Occupancy) -> dict[str, Any] | None:
        """The payload of `protocol/blast`; None on a site without a timetable before the first blast.

        until: the end of the suppression. scheduled: the time of the timetable. inside: tags in the influence of a
        blast that is not fired yet.
        """
        shot = self._shot
        if shot is None:
            due = self._schedule.next(moment.utc_us)
            if due is None:
                return None
            shot = self._announced(moment, due)
        before = shot.state in ("planned", "clearing", "armed")
        inside = sorted({p for z in shot.influence for p in occupancy.people_in(z)}) if before else []
        return shot.document(inside, suppressing=self.suppression(moment, occupancy) is not None)

    def _announced(self, moment: Moment, due: Due) -> Shot:
        """What the timetable plans when nothing else is known: shown from the beginning, nothing rests on it."""
        began_utc_us = moment.utc_us if self._began_utc_us is None else self._began_utc_us
        return replace(
            self._planned(moment, due.row, SCHEDULE, due.at_utc_us if moment.trusted else None),
            since_utc_us=began_utc_us,
        )

    def dump(self) -> dict[str, Any]:
        """The whole state, msgpack-able."""
        return {
            "shot": asdict(self._shot) if self._shot else None, "undeclared": self._undeclared.dump(),
            "fire": self._fire_signs.dump(), "began_utc_us": self._began_utc_us,
        }  # fmt: skip

    def load(self, state: Mapping[str, Any]) -> None:
        """Take up what `dump` gave."""
        row = state["shot"]
        self._shot = Shot(**{**row, "fumes": Fumes(**row["fumes"])}) if row else None
        if "undeclared" in state:  # not in snapshots of the first versions
            self._undeclared.load(state["undeclared"])
            self._fire_signs.load(state["fire"])
            self._began_utc_us = state["began_utc_us"]


def _whole(args: Mapping[str, Any], key: str) -> int | None:
    value = args.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise Refused(f"blast: {key} is {value!r}; expected a whole number of shots")
    return value
