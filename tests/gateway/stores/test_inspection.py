"""Damage that the second at the start had no time for is met by the look at every row, told once, and not forgotten."""

import sqlite3
from contextlib import closing

import pytest

from gateway.domain.errors import StoreFailed
from gateway.domain.moment import SECOND_US, Moment
from gateway.stores import inspection
from gateway.stores.inspection import AGAIN_US, Inspection
from gateway.stores.journal import Journal
from gateway.stores.losses import newest_losses
from gateway.stores.packing import Outcome, Step
from gateway.stores.rows import DAMAGED, SALVAGED, Kind, document_row, steps_row
from gateway.stores.writer import Group, JournalWriter, Record

T0 = 1_780_000_000 * SECOND_US
NOW = Moment(T0 + 1000 * SECOND_US, T0 + 1000 * SECOND_US)
ROWS = 300


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        for k in range(ROWS // 2):
            moment = Moment(T0 + k * SECOND_US, T0 + k * SECOND_US)
            step = Step(moment, [], [Outcome(0, 0, 0, 0, moment.utc_us, 1.0, 1.0)])
            journal.append([steps_row("h", [step]), document_row(Kind.TRANSITION, moment, {"k": k})])
    return path


def spoil(path, *numbers: int) -> None:
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.executemany("UPDATE rows SET body = zeroblob(30) WHERE n = ?", [(n,) for n in numbers])


def lose_index(path, name: str, sql: str) -> None:
    """An index that SQLite believes whole, and that has no row."""
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute(f"DROP INDEX {name}")
        raw.execute(f"CREATE INDEX {name} ON {sql} WHERE n < 0")
        raw.execute("PRAGMA writable_schema = ON")
        kept = "kind = 0" if name == "rows_time" else "kind <> 0"
        raw.execute("UPDATE sqlite_master SET sql = replace(sql, 'n < 0', ?) WHERE name = ?", (kept, name))


def a_round(journal: Journal, look: Inspection, moment: Moment = NOW):
    """All that a whole round finds, and how many pieces it took."""
    found, pieces = [], 0
    while True:
        pieces += 1
        found.append(look.step(journal, moment))
        if look._due_us is not None and look._due_us > moment.now_us:
            return [loss for loss in found if loss is not None], pieces


def test_a_sound_journal_is_read_to_its_end_in_small_pieces_and_then_left_for_a_month(path, monkeypatch) -> None:
    monkeypatch.setattr(inspection, "PIECE_S", 0.0)
    with Journal.open(path) as journal:
        look = Inspection()
        found, pieces = a_round(journal, look)
        assert (found, pieces) == ([], ROWS / inspection.ROWS_AT_ONCE + 1)
        monkeypatch.setattr(journal, "inspect", lambda *_: pytest.fail("not yet"))
        assert look.step(journal, NOW) is None
        with pytest.raises(pytest.fail.Exception, match="not yet"):
            look.step(journal, Moment(NOW.now_us + AGAIN_US, NOW.utc_us))


def test_rows_that_cannot_be_read_are_put_on_record_once_with_their_time(path) -> None:
    spoil(path, 101, 102, 211)
    with Journal.open(path) as journal:
        found, _pieces = a_round(journal, Inspection())
        assert [(loss.what, loss.n) for loss in found] == [(DAMAGED, ROWS + 1), (DAMAGED, ROWS + 2)]
        assert found[0].detail == (
            "2 rows cannot be read any more between the beginning and 2026-05-28T20:27:31.000Z"
        )  # fmt: skip
        assert found[1].detail.startswith("1 rows cannot be read any more between 2026-05-28T20:28:24.000Z and ")
        notices = [row.document() for row in journal.scan(0, [Kind.NOTICE])]
        assert [(one["first_n"], one["last_n"], one["rows"]) for one in notices] == [(101, 102, 2), (211, 211, 1)]
        assert a_round(journal, Inspection())[0] == [], "it is known, after a restart too"
        assert newest_losses(journal) == found


@pytest.mark.parametrize(
    ("name", "sql"),
    [("rows_time", "rows (first_us, last_us)"), ("rows_other", "rows (kind, n, utc_us)")],
)
def test_an_index_that_lacks_rows_is_damage_and_the_next_opening_heals_it(path, name, sql) -> None:
    lose_index(path, name, sql)
    with Journal.open(path) as journal:
        assert journal.salvaged is None, "SQLite's quick check does not look at this"
        with pytest.raises(StoreFailed, match="an index lacks rows"):
            a_round(journal, Inspection())
    with Journal.open(path) as journal:
        assert (journal.salvaged.kept, journal.salvaged.lost_rows) == (ROWS, 0)
        assert a_round(journal, Inspection())[0] == []


def test_the_writer_looks_while_it_writes_and_tells(path) -> None:
    spoil(path, 150)
    lose_index(path, "rows_other", "rows (kind, n, utc_us)")
    writer = JournalWriter(lambda: Journal.open(path, check_s=0), lambda _told: None)
    writer.start()
    told = []
    for second in range(60):
        moment = Moment(NOW.now_us + second * SECOND_US, NOW.utc_us)
        writer.submit(Group("h", records=(Record(Kind.NOTICE, moment, {"what": "tick"}),)))
        assert writer.flush(10)
        told += writer.losses()
        if told:
            break
    assert writer.close()
    assert told[0].what == SALVAGED, "the index was met first; the row is missing from the new journal"
    assert told[0].detail.startswith("1 rows are lost between 2026-05-28T20:")
    assert (path.parent / "journal.db.damaged-1").exists()
