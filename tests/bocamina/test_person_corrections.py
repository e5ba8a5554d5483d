"""Late samples of a shift that is over correct what persons took in it: on record, told; nothing of now is touched."""

from queue import SimpleQueue
from typing import Any

import msgspec
import pytest

from bocamina.corrections import Corrector
from bocamina.engine import Engine
from bocamina.person_corrections import Beside, corrected_persons
from bocamina.person_record import PersonsWanted
from bocamina.person_scope import scope_of
from bocamina.site_file import parse_site
from bocamina.step_records import records_of
from bocamina.virtual import relive
from gateway.domain.events import Corrected, Delivery, Pack, Presence, Request, Sample, Started, Tick
from gateway.domain.moment import SECOND_US
from gateway.stores.embedded_history import EmbeddedHistory
from gateway.stores.journal import Journal
from gateway.stores.packing import Step
from gateway.stores.positions import REMOVED
from gateway.stores.redating import TRUSTED, Righting
from gateway.stores.rows import Kind, document_row, steps_row
from tests.bocamina.test_person_watch import CO, DAY, NO2, TEXT, at, limit

SHIFT = "2026-11-23/dia"
MORE = """
[[sensors]]
id = "co-bocamina"
zone = "bocamina"
quantity = "co"
source = "nodes"
channel = "node8/co"
period_s = 10
full_scale = 1000
"""
SITE = parse_site((TEXT + MORE).replace("period_s = 10\n", "period_s = 30\nmax_age_s = 200\n").encode())
PORTAL = next(i for i, sensor in enumerate(SITE.sensors) if sensor.id == "co-bocamina")
HOUR = 3600


class Gateway:
    """An engine that journals all that the service does."""

    def __init__(self, path: Any) -> None:
        self.path = path
        self.journal = Journal.open(path)
        self.engine = Engine(SITE, "hash")
        self.journal.register_site("hash", SITE, at(-1))
        self.wanted: list[Any] = []
        self.step(-1, Started("hash", "1"), Tick())

    def step(self, second: float, *events: Any) -> Any:
        now = at(second)
        out = self.engine.step(now, events)
        records = records_of(now, out, [])
        rows = [document_row(record.kind, record.moment, record.document) for record in records]
        self.journal.append([steps_row("hash", [Step(now, events, out.rows)]), *rows])
        self.wanted += out.recompute
        return out

    def read(self, second: int, face: float, portal: float = 1.0) -> Pack:
        """Live, both places."""
        time_us = at(second).utc_us
        samples = (Sample(CO, face, time_us), Sample(NO2, 0.0, time_us), Sample(PORTAL, portal, time_us))
        return Pack("nodes", "node7", samples)

    def live(self, start: int, end: int, face: float) -> None:
        for second in range(start, end, 120):
            self.step(second, self.read(second, face), Tick())

    def late(self, came: int, start: int, end: int, value: float) -> list[Any]:
        """The face's node had no line from start to end."""
        outs = []
        for first in range(start, end, 3600):
            samples = [(Sample(CO, value, at(s).utc_us), Sample(NO2, 0.0, at(s).utc_us))
                       for s in range(first, min(first + 3600, end), 120)]  # fmt: skip
            outs.append(self.step(came, *(Pack("nodes", "node7", s, delivery=Delivery.BACKLOG) for s in samples)))
        return outs

    def computed(self) -> Corrected:
        wanted = next(one for one in reversed(self.wanted) if isinstance(one, PersonsWanted))
        history, lines = EmbeddedHistory(self.path), self.engine.exposure.lines
        return corrected_persons(Beside(SITE, scope_of(SITE), self.path, history, lines.__getitem__), wanted)

    def results(self, tag: str) -> list[dict[str, Any]]:
        rows = (row.document() for row in self.journal.scan(kinds=[Kind.PERSON]))
        return [row for row in rows if row["person"] == tag and row["shift"] == SHIFT and row["shift_over"]]


@pytest.fixture
def outage(tmp_path):
    """tag-1 is at the face all day, tag-2 leaves before its line dies: 10 ppm, then four hours of nothing."""
    gateway = Gateway(tmp_path / "journal.db")
    gateway.step(1, Presence("tag-1", "frente-1"), Presence("tag-2", "frente-1"), Presence("tag-3", "bocamina"))
    gateway.live(2, 4 * HOUR, 10.0)
    gateway.step(4 * HOUR, Presence("tag-2", "bocamina"))
    for second in range(4 * HOUR + 60, DAY, 120):
        pack = gateway.read(second, 0.0)
        moves = [Presence("tag-3", None)] if second == 7 * HOUR + 60 else []
        gateway.step(second, Pack("nodes", "node8", pack.samples[2:]), *moves, Tick())
    gateway.step(DAY, Tick())
    yield gateway
    gateway.journal.close()


def test_the_person_who_was_there_gets_a_corrected_result_and_nobody_else(outage):
    (first,) = outage.results("tag-1")
    assert (first["corrected"], first["supersedes"], limit(first)["verdict"]) == (False, None, "indeterminate")
    assert first["start"][:19] == "2026-11-23T12:00:00"
    (others,) = outage.results("tag-2")
    live = outage.engine.people.persons.dump()
    outs = outage.late(DAY + 10, 4 * HOUR + 62, DAY - 2, 60.0)
    assert outage.engine.people.persons.dump() == live, "what runs is not touched"
    assert not any(out.transitions or out.commands or out.verdicts for out in outs)
    outage.step(DAY + 100, Tick())
    out = outage.step(DAY + 101, outage.computed())
    assert {row["person"] for row in out.persons} == {"tag-1"}
    assert [t.alarm for t in out.transitions] == ["gateway.history_corrected"]
    assert not out.verdicts
    assert "tag-1" in out.transitions[0].document["reason"]
    before, after = outage.results("tag-1")
    assert before == first, "the first one stands on record"
    twa = limit(after)
    assert (twa["verdict"], after["corrected"], after["supersedes"]) == ("exceeded", True, first["time"])
    assert twa["low"] == pytest.approx(35.0, rel=0.01)
    assert twa["coverage"] == pytest.approx(1.0, abs=0.01)
    assert {key: after[key] for key in ("start", "end", "inside", "late")} == {
        key: first[key] for key in ("start", "end", "inside", "late")
    }
    assert outage.results("tag-2") == [others], "she had left before the line died"
    assert "frente-1" not in str(outage.results("tag-1"))


def test_the_record_without_late_samples_gives_what_was_lived(outage):
    """A late word of the first second alone: nothing changes for whom it is older than their arrival."""
    outage.step(DAY + 10, Pack("nodes", "node7", (Sample(NO2, 0.0, at(8).utc_us),), delivery=Delivery.BACKLOG))
    outage.step(DAY + 100, Tick())
    computed = outage.computed()
    rows = {row["person"]: row for row in computed.document["persons"]}
    assert set(rows) == {"tag-1", "tag-2"}
    for tag in rows:
        (lived,) = outage.results(tag)
        for now, then in zip(rows[tag]["limits"], lived["limits"], strict=True):
            assert {**now, "quantity": ""} == {**then, "quantity": ""}


def test_the_history_shows_the_newest_result_where_the_former_was(outage):
    """tag-3 went home at two and has no newer figures than those of that shift."""
    history = EmbeddedHistory(outage.path)
    former = history.person_now("tag-3")
    assert (former.document["shift_over"], former.document["corrected"]) == (True, False)
    gas = Sample(PORTAL, 900.0, at(5 * HOUR + 30).utc_us)
    outage.step(DAY + 10, Pack("nodes", "node8", (gas,), delivery=Delivery.BACKLOG))
    outage.step(DAY + 100, Tick())
    outage.step(DAY + 101, outage.computed())
    rest, shown = history.person_shifts("tag-3").items
    assert rest.document["shift"].endswith("/over"), "somebody was followed in it too"
    assert shown.document["corrected"]
    assert limit(shown.document)["low"] > limit(former.document)["low"]
    assert history.person_now("tag-3") == shown
    page = history.person_shifts("tag-3", limit=1)
    assert (page.items, history.person_shifts("tag-3", cursor=page.next).items) == ([rest], [shown])
    assert history.person_shifts("nobody").items == []
    assert history.person_shifts("tag-3", end_us=at(-9 * HOUR).utc_us).items == []
    assert history.person_shifts("tag-3", start_us=at(2 * DAY).utc_us).items == []
    assert EmbeddedHistory(outage.path.with_name("none.db")).person_shifts("tag-3").items == []


def test_figures_of_now_stay_those_of_now(outage):
    outage.late(DAY + 10, 4 * HOUR + 62, DAY - 2, 60.0)
    outage.live(DAY + 20, DAY + 200, 1.0)
    outage.step(DAY + 201, outage.computed())
    now = EmbeddedHistory(outage.path).person_now("tag-1")
    assert (now.document["shift"], now.document["shift_over"]) == ("2026-11-23/tarde", False)


def test_a_second_correction_supersedes_the_first(outage):
    outage.late(DAY + 10, 4 * HOUR + 62, 6 * HOUR, 60.0)
    outage.step(DAY + 100, Tick())
    outage.step(DAY + 101, outage.computed())
    outage.late(DAY + 200, 6 * HOUR + 2, DAY - 2, 60.0)
    outage.step(DAY + 300, Tick())
    outage.step(DAY + 301, outage.computed())
    _first, second, third = outage.results("tag-1")
    assert third["supersedes"] == second["time"]
    assert limit(third)["low"] > limit(second)["low"]


def test_an_answer_that_later_samples_overtook_is_not_taken(outage):
    outage.late(DAY + 10, 4 * HOUR + 62, 5 * HOUR, 60.0)
    outage.step(DAY + 100, Tick())
    stale = outage.computed()
    outage.late(DAY + 110, 5 * HOUR + 2, 6 * HOUR, 60.0)
    assert not outage.step(DAY + 111, stale).persons
    assert outage.step(DAY + 200, Tick()).recompute
    assert outage.step(DAY + 201, outage.computed()).persons


def test_a_replay_of_the_journal_brings_every_row_again(outage):
    outage.late(DAY + 10, 4 * HOUR + 62, DAY - 2, 60.0)
    outage.step(DAY + 100, Tick())
    outage.step(DAY + 101, outage.computed())
    lived = [row.document() for row in outage.journal.scan(kinds=[Kind.PERSON])]
    record = relive(Engine(SITE, "hash"), outage.journal).record
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(record.persons)) == lived


def test_a_restart_asks_again_and_the_state_is_the_same(outage):
    outage.late(DAY + 10, 4 * HOUR + 62, 5 * HOUR, 60.0)
    outage.step(DAY + 100, Tick())
    assert not outage.step(DAY + 101, Tick()).recompute, "once, until its answer comes"
    again = Engine(SITE, "hash")
    again.load(msgspec.msgpack.decode(msgspec.msgpack.encode(outage.engine.dump())))
    assert again.people.dump() == outage.engine.people.dump()
    wanted = [one for one in again.step(at(DAY + 102), [Started("hash", "1"), Tick()]).recompute
              if isinstance(one, PersonsWanted)]  # fmt: skip
    assert [(one.shift.key, one.late) for one in wanted] == [(SHIFT, frozenset({CO, NO2}))]
    assert [one.tag for one in wanted[0].shift.people] == ["tag-1", "tag-2", "tag-3"]


def test_late_samples_of_the_shift_that_runs_correct_it_after_its_end(tmp_path):
    gateway = Gateway(tmp_path / "journal.db")
    gateway.step(1, Presence("tag-1", "frente-1"))
    gateway.live(2, HOUR, 10.0)
    gateway.late(HOUR + 10, 62, HOUR, 40.0)
    assert not gateway.step(HOUR + 200, Tick()).recompute
    gateway.step(DAY, Tick())
    gateway.step(DAY + 61, Tick())
    assert [row["person"] for row in gateway.computed().document["persons"]] == ["tag-1"]
    gateway.journal.close()


def test_who_was_inside_before_the_shift_is_found_by_the_moment_of_their_arrival(tmp_path):
    gateway = Gateway(tmp_path / "journal.db")
    gateway.step(1, Request("r1", "presence", "ana", "officer", "tag-1", {"zone": "frente-1"}))
    gateway.step(2, Tick())
    for second in range(HOUR, DAY, HOUR):
        gateway.step(second, Tick())
    gateway.step(DAY, Tick())
    gateway.live(DAY + 10, DAY + HOUR, 5.0)
    gateway.step(2 * DAY, Tick())  # the afternoon is over; nobody saw the tag move
    gateway.step(2 * DAY + 5, Presence("tag-1", None))
    gateway.late(2 * DAY + 10, DAY + HOUR + 60, 2 * DAY - 60, 70.0)
    gateway.step(2 * DAY + 100, Tick())
    (row,) = gateway.computed().document["persons"]
    assert row["shift"] == "2026-11-23/tarde"
    assert limit(row)["verdict"] == "exceeded"
    gateway.journal.close()


def test_positions_that_are_gone_correct_nothing_and_say_so(outage):
    outage.late(DAY + 10, 4 * HOUR + 62, 5 * HOUR, 60.0)
    outage.step(DAY + 100, Tick())
    outage.journal.rewrite([], [], {REMOVED: outage.journal.last_n - 5})
    answer = outage.computed()
    assert answer.document == {"persons": []}
    out = outage.step(DAY + 101, answer)
    assert not out.persons
    assert out.notices[0]["what"] == "not_corrected"
    assert "tag-1, tag-2, tag-3: where they were is no longer on record" in out.notices[0]["why"]
    assert not outage.step(DAY + 300, Tick()).recompute, "not asked for ever"


def test_the_thread_answers_for_persons_too_and_says_what_it_cannot_read(outage, tmp_path):
    outage.late(DAY + 10, 4 * HOUR + 62, DAY - 2, 60.0)
    outage.step(DAY + 100, Tick())
    (wanted,) = [one for one in outage.wanted if isinstance(one, PersonsWanted)]
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"no journal" * 100)
    engine = outage.engine
    for path, expected in ((outage.path, ""), (broken, "broken.db")):
        answers: SimpleQueue[Corrected] = SimpleQueue()
        working = Corrector(SITE, path, lambda i: engine.exposure.lines[i], engine.results.limits_of, answers.put)
        working.start()
        working.ask(wanted)
        answer = answers.get(timeout=60)
        working.stop(10)
        assert (answer.sensor, answer.shift, bool(answer.document)) == ("", SHIFT, not expected)
        assert expected in answer.detail


def test_late_samples_of_what_nobody_is_judged_by_or_of_ages_ago_ask_nothing(outage):
    ages = Sample(CO, 1.0, at(0).utc_us - 40 * 86_400 * SECOND_US)
    outage.step(DAY + 10, Pack("nodes", "node7", (ages,), delivery=Delivery.BACKLOG))
    assert not outage.step(DAY + 100, Tick()).recompute


def test_a_shift_that_a_wrong_clock_had_labelled_is_found_where_it_was_put_right(tmp_path):
    """The wall clock was an hour behind all day; the node that had no line knew better."""
    gateway, behind_us = Gateway(tmp_path / "journal.db"), HOUR * SECOND_US
    gateway.step(1, Presence("tag-1", "frente-1"))
    gateway.live(2, HOUR, 10.0)
    gateway.step(DAY, Tick())
    samples = tuple(Sample(CO, 30.0, at(s).utc_us + behind_us) for s in range(HOUR + 60, 2 * HOUR, 120))
    gateway.step(DAY + 10, Pack("nodes", "node7", samples, delivery=Delivery.BACKLOG))
    gateway.step(DAY + 100, Tick())
    pieces = [(at(-100).now_us, at(DAY + 1000).now_us, behind_us)]
    trusted = {
        "what": TRUSTED,
        "boot": "b",
        "from_us": at(DAY + 1000).now_us,
        "skew_us": 0,
        "why": "",
        "redated": pieces,
    }
    gateway.journal.append([document_row(Kind.CLOCK, at(DAY + 1000), trusted)])
    righting = Righting(gateway.journal)
    while righting.pending:
        righting.step()
    (row,) = gateway.computed().document["persons"]
    assert row["start"][:13] == "2026-11-23T13", "the right hour"
    assert limit(row)["low"] == pytest.approx((10.0 + 30.0) / 8.0, rel=0.05)
    gateway.journal.close()
