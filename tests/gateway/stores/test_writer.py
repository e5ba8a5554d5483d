"""The writer thread: the engine never waits, what is told durable is durable, what fails is kept and tried again."""

import threading
import time
from time import monotonic

import pytest

from gateway.domain.errors import StoreFailed
from gateway.domain.events import Tick
from gateway.domain.moment import Moment
from gateway.stores.journal import Journal
from gateway.stores.packing import Outcome, Step
from gateway.stores.rows import Kind
from gateway.stores.writer import READING_BYTES, Group, JournalWriter, Record, rows_of

T0 = 1_780_000_000_000_000


def group(n, readings=1, records=(), urgent=True, site_hash="h"):
    moment = Moment(T0 + n, T0 + n)
    step = Step(moment, [Tick()], [Outcome(i, 0, 0, 0, T0 + n, 1.0, 1.0) for i in range(readings)])
    return Group(site_hash, (step,), tuple(Record(kind, moment, {"i": n}) for kind in records), n, urgent)


class Gate:
    """A `before_commit` that tests open and shut, or break."""

    def __init__(self):
        self.open = threading.Event()
        self.open.set()
        self.broken = False
        self.commits = 0

    def __call__(self):
        assert self.open.wait(20)
        self.commits += 1
        if self.broken:
            raise StoreFailed("journal.db: the disk is full")


class Bench:
    def __init__(self, path, **settings):
        self.path, self.told, self.gate = path, [], Gate()
        self.writer = JournalWriter(
            lambda: Journal.open(path), self.told.extend, before_commit=self.gate, **settings
        )
        self.writer.start()

    def rows(self):
        with Journal.reader(self.path) as journal:
            return list(journal.scan())

    def events(self):
        return [step.moment.now_us - T0 for row in self.rows() if row.kind == Kind.STEPS for step in row.steps().steps]


@pytest.fixture
def bench(tmp_path):
    made = []

    def make(**settings):
        made.append(Bench(tmp_path / "journal.db", **settings))
        return made[-1]

    yield make
    for one in made:
        one.gate.open.set()
        one.gate.broken = False
        one.writer.close(10)


def until(true, within_s=10.0):
    deadline = monotonic() + within_s
    while not true():
        assert monotonic() < deadline, "waited too long"
        time.sleep(0.005)


def test_every_group_is_durable_once_and_told_in_order(bench):
    it = bench()
    for n in range(500):
        assert it.writer.submit(group(n, records=[Kind.TRANSITION] if n % 50 == 0 else []))
    assert it.writer.flush(10)
    assert it.told == list(range(500))
    assert it.events() == list(range(500))
    assert [row.document()["i"] for row in it.rows() if row.kind == Kind.TRANSITION] == list(range(0, 500, 50))
    assert (it.writer.backlog, it.writer.stalled_s, it.writer.failure, it.writer.room) == (0, 0.0, None, 1.0)


def test_what_comes_during_a_commit_goes_together_into_the_next(bench):
    it = bench()
    it.gate.open.clear()
    it.writer.submit(group(0))
    until(lambda: it.writer.stalled_s > 0)
    started = monotonic()
    for n in range(1, 300):
        it.writer.submit(group(n))
    assert monotonic() - started < 0.5  # nobody waits for a stalled disk
    assert it.writer.backlog == 300
    assert it.told == []
    it.gate.open.set()
    assert it.writer.flush(10)
    assert [row.kind for row in it.rows()] == [Kind.STEPS, Kind.STEPS]
    assert it.told == list(range(300))


def test_an_urgent_group_takes_the_idle_ones_with_it(bench):
    it = bench(idle_s=30.0)
    for n in range(3):
        it.writer.submit(group(n, urgent=False))
    time.sleep(0.05)  # nothing to wait on: that nothing happens is the point
    assert (it.told, it.gate.commits) == ([], 0)
    it.writer.submit(group(3))
    until(lambda: it.told == [0, 1, 2, 3])
    assert it.gate.commits == 1


def test_idle_groups_wait_for_company_and_not_longer(bench):
    it = bench(idle_s=0.1)
    it.writer.submit(group(0, urgent=False))
    it.writer.submit(group(1, urgent=False))
    until(lambda: it.told == [0, 1], within_s=5)
    assert it.gate.commits == 1


def test_a_disk_that_refuses_for_a_while_loses_nothing(bench):
    it = bench()
    it.writer.submit(group(0))
    until(lambda: it.told == [0])
    it.gate.broken = True
    for n in range(1, 100):
        it.writer.submit(group(n))
    until(lambda: it.writer.failure is not None)
    assert "the disk is full" in it.writer.failure
    assert it.told == [0]
    assert it.writer.backlog == 99
    it.gate.broken = False
    until(lambda: it.writer.backlog == 0)
    assert it.writer.failure is None
    assert it.told == list(range(100)) == it.events()


def test_a_folder_that_cannot_be_written_at_start_is_waited_for(tmp_path, bench):
    it = bench()
    it.writer.close()
    blocked = tmp_path / "site"
    blocked.write_text("in the way")
    told = []
    writer = JournalWriter(lambda: Journal.open(blocked / "journal.db"), told.extend)
    writer.start()
    try:
        writer.submit(group(1))
        until(lambda: writer.failure is not None)
        blocked.unlink()
        until(lambda: told == [1])
    finally:
        writer.close()


def test_a_commit_that_stood_although_its_sync_failed_is_not_repeated(tmp_path):
    class Lying(Journal):
        lied = 0

        def append(self, rows):
            n = super().append(rows)
            if Lying.lied < 2:
                Lying.lied += 1
                raise StoreFailed("fsync: input/output error")
            return n

    told = []
    writer = JournalWriter(lambda: Lying.open(tmp_path / "journal.db"), told.extend)
    writer.start()
    writer.submit(group(1, records=[Kind.COMMAND]))
    until(lambda: told == [1])
    writer.submit(group(2))
    until(lambda: told == [1, 2])
    assert writer.close()
    with Journal.reader(tmp_path / "journal.db") as journal:
        assert [row.kind for row in journal.scan()] == [Kind.STEPS, Kind.COMMAND, Kind.STEPS]


def test_without_room_readings_are_refused_and_alarms_kept_and_the_loss_is_on_record(bench):
    it = bench(most_bytes=20 * READING_BYTES)
    it.gate.open.clear()
    assert it.writer.submit(group(0, readings=15))
    assert not it.writer.submit(group(1, readings=10, records=[Kind.TRANSITION, Kind.SNAPSHOT]))
    assert not it.writer.submit(group(2, readings=10))
    assert it.writer.lost_readings == 20
    it.gate.open.set()
    assert it.writer.flush(10)
    assert it.told == [0]
    assert it.writer.submit(group(3))
    assert it.writer.flush(10)
    assert it.told == [0, 3]
    assert [row.kind for row in it.rows()] == [Kind.STEPS, Kind.TRANSITION, Kind.STEPS, Kind.NOTICE]
    notice = it.rows()[-1].document()
    assert notice == {
        "what": "journal_overflow", "readings": 20, "first_utc_us": T0 + 1, "last_utc_us": T0 + 2,
    }  # fmt: skip
    assert it.writer.close()
    after = bench()  # the gateway starts anew when the disk works again: then people are told
    after.writer.submit(group(4))
    assert after.writer.flush(10)
    (loss,) = after.writer.losses()
    assert (loss.what, loss.n) == ("journal_overflow", it.rows()[3].n)
    assert loss.detail.startswith("20 readings were refused between 2026-")
    assert after.writer.losses() == []


def test_closing_writes_what_waits(bench):
    it = bench(idle_s=60)
    it.writer.submit(group(1, urgent=False))
    assert it.writer.close()
    assert it.events() == [1]
    assert not it.writer.alive


def test_closing_with_a_dead_disk_says_so_and_does_not_hang(bench):
    it = bench()
    it.gate.broken = True
    it.writer.submit(group(1))
    until(lambda: it.writer.failure is not None)
    started = monotonic()
    assert not it.writer.close(5)
    assert monotonic() - started < 3


def test_a_snapshot_and_a_new_site_file_end_a_row_of_steps():
    first = [group(0), group(1, records=[Kind.TRANSITION]), group(2, records=[Kind.SNAPSHOT])]
    rows = rows_of([*first, group(3), group(4, site_hash="i")])
    assert [row.kind.word for row in rows] == ["steps", "transition", "snapshot", "steps", "steps"]
    assert [row.now_us - T0 for row in rows] == [2, 1, 2, 3, 4]
