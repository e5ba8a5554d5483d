"""Re-entry after gas: below the limit is not permission (limits reference 7.2).

Fixed sensors, time and moving air only say when a person may go and measure. Portable readings of two people and the
signature of a named person release a zone; nothing in here ever does.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, Protocol

from alerts import texts
from alerts.model import MAY_COMMAND, Alarm, Priority, Reply
from alerts.protocols.air import FiguresOf, at_least, is_gas, reading, sensors_in
from alerts.protocols.portable import PortableReadings
from alerts.rulebook import BOOK, figure, figure_us
from gateway.domain.errors import Refused
from gateway.domain.events import Request
from gateway.domain.moment import SECOND_US, Moment, rfc3339
from gateway.domain.site import Site

ReentryState = Literal["idle", "waiting", "measuring", "ready", "permitted", "revoked"]
Fixed = Literal["below", "above", "unknown"]
STRICTEST_FIRST: Final[tuple[ReentryState, ...]] = ("revoked", "waiting", "measuring", "ready", "permitted", "idle")
BELOW: Final[Mapping[str, float]] = BOOK["reentry"]["below"]
ABOVE: Final[Mapping[str, float]] = BOOK["reentry"]["above"]
PORTABLE_GASES: Final[Sequence[str]] = BOOK["reentry"]["portable_gases"]
STEADY_US: Final = figure_us("reentry", "steady_s")
COVERED_S: Final = figure("reentry", "steady_s") * figure("reentry", "coverage")
KEEP_OUT: Final = ("fan_failed", "second_rise", "fire_suspected", "blast_unscheduled")
"""Conditions that close a zone without being gas themselves."""
PEOPLE: Final = int(figure("reentry", "people"))
TOO_FEW: Final = f"portable readings by {PEOPLE} people"
NOTHING_MEASURED: Final = (*(f"portable {gas}" for gas in PORTABLE_GASES), TOO_FEW)


class Fans(Protocol):
    """What re-entry needs to know of moving air."""

    def has_proof(self, zone: str) -> bool:
        """Whether a fan that can prove its air serves the zone."""

    def proven_since_us(self, zone: str) -> int | None:
        """Since when it does, engine time [µs]; None while it does not."""


@dataclass(slots=True)
class _Closure:
    """One zone that people were taken out of, or kept out of. Engine times [µs] but for since_utc_us.

    fixed: what its sensors say now; seen: what they said when they last spoke.
    """

    cause: str
    opened_us: int
    since_utc_us: int
    state: ReentryState = "waiting"
    below_since_us: int | None = None
    fixed: Fixed = "unknown"
    seen: Fixed = "unknown"
    not_before_us: int = 0
    permitted_by: str | None = None
    permitted_us: int = 0
    hindrance: str | None = None


class ReEntry:
    """Every zone that waits for its re-entry."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._shift_us = round(site.site.shift_hours * 3600 * SECOND_US)
        self._quantity = {s.id: s.quantity for s in site.sensors}
        self._index = {s.id: i for i, s in enumerate(site.sensors)}
        self._sensors = {z.id: sensors_in(site, [z.id], [*BELOW, *ABOVE]) for z in site.zones}
        self._closures: dict[str, _Closure] = {}
        self._shown: tuple[ReentryState, int] = ("idle", 0)

    def is_closed(self, zone: str) -> bool:
        """Whether the zone waits for its permit."""
        closure = self._closures.get(zone)
        return closure is not None and closure.state != "permitted"

    def is_permitted(self, zone: str) -> bool:
        """Whether a named person has released the zone and nothing has revoked it."""
        return zone in self._closures and self._closures[zone].state == "permitted"

    def state(self, zone: str) -> ReentryState:
        """The zone's state; idle where nothing happened."""
        return self._closures[zone].state if zone in self._closures else "idle"

    def step(
        self, moment: Moment, alarms: Sequence[Alarm], figures_of: FiguresOf, portable: PortableReadings, fans: Fans,
        fired: Callable[[str], tuple[int, int] | None], armed: Callable[[str], bool],
    ) -> None:  # fmt: skip
        """Close zones by gas or a shot, follow their air. fired: shot and wait [µs] of a blast that reaches a zone."""
        keeping_out = self._keeping_out(alarms)
        for zone in self._site.zones:
            warning = keeping_out.get(zone.id)
            shot = fired(zone.id)
            cause = warning if warning is not None and warning.priority >= Priority.HIGH else None
            closure = self._closures.get(zone.id)
            if closure is None or (closure.state == "permitted" and shot and shot[0] > closure.permitted_us):
                if shot is None and cause is None:
                    continue
                closure = _Closure(cause.alarm if cause else "blast", moment.now_us, moment.utc_us)
                self._closures[zone.id] = closure
            self._follow(moment, zone.id, closure, shot, armed(zone.id), warning, figures_of, portable, fans)
            if closure.state == "permitted" and moment.now_us - closure.permitted_us >= self._shift_us:
                del self._closures[zone.id]  # a permit ends with the shift
        states: list[ReentryState] = [closure.state for closure in self._closures.values()]
        worst = min(states, key=STRICTEST_FIRST.index, default=STRICTEST_FIRST[-1])
        if worst != self._shown[0] or not self._shown[1]:
            self._shown = (worst, moment.utc_us)

    def _keeping_out(self, alarms: Sequence[Alarm]) -> dict[str, Alarm]:
        """Of every zone the worst alarm of Warning or above that keeps people out of it now, suppressed or not."""
        found: dict[str, Alarm] = {}
        for alarm in alarms:
            zone = alarm.zone
            if zone is None or not at_least(alarm, Priority.WARNING) or not self._keeps_out(alarm):
                continue
            if zone not in found or alarm.priority > found[zone].priority:
                found[zone] = alarm
        return found

    def _keeps_out(self, alarm: Alarm) -> bool:
        quantity = self._quantity.get(alarm.sensor or "")
        return quantity == "ch4" or alarm.condition in KEEP_OUT or is_gas(alarm, quantity)

    def _follow(
        self, moment: Moment, zone: str, closure: _Closure, shot: tuple[int, int] | None,
        armed: bool, warning: Alarm | None, figures_of: FiguresOf, portable: PortableReadings, fans: Fans,
    ) -> None:  # fmt: skip
        closure.fixed = self._fixed(moment, zone, closure, figures_of)
        closure.seen = closure.seen if closure.fixed == "unknown" else closure.fixed
        moving = fans.proven_since_us(zone)
        still = fans.has_proof(zone) and moving is None
        if shot is not None:
            closure.not_before_us = max(shot[0], moving or shot[0]) + shot[1]
        if closure.state in ("permitted", "revoked"):
            hindrance = "next blast" if armed else "fan stopped" if still else warning.alarm if warning else None
            if hindrance is None and closure.state == "permitted":
                return
            if closure.state == "permitted":  # people measure anew, and someone signs anew
                closure.permitted_by, closure.opened_us, closure.below_since_us = None, moment.now_us, None
                self._become(moment, closure, "revoked")
            closure.hindrance = hindrance
            if hindrance is not None:
                return
        missing = self._missing(moment, zone, closure, portable)
        closure.hindrance = (
            (warning.alarm if warning and (missing or self._speaks(moment, warning, figures_of)) else None)
            or ("fan not proven" if still else None)
            or ("too early" if moment.now_us < closure.not_before_us else None)
            or ("gas above the limit" if closure.fixed == "above" else None)
            # a sensor that died above the limit hinders until people have measured (it never blocks their measuring)
            or ("gas above the limit when last seen" if closure.seen == "above" and missing else None)
            or ("not below for 5 min" if closure.fixed == "below" and not self._is_steady(moment, closure) else None)
        )
        if closure.hindrance is not None:
            self._become(moment, closure, "waiting")
        else:
            self._become(moment, closure, "measuring" if missing else "ready")

    def _speaks(self, moment: Moment, alarm: Alarm, figures_of: FiguresOf) -> bool:
        """Whether the alarm's sensor still gives values; an alarm without a sensor speaks for itself."""
        i = self._index.get(alarm.sensor or "")
        return i is None or reading(self._site.sensors[i], figures_of(i), moment.now_us).usable

    def _fixed(self, moment: Moment, zone: str, closure: _Closure, figures_of: FiguresOf) -> Fixed:
        """What the zone's own sensors say of the criteria; unknown where one does not speak or none is there."""
        unknown = not self._sensors[zone]
        for i in self._sensors[zone]:
            sensor, figures = self._site.sensors[i], figures_of(i)
            now = reading(sensor, figures, moment.now_us)
            if now.usable and not _within(sensor.quantity, now.value):
                closure.below_since_us = None
                return "above"
            unknown = unknown or not now.good or (closure.below_since_us is not None
                                                  and moment.now_us - closure.below_since_us >= STEADY_US
                                                  and figures.covered_5min_s < COVERED_S)  # fmt: skip
        if unknown:
            return "unknown"
        closure.below_since_us = closure.below_since_us or moment.now_us
        return "below"

    def _is_steady(self, moment: Moment, closure: _Closure) -> bool:
        return closure.below_since_us is not None and moment.now_us - closure.below_since_us >= STEADY_US

    def _missing(self, moment: Moment, zone: str, closure: _Closure, portable: PortableReadings) -> list[str]:
        """What the portable readings still lack, as clauses."""
        since_us = max(closure.opened_us, closure.not_before_us)
        readings = portable.of_zone(zone, moment, since_us)
        if not readings:
            return list(NOTHING_MEASURED)
        newest = {gas: value for r in readings for gas, value in r.gases.items()}
        people = {person for r in readings for person in r.people}
        missing = [f"portable {gas}" for gas in PORTABLE_GASES if gas not in newest]
        missing += [f"{gas} {value:g} by portable" for gas, value in newest.items() if not _within(gas, value)]
        return missing + ([TOO_FEW] if len(people) < PEOPLE else [])

    def _lacks(self, moment: Moment, zone: str, closure: _Closure, portable: PortableReadings) -> list[str]:
        """All that stands between the zone and its permit but for time and air."""
        return [] if closure.state == "permitted" else [*self._missing(moment, zone, closure, portable), "signature"]

    def request(self, moment: Moment, request: Request, portable: PortableReadings) -> Reply:
        """`request/reentry`: target a zone, args {"action": "permit" (= start, sign) or "revoke" (= stop)}."""
        try:
            self._do(moment, request, portable)
        except Refused as refusal:
            return Reply(request.id, ok=False, error=str(refusal))
        return Reply(request.id, ok=True)

    def _do(self, moment: Moment, request: Request, portable: PortableReadings) -> None:
        action, closure = str(request.args.get("action")), self._closures.get(request.target)
        if request.role not in MAY_COMMAND or not request.by:
            raise Refused(f"re-entry: {request.role or 'a nameless person'} may not sign")
        if closure is None:
            raise Refused(f"re-entry: '{request.target}' waits for no permit")
        if action in ("revoke", "stop"):
            closure.permitted_by, closure.opened_us = None, moment.now_us
            self._become(moment, closure, "revoked")
        elif action not in ("permit", "sign", "start"):
            raise Refused(f"re-entry: '{action}' is no action; expected permit or revoke")
        elif closure.state not in ("measuring", "ready"):
            raise Refused(f"re-entry: {request.target} is {closure.state}: {closure.hindrance or 'already signed'}")
        elif missing := self._missing(moment, request.target, closure, portable):
            raise Refused(f"re-entry: {request.target} lacks {', '.join(missing)}")
        else:
            closure.permitted_by, closure.permitted_us = request.by, moment.now_us
            self._become(moment, closure, "permitted")

    def _become(self, moment: Moment, closure: _Closure, state: ReentryState) -> None:
        if state != closure.state:
            closure.state, closure.since_utc_us = state, moment.utc_us

    def document(self, moment: Moment, portable: PortableReadings) -> dict[str, Any]:
        """The payload of `protocol/reentry`: the strictest zone's state, and each zone with what it lacks."""
        state, since = self._shown
        return {
            "protocol": "reentry", "state": state, "zones": sorted(self._closures), "since": rfc3339(since),
            "drill": False,
            "detail": {
                zone: {
                    "state": c.state, "since": rfc3339(c.since_utc_us), "cause": c.cause, "fixed": c.fixed,
                    "hindrance": c.hindrance, "permitted_by": c.permitted_by,
                    "missing": self._lacks(moment, zone, c, portable),
                    "words_es": _words(c, "es"), "words_en": _words(c, "en"),
                }
                for zone, c in sorted(self._closures.items())
            },
        }  # fmt: skip

    def dump(self) -> dict[str, Any]:
        """The whole state, msgpack-able."""
        return {"closures": {zone: asdict(c) for zone, c in self._closures.items()}, "shown": list(self._shown)}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take up what `dump` gave, for the zones that the site file still has."""
        self._closures = {z: _Closure(**row) for z, row in state["closures"].items() if z in self._sensors}
        self._shown = (state["shown"][0], state["shown"][1])


def _words(closure: _Closure, lang: str) -> str:
    """What a screen says of a zone (glossary 8)."""
    key = "measuring_below" if closure.state == "measuring" and closure.fixed == "below" else closure.state
    return texts.words("reentry", key, lang).format(by=closure.permitted_by)


def _within(gas: str, value: float) -> bool:
    """Whether a value meets the criteria of re-entry; a gas without one does not hinder."""
    return value <= BELOW.get(gas, float("inf")) and value >= ABOVE.get(gas, float("-inf"))
