"""From late rows in the journal to a corrected result in the history: the whole way, beside a writing gateway."""

import threading
from queue import SimpleQueue

import pytest

from bocamina.corrections import Corrector
from bocamina.engine import Engine
from gateway.domain.events import Corrected, Delivery, Pack, Sample, Tick
from gateway.stores.embedded_history import EmbeddedHistory
from gateway.stores.journal import Journal
from gateway.stores.packing import Step
from gateway.stores.rows import Kind, document_row, steps_row
from tests.bocamina.test_person_watch import CO, DAY, NO2, SITE, at

CO_ID = "co-frente-1"


class Gateway:
    """An engine that journals like the service does."""

    def __init__(self, path):
        self.journal = Journal.open(path)
        self.engine = Engine(SITE, "hash")
        self.journal.register_site("hash", SITE, at(0))
        self.wanted = []
        self.step(-1, Tick())

    def step(self, second, *events):
        now = at(second)
        out = self.engine.step(now, events)
        rows = [steps_row("hash", [Step(now, events, out.rows)])]
        rows += [document_row(Kind.SHIFT, now, result) for result in out.shifts]
        self.journal.append(rows)
        self.wanted += out.recompute
        return out

    def read(self, second, value, late=False):
        samples = (Sample(CO, value, at(second).utc_us), Sample(NO2, 0.0, at(second).utc_us))
        return Pack("nodes", "node7", samples, delivery=Delivery.BACKLOG if late else Delivery.LIVE)


@pytest.fixture
def outage(tmp_path):
    """Four hours at 10 ppm, then the line was dead; after the shift the node brings four hours at 60 ppm."""
    gateway = Gateway(tmp_path / "journal.db")
    for second in range(2, 4 * 3600, 20):
        gateway.step(second, gateway.read(second, 10.0), Tick())
    gateway.step(DAY, Tick())
    for second in range(4 * 3600 + 2, DAY - 2, 600):
        packs = [gateway.read(at_s, 60.0, late=True) for at_s in range(second, min(second + 600, DAY - 2), 20)]
        gateway.step(DAY + 10, *packs)
    gateway.step(DAY + 100, Tick())
    yield gateway, tmp_path / "journal.db"
    gateway.journal.close()


def corrector(gateway, path, answers):
    engine = gateway.engine
    return Corrector(SITE, path, lambda i: engine.exposure.lines[i], engine.results.limits_of, answers.put)


def test_the_shift_is_computed_anew_and_the_newest_result_counts(outage):
    gateway, path = outage
    history = EmbeddedHistory(path)
    first = next(one for one in history.shift_results([CO_ID]).items)
    assert (first.corrected, first.document["limits"][0]["verdict"]) == (False, "indeterminate")
    answers: SimpleQueue[Corrected] = SimpleQueue()
    working = corrector(gateway, path, answers)
    working.start()
    for wanted in gateway.wanted:
        working.ask(wanted)
    assert {wanted.sensor for wanted in gateway.wanted} >= {CO_ID}
    for _ in gateway.wanted:
        gateway.step(DAY + 101, answers.get(timeout=30))
    working.stop(10)
    (now,) = history.shift_results([CO_ID]).items
    limit = now.document["limits"][0]
    assert (now.corrected, now.shift, limit["verdict"]) == (True, "2026-11-23/dia", "exceeded")
    assert limit["low"] == pytest.approx(35.0, rel=0.01)
    assert now.document["coverage"] == pytest.approx(1.0, abs=0.01)
    assert now.document["supersedes"] is not None
    everything = list(gateway.journal.scan(kinds=[Kind.SHIFT]))
    assert len([row for row in everything if row.document()["sensor"] == CO_ID]) == 2, "the first one stands on record"


def test_pages_and_intervals_of_results(outage):
    _gateway, path = outage
    history = EmbeddedHistory(path)
    page = history.shift_results(limit=1)
    rest = history.shift_results(limit=5, cursor=page.next)
    sensors = [one.sensor for one in (*page.items, *rest.items)]
    assert sensors == sorted(set(sensors))
    assert CO_ID in sensors
    assert rest.next is None
    assert history.shift_results(start_us=at(2 * DAY).utc_us).items == []
    assert history.shift_results(end_us=at(-100).utc_us).items == []
    assert EmbeddedHistory(path.with_name("none.db")).shift_results().items == []


def test_a_history_that_cannot_be_read_is_said(outage, tmp_path):
    gateway, _path = outage
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"no journal" * 100)
    answers: SimpleQueue[Corrected] = SimpleQueue()
    working = corrector(gateway, broken, answers)
    working.start()
    working.ask(gateway.wanted[0])
    answer = answers.get(timeout=30)
    working.stop(10)
    assert answer.document == {}
    assert "broken.db" in answer.detail


def test_stopping_ends_the_thread_whatever_is_asked(outage):
    gateway, path = outage
    working = corrector(gateway, path, SimpleQueue())
    for _ in range(50):
        working.ask(gateway.wanted[0])
    working.start()
    working.stop(10)
    assert "corrections" not in {thread.name for thread in threading.enumerate()}
