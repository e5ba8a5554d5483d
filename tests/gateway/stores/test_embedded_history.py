"""The embedded history keeps the promises of `tests/contracts/history.py`, beside a writer that goes on."""

import math
from typing import Any

import pytest

from gateway.domain.history import every
from gateway.domain.moment import Moment
from gateway.stores.embedded_history import EmbeddedHistory
from gateway.stores.journal import Journal
from gateway.stores.packing import Outcome, Step
from gateway.stores.rows import Kind, document_row, steps_row
from tests.contracts.history import CO, NO2, T0, HistoryContract, S


class JournalPast:
    """Written through the journal, read through another connection."""

    def __init__(self, path) -> None:
        self.journal = Journal.open(path)
        self.history = EmbeddedHistory(path)

    def site(self, site_hash, sensors) -> None:
        document = {"site_hash": site_hash, "sensors": sensors}
        self.journal.append([document_row(Kind.SITE, Moment(T0, T0), document)])

    def readings(self, site_hash, outcomes, quality=0, reason=0) -> None:
        made = []
        for sensor, time_us, value in outcomes:
            number = math.nan if value is None else value
            made.append(Outcome(sensor, quality, reason, 0, time_us, number * 2, number))
        self.journal.append([steps_row(site_hash, [Step(Moment(T0, T0), [], made)])])

    def document(self, kind: str, time_us: int, document: dict[str, Any]) -> None:
        self.journal.append([document_row(Kind[kind.upper()], Moment(time_us, time_us), document)])


@pytest.fixture
def past(tmp_path):
    made = JournalPast(tmp_path / "journal.db")
    yield made
    made.journal.close()


class TestEmbeddedHistory(HistoryContract):
    pass


def test_a_journal_that_is_not_there_yet_is_an_empty_history(tmp_path):
    history = EmbeddedHistory(tmp_path / "nowhere" / "journal.db")
    assert history.readings() == history.alarms() == ([], None)


def test_readings_whose_site_file_is_unknown_are_shown_all_the_same(past):
    past.readings("0123456789abcdef", [(3, T0, 1.0)])
    assert [(r.sensor, r.value) for r in past.history.readings().items] == [("01234567#3", 1.0)]


def test_many_commits_come_in_order_whatever_the_page(past):
    past.site("a", [CO, NO2])
    for i in range(700):
        past.readings("a", [(0, T0 + i * S, float(i)), (1, T0 + i * S + 1, 0.5)])
    past.readings("a", [(0, T0 + 350 * S + 2, -1.0), (0, T0 + 650 * S + 2, -2.0)])
    found = [r.time_us for r in every(lambda cursor: past.history.readings(limit=97, cursor=cursor))]
    assert len(found) == 1402
    assert found == sorted(found)


def test_the_port_is_what_the_contract_types_say(past):
    from gateway.domain.history import History

    history: History = past.history
    assert history.readings(limit=1) == ([], None)
