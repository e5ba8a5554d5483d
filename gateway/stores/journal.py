"""The journal: append-only, numbered, check-summed, durable when `append` returns. One process writes, many read."""

import fcntl
import hashlib
import os
import sqlite3
import struct
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from gateway.domain.errors import OperationFailed, StoreFailed
from gateway.domain.moment import Moment
from gateway.domain.quantities import DUST, unit_of
from gateway.domain.site import Site
from gateway.stores import database, salvage
from gateway.stores.rows import Kind, Row, StoredRow, checksum, document_row

CHECK_BUDGET_S: Final = 1.0
"""Longest look at the file before the gateway starts: the mine waits. The rest is looked at later (`inspection.py`)."""

BEGINNING_US: Final = -(2**63)
END_US: Final = 2**63 - 1

_IDENTITY_BYTES: Final = 8
_ROWS_A_STATEMENT: Final = 500
_COLUMNS: Final = "n, kind, now_us, utc_us, first_us, last_us, untimed, crc, body"
_PARAMETERS: Final = "(?,?,?,?,?,?,?,?,?)"
_DAMAGED: Final = "journal"
"""Name of the quarantine in which damaged rows are known, beside those of the uplinks."""
_INDEXED: Final = (
    ("kind = 0", "rows_time", "other.first_us IS rows.first_us AND other.last_us IS rows.last_us"),
    ("kind <> 0", "rows_other", "other.kind = rows.kind"),
)
"""Which rows must stand in which index, and how they are found in it; the two others hold a few of the same rows."""


class SensorRecord(NamedTuple):
    """What history must know of a sensor that the site file may no longer have. unit "" for a device's own channel."""

    id: str
    quantity: str
    zone: str
    unit: str


class Inspected(NamedTuple):
    """Rows that were read to see whether they are sound, up to `last_n`.

    damaged: numbers of those whose checksum is wrong and which were not known for it. from_us, until_us: labels
    [µs UTC] of the sound rows around them, None where there is none.
    """

    last_n: int
    damaged: list[int]
    from_us: int | None
    until_us: int | None


class Journal:
    """One journal file, for the thread that opened it.

    damaged: numbers of rows that were asked for and whose checksum was wrong; they are skipped, never handed out.
    salvaged: what was done about a damaged file at opening, None for a sound one (a NOTICE row tells the same).
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: int | None = None) -> None:
        self.path = path
        self.damaged: set[int] = set()
        self.salvaged: salvage.Report | None = None
        self._connection = connection
        self._lock = lock
        self._last_n: int | None = None

    @classmethod
    def open(
        cls, path: Path, *, check_s: float = CHECK_BUDGET_S, identity: str | None = None,
        salvaged_bytes: int | None = None,
    ) -> Self:  # fmt: skip
        """Open for writing; creates folder and file, checks it, and salvages a damaged one.

        identity: of the journal that this one, if it has no row yet, becomes a copy of. salvaged_bytes: a damaged file
        that is larger is left to the next opening, which knows by a mark beside it. Raises StoreFailed when the disk
        does not let us, or for such a file, OperationFailed when another process writes this journal, ConfigError for
        an SQLite file that is none of ours.
        """
        with database.told_plainly(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists():
                database.refuse_stranger(path)
            lock = _lock(path)
            try:
                report = _make_sound(path, check_s, salvaged_bytes)
                journal = cls(path, database.connect_writer(path), lock)
            except BaseException:
                os.close(lock)
                raise
            try:
                journal._have_identity(identity)
            except BaseException:
                journal.close()
                raise
            _sync_folder(path.parent)
        journal.salvaged = report
        return journal

    @classmethod
    def reader(cls, path: Path) -> Self:
        """Open for reading, also while another process writes; StoreFailed when there is nothing to read."""
        with database.told_plainly(path):
            return cls(path, database.connect_reader(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        with suppress(sqlite3.Error):
            self._connection.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def append(self, rows: Sequence[Row]) -> int:
        """Append all rows or none, durable on return; returns the number of the last. Raises StoreFailed."""
        first = self.last_n + 1
        with database.told_plainly(self.path, self._met_damage):
            self._insert([(n, *row[:6], checksum(n, *row), row.body) for n, row in enumerate(rows, start=first)])
        self._last_n = first + len(rows) - 1
        return self._last_n

    def respan(self, rows: Sequence[StoredRow]) -> None:
        """Note where the readings of these rows lie now (`first_us last_us untimed`), all or none. Raises StoreFailed.

        For labels that were put right (`redating.py`); the bodies stay what they were.
        """
        with database.told_plainly(self.path, self._met_damage), self._transaction():
            for row in rows:
                self._connection.execute(
                    "UPDATE rows SET first_us = ?, last_us = ?, untimed = ?, crc = ? WHERE n = ?",
                    (row.first_us, row.last_us, row.untimed, checksum(*row), row.n),
                )

    def drop(self, numbers: Sequence[int], note: Row) -> None:
        """Take rows out and say so in `note`, all or none, durable on return (`trimming.py`). Raises StoreFailed."""
        n = self.last_n + 1
        with database.told_plainly(self.path, self._met_damage), self._transaction():
            self._connection.executemany("DELETE FROM rows WHERE n = ?", [(number,) for number in numbers])
            self._insert([(n, *note[:6], checksum(n, *note), note.body)])
        self._last_n = n

    def rewrite(self, rows: Sequence[StoredRow], notes: Sequence[Row], cursors: Mapping[str, int]) -> None:
        """Give rows other bodies, say so in `notes` and move `cursors`, all or none. Raises StoreFailed.

        For what must not stay on record (`positions.py`), and for nothing else.
        """
        n = self.last_n + 1
        with database.told_plainly(self.path, self._met_damage), self._transaction():
            self._connection.executemany(
                "UPDATE rows SET body = ?, crc = ? WHERE n = ?",
                [(row.body, checksum(*row[:7], row.body), row.n) for row in rows],
            )
            self._insert([(n + at, *note[:6], checksum(n + at, *note), note.body) for at, note in enumerate(notes)])
            self._connection.executemany(
                "INSERT INTO cursors VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET n = max(n, excluded.n)",
                list(cursors.items()),
            )
        self._last_n = n + len(notes) - 1

    def inspect(self, after_n: int, limit: int) -> Inspected | None:
        """Look whether the next `limit` rows are sound and stand in the indexes, None at the end. Raises StoreFailed.

        An index that lacks one is damage of the file: the next opening salvages it.
        """
        query = f"SELECT {_COLUMNS} FROM rows NOT INDEXED WHERE n > :after ORDER BY n LIMIT :limit"  # noqa: S608
        found = self._all(query, {"after": after_n, "limit": limit})
        if not found:
            return None
        sound = self._checked(found)
        last_n = int(found[-1][0])
        for condition, index, same in _INDEXED:
            query = (
                f"SELECT n FROM rows NOT INDEXED WHERE n > :after AND n <= :last AND {condition} AND NOT EXISTS"  # noqa: S608
                f" (SELECT 1 FROM rows AS other INDEXED BY {index}"
                f" WHERE other.{condition} AND {same} AND other.n = rows.n)"
            )
            lacking = {n for (n,) in self._all(query, {"after": after_n, "last": last_n})}
            if any(row.n in lacking for row in sound):
                self._met_damage()
                raise StoreFailed(f"{self.path}: the file is damaged (an index lacks rows)")
        damaged = sorted({row[0] for row in found} - {row.n for row in sound})
        damaged = sorted(set(damaged) - self._known_damage()) if damaged else []
        if not damaged:
            return Inspected(last_n, [], None, None)
        before = [row.utc_us for row in sound if row.n < damaged[0]]
        after = [row.utc_us for row in sound if row.n > damaged[-1]]
        return Inspected(last_n, damaged, before[-1] if before else None, after[0] if after else None)

    def note_damage(self, numbers: Sequence[int], note: Row) -> int:
        """Put on record, once, that rows cannot be read any more; durable on return. Raises StoreFailed."""
        n = self.last_n + 1
        with database.told_plainly(self.path, self._met_damage), self._transaction():
            self._connection.executemany(
                "INSERT OR IGNORE INTO quarantine (cursor, n, item, reason) VALUES (?, ?, '', 'checksum')",
                [(_DAMAGED, number) for number in numbers],
            )
            self._insert([(n, *note[:6], checksum(n, *note), note.body)])
        self._last_n = n
        return n

    def _known_damage(self) -> set[int]:
        return {n for (n,) in self._all(f"SELECT n FROM quarantine WHERE cursor = '{_DAMAGED}'", {})}  # noqa: S608

    def used_bytes(self) -> int:
        """What the file's pages in use take [bytes]; pages that rows have left are used again."""
        pages, free, size = (self._one(f"PRAGMA {name}")[0] for name in ("page_count", "freelist_count", "page_size"))
        return int((pages - free) * size)

    def numbers(self, kind: Kind) -> list[int]:
        """The numbers of all rows of a kind that is not STEPS, in order."""
        query = f"SELECT n FROM rows INDEXED BY rows_other WHERE kind = {int(kind)} AND kind <> 0 ORDER BY n"  # noqa: S608
        return [n for (n,) in self._all(query, {})]

    def settle(self, rows: Sequence[Row], first_n: int) -> bool:
        """After an `append` that failed and a new opening: whether its rows stand from `first_n` on all the same.

        A commit whose sync failed may stand. Then it is brought into the main file and synced, not written twice.
        """
        wanted = [(checksum(n, *row),) for n, row in enumerate(rows, start=first_n)]
        values = {"first": first_n, "limit": len(rows)}
        if self._all("SELECT crc FROM rows WHERE n >= :first ORDER BY n LIMIT :limit", values) != wanted:
            return False
        busy, _pages, _done = self._one("PRAGMA wal_checkpoint(FULL)")
        if busy:
            raise StoreFailed(f"{self.path}: a reader keeps it from being synced")
        return True

    @property
    def last_n(self) -> int:
        """Number of the newest row, 0 in an empty journal."""
        if self._last_n is not None:
            return self._last_n
        n = int(self._one("SELECT ifnull(max(n), 0) FROM rows")[0])
        if self._lock is not None:  # only we write
            self._last_n = n
        return n

    def register_site(self, site_hash: str, site: Site, moment: Moment) -> None:
        """Note which sensors the indexes of this site file mean, once per hash; durable on return."""
        from gateway.exposure.streaming import hold_s_for  # noqa: PLC0415  with numba, for the gateway that has it anyway

        if site_hash not in self.sites():
            sensors = [(s.id, s.quantity, s.zone, unit_of(s.quantity) or "") for s in site.sensors]
            holds_s = [hold_s_for(s.period_s, s.max_age_s, dust=s.quantity in DUST) for s in site.sensors]
            document = {"site_hash": site_hash, "site": site.site.id, "sensors": sensors, "holds_s": holds_s}
            self.append([document_row(Kind.SITE, moment, document)])

    def sites(self) -> dict[str, tuple[SensorRecord, ...]]:
        """The sensors of every site file that was ever in use, by its hash, in index order."""
        documents = (row.document() for row in self.scan(kinds=[Kind.SITE]))
        return {
            document["site_hash"]: tuple(SensorRecord(*sensor) for sensor in document["sensors"])
            for document in documents
        }

    def last(self) -> StoredRow | None:
        """The newest readable row: engine time goes on from its `now_us`."""
        return self._newest("rows")

    def last_snapshot(self) -> StoredRow | None:
        """The newest readable snapshot; the engine's state is that plus the STEPS rows after it."""
        return self._newest(f"rows INDEXED BY rows_other WHERE kind = {int(Kind.SNAPSHOT)} AND kind <> 0")

    def steps_before(self, now_us: int) -> int:
        """The number up to which every STEPS row ends before engine time `now_us` [µs], found by halving."""
        low, high = 0, self.last_n
        while low < high:
            middle = (low + high + 1) // 2
            query = "SELECT n, now_us FROM rows WHERE n <= :n AND +kind = 0 ORDER BY n DESC LIMIT 1"
            found = self._all(query, {"n": middle})
            if not found or found[0][1] < now_us:
                low = middle
            else:
                high = found[0][0] - 1
        return low

    def scan(self, after_n: int = 0, kinds: Collection[Kind] | None = None, limit: int = 256) -> Iterator[StoredRow]:
        """Every row after `after_n`, in order, in short transactions of `limit` rows each."""
        more: int | None = after_n
        while more is not None:
            rows, more = self.read(more, kinds, limit)
            yield from rows

    def read(
        self,
        after_n: int = 0,
        kinds: Collection[Kind] | None = None,
        limit: int = 1000,
        start_us: int = BEGINNING_US,
        end_us: int = END_US,
    ) -> tuple[list[StoredRow], int | None]:
        """At most `limit` rows after `after_n` labelled in [start, end) µs UTC, in order.

        Second comes the number to go on after, None at the end. Rows with a wrong checksum are left out and noted in
        `damaged`.
        """
        condition = "n > :after AND utc_us >= :start AND utc_us < :end ORDER BY n LIMIT :limit"
        if kinds is None or Kind.STEPS in kinds:
            chosen = f"+kind IN ({','.join(str(int(kind)) for kind in kinds)}) AND" if kinds is not None else ""
            query = f"SELECT {_COLUMNS} FROM rows WHERE {chosen} {condition}"  # noqa: S608  our own words only
        else:
            parts = (
                f"SELECT * FROM (SELECT {_COLUMNS} FROM rows INDEXED BY rows_other"  # noqa: S608
                f" WHERE kind = {int(kind)} AND kind <> 0 AND {condition})"
                for kind in kinds
            )
            query = f"{' UNION ALL '.join(parts)} ORDER BY n LIMIT :limit"
        values = {"after": after_n, "start": start_us, "end": end_us, "limit": limit}
        found = self._all(query, values)
        return self._checked(found), int(found[-1][0]) if len(found) == limit else None

    def overlapping(
        self, start_us: int, end_us: int, after: tuple[int, int] = (BEGINNING_US, 0), limit: int = 256
    ) -> tuple[list[StoredRow], tuple[int, int] | None]:
        """STEPS rows with a reading that may lie in [start, end) µs UTC, ordered by (first_us, n), and where to go on.

        The few rows that spread wide (backlog) come by an index of their own, so that the newest quarter of an hour
        is found without a walk through the years before it.
        """
        recent_us = max(start_us - database.LONG_SPAN_US, BEGINNING_US + 1)
        long = after[0] < recent_us
        where = (
            f"rows_long WHERE kind = 0 AND last_us - first_us > {database.LONG_SPAN_US} AND first_us < :recent"
            if long
            else "rows_time WHERE kind = 0 AND first_us >= :recent"
        )
        found = self._all(
            f"SELECT {_COLUMNS} FROM rows INDEXED BY {where} AND first_us < :end AND last_us >= :start"  # noqa: S608
            " AND (first_us, n) > (:first, :n) ORDER BY first_us, n LIMIT :limit",
            {"recent": recent_us, "start": start_us, "end": end_us, "first": after[0], "n": after[1], "limit": limit},
        )
        if len(found) == limit:
            return self._checked(found), (found[-1][4], found[-1][0])
        return self._checked(found), (recent_us, 0) if long else None

    def untimed(self, after_n: int = 0, limit: int = 256) -> tuple[list[StoredRow], int | None]:
        """STEPS rows with readings that have no time, in order, and the number to go on after (None: end)."""
        found = self._all(
            f"SELECT {_COLUMNS} FROM rows INDEXED BY rows_untimed WHERE untimed > 0 AND n > :after"  # noqa: S608
            " ORDER BY n LIMIT :limit",
            {"after": after_n, "limit": limit},
        )
        return self._checked(found), int(found[-1][0]) if len(found) == limit else None

    def steps_after(
        self, after_n: int, start_us: int, end_us: int, limit: int = 256
    ) -> tuple[list[StoredRow], int | None]:
        """STEPS rows after `after_n` with a reading that may lie in [start, end) µs UTC, in order, and where to go on.

        For rows near the end: it walks all that came since, without touching the bodies of others.
        """
        found = self._all(
            f"SELECT {_COLUMNS} FROM rows NOT INDEXED WHERE n > :after AND kind = 0"  # noqa: S608
            " AND first_us < :end AND last_us >= :start ORDER BY n LIMIT :limit",
            {"after": after_n, "start": start_us, "end": end_us, "limit": limit},
        )
        return self._checked(found), int(found[-1][0]) if len(found) == limit else None

    def spans(self, after_n: int, limit: int = 10_000) -> list[tuple[int, int | None, int | None, int]]:
        """(n, first_us, last_us, untimed) of STEPS rows after `after_n`, in order: where their readings lie."""
        return self._all(
            "SELECT n, first_us, last_us, untimed FROM rows NOT INDEXED WHERE n > :after AND kind = 0"
            " ORDER BY n LIMIT :limit",
            {"after": after_n, "limit": limit},
        )

    def adopt(self, rows: Sequence[StoredRow], instead_of: Collection[int] = ()) -> int:
        """Take over rows of another machine's journal of this site under their own numbers, durable on return.

        Those that are here already are left alone, but for the numbers `instead_of`, whose rows go; returns how many
        were not. Raises StoreFailed.
        """
        for number in instead_of:
            with database.told_plainly(self.path, self._met_damage):
                self._connection.execute("DELETE FROM rows WHERE n = ?", (number,))
        known = self.checksums(rows[0].n, rows[-1].n) if rows else {}
        missing = [(*row[:7], checksum(*row), row.body) for row in rows if row.n not in known]
        if missing:
            with database.told_plainly(self.path, self._met_damage):
                self._insert(missing)
            self._last_n = None
        return len(missing)

    def checksums(self, first_n: int, last_n: int) -> dict[int, int]:
        """The checksum of each row from `first_n` to `last_n`, by its number."""
        values = {"first": first_n, "last": last_n}
        return dict(self._all("SELECT n, crc FROM rows NOT INDEXED WHERE n BETWEEN :first AND :last", values))

    @property
    def identity(self) -> str:
        """16 hexadecimal digits that tell this journal, and every copy of it, from others of its site; "" unknown.

        Drawn when a journal is made. One of the first versions has none: then its first site file's row stands for it.
        """
        if stored := self._stored_identity():
            return stored
        row = next(self.scan(kinds=[Kind.SITE], limit=1), None) or next(self.scan(limit=1), None)
        if row is None:
            return ""
        first = b"%d %d %d %s" % (row.n, row.now_us, row.utc_us, row.body)
        return hashlib.sha256(first).hexdigest()[: 2 * _IDENTITY_BYTES]

    def _have_identity(self, given: str | None) -> None:
        """Keep the identity in the file, so that it outlives the row that it may be taken from."""
        stored = self._stored_identity()
        wanted = (self.identity if self.last_n else given or stored) or os.urandom(_IDENTITY_BYTES).hex()
        if wanted == stored:
            return
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.execute("CREATE TABLE IF NOT EXISTS identity (id TEXT NOT NULL)")
        self._connection.execute("DELETE FROM identity")
        self._connection.execute("INSERT INTO identity VALUES (?)", (wanted,))
        self._connection.execute("COMMIT")

    def _stored_identity(self) -> str:
        if not self._all("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'identity'", {}):
            return ""
        found = self._all("SELECT id FROM identity LIMIT 1", {})
        return str(found[0][0]) if found else ""

    def reached(self, consumer: str) -> int:
        """How far a consumer's cursor has come, 0 at first."""
        with database.told_plainly(self.path, self._met_damage):
            row = self._connection.execute("SELECT n FROM cursors WHERE name = ?", (consumer,)).fetchone()
        return int(row[0]) if row else 0

    def holds_s(self) -> dict[str, float]:
        """How long a reading of each sensor stands at most [s], as the newest site file that was noted had it."""
        found: dict[str, float] = {}
        for row in self.scan(kinds=[Kind.SITE]):
            document = row.document()
            sensors = (sensor[0] for sensor in document["sensors"])
            found |= zip(sensors, map(float, document.get("holds_s", ())), strict=False)
        return found

    def _all(self, query: str, values: dict[str, int]) -> list[tuple[Any, ...]]:
        with database.told_plainly(self.path, self._met_damage):
            return self._connection.execute(query, values).fetchall()

    def _one(self, query: str) -> tuple[Any, ...]:
        with database.told_plainly(self.path, self._met_damage):
            row: tuple[Any, ...] = self._connection.execute(query).fetchone()
            return row

    def _newest(self, where: str) -> StoredRow | None:
        for (n,) in self._all(f"SELECT n FROM {where} ORDER BY n DESC LIMIT 100", {}):  # noqa: S608
            rows = self._checked(self._all(f"SELECT {_COLUMNS} FROM rows WHERE n = :n", {"n": n}))  # noqa: S608
            if rows:
                return rows[0]
        return None

    def _checked(self, found: Sequence[tuple[Any, ...]]) -> list[StoredRow]:
        rows = []
        for n, kind, now_us, utc_us, first_us, last_us, untimed, crc, body in found:
            try:
                is_sound = checksum(n, kind, now_us, utc_us, first_us, last_us, untimed, body) == crc
            except (struct.error, TypeError):  # a bit of the record's header was lost: a column changed its very type
                is_sound = False
            if is_sound:
                rows.append(StoredRow(n, Kind(kind), now_us, utc_us, first_us, last_us, untimed, body))
            else:
                self.damaged.add(n)
        return rows

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All that is done inside, or nothing."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _insert(self, values: list[tuple[Any, ...]]) -> None:
        # Many rows in one statement: each gives the GIL away once, and may wait for a busy engine to get it back.
        parts = [values[at : at + _ROWS_A_STATEMENT] for at in range(0, len(values), _ROWS_A_STATEMENT)]
        with self._transaction() if len(parts) > 1 and not self._connection.in_transaction else nullcontext():
            for part in parts:
                marks = ",".join([_PARAMETERS] * len(part))
                flat = [value for row in part for value in row]
                self._connection.execute(f"INSERT INTO rows ({_COLUMNS}) VALUES {marks}", flat)  # noqa: S608

    def _met_damage(self) -> None:
        """Have the next opening for writing salvage the file, whatever its quick check says."""
        if self._lock is not None:
            with suppress(OSError):
                salvage.suspect_mark(self.path).touch()


def _lock(path: Path) -> int:
    """One writer a journal: the lock goes with the process, however that ends."""
    lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise OperationFailed(f"{path}: another gateway writes this journal already") from error
    return lock


def _make_sound(path: Path, check_s: float, most_bytes: int | None) -> salvage.Report | None:
    reason = salvage.damage(path, check_s)
    if reason is None:
        return None
    if most_bytes is not None and path.stat().st_size > most_bytes:
        with suppress(OSError):
            salvage.suspect_mark(path).touch()
        raise StoreFailed(f"{path}: is damaged ({reason}); its readable rows are being saved into a new file")
    return salvage.save(path, reason)


def _sync_folder(folder: Path) -> None:
    """A new file's name is durable when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
