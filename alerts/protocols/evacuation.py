"""Evacuation: stages, sirens, beacons and closed accesses from alarms and from who may be inside.

Escalation is automatic, de-escalation never is: the end needs two named persons, every zone verified empty and no
alarm of High or above. An acknowledgement changes nothing here. Source: limits reference 6.6 and 7.4.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from alerts.graph import NEVER_EVACUATE, MineGraph
from alerts.model import MAY_COMMAND, Alarm, Finding, Priority, Reply, State, Want, acts
from alerts.occupancy import Occupancy
from alerts.protocols.air import at_least, stands
from alerts.rulebook import figure, figure_us, words
from gateway.domain.errors import Refused
from gateway.domain.events import Request
from gateway.domain.moment import Moment, rfc3339
from gateway.domain.site import Actuator, Site

Stage = Literal["idle", "alert", "stop_work", "withdraw", "evacuate", "muster", "refuge", "all_clear"]
RANK: Final[Mapping[Stage, int]] = {
    "idle": 0, "all_clear": 0, "alert": 1, "stop_work": 2, "withdraw": 3, "evacuate": 4, "muster": 5, "refuge": 6,
}  # fmt: skip
BY_HAND: Final[tuple[Stage, ...]] = ("alert", "stop_work", "withdraw", "evacuate", "muster", "refuge")
MAY_START: Final = MAY_COMMAND | {"brigade", "miner"}
"""Anybody registered who is in the mine may start an evacuation; ending one takes `MAY_COMMAND`, twice."""

CALLS_ONLY: Final = words("evacuation", "calls_only")
SIGNATURE_US: Final = figure_us("evacuation", "signature_min")
SILENCE_US: Final = figure_us("evacuation", "silence_min")
ALL_CLEAR_US: Final = figure_us("evacuation", "all_clear_min")
METHANE_MINE: Final = figure("methane", "mine")


@dataclass(slots=True)
class _Course:
    """The evacuation as it stands. Engine times [µs] but for since_utc_us; whole: it is the whole mine's."""

    stage: Stage = "idle"
    zones: list[str] = field(default_factory=list)
    whole: bool = False
    drill: bool = False
    commanded_by: str | None = None
    triggers: list[str] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)
    signatures: dict[str, int] = field(default_factory=dict)
    silenced_until_us: int = 0
    ended_us: int = 0
    since_utc_us: int = 0


class Evacuation:
    """The one evacuation of a site. `step` gives the level of every siren and beacon."""

    def __init__(self, site: Site, graph: MineGraph) -> None:
        self._graph = graph
        self._signals = tuple((a, frozenset(a.zones)) for a in site.actuators if a.kind != "fan")
        self._lit = frozenset(zone for a, zones in self._signals if a.kind == "beacon" for zone in zones)
        self._methane = frozenset(s.id for s in site.sensors if s.quantity == "ch4")
        self._course = _Course()
        self._closed: frozenset[str] = frozenset()
        self._standing: tuple[str, ...] = ()

    @property
    def stage(self) -> Stage:
        """The stage of the interface's list."""
        return self._course.stage

    @property
    def zones(self) -> frozenset[str]:
        """Zones that people are told to leave now; none when idle or all clear."""
        return frozenset(self._course.zones) if RANK[self._course.stage] else frozenset()

    def is_closed(self, zone: str) -> bool:
        """Whether the zone's access is closed: it is being left, or an alarm of High or above reaches it unreset."""
        return zone in self._closed or (RANK[self._course.stage] > 0 and zone in self._course.zones)

    def step(
        self,
        moment: Moment,
        alarms: Sequence[Alarm],
        occupancy: Occupancy,
        airflow_known: Callable[[str], bool],
        withdraw: Mapping[str, str] | None = None,
    ) -> list[Want]:
        """Escalate where alarms ask for it; the level of every siren and beacon. withdraw: the methane interlock's."""
        withdraw = withdraw or {}
        empty = occupancy.verified_empty(moment)
        severe = [a for a in alarms if a.priority >= Priority.HIGH and a.condition not in CALLS_ONLY]
        self._standing = (
            *sorted(a.alarm for a in severe if stands(a) and not a.drill),
            *(f"{zone}: {why}" for zone, why in sorted(withdraw.items())),
        )
        course = self._course
        if course.stage == "all_clear" and moment.now_us - course.ended_us >= ALL_CLEAR_US:
            self._course = course = _Course()
        course.since_utc_us = course.since_utc_us or moment.utc_us
        acting = [a for a in severe if acts(a)]
        if any(not a.drill for a in acting) or withdraw:
            if course.drill and RANK[course.stage]:  # a real alarm ends the drill at once
                self._course = _Course()
            acting = [a for a in acting if not a.drill]
        scope_of = self._scopes(severe, empty, airflow_known)
        self._escalate_by(moment, acting, scope_of, empty, airflow_known)
        for zone, reason in sorted(withdraw.items()):
            leaving = self._graph.affected_set(zone, airflow_known(zone)) - empty
            self._escalate(moment, "withdraw", leaving, False, f"{zone}: {reason}", False, [zone])
        shut = [a for a in severe if a.state is not State.NORMAL and a.state is not State.SUPPRESSED]
        # gas that stands closes all that it may reach; an alarm that only waits for its reset, its own zone
        own = frozenset(a.zone for a in shut if a.zone and not stands(a))
        reached = {scope_of[a.alarm][1] for a in shut if stands(a)}
        reached |= {self._graph.affected_set(z, airflow_known(z)) for z in withdraw}
        self._closed = own.union(*reached)
        amber = frozenset(a.zone for a in alarms if a.zone and acts(a) and at_least(a, Priority.WARNING)) - empty
        return self._levels(moment, empty, amber)

    def _scopes(
        self, severe: Iterable[Alarm], empty: frozenset[str], airflow_known: Callable[[str], bool]
    ) -> dict[str, tuple[Stage, frozenset[str]]]:
        """Stage and zones that each of these alarms asks for, by its id."""
        inside = self._graph.mine - empty
        return {alarm.alarm: self._scope(alarm, inside, airflow_known) for alarm in severe}

    def _escalate_by(
        self, moment: Moment, acting: Sequence[Alarm], scope_of: Mapping[str, tuple[Stage, frozenset[str]]],
        empty: frozenset[str], airflow_known: Callable[[str], bool],
    ) -> None:  # fmt: skip
        for alarm in acting:
            stage, scope = scope_of[alarm.alarm]
            whole = stage == "evacuate" and scope >= self._graph.mine
            key = f"{alarm.alarm}#{alarm.occurrence} {alarm.priority.word}"
            origin = [alarm.zone] if alarm.zone else []
            self._escalate(moment, stage, scope - empty, whole, key, alarm.drill, origin)
        origins = frozenset(a.zone for a in acting if a.priority is Priority.EVACUATE and a.zone)
        if len(origins) > 1:  # two separate zones affected: the whole mine (6.6)
            scope = self._graph.evacuation_scope(origins, all(map(airflow_known, origins)), self._graph.mine - empty)
            whole, drill = scope >= self._graph.mine, all(a.drill for a in acting)
            self._escalate(moment, "evacuate", scope - empty, whole, " + ".join(sorted(origins)), drill, origins)

    def _scope(
        self, alarm: Alarm, inside: frozenset[str], airflow_known: Callable[[str], bool]
    ) -> tuple[Stage, frozenset[str]]:
        """Which stage an alarm asks for, and for which zones."""
        zone = alarm.zone
        if zone is None:  # nobody knows where: everywhere if it is Evacuate, people are called if it is High
            return ("evacuate", self._graph.mine) if alarm.priority is Priority.EVACUATE else ("idle", frozenset())
        known = airflow_known(zone)
        if alarm.priority is Priority.EVACUATE and self._graph.kind(zone) not in NEVER_EVACUATE:
            methane = alarm.sensor in self._methane and (alarm.value is None or alarm.value >= METHANE_MINE)
            return "evacuate", self._graph.evacuation_scope(frozenset((zone,)), known, inside, methane)
        return "withdraw", self._graph.affected_set(zone, known)

    def _escalate(
        self, moment: Moment, stage: Stage, zones: frozenset[str], whole: bool, trigger: str, drill: bool,
        origins: Iterable[str] = (),
    ) -> None:  # fmt: skip
        """Up only. A trigger not seen before voids signatures and a silenced siren."""
        course = self._course
        if not zones or not RANK[stage]:
            return
        if not RANK[course.stage]:
            self._course = course = _Course(drill=drill, since_utc_us=moment.utc_us)
        if trigger not in course.triggers:
            course.triggers.append(trigger)
            course.signatures.clear()
            course.silenced_until_us = 0
        wider = not zones.issubset(course.zones)
        grows = wider or (whole and not course.whole)
        if grows and course.stage in ("muster", "refuge") and RANK[stage] < RANK["muster"]:
            stage = "evacuate"  # those who are gathered wait; others have still to leave
        elif RANK[stage] <= RANK[course.stage]:
            stage = course.stage
        if stage != course.stage:
            course.stage, course.since_utc_us = stage, moment.utc_us
        if wider:
            course.zones = sorted(zones.union(course.zones))
        if not set(origins).issubset(course.origins):
            course.origins = sorted({*course.origins, *origins})
        course.whole = course.whole or whole

    def _levels(self, moment: Moment, empty: frozenset[str], amber: frozenset[str]) -> list[Want]:
        """The level of every siren and beacon. empty: zones verified empty. amber: where a beacon shows a Warning."""
        course = self._course
        reason = f"{course.stage} {', '.join(course.triggers[-1:]) or course.commanded_by or ''}".strip()
        leaving = self._graph.mine if course.whole else frozenset(course.zones)
        unlit = self._closed - self._lit  # a closed zone without a beacon of its own is lit at its entrance
        shut = self._closed.union(*map(self._graph.neighbours, unlit))
        return [
            self._signal(moment, signal, zones, reason, leaving, empty, shut, amber) for signal, zones in self._signals
        ]

    def _signal(
        self, moment: Moment, signal: Actuator, zones: frozenset[str], reason: str, leaving: frozenset[str],
        empty: frozenset[str], shut: frozenset[str], amber: frozenset[str],
    ) -> Want:  # fmt: skip
        """The level of one siren or beacon by the table of 6.6.

        A siren sounds only where someone may be, or where a person ordered it. Beacons light `warn` for Warning, for
        High and for a closed access, `evacuate` for an evacuation.
        """
        course, level = self._course, "off"
        concerned = course.whole or not zones.isdisjoint(leaving)
        if course.stage == "all_clear":
            level = "all_clear" if signal.kind == "siren" and concerned else "off"
        elif RANK[course.stage] and concerned:
            those = leaving if course.whole else zones & leaving
            level = self._loudness(moment, signal, bool(course.commanded_by) or not those <= empty)
        if level == "off" and signal.kind == "beacon":
            if not zones.isdisjoint(shut):
                return Want(signal.id, "warn", "access closed", course.drill)
            if not zones.isdisjoint(amber):
                return Want(signal.id, "warn", "warning")
        return Want(signal.id, level, reason, course.drill and level != "off")

    def _loudness(self, moment: Moment, signal: Actuator, someone: bool) -> str:
        stage = self._course.stage
        if signal.kind == "siren":
            silenced = stage == "muster" and moment.now_us < self._course.silenced_until_us
            if not someone or silenced or stage == "alert":
                return "off"
            return "warn" if RANK[stage] <= RANK["withdraw"] else "evacuate"
        return "evacuate" if someone and RANK[stage] >= RANK["evacuate"] else "warn"

    def request(
        self, moment: Moment, request: Request, occupancy: Occupancy, airflow_known: Callable[[str], bool]
    ) -> Reply:
        """`request/evacuation` and `request/drill`: target a zone or "" for the mine, args {"action": …}.

        Actions: start (= evacuate), alert, stop_work, withdraw, evacuate, muster, refuge, silence, all_clear (= stop).
        """
        try:
            self._do(moment, request, occupancy, airflow_known)
        except Refused as refusal:
            return Reply(request.id, ok=False, error=str(refusal))
        return Reply(request.id, ok=True)

    def _do(
        self, moment: Moment, request: Request, occupancy: Occupancy, airflow_known: Callable[[str], bool]
    ) -> None:
        asked = str(request.args.get("action"))
        action = {"start": "evacuate", "stop": "all_clear"}.get(asked, asked)
        stage = next((stage for stage in BY_HAND if stage == action), None)
        if not request.by:
            raise Refused("evacuation: nobody is named; expected the person who asks")
        if stage is not None:
            self._start(moment, request, stage, airflow_known)
        elif action not in ("silence", "all_clear"):
            raise Refused(f"evacuation: '{asked}' is no action; expected start, {', '.join(BY_HAND)}, silence or stop")
        elif request.role not in MAY_COMMAND:
            raise Refused(f"evacuation: {request.role or 'a nameless role'} may not {asked}")
        elif action == "silence":
            self._silence(moment)
        else:
            self._sign(moment, request.by, occupancy)

    def _start(
        self, moment: Moment, request: Request, stage: Stage, airflow_known: Callable[[str], bool]
    ) -> None:
        drill, course, zone = request.action == "drill", self._course, request.target
        if request.role not in (MAY_COMMAND if drill else MAY_START):
            raise Refused(f"evacuation: {request.role} may not start it")
        if drill and (self._standing or (RANK[course.stage] and not course.drill)):
            raise Refused("drill: something real is going on; no drill now")
        if zone and self._graph.kind(zone) is None:
            raise Refused(f"evacuation: '{zone}' is no zone of this site")
        if stage in ("muster", "refuge") and RANK[course.stage] < RANK["withdraw"]:
            raise Refused(f"evacuation: {stage} follows withdraw or evacuate; the stage is {course.stage}")
        if course.drill and not drill and RANK[course.stage]:
            self._course = course = _Course()
        if RANK[stage] < RANK[course.stage]:
            raise Refused(f"evacuation: the stage is {course.stage}; only an all clear by two persons leads back")
        if zone:
            known = airflow_known(zone)
            far = stage == "evacuate"
            scope = (
                self._graph.evacuation_scope(frozenset((zone,)), known, self._graph.mine)
                if far
                else self._graph.affected_set(zone, known)
            )
        else:
            scope = frozenset(course.zones) if stage in ("muster", "refuge") else self._graph.mine
        self._escalate(moment, stage, scope, scope >= self._graph.mine, f"{request.by} {request.id}", drill)
        self._course.commanded_by = request.by

    def _silence(self, moment: Moment) -> None:
        if self._course.stage != "muster":
            raise Refused(f"evacuation: the siren is silenced in stage muster only; the stage is {self._course.stage}")
        self._course.silenced_until_us = moment.now_us + SILENCE_US

    def _sign(self, moment: Moment, by: str, occupancy: Occupancy) -> None:
        course = self._course
        if not RANK[course.stage]:
            raise Refused("evacuation: none is under way")
        if not course.drill:
            if self._standing:
                raise Refused(f"evacuation: no all clear while {', '.join(self._standing)} stands")
            leaving = RANK[course.stage] >= RANK["withdraw"]
            if leaving and (missing := self._missing(occupancy)):
                raise Refused(f"evacuation: no all clear while {', '.join(missing)} may be inside")
            if leaving and (waiting := self._waiting(moment, occupancy)):
                raise Refused(f"evacuation: no all clear before a named person counted nobody in {', '.join(waiting)}")
        course.signatures = {p: t for p, t in course.signatures.items() if moment.now_us - t < SIGNATURE_US}
        if by in course.signatures:
            raise Refused(f"evacuation: '{by}' has signed; the second signature is another person's")
        course.signatures[by] = moment.now_us
        if len(course.signatures) >= 2 or course.drill:
            course.stage, course.since_utc_us, course.ended_us = "all_clear", moment.utc_us, moment.now_us

    def _missing(self, occupancy: Occupancy) -> list[str]:
        """Tags still in the zones that are being left."""
        return sorted({person for zone in self._course.zones for person in occupancy.people_in(zone)})

    def _waiting(self, moment: Moment, occupancy: Occupancy) -> list[str]:
        """Zones that are being left and that nobody has counted empty."""
        empty = occupancy.verified_empty(moment)
        return [zone for zone in self._course.zones if zone not in empty]

    def findings(self, occupancy: Occupancy) -> list[Finding]:
        """`headcount_mismatch`: someone's tag is still inside at the muster."""
        missing = self._missing(occupancy) if self._course.stage == "muster" else []
        return [
            Finding("gateway", "headcount_mismatch", bool(missing), None, Priority.HIGH,
                    reason=", ".join(missing) or None, source="Limits reference 7.4 [D]")
        ]  # fmt: skip

    def document(self, moment: Moment, occupancy: Occupancy) -> dict[str, Any]:
        """The payload of `protocol/evacuation`; routes: the way out of every zone that avoids where the gas is."""
        course, origins = self._course, frozenset(self._course.origins)
        return {
            "protocol": "evacuation", "state": course.stage, "zones": list(course.zones),
            "since": rfc3339(course.since_utc_us), "drill": course.drill, "whole_mine": course.whole,
            "origins": list(course.origins),
            "triggers": list(course.triggers), "commanded_by": course.commanded_by,
            "missing": self._missing(occupancy),
            "not_verified_empty": self._waiting(moment, occupancy),
            "signatures": sorted(course.signatures), "standing": list(self._standing),
            "routes": {z: self._graph.way_out(z, origins) for z in course.zones},
        }  # fmt: skip

    def adopt(self, moment: Moment, document: Mapping[str, Any]) -> None:
        """Take up a retained document that the journal does not know: an evacuation outlives the gateway."""
        stage = document.get("state")
        if stage in BY_HAND and RANK[stage] > RANK[self._course.stage]:
            zones = sorted(z for z in document.get("zones", ()) if self._graph.kind(z)) or sorted(self._graph.mine)
            self._course = _Course(
                stage, zones, bool(document.get("whole_mine", True)), bool(document.get("drill")), "recovered",
                ["recovered"], since_utc_us=moment.utc_us,
            )  # fmt: skip

    def dump(self) -> dict[str, Any]:
        """The whole state, msgpack-able."""
        return {"course": asdict(self._course), "closed": sorted(self._closed), "standing": list(self._standing)}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take up what `dump` gave."""
        self._course = _Course(**state["course"])
        self._closed, self._standing = frozenset(state["closed"]), tuple(state["standing"])
