"""The gateway process: links, one engine thread, the journal's writer. Threads, clocks and retries live here.

Order of a step (design, The engine): commands to siren and fan first; then the synced commit of what caused them;
then the retained documents, people, answers and acknowledgements. The alarm never waits for the disk.
"""

import gc
import logging
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final, NamedTuple

import bocamina
from alerts.commander import command_document
from alerts.notify.dispatch import Dispatch
from bocamina.aftermath import Aftermath, encode, properties_of
from bocamina.backpressure import HIGH_WATER, Backpressure
from bocamina.beginning import begin
from bocamina.corrections import Corrector
from bocamina.disk_room import DiskRoom
from bocamina.flow import FlowWatch
from bocamina.inbound import KEPT_PAYLOAD, MqttListener
from bocamina.modbus_listener import BusAnswer, ModbusListener, open_buses
from bocamina.publisher import Publisher
from bocamina.sealer import ArchiveState
from bocamina.serial_listener import SerialBytes, SerialLink, SerialListener, open_line
from bocamina.service_manager import ServiceManager
from bocamina.sms_modem import SOURCE as MODEM
from bocamina.sms_modem import open_modem
from bocamina.step_records import records_of
from bocamina.troubles import Troubles
from bocamina.uplinks import Uplinks
from gateway.domain.errors import OperationFailed, StoreFailed
from gateway.domain.events import Corrected, Counted, Delivered, Event, LinkState, Pack, Started, Texted, Tick
from gateway.domain.moment import NO_TIME, SECOND_US, Moment, rfc3339
from gateway.domain.site import Site
from gateway.domain.topics import Kind as TopicKind
from gateway.domain.topics import Topics
from gateway.stores.journal import Journal
from gateway.stores.packing import Step
from gateway.stores.paths import journal_path
from gateway.stores.rows import Kind
from gateway.stores.writer import Group, JournalWriter, Record
from gateway.transports.mqtt_link import MqttLink
from gateway.transports.mqtt_messages import Inbound
from gateway.transports.serial_port import SerialSource
from gateway.transports.sparkplug_host import SparkplugHostState

log = logging.getLogger(__name__)

TICK_US: Final = SECOND_US
MOST_AT_ONCE: Final = 500
"""Items of the inbox that one step takes: a burst is cut, so that its first alarm does not wait for its last one."""
SNAPSHOT_EVERY_US: Final = 300 * SECOND_US
SNAPSHOT_EVERY_ROWS: Final = 40_000
"""A restart steps through what came after the newest snapshot: at most this much time, or this many readings."""
STATUS_EVERY_US: Final = 5 * SECOND_US
SWITCH_S: Final = 0.0005
"""How long a thread may keep the interpreter while another waits; Python's 5 ms would stand in every alarm's way."""
NEVER: Final = 1_000_000_000
COLLECT_EVERY_US: Final = 3600 * SECOND_US
"""A full look for garbage stops every thread for 20 to 50 ms when a slow disk lets readings wait (measured at 5,000 a
second): by itself it came every two seconds, now it comes once an hour. Young garbage is looked for as ever."""
ROOM_AGAIN: Final = 0.9
MOST_SENDER, MOST_TEXT = 40, 480
"""Letters of a text by SMS that go on record: three messages; a reading needs one."""


class _Subscription(NamedTuple):
    topic: str
    granted: bool
    detail: str


class _Remembered(NamedTuple):
    messages: tuple[Inbound, ...]
    complete: bool


class GatewayService:
    """One gateway. Constructing opens nothing; `run` opens, serves until `stop`, and closes in reverse order."""

    def __init__(
        self, site: Site, site_hash: str, data: Path, *, before_commit: Callable[[], None] | None = None
    ) -> None:
        self.site, self.site_hash = site, site_hash
        self._path = journal_path(site.site.id, data)
        self._before_commit = before_commit
        self._topics = Topics(site.site.id)
        self._inbox: SimpleQueue[Any] = SimpleQueue()
        self._stopping = threading.Event()
        self._listener = MqttListener(site)
        self._lines = {s.id: SerialListener(site, s) for s in site.sources if s.kind == "serial"}
        self._modbus = {s.id: ModbusListener(site, s) for s in site.sources if s.kind == "modbus"}
        self._ports: dict[str, SerialSource] = {}
        self._flow = FlowWatch(site)
        self._pressure = Backpressure([*self._lines, *self._modbus])
        self._publisher = Publisher(len(site.sensors))
        self._room = DiskRoom(site, self._path)
        self._diverged = self._waits_for_disk = self._disk_is_back = False
        self._troubles = Troubles(self._flow)
        self._remembered = self._journal_down = False
        self._steps = 0
        self._next_tick_us = self._next_status_us = self._next_collection_us = 0
        self._snapshot_due_us = self._rows_since_snapshot = 0
        self._dispatch = Dispatch()
        self._manager = ServiceManager()
        self.ready = threading.Event()
        self.archive: Callable[[], ArchiveState] = lambda: ArchiveState(False, "off")

    def stop(self) -> None:
        """Ask for an orderly end; `run` returns soon."""
        self._stopping.set()
        self._inbox.put(None)

    def run(self) -> None:
        """Serve until `stop`. Raises OperationFailed or StoreFailed with one sentence when it cannot begin."""
        before = sys.getswitchinterval()
        thresholds = gc.get_threshold()
        sys.setswitchinterval(SWITCH_S)
        try:
            with ExitStack() as stack:
                self._open(stack)
                gc.collect()
                gc.freeze()  # 170,000 objects of the libraries: looking through them took 41 ms in the engine thread
                gc.set_threshold(*thresholds[:2], NEVER)
                self._serve()
        finally:
            sys.setswitchinterval(before)
            gc.set_threshold(*thresholds)
            gc.unfreeze()

    # --- Beginning and end -------------------------------------------------------------------------------------------

    def _open(self, stack: ExitStack) -> None:
        self._uplinks = Uplinks(self.site, self._path, self._inbox.put)
        self._engine, self._clock, self._trouble = begin(self.site, self.site_hash, self._path)
        self._diverged = self._waits_for_disk = bool(self._trouble)
        moment = self._clock.moment()
        self._since = rfc3339(moment.utc_us)
        self._link = MqttLink(
            self.site.site.id, self.site.mqtt, self._listener.filters,
            on_message=self._inbox.put,
            on_link=lambda up, detail: self._inbox.put(LinkState("mqtt", up, detail)),
            on_remembered=lambda messages, complete: self._inbox.put(_Remembered(messages, complete)),
            offline_status=encode(self._status("offline", moment)),
            on_subscription=lambda topic, granted, detail: self._inbox.put(_Subscription(topic, granted, detail)),
        )  # fmt: skip
        self._aftermath = Aftermath(self._link, self._topics, self._dispatch)
        self._writer = JournalWriter(
            self._open_journal, self._aftermath.durable, before_commit=self._before_commit,
            trimming=self._room.trimming,
        )  # fmt: skip
        if self._waits_for_disk:
            self._aftermath.hold_acks()
        self._corrector = Corrector(
            self.site, self._path, lambda i: self._engine.exposure.lines[i], self._engine.results.limits_of,
            self._inbox.put,
        )  # fmt: skip
        self._writer.start()
        stack.callback(self._writer.close)
        self._step(moment, [Started(self.site_hash, bocamina.__version__)], [])
        self._link.start()
        stack.callback(self._link.stop)
        if any(source.format == "sparkplug-b" for source in self.site.sources):
            host = SparkplugHostState(self.site.site.id, self.site.mqtt)
            host.start()
            stack.callback(host.stop)
        self._uplinks.start(stack)
        self._corrector.start()
        stack.callback(self._corrector.stop, 5.0)
        for source in self.site.sources:
            if source.kind == "serial":
                line = self._ports[source.id] = open_line(self.site, source, self._inbox.put)
                line.start()
                stack.callback(line.stop)
        for bus in open_buses(self._modbus, self._inbox.put):
            bus.start()
            stack.callback(bus.stop)
        if self.site.sms is not None:
            self._dispatch.sms, port = open_modem(
                self.site.sms, self._path.parent, lambda up, detail: self._inbox.put(LinkState(MODEM, up, detail))
            )
            port.start()
            stack.callback(port.stop)
        stack.callback(self._dispatch.close)
        stack.callback(self._manager.stopping)

    def _open_journal(self) -> Journal:
        """For the writer. After a start without it a journal that works again is no place for what we made up since."""
        if self._trouble:  # first told, for opening may take long: a damaged journal is saved by it (0018)
            trouble, self._trouble = self._trouble, ""
            raise StoreFailed(trouble)
        journal = Journal.open(self._path)
        if not self._waits_for_disk:
            return journal
        journal.close()
        self._disk_is_back = True
        raise StoreFailed(f"{self._path}: can be written again")

    def _check_journal(self) -> None:
        """Begin anew from the journal when it is no longer what the engine knows; siren and fans hold meanwhile.

        Refused readings were never acknowledged: their nodes send them again to the gateway that comes after this one.
        """
        if not self._writer.alive:
            raise OperationFailed(f"{self._path}: the journal's writer has ended; starting again")
        taken = self._writer.failure is None and self._writer.room >= ROOM_AGAIN
        if self._disk_is_back or (self._diverged and taken and not self._waits_for_disk):
            raise OperationFailed(f"{self._path}: the disk takes rows again; starting again from the journal")

    # --- The engine thread -------------------------------------------------------------------------------------------

    def _serve(self) -> None:
        self._next_tick_us = self._next_status_us = self._clock.moment().now_us
        self._next_collection_us = self._next_tick_us + COLLECT_EVERY_US
        while not self._stopping.is_set():
            self._turn()
            self._check_journal()
        moment = self._clock.moment()
        self._step(moment, self._pressure.rest(), [], snapshot=True)
        self._writer.flush(2.0)

    def _turn(self) -> None:
        """Take what came, step, carry out; then use the quiet for documents that can wait."""
        moment = self._clock.moment()
        items = self._take(0.0 if self._publisher.due(moment.now_us) else (self._next_tick_us - moment.now_us) / 1e6)
        moment = self._clock.moment()
        events: list[Event] = []
        inbounds: list[Inbound] = []
        behind = self._inbox.qsize() > HIGH_WATER
        for item in items:
            if type(item) is Inbound:
                inbounds.append(item)
            events += self._read(item, moment)
        events = self._pressure.relieve(moment.now_us, events, behind=behind)
        ticks = moment.now_us >= self._next_tick_us
        if ticks:
            events += self._journal_news()
            events += self._writer.losses()
            events += self._room.events(moment.now_us)
            events += [Delivered(result.delivery, result.ok, result.detail) for result in self._dispatch.poll()]
            events += [
                Texted(one.sender[:MOST_SENDER], one.text[:MOST_TEXT], NO_TIME if one.utc_us is None else one.utc_us)
                for one in self._dispatch.received()
            ]
            events.append(Tick())
            self._mend_silent_sources(moment)
            self._next_tick_us = max(self._next_tick_us + TICK_US, moment.now_us + TICK_US // 2)
            self._manager.alive()
        if events:
            self._step(moment, events, inbounds, snapshot=ticks and self._snapshot_is_due(moment))
        self._hand_out(moment)

    def _read(self, item: Any, moment: Moment) -> Sequence[Event]:
        """The events of one item. What a fault of our own cannot read is kept and counted like any other nonsense."""
        try:
            if type(item) is Inbound:
                events = self._listener.events(item, moment.utc_us)
                for wish in self._listener.publications():
                    self._link.publish(wish.topic, wish.payload, qos=0)
                return events
            return self._events(item, moment)
        except Exception as error:
            log.exception("fault while reading %r", type(item).__name__)
            payload = item.payload[:KEPT_PAYLOAD] if isinstance(item, Inbound) else b""
            return [Counted("", "software_fault", f"{type(error).__name__}: {error}"[:200], payload)]

    def _mend_silent_sources(self, moment: Moment) -> None:
        """A topic from which nothing comes is asked for again; a serial port mends itself (`SerialSource`)."""
        due = self._flow.tick(moment.now_us, self._engine.heard_us)
        if topics := [source.topic for source in self.site.sources if source.id in due and source.topic]:
            self._link.ask_again(topics)

    def _journal_news(self) -> list[Event]:
        """The journal as a link that can be lost: an alarm says so, on a siren that needs no disk."""
        trouble = self._writer.failure or ("" if self._writer.alive else "its writer has ended")
        if bool(trouble) == self._journal_down:
            return []
        self._journal_down = bool(trouble)
        return [LinkState("journal", not trouble, trouble)]

    def _take(self, timeout_s: float) -> list[Any]:
        items: list[Any] = []
        try:
            items.append(self._inbox.get(timeout=timeout_s) if timeout_s > 0 else self._inbox.get_nowait())
            while len(items) < MOST_AT_ONCE:
                items.append(self._inbox.get_nowait())
        except Empty:
            pass
        return items

    def _events(self, item: Any, moment: Moment) -> Sequence[Event]:
        if isinstance(item, SerialBytes):
            events = self._lines[item.source].events(item.data, moment.utc_us)
            if any(isinstance(event, Pack) for event in events):
                self._ports[item.source].measured()
            return events
        if isinstance(item, BusAnswer):
            return self._modbus[item.source].events(item.reply)
        if isinstance(item, SerialLink):
            self._troubles.note(item.source, item.up, item.detail)
            rest = [] if item.up else self._lines[item.source].ended()
            return [*rest, LinkState(item.source, item.up, item.detail)]
        if isinstance(item, LinkState):
            self._troubles.note(item.source, item.up, item.detail)
            if item.up and self._remembered and item.source == "mqtt":
                self._republish()
            return [item]
        if isinstance(item, _Subscription):
            named = [source.id for source in self.site.sources if source.topic == item.topic]
            for name in named or [item.topic]:
                self._troubles.note(name, item.granted, item.detail)
            return [LinkState(name, item.granted, item.detail) for name in named]
        if isinstance(item, Corrected | Counted):
            return [item]
        if isinstance(item, _Remembered):
            self._remembered = True
            self._next_status_us = 0
            return [self._listener.remembered(item.messages)] if item.complete else []
        return []

    def _step(
        self, moment: Moment, events: Sequence[Event], inbounds: list[Inbound], *, snapshot: bool = False
    ) -> None:
        decisions = self._engine.step(moment, events)
        self._steps += 1
        for command in decisions.commands:
            document = command_document(command)
            self._link.publish(
                self._topics.of(TopicKind.COMMAND, command.actuator), encode(document),
                expiry_s=command.expires_in_s, **properties_of(document),
            )  # fmt: skip
        if decisions.settled:
            decisions.documents |= self._engine.changed_documents(moment)
        records = records_of(moment, decisions, self._clock.news())
        if snapshot and not self._diverged:
            state = {"site_hash": self.site_hash, "now_us": moment.now_us, "engine": self._engine.dump()}
            records.append(Record(Kind.SNAPSHOT, moment, state))
            self._snapshot_due_us = moment.now_us + SNAPSHOT_EVERY_US
            self._rows_since_snapshot = 0
        self._rows_since_snapshot += len(decisions.rows)
        urgent = bool(decisions.transitions or decisions.commands or decisions.replies)
        after = self._aftermath.expect(inbounds, decisions)
        group = Group(self.site_hash, [Step(moment, events, decisions.rows)], records, after, urgent)
        if not self._writer.submit(group):
            self._diverged = True
            self._aftermath.hold_acks()
            self._troubles.down["journal"] = "no room: readings are refused until the disk takes what waits"
        for wanted in decisions.recompute:
            self._corrector.ask(wanted)
        self._publisher.changed(decisions.dirty, decisions.urgent)

    def _snapshot_is_due(self, moment: Moment) -> bool:
        return moment.now_us >= self._snapshot_due_us or self._rows_since_snapshot >= SNAPSHOT_EVERY_ROWS

    def _hand_out(self, moment: Moment) -> None:
        """One sensor's documents, the nodes' acknowledgements, the status: what may wait for a quiet moment."""
        sensor = self._publisher.take(moment.now_us)
        if sensor is not None:
            ident = self.site.sensors[sensor].id
            reading, exposure = self._engine.channels.documents_of(sensor, moment)
            self._aftermath.publish(f"reading/{ident}", reading)
            self._aftermath.publish(f"exposure/{ident}", exposure)
        self._aftermath.turn()
        if moment.now_us >= self._next_collection_us:
            self._next_collection_us = moment.now_us + COLLECT_EVERY_US
            gc.collect()
        if moment.now_us >= self._next_status_us:
            due = self._next_status_us + STATUS_EVERY_US  # of the last due time: a late turn delays no later one
            self._next_status_us = due if due > moment.now_us else moment.now_us + STATUS_EVERY_US
            self._aftermath.publish("gateway/status", self._status(self._state(), moment))

    def _republish(self) -> None:
        """The broker is back and may have lost what it had: everything that is not normal is said again."""
        for topic, document in self._engine.standing_documents(self._clock.moment()).items():
            self._aftermath.publish(topic, document)

    # --- What is told of ourselves -----------------------------------------------------------------------------------

    def _state(self) -> str:
        if not self._remembered:
            return "starting"
        if not self.ready.is_set():
            self.ready.set()
            self._manager.ready()
            log.info("watching %s: %d sensors", self.site.site.id, len(self.site.sensors))
        return "degraded" if self._sentences() else "ready"

    def _sentences(self) -> list[str]:
        return self._troubles.sentences(self._writer, self.archive(), self._engine.desk.active())

    def _status(self, state: str, moment: Moment) -> dict[str, Any]:
        blind_s = self._flow.blind_s
        return {
            "state": state,
            "version": bocamina.__version__,
            "site": self.site.site.id,
            "since": self._since,
            "steps": self._steps,
            "clock_trusted": moment.trusted,
            "journal_backlog": 0 if state == "offline" else self._writer.backlog,
            "journal_room": self._room.document(),
            "broker_durable": self.site.mqtt.durable,
            "time": rfc3339(moment.utc_us),
            "archive": self.archive().detail,
            "troubles": [] if state == "offline" else self._sentences(),
            "counts": dict(self._engine.counts) | dict(self._listener.counts) | {"blind_s": sum(blind_s.values())},
            "blind_s": blind_s,
            "uplinks": self._uplinks.status(),
        }
