"""The journal's SQLite file: its schema, how it is opened, how its errors become sentences."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic
from typing import Final

from gateway.domain.errors import ConfigError, StoreFailed

SCHEMA: Final = 1
PAGE_BYTES: Final = 4096
WAL_KEPT_BYTES: Final = 8 * 1024 * 1024
BUSY_S: Final = 5.0
LONG_SPAN_US: Final = 600_000_000
"""Readings of one row that lie further apart than this (a backlog) are found by an index of their own [µs]."""

# The fixed columns stand before the body, so that reading them never touches the pages that a long body spills into.
# Partial indexes: a commit of readings changes one of them, each further one would cost it another page of 4 KiB.
_DDL: Final = f"""
CREATE TABLE IF NOT EXISTS rows (
    n INTEGER PRIMARY KEY, kind INTEGER NOT NULL, now_us INTEGER NOT NULL, utc_us INTEGER NOT NULL,
    first_us INTEGER, last_us INTEGER, untimed INTEGER NOT NULL, crc INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS rows_time ON rows (first_us, last_us) WHERE kind = 0;
CREATE INDEX IF NOT EXISTS rows_long ON rows (first_us, last_us) WHERE kind = 0 AND last_us - first_us > {LONG_SPAN_US};
CREATE INDEX IF NOT EXISTS rows_untimed ON rows (n) WHERE untimed > 0;
CREATE INDEX IF NOT EXISTS rows_other ON rows (kind, n, utc_us) WHERE kind <> 0;
CREATE TABLE IF NOT EXISTS cursors (name TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS quarantine (id INTEGER PRIMARY KEY, cursor TEXT, n INTEGER, item TEXT, reason TEXT,
    UNIQUE (cursor, n, item));
PRAGMA user_version = {SCHEMA};
"""

_OURS: Final = frozenset(("rows", "rows_time", "rows_long", "rows_untimed", "rows_other", "cursors", "quarantine"))
DAMAGED: Final = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
_PLAIN: Final = {
    "SQLITE_FULL": "the disk is full",
    "SQLITE_READONLY": "the disk is read-only",
    "SQLITE_CANTOPEN": "it cannot be opened",
    "SQLITE_BUSY": "another process keeps it locked",
    "SQLITE_CORRUPT": "the file is damaged",
    "SQLITE_NOTADB": "the file is damaged",
    "SQLITE_IOERR": "the disk reports an error",
}


@contextmanager
def told_plainly(path: Path, met_damage: Callable[[], None] | None = None) -> Iterator[None]:
    """Whatever the disk or SQLite raises inside becomes StoreFailed: one sentence that names the file.

    met_damage is called before that when SQLite says that the file itself is broken.
    """
    try:
        yield
    except sqlite3.Error as error:
        name = error_name(error)
        if met_damage is not None and name.startswith(DAMAGED):
            met_damage()
        plain = next((text for start, text in _PLAIN.items() if name.startswith(start)), None)
        raise StoreFailed(f"{path}: {plain} ({error})" if plain else f"{path}: {error}") from error
    except OSError as error:
        raise StoreFailed(f"{path}: {error.strerror or error}") from error


def error_name(error: sqlite3.Error) -> str:
    """SQLite's own name of an error, "" when it has none."""
    return getattr(error, "sqlite_errorname", "")


def connect_writer(path: Path) -> sqlite3.Connection:
    """The one connection that appends; a commit that returns is on the disk (`synchronous=FULL`)."""
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
    try:
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_KEPT_BYTES}")
        if _schema(path, connection) < SCHEMA:
            connection.executescript(f"BEGIN IMMEDIATE;{_DDL}COMMIT;")
    except BaseException:
        connection.close()
        raise
    return connection


def refuse_stranger(path: Path) -> None:
    """Raise ConfigError for an SQLite file that is not ours, before anything is written into it.

    What cannot be read is no stranger's: it may be ours and damaged.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", timeout=BUSY_S, uri=True)) as connection:
            _refuse_stranger(path, connection, may_be_empty=True)
    except sqlite3.Error:
        return


def connect_reader(path: Path) -> sqlite3.Connection:
    """A connection that only reads, beside the gateway that writes or without it."""
    try:
        return _read_only(path, "mode=ro")
    except sqlite3.OperationalError:
        if path.with_name(path.name + "-wal").exists() or not path.exists():
            raise
        return _read_only(path, "immutable=1")  # nobody writes, and the folder does not let us keep an index of the WAL


def connect_keeper(path: Path) -> sqlite3.Connection:
    """A connection for cursors: not synced, for a cursor that falls back a little only repeats what is idempotent."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", timeout=BUSY_S, isolation_level=None, uri=True)
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def quick_check(path: Path, budget_s: float) -> str | None:
    """What SQLite finds wrong within `budget_s` seconds, None when nothing; large files are not read to the end."""
    deadline = monotonic() + budget_s
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_S)) as connection:
            connection.execute("PRAGMA schema_version").fetchone()
            connection.set_progress_handler(lambda: monotonic() > deadline, 10_000)
            found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        if error_name(error).startswith(DAMAGED):
            return str(error)
        if error_name(error) == "SQLITE_INTERRUPT":
            return None
        raise
    return None if found == "ok" else " ".join(found.split())


def _schema(path: Path, connection: sqlite3.Connection) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > SCHEMA:
        raise StoreFailed(f"{path}: written by newer software (schema {version}, this one knows {SCHEMA})")
    return version


def _refuse_stranger(path: Path, connection: sqlite3.Connection, *, may_be_empty: bool) -> None:
    """One name of ours may be chance in another's file, one that is missing a lost bit."""
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if names and len(names & _OURS) < 2:
        raise ConfigError(f"{path}: is no journal of Bocamina; expected a file that `bocamina run` wrote")
    if not names and not may_be_empty:
        raise StoreFailed(f"{path}: holds nothing yet; expected a journal of Bocamina")


def _read_only(path: Path, how: str) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?{how}", timeout=BUSY_S, isolation_level=None, uri=True)
    try:
        _refuse_stranger(path, connection, may_be_empty=False)
        _schema(path, connection)
    except BaseException:
        connection.close()
        raise
    return connection
