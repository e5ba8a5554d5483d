"""How far each consumer of the journal has come, what it sent, and what a destination would not take."""

import sqlite3
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from gateway.stores import database


class Poison(NamedTuple):
    """An item that its destination refused for itself. n: the journal row it came from."""

    n: int
    item: str
    reason: str


class Cursors:
    """The cursors in a journal's file, for the thread that opened them; raises StoreFailed.

    Not synced: after a power cut a cursor may have fallen back, and its consumer repeats what is idempotent.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the cursors of an existing journal."""
        with database.told_plainly(path):
            return cls(path, database.connect_keeper(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def cursor(self, name: str) -> int:
        """Number of the last row that `name` is done with, 0 at first."""
        found = self._execute("SELECT n FROM cursors WHERE name = ?", name)
        return int(found[0][0]) if found else 0

    def advance(self, name: str, n: int) -> None:
        """`name` is done with everything up to and including row `n`; a cursor never goes back."""
        self._execute(
            "INSERT INTO cursors VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET n = max(n, excluded.n)", name, n
        )

    def quarantine(self, name: str, poison: Poison) -> bool:
        """Keep, once, what the destination of `name` refused, so that the rest can flow; False if it was already."""
        query = "INSERT OR IGNORE INTO quarantine (cursor, n, item, reason) VALUES (?, ?, ?, ?) RETURNING id"
        return bool(self._execute(query, name, *poison))

    def quarantined(self, name: str) -> list[Poison]:
        """Everything kept for `name`, oldest first."""
        query = "SELECT n, item, reason FROM quarantine WHERE cursor = ? ORDER BY id"
        return [Poison(*row) for row in self._execute(query, name)]

    def count_quarantined(self, name: str) -> int:
        """How many items are kept for `name`."""
        return int(self._execute("SELECT count(*) FROM quarantine WHERE cursor = ?", name)[0][0])

    def spend(self, name: str, month: str, more: int) -> int:
        """Add to the bytes that `name` has sent in a month (`2026-11`); returns their sum."""
        self._execute(
            "CREATE TABLE IF NOT EXISTS spent (name TEXT, month TEXT, bytes INTEGER, PRIMARY KEY (name, month))"
            " WITHOUT ROWID"
        )
        query = "INSERT INTO spent VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes"
        return int(self._execute(f"{query} RETURNING bytes", name, month, more)[0][0])

    def _execute(self, query: str, *values: str | int) -> list[tuple[Any, ...]]:
        with database.told_plainly(self._path):
            return self._connection.execute(query, values).fetchall()
