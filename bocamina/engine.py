"""The engine: a pure function of (site file, state, events, time). Live run, replay and drill are this one code.

`step(now, a + b)` decides what `step(now, a)` and then `step(now, b)` decide. There is no clock, thread, port or
disk in it; ids are counted. What it decides is carried out by `bocamina/service.py`.
"""

import logging
import math
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from alerts.desk import AlarmDesk
from alerts.model import Priority, Reply
from bocamina.adoption import adopt
from bocamina.decisions import Decisions, VerdictChange
from bocamina.documents import Latest, exposure_document, reading_document
from bocamina.person_watch import PersonWatch
from bocamina.response import Response
from bocamina.shifts import ShiftCalendar
from gateway.conditioning.channel import Conditioner
from gateway.conditioning.intake import Intake
from gateway.conditioning.ranges import resolve_full_scale, resolve_noise, resolve_warm_up
from gateway.domain.errors import Refused
from gateway.domain.events import (
    ActuatorState,
    Counted,
    Delivered,
    Delivery,
    Event,
    HeadCount,
    LinkState,
    NodeStatus,
    Pack,
    Presence,
    Remembered,
    Request,
    Started,
    Tick,
)
from gateway.domain.figures import Figures, LimitFigure
from gateway.domain.limits import Limit
from gateway.domain.moment import NO_TIME, SECOND_US, Moment
from gateway.domain.quality import Quality, Reason
from gateway.domain.quantities import DUST
from gateway.domain.site import Site
from gateway.domain.site_limits import limits_for_site
from gateway.drivers.table import DRIVERS
from gateway.exposure import readiness
from gateway.exposure.streaming import Line, Streaming, hold_s_for

_log = logging.getLogger(__name__)

REMEMBERED_REQUESTS: Final = 1000
"""Requests are idempotent by id; a repeat within this many gets the first answer again."""
DESK_ACTIONS: Final = frozenset({"acknowledge", "shelve", "unshelve", "reset"})
MOST_ROUNDS: Final = 8
"""Findings of the protocols may change alarms, which the protocols look at again; it ends long before this."""
SETTLING: Final = frozenset({Tick, Started, Presence, HeadCount, Request, Remembered})
"""After these the protocols look in any case; after all others when an alarm changed, else at the next second."""
CLOCK_STEP_US: Final = 300 * SECOND_US
"""The wall clock moved by more than this against engine time between two ticks: it was set [D]."""
DAY_US: Final = 86_400 * SECOND_US
LIVE_MINUTES: Final = frozenset({0, 1, 5, 10, 15, 480, 600})
"""Averaging times that the streaming core keeps a window for."""


class Engine:
    """All that the gateway knows, moved by events only. Constructing it opens nothing."""

    def __init__(self, site: Site, site_hash: str) -> None:
        self.site, self.site_hash = site, site_hash
        sensors = site.sensors
        full_scale = resolve_full_scale(site, {name: spec.full_scale for name, spec in DRIVERS.items()})
        warm_up = resolve_warm_up(site, {name: spec.warm_up_s for name, spec in DRIVERS.items()})
        self._conditioner = Conditioner(site, full_scale, warm_up)
        self._intake = Intake()
        limits_of = partial(limits_for_site, site)
        self._limits: list[tuple[Limit, ...]] = [
            tuple(x for x in limits_of(s.quantity, site.site.regimes) if x.averaging_minutes in LIVE_MINUTES)
            for s in sensors
        ]
        lines = [
            Line(
                hold_s_for(s.period_s, s.max_age_s, dust=s.quantity in DUST),
                math.nan if full is None else full,
                resolve_noise(s, None),
            )
            for s, full in zip(sensors, full_scale, strict=True)
        ]
        self._watching = {
            zone.id: [i for i, s in enumerate(sensors) if s.zone == zone.id and self._limits[i]] for zone in site.zones
        }
        self.exposure = Streaming(lines, shift_hours=site.site.shift_hours, rolling_8h=False)
        self.desk = AlarmDesk(site, limits_of, full_scale)
        self.people = PersonWatch(site, self.exposure, self.desk, lambda z: self.response.blast.fired(z) is not None)
        self.response = Response(site, self.desk, self.exposure.figures, self.people.presence)
        self._shifts = ShiftCalendar(site)
        self._shift = ""
        self._skew: int | None = None
        self._day: int | None = None
        self._latest = [Latest()] * len(sensors)
        self._verdicts: list[dict[tuple[str, str, int, float], str]] = [{} for _ in sensors]
        self._replies: OrderedDict[str, Reply] = OrderedDict()
        self._boots: dict[tuple[str, str], int] = {}
        self.counts: Counter[str] = Counter()
        self._handlers: dict[type[Any], Callable[[Moment, Any, Decisions], None]] = {
            Pack: self._pack,
            Tick: self._tick,
            Started: self._started,
            LinkState: self._link,
            NodeStatus: self._node,
            ActuatorState: self._actuator,
            Presence: self._presence,
            HeadCount: self._head_count,
            Request: self._request,
            Remembered: self._remember,
            Delivered: self._delivered,
            Counted: self._count,
        }

    @staticmethod
    def warm_up() -> None:
        """Compile the kernels and check them against their slow twin; raises when they differ."""
        readiness.warm_up()

    def step(self, now: Moment, events: Sequence[Event]) -> Decisions:
        """Consume the events in their order, as of `now`."""
        out = Decisions()
        for event in events:
            try:
                self._handlers[type(event)](now, event, out)
                self._settle(now, out, always=type(event) in SETTLING)
            except Exception as error:
                self._survive(now, event, error, out)
        return out

    def _survive(self, now: Moment, event: Event, error: Exception, out: Decisions) -> None:
        """A fault of our own in one event must not end the watch, nor come again with every restart: it is an alarm."""
        _log.exception("fault in %s", type(event).__name__)
        self.counts["software_fault"] += 1
        what = f"{type(event).__name__}: {type(error).__name__}: {error}"[:200]
        out.notices.append({"what": "software_fault", "fault": what})
        self.desk.report(now, "gateway", "software_fault", True, priority=Priority.HIGH, latch=True, reason=what)

    # --- Readings ----------------------------------------------------------------------------------------------------

    def _pack(self, now: Moment, pack: Pack, out: Decisions) -> None:
        delivery, short_seq = int(pack.delivery), 0
        boot, seq = pack.boot, pack.seq
        if boot is not None and seq is not None:  # counters make a pack idempotent; without them its samples' times do
            short_seq = seq % 1000
            overtaken = self._intake.overtaken(pack.node, boot, seq)
            is_new = self._intake.accept(now, pack.node, boot, seq)
            out.acks += self._intake.ack_points(now)
            if is_new and not overtaken:
                self._note_boot(now, pack, boot)
            if not is_new:
                self.counts["duplicates"] += 1
                return
            if overtaken and delivery == Delivery.LIVE:
                delivery = int(Delivery.BACKLOG)
        condition, feed, figures_of = self._conditioner.condition, self.exposure.feed, self.exposure.figures
        judge, latest, people = self.desk.sample, self._latest, self.people.persons
        for sample in pack.samples:
            i = sample.sensor
            if (boot is None or seq is None) and not self._intake.accept_sample(i, sample.source_us, sample.value):
                self.counts["duplicates"] += 1
                continue
            value, quality, reason, time_us = condition(now, delivery, sample)
            out.rows.append((i, quality, reason, delivery, time_us, sample.value, value, short_seq))
            if quality == Quality.LATE:
                continue
            if quality != latest[i].quality or reason != latest[i].reason:
                out.urgent.add(i)
            latest[i] = Latest(time_us, value, quality, reason)
            out.dirty.add(i)
            feed(i, now.now_us, value, quality, reason)
            if i in people.watched:
                people.reading(now.now_us, i)
            judge(now, i, value, quality, reason, figures_of(i, now.now_us))

    def _note_boot(self, now: Moment, pack: Pack, boot: int) -> None:
        """A node that counts boots anew was switched off: its cells warm up again."""
        before = self._boots.get((pack.source, pack.node))
        self._boots[pack.source, pack.node] = boot
        if before not in (None, boot):
            cells = [i for i, s in enumerate(self.site.sensors)
                     if s.source == pack.source and s.channel.startswith(f"{pack.node}/")]  # fmt: skip
            self._conditioner.restart(now, cells)

    # --- Time --------------------------------------------------------------------------------------------------------

    def _tick(self, now: Moment, _tick: Tick, out: Decisions) -> None:
        self._follow_shift(now, out)
        self._follow_drift(now)
        self.exposure.advance(now.now_us)
        for i in self._conditioner.tick(now):
            self._latest[i] = Latest(self._latest[i].time_us)
            out.dirty.add(i)
            out.urgent.add(i)
        self.desk.tick(now, self._figures_at(now))
        self.desk.report(now, "gateway", "clock", not now.trusted, priority=Priority.WARNING)
        for i, limits in enumerate(self._limits):
            if limits:
                self._judge_limits(now, i, limits, out)
        self.people.tick(now, out)

    def _follow_shift(self, now: Moment, out: Decisions) -> None:
        """Begin the sums of a shift when it begins. A clock that was set begins none: the sums go on (lessons I30)."""
        shift, skew = self._shifts.at(now.utc_us), now.utc_us - now.now_us
        if self._skew is not None and abs(skew - self._skew) > CLOCK_STEP_US:
            out.notices.append({"what": "clock_step", "by_us": skew - self._skew})
        elif shift.key != self._shift:
            self.exposure.start_shift(now.now_us, shift.began_us - skew)
            self.people.start_shift(now, shift.key, shift.began_us - skew, out)
        self._shift, self._skew = shift.key, skew

    def _follow_drift(self, now: Moment) -> None:
        """Every day a channel drifts further from its calibration and resolves less (limits reference 6.7)."""
        day = now.utc_us // DAY_US
        if day == self._day:
            return
        self._day = day
        for i, sensor in enumerate(self.site.sensors):
            if sensor.drift_per_year:
                on = datetime.fromtimestamp(day * 86_400, UTC).date()
                self.exposure.set_resolution(i, resolve_noise(sensor, on))

    def _judge_limits(self, now: Moment, i: int, limits: Sequence[Limit], out: Decisions) -> None:
        known = self._verdicts[i]
        for figure in self.exposure.limit_figures(i, now.now_us, limits):
            key = (figure.regime, figure.kind, figure.averaging_minutes, figure.base_limit)
            if known.get(key, "indeterminate") == figure.verdict:
                continue
            known[key] = figure.verdict
            out.verdicts.append(self._change(now, i, figure))
            out.dirty.add(i)
            out.urgent.add(i)

    def _change(self, now: Moment, i: int, figure: LimitFigure) -> VerdictChange:
        sensor = self.site.sensors[i]
        return VerdictChange(
            now.utc_us, sensor.id, sensor.zone, sensor.quantity, figure.regime, figure.kind, figure.method,
            figure.limit, figure.value, figure.low, figure.high, figure.coverage, figure.verdict,
        )  # fmt: skip

    # --- Everything else ---------------------------------------------------------------------------------------------

    def _started(self, now: Moment, event: Started, out: Decisions) -> None:
        self.response.restarted(now)
        self._conditioner.resume(now)
        out.notices.append({"what": "started", "site_hash": event.site_hash, "version": event.version})

    def _link(self, now: Moment, event: LinkState, out: Decisions) -> None:
        del out
        known = {source.id for source in self.site.sources}
        is_source = event.source in known
        subject, condition = (event.source, "comm_lost") if is_source else ("gateway", f"{event.source}_lost")
        self.desk.report(
            now, subject, condition, not event.up, priority=Priority.WARNING, on_s=5, off_s=30,
            reason=event.detail[:200] or None, source="Limits reference 6.2, signal lost [D]",
        )  # fmt: skip

    def _node(self, now: Moment, event: NodeStatus, out: Decisions) -> None:
        if not (event.retained and event.online):
            self.response.node(now, event)
            out.commands += self.response.commander.step(now)

    def _actuator(self, now: Moment, event: ActuatorState, out: Decisions) -> None:
        self.response.actuator(now, event)
        out.commands += self.response.commander.step(now)

    def _presence(self, now: Moment, event: Presence, out: Decisions) -> None:
        self._refusable(now, out, "presence", lambda: self.response.presence(now, event))

    def _head_count(self, now: Moment, event: HeadCount, out: Decisions) -> None:
        self._refusable(now, out, "count", lambda: self.response.count(now, event))

    def _refusable(self, now: Moment, out: Decisions, what: str, do: Callable[[], None]) -> None:
        del now
        try:
            do()
        except Refused as refusal:
            self.counts["refused"] += 1
            out.notices.append({"what": what, "refused": str(refusal)})

    def _request(self, now: Moment, event: Request, out: Decisions) -> None:
        if event.malformed:
            out.replies.append((Reply(event.id, ok=False, error=event.malformed), event))
            return
        reply = self._replies.get(event.id)
        if reply is None:
            ask = self.desk.request if event.action in DESK_ACTIONS else self.response.request
            reply = self._replies[event.id] = ask(now, event)
            if len(self._replies) > REMEMBERED_REQUESTS:
                self._replies.popitem(last=False)
            out.requests.append(
                {"id": event.id, "action": event.action, "by": event.by, "role": event.role, "target": event.target,
                 "args": event.args, "ok": reply.ok, "error": reply.error}
            )  # fmt: skip
        out.replies.append((reply, event))

    def _delivered(self, now: Moment, event: Delivered, out: Decisions) -> None:
        record = self.response.outbox.result(now, event.id, event.ok, event.detail)
        if record is not None:
            out.notices.append({"what": "delivery", **record})

    def _count(self, now: Moment, event: Counted, out: Decisions) -> None:
        del now, out
        self.counts[event.kind] += 1

    def _remember(self, now: Moment, event: Remembered, out: Decisions) -> None:
        adopt(now, event, self.response, out)
        out.documents |= {k: v for k, v in self.standing_documents(now).items() if k not in out.documents}

    # --- Joining -----------------------------------------------------------------------------------------------------

    def _figures_at(self, now: Moment) -> Callable[[int], Figures]:
        return lambda i: self.exposure.figures(i, now.now_us)

    def _settle(self, now: Moment, out: Decisions, *, always: bool) -> None:
        """While alarms changed (or something other than readings came) let the protocols look at them."""
        rounds = 0
        while True:
            transitions = self.desk.transitions()
            out.transitions += transitions
            for transition in transitions:
                out.documents[f"alarm/{transition.alarm}"] = transition.document
            if not (transitions or (always and rounds == 0)) or rounds >= MOST_ROUNDS:
                break
            self.response.settle(now, out)
            self.response.announce(now, transitions, out)
            rounds += 1
        out.settled = out.settled or rounds > 0

    def _is_protected(self, zone: str) -> bool:
        """Whether every sensor that watches this zone's gas gives usable values now, and there is one."""
        watching = self._watching[zone]
        return bool(watching) and all(
            self._latest[i].quality <= Quality.UNCERTAIN and self._latest[i].reason != Reason.WARMING_UP
            for i in watching
        )

    # --- What is asked of it -----------------------------------------------------------------------------------------

    def documents_of(self, i: int, now: Moment) -> tuple[dict[str, Any], dict[str, Any]]:
        """`reading/…` and `exposure/…` of sensor i."""
        sensor, latest = self.site.sensors[i], self._latest[i]
        figures = self.exposure.limit_figures(i, now.now_us, self._limits[i]) if self._limits[i] else []
        return reading_document(sensor, latest), exposure_document(sensor, latest, figures)

    def changed_documents(self, now: Moment) -> dict[str, dict[str, Any]]:
        """Documents of protocols and zones that differ from the last ones; asked for when the commands are out."""
        return self.response.changed_documents(now, self._is_protected)

    def standing_documents(self, now: Moment) -> dict[str, dict[str, Any]]:
        """All retained documents that stand: alarms that are not normal, protocols, zones."""
        alarms = {f"alarm/{alarm.alarm}": self.desk.document(alarm, now) for alarm in self.desk.active()}
        return alarms | self.response.documents(now, self._is_protected)

    # --- Over a restart ----------------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """All state but the windows of exposure, which are fed again from the journal; plain values for msgpack."""
        return {
            "conditioner": self._conditioner.dump(),
            "intake": self._intake.dump(),
            "exposure": self.exposure.dump_small(),
            "sensors": [sensor.id for sensor in self.site.sensors],
            "desk": self.desk.dump(),
            "response": self.response.dump(),
            "people": self.people.dump(),
            "shift": self._shift,
            "skew": self._skew,
            "boots": [[*key, boot] for key, boot in self._boots.items()],
            "latest": [list(latest) for latest in self._latest],
            "verdicts": [[[list(key), verdict] for key, verdict in known.items()] for known in self._verdicts],
            "replies": [list(reply) for reply in self._replies.values()],
            "counts": dict(self.counts),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up what `dump` gave, also of a site file with other sensors: what both have goes on."""
        self._conditioner.load(state["conditioner"])
        self._intake.load(state["intake"])
        self.desk.load(state["desk"])
        self.response.load(state["response"])
        self._replies = OrderedDict((reply[0], Reply(*reply)) for reply in state["replies"])
        self.counts = Counter(state["counts"])
        self._boots = {(source, node): boot for source, node, boot in state["boots"]}
        self._shift, self._skew = state["shift"], state["skew"]
        former = {ident: i for i, ident in enumerate(state["sensors"])}
        self.exposure.load_small(_moved_sums(state["exposure"], [former.get(s.id) for s in self.site.sensors]))
        if "people" in state:  # not in snapshots of the first versions
            here = {ident: i for i, ident in enumerate(s.id for s in self.site.sensors)}
            self.people.load(state["people"], lambda then: here.get(state["sensors"][then]))
        for i, sensor in enumerate(self.site.sensors):
            if sensor.id in former:
                self._latest[i] = Latest(*state["latest"][former[sensor.id]])
                self._verdicts[i] = {tuple(key): verdict for key, verdict in state["verdicts"][former[sensor.id]]}


def _moved_sums(dump: dict[str, Any], places: Sequence[int | None]) -> dict[str, Any]:
    """The sums of the shift for the sensors of another site file; what a new sensor did not measure of it is gap."""
    heads, starts, sums = dump["head_us"], dump["shift_start_us"], dump["shift_sums"]
    nothing = [0] * len(sums[0]) if sums else []
    head, start = max(heads, default=NO_TIME), max(starts, default=NO_TIME)
    return dump | {
        "head_us": [head if p is None else heads[p] for p in places],
        "shift_start_us": [start if p is None else starts[p] for p in places],
        "shift_sums": [nothing if p is None else sums[p] for p in places],
        "last_valid": [None if p is None else dump["last_valid"][p] for p in places],
    }
