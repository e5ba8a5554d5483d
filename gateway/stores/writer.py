"""The journal's writer thread: the engine hands over and goes on; what is durable is told when it is."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, Final, NamedTuple

from gateway.domain.errors import OperationFailed, StoreFailed
from gateway.domain.events import JournalLoss
from gateway.domain.moment import Moment
from gateway.stores.inspection import Inspection
from gateway.stores.journal import Journal
from gateway.stores.losses import newest_losses
from gateway.stores.packing import Step
from gateway.stores.positions import PositionKeeping
from gateway.stores.redating import Righting
from gateway.stores.rows import OVERFLOW, Kind, Row, document_row, steps_row
from gateway.stores.trimming import Trimming

_log = logging.getLogger(__name__)

FIRST_RETRY_S: Final = 0.2
LAST_RETRY_S: Final = 5.0
READING_BYTES: Final = 1000
"""What a reading takes in memory before it is packed: 950 bytes measured alone in its pack, 450 with four others."""


class Record(NamedTuple):
    """A document that gets a row of its own. kind: any but STEPS."""

    kind: Kind
    moment: Moment
    document: dict[str, Any]


class Group(NamedTuple):
    """What belongs in one commit, whole or not at all.

    after: handed to `on_durable` once the group is on the disk. urgent: commit as soon as no other commit runs;
    what is not (ticks, serial readings that nobody waits for) may wait for company, to spare the card.
    """

    site_hash: str
    steps: Sequence[Step] = ()
    records: Sequence[Record] = ()
    after: object = None
    urgent: bool = True

    @property
    def readings(self) -> int:
        """How many readings it carries."""
        return sum(len(step.outcomes) for step in self.steps)


@dataclass(slots=True)
class _Batch:
    """Groups encoded for one transaction. first_n: where an attempt that failed had begun."""

    since_s: float
    rows: list[Row] = field(default_factory=list)
    afters: list[object] = field(default_factory=list)
    flushed: list[threading.Event] = field(default_factory=list)
    groups: int = 0
    first_n: int | None = None


class JournalWriter:
    """Owns the journal's only writing connection, in a thread of its own.

    open_journal: called in that thread, at start and after each failure. on_durable: called in that thread after each
    synced commit with the `after` of its groups that have one, in the order of `submit`. before_commit: for tests,
    which stall or fail commits with it. idle_s: longest wait of a group that is not urgent. most_bytes: memory for
    what a full or dead disk does not take; beyond it readings are refused, alarms and requests never. trimming: what
    leaves the journal when it has reached its quota, None without one.
    """

    def __init__(
        self,
        open_journal: Callable[[], Journal],
        on_durable: Callable[[Sequence[object]], None],
        *,
        before_commit: Callable[[], None] | None = None,
        idle_s: float = 0.5,
        most_bytes: int = 64 * 1024 * 1024,
        trimming: Trimming | None = None,
    ) -> None:
        self._open_journal = open_journal
        self._on_durable = on_durable
        self._before_commit = before_commit
        self._idle_s = idle_s
        self._most_bytes = most_bytes
        self._trimming = trimming
        self._positions = PositionKeeping()
        self._inspection = Inspection()
        self._losses: SimpleQueue[JournalLoss] = SimpleQueue()
        self._inbox: SimpleQueue[tuple[float, Group | threading.Event | None]] = SimpleQueue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._journal: Journal | None = None
        self._righting: Righting | None = None
        self._failure: str | None = None
        # each number is written by one thread only: submitted and lost by the engine's, the others by the writer's
        self._submitted = self._submitted_readings = 0
        self._durable = self._packed_readings = self._packed_bytes = 0
        self._lost: tuple[int, Moment, Moment] | None = None
        self._lost_readings = 0
        self._waiting_since_s: float | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, group: Group) -> bool:
        """Hand a group over; never blocks, never fails. One thread submits.

        False: there is no more room for readings. Steps, snapshots and `after` of this group were dropped (a NOTICE
        row will say how many and when), its other records are kept. The sender must not be told that they are durable.
        """
        readings = group.readings
        held = self._packed_bytes + READING_BYTES * (self._submitted_readings - self._packed_readings)
        fits = held + READING_BYTES * readings <= self._most_bytes
        if not fits:
            self._note_lost(group, readings)
            records = tuple(record for record in group.records if record.kind != Kind.SNAPSHOT)
            group, readings = Group(group.site_hash, records=records), 0
        elif self._lost is not None:
            count, first, last = self._lost
            times = {"first_utc_us": first.utc_us, "last_utc_us": last.utc_us}
            note = {"what": OVERFLOW, "readings": count, **times}
            group = group._replace(records=(*group.records, Record(Kind.NOTICE, last, note)))
            self._lost = None
        self._submitted += 1
        self._submitted_readings += readings
        self._inbox.put((monotonic(), group))
        return fits

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything submitted so far is durable and told; False if that took longer."""
        flushed = threading.Event()
        self._inbox.put((monotonic(), flushed))
        return flushed.wait(timeout_s)

    def close(self, timeout_s: float = 10.0) -> bool:
        """Write what waits, end the thread; False when not everything became durable (the disk does not take it)."""
        self._closing.set()
        self._inbox.put((monotonic(), None))
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        return not self._thread.is_alive() and self.backlog == 0

    @property
    def alive(self) -> bool:
        """Whether the thread runs; if it has ended by itself, the process must be started anew."""
        return self._thread.is_alive()

    @property
    def backlog(self) -> int:
        """Groups submitted and not durable yet."""
        return self._submitted - self._durable

    @property
    def stalled_s(self) -> float:
        """How long the oldest of them has been waiting [s]."""
        since = self._waiting_since_s
        return monotonic() - since if since is not None else 0.0

    @property
    def failure(self) -> str | None:
        """Why the last attempt to commit failed, one sentence; None while the disk takes what it is given."""
        return self._failure

    @property
    def room(self) -> float:
        """Share of the memory for a backlog that is still free, 0 to 1."""
        held = self._packed_bytes + READING_BYTES * (self._submitted_readings - self._packed_readings)
        return max(0.0, 1.0 - held / self._most_bytes)

    @property
    def lost_readings(self) -> int:
        """Readings that were refused for want of room since the start; a snapshot should follow when that has ended."""
        return self._lost_readings

    def losses(self) -> list[JournalLoss]:
        """What the journal lost and people must be told of, since the last call; after an opening the newest again."""
        return [self._losses.get_nowait() for _ in range(self._losses.qsize())]

    def _note_lost(self, group: Group, readings: int) -> None:
        if not group.steps:
            return
        first = self._lost[1] if self._lost is not None else group.steps[0].moment
        self._lost = ((self._lost[0] if self._lost is not None else 0) + readings, first, group.steps[-1].moment)
        self._lost_readings += readings

    def _run(self) -> None:
        batch: _Batch | None = None
        following: _Batch | None = None
        retry_s = FIRST_RETRY_S
        while batch := batch or following or self._gather(self._first()):
            following = None if batch is following else following
            self._waiting_since_s = batch.since_s
            try:
                self._commit(batch)
            except (StoreFailed, OperationFailed) as error:
                self._let_go()  # whatever state it is in: a new connection knows what is really in the file
                if self._failure is None:
                    _log.error("journal: %s; kept in memory and tried again", error)
                self._failure = str(error)
                if self._closing.is_set():
                    break
                following = self._pause(retry_s, following)
                retry_s = min(2 * retry_s, LAST_RETRY_S)
                continue
            if self._failure is not None:
                _log.warning("journal: the disk takes rows again")
                self._failure, retry_s = None, FIRST_RETRY_S
            self._tell(batch)
            done, batch = batch, None
            self._waiting_since_s = following.since_s if following is not None else None
            self._keep_house(done)
        self._let_go()

    def _let_go(self) -> None:
        if self._journal is not None:
            self._journal.close()
            self._journal = self._righting = None

    def _commit(self, batch: _Batch) -> None:
        if not batch.rows:
            return
        if self._before_commit is not None:
            self._before_commit()
        journal = self._journal or self._opened()
        if batch.first_n is None or not journal.settle(batch.rows, batch.first_n):
            batch.first_n = journal.last_n + 1
            journal.append(batch.rows)

    def _opened(self) -> Journal:
        journal = self._journal = self._open_journal()
        if journal.salvaged is not None:
            _log.error("%s: %s", journal.path, journal.salvaged)
        for loss in newest_losses(journal):
            self._losses.put(loss)
        return journal

    def _keep_house(self, batch: _Batch) -> None:
        """A part of what a wrong clock left behind, of what must leave, or of the look at every row.

        When nobody waits for it any more.
        """
        if self._journal is None or not batch.rows:
            return
        try:
            if self._trimming is not None:
                self._trimming.measure(self._journal)
            if self._righting is None or any(row.kind == Kind.CLOCK for row in batch.rows):
                self._righting = Righting(self._journal)
            if self._righting.pending:
                self._righting.step()
                return
            moment = Moment(batch.rows[-1].now_us, batch.rows[-1].utc_us)
            if self._positions.step(self._journal, moment):
                return
            if self._trimming is not None and self._trimming.step(self._journal, moment):
                return
            if self._inbox.empty() and (loss := self._inspection.step(self._journal, moment)) is not None:
                self._losses.put(loss)
        except StoreFailed as error:
            self._let_go()
            self._failure = str(error)
            _log.warning("journal: %s; its house-keeping is done later", error)

    def _tell(self, batch: _Batch) -> None:
        self._durable += batch.groups
        self._packed_bytes -= sum(len(row.body) for row in batch.rows)
        if batch.afters:
            self._on_durable(batch.afters)
        for flushed in batch.flushed:
            flushed.set()

    def _first(self) -> list[tuple[float, Group | threading.Event | None]]:
        """Wait for something, and for company of what can wait; nothing once we are closing."""
        if self._closing.is_set():
            return []
        taken = [self._inbox.get()]
        deadline = taken[0][0] + self._idle_s
        while isinstance(taken[-1][1], Group) and not taken[-1][1].urgent and (left := deadline - monotonic()) > 0:
            try:
                taken.append(self._inbox.get(timeout=left))
            except Empty:
                break
        return taken

    def _gather(
        self, taken: list[tuple[float, Group | threading.Event | None]], batch: _Batch | None = None
    ) -> _Batch | None:
        """Encode what was taken and all that waits, after what `batch` has; None when there is nothing."""
        while True:
            try:
                taken.append(self._inbox.get_nowait())
            except Empty:
                break
        groups = [item for _since_s, item in taken if isinstance(item, Group)]
        flushed = [item for _since_s, item in taken if isinstance(item, threading.Event)]
        if not groups and not flushed:
            return batch
        batch = batch or _Batch(taken[0][0])
        rows = rows_of(groups)
        batch.rows += rows
        batch.afters += [group.after for group in groups if group.after is not None]
        batch.flushed += flushed
        batch.groups += len(groups)
        self._packed_bytes += sum(len(row.body) for row in rows)
        self._packed_readings += sum(group.readings for group in groups)
        return batch

    def _pause(self, wait_s: float, following: _Batch | None) -> _Batch | None:
        """Let the disk rest, meanwhile pack what comes: packed it takes a tenth of the memory."""
        deadline = monotonic() + wait_s
        while (left := deadline - monotonic()) > 0 and not self._closing.is_set():
            try:
                following = self._gather([self._inbox.get(timeout=left)], following)
            except Empty:
                break
        return following


def rows_of(groups: Sequence[Group]) -> list[Row]:
    """The rows of one commit: the steps of all groups in one row, then their records in order.

    A snapshot and a change of the site file end a row of steps: the state plus the STEPS rows after it must be the
    state of today, and the indexes of a row belong to one site file.
    """
    rows: list[Row] = []
    steps: list[Step] = []
    records: list[Record] = []
    site_hash = ""

    def close() -> None:
        if steps:
            rows.append(steps_row(site_hash, steps))
        rows.extend(document_row(*record) for record in records)
        steps.clear()
        records.clear()

    for group in groups:
        if group.site_hash != site_hash:
            close()
            site_hash = group.site_hash
        steps += group.steps
        records += group.records
        if any(record.kind == Kind.SNAPSHOT for record in group.records):
            close()
    close()
    return rows
