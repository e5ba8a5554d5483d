"""After thirty days positions are gone from the file itself; minutes by zone, readings and the record stay."""

import pytest

from gateway.domain.errors import StoreFailed
from gateway.domain.events import HeadCount, Presence, Request
from gateway.domain.history import DAY_US
from gateway.domain.moment import Moment
from gateway.stores.embedded_history import EmbeddedHistory
from gateway.stores.journal import Journal
from gateway.stores.packing import Outcome, Step
from gateway.stores.positions import NOTED, REDUCED, REMOVED, ROWS_A_STEP, PositionKeeping
from gateway.stores.rows import TRIMMED, Kind, document_row, steps_row

MIN = 60_000_000
T0 = 20_600 * DAY_US


def row_at(at, *events):
    return steps_row("h", [Step(Moment(at, at), events, [Outcome(0, 0, 0, 0, at, 1.5, 1.5)])])


def commit(journal, at, *events):
    journal.append([row_at(at, *events)])


@pytest.fixture
def journal(tmp_path):
    with Journal.open(tmp_path / "journal.db") as journal:
        sensors = {"site_hash": "h", "sensors": [("co-1", "co", "face", "ppm")], "holds_s": [30.0]}
        journal.append([document_row(Kind.SITE, Moment(T0, T0), sensors)])
        commit(journal, T0, Presence("secret-1", "face"), Presence("secret-2", "ramp"), HeadCount("face", 2, "ana"))
        commit(journal, T0 + 90 * MIN, Presence("secret-1", "ramp"))
        said = Request("r", "presence", "ana", "officer", "secret-1", {"zone": None})
        commit(journal, T0 + 120 * MIN, said, Request("a", "acknowledge", "ana", "officer", "x", {}))
        journal.append([document_row(Kind.TRANSITION, Moment(T0, T0), {"alarm": "co-1/high", "person": "secret-1"})])
        commit(journal, T0 + DAY_US - MIN, Presence("secret-3", "face"))
        commit(journal, T0 + DAY_US + 9 * MIN, Presence("secret-3", None))
        commit(journal, T0 + 20 * DAY_US, Presence("recent", "face"))
        journal.append([row_at(T0 + 20 * DAY_US + hour * 60 * MIN) for hour in range(24 * 15)])
        yield journal


NOW = Moment(T0 + 32 * DAY_US, T0 + 32 * DAY_US)


def all_of(keeping, journal, moment=NOW):
    steps = 0
    while keeping.step(journal, moment):
        steps += 1
    return steps


def notes(journal):
    found = [row.document() for row in journal.scan(0, [Kind.NOTICE])]
    return [document["minutes"] for document in found if document["what"] == REDUCED]


def named(journal, word):
    return [row.n for row in journal.scan() if row.kind == Kind.STEPS and word in repr(row.steps())]



def test_positions_go_and_minutes_by_zone_stay(tmp_path, journal):
    history = EmbeddedHistory(tmp_path / "journal.db")
    before, presence = history.readings(limit=5000), history.presence()
    all_of(PositionKeeping(), journal)
    (minutes,) = notes(journal)
    # secret-1 90 in face, 30 in ramp; secret-2 not seen again: 720; secret-3 10 in face over midnight
    assert minutes == {"2026-05-27": {"face": 100, "ramp": 750}}
    assert named(journal, "secret") == []
    assert len(named(journal, "recent")) == 1
    assert len(named(journal, "HeadCount")) == len(named(journal, "acknowledge")) == 1
    assert any(row.document().get("person") == "secret-1" for row in journal.scan(0, [Kind.TRANSITION]))
    assert history.readings(limit=5000) == before
    assert history.presence() == presence
    assert journal.damaged == set()
    assert journal.reached(NOTED) == journal.reached(REMOVED) > 0


def test_again_changes_nothing_and_only_once_a_day(journal):
    keeping = PositionKeeping()
    assert all_of(keeping, journal) > 0
    rows = [(row.n, row.body) for row in journal.scan()]
    assert all_of(keeping, journal) == 0
    all_of(PositionKeeping(), journal)
    assert [(row.n, row.body) for row in journal.scan()] == rows
    all_of(keeping, journal, Moment(NOW.now_us + 30 * DAY_US, NOW.utc_us + 30 * DAY_US))
    assert named(journal, "recent") == []
    assert len(notes(journal)) == 2


@pytest.mark.parametrize("stop", range(12))
def test_broken_off_anywhere_it_is_counted_once_and_completed(journal, stop):
    keeping = PositionKeeping()
    for _ in range(stop):
        keeping.step(journal, NOW)
    all_of(PositionKeeping(), journal)
    assert notes(journal) == [{"2026-05-27": {"face": 100, "ramp": 750}}]
    assert named(journal, "secret") == []


def test_a_disk_that_fails_leaves_all_as_it_was(journal, monkeypatch):
    keeping = PositionKeeping()
    with monkeypatch.context() as patch:
        def fails(*_arguments):
            raise StoreFailed("the disk is full")

        patch.setattr(journal, "rewrite", fails)
        with pytest.raises(StoreFailed):
            all_of(keeping, journal)
    assert len(named(journal, "secret")) == 5
    all_of(keeping, journal)
    assert named(journal, "secret") == []


def snapshots(journal):
    return [row.document()["number"] for row in journal.scan(0, [Kind.SNAPSHOT])]


def snapshot(journal, number, every_us=DAY_US):
    at = T0 + number * every_us
    document = {"number": number, "tags": {"ana": "face"}}
    journal.append([row_at(at), document_row(Kind.SNAPSHOT, Moment(at, at), document)])


def test_snapshots_that_newer_ones_replaced_go_with_the_positions_in_them(tmp_path):
    with Journal.open(tmp_path / "other.db") as journal:
        for day in range(45):
            snapshot(journal, day)
        all_of(PositionKeeping(), journal, Moment(T0 + 44 * DAY_US, T0 + 44 * DAY_US))
        assert snapshots(journal) == list(range(14, 45)), "the first 14 are older than thirty days"
        (note,) = [row.document() for row in journal.scan(0, [Kind.NOTICE])]
        assert (note["what"], note["kind"], note["first_n"], note["last_n"], note["rows"]) == (
            TRIMMED, "snapshot", 2, 28, 14,
        )  # fmt: skip
        all_of(PositionKeeping(), journal, Moment(T0 + 200 * DAY_US, T0 + 200 * DAY_US))
        assert snapshots(journal) == [43, 44], "a restart begins with the newest, or with the one before it"
        assert len(list(journal.scan(0, [Kind.STEPS]))) == 45


def test_old_snapshots_go_in_parts_and_broken_off_they_go_the_next_time(tmp_path):
    with Journal.open(tmp_path / "other.db") as journal:
        for minute in range(120):
            snapshot(journal, minute, MIN)
        keeping, late = PositionKeeping(), Moment(T0 + 60 * DAY_US, T0 + 60 * DAY_US)
        keeping.step(journal, late)
        assert len(snapshots(journal)) == 120 - ROWS_A_STEP
        all_of(PositionKeeping(), journal, late)
        assert snapshots(journal) == [118, 119]


def test_a_clock_in_doubt_gives_nothing_an_age(journal):
    doubt = {"what": "doubted", "boot": "b", "from_us": T0 + 60 * MIN, "skew_us": 0, "floor_us": 0, "why": "x"}
    journal.append([document_row(Kind.CLOCK, NOW, doubt)])
    all_of(PositionKeeping(), journal)
    assert len(named(journal, "secret-1")) == 2
