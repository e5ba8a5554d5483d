"""Carries the journal to a central store: in order, resumable, exactly once at the destination, alarms first.

Two cursors a destination: `{name}-alarms` runs ahead with the alarms, whatever the time, the clock or the backlog;
`{name}` follows with everything else, when it is due and once its time is trusted.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, time_ns
from typing import Final, NamedTuple

from gateway.domain.errors import LinkLost, StoreFailed
from gateway.domain.events import Counted
from gateway.stores.cursors import Cursors, Poison
from gateway.stores.journal import Journal, SensorRecord
from gateway.stores.packing import unpack_outcomes
from gateway.stores.rows import Kind, StoredRow
from gateway.transports.backoff import Backoff
from gateway.uplink.dating import Dating
from gateway.uplink.points import Point, of_document, of_readings
from gateway.uplink.sink import BatchRejected, Sink

_log = logging.getLogger(__name__)

FIRST_RETRY_S: Final = 1.0
LAST_RETRY_S: Final = 30.0
ROWS: Final = 100
POINTS: Final = 5000
"""Points of one write: InfluxDB's own advice for the size of a batch."""
ROUTINE: Final = (Kind.STEPS, Kind.VERDICT, Kind.COMMAND, Kind.SHIFT, Kind.TRANSITION)
"""A transition again, for where it was sent under a wrong time it is to be put right."""
KEPT_ITEM: Final = 1000
NOTE_BYTES_EVERY_S: Final = 60.0
"""The bytes sent are noted this often and when a link is let go: a write a second more would wear the card."""
_DAY_NS: Final = 86_400 * 1_000_000_000


class CourierStatus(NamedTuple):
    """How the uplink stands.

    behind: journal rows not carried yet. sent: points since the start. quarantined: points that the destination
    refused, ever. failure: why the last try failed, one sentence; None while it works. carried_us: label of the last
    row that is carried [µs UTC], None before the first. waits: readings wait for a clock that can be trusted.
    too_old: points not sent since the start, being older than the destination keeps. month, month_bytes: what was
    sent in this month.
    """

    cursor: int
    behind: int
    sent: int
    quarantined: int
    failure: str | None
    carried_us: int | None = None
    waits: bool = False
    too_old: int = 0
    month: str = ""
    month_bytes: int = 0


class Courier:
    """One destination's thread. name: of its cursors.

    poll_s: how often it looks for new rows. every_min: how often routine data is carried, None: all the time.
    keep_days: how long the destination keeps, None: for ever. on_event: gets what must go on record.
    """

    def __init__(
        self,
        name: str,
        site: str,
        journal: Path,
        sink: Sink,
        *,
        poll_s: float = 1.0,
        first_retry_s: float = FIRST_RETRY_S,
        every_min: float | None = None,
        keep_days: float | None = None,
        on_event: Callable[[Counted], None] = lambda _event: None,
    ) -> None:
        self._name, self._alarms = name, f"{name}-alarms"
        self._site, self._path, self._sink = site, journal, sink
        self._poll_s = poll_s
        self._every_s = None if every_min is None else every_min * 60.0
        self._keep_days = keep_days
        self._on_event = on_event
        self._backoff = Backoff(first_retry_s, LAST_RETRY_S)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"uplink-{name}", daemon=True)
        self._status = CourierStatus(0, 0, 0, 0, None)
        self._sites: dict[str, tuple[SensorRecord, ...]] = {}
        self._due_s = monotonic()
        self._tried_n = self._unnoted = 0
        self._noted_s = 0.0
        self._oldest_ns: int | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_s: float = 35.0) -> None:
        """End the thread; what was not confirmed is carried at the next start."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    @property
    def status(self) -> CourierStatus:
        """How it stands now."""
        return self._status

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with Journal.reader(self._path) as journal, Cursors.open(self._path) as cursors:
                    self._serve(journal, cursors)
                    self._note_bytes(cursors)
            except StoreFailed as error:
                self._failed(error)
                self._stopping.wait(self._backoff.next_s())
            except Exception as error:  # a fault of our own must not end the uplink for good
                _log.exception("uplink %s: fault", self._name)
                self._failed(error)
                self._stopping.wait(self._backoff.next_s())
        self._sink.close()

    def _serve(self, journal: Journal, cursors: Cursors) -> None:
        dating = Dating(journal)
        self._tell(quarantined=sum(map(cursors.count_quarantined, (self._name, self._alarms))))
        self._note_bytes(cursors)
        while not self._stopping.is_set():
            try:
                if not self._carry(journal, cursors, dating):
                    self._stopping.wait(self._poll_s)
            except LinkLost as error:
                self._failed(error)
                self._tried_n = journal.last_n
                self._rest(journal)

    def _rest(self, journal: Journal) -> None:
        """Back off; an alarm that comes meanwhile is a reason to try at once."""
        until_s = monotonic() + self._backoff.next_s()
        while (left_s := until_s - monotonic()) > 0 and not self._stopping.wait(min(left_s, self._poll_s)):
            if journal.read(self._tried_n, [Kind.TRANSITION], 1)[0]:
                return

    def _carry(self, journal: Journal, cursors: Cursors, dating: Dating) -> bool:
        """Carry one batch; False when there was none. A link that is opened on a schedule is let go after it."""
        if self._carry_alarms(journal, cursors, dating):
            return True
        if monotonic() >= self._due_s:
            if self._carry_routine(journal, cursors, dating):
                return True
            self._due_s = monotonic() + (self._every_s or 0.0)
        if self._every_s is not None:
            self._sink.close()
        if self._unnoted and (self._every_s is not None or monotonic() - self._noted_s >= NOTE_BYTES_EVERY_S):
            self._note_bytes(cursors)
        return False

    def _carry_alarms(self, journal: Journal, cursors: Cursors, dating: Dating) -> bool:
        rows, more = journal.read(cursors.cursor(self._alarms), [Kind.TRANSITION], ROWS)
        self._look_at_time(dating)
        points = [point for row in rows for point in self._document(cursors, self._alarms, row, dating)]
        self._deliver(cursors, self._alarms, points)
        if done := more or (rows[-1].n if rows else None):
            cursors.advance(self._alarms, done)
        return bool(done)

    def _carry_routine(self, journal: Journal, cursors: Cursors, dating: Dating) -> bool:
        cursor, end = cursors.cursor(self._name), journal.last_n
        rows, more = journal.read(cursor, ROUTINE, ROWS)
        self._tell(cursor=cursor, behind=max(0, end - cursor))
        self._look_at_time(dating)
        points: list[Point] = []
        for row in rows:
            waits = dating.waits(row)
            self._tell(waits=waits)
            if waits:
                self._done(cursors, row.n - 1, points)
                return row.n - 1 > cursor
            points += self._points(journal, cursors, row, dating)
            if len(points) >= POINTS or row is rows[-1]:
                self._done(cursors, row.n, points)
                self._tell(carried_us=row.utc_us)
                points.clear()
        if max(cursor, rows[-1].n if rows else 0) < (done := more or end):
            cursors.advance(self._name, done)  # past rows of other kinds, and damaged ones that were left out
        return bool(rows) or more is not None

    def _done(self, cursors: Cursors, n: int, points: Sequence[Point]) -> None:
        self._deliver(cursors, self._name, points)
        cursors.advance(self._name, n)
        redated = sum(point.replaces_ns is not None for point in points)
        if redated:
            note = f"{redated} alarms of a wrong clock stand under their right time, up to row {n}"
            self._on_event(Counted(self._name, "uplink_redated", note))

    def _points(self, journal: Journal, cursors: Cursors, row: StoredRow, dating: Dating) -> list[Point]:
        """What is to be sent of a row, alarms only where they were sent before under a wrong time."""
        if row.kind != Kind.STEPS:
            points = self._document(cursors, self._name, row, dating)
            return points if row.kind != Kind.TRANSITION else [one for one in points if one.replaces_ns is not None]
        try:
            recorded = unpack_outcomes(row.body)
        except StoreFailed as error:
            self._unreadable(cursors, self._name, row, error)
            return []
        dating.passed(row, recorded)
        if recorded.outcomes.size and recorded.site_hash not in self._sites:
            self._sites = journal.sites()
        known = self._sites.get(recorded.site_hash, ())
        return of_readings(self._site, known, row, recorded, dating.redating)

    def _document(self, cursors: Cursors, cursor: str, row: StoredRow, dating: Dating) -> list[Point]:
        label = dating.of_document(row)
        try:
            return of_document(self._site, row, label)
        except (StoreFailed, LookupError, TypeError, ValueError) as error:  # of another version of this software
            self._unreadable(cursors, cursor, row, error)
            return []

    def _unreadable(self, cursors: Cursors, cursor: str, row: StoredRow, error: Exception) -> None:
        why = f"{type(error).__name__}: {error}"
        self._keep_aside(cursors, cursor, Poison(row.n, f"{row.kind.word} row", f"cannot be read ({why})"))

    def _look_at_time(self, dating: Dating) -> None:
        """What is known of the clock, and since when the destination keeps; a doubtful clock calls nothing too old."""
        dating.refresh()
        believed = self._keep_days is not None and dating.redating.open_from_us is None
        self._oldest_ns = time_ns() - round((self._keep_days or 0) * _DAY_NS) if believed else None

    def _deliver(self, cursors: Cursors, cursor: str, points: Sequence[Point]) -> None:
        """Write what the destination still keeps of `points`."""
        kept = points
        if self._oldest_ns is not None:
            kept = [point for point in points if point.time_ns >= self._oldest_ns]
        if kept:
            self._write(cursors, cursor, kept)
        self._tell(too_old=self._status.too_old + len(points) - len(kept))

    def _write(self, cursors: Cursors, cursor: str, points: Sequence[Point]) -> None:
        """Write points; what is refused is halved until the poison stands alone, and that is kept aside."""
        try:
            self._hand_over(points)
        except BatchRejected as error:
            if len(points) > 1:
                self._write(cursors, cursor, points[: len(points) // 2])
                self._write(cursors, cursor, points[len(points) // 2 :])
                return
            self._keep_aside(cursors, cursor, Poison(points[0].n, self._sink.text(points[0]), str(error)))
        else:
            if self._status.failure is not None:
                _log.info("uplink %s: works again", self._name)
            self._backoff.reset()
            self._tell(failure=None, sent=self._status.sent + len(points))

    def _keep_aside(self, cursors: Cursors, cursor: str, poison: Poison) -> None:
        """Out of the way, in the journal's file and on record, so that the rest can flow."""
        if not cursors.quarantine(cursor, poison):
            return
        _log.warning("uplink %s: a point of row %d is kept aside: %s", self._name, poison.n, poison.reason)
        note = f"row {poison.n}: {poison.reason}"[:300]
        self._on_event(Counted(self._name, "uplink_quarantined", note, poison.item[:KEPT_ITEM].encode()))
        self._tell(quarantined=self._status.quarantined + 1)

    def _hand_over(self, points: Sequence[Point]) -> None:
        before = self._sink.sent_bytes
        try:
            self._sink.write(points)
        finally:
            more = self._sink.sent_bytes - before
            self._unnoted += more
            self._tell(month_bytes=self._status.month_bytes + more)

    def _note_bytes(self, cursors: Cursors) -> None:
        month = f"{datetime.now(UTC):%Y-%m}"
        self._tell(month=month, month_bytes=cursors.spend(self._name, month, self._unnoted))
        self._unnoted, self._noted_s = 0, monotonic()

    def _failed(self, error: Exception) -> None:
        if self._status.failure is None:
            _log.warning("uplink %s: %s; tried again, nothing is lost", self._name, error)
        self._tell(failure=str(error) or type(error).__name__)
        self._sink.close()

    def _tell(self, **news: object) -> None:
        self._status = self._status._replace(**news)  # type: ignore[arg-type]
