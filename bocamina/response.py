"""From alarms to people and air: occupancy, fans, evacuation, blast, re-entry and messages, joined.

Pure, like the engine whose half it is. A protocol says what it wants; the commander says it until it is so.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

from alerts.commander import Commander
from alerts.desk import AlarmDesk
from alerts.graph import MineGraph
from alerts.model import MAY_COMMAND, Alarm, Finding, Priority, Reply, State, Transition
from alerts.notify.answers import Answers
from alerts.notify.message import Inside, Writer
from alerts.notify.outbox import Outbox
from alerts.occupancy import Occupancy
from alerts.protocols.blast import Blast
from alerts.protocols.evacuation import Evacuation
from alerts.protocols.portable import PortableReadings
from alerts.protocols.reentry import ReEntry
from alerts.protocols.ventilation import Ventilation
from alerts.requests import SERVICE
from alerts.upkeep import Upkeep
from bocamina.decisions import Decisions
from bocamina.source_watch import SourceWatch
from gateway.domain.errors import Refused
from gateway.domain.events import ActuatorState, HeadCount, NodeStatus, Presence, Request
from gateway.domain.figures import Figures
from gateway.domain.moment import NO_TIME, SECOND_US, Moment
from gateway.domain.site import Site

FiguresOf = Callable[[int], Figures]

COUNT_FRESH_US: Final = 300 * SECOND_US
"""A count that is older than this when it arrives (it waited at the broker) proves no emptiness any more [D]."""


class Response:
    """Everything after the alarm desk; `settle` runs it."""

    def __init__(
        self, site: Site, desk: AlarmDesk, figures: Callable[[int, int], Figures],
        follow: Callable[[Moment, Presence], None] = lambda _moment, _event: None,
        overdue: Callable[[int], int] = lambda _i: 0,
    ) -> None:  # fmt: skip
        """figures(i, now_us): the live figures of sensor i. follow: who else wants to know where a tag is.

        overdue(i): how overdue the calibration of sensor i is (`alerts/upkeep.py`).
        """
        self.site, self.desk, self._figures, self._follow = site, desk, figures, follow
        self.graph = MineGraph(site)
        self.occupancy = Occupancy(site)
        self.portable = PortableReadings(site)
        self.ventilation = Ventilation(site, self.graph)
        self.evacuation = Evacuation(site, self.graph)
        self.blast = Blast(site, self.graph)
        self.reentry = ReEntry(site)
        self.commander = Commander(site)
        self.outbox = Outbox(site)
        self.answers = Answers(site, self.outbox)
        self.upkeep = Upkeep(site, overdue)
        self.sources = SourceWatch(site, desk)
        self._notices: list[dict[str, Any]] = []
        desk.orders.by_hand = self._by_hand
        self._writer = Writer(site)
        self._published: dict[str, dict[str, Any]] = {}

    # --- What comes in -----------------------------------------------------------------------------------------------

    def presence(self, moment: Moment, event: Presence) -> None:
        """A tag was read. A retained word that someone is outside is no news of now."""
        if event.retained and event.zone is None:
            return
        self._follow(moment, event)
        self.occupancy.presence(moment, event.person, event.zone)

    def count(self, moment: Moment, event: HeadCount, role: str | None = None) -> None:
        """A named person counted. Raises Refused."""
        old = event.time_us != NO_TIME and abs(moment.utc_us - event.time_us) > COUNT_FRESH_US
        if event.count == 0 and (event.retained or old):
            raise Refused(f"count 0 of '{event.zone}' by '{event.by}' is not of now; count again")
        self.occupancy.count(moment, event.zone, event.count, event.by, role)

    def actuator(self, moment: Moment, state: ActuatorState) -> None:
        """What an actuator says of itself."""
        self.commander.feedback(moment, state)
        self.ventilation.feedback(moment, state)

    def node(self, moment: Moment, status: NodeStatus) -> None:
        """A node appeared or went."""
        self.commander.node(moment, status.node, status.online)

    def request(self, moment: Moment, request: Request) -> Reply:
        """A person asks something of the protocols."""
        try:
            return self._request(moment, request)
        except Refused as refusal:
            return Reply(request.id, ok=False, error=str(refusal))

    def _request(self, moment: Moment, request: Request) -> Reply:
        match request.action:
            case "evacuation" | "drill":
                return self.evacuation.request(moment, request, self.occupancy, self.ventilation.airflow_known)
            case "blast":
                return self.blast.request(moment, request, self.occupancy, self._figures_of(moment), self.portable)
            case "reentry":
                return self.reentry.request(moment, request, self.portable)
            case "ventilation":
                return self.ventilation.request(moment, request, self.occupancy)
            case "manual_reading":
                return self.portable.request(moment, request)
            case "presence":
                self._tag_or_count(moment, request)
            case "board":
                self._counted(moment, request)
            case "emergency":
                self._emergency(moment, request)
            case "maintenance":
                self.upkeep.request(moment, request)
            case "handover":
                self._hand_over(request)
            case action if action in SERVICE:
                return self.desk.request(moment, request)
            case _:
                raise Refused(f"request '{request.action}' is not known to this gateway")
        return Reply(request.id, ok=True)

    def _tag_or_count(self, moment: Moment, request: Request) -> None:
        """`request/presence`: target a person, args {"zone": id or null}; or target a zone, args {"count": n}."""
        if "count" in request.args:
            self._counted(moment, request)
            return
        if "zone" not in request.args:  # left out it must not read as outside
            raise Refused("presence: `zone` is missing; expected a zone id, or null for outside")
        zone = request.args["zone"]
        if zone is not None and not isinstance(zone, str):
            raise Refused(f"presence: `zone` is {zone!r}; expected a zone id or null")
        if not request.target:
            raise Refused("presence: nobody is named; expected the person as `target`")
        self.presence(moment, Presence(request.target, zone))

    def _counted(self, moment: Moment, request: Request) -> None:
        count = request.args.get("count")
        if isinstance(count, bool) or not isinstance(count, int):
            raise Refused(f"{request.action}: `count` is {count!r}; expected a whole number")
        self.count(moment, HeadCount(request.target, count, request.by), request.role or None)

    def _emergency(self, moment: Moment, request: Request) -> None:
        """Somebody pressed the button: any named person may."""
        if not request.by.strip():
            raise Refused("emergency: nobody is named; expected `by`")
        kind = str(request.args.get("kind", "other"))[:40]
        known = {zone.id for zone in self.site.zones}
        self.desk.report(
            moment, "gateway", "emergency_manual", True, priority=Priority.HIGH, latch=True,
            zone=request.target if request.target in known else None, reason=f"{kind}, {request.by}"[:120],
        )  # fmt: skip

    def _hand_over(self, request: Request) -> None:
        """`request/handover`: who has the watch (`by`) gives it to another named person (`target`); on record."""
        if request.role not in MAY_COMMAND:
            may = ", ".join(sorted(MAY_COMMAND))
            raise Refused(f"handover: the role {request.role!r} has no watch to hand over; expected one of {may}")
        giver, taker = self._person(request.by), self._person(request.target)
        if giver == taker:
            raise Refused(f"handover: '{giver}' has the watch already; expected another person as `target`")
        comment = request.args.get("comment")
        self._notices.append({"what": "handover", "by": giver, "to": taker,
                              "comment": comment[:500] if isinstance(comment, str) else ""})  # fmt: skip

    def _person(self, name: str) -> str:
        """The id of a person of the site file, named by id or by name."""
        wanted = name.strip().casefold()
        for person in self.site.people:
            if wanted in (person.id, person.name.casefold()):
                return person.id
        raise Refused(f"handover: {name!r} is nobody of this site; expected an id or name of [[people]]")

    def _by_hand(self, zone: str, quantity: str, moment: Moment, since_us: int) -> float | None:
        readings = self.portable.of_zone(zone, moment, since_us)
        return next((one.gases[quantity] for one in reversed(readings) if quantity in one.gases), None)

    # --- What goes out -----------------------------------------------------------------------------------------------

    def _figures_of(self, moment: Moment) -> FiguresOf:
        """The figures as of now, each asked for once: nothing comes in while the protocols look."""
        known: dict[int, Figures] = {}

        def figures_of(i: int) -> Figures:
            found = known.get(i)
            if found is None:
                found = known[i] = self._figures(i, moment.now_us)
            return found

        return figures_of

    def settle(self, moment: Moment, out: Decisions) -> None:
        """Let the protocols look at the alarms as they are, and say what they want."""
        figures_of = self._figures_of(moment)
        alarms = self.desk.active()
        for zone in self.occupancy.step(moment):
            self.desk.set_occupancy(moment, zone, self.occupancy.state(zone, moment)[0])
        airflow = self.ventilation.airflow_known
        wants = self.ventilation.step(
            moment, alarms, figures_of, self.portable, self.occupancy, self.evacuation.zones
        )
        wants += self.evacuation.step(moment, alarms, self.occupancy, airflow, self.ventilation.withdraw(moment))
        for want in wants:
            self.commander.want(moment, want.actuator, want.setpoint, want.reason, want.drill)
        out.commands += self.commander.step(moment)
        self.blast.step(moment, alarms, figures_of, self.occupancy, self.reentry.is_permitted)
        self.reentry.step(
            moment, alarms, figures_of, self.portable, self.ventilation, self.blast.fired, self.blast.is_armed
        )
        hush = self.blast.suppression(moment, self.occupancy)
        if hush is None:
            self.desk.unsuppress(moment, "blast")
        else:
            self.desk.suppress(moment, hush.zones, hush.until_us, "blast")
        self._report(moment, self.ventilation.findings())
        self._report(moment, self.evacuation.findings(self.occupancy))
        self._report(moment, self.blast.findings())
        self._report(moment, self.outbox.findings(moment))
        self._report(moment, self.commander.findings(moment, self.occupancy))
        self._report(moment, self.upkeep.findings(moment))
        out.notices += self._notices
        self._notices = []

    def announce(self, moment: Moment, transitions: Iterable[Transition], out: Decisions) -> None:
        """Tell people of what changed: who must be called, who has answered, what is over."""
        for transition in transitions:
            alarm = self.desk.alarm(transition.alarm)
            if alarm is None or alarm.drill:
                continue
            if not alarm.beyond:
                for silent in self.sources.uncovered(alarm):
                    self._offer(moment, silent)
            if alarm.state is State.NORMAL:
                self.outbox.ended(alarm.alarm)
            elif alarm.state in {State.ACKED, State.LATCHED_ACKED} and alarm.acknowledged_by:
                self.outbox.answered(alarm.alarm, alarm.acknowledged_by)
            elif alarm.state in {State.SHELVED, State.OUT_OF_SERVICE} and transition.by:
                self.outbox.answered(alarm.alarm, transition.by)  # a named person has it in hand: nobody else is called
            elif alarm.state is State.UNACK and alarm.priority > Priority.NOTICE:
                self._offer(moment, alarm)
        out.messages += self.outbox.step(moment)

    def _offer(self, moment: Moment, alarm: Alarm) -> None:
        if self.sources.covers(alarm):
            return
        state, people = self.occupancy.state(alarm.zone, moment) if alarm.zone else ("unknown", None)
        inside = Inside(state, people)
        self.outbox.offer(moment, alarm, lambda code, lang: self._writer.alarm(alarm, code, inside, lang))

    def _report(self, moment: Moment, findings: Iterable[Finding]) -> None:
        for finding in findings:
            self.desk.state(moment, finding)

    def documents(self, moment: Moment, protected: Callable[[str], bool]) -> dict[str, dict[str, Any]]:
        """All retained documents of the protocols and zones as they are now, by topic below the site's root."""
        found: dict[str, dict[str, Any]] = {
            "protocol/ventilation": self.ventilation.document(moment),
            "protocol/evacuation": self.evacuation.document(moment, self.occupancy),
        }
        found["protocol/reentry"] = self.reentry.document(moment, self.portable)
        blast = self.blast.document(moment, self.occupancy)
        if blast is not None:
            found["protocol/blast"] = blast
        alarms: dict[str | None, list[Alarm]] = {}
        for alarm in self.desk.active():
            alarms.setdefault(alarm.zone, []).append(alarm)
        resting: dict[str, list[str]] = {}
        for sensor in self.desk.out_of_service():
            resting.setdefault(sensor.zone, []).append(sensor.id)
        for zone in self.site.zones:
            state, people = self.occupancy.state(zone.id, moment)
            found[f"zone/{zone.id}"] = {
                "zone": zone.id,
                "occupancy": state,
                "people": people,
                "confirmed_by": self.occupancy.confirmed_by(zone.id, moment),
                "protected": protected(zone.id) and zone.id not in resting,
                "out_of_service": resting.get(zone.id, []),
                "access": "closed" if self._is_closed(zone.id) else "open",
                "worst": _worst(alarms.get(zone.id, [])),
            }
        return found

    def _is_closed(self, zone: str) -> bool:
        return self.evacuation.is_closed(zone) or self.blast.is_closed(zone) or self.reentry.is_closed(zone)

    def changed_documents(self, moment: Moment, protected: Callable[[str], bool]) -> dict[str, dict[str, Any]]:
        """Those that differ from what was last handed out."""
        now = self.documents(moment, protected)
        changed = {topic: document for topic, document in now.items() if self._published.get(topic) != document}
        self._published |= changed
        return changed

    def restarted(self, moment: Moment) -> None:
        """The gateway comes back."""
        self.commander.restarted(moment)
        self.ventilation.restarted(moment)
        self.outbox.restarted(moment)
        self._published.clear()

    def dump(self) -> dict[str, Any]:
        """The whole state, msgpack-able."""
        return {
            "occupancy": self.occupancy.dump(),
            "portable": self.portable.dump(),
            "ventilation": self.ventilation.dump(),
            "evacuation": self.evacuation.dump(),
            "blast": self.blast.dump(),
            "reentry": self.reentry.dump(),
            "commander": self.commander.dump(),
            "outbox": self.outbox.dump(),
            "answers": self.answers.dump(),
            "sources": self.sources.dump(),
            "upkeep": self.upkeep.dump(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up what `dump` gave."""
        self.occupancy.load(state["occupancy"])
        self.portable.load(state["portable"])
        self.ventilation.load(state["ventilation"])
        self.evacuation.load(state["evacuation"])
        self.blast.load(state["blast"])
        self.reentry.load(state["reentry"])
        self.commander.load(state["commander"])
        self.outbox.load(state["outbox"])
        if "answers" in state:  # not in snapshots of the first versions
            self.answers.load(state["answers"])
        if "sources" in state:  # likewise
            self.sources.load(state["sources"])
        if "upkeep" in state:  # not in snapshots of the first versions
            self.upkeep.load(state["upkeep"])


def _worst(alarms: list[Alarm]) -> dict[str, Any] | None:
    if not alarms:
        return None
    worst = max(alarms, key=lambda alarm: (alarm.priority, alarm.beyond, -alarm.since_us))
    return {"alarm": worst.alarm, "priority": worst.priority.word, "state": str(worst.state), "sensor": worst.sensor,
            "value": worst.value, "limit": worst.limit, "unit": worst.unit}  # fmt: skip
