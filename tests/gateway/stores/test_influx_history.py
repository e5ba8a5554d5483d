"""A real InfluxDB keeps the promises of readings and of steps; the uplink's own sink writes the points."""

import itertools
import math

import numpy as np
import pytest

from gateway.domain.errors import OperationFailed, StoreFailed
from gateway.domain.moment import Moment
from gateway.domain.site import Influx
from gateway.stores.influx_history import InfluxHistory
from gateway.stores.journal import SensorRecord
from gateway.stores.packing import Outcome, Step, pack_steps, unpack_outcomes
from gateway.stores.redating import Redating
from gateway.stores.rows import steps_row
from gateway.uplink.influx import InfluxSink
from gateway.uplink.points import of_readings
from tests.contracts.history import CO, NO2, T0, ReadingsContract, S
from tests.contracts.history_steps import StepsContract
from tests.fixtures.influx import influx_server  # noqa: F401

_buckets = itertools.count()


class InfluxPastOf:
    """Each reading has a sequence of its own, as packs of a node have."""

    def __init__(self, config):
        self._sink, self._sites, self._seq = InfluxSink(config), {}, itertools.count()
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
        self._sink.write(of_readings("orex-01", self._sites[site_hash], stored(row), recorded, Redating()))

    def close(self):
        self._sink.close()


def stored(row):
    from gateway.stores.rows import StoredRow

    return StoredRow(1, *row)


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


def test_unit_quality_and_reason_come_back(past):
    past.site("a", [CO])
    past.readings("a", [(0, T0 + 7, 0.1 + 0.2)], 1, 1)
    (found,) = past.history.readings().items
    assert found == (T0 + 7, "co-1", 0.1 + 0.2, "ppm", 1, 1, None)
    assert past.history.sensors() == {"co-1"}


def test_more_than_one_answer_holds(past, monkeypatch):
    monkeypatch.setattr("gateway.stores.influx_past.POINTS", 7)
    past.site("a", [CO, NO2])
    past.readings("a", [(i % 2, T0 + i // 10 * S, float(i)) for i in range(200)])
    assert [r.value for r in past.history.readings().items] == list(np.arange(200.0))


def test_what_it_does_not_hold_and_a_store_that_is_gone_are_told_in_one_sentence(past):
    with pytest.raises(OperationFailed, match="asked for readings only; transitions of alarms"):
        past.history.alarms()
    gone = InfluxHistory(Influx(url="http://127.0.0.1:9"), "orex-01")
    with pytest.raises(StoreFailed, match=r"http://127\.0\.0\.1:9: "):
        gone.readings()
    nowhere = InfluxHistory(past.history._past._config.model_copy(update={"bucket": "no such"}), "orex-01")
    with pytest.raises(StoreFailed, match="not found"):
        nowhere.readings()
    hostile = InfluxHistory(past.history._past._config, "x' OR 1=1 --\\")
    assert hostile.readings().items == []
