"""What leaves the journal at its quota is safe elsewhere; what people rely on never leaves it."""

import os
from types import SimpleNamespace

import pytest

from gateway.domain.moment import NO_TIME, SECOND_US, Moment
from gateway.stores.cursors import Cursors
from gateway.stores.journal import Journal
from gateway.stores.packing import Outcome, Step
from gateway.stores.redating import DOUBTED
from gateway.stores.rows import TRIMMED, Kind, document_row, steps_row
from gateway.stores.trimming import Trimming
from gateway.stores.writer import Group, JournalWriter, Record

DAY_US = 86_400 * SECOND_US
T0 = 20_000 * DAY_US
NOW = Moment(T0 + 30 * DAY_US, T0 + 30 * DAY_US)


class Sealed:
    """An archive that has some days."""

    def __init__(self, journal):
        self.days = {}
        self.journal = journal

    def manifest(self, day):
        through_n = self.days.get(day, self.days.get("*"))
        return None if through_n is None else SimpleNamespace(through_n=through_n)


@pytest.fixture
def journal(tmp_path):
    with Journal.open(tmp_path / "journal.db") as opened:
        for day in range(30):
            at = T0 + day * DAY_US + 1
            moment = Moment(at, at)
            opened.append([
                steps_row("h", [Step(moment, [], [Outcome(0, 0, 0, 0, at, 1.0, 1.0)])]),
                document_row(Kind.TRANSITION, moment, {"alarm": "co.level", "day": day}),
                document_row(Kind.REQUEST, moment, {"by": "ana"}),
                document_row(Kind.SNAPSHOT, moment, {"state": day}),
            ])  # fmt: skip
        yield opened


@pytest.fixture
def archive(journal):
    return Sealed(journal)


def kinds(journal):
    found = {}
    for row in journal.scan():
        found[row.kind] = found.get(row.kind, 0) + 1
    return found


def run(journal, archive, uplinks=(), quota=0):
    trimming = Trimming(quota, uplinks, lambda: archive)
    return list(iter(lambda: trimming.step(journal, NOW), 0))


def test_below_its_quota_nothing_leaves(journal, archive):
    archive.days["*"] = journal.last_n
    assert run(journal, archive, quota=10**9) == []


def test_replaced_snapshots_go_first_then_readings_that_are_safe_elsewhere_and_nothing_else(journal, archive):
    archive.days["*"] = journal.last_n
    assert run(journal, archive) == [28, 23]
    assert kinds(journal) == {
        Kind.STEPS: 7, Kind.TRANSITION: 30, Kind.REQUEST: 30, Kind.SNAPSHOT: 2, Kind.NOTICE: 2,
    }  # fmt: skip
    notices = [row.document() for row in journal.scan(0, [Kind.NOTICE])]
    assert [(n["what"], n["kind"], n["rows"]) for n in notices] == [(TRIMMED, "snapshot", 28), (TRIMMED, "steps", 23)]
    assert journal.last_snapshot().document() == {"state": 29}


def test_readings_of_a_day_that_is_not_in_the_archive_stay(journal, archive):
    assert run(journal, archive) == [28]
    archive.days["2024-10-08"] = journal.last_n
    assert day_name(5) == "2024-10-09"
    assert run(journal, archive) == [1]


def day_name(day):
    from gateway.stores.archive import day_of

    return day_of(T0 + day * DAY_US)


def test_readings_that_came_after_their_day_was_sealed_stay(journal, archive):
    archive.days["*"] = 20
    run(journal, archive)
    assert kinds(journal)[Kind.STEPS] == 25


def test_readings_that_an_uplink_has_not_carried_stay(journal, archive):
    archive.days["*"] = journal.last_n
    with Cursors.open(journal.path) as cursors:
        cursors.advance("influx", journal.last_n)
        assert run(journal, archive, ("influx", "central")) == [28]
        cursors.advance("central", 9)
        assert run(journal, archive, ("influx", "central")) == [3]


def test_readings_whose_times_are_in_doubt_stay(journal, archive):
    archive.days["*"] = journal.last_n
    document = {"what": DOUBTED, "boot": "b", "from_us": T0 + 10 * DAY_US}
    journal.append([document_row(Kind.CLOCK, NOW, document)])
    assert run(journal, archive) == [28, 10]


def test_readings_without_a_time_go_when_these_are_archived(journal, archive, tmp_path):
    with Journal.open(tmp_path / "other.db") as other:
        moment = Moment(T0, T0)
        other.append([steps_row("h", [Step(moment, [], [Outcome(0, 3, 0, 1, NO_TIME, 1.0, 1.0)])])])
        other.append([document_row(Kind.NOTICE, NOW, {})])
        assert run(other, archive) == []
        archive.days["untimed"] = 1
        assert run(other, archive) == [1]


def test_when_nothing_may_go_it_does_not_look_with_every_commit(journal, archive):
    trimming = Trimming(0, (), lambda: archive)
    assert trimming.step(journal, NOW) == 28
    assert trimming.step(journal, NOW) == 0
    archive.days["*"] = journal.last_n
    assert trimming.step(journal, NOW) == 0
    assert trimming.step(journal, Moment(NOW.now_us + 61 * SECOND_US, NOW.utc_us)) > 0


def test_freed_pages_are_used_again(tmp_path, archive):
    with Journal.open(tmp_path / "other.db") as other:
        for k in range(200):
            moment = Moment(T0 + k, T0 + k)
            other.append([document_row(Kind.SNAPSHOT, moment, {"state": os.urandom(20_000), "k": k})])
        used = other.used_bytes()
        run(other, archive)
        assert other.used_bytes() < used / 20
        size = other.path.stat().st_size
        for k in range(150):
            moment = Moment(T0 + 1000 + k, T0)
            other.append([document_row(Kind.SNAPSHOT, moment, {"state": os.urandom(20_000), "k": k})])
        assert other.path.stat().st_size == size


def test_the_writer_trims_while_it_writes(journal, archive):
    archive.days["*"] = journal.last_n
    path = journal.path
    journal.close()
    writer = JournalWriter(lambda: Journal.open(path), lambda _told: None, trimming=Trimming(0, (), lambda: archive))
    writer.start()
    for _ in range(4):
        writer.submit(Group("h", records=(Record(Kind.NOTICE, NOW, {"what": "tick"}),)))
        assert writer.flush(10)
    assert writer.close()
    with Journal.reader(path) as again:
        assert (kinds(again)[Kind.STEPS], kinds(again)[Kind.SNAPSHOT], kinds(again)[Kind.TRANSITION]) == (7, 2, 30)


def test_a_salvage_knows_what_left_on_purpose(journal, archive):
    archive.days["*"] = journal.last_n
    run(journal, archive)
    path = journal.path
    journal.close()
    path.with_name(path.name + ".suspect").touch()
    with Journal.open(path) as again:
        assert again.salvaged is not None
        assert (again.salvaged.lost_rows, again.salvaged.lost) == (0, ())
