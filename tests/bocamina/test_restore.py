"""After a restart the gateway knows what it knew: the same state, the same decisions, under an edited site file too."""

import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.model import State
from bocamina.engine import Engine
from bocamina.restore import restore
from bocamina.site_file import parse_site
from gateway.domain.events import Event, Request, Started, Tick
from gateway.domain.moment import Moment
from gateway.domain.site import Site
from gateway.stores.journal import Journal
from gateway.stores.packing import Step
from gateway.stores.rows import Kind, document_row, steps_row
from tests.bocamina.test_engine import EVENTS, moment, outcome, pack
from tests.end_to_end.mine import site_text

TEXT = site_text(1883)
SITE = parse_site(TEXT.encode())
CO, NO2, AIR = 0, 1, 2
STEPS = st.lists(st.tuples(st.integers(0, 400), st.lists(EVENTS, max_size=5)), min_size=1, max_size=12)


class Life:
    """One engine and its journal: what it consumes is written as the gateway writes it."""

    def __init__(self, journal: Journal, site: Site = SITE, name: str = "hash") -> None:
        self.journal, self.site, self.name = journal, site, name
        self.engine = Engine(site, name)
        journal.register_site(name, site, moment(0))
        self.steps_restored = restore(self.engine, journal)

    def step(self, seconds: float, events: list[Event]):
        decisions = self.engine.step(moment(seconds), events)
        self.journal.append([steps_row(self.name, [Step(moment(seconds), events, decisions.rows)])])
        return decisions

    def snapshot(self, seconds: float) -> None:
        state = {"site_hash": self.name, "now_us": moment(seconds).now_us, "engine": self.engine.dump()}
        self.journal.append([document_row(Kind.SNAPSHOT, moment(seconds), state)])

    def state(self) -> object:
        return plain(self.engine.dump())

    def shown(self, seconds: float) -> object:
        """All that a dashboard would show."""
        at = moment(seconds)
        sensors = [self.engine.channels.documents_of(i, at) for i in range(len(self.site.sensors))]
        return plain([sensors, self.engine.standing_documents(at)])


def plain(value: object) -> object:
    """As msgpack would give it back, NaN being what it is."""
    return nan_as_word(msgspec.msgpack.decode(msgspec.msgpack.encode(value)))


def nan_as_word(value: object) -> object:
    if isinstance(value, dict):
        return {key: nan_as_word(item) for key, item in value.items()}
    if isinstance(value, list):
        return [nan_as_word(item) for item in value]
    return "nan" if value != value else value


@pytest.fixture
def journal(tmp_path):
    with Journal.open(tmp_path / "journal.db") as opened:
        yield opened


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("journals")


@settings(max_examples=30, deadline=None)
@given(STEPS, STEPS, st.sets(st.integers(0, 11)))
def test_what_was_known_before_is_known_after_and_decides_the_same(folder, before, after, snapshots) -> None:
    path = folder / "journal.db"
    for old in folder.glob("journal.db*"):
        old.unlink()
    with Journal.open(path) as journal:
        lived = Life(journal)
        now = 0.0
        for count, (pause, events) in enumerate(before):
            now += pause + 1
            lived.step(now, [*events, Tick()])  # as the gateway: time passes for every sensor
            if count in snapshots:
                lived.snapshot(now)
        again = Life(journal)
        assert again.state() == lived.state()
        assert again.shown(now) == lived.shown(now)
        for pause, events in after:
            now += pause + 1
            at = moment(now)
            assert outcome([again.engine.step(at, events)]) == outcome([lived.engine.step(at, events)])
        assert again.state() == lived.state()
        assert not again.engine.counts["software_fault"]


@settings(max_examples=30, deadline=None)
@given(STEPS, STEPS)
def test_a_snapshot_does_not_change_while_it_waits_to_be_written(before, after) -> None:
    """The writer's thread encodes it while the engine goes on."""
    engine, now = Engine(SITE, "hash"), 0.0
    for pause, events in before:
        now += pause + 1
        engine.step(moment(now), events)
    state = engine.dump()
    then = msgspec.msgpack.encode(state)
    for pause, events in after:
        now += pause + 1
        engine.step(moment(now), events)
    assert msgspec.msgpack.encode(state) == then


def gas_for(life: Life, first: int, seconds: int, co: float, no2: float = 0.1) -> None:
    for second in range(first, first + seconds):
        life.step(second, [pack(CO, co), pack(NO2, no2), pack(AIR, 0.6), Tick()])


def ask(action: str, target: str, **args: object) -> Request:
    return Request(f"{action}-{target}", action, "ana", "officer", target, {"comment": "x", **args})


def test_a_snapshot_spares_the_steps_before_it(journal) -> None:
    life = Life(journal)
    gas_for(life, 0, 30, 2.0)
    life.snapshot(29)
    gas_for(life, 30, 5, 2.0)
    assert Life(journal).steps_restored == 5


@pytest.mark.parametrize("damage", ["missing", "damaged"])
def test_without_its_snapshot_the_state_is_rebuilt_from_all_steps(journal, damage) -> None:
    life = Life(journal)
    gas_for(life, 0, 10, 500.0)
    if damage == "damaged":
        life.snapshot(9)
        row = journal.last_snapshot()
        assert row is not None
        journal._connection.execute("UPDATE rows SET body = substr(body, 1, 20) WHERE n = ?", (row.n,))
    gas_for(life, 10, 5, 500.0)
    again = Life(journal)
    assert again.steps_restored == 15
    assert again.state() == life.state()
    alarm = again.engine.desk.alarm("co-frente-1.level")
    assert alarm is not None
    assert alarm.state is State.UNACK


def test_the_best_estimate_outlives_a_long_silence_and_a_restart(journal) -> None:
    """A gap is filled with the last valid level, also one that was read longer ago than the windows are fed again."""
    life = Life(journal)
    gas_for(life, 0, 30, 40.0)
    for second in range(30, 1800, 30):
        life.step(second, [Tick()])
    life.snapshot(1770)
    lived, again = (one.engine.channels.documents_of(CO, moment(1771))[1]["limits"] for one in (life, Life(journal)))
    assert again == lived
    assert lived[0]["value"] > lived[0]["low"] > 0.0


def test_the_sums_of_a_whole_shift_come_back_from_hours_before(journal) -> None:
    life = Life(journal)
    for minute in range(180):
        for second in range(3):
            life.step(60 * minute + second, [pack(CO, 100.0), Tick()])
    life.snapshot(60 * 179 + 2)
    life.step(60 * 179 + 3, [pack(CO, 100.0), Tick()])
    again = Life(journal)
    at = moment(60 * 179 + 3).now_us
    assert again.engine.exposure.shift_covered_s(CO, at) == life.engine.exposure.shift_covered_s(CO, at)
    assert again.engine.exposure.figures(CO, at) == life.engine.exposure.figures(CO, at)
    assert again.engine.exposure.figures(CO, at).e8 > 3.0


def onset(life: Life, first: int, seconds: int) -> int:
    """CO 60 ppm from `first` on; the second in which the alarm is raised."""
    for second in range(first, first + seconds):
        decided = life.step(second, [pack(CO, 60.0), Tick()])
        if any(t.alarm == "co-frente-1.level" for t in decided.transitions):
            return second
    raise AssertionError("no alarm")


def test_a_restart_within_an_on_delay_keeps_its_timer(tmp_path) -> None:
    with Journal.open(tmp_path / "a.db") as journal:
        undisturbed = Life(journal)
        gas_for(undisturbed, 0, 5, 2.0)
        expected = onset(undisturbed, 5, 400)
    assert expected > 7, "or there is no delay to speak of"
    with Journal.open(tmp_path / "b.db") as journal:
        life = Life(journal)
        gas_for(life, 0, 5, 2.0)
        for second in range(5, expected - 1):
            life.step(second, [pack(CO, 60.0), Tick()])
            life.snapshot(second)
        again = Life(journal)
        again.step(expected - 1, [Started("hash", "test")])
        assert onset(again, expected - 1, 10) == expected


# --- An edited site file ---------------------------------------------------------------------------------------------


def edited(change) -> Site:
    return parse_site(change(TEXT).encode())


def tables(text: str, kind: str = "sensors") -> list[str]:
    return re.findall(rf"\[\[{kind}\]\]\n(?:(?!\[).*\n)*", text)


def sensor_added_in_front(text: str) -> str:
    first = tables(text)[0]
    new = first.replace("co-frente-1", "co-nuevo").replace("node7/co", "node8/co")
    return text.replace(first, new + first)


def sensor_removed(text: str) -> str:
    return text.replace(tables(text)[0], "")


def sensor_renamed(text: str) -> str:
    return text.replace('id = "co-frente-1"', 'id = "co-otro"')


def sensor_moved(text: str) -> str:
    first = tables(text)[0]
    return text.replace(first, first.replace('zone = "frente-1"', 'zone = "bocamina"'))


def order_turned(text: str) -> str:
    co, no2, air, *_ = tables(text)
    return text.replace(co, "").replace(no2, "").replace(air, air + no2 + co)


def gassed(journal: Journal, *, snapshot: bool) -> Life:
    """A life that ends with 500 ppm CO, acknowledged, and NO2 halfway to its 15-minute limit."""
    life = Life(journal)
    gas_for(life, 0, 200, 2.0, 15.0)
    gas_for(life, 200, 20, 500.0, 15.0)
    assert life.step(220, [ask("acknowledge", "co-frente-1.level")]).replies[0][0].ok
    if snapshot:
        life.snapshot(220)
    gas_for(life, 221, 5, 500.0, 15.0)
    return life


@pytest.mark.parametrize("snapshot", [True, False])
@pytest.mark.parametrize("change", [sensor_added_in_front, sensor_moved, order_turned])
def test_an_edited_site_file_keeps_alarms_windows_and_sums_by_id(journal, change, snapshot) -> None:
    life = gassed(journal, snapshot=snapshot)
    site = edited(change)
    again = Life(journal, site, "other")
    before, after = (x.engine.desk.alarm("co-frente-1.level") for x in (life, again))
    assert before is not None
    assert after is not None
    assert (after.state, after.occurrence, after.priority) == (State.ACKED, before.occurrence, before.priority)
    assert after.acknowledged_by == "ana"
    places = {sensor.id: i for i, sensor in enumerate(site.sensors)}
    at = moment(226).now_us
    for i, sensor in enumerate(SITE.sensors):
        was, now = life.engine.exposure.figures(i, at), again.engine.exposure.figures(places[sensor.id], at)
        assert was == now, sensor.id
    assert again.engine.response.commander.wanted("siren-1") == "evacuate"


def test_the_sensor_that_moved_in_the_file_goes_on_to_be_judged(journal) -> None:
    gassed(journal, snapshot=True)
    site = edited(sensor_added_in_front)
    again = Life(journal, site, "other")
    for second in range(226, 700):
        again.step(second, [pack(1, 1.0), pack(2, 0.1), pack(3, 0.6), Tick()])
    assert again.step(700, [ask("reset", "co-frente-1.level")]).replies[0][0].ok, "its new index is its own"


@pytest.mark.parametrize("change", [sensor_removed, sensor_renamed])
def test_the_alarm_of_a_sensor_that_is_gone_stands_until_a_person_ends_it(journal, change) -> None:
    gassed(journal, snapshot=True)
    again = Life(journal, edited(change), "other")
    for second in range(226, 300):
        again.step(second, [pack(0, 0.1), Tick()])
    alarm = again.engine.desk.alarm("co-frente-1.level")
    assert alarm in again.engine.desk.active()
    assert again.engine.response.commander.wanted("siren-1") == "evacuate"
    again.step(301, [ask("acknowledge", "co-frente-1.level")])
    assert again.step(302, [ask("reset", "co-frente-1.level")]).replies[0][0].ok
    assert again.engine.desk.alarm("co-frente-1.level") not in again.engine.desk.active()


def test_what_a_new_sensor_did_not_measure_of_the_shift_is_gap(journal) -> None:
    gassed(journal, snapshot=True)
    again = Life(journal, edited(sensor_added_in_front), "other")
    for second in range(226, 236):
        again.step(second, [pack(0, 10.0), pack(1, 10.0), Tick()])
    at = moment(236).now_us
    (new_covered, new_elapsed), (covered, elapsed) = (again.engine.exposure.shift_covered_s(i, at) for i in (0, 1))
    assert new_elapsed == elapsed > 200.0, "one shift for all"
    assert new_covered == pytest.approx(10.0, abs=1.1)
    assert covered == pytest.approx(236.0, abs=1.1)


def test_a_site_file_without_sensors_is_no_fault(journal) -> None:
    gassed(journal, snapshot=True)
    text = TEXT
    for table in tables(TEXT):
        text = text.replace(table, "")
    bare = parse_site(text.encode())
    again = Life(journal, bare, "bare")
    assert again.engine.desk.alarm("co-frente-1.level") in again.engine.desk.active()
    again.step(227, [Tick()])
    again.snapshot(227)
    back = Life(journal)
    assert back.engine.desk.alarm("co-frente-1.level") in back.engine.desk.active()


def test_steps_of_a_site_file_that_nobody_noted_are_history_and_no_fault(journal, caplog) -> None:
    journal.append([steps_row("lost", [Step(Moment(1, 1), [pack(CO, 500.0)])])])
    assert Life(journal).steps_restored == 0
    assert "nobody noted" in caplog.text


def test_a_second_life_under_the_old_file_again_finds_the_steps_of_both(journal) -> None:
    gassed(journal, snapshot=True)
    other = Life(journal, edited(order_turned), "other")
    for second in range(226, 240):
        other.step(second, [pack(2, 500.0), pack(1, 15.0), pack(0, 0.6), Tick()])
    back = Life(journal)
    at = moment(240).now_us
    assert back.engine.exposure.figures(CO, at).value == 500.0
    assert back.engine.exposure.figures(AIR, at).value == 0.6
    alarm = back.engine.desk.alarm("co-frente-1.level")
    assert alarm is not None
    assert alarm.state is State.ACKED
