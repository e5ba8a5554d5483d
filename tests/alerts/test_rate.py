"""Faster than full scale in one T90 is a SPIKE: a Notice, and nothing else (limits reference 6.5)."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import msgpack

from alerts.ladder import rungs_for
from alerts.model import Priority
from alerts.rules import SensorRules
from gateway.domain.figures import Figures
from gateway.domain.limits import limits_for
from gateway.domain.moment import NO_TIME, SECOND_US, Moment
from gateway.domain.quality import Quality, Reason
from gateway.domain.quantities import QUANTITIES
from gateway.domain.site import SensorConfig, Zone

GOOD, UNCERTAIN, BAD, _ = Quality
CALM = Figures(0, math.nan, GOOD, 0, NO_TIME, 0.0, 60.0, 0.0, 300.0, 0.0, 900.0, False, 0.0)


class Cell:
    """One cell under rules. Means stay at 0, so only single samples and their rate can be heard."""

    def __init__(self, quantity="co", **more):
        config = SensorConfig(id="s", zone="z", quantity=quantity, source="n", channel="n/s", **more)
        full = config.full_scale or QUANTITIES[quantity].full_scale
        zone = Zone(id="z", name="z", kind="gallery")
        self.rules = SensorRules(config, rungs_for(config, zone, limits_for, ("peru",), full), full)

    def hears(self, seconds, value, quality=GOOD, reason=Reason.NONE):
        self.rules.sample(Moment(round(seconds * SECOND_US), 0), value, quality, reason, CALM)
        return self.steep()

    def steep(self):
        rung = self.rules.top("spike")
        return rung is not None and rung.statistic == "rate"

    def ticks(self, seconds):
        self.rules.tick(Moment(round(seconds * SECOND_US), 0), CALM)


def unpredicted(cell):
    """Without the T90 predictor, whose speed depends on the cell."""
    cell.rules._predicted.clear()
    return cell


def test_full_scale_in_one_t90_is_believed_and_more_is_not():
    """CO 0-1000 ppm, T90 30 s: 33.3 ppm a second."""
    co = Cell(t90_s=30.0)
    assert not co.hears(0, 0.0)
    assert not co.hears(1, 33.0)
    assert co.hears(2, 67.0)
    rung = co.rules.top("spike")
    assert (rung.priority, round(rung.limit, 2), rung.unit, rung.latch) == (Priority.NOTICE, 33.33, "ppm/s", False)
    (found,) = (found for found in co.rules.findings if found.condition == "spike")
    assert found.x == 34.0


def test_the_rate_counts_the_time_between_the_samples():
    co = Cell(t90_s=30.0)
    co.hears(0, 0.0)
    assert not co.hears(10, 330.0)
    assert co.hears(15, 500.0)


def test_downwards_too():
    o2 = Cell("o2")
    o2.hears(0, 20.9)
    assert o2.hears(1, 18.0), "25 %vol in 15 s are 1.67 %vol a second"


@pytest.mark.parametrize("quantity", ["co", "no2", "h2s", "o2", "ch4", "hcn", "ch2o"])
def test_one_lsb_at_a_short_period_and_samples_a_microsecond_apart_are_none(quantity):
    info = QUANTITIES[quantity]
    cell = Cell(quantity, period_s=0.01)
    rest = info.rest or 0.0
    for n in range(200):
        assert not cell.hears(n * 0.01, rest + info.resolution * (n % 2))
    for n in range(200):
        assert not cell.hears(3 + n * 1e-6, rest + info.resolution * (n % 3))


def test_a_burst_that_waited_on_the_wire_counts_by_the_period():
    """Ten seconds of a slow rise, read in one gulp."""
    co = Cell(period_s=1.0, t90_s=30.0)
    co.hears(0, 0.0)
    for n in range(10):
        assert not co.hears(10 + n * 1e-6, 3.0 * n)


def test_a_cell_in_warm_up_may_jump_and_the_first_value_after_it_too():
    co = Cell()
    co.hears(0, 0.0)
    assert not co.hears(1, 500.0, UNCERTAIN, Reason.WARMING_UP)
    assert not co.hears(2, 5.0)
    assert co.hears(3, 100.0)


def test_nonsense_between_two_valid_samples_is_no_step():
    co = Cell()
    co.hears(0, 0.0)
    co.hears(1, 900.0, BAD, Reason.FAULT)
    assert not co.hears(2, 3.0)


def test_what_has_no_cell_has_no_rate():
    for quantity in ("air_velocity", "temperature", "pm2_5"):
        cell = Cell(quantity)
        cell.hears(0, 0.0)
        assert not cell.hears(1, 29.0)
    unknown = Cell("c3h4o")
    unknown.hears(0, 0.0)
    assert not unknown.hears(1, 1000.0), "no full scale, no rate"


def test_it_ends_by_five_minutes_of_good_slow_air_and_silence_keeps_it():
    co = Cell()
    co.hears(0, 0.0)
    co.hears(1, 60.0)
    co.ticks(400)
    assert co.steep()
    for t in range(401, 701):
        assert co.hears(t, 60.0)
    assert not co.hears(702, 60.0)


def test_the_front_of_a_blast_evacuates_as_fast_as_it_did_and_is_predicted():
    """A first-order cell (T90 30 s) in 600 ppm at once: 44 ppm in the first second, more than 33.

    2.3 · FS/T90 · step/FS is what physics allows, so a steep rise must end neither the alarm nor its prediction.
    """

    def until(cell):
        for t in range(60):
            cell.hears(t, 0.0)
        for t in range(60, 100):
            cell.hears(t, 600.0 * (1.0 - math.exp(-math.log(10.0) * (t - 60) / 30.0)))
            top = cell.rules.top("level")
            if top and top.priority is Priority.EVACUATE:
                return t - 60, "predicted" in top.source
        return None

    co = Cell(t90_s=30.0)
    seconds, predicted = until(co)
    assert co.steep()
    assert predicted
    assert seconds < until(unpredicted(Cell(t90_s=30.0)))[0]


said = st.tuples(
    st.sampled_from([0.5, 1.0, 1e-6, 7.0]),
    st.sampled_from([0.0, 10.0, 24.0, 60.0, 190.0, 210.0, 600.0, 995.0, math.nan]),
    st.sampled_from(
        [(GOOD, Reason.NONE), (UNCERTAIN, Reason.CLOCK), (UNCERTAIN, Reason.WARMING_UP), (BAD, Reason.FAULT)]
    ),
)


@settings(max_examples=80, deadline=None)
@given(st.lists(said, max_size=60))
def test_it_changes_no_other_alarm_and_survives_a_restart(story):
    with_rate, without, restarted = unpredicted(Cell()), unpredicted(Cell(t90_s=1e-6)), unpredicted(Cell())
    now = 0.0
    for wait, value, (quality, reason) in story:
        now += wait
        for cell in (with_rate, without, restarted):
            cell.ticks(now)
            cell.hears(now, value, quality, reason)
        assert not without.steep(), "a cell as fast as that jumps as it likes"
        for condition in ("level", "ceiling", "comm_lost", "not_watched", "fault"):
            assert with_rate.rules.top(condition) == without.rules.top(condition)
        fresh = unpredicted(Cell())
        fresh.rules.load(msgpack.decode(msgpack.encode(restarted.rules.dump())))
        restarted = fresh
        assert restarted.rules.dump() == with_rate.rules.dump()
