"""Readings of a wrong clock in the history and the archive: never sealed into a wrong day, found in the right one."""

import pytest

from gateway.domain.history import DAY_US
from gateway.domain.moment import SECOND_US, Moment
from gateway.stores.cursors import Cursors
from gateway.stores.embedded_history import EmbeddedHistory
from gateway.stores.journal import Journal
from gateway.stores.packing import Outcome, Step
from gateway.stores.redating import DOUBTED, REDATED, TRUSTED, Righting
from gateway.stores.rows import Kind, document_row, steps_row
from gateway.stores.sealing import seal
from gateway.stores.writer import Group, JournalWriter, Record

pytest.importorskip("pyarrow")
pytest.importorskip("duckdb")

T0 = 20_600 * DAY_US
WRONG_US = 700 * DAY_US
STEP_US = 3600 * SECOND_US


@pytest.fixture
def journal(tmp_path):
    with Journal.open(tmp_path / "orex-01" / "journal.db") as opened:
        sensors = [("co-1", "co", "face", "ppm")]
        opened.append([document_row(Kind.SITE, Moment(0, 0), {"site_hash": "h", "sensors": sensors})])
        Cursors.open(opened.path)._connection.close()
        yield opened


def at(hour: int, *, wrong: bool = False) -> Moment:
    us = T0 + hour * STEP_US + 1
    return Moment(us, us - (WRONG_US if wrong else 0), not wrong)


def measured(hour: int, *, wrong: bool = False) -> list:
    moment = at(hour, wrong=wrong)
    return [
        steps_row("h", [Step(moment, [], [Outcome(0, 0, 0, 0, moment.utc_us, float(hour), float(hour))])]),
        document_row(Kind.NOTICE, moment, {"what": "hour", "hour": hour}),
    ]


def clock(what: str, hour: int, **more) -> list:
    document = {"what": what, "boot": "b", "from_us": at(hour).now_us} | more
    return [document_row(Kind.CLOCK, at(hour, wrong=what == DOUBTED), document)]


def test_doubtful_readings_wait_for_their_day_and_stand_in_it_when_they_are_put_right(journal) -> None:
    history = EmbeddedHistory(journal.path)
    for hour in range(30):
        journal.append(measured(hour))
    journal.append(clock(DOUBTED, 30))
    for hour in range(30, 60):
        journal.append(measured(hour, wrong=True))
    now_us = T0 + 10 * DAY_US
    first = seal(journal.path, "orex-01", now_us)
    assert first.readings == 30, "what may still be re-dated has no day yet"
    doubtful = history.readings(start_us=T0 - WRONG_US, end_us=T0).items
    assert [r.value for r in doubtful] == list(map(float, range(30, 60)))
    journal.append(clock(TRUSTED, 60, redated=[[at(30).now_us, at(60).now_us, WRONG_US]]))
    for hour in range(60, 72):
        journal.append(measured(hour))
    righting = Righting(journal)
    while righting.pending:
        righting.step()
    everything = list(map(float, range(72)))
    assert [r.value for r in history.readings().items] == everything
    assert history.readings(end_us=T0).items == []
    second = seal(journal.path, "orex-01", now_us)
    assert first.readings + second.readings == 72
    assert [r.value for r in history.readings().items] == everything
    assert [r.value for r in history.readings(start_us=T0 + DAY_US, end_us=T0 + 2 * DAY_US).items] == everything[24:48]
    hours = [
        record.document["hour"]
        for record in history.audit(start_us=T0 + DAY_US, end_us=T0 + 2 * DAY_US, limit=1000).items
        if record.document.get("what") == "hour"
    ]
    assert hours == list(range(24, 48)), "documents are found at the right time as well"


def test_the_writer_puts_right_while_it_writes(journal) -> None:
    for hour in range(300):
        journal.append(measured(hour, wrong=True))
    path = journal.path
    journal.close()
    writer = JournalWriter(lambda: Journal.open(path), lambda _told: None)
    writer.start()
    pieces = [[at(0).now_us, at(300).now_us, WRONG_US]]
    trusted = {"what": TRUSTED, "boot": "b", "from_us": at(300).now_us, "redated": pieces}
    writer.submit(Group("h", records=(Record(Kind.CLOCK, at(300), trusted),)))
    for _ in range(5):
        writer.submit(Group("h", records=(Record(Kind.NOTICE, at(300), {}),)))
        assert writer.flush(10)
    assert writer.close()
    with Journal.reader(path) as again:
        assert [row.document()["what"] for row in again.scan(0, [Kind.CLOCK])] == [TRUSTED, REDATED]
        (done,) = [d for row in again.scan(0, [Kind.CLOCK]) if (d := row.document())["what"] == REDATED]
        assert done["rows"] == 300
    found = EmbeddedHistory(path).readings(start_us=T0, end_us=T0 + 300 * STEP_US + 2).items
    assert len(found) == 300
