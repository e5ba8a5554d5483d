"""A history that travels by USB stick: everything arrives once, however often and however broken off it is copied."""

import shutil

import pytest

from gateway.domain.errors import ConfigError, OperationFailed
from gateway.domain.history import every
from gateway.domain.moment import NO_TIME, Moment
from gateway.stores.embedded_history import EmbeddedHistory
from gateway.stores.journal import Journal
from gateway.stores.packages import read_package
from gateway.stores.packing import Outcome, Step
from gateway.stores.rows import Kind, document_row, steps_row
from gateway.stores.sealing import seal
from gateway.stores.travel import receive, receive_package, send

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
    send("orex-01", mine.data, stick / "orex-01")
    receive(stick / "orex-01", office)
    assert whole(there) == whole(mine.path)
    mine.hours(30, 60)
    seal(mine.path, "orex-01", DAY0 + 3 * DAY)
    mine.append(DAY0 + 70 * 3600 * S, [Outcome(0, 3, 12, 1, DAY0 + i * 61 * S + 7, 1.0, -1.0) for i in range(500)])
    sent = send("orex-01", mine.data, stick / "orex-01")
    assert len(sent.days) == 3
    for _ in range(2):
        receive(stick / "orex-01", office)
        assert whole(there) == whole(mine.path)
    seal(mine.path, "orex-01", DAY0 + 30 * DAY)
    mine.hours(60, 62)
    send("orex-01", mine.data, stick / "orex-01")
    again = send("orex-01", mine.data, stick / "orex-01")
    assert (again.days, again.rows) == ((), 0)
    receive(stick / "orex-01", office)
    assert whole(there) == whole(mine.path)
    assert receive(stick / "orex-01", office) == ((), 0, ())
    rows = [row for path in (stick / "orex-01" / "rows").glob("*.rows") for row in read_package(path).rows]
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
        receive(broken, office)
        send("orex-01", mine.data, broken)
        receive(stick, office)
        assert whole(office / "orex-01" / "journal.db") == expected
        shutil.rmtree(broken)
        shutil.rmtree(office)


def test_what_is_damaged_or_foreign_is_refused_in_one_sentence(mine, tmp_path):
    mine.hours(0, 3)
    send("orex-01", mine.data, tmp_path / "stick")
    (package,) = (tmp_path / "stick" / "rows").glob("*.rows")
    with pytest.raises(OperationFailed, match="another gateway writes this journal"):
        receive(tmp_path / "stick", mine.data)
    other = Mine(tmp_path / "other")
    other.hours(5, 9)
    other.journal.close()
    with pytest.raises(OperationFailed, match="two journals of site 'orex-01'"):
        receive(tmp_path / "stick", tmp_path / "other")
    assert receive_package(package, tmp_path / "single").rows > 0
    assert receive_package(package, tmp_path / "single").rows == 0
    data = package.read_bytes()
    for damaged in (data[:-1], data[:100], data[:60] + b"x" + data[61:], b"", b"PAR1"):
        package.write_bytes(damaged)
        with pytest.raises(ConfigError, match=package.name):
            receive(tmp_path / "stick", tmp_path / "office")


def test_a_damaged_day_is_named_and_left_out(mine, tmp_path):
    mine.hours(0, 50)
    seal(mine.path, "orex-01", DAY0 + 10 * DAY)
    stick = tmp_path / "stick"
    send("orex-01", mine.data, stick)
    file = next((stick / "archive").rglob("readings-*.parquet"))
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
