"""The engine: a pure function of (site file, state, events, time). Live run, replay and drill are this one code.

`step(now, a + b)` decides what `step(now, a)` and then `step(now, b)` decide. There is no clock, thread, port or
disk in it; ids are counted. What it decides is carried out by `bocamina/service.py`.
"""

import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from alerts.desk import AlarmDesk
from alerts.model import Priority, Reply
from bocamina import elsewhere
from bocamina.adoption import adopt
from bocamina.channels import Channels, Followers
from bocamina.decisions import Decisions
from bocamina.person_watch import PersonWatch
from bocamina.response import Response
from bocamina.shift_record import ShiftRecord
from bocamina.shifts import ShiftCalendar
from bocamina.source_watch import OFF_S, WIRE_ON_S
from bocamina.source_watch import SOURCE as WIRE_SOURCE
from gateway.domain.errors import Refused
from gateway.domain.events import (
    ActuatorState,
    Corrected,
    Counted,
    Delivered,
    DiskSpace,
    Event,
    HeadCount,
    JournalLoss,
    LinkState,
    NodeStatus,
    Pack,
    Presence,
    Remembered,
    Request,
    Started,
    Texted,
    Tick,
)
from gateway.domain.moment import SECOND_US, Moment
from gateway.domain.site import Site
from gateway.domain.site_limits import limits_for_site
from gateway.exposure import readiness

_log = logging.getLogger(__name__)

REMEMBERED_REQUESTS: Final = 1000
"""Requests are idempotent by id; a repeat within this many gets the first answer again."""
DESK_ACTIONS: Final = frozenset({"acknowledge", "shelve", "unshelve", "reset"})
MOST_ROUNDS: Final = 8
"""Findings of the protocols may change alarms, which the protocols look at again; it ends long before this."""
SETTLING: Final = frozenset({Tick, Started, Presence, HeadCount, Request, Remembered, Texted})
"""After these the protocols look in any case; after all others when an alarm changed, else at the next second."""
CLOCK_STEP_US: Final = 300 * SECOND_US
"""The wall clock moved by more than this against engine time between two ticks: it was set [D]."""


class Engine:
    """All that the gateway knows, moved by events only. Constructing it opens nothing."""

    def __init__(self, site: Site, site_hash: str) -> None:
        self.site, self.site_hash = site, site_hash
        self.channels = Channels(site)
        self.exposure = self.channels.exposure
        self.desk = AlarmDesk(site, partial(limits_for_site, site), self.channels.full_scale)
        self.results = ShiftRecord(site, self.exposure, self.channels.limits, self.desk)
        self.people = PersonWatch(
            site, self.exposure, self.desk, lambda z: self.response.blast.fired(z) is not None,
            self.results.gap_level,
        )  # fmt: skip
        overdue = self.channels.conditioner.overdue
        self.response = Response(site, self.desk, self.exposure.figures, self.people.presence, overdue)
        self._followers = Followers(self.desk, self.people.persons, self.results, self.people.past)
        self._shifts = ShiftCalendar(site)
        self._shift = ""
        self._skew: int | None = None
        self._loss_n = 0
        self._replies: OrderedDict[str, Reply] = OrderedDict()
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
            Corrected: self._corrected,
            DiskSpace: self._disk_space,
            JournalLoss: self._journal_loss,
            Texted: self._texted,
        }

    @staticmethod
    def warm_up() -> None:
        """Compile the kernels and check them against their slow twin; raises when they differ."""
        readiness.warm_up()

    @property
    def heard_us(self) -> Sequence[int]:
        """When each sensor last gave a valid live sample [engine time, µs], by its index in the site."""
        return self.channels.conditioner.heard_us

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

    # --- Readings and time -------------------------------------------------------------------------------------------

    def _pack(self, now: Moment, pack: Pack, out: Decisions) -> None:
        self.counts["duplicates"] += self.channels.pack(now, pack, out, self._followers)

    def _tick(self, now: Moment, _tick: Tick, out: Decisions) -> None:
        self._follow_shift(now, out)
        self._follow_bumps(now)
        self.channels.tick(now, out)
        self.desk.tick(now, self.channels.figures_at(now))
        self.response.sources.tick(now)
        self.desk.report(now, "gateway", "clock", not now.trusted, priority=Priority.WARNING)
        self.channels.judge(now, out)
        self.people.tick(now, out)
        out.recompute += self.results.tick(now)

    def _follow_shift(self, now: Moment, out: Decisions) -> None:
        """Begin the sums of a shift when it begins. A clock that was set begins none: the sums go on (lessons I30)."""
        shift, skew = self._shifts.at(now.utc_us), now.utc_us - now.now_us
        if self._skew is not None and abs(skew - self._skew) > CLOCK_STEP_US:
            out.notices.append({"what": "clock_step", "by_us": skew - self._skew})
        elif shift.key != self._shift:
            out.shifts += self.results.turn(now, shift.key, shift.began_us)
            self.exposure.start_shift(now.now_us, shift.began_us - skew)
            self.people.start_shift(now, shift.key, shift.began_us - skew, out)
        self._shift, self._skew = shift.key, skew

    def _follow_bumps(self, now: Moment) -> None:
        """Gas that cells were given by a declared blast or by a person shows which of them respond (reference 6.5)."""
        blast, upkeep = self.response.blast, self.response.upkeep
        fired = {zone.id: shot[0] for zone in self.site.zones if (shot := blast.fired(zone.id)) is not None}
        if fired:
            told = blast.document(now, self.response.occupancy) or {}
            self.channels.conditioner.blast_fired(now, max(fired.values()), fired, detected=bool(told.get("detected")))
        for i in upkeep.take_bump_tests():
            self.channels.conditioner.bump_tested(now, i)
        for i in upkeep.take_failed_bump_tests():  # last: of two words in one second the worse one stands
            self.channels.conditioner.bump_tested(now, i, passed=False)

    # --- Everything else ---------------------------------------------------------------------------------------------

    def _started(self, now: Moment, event: Started, out: Decisions) -> None:
        self.response.restarted(now)
        self.channels.conditioner.resume(now)
        self.results.resume()
        self.people.past.resume()
        out.notices.append({"what": "started", "site_hash": event.site_hash, "version": event.version})

    def _link(self, now: Moment, event: LinkState, out: Decisions) -> None:
        del out
        if self.response.sources.link(now, event):
            return
        self.desk.report(
            now, "gateway", f"{event.source}_lost", not event.up, priority=Priority.WARNING, on_s=WIRE_ON_S,
            off_s=OFF_S, reason=event.detail[:200] or None, source=WIRE_SOURCE,
        )  # fmt: skip

    def _disk_space(self, now: Moment, event: DiskSpace, out: Decisions) -> None:
        del out
        priority = Priority.HIGH if event.level > 1 else Priority.WARNING
        self.desk.report(now, "gateway", "disk_space", event.level > 0, priority=priority, reason=event.detail[:200])

    def _journal_loss(self, now: Moment, event: JournalLoss, out: Decisions) -> None:
        """It stands until a person resets it; another loss calls anew. The journal tells again at every start."""
        del out
        if event.n > self._loss_n:
            self._loss_n = event.n
            for beyond in (False, True):
                self.desk.report(now, "gateway", event.what, beyond, latch=True, reason=event.detail[:200])

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
            reply = self._replies[event.id] = self._who_answers(event)(now, event)
            if len(self._replies) > REMEMBERED_REQUESTS:
                self._replies.popitem(last=False)
            out.requests.append(
                {"id": event.id, "action": event.action, "by": event.by, "role": event.role, "target": event.target,
                 "args": event.args, "ok": reply.ok, "error": reply.error}
            )  # fmt: skip
        self._follow_bumps(now)  # at once: the next reading is already of after the shot
        out.replies.append((reply, event))

    def _who_answers(self, event: Request) -> Callable[[Moment, Request], Reply]:
        if event.action in DESK_ACTIONS:
            return self.desk.request
        return self.people.request if elsewhere.is_asked(event) else self.response.request

    def _texted(self, now: Moment, event: Texted, out: Decisions) -> None:
        """A person's SMS, on the way of every request."""
        answers = self.response.answers
        heard = answers.hear(now, event)
        self.counts[f"sms_{heard.kind}"] += 1
        if heard.notice is not None:
            out.notices.append(heard.notice)
        if heard.request is not None:
            self._request(now, heard.request, out)
        granted = None if heard.request is None else self._replies[heard.request.id]
        text = answers.reply(now, heard, granted)
        if text and heard.caller is not None:
            out.messages.append(self.response.outbox.answer(heard.caller.person.id, heard.caller.address, text))

    def _delivered(self, now: Moment, event: Delivered, out: Decisions) -> None:
        record = self.response.outbox.result(now, event.id, event.ok, event.detail)
        if record is not None:
            out.notices.append({"what": "delivery", **record})

    def _count(self, now: Moment, event: Counted, out: Decisions) -> None:
        del now, out
        self.counts[event.kind] += 1

    def _corrected(self, now: Moment, event: Corrected, out: Decisions) -> None:
        if event.detail:
            note = {"what": "not_corrected", "sensor": event.sensor or None, "shift": event.shift, "why": event.detail}
            out.notices.append(note)
        if event.sensor:
            out.shifts += self.results.correct(now, event)
        elif rows := self.people.past.correct(now, event):
            out.persons += rows
            self.results.tell(now, ", ".join(row["person"] for row in rows), event.shift)

    def _remember(self, now: Moment, event: Remembered, out: Decisions) -> None:
        adopt(now, event, self.response, out)
        out.documents |= {k: v for k, v in self.standing_documents(now).items() if k not in out.documents}

    # --- Joining -----------------------------------------------------------------------------------------------------

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

    # --- What is asked of it -----------------------------------------------------------------------------------------

    def changed_documents(self, now: Moment) -> dict[str, dict[str, Any]]:
        """Documents of protocols and zones that differ from the last ones; asked for when the commands are out."""
        return self.response.changed_documents(now, self.channels.is_protected)

    def standing_documents(self, now: Moment) -> dict[str, dict[str, Any]]:
        """All retained documents that stand: alarms that are not normal, protocols, zones."""
        alarms = {f"alarm/{alarm.alarm}": self.desk.document(alarm, now) for alarm in self.desk.active()}
        return alarms | self.response.documents(now, self.channels.is_protected)

    # --- Over a restart ----------------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """All state but the windows of exposure, which are fed again from the journal; plain values for msgpack."""
        return self.channels.dump() | {
            "desk": self.desk.dump(),
            "response": self.response.dump(),
            "people": self.people.dump(),
            "results": self.results.dump(),
            "shift": self._shift,
            "skew": self._skew,
            "loss_n": self._loss_n,
            "replies": [list(reply) for reply in self._replies.values()],
            "counts": dict(self.counts),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up what `dump` gave, also of a site file with other sensors: what both have goes on."""
        self.channels.load(state)
        self.desk.load(state["desk"])
        self.response.load(state["response"])
        self._replies = OrderedDict((reply[0], Reply(*reply)) for reply in state["replies"])
        self.counts = Counter(state["counts"])
        self._shift, self._skew = state["shift"], state["skew"]
        self._loss_n = state.get("loss_n", 0)  # not in snapshots of the first versions
        if "results" in state:  # not in snapshots of the first versions
            self.results.load(state["results"])  # before people: their gaps are filled by it
        if "people" in state:  # likewise
            here = {ident: i for i, ident in enumerate(s.id for s in self.site.sensors)}
            self.people.load(state["people"], lambda then: here.get(state["sensors"][then]))
