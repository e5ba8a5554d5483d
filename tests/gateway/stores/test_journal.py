"""The journal: durable, numbered, check-summed, salvaged and never started empty."""

import os
import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from gateway.domain.errors import ConfigError, OperationFailed, StoreFailed
from gateway.domain.events import Tick
from gateway.domain.moment import NO_TIME, Moment
from gateway.domain.site import Site
from gateway.stores import salvage
from gateway.stores.database import PAGE_BYTES
from gateway.stores.journal import Journal
from gateway.stores.packing import Outcome, Step
from gateway.stores.rows import Kind, checksum, document_row, steps_row
from gateway.stores.salvage import JUMP

T0 = 1_780_000_000_000_000


def steps(n, readings=3, apart_us=1):
    outcomes = [Outcome(i, 0, 0, 0, T0 + n * 1_000_000 + i * apart_us, 1.0, 2.0) for i in range(readings)]
    return steps_row("hash", [Step(Moment(T0 + n, T0 + n * 1_000_000), [Tick()], outcomes)])


def note(n, kind=Kind.NOTICE, filler=0):
    document = {"i": n, "filler": random.Random(n).randbytes(filler)}
    return document_row(kind, Moment(T0 + n, T0 + n * 1_000_000), document)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "site" / "journal.db"


@pytest.fixture
def journal(path):
    with Journal.open(path) as opened:
        yield opened


def test_rows_are_numbered_from_one_and_read_back_as_they_were(journal):
    assert (journal.last_n, journal.last(), journal.last_snapshot()) == (0, None, None)
    assert journal.append([note(1), steps(2)]) == 2
    assert journal.append([note(3, Kind.SNAPSHOT)]) == 3
    rows, more = journal.read()
    assert more is None
    assert [(row.n, row.kind) for row in rows] == [(1, Kind.NOTICE), (2, Kind.STEPS), (3, Kind.SNAPSHOT)]
    assert rows[0].document()["i"] == 1
    assert rows[1].steps().steps[0].events == [Tick()]
    assert (rows[1].first_us, rows[1].last_us) == (T0 + 2_000_000, T0 + 2_000_002)
    assert journal.last() == journal.last_snapshot() == rows[2]


def test_a_reader_sees_what_was_appended_while_the_writer_goes_on(journal, path):
    journal.append([note(1)])
    with Journal.reader(path) as reader:
        assert [row.n for row in reader.read()[0]] == [1]
        journal.append([note(2)])
        assert [row.n for row in reader.read(after_n=1)[0]] == [2]
        with pytest.raises(StoreFailed, match="read-only"):
            reader.append([note(3)])


def test_nothing_to_read_is_one_sentence(path):
    with pytest.raises(StoreFailed, match=r"journal\.db: it cannot be opened"):
        Journal.reader(path)


def test_two_gateways_cannot_write_one_journal(journal, path):
    with pytest.raises(OperationFailed, match="another gateway writes this journal already"):
        Journal.open(path)


def test_numbers_go_on_after_reopening(path):
    with Journal.open(path) as journal:
        journal.append([note(1), note(2)])
    with Journal.open(path) as journal:
        assert journal.append([note(3)]) == 3
        assert [row.n for row in journal.scan(limit=2)] == [1, 2, 3]


def test_scan_by_kind_pages_without_losing_or_repeating(journal):
    kinds = [Kind.STEPS, Kind.NOTICE, Kind.COMMAND, Kind.TRANSITION]
    journal.append([steps(i) if i % 4 == 0 else note(i, kinds[i % 4]) for i in range(200)])
    for wanted in ([Kind.NOTICE], [Kind.NOTICE, Kind.COMMAND], [Kind.STEPS, Kind.COMMAND], [Kind.SNAPSHOT]):
        found = [row.n for row in journal.scan(kinds=wanted, limit=7)]
        assert found == [i + 1 for i in range(200) if kinds[i % 4] in wanted]
    rows, _more = journal.read(kinds=[Kind.COMMAND], start_us=T0 + 10_000_000, end_us=T0 + 14_000_000)
    assert [row.document()["i"] for row in rows] == [10]


def test_many_rows_are_one_transaction(journal):
    assert journal.append([note(i) for i in range(1234)]) == 1234
    assert len(list(journal.scan())) == 1234


def test_a_time_range_finds_rows_that_reach_into_it_and_only_those(journal):
    wide = steps(0, readings=3, apart_us=3_600_000_000)  # a backlog over two hours
    journal.append([*(steps(i) for i in range(1, 3000)), wide])
    start = T0 + 2000 * 1_000_000
    found, after = [], (NO_TIME, 0)
    while after is not None:
        rows, after = journal.overlapping(start, start + 5_000_000, after, limit=2)
        found += [row.n for row in rows]
    assert found == [3000, 2000, 2001, 2002, 2003, 2004]


def test_the_place_of_an_engine_time_is_found_by_halving(journal):
    assert journal.steps_before(T0) == 0
    journal.append([steps(i) if i % 3 == 0 else note(0) for i in range(1, 101)])  # notes out of order, as in a backlog
    for n in range(102):
        expected = max((i for i in range(1, 101) if i % 3 == 0 and i < n), default=0)
        found = journal.steps_before(T0 + n)
        assert expected <= found < min((i for i in range(3, 101, 3) if i >= n), default=101)


def test_readings_without_a_time_are_found_by_their_own_index(journal):
    nowhere = steps_row("hash", [Step(Moment(T0, T0), [], [Outcome(0, 3, 12, 1, NO_TIME, 1.0, 1.0)])])
    journal.append([steps(1), nowhere, steps(2)])
    rows, more = journal.untimed()
    assert ([row.n for row in rows], more) == ([2], None)
    assert (rows[0].first_us, rows[0].untimed) == (None, 1)


def test_the_sensors_of_a_site_file_are_kept_once_per_hash(journal):
    zone, source = {"id": "z", "name": "Z", "kind": "face"}, {"id": "s", "kind": "mqtt"}
    sensor = {"id": "co-1", "zone": "z", "quantity": "co", "source": "s", "channel": "n/co"}
    site = Site.model_validate(
        {"site": {"id": "m", "name": "M"}, "zones": [zone], "sources": [source], "sensors": [sensor]}
    )
    for _ in range(2):
        journal.register_site("abc", site, Moment(T0, T0))
    assert journal.last_n == 1
    assert journal.sites() == {"abc": (("co-1", "co", "z", "ppm"),)}


def test_a_row_that_changed_on_the_disk_is_skipped_and_named(path):
    with Journal.open(path) as journal:
        journal.append([note(i, Kind.SNAPSHOT) for i in range(1, 4)])
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE rows SET utc_us = utc_us + 1 WHERE n = 3")
    with Journal.open(path) as journal:
        assert [row.n for row in journal.scan()] == [1, 2]
        assert journal.damaged == {3}
        assert journal.last_snapshot().n == 2
        assert journal.append([note(4)]) == 4


def test_a_full_disk_takes_nothing_half_and_the_rows_can_come_again(path):
    with Journal.open(path) as journal:
        journal.append([note(1)])
        pages = journal._connection.execute("PRAGMA page_count").fetchone()[0]
        journal._connection.execute(f"PRAGMA max_page_count = {pages + 5}")
        big = [note(i, filler=3000) for i in range(2, 1000)]
        with pytest.raises(StoreFailed, match="the disk is full"):
            journal.append(big)
        assert [row.n for row in journal.scan()] == [1]
        assert not journal.settle(big, 2)
        journal._connection.execute("PRAGMA max_page_count = 1000000")
        assert journal.append(big) == 999


def test_a_commit_whose_sync_failed_is_settled_and_not_written_twice(path):
    rows = [note(1), steps(2)]
    with Journal.open(path) as journal:
        journal.append(rows)
    with Journal.open(path) as journal:
        assert journal.settle(rows, 1)
        assert not journal.settle([note(7)], 1)
        assert journal.last_n == 2


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "site").write_text("a file where the folder should be")
    with pytest.raises(StoreFailed, match=r"journal\.db: "):
        Journal.open(tmp_path / "site" / "journal.db")


def test_a_file_of_newer_software_is_left_alone(path):
    with Journal.open(path):
        pass
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreFailed, match="written by newer software"):
        Journal.open(path)
    with pytest.raises(StoreFailed, match="written by newer software"):
        Journal.reader(path)


def filled(path, rows=600):
    """A journal of several hundred pages; returns what is in it by number."""
    with Journal.open(path) as journal:
        journal.append([note(i, filler=2500) if i % 7 else steps(i, readings=40) for i in range(1, rows + 1)])
        return {row.n: row for row in journal.scan()}


@pytest.mark.parametrize("page", [1, 2, 3, 5, 60, 200])
def test_a_damaged_page_costs_its_rows_and_nothing_else(path, page):
    before = filled(path)
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE_BYTES)
        file.write(random.Random(page).randbytes(PAGE_BYTES))
    with Journal.open(path) as journal:
        after = {row.n: row for row in journal.scan()}
        report = journal.salvaged
        if report is None:  # a page of a long body: SQLite sees no damage there, the checksum does
            assert len(journal.damaged) == 1
        else:
            assert after.pop(600 + JUMP).document()["what"] == "journal_salvaged"
            assert (path.parent / report.set_aside).exists()
            assert report.from_us is None or report.from_us >= T0
            missing = {n for first, last in report.lost for n in range(first, last + 1)}
            assert missing | set(after) >= set(range(1, max(after) + 1))
            assert journal.append([note(1)]) == 601 + JUMP
        assert all(before[n] == row for n, row in after.items())
        assert len(before) - len(after) <= 40


def test_a_file_that_is_no_database_any_more_still_gives_its_rows(path):
    before = filled(path)
    data = bytearray(path.read_bytes())
    data[:PAGE_BYTES] = bytes(PAGE_BYTES)
    path.write_bytes(data)
    with Journal.open(path) as journal:
        assert {row.n: row for row in journal.scan() if row.n <= 600} == before


def test_rows_that_stand_only_in_the_log_are_salvaged_too(path):
    before = filled(path, rows=100)
    child = (
        "import os, sys; from pathlib import Path; from gateway.domain.moment import Moment;"
        "from gateway.stores.journal import Journal; from gateway.stores.rows import Kind, document_row;"
        "journal = Journal.open(Path(sys.argv[1]));"
        "[journal.append([document_row(Kind.NOTICE, Moment(i, i), {'i': i})]) for i in range(101, 151)];"
        "os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", child, str(path)], check=True, timeout=60)
    log = Path(f"{path}-wal")
    with log.open("ab") as file:
        file.write(b"the beginning of a frame that a power cut ended")
    (path.parent / "journal.db.suspect").touch()
    with Journal.open(path) as journal:
        assert journal.salvaged.kept == 150
        rows = {row.n: row for row in journal.scan() if row.n <= 150}
        assert {n: rows[n] for n in before} == before
        assert [rows[n].document()["i"] for n in range(101, 151)] == list(range(101, 151))
    assert (path.parent / "journal.db.damaged-1-wal").exists()


def test_damage_that_a_write_met_is_salvaged_at_the_next_opening(path):
    filled(path)
    (path.parent / "journal.db.suspect").touch()
    with Journal.open(path, check_s=0) as journal:
        assert journal.salvaged.kept == 600
        assert journal.salvaged.lost == ()
    assert not (path.parent / "journal.db.suspect").exists()
    with Journal.open(path) as journal:
        assert journal.salvaged is None


@pytest.mark.parametrize("moved", [(), ("-wal",), ("-wal", "")])
def test_a_power_cut_between_the_renames_of_a_salvage_loses_nothing(path, moved):
    before = filled(path)
    sound = path.read_bytes()
    path.write_bytes(b"rubbish" * 1000)
    Path(f"{path}-wal").write_bytes(b"rubbish" * 1000)
    (path.parent / "journal.db.salvaged").write_bytes(sound)
    for part in moved:
        Path(f"{path}{part}").rename(f"{path}.damaged-1{part}")
    with Journal.open(path) as journal:
        assert {row.n: row for row in journal.scan()} == before
    assert not (path.parent / "journal.db.salvaged").exists()
    assert (path.parent / "journal.db.damaged-1").read_bytes() == b"rubbish" * 1000


def test_the_cursors_survive_a_salvage_and_keep_the_numbers_ahead_of_them(path):
    filled(path, rows=20)
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("INSERT INTO cursors VALUES ('influx', 5000)")
    (path.parent / "journal.db.suspect").touch()
    with Journal.open(path) as journal:
        assert journal.last_n == 5000 + JUMP


def test_a_salvage_says_between_which_rows_others_are_lost(path):
    filled(path)
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE rows SET body = x'00' WHERE n IN (7, 8, 300)")
    (path.parent / "journal.db.suspect").touch()
    with Journal.open(path) as journal:
        report = journal.salvaged
        labels = {row.n: row.utc_us for row in journal.scan()}
    assert (report.lost, report.lost_rows) == (((7, 8), (300, 300)), 3)
    assert (report.from_us, report.until_us) == (labels[6], labels[301])


def test_the_identity_survives_a_salvage(path):
    filled(path, rows=5)
    with Journal.open(path) as journal:
        before = journal.identity
    (path.parent / "journal.db.suspect").touch()
    with Journal.open(path) as journal:
        assert journal.salvaged is not None
        assert journal.identity == before


def test_a_salvage_that_is_broken_off_again_and_again_leaves_one_file_at_most(path, monkeypatch):
    before = filled(path)
    (path.parent / "journal.db.suspect").touch()
    report = salvage._report
    monkeypatch.setattr(salvage, "_report", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            Journal.open(path)
    assert len(list(path.parent.glob("*.salvaging"))) == 1
    assert not list(path.parent.glob("*.damaged-*"))
    monkeypatch.setattr(salvage, "_report", report)
    with Journal.open(path) as journal:
        assert {row.n: row for row in journal.scan() if row.n <= 600} == before
    left = {one.name.removesuffix("-wal").removesuffix("-shm") for one in path.parent.iterdir()}
    assert left == {"journal.db", "journal.db.damaged-1", "journal.db.lock"}


def test_a_salvage_without_room_for_a_second_file_leaves_the_first_as_it_is(path, monkeypatch):
    filled(path)
    (path.parent / "journal.db.suspect").touch()
    monkeypatch.setattr(os, "statvfs", lambda _path: SimpleNamespace(f_bavail=1, f_frsize=4096))
    with pytest.raises(StoreFailed, match=r"to save its rows \d+ MB must be free on the disk, which has 0 MB"):
        Journal.open(path)
    monkeypatch.undo()
    with Journal.open(path) as journal:
        assert journal.salvaged.kept == 600


def test_a_large_damaged_file_is_left_for_the_next_opening(path):
    filled(path)
    damaged = bytearray(path.read_bytes())
    damaged[2 * PAGE_BYTES : 3 * PAGE_BYTES] = bytes(PAGE_BYTES)
    path.write_bytes(damaged)
    with pytest.raises(StoreFailed, match=r"journal\.db: is damaged \(.*its readable rows are being saved"):
        Journal.open(path, salvaged_bytes=len(damaged) - 1)
    assert path.read_bytes() == damaged
    with Journal.open(path, check_s=0, salvaged_bytes=len(damaged)) as journal:
        assert journal.salvaged.reason == "reading or writing met damage"


def stranger(path):
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("CREATE TABLE rows (a, b)")
        raw.execute("INSERT INTO rows VALUES (1, 2)")
    return path.read_bytes()


@pytest.mark.parametrize("opened", [Journal.open, Journal.reader])
def test_an_sqlite_file_that_is_no_journal_is_refused_and_left_alone(path, opened):
    before = stranger(path)
    with pytest.raises(ConfigError, match=r"journal\.db: is no journal of Bocamina; expected a file that"):
        opened(path)
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == ["journal.db"]


def test_an_empty_file_is_a_journal_to_be_and_nothing_to_read(path):
    path.parent.mkdir(parents=True)
    path.touch()
    with pytest.raises(StoreFailed, match="holds nothing yet"):
        Journal.reader(path)
    with Journal.open(path) as journal:
        assert journal.append([note(1)]) == 1


def test_the_checksum_covers_every_column():
    row = steps(1)
    good = checksum(1, *row)
    changes = [(2, row), *((1, row._replace(**{name: 7})) for name in row._fields[:6]), (1, row._replace(body=b"x"))]
    assert all(checksum(n, *changed) != good for n, changed in changes)
