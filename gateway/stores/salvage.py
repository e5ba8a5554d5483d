"""A damaged journal: every readable row is copied into a new file, the old one is set aside, and it is put on record.

SQLite's own tree may be broken anywhere, so it is not used: rows are taken from single pages (`sqlite_pages.py`), and
a row counts when its checksum says so. The order of the renames survives a power cut between any two of them.
"""

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

from gateway.domain.errors import StoreFailed
from gateway.domain.moment import Moment
from gateway.stores import database, sqlite_pages
from gateway.stores.packing import unpack_document
from gateway.stores.rows import SALVAGED, TRIMMED, Kind, checksum, document_row

JUMP: Final = 1_000_000
"""Numbers left free after the last salvaged row: lost rows at the end had numbers that cursors may know already."""

_IDENTITY: Final = re.compile(rb"[0-9a-f]{16}")
_LISTED_GAPS: Final = 100
_BATCH: Final = 500
_PARTS: Final = ("-wal", "-shm", "")


class Report(NamedTuple):
    """What became of a damaged journal. lost: (first, last) of the gaps in the numbers, the first hundred.

    Gaps of earlier salvages are among them. from_us, until_us: labels [µs UTC] of the rows that stand around all gaps,
    None where there is none. What was lost after the last readable row cannot be counted.
    """

    reason: str
    set_aside: str
    kept: int
    lost: tuple[tuple[int, int], ...]
    lost_rows: int
    from_us: int | None = None
    until_us: int | None = None

    def __str__(self) -> str:
        """One sentence for a log."""
        return (
            f"the journal was damaged ({self.reason}): {self.kept} rows were saved into a new one, "
            f"{self.lost_rows} are lost, and the damaged file is kept as {self.set_aside}"
        )


def suspect_mark(path: Path) -> Path:
    """The file whose presence says that a write met damage: the next opening salvages without asking again."""
    return path.with_name(path.name + ".suspect")


def damage(path: Path, check_s: float) -> str | None:
    """Finish a salvage that was cut off at its end; then what is wrong with the file, looked at for up to `check_s`.

    None when nothing was found, or there is no file. Only the process that holds the journal's lock may call this.
    Raises sqlite3.Error and OSError.
    """
    ready = path.with_name(path.name + ".salvaged")
    if ready.exists():
        suspect_mark(path).unlink(missing_ok=True)
        _swap(path, ready)
    if not path.exists():
        return None
    if suspect_mark(path).exists():
        return "reading or writing met damage"
    reason = database.quick_check(path, check_s)
    if reason is None:
        _remove_parts(_unfinished(path))
    return reason


def save(path: Path, reason: str) -> Report:
    """Salvage a damaged file. Broken off at any point it is done anew, and leaves one unfinished file at most.

    Under the same lock. Raises StoreFailed when the disk has no room for the new file, sqlite3.Error and OSError.
    """
    mark = suspect_mark(path)
    mark.touch()
    unfinished = _unfinished(path)
    _remove_parts(unfinished)
    disk, need = os.statvfs(path.parent), path.stat().st_size
    if (free := disk.f_bavail * disk.f_frsize) < need:
        wanted = f"to save its rows {need / 1e6:.0f} MB must be free on the disk, which has {free / 1e6:.0f} MB"
        raise StoreFailed(f"{path}: is damaged ({reason}); {wanted}")
    report = _copy(path, unfinished, reason, _free_name(path).name)
    ready = unfinished.rename(path.with_name(path.name + ".salvaged"))
    mark.unlink()
    _swap(path, ready)
    return report


def _unfinished(path: Path) -> Path:
    return path.with_name(path.name + ".salvaging")


def _remove_parts(path: Path) -> None:
    for part in _PARTS:
        path.with_name(path.name + part).unlink(missing_ok=True)


def _copy(path: Path, target: Path, reason: str, set_aside: str) -> Report:
    with closing(database.connect_writer(target)) as new:
        new.execute("PRAGMA synchronous = OFF")  # synced as a whole below, before it gets its name
        rows = _readable(path)
        while batch := list(islice(rows, _BATCH)):
            new.execute("BEGIN")
            new.executemany("INSERT OR IGNORE INTO rows VALUES (?,?,?,?,?,?,?,?,?)", batch)
            new.execute("COMMIT")
        last_n = max(_keep_cursors(path, new), new.execute("SELECT ifnull(max(n), 0) FROM rows").fetchone()[0])
        report = _report(new, reason, set_aside)
        _put_on_record(new, report, last_n + JUMP)
        new.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with target.open("rb") as file:
        os.fsync(file.fileno())
    return report


def _readable(path: Path) -> Iterator[tuple[Any, ...]]:
    for n, columns in sqlite_pages.records(path, database.PAGE_BYTES):
        if len(columns) != 9:
            continue
        _rowid, kind, now_us, utc_us, first_us, last_us, untimed, crc, body = columns
        if not (isinstance(kind, int) and isinstance(now_us, int) and isinstance(utc_us, int)):
            continue
        if not (isinstance(untimed, int) and isinstance(crc, int) and isinstance(body, bytes)):
            continue
        if isinstance(first_us, bytes) or isinstance(last_us, bytes):
            continue
        if crc == checksum(n, kind, now_us, utc_us, first_us, last_us, untimed, body):
            yield n, kind, now_us, utc_us, first_us, last_us, untimed, crc, body


def _keep_cursors(path: Path, new: sqlite3.Connection) -> int:
    """Copy what SQLite still reads of the small tables (uplinks start again without); the highest cursor."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as old:
        cursors = old.execute("SELECT name, n FROM cursors").fetchall()
        new.executemany("INSERT OR IGNORE INTO cursors VALUES (?,?)", cursors)
        kept = old.execute("SELECT id, cursor, n, item, reason FROM quarantine").fetchall()
        new.executemany("INSERT OR IGNORE INTO quarantine VALUES (?,?,?,?,?)", kept)
    if (identity := _identity(path)) is not None:
        new.execute("CREATE TABLE identity (id TEXT NOT NULL)")
        new.execute("INSERT INTO identity VALUES (?)", (identity,))
    highest: int = new.execute("SELECT ifnull(max(n), 0) FROM cursors").fetchone()[0]
    return highest


def _identity(path: Path) -> str | None:
    """The journal's identity, wherever it stands: without it, copies that travelled would be another journal's."""
    for _n, columns in sqlite_pages.records(path, database.PAGE_BYTES):
        if len(columns) == 1 and isinstance(columns[0], bytes) and _IDENTITY.fullmatch(columns[0]):
            return columns[0].decode()
    return None


def _report(new: sqlite3.Connection, reason: str, set_aside: str) -> Report:
    gaps: list[tuple[int, int]] = []
    dropped = _dropped(new)
    kept = lost = previous = 0
    previous_us = from_us = until_us = None
    for n, utc_us in new.execute("SELECT n, utc_us FROM rows ORDER BY n"):
        kept += 1
        if 1 < n - previous <= JUMP - 1:  # a greater one is the jump of an earlier salvage
            lost += n - previous - 1
            if not any(first <= previous + 1 and n - 1 <= last for first, last, _rows in dropped):
                from_us, until_us = from_us if gaps else previous_us, utc_us
                gaps.append((previous + 1, n - 1))
        previous, previous_us = n, utc_us
    lost = max(0, lost - sum(rows for _first, _last, rows in dropped))
    return Report(reason, set_aside, kept, tuple(gaps[:_LISTED_GAPS]), lost, from_us, until_us)


def _dropped(new: sqlite3.Connection) -> list[tuple[int, int, int]]:
    """(first, last number, how many rows) of what left the journal on purpose (`trimming.py`)."""
    notices = new.execute(f"SELECT body FROM rows WHERE kind = {int(Kind.NOTICE)}").fetchall()  # noqa: S608
    documents = (unpack_document(body) for (body,) in notices)
    return [(d["first_n"], d["last_n"], d["rows"]) for d in documents if d.get("what") == TRIMMED]


def _put_on_record(new: sqlite3.Connection, report: Report, n: int) -> None:
    newest = new.execute("SELECT now_us, utc_us FROM rows ORDER BY n DESC LIMIT 1").fetchone() or (0, 0)
    document = {"what": SALVAGED, **report._asdict()}
    row = document_row(Kind.NOTICE, Moment(newest[0], newest[1], trusted=False), document)
    new.execute("INSERT INTO rows VALUES (?,?,?,?,?,?,?,?,?)", (n, *row[:6], checksum(n, *row), row.body))


def _swap(path: Path, ready: Path) -> None:
    """Set the old file aside, its log first: a new file must never meet the old one's log."""
    aside = _free_name(path)
    for part in _PARTS:
        old = path.with_name(path.name + part)
        if old.exists():
            old.rename(aside.with_name(aside.name + part))
    ready.rename(path)


def _free_name(path: Path) -> Path:
    n = 1
    while (aside := path.with_name(f"{path.name}.damaged-{n}")).exists():
        n += 1
    return aside
