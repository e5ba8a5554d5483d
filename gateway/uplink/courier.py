"""Carries readings from the journal to a central store: in order, resumable, exactly once at the destination."""

import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from gateway.domain.errors import LinkLost, StoreFailed
from gateway.domain.moment import NO_TIME
from gateway.stores.cursors import Cursors, Poison
from gateway.stores.journal import Journal, SensorRecord
from gateway.stores.packing import unpack_outcomes
from gateway.stores.rows import Kind, StoredRow
from gateway.transports.backoff import Backoff
from gateway.uplink.influx import BatchRejected, line

_log = logging.getLogger(__name__)

FIRST_RETRY_S: Final = 1.0
LAST_RETRY_S: Final = 30.0
ROWS: Final = 100
LINES: Final = 5000
"""Lines of one write: InfluxDB's own advice for the size of a batch."""

_COLUMNS: Final = ("now_us", "sensor", "time_us", "seq", "value", "quality", "reason")


class Sink(Protocol):
    """Where the lines go."""

    def write(self, lines: Sequence[str]) -> None:
        """Confirmed on return; LinkLost, BatchRejected."""

    def close(self) -> None:
        """Let go of connections."""


class CourierStatus(NamedTuple):
    """How the uplink stands.

    behind: journal rows not carried yet. sent, quarantined: readings since the start.
    failure: why the last try failed, one sentence; None while it works.
    """

    cursor: int
    behind: int
    sent: int
    quarantined: int
    failure: str | None


class Courier:
    """One destination's thread. name: of its cursor. poll_s: how often it looks for new rows."""

    def __init__(
        self,
        name: str,
        site: str,
        journal: Path,
        sink: Sink,
        *,
        poll_s: float = 1.0,
        first_retry_s: float = FIRST_RETRY_S,
    ) -> None:
        self._name = name
        self._site = site
        self._path = journal
        self._sink = sink
        self._poll_s = poll_s
        self._backoff = Backoff(first_retry_s, LAST_RETRY_S)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"uplink-{name}", daemon=True)
        self._status = CourierStatus(0, 0, 0, 0, None)
        self._sites: dict[str, tuple[SensorRecord, ...]] = {}

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
                    while not self._stopping.is_set():
                        if not self._carry(journal, cursors):
                            self._stopping.wait(self._poll_s)
            except (LinkLost, StoreFailed) as error:
                if self._status.failure is None:
                    _log.warning("uplink %s: %s; tried again, nothing is lost", self._name, error)
                self._status = self._status._replace(failure=str(error))
                self._sink.close()
                self._stopping.wait(self._backoff.next_s())
        self._sink.close()

    def _carry(self, journal: Journal, cursors: Cursors) -> bool:
        """Carry one batch; False when there was none."""
        cursor = cursors.cursor(self._name)
        rows, more = journal.read(cursor, [Kind.STEPS], ROWS)
        self._status = self._status._replace(cursor=cursor, behind=max(0, journal.last_n - cursor))
        lines: list[tuple[int, str]] = []
        for row in rows:
            lines += self._lines(journal, row)
            if len(lines) >= LINES or row is rows[-1]:
                self._deliver(cursors, lines)
                cursors.advance(self._name, row.n)
                lines.clear()
        if more is not None:
            cursors.advance(self._name, more)  # also past rows that are damaged and were left out
        return bool(rows) or more is not None

    def _deliver(self, cursors: Cursors, lines: Sequence[tuple[int, str]]) -> None:
        """Write lines; what is refused is halved until the poison stands alone, and that is kept aside."""
        if not lines:
            return
        try:
            self._sink.write([text for _n, text in lines])
        except BatchRejected as error:
            if len(lines) > 1:
                self._deliver(cursors, lines[: len(lines) // 2])
                self._deliver(cursors, lines[len(lines) // 2 :])
                return
            cursors.quarantine(self._name, Poison(*lines[0], str(error)))
            _log.warning("uplink %s: a reading of row %d is refused and kept aside: %s", self._name, lines[0][0], error)
            self._status = self._status._replace(quarantined=self._status.quarantined + 1)
        else:
            if self._status.failure is not None:
                _log.info("uplink %s: works again", self._name)
            self._backoff.reset()
            self._status = self._status._replace(failure=None, sent=self._status.sent + len(lines))

    def _lines(self, journal: Journal, row: StoredRow) -> list[tuple[int, str]]:
        site_hash, outcomes, untrusted = unpack_outcomes(row.body)
        if outcomes.size and site_hash not in self._sites:
            self._sites = journal.sites()
        known = self._sites.get(site_hash, ())
        columns = (outcomes[name].tolist() for name in _COLUMNS)
        lines = []
        taken: set[tuple[int, int]] = set()
        for now_us, index, time_us, seq, value, quality, reason in zip(*columns, strict=True):
            if time_us == NO_TIME:
                continue  # a series has no place for it; the journal keeps it
            time_ns = time_us * 1000 + seq % 1000
            while (index, time_ns) in taken:  # twice in one pack with one time: the next key, on every try the same
                time_ns += 1
            taken.add((index, time_ns))
            sensor = known[index] if index < len(known) else SensorRecord(f"{site_hash[:8]}#{index}", "", "", "")
            text = line(self._site, sensor, time_ns, value, quality, reason, now_us not in untrusted)
            lines.append((row.n, text))
        return lines
