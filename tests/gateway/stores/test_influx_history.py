"""A real InfluxDB keeps the promises of readings, steps and records; the uplink's own sink writes the points."""

import itertools
import math

import numpy as np
import pytest

from gateway.domain.errors import OperationFailed, StoreFailed
from gateway.domain.history import every
from gateway.domain.moment import Moment
from gateway.domain.site import Influx
from gateway.stores.influx_history import InfluxHistory
from gateway.stores.journal import SensorRecord
from gateway.stores.packing import Outcome, Step, pack_steps, unpack_outcomes
from gateway.stores.redating import Redating
from gateway.stores.rows import Kind, StoredRow, document_row, steps_row
from gateway.uplink.dating import Label
from gateway.uplink.influx import InfluxSink
from gateway.uplink.points import Point, of_document, of_readings
from tests.contracts.history import CO, NO2, T0, ReadingsContract, S
from tests.contracts.history_records import RecordsContract, transition
from tests.contracts.history_steps import StepsContract
from tests.fixtures.influx import influx_server  # noqa: F401

_buckets = itertools.count()


class InfluxPastOf:
    """Each reading has a sequence of its own, as packs of a node have."""

    def __init__(self, config):
        self._sink, self._sites, self._seq = InfluxSink(config), {}, itertools.count(1)
        self._rows, self.config = itertools.count(1), config
        self.history = InfluxHistory(config, "orex-01", {"co-1": 10.0, "no2-1": 10.0})

    def site(self, site_hash, sensors):
        self._sites[site_hash] = [SensorRecord(*sensor) for sensor in sensors]

    def readings(self, site_hash, outcomes, quality=0, reason=0):
        made = []
        for sensor, time_us, value in outcomes:
            number = math.nan if value is None else value
            made.append(Outcome(sensor, quality, reason, 0, time_us, number * 2, number, next(self._seq) % 1000))
        step = Step(Moment(T0, T0), [], made)
        row, recorded = steps_row(site_hash, [step]), unpack_outcomes(pack_steps(site_hash, [step])[0])
        stored = StoredRow(next(self._rows), *row)
        self._sink.write(of_readings("orex-01", self._sites[site_hash], stored, recorded, Redating()))

    def document(self, kind, time_us, document, label=Label(), n=None):  # noqa: B008
        row = StoredRow(n or next(self._rows), *document_row(Kind[kind.upper()], Moment(time_us, time_us), document))
        if points := of_document("orex-01", row, label):
            self._sink.write(points)

    def close(self):
        self._sink.close()


@pytest.fixture
def past(influx_server):  # noqa: F811
    bucket = f"b{next(_buckets)}"
    influx_server.query(f'CREATE DATABASE "{bucket}"')
    made = InfluxPastOf(Influx(url=influx_server.url, bucket=bucket))
    yield made
    made.close()


class TestReadings(ReadingsContract):
    pass


class TestSteps(StepsContract):
    pass


class TestRecords(RecordsContract):
    pass


def test_unit_quality_and_reason_come_back(past):
    past.site("a", [CO])
    past.readings("a", [(0, T0 + 7, 0.1 + 0.2)], 1, 1)
    (found,) = past.history.readings().items
    assert found == (T0 + 7, "co-1", 0.1 + 0.2, "ppm", 1, 1, None)
    assert past.history.sensors() == {"co-1"}


def test_more_than_one_answer_holds(past, monkeypatch):
    monkeypatch.setattr("gateway.stores.influx_query.POINTS", 7)
    past.site("a", [CO, NO2])
    past.readings("a", [(i % 2, T0 + i // 10 * S, float(i)) for i in range(200)])
    assert [r.value for r in past.history.readings().items] == list(np.arange(200.0))
    for i in range(30):
        past.document("transition", T0 + i, transition(f"s.{i}", "co-1", "unack"))
    for limit in (1, 6, 7, 29, 30):
        changes = every(lambda cursor: past.history.alarms(limit=limit, cursor=cursor))  # noqa: B023
        assert [change.alarm for change in changes] == [f"s.{i}" for i in range(30)]


def test_an_alarm_of_a_wrong_clock_is_there_once_also_where_nothing_can_be_deleted(past):
    clear = transition("co-1.level", "co-1", "normal")
    past.document("transition", S, transition("co-1.level", "co-1", "unack"), Label(doubtful=True), 5)
    past.document("transition", 2 * S, clear, Label(doubtful=True), 6)
    assert [change.time_us for change in past.history.alarms().items] == [S, 2 * S], "doubtful, and told"
    past.document("transition", S, transition("co-1.level", "co-1", "unack"), Label(T0), 5)
    assert [change.time_us for change in past.history.alarms().items] == [T0 + S, 2 * S]
    assert [change.time_us for change in past.history.alarms(limit=1).items] == [T0 + S]
    assert [change.time_us for change in past.history.alarms(end_us=T0).items] == [2 * S]
    assert past.history.alarms(end_us=2 * S, limit=1) == ([], None)
    past.document("transition", 2 * S, clear, Label(0), 6)
    assert [change.time_us for change in past.history.alarms().items] == [T0 + S, 2 * S], "it was right: it stays"


@pytest.mark.parametrize("points", [2, 10_000])
def test_a_journal_begun_anew_repeats_no_alarm_and_hides_none(past, monkeypatch, points):
    monkeypatch.setattr("gateway.stores.influx_query.POINTS", points)
    for life in range(3):
        for n in range(1, 6):
            past.document("transition", T0 + life * S + n, transition(f"s.{life}.{n}", "co-1", "unack"), n=n)
    expected = [f"s.{life}.{n}" for n in range(1, 6) for life in range(3)]
    for limit in (1, 2, 4, 100):
        found = every(lambda cursor: past.history.alarms(limit=limit, cursor=cursor))  # noqa: B023
        assert [change.alarm for change in found] == expected


def test_a_point_of_somebody_else_is_one_sentence(past):
    past.document("transition", T0, transition("co-1.level", "co-1", "unack"))
    past._sink.write([Point(9, "alarm", {"site": "orex-01"}, {"row": 9, "document": "{}"}, T0 * 1000)])
    with pytest.raises(StoreFailed, match="none of an uplink's"):
        past.history.alarms()


def test_what_it_does_not_hold_and_a_store_that_is_gone_are_told_in_one_sentence(past):
    for ask, what in ((past.history.presence, "positions of people"), (past.history.audit, "decisions and notices")):
        with pytest.raises(OperationFailed, match=f"{what} are in the gateway's own journal only"):
            ask()
    with pytest.raises(OperationFailed, match="figures of persons"):
        past.history.person_now("ana")
    gone = InfluxHistory(Influx(url="http://127.0.0.1:9"), "orex-01")
    for ask in (gone.readings, gone.alarms, gone.shift_results):
        with pytest.raises(StoreFailed, match=r"http://127\.0\.0\.1:9: "):
            ask()
    nowhere = InfluxHistory(past.config.model_copy(update={"bucket": "no such"}), "orex-01")
    with pytest.raises(StoreFailed, match="not found"):
        nowhere.readings()
    past.document("transition", T0, transition("co-1.level", "co-1", "unack"))
    hostile = InfluxHistory(past.config, "x' OR 1=1 --\\")
    assert hostile.readings().items == hostile.alarms().items == []
    assert past.history.alarms(["x' OR 1=1 --\\"]).items == []
