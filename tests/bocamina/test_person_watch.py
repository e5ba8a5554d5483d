"""Persons in the engine: tasks to withdraw, rows on record, the same after any cut and any restart."""

import csv
from io import StringIO
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.model import Priority
from bocamina.decisions import Decisions
from bocamina.engine import Engine
from bocamina.extracts import EXTRACTS
from bocamina.restore import restore
from bocamina.site_file import parse_site
from gateway.domain.events import Event, Pack, Presence, Request, Sample, Tick
from gateway.domain.moment import SECOND_US, Moment, parse_rfc3339
from gateway.stores.embedded_history import EmbeddedHistory
from gateway.stores.journal import Journal
from gateway.stores.packing import Step
from gateway.stores.rows import Kind, document_row, steps_row
from tests.bocamina.test_engine import EVENTS
from tests.bocamina.test_engine import moment as any_moment
from tests.bocamina.test_engine import outcome as seen_of
from tests.bocamina.test_restore import Life
from tests.end_to_end.mine import site_text

SHIFTS = """
[[shifts]]
id = "dia"
start = "07:00"
end = "15:00"
[[shifts]]
id = "tarde"
start = "15:00"
end = "23:00"
"""
TEXT = site_text(1883, extra=SHIFTS).replace("period_s = 1\n", "period_s = 10\n")
SITE = parse_site(TEXT.encode())
START = parse_rfc3339("2026-11-23T06:59:58.000-05:00")
CO, NO2 = 0, 1
DAY = 8 * 3600 + 2
"""The day shift ends so many seconds after the start."""


def at(seconds: float) -> Moment:
    utc = START + round(seconds * SECOND_US)
    return Moment(utc - START + 3600 * SECOND_US, utc)


class Day:
    """One engine from two seconds before the day shift on: CO and NO2 every 10 s."""

    def __init__(self) -> None:
        self.engine = Engine(SITE, "hash")
        self.now = -1
        self.found = Decisions()
        self.co, self.no2 = 0.0, 0.0
        self.pass_to(2)

    def step(self, *events: Event) -> None:
        out = self.engine.step(at(self.now), events)
        for name in ("transitions", "verdicts", "persons", "messages", "notices"):
            getattr(self.found, name).extend(getattr(out, name))

    def pass_to(self, second: int) -> None:
        while self.now < second:
            self.now = min(self.now + 10, second)
            samples = (Sample(CO, self.co), Sample(NO2, self.no2))
            self.step(Pack("nodes", "node7", samples), Tick())

    def see(self, tag: str, zone: str | None, time_us: int = at(0).utc_us) -> None:
        now_us = at(self.now).utc_us
        self.step(Presence(tag, zone, now_us if time_us == at(0).utc_us else time_us))

    def of(self, alarm: str) -> list[tuple[str, str]]:
        return [(str(t.old), str(t.new)) for t in self.found.transitions if t.alarm == alarm]


@pytest.fixture
def day() -> Day:
    return Day()


def rows_of(day: Day, tag: str) -> list[dict[str, Any]]:
    return [row for row in day.found.persons if row["person"] == tag]


def limit(row: dict[str, Any], quantity: str = "co", kind: str = "TWA") -> dict[str, Any]:
    return next(one for one in row["limits"] if (one["quantity"], one["kind"]) == (quantity, kind))


def test_without_tags_nothing_is_judged_and_a_place_never_alarms(day: Day) -> None:
    day.co = 24.0
    day.pass_to(1200)
    assert not day.found.persons
    assert not day.of("frente-1.twa")


def test_over_the_limit_of_the_shift_is_a_task_shown_once_until_the_shift_ends(day: Day) -> None:
    day.see("tag-1", "frente-1")
    day.co = 24.0
    day.pass_to(600)
    assert not day.of("frente-1.twa"), "24 ppm for 8 h is below 25"
    day.co = 60.0
    day.pass_to(3 * 3600)
    alarm = day.engine.desk.alarm("frente-1.twa")
    assert alarm is not None
    assert (alarm.priority, alarm.zone, alarm.reason) == (Priority.NOTICE, "frente-1", "tag-1")
    day.pass_to(4 * 3600)
    assert (alarm.priority, alarm.limit, alarm.unit) == (Priority.WARNING, 25.0, "ppm")
    assert alarm.value == pytest.approx(25.0, rel=0.01)
    document = day.engine.desk.document(alarm, at(day.now))
    assert (document["person"], document["quantity"], document["regime"]) == ("tag-1", "co", "peru")
    assert document["title_es"] == "CO sobre el límite de la jornada"
    day.see("tag-1", None)
    day.co = 0.0
    day.pass_to(DAY - 10)
    assert day.of("frente-1.twa") == [("normal", "unack"), ("unack", "unack")], "a Notice, then a Warning: once each"
    assert alarm.beyond, "a dose stays taken"
    day.pass_to(DAY + 310)
    assert not alarm.beyond
    last = [row for row in rows_of(day, "tag-1") if row["shift_over"]]
    assert [(row["shift"], limit(row)["verdict"]) for row in last] == [("2026-11-23/dia", "exceeded")]


def test_who_comes_to_it_later_is_announced_too(day: Day) -> None:
    day.see("tag-1", "frente-1")
    day.co = 400.0
    day.pass_to(1000)
    day.see("tag-2", "frente-1")
    alone = len(day.of("frente-1.twa"))
    day.pass_to(3600)
    alarm = day.engine.desk.alarm("frente-1.twa")
    assert alarm is not None
    assert alarm.reason == "tag-1, tag-2"
    assert alarm.priority is Priority.WARNING
    assert len(day.of("frente-1.twa")) > alone
    assert day.of("frente-1.twa")[-2:] == [("unack", "rtn_unack"), ("rtn_unack", "unack")]


def test_a_projection_ends_with_the_withdrawal_and_its_off_delay(day: Day) -> None:
    day.see("tag-1", "frente-1")
    day.co = 40.0
    day.pass_to(1800)
    alarm = day.engine.desk.alarm("frente-1.twa")
    assert alarm is not None
    assert (alarm.priority, alarm.beyond) == (Priority.NOTICE, True)
    day.see("tag-1", None)
    day.pass_to(1980)
    assert alarm.beyond
    day.pass_to(2400)
    assert not alarm.beyond


def test_substances_that_act_together_add_up(day: Day) -> None:
    """CO and NO2 are not additive by organ; NO2 with SO2 is (limits reference 4.6)."""
    text = TEXT.replace('quantity = "co"', 'quantity = "so2"').replace("node7/co", "node7/so2")
    text = text.replace("full_scale = 1000", "full_scale = 20").replace('id = "co-frente-1"', 'id = "so2-frente-1"')
    day.engine = Engine(parse_site(text.encode()), "hash")
    day.now = -1
    day.pass_to(2)
    day.see("tag-1", "frente-1")
    day.co, day.no2 = 1.5, 2.4  # SO2 of 2 and NO2 of 3
    day.pass_to(7 * 3600)
    alarm = day.engine.desk.alarm("frente-1.dose")
    assert alarm is not None
    assert (alarm.priority, alarm.limit, alarm.unit) == (Priority.WARNING, 100.0, "%")
    assert 100.0 < (alarm.value or 0.0) < 102.0
    assert not day.of("frente-1.twa")


def test_rows_come_once_a_minute_while_inside_and_at_a_change(day: Day) -> None:
    day.see("tag-1", "frente-1")
    day.pass_to(602)
    rows = rows_of(day, "tag-1")
    assert 10 <= len(rows) <= 12
    assert (rows[-1]["inside"], rows[-1]["shift"], rows[-1]["late"]) == (True, "2026-11-23/dia", False)
    assert "frente-1" not in str(rows), "what was breathed, not where"
    co = limit(rows[-1])
    assert (co["verdict"], co["low"], co["dose_percent"], co["method"]) == ("compliant", 0.0, 0.0, "e8")
    assert co["source"]
    day.see("tag-1", None)
    day.pass_to(702)
    before = len(rows_of(day, "tag-1"))
    day.pass_to(1800)
    assert len(rows_of(day, "tag-1")) == before, "outside there is nothing to tell"
    changes = [change for change in day.found.verdicts if change.person == "tag-1"]
    assert changes
    assert all(change.sensor is None and change.zone is None for change in changes)


def test_a_late_tag_event_is_flagged_and_a_clock_that_is_not_trusted_flags_nothing(day: Day) -> None:
    day.see("tag-1", "frente-1", at(day.now - 600).utc_us)
    day.step(Tick())
    day.pass_to(120)
    assert rows_of(day, "tag-1")[-1]["late"]
    assert limit(rows_of(day, "tag-1")[-1])["reason"] == "uncertain"
    moment = at(day.now)._replace(trusted=False)
    day.engine.step(moment, [Presence("tag-2", "frente-1", 0)])
    assert not day.engine.people.persons.is_late("tag-2")


def test_a_clock_step_changes_nothing(day: Day) -> None:
    day.see("tag-1", "frente-1")
    day.co = 30.0
    day.pass_to(1200)
    stepped = Day()
    stepped.see("tag-1", "frente-1")
    stepped.co = 30.0
    stepped.pass_to(600)
    hours_us = 9 * 3600 * SECOND_US
    while stepped.now < 1200:
        stepped.now += 10
        now = at(stepped.now)._replace(utc_us=at(stepped.now).utc_us + hours_us)
        out = stepped.engine.step(now, [Pack("nodes", "node7", (Sample(CO, 30.0), Sample(NO2, 0.0))), Tick()])
        stepped.found.persons.extend(out.persons)
    ours, theirs = rows_of(day, "tag-1")[-1], rows_of(stepped, "tag-1")[-1]
    assert ours["limits"] == theirs["limits"]


def test_a_request_moves_a_person_as_a_tag_does(day: Day) -> None:
    day.step(Request("r1", "presence", "ana", "officer", "tag-1", {"zone": "frente-1"}))
    assert day.engine.people.persons.zone_of("tag-1") == "frente-1"
    day.step(Request("r2", "presence", "ana", "officer", "tag-1", {"zone": "no-such"}))
    assert day.engine.people.persons.zone_of("tag-1") == "no-such", "inside at an unknown place"


# --- The laws of the engine, with people in it -----------------------------------------------------------------------

MOVES = st.builds(Presence, st.sampled_from(["t1", "t2"]), st.sampled_from(["frente-1", "bocamina", "x", None]))
LIVELY = st.lists(
    st.tuples(st.integers(0, 90), st.lists(st.one_of(EVENTS, MOVES, MOVES), max_size=5)), min_size=1, max_size=15
)


def seen(decisions: list[Decisions]) -> tuple[bytes, bytes]:
    return seen_of(decisions), msgspec.msgpack.encode([row for d in decisions for row in d.persons])


@settings(max_examples=30, deadline=None)
@given(LIVELY, st.data())
def test_a_step_with_people_may_be_cut_anywhere(story: list[Any], data: st.DataObject) -> None:
    whole, cut = Engine(SITE, "hash"), Engine(SITE, "hash")
    expected, found, now = [], [], 0
    for pause, events in story:
        now += pause
        every = [*events, Tick()]
        where = data.draw(st.integers(0, len(every)))
        expected.append(whole.step(any_moment(now), every))
        found += [cut.step(any_moment(now), every[:where]), cut.step(any_moment(now), every[where:])]
    assert seen(found) == seen(expected)
    assert not whole.counts["software_fault"]


@settings(max_examples=20, deadline=None)
@given(LIVELY, LIVELY, st.sets(st.integers(0, 14)))
def test_people_are_where_they_were_after_a_restart(tmp_path_factory, before, after, snapshots) -> None:
    with Journal.open(tmp_path_factory.mktemp("people") / "journal.db") as journal:
        lived, now = Life(journal, SITE), 0.0
        for count, (pause, events) in enumerate(before):
            now += pause + 1
            lived.step(now, [*events, Tick()])
            if count in snapshots:
                lived.snapshot(now)
        again = Life(journal, SITE)
        assert again.state() == lived.state()
        for pause, events in after:
            now += pause + 1
            every = [*events, Tick()]
            at_once = any_moment(now)
            assert seen([again.engine.step(at_once, every)]) == seen([lived.engine.step(at_once, every)])
        assert again.state() == lived.state()


def test_a_snapshot_of_a_former_version_is_taken_up(day: Day) -> None:
    state = day.engine.dump()
    del state["people"]
    again = Engine(SITE, "hash")
    again.load(state)
    assert again.people.persons.tags() == ()


# --- On record -------------------------------------------------------------------------------------------------------


@pytest.fixture
def record(tmp_path, day: Day) -> EmbeddedHistory:
    """A morning of one person, as the gateway writes it."""
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        journal.register_site("hash", SITE, at(0))
        day.see("tag-1", "frente-1")
        day.pass_to(602)
        day.see("tag-2", "frente-1")
        day.pass_to(902)
        for row in day.found.persons:
            when = Moment(0, parse_rfc3339(row["time"]))
            journal.append([document_row(Kind.PERSON, when, row)])
        for change in day.found.verdicts:
            journal.append([document_row(Kind.VERDICT, Moment(0, change.utc_us), change._asdict())])
    return EmbeddedHistory(path)


def test_the_record_knows_the_newest_figures_and_the_changes_of_one_person(record: EmbeddedHistory, day: Day) -> None:
    now = record.person_now("tag-1")
    assert now is not None
    assert now.document == msgspec.msgpack.decode(msgspec.msgpack.encode(rows_of(day, "tag-1")[-1]))
    assert record.person_now("nobody") is None
    changes = record.person_exposures("tag-1").items
    assert changes
    assert {change.person for change in changes} == {"tag-1"}
    assert all(change.person is None for change in record.exposures(["co-frente-1"]).items)


def test_exports_of_exposures_include_persons_at_their_end(record: EmbeddedHistory) -> None:
    extract = EXTRACTS["exposures"]
    assert list(extract.columns)[-1] == "person"
    text = StringIO()
    rows = [extract.row(item) for item in extract.ask(record, None, None, None, 1000, None).items]
    csv.writer(text).writerows(rows)
    assert {len(row) for row in rows} == {len(extract.columns)}
    assert "tag-2" in {row[-1] for row in rows}


def test_an_old_journal_without_persons_reads_as_before(tmp_path) -> None:
    path = tmp_path / "old.db"
    with Journal.open(path) as journal:
        engine = Engine(SITE, "hash")
        journal.register_site("hash", SITE, at(0))
        events = [Tick()]
        rows = engine.step(at(1), events).rows
        journal.append([steps_row("hash", [Step(at(1), events, rows)])])
        assert restore(Engine(SITE, "hash"), journal) == 1
    assert EmbeddedHistory(path).person_now("tag-1") is None
    assert EmbeddedHistory(tmp_path / "none.db").person_now("tag-1") is None
