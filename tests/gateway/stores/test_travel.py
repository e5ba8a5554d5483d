"""A history that travels by USB stick: everything arrives once, however often and however broken off it is copied."""

import shutil
import sqlite3
from contextlib import closing

import pytest

from gateway.domain.errors import ConfigError, OperationFailed
from gateway.domain.events import Presence
from gateway.domain.history import every
from gateway.domain.moment import NO_TIME, Moment
from gateway.stores.arrival import receive as receive_one
from gateway.stores.arrival import receive_package
from gateway.stores.embedded_history import EmbeddedHistory
from gateway.stores.journal import Journal
from gateway.stores.packages import Package, read_package, write_package
from gateway.stores.packing import Outcome, Step
from gateway.stores.positions import without_sightings
from gateway.stores.rows import Kind, document_row, steps_row
from gateway.stores.sealing import seal
from gateway.stores.travel import send, sites_of, travelling

S = 1_000_000
DAY = 86_400 * S
DAY0 = 20_600 * DAY
SENSORS = [("a", "co", "z", "ppm"), ("b", "no2", "z", "ppm")]


class Mine:
    """A gateway's data folder and a journal that grows."""

    def __init__(self, folder):
        self.data = folder
        self.path = folder / "orex-01" / "journal.db"
        self.journal = Journal.open(self.path)
        document = {"site_hash": "h", "sensors": SENSORS, "holds_s": [30.0, 30.0]}
        self.journal.append([document_row(Kind.SITE, Moment(0, 0), document)])
        self.count = 0

    def hours(self, first, last):
        for hour in range(first, last):
            at = DAY0 + hour * 3600 * S
            made = [Outcome(k, 0, 0, 0, at + i * 60 * S, i + 0.1, i / 10) for i in range(60) for k in (0, 1)]
            self.append(at, made)
            self.journal.append([
                document_row(Kind.NOTICE, Moment(at, at), {"what": f"hour {hour}"}),
                document_row(Kind.SNAPSHOT, Moment(at, at), {"large": "x" * 1000}),
            ])  # fmt: skip

    def append(self, at, made):
        self.journal.append([steps_row("h", [Step(Moment(at, at), [], made)])])


@pytest.fixture
def mine(tmp_path):
    made = Mine(tmp_path / "mine")
    yield made
    made.journal.close()


def receive(stick, data, **how):
    """From the only journal that a stick has."""
    (folder,) = travelling(stick)
    return receive_one(folder, data, **how)


def tree(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def whole(path):
    history = EmbeddedHistory(path)
    return (
        list(every(lambda cursor: history.readings(limit=5000, cursor=cursor))),
        [record[1:] for record in history.audit(limit=5000).items],
        history.rollups(3600 * S, limit=5000).items,
    )


def test_everything_arrives_once_over_weeks_of_sticks(mine, tmp_path):
    stick, office = tmp_path / "stick", tmp_path / "office"
    there = office / "orex-01" / "journal.db"
    mine.hours(0, 30)
    mine.append(DAY0, [Outcome(0, 3, 12, 1, NO_TIME, 1.0, 1.0)])
    send("orex-01", mine.data, stick)
    receive(stick, office)
    assert whole(there) == whole(mine.path)
    mine.hours(30, 60)
    seal(mine.path, "orex-01", DAY0 + 3 * DAY)
    mine.append(DAY0 + 70 * 3600 * S, [Outcome(0, 3, 12, 1, DAY0 + i * 61 * S + 7, 1.0, -1.0) for i in range(500)])
    sent = send("orex-01", mine.data, stick)
    assert len(sent.days) == 3
    for _ in range(2):
        receive(stick, office)
        assert whole(there) == whole(mine.path)
    seal(mine.path, "orex-01", DAY0 + 30 * DAY)
    mine.hours(60, 62)
    send("orex-01", mine.data, stick)
    again = send("orex-01", mine.data, stick)
    assert (again.days, again.rows) == ((), 0)
    receive(stick, office)
    assert whole(there) == whole(mine.path)
    assert receive(stick, office) == ((), 0, (), ())
    rows = [row for path in stick.rglob("*.rows") for row in read_package(path).rows]
    assert {row.kind for row in rows} == {Kind.SITE, Kind.STEPS, Kind.NOTICE}


def test_a_stick_that_was_empty_gets_sealed_days_as_they_are_and_few_rows(mine, tmp_path):
    mine.hours(0, 50)
    seal(mine.path, "orex-01", DAY0 + 10 * DAY)
    sent = send("orex-01", mine.data, tmp_path / "stick")
    assert (len(sent.days), sent.rows) == (3, 51)
    received = receive(tmp_path / "stick", tmp_path / "office")
    assert (len(received.days), received.rows) == (3, 51)
    assert whole(tmp_path / "office" / "orex-01" / "journal.db") == whole(mine.path)


def test_broken_off_anywhere_it_goes_on(mine, tmp_path):
    mine.hours(0, 50)
    seal(mine.path, "orex-01", DAY0 + 10 * DAY)
    mine.hours(50, 60)
    stick = tmp_path / "stick"
    send("orex-01", mine.data, stick)
    expected = whole(mine.path)
    files = sorted(path for path in stick.rglob("*") if path.is_file())
    for missing in files:
        broken, office = tmp_path / "broken", tmp_path / "office"
        shutil.copytree(stick, broken)
        (broken / missing.relative_to(stick)).unlink()
        assert receive(broken, office).faults
        assert send("orex-01", mine.data, broken).faults == ()
        assert tree(broken) == tree(stick)
        receive(stick, office)
        assert whole(office / "orex-01" / "journal.db") == expected
        shutil.rmtree(broken)
        shutil.rmtree(office)


def test_what_is_damaged_or_foreign_is_refused_in_one_sentence(mine, tmp_path):
    mine.hours(0, 3)
    send("orex-01", mine.data, tmp_path / "stick")
    (package,) = (tmp_path / "stick").rglob("*.rows")
    with pytest.raises(OperationFailed, match="another gateway writes this journal"):
        receive(tmp_path / "stick", mine.data)
    assert receive_package(package, tmp_path / "single").rows > 0
    assert receive_package(package, tmp_path / "single").rows == 0
    data = package.read_bytes()
    for damaged in (data[:-1], data[:100], data[:60] + b"x" + data[61:], b"", b"PAR1", data.replace(b"2", b"1", 1)):
        package.write_bytes(damaged)
        with pytest.raises(ConfigError, match=package.name):
            receive(tmp_path / "stick", tmp_path / "office")
    assert not (tmp_path / "office").exists()


def test_a_damaged_day_is_named_and_left_out(mine, tmp_path):
    mine.hours(0, 50)
    seal(mine.path, "orex-01", DAY0 + 10 * DAY)
    stick = tmp_path / "stick"
    send("orex-01", mine.data, stick)
    file = next(stick.rglob("readings-*.parquet"))
    file.write_bytes(file.read_bytes()[:-5])
    received = receive(stick, tmp_path / "office")
    assert len(received.days) == 2
    assert file.name in received.faults[0]
    send("orex-01", mine.data, tmp_path / "stick-2")
    assert receive(tmp_path / "stick-2", tmp_path / "office").faults == ()
    assert whole(tmp_path / "office" / "orex-01" / "journal.db") == whole(mine.path)


def test_times_that_were_put_right_meanwhile_are_put_right_there_too(mine, tmp_path):
    from gateway.stores.redating import REDATED

    mine.append(5, [Outcome(0, 0, 0, 0, 100 * S + i * S, 1.0, float(i)) for i in range(5)])
    send("orex-01", mine.data, tmp_path / "stick")
    receive(tmp_path / "stick", tmp_path / "office")
    document = {"what": REDATED, "boot": "b", "from_us": 50, "redated": [[0, 10, DAY0]], "rows": 1}
    (row,) = mine.journal.scan(kinds=[Kind.STEPS])
    mine.journal.respan([row._replace(first_us=row.first_us + DAY0, last_us=row.last_us + DAY0)])
    mine.journal.append([document_row(Kind.CLOCK, Moment(50, 50), document)])
    send("orex-01", mine.data, tmp_path / "stick")
    receive(tmp_path / "stick", tmp_path / "office")
    there = tmp_path / "office" / "orex-01" / "journal.db"
    assert whole(there) == whole(mine.path)
    assert EmbeddedHistory(there).readings(start_us=DAY0).items[0].time_us == DAY0 + 100 * S
    assert receive(tmp_path / "stick", tmp_path / "office").rows == 0


def small_packages(monkeypatch):
    monkeypatch.setattr("gateway.stores.packages.ROWS", 10)


def test_journals_of_one_site_stay_beside_one_another(mine, tmp_path):
    """A card was replaced: both sealed the same day, and the second one's has more revisions."""
    stick, office = tmp_path / "stick", tmp_path / "office"
    second = Mine(tmp_path / "second")
    for one, hours in ((mine, 40), (second, 30)):
        one.hours(0, hours)
        seal(one.path, "orex-01", DAY0 + 10 * DAY)
    second.append(DAY0 + 40 * 3600 * S, [Outcome(0, 3, 12, 1, DAY0 + 7, 1.0, -1.0)])
    seal(second.path, "orex-01", DAY0 + 30 * DAY)
    for one in (mine, second):
        assert send("orex-01", one.data, stick).days
    assert send("orex-01", mine.data, stick) == ((), 0, (), ())
    told = [receive_one(folder, office) for folder in (*travelling(stick), *travelling(stick))]
    assert [one.faults for one in told] == [()] * 4
    assert sum("is another journal than" in note for one in told for note in one.notes) == 2
    (beside,) = (office / "other_journals").glob("*/orex-01/journal.db")
    found = [whole(path) for path in (office / "orex-01" / "journal.db", beside)]
    assert sorted(found, key=repr) == sorted([whole(mine.path), whole(second.path)], key=repr)
    assert sites_of(office) == [("orex-01", office), ("orex-01", beside.parents[1])]
    again = tmp_path / "again"
    for site, home in sites_of(office):
        assert send(site, home, again).faults == ()
    assert {path.parent.name for path in again.rglob("contents.json")} == {
        mine.journal.identity,
        second.journal.identity,
    }
    second.journal.close()


def test_what_is_lost_or_damaged_on_a_stick_is_written_again(mine, tmp_path, monkeypatch):
    small_packages(monkeypatch)
    mine.hours(0, 50)
    seal(mine.path, "orex-01", DAY0 + 2 * DAY)
    stick = tmp_path / "stick"
    send("orex-01", mine.data, stick)
    before = tree(stick)
    names = sorted(path for path in stick.rglob("*") if path.suffix in (".rows", ".parquet", ".json"))
    for path in names[::3]:
        path.unlink()
    for path in names[1::3]:
        path.write_bytes(path.read_bytes()[:-1])
    assert send("orex-01", mine.data, stick).faults == ()
    assert tree(stick) == before


def test_a_hole_is_named_and_closed_later(mine, tmp_path, monkeypatch):
    small_packages(monkeypatch)
    mine.hours(0, 23)
    stick, office = tmp_path / "stick", tmp_path / "office"
    there = office / "orex-01" / "journal.db"
    send("orex-01", mine.data, stick)
    packages = sorted(stick.rglob("*.rows"))
    kept = packages[1].read_bytes()
    packages[1].unlink()
    packages[2].write_bytes(b"damaged")
    (fault, missing) = receive(stick, office).faults
    assert packages[2].name in fault
    assert "are missing" in missing
    assert EmbeddedHistory(there).readings(start_us=DAY0 + 22 * 3600 * S).items
    with pytest.raises(OperationFailed, match="import them first"):
        seal(there, "orex-01", DAY0 + 10 * DAY)  # or the day would never get what comes now
    packages[1].write_bytes(kept)
    assert len(receive(stick, office).faults) == 2
    send("orex-01", mine.data, stick)
    assert receive(stick, office).faults == ()
    seal(there, "orex-01", DAY0 + 10 * DAY)
    assert whole(there) == whole(mine.path)
    packages[0].unlink()
    assert "rows 1 to" in receive(stick, tmp_path / "second").faults[0]
    accepted = receive(stick, tmp_path / "second", accept_gaps=True)
    assert (accepted.faults, len(accepted.notes)) == ((), 1)
    seal(tmp_path / "second" / "orex-01" / "journal.db", "orex-01", DAY0 + 10 * DAY)
    assert "rows 1 to" in receive_package(packages[1], tmp_path / "third").faults[0]


def test_a_lost_day_is_named_and_vouched_for_by_nothing(mine, tmp_path):
    mine.hours(0, 50)
    seal(mine.path, "orex-01", DAY0 + 10 * DAY)
    stick = tmp_path / "stick"
    send("orex-01", mine.data, stick)
    day = next(stick.rglob("readings-*.parquet")).parent
    shutil.rmtree(day)
    (fault,) = receive(stick, tmp_path / "office").faults
    assert day.name in fault
    with Journal.reader(tmp_path / "office" / "orex-01" / "journal.db") as journal:
        assert journal.reached("archive") == 0


def test_a_day_that_the_office_sealed_itself_gives_way_to_one_that_has_more(mine, tmp_path):
    stick, office = tmp_path / "stick", tmp_path / "office"
    there = office / "orex-01" / "journal.db"
    mine.hours(0, 20)
    send("orex-01", mine.data, stick)
    receive(stick, office)
    seal(there, "orex-01", DAY0 + 10 * DAY)
    mine.hours(20, 30)
    seal(mine.path, "orex-01", DAY0 + 10 * DAY)
    send("orex-01", mine.data, stick)
    assert receive(stick, office).faults == ()
    assert whole(there) == whole(mine.path)
    assert receive(stick, office).days == ()


def test_nothing_on_a_stick_leads_out_of_the_folder(mine, tmp_path):
    mine.hours(0, 30)
    seal(mine.path, "orex-01", DAY0 + 10 * DAY)
    with Journal.reader(mine.path) as journal:
        rows = list(journal.scan())[:5]
    data = tmp_path / "deep" / "data"
    for at, (site, name) in enumerate((("../../escaped", "0" * 16), ("UPPER", "0" * 16), ("ok", "../../escaped"))):
        folder = tmp_path / f"evil-{at}"
        write_package(folder / "rows", Package(site, name, 1, 5, rows))
        with pytest.raises(ConfigError, match="expected"):
            receive(folder, data)
    send("orex-01", mine.data, tmp_path / "stick")
    (tmp_path / "pwn.txt").write_text("x")
    manifest = next((tmp_path / "stick").rglob("manifest.json"))
    text = manifest.read_text()
    for old, new in (
        ("readings-1.parquet", "../../../pwn.txt"),
        ("orex-01", "another"),
        ('"journal": "', '"journal": "0'),
    ):
        manifest.write_text(text.replace(old, new, 1))
        assert text != manifest.read_text()
        with pytest.raises(ConfigError, match="expected"):
            receive(tmp_path / "stick", data)
    contents = next((tmp_path / "stick").rglob("contents.json"))
    contents.write_text(contents.read_text().replace("orex-01", "../orex-01"))
    with pytest.raises(ConfigError, match="expected an id"):
        receive(tmp_path / "stick", data)
    assert not data.parent.exists()


def test_a_copied_card_and_an_older_copy_are_refused_before_anything_is_written(mine, tmp_path):
    mine.hours(0, 3)
    mine.journal.close()
    shutil.copytree(mine.data, tmp_path / "copy")
    twin = Mine.__new__(Mine)
    twin.data, twin.path = tmp_path / "copy", tmp_path / "copy" / "orex-01" / "journal.db"
    mine.journal, twin.journal = Journal.open(mine.path), Journal.open(twin.path)
    mine.hours(3, 9)
    send("orex-01", mine.data, tmp_path / "stick")
    before = tree(tmp_path / "stick")
    with pytest.raises(OperationFailed, match="an older copy of a card"):
        send("orex-01", twin.data, tmp_path / "stick")
    twin.hours(4, 10)
    with pytest.raises(OperationFailed, match="a copied card"):
        send("orex-01", twin.data, tmp_path / "stick")
    twin.journal.close()
    with pytest.raises(OperationFailed, match="a copied card"):
        receive(tmp_path / "stick", twin.data)
    assert tree(tmp_path / "stick") == before


def test_rows_that_positions_have_left_meanwhile_are_the_same_rows(mine, tmp_path):
    mine.append(5, [Outcome(0, 0, 0, 0, DAY0, 1.0, 1.0)])
    at = Moment(DAY0, DAY0)
    mine.journal.append([steps_row("h", [Step(at, [Presence("ana", "z", DAY0)], [])])])
    send("orex-01", mine.data, tmp_path / "stick")
    receive(tmp_path / "stick", tmp_path / "office")
    rows = [without_sightings(row) for row in mine.journal.scan(kinds=[Kind.STEPS])]
    mine.journal.rewrite(rows, [], {})
    for stick in ("stick", "stick-2"):
        assert send("orex-01", mine.data, tmp_path / stick).faults == ()
        assert receive(tmp_path / stick, tmp_path / "office") == ((), 0, (), ())


def test_a_journal_that_was_salvaged_on_the_way_is_told(mine, tmp_path):
    mine.hours(0, 40)
    send("orex-01", mine.data, tmp_path / "stick")
    receive(tmp_path / "stick", tmp_path / "office")
    there = tmp_path / "office" / "orex-01" / "journal.db"
    with Journal.open(there) as journal:
        identity = journal.identity
    there.write_bytes(bytes(4096) + there.read_bytes()[4096:])
    done = receive(tmp_path / "stick", tmp_path / "office")
    assert "the journal was damaged" in done.notes[0]
    with Journal.reader(there) as journal:
        assert journal.identity == identity
    assert whole(there)[0] == whole(mine.path)[0]


def test_a_copys_notice_of_its_salvage_gives_way_to_the_row_of_that_number(mine, tmp_path, monkeypatch):
    monkeypatch.setattr("gateway.stores.salvage.JUMP", 4)
    mine.hours(0, 4)
    send("orex-01", mine.data, tmp_path / "stick")
    receive(tmp_path / "stick", tmp_path / "office")
    there = tmp_path / "office" / "orex-01" / "journal.db"
    there.with_name("journal.db.suspect").touch()
    Journal.open(there).close()
    mine.hours(4, 12)
    send("orex-01", mine.data, tmp_path / "stick")
    for _ in range(2):
        assert receive(tmp_path / "stick", tmp_path / "office").faults == ()
        assert whole(there) == whole(mine.path)


def test_a_journal_without_an_identity_gets_one_that_its_copies_have(mine, tmp_path):
    """As journals of the first versions are: the row of its first site file stands for it."""
    mine.hours(0, 2)
    mine.journal.close()
    with closing(sqlite3.connect(mine.path)) as raw:
        raw.execute("DROP TABLE identity")
    shutil.copytree(mine.data, tmp_path / "copy")
    with Journal.reader(mine.path) as before, Journal.open(tmp_path / "copy" / "orex-01" / "journal.db") as copy:
        assert len(before.identity) == 16
        assert before.identity == copy.identity
        expected = before.identity
    mine.journal = Journal.open(mine.path)
    assert mine.journal.identity == expected


def test_a_package_that_unpacks_to_too_much_is_refused(mine, tmp_path, monkeypatch):
    mine.hours(0, 3)
    send("orex-01", mine.data, tmp_path / "stick")
    monkeypatch.setattr("gateway.stores.packages.MOST_BYTES", 1 << 10)
    with pytest.raises(ConfigError, match="unpacks to more than"):
        read_package(next((tmp_path / "stick").rglob("*.rows")))
