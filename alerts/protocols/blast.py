"""The declared blast (limits reference 7.2.1).

What it must cause is suppressed by design: only in its influence, only while that is verified empty, only until its
window ends. Bocamina records and refuses to sign; it never fires.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal, NamedTuple

from alerts.graph import MineGraph
from alerts.model import MAY_COMMAND, Alarm, Finding, Priority, Reply, acts
from alerts.occupancy import Occupancy
from alerts.protocols.air import FiguresOf, at_least, is_gas, reading, sensors_in, stands
from alerts.protocols.fumes import Fumes
from alerts.protocols.interlock import LEVEL
from alerts.protocols.portable import PortableReadings
from alerts.rulebook import figure_us, source
from gateway.domain.errors import Refused
from gateway.domain.events import Request
from gateway.domain.moment import SECOND_US, Moment, rfc3339
from gateway.domain.site import Blast as BlastRow
from gateway.domain.site import Site

BlastState = Literal[
    "planned", "clearing", "armed", "fired", "fumes", "measuring", "released", "misfire_hold", "cancelled"
]
SHOT: Final = frozenset(("fired", "fumes", "measuring", "misfire_hold"))
"""The states in which a shot's gas is about."""

NOT_SEEN_US: Final = figure_us("blast", "not_seen_min")


class Suppression(NamedTuple):
    """What the alarm desk suppresses: zones, until engine time [µs]."""

    zones: tuple[str, ...]
    until_us: int


@dataclass(slots=True)
class _Shot:
    """One blast. Engine times [µs] but for *_utc_us."""

    state: BlastState
    zones: list[str]
    influence: list[str]
    guards: list[str]
    window_us: int
    wait_us: int
    by: str
    since_utc_us: int
    fired_us: int | None = None
    fired_utc_us: int = 0
    detected: bool = False
    charged: int | None = None
    counted: int | None = None
    fumes: Fumes = field(default_factory=Fumes)


class Blast:
    """The blast of a site: one at a time."""

    def __init__(self, site: Site, graph: MineGraph) -> None:
        self._site = site
        self._graph = graph
        self._quantity = {s.id: s.quantity for s in site.sensors}
        self._shot: _Shot | None = None
        self._found: list[Finding] = []

    @property
    def state(self) -> BlastState | None:
        """The state of the interface's list; None before the first blast."""
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
        shot = self._shot
        self._found = []
        if shot is None:
            return
        if shot.state == "armed":
            if any(a.zone in shot.influence and self._is_fume(a) and stands(a) for a in alarms):
                shot.detected = True
                self._fire(moment, shot)
            elif any(occupancy.may_hold_people(zone, moment) for zone in shot.influence):
                self._become(moment, shot, "clearing")
        if shot.fired_us is not None and shot.state in SHOT:
            shot.fumes.watch(moment, self._site, shot.influence, figures_of)
            since_us = moment.now_us - shot.fired_us
            if shot.state == "fired" and shot.fumes.seen:
                self._become(moment, shot, "fumes")
            if shot.state in ("fired", "fumes") and since_us >= shot.wait_us:
                self._become(moment, shot, "measuring")
            if shot.state == "measuring" and all(permitted(zone) for zone in shot.zones):
                self._become(moment, shot, "released")
        self._judge(moment, shot, alarms)

    def _is_fume(self, alarm: Alarm) -> bool:
        return self._quantity.get(alarm.sensor or "") in ("co", "no", "no2") and is_gas(
            alarm, self._quantity.get(alarm.sensor or "")
        )

    def _judge(self, moment: Moment, shot: _Shot, alarms: Sequence[Alarm]) -> None:
        """`fume_escape`, `blast_not_seen`, `second_rise`, `misfire_hold` (7.2.1, what pierces)."""
        live = shot.state in SHOT
        gassed = {a.zone for a in alarms if is_gas(a, self._quantity.get(a.sensor or "")) and acts(a)
                  and at_least(a, Priority.WARNING) and a.condition != "airflow_low"}  # fmt: skip
        high, place = Priority.HIGH, shot.zones[0]
        for zone in self._site.zones:
            if zone.id not in shot.influence and zone.kind not in ("workshop", "amalgam_room", "lamp_room"):
                out = live and zone.id in gassed
                self._found.append(Finding(zone.id, "fume_escape", out, zone.id, high, source="Reference 7.2.1 [D]"))
        since_us = moment.now_us - (shot.fired_us or moment.now_us)
        self._found += [
            Finding(place, "blast_not_seen", live and not shot.fumes.seen and since_us >= NOT_SEEN_US, place, high,
                    source=source("blast", "not_seen_min")),
            Finding(place, "second_rise", live and shot.fumes.rises_again(moment), place, high, latch=True,
                    source=source("blast", "second_rise_s")),
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
        over = shot is None or shot.state in ("released", "cancelled")
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
            self._become(moment, shot, "cancelled")

    def _plan(self, moment: Moment, request: Request) -> _Shot:
        zone = request.target
        if self._graph.kind(zone) is None:
            raise Refused(f"blast: '{zone}' is no zone of this site")
        if self._shot is not None and self._shot.state in SHOT:
            raise Refused(f"blast: {', '.join(self._shot.zones)} is not released yet ({self._shot.state})")
        row = next((b for b in self._site.blasts if zone in b.zones), None) or BlastRow(times=(), zones=(zone,))
        influence = row.influence or frozenset().union(*(self._graph.affected_set(z, True) for z in row.zones))
        self._shot = _Shot(
            "planned", list(row.zones), sorted({*influence, *row.zones}), list(row.guards),
            round(row.window_min * 60 * SECOND_US), round(row.fume_wait_min * 60 * SECOND_US), request.by,
            moment.utc_us,
        )  # fmt: skip
        return self._shot

    def _arm(
        self, moment: Moment, shot: _Shot, request: Request, occupancy: Occupancy, figures_of: FiguresOf,
        portable: PortableReadings,
    ) -> None:  # fmt: skip
        if inside := [zone for zone in shot.influence if occupancy.may_hold_people(zone, moment)]:
            raise Refused(f"blast: {', '.join(inside)} is not verified empty; count first")
        for i in sensors_in(self._site, shot.influence, ["ch4"]):
            sensor, now = self._site.sensors[i], reading(self._site.sensors[i], figures_of(i), moment.now_us)
            by_portable = portable.latest(sensor.zone, "ch4", moment)
            if (now.usable and now.value >= LEVEL) or (by_portable or 0.0) >= LEVEL:
                raise Refused(f"blast: methane at or above {LEVEL:g} % in {sensor.zone}; no shot is fired")
            if not now.good and by_portable is None:
                raise Refused(f"blast: methane is not known in {sensor.zone}; a portable reading comes first")
        guards = request.args.get("guards")
        shot.guards = [str(g) for g in guards] if isinstance(guards, list | tuple) and guards else shot.guards
        if not shot.guards:
            raise Refused("blast: no guard is named; every access needs its vigia")
        shot.by = request.by
        self._become(moment, shot, "armed")

    def _fire(self, moment: Moment, shot: _Shot, args: Mapping[str, Any] | None = None) -> None:
        args = args or {}
        shot.charged, shot.counted = _whole(args, "charged"), _whole(args, "counted")
        shot.fired_us, shot.fired_utc_us = moment.now_us, moment.utc_us
        missing = shot.charged is not None and shot.counted is not None and shot.counted < shot.charged
        self._become(moment, shot, "misfire_hold" if missing else "fired")

    def _become(self, moment: Moment, shot: _Shot, state: BlastState) -> None:
        if state != shot.state:
            shot.state, shot.since_utc_us = state, moment.utc_us

    def document(self, moment: Moment, occupancy: Occupancy) -> dict[str, Any] | None:
        """The payload of `protocol/blast`; None before the first blast. `until`: the end of the suppression."""
        shot = self._shot
        if shot is None:
            return None
        fired = shot.fired_us is not None
        return {
            "protocol": "blast", "state": shot.state, "zones": list(shot.zones), "since": rfc3339(shot.since_utc_us),
            "drill": False, "influence": list(shot.influence), "guards": list(shot.guards), "by": shot.by,
            "fired": rfc3339(shot.fired_utc_us) if fired else None, "detected": shot.detected,
            "earliest": rfc3339(shot.fired_utc_us + shot.wait_us) if fired else None,
            "until": rfc3339(shot.fired_utc_us + shot.window_us) if fired else None,
            "suppressing": self.suppression(moment, occupancy) is not None, "seen": shot.fumes.seen,
            "charged": shot.charged, "counted": shot.counted,
        }  # fmt: skip

    def dump(self) -> dict[str, Any]:
        """The whole state, msgpack-able."""
        return {"shot": asdict(self._shot) if self._shot else None}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take up what `dump` gave."""
        row = state["shot"]
        self._shot = _Shot(**{**row, "fumes": Fumes(**row["fumes"])}) if row else None


def _whole(args: Mapping[str, Any], key: str) -> int | None:
    value = args.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise Refused(f"blast: {key} is {value!r}; expected a whole number of shots")
    return value
