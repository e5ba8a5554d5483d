"""One sensor, figures given by hand."""

import math
import random

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

GOOD, UNCERTAIN, BAD, LATE = Quality


class Sensor:
    """A sensor under rules; means stay at 0 over fully covered windows unless a test says otherwise."""

    def __init__(self, quantity="co", full_scale=None, **more):
        config = SensorConfig(id="s", zone="z", quantity=quantity, source="n", channel="n/s", **more)
        full = full_scale or QUANTITIES[quantity].full_scale
        zone = Zone(id="z", name="z", kind="gallery")
        self.rules = SensorRules(config, rungs_for(config, zone, limits_for, ("peru",), full), full)
        self.means = {"mean_1min": 0.0, "mean_5min": 0.0, "low_15min": 0.0, "covered_15min_s": 900.0}
        self.now = 0.0

    def figures(self):
        plain = {"covered_1min_s": 60.0, "covered_5min_s": 300.0, "over_range_15min": False, "e8": 0.0}
        return Figures(round(self.now * SECOND_US), math.nan, GOOD, 0, NO_TIME, **(plain | self.means))

    def at(self, seconds):
        self.now = seconds
        return self

    def moment(self):
        return Moment(round(self.now * SECOND_US), 0)

    def hears(self, value, quality=GOOD, reason=Reason.NONE):
        self.rules.sample(self.moment(), value, quality, reason, self.figures())
        return self.top()

    def tick(self):
        self.rules.tick(self.moment(), self.figures())
        return self.top()

    def spiked(self):
        """Whether a step was too short to be believed; that one was too steep is another matter."""
        return self.rules._spike.held.beyond

    def top(self):
        """condition → priority of all that is held, spikes and silence apart."""
        found = {name: self.rules.top(name) for name in ("level", "stel", "ceiling", "airflow_low", "airflow_high")}
        return {name: rung.priority.word for name, rung in found.items() if rung}


def test_three_samples_within_a_moment_do_not_hold_for_five_seconds():
    co = Sensor()
    assert [co.at(t).hears(500) for t in (0, 0.1, 0.2, 4.9)] == [{}] * 4
    assert co.at(5.0).hears(500) == {"level": "evacuate"}


def test_five_seconds_of_two_samples_are_not_three():
    co = Sensor()
    co.at(0).hears(500)
    assert co.at(5).hears(500) == {}
    assert co.at(6).hears(500) == {"level": "evacuate"}


def test_a_slow_channel_needs_two_samples():
    co = Sensor(period_s=20)
    co.at(0).hears(500)
    assert co.at(20).hears(500) == {"level": "evacuate"}


def test_silence_does_not_stop_a_running_delay():
    co = Sensor()
    for t in (0, 1, 2):
        co.at(t).hears(500)
    assert co.at(4).tick() == {}
    assert co.at(5).tick() == {"level": "evacuate"}


def test_nonsense_in_between_does_not_stop_a_running_delay_nor_does_a_doubtful_zero():
    co = Sensor()
    co.at(0).hears(500)
    co.at(1).hears(math.nan, BAD, Reason.ABSURD)
    co.at(2).hears(0, UNCERTAIN, Reason.CLOCK)
    co.at(3).hears(500)
    assert co.at(6).hears(500) == {"level": "evacuate"}


def test_a_sensor_that_says_it_is_broken_after_one_look_counts_at_once():
    co = Sensor()
    co.at(0).hears(500)
    assert co.at(1).hears(math.nan, BAD, Reason.FAULT) == {"level": "evacuate"}


def test_noise_around_a_level_is_no_spike():
    ch4 = Sensor("ch4")
    for t, value in enumerate([0.25, 0.24, 0.25, 0.24]):
        ch4.at(t).hears(value)
    assert ch4.rules.top("spike") is None
    ch4.hears(0.26)
    ch4.at(5).hears(0.0)
    assert ch4.rules.top("spike")


def test_one_valid_sample_of_hydrogen_cyanide_is_enough():
    assert Sensor("hcn").hears(4.7) == {"level": "high"}


def test_warm_up_that_ends_in_clean_air_leaves_no_spike():
    co = Sensor()
    for t in range(10):
        co.at(t).hears(500, UNCERTAIN, Reason.WARMING_UP)
    assert co.at(10).hears(0) == {}
    assert co.rules.top("spike") is None


def test_a_minute_needs_half_a_minute_of_valid_samples():
    co = Sensor()
    co.means |= {"mean_1min": 150.0, "covered_1min_s": 29.0}
    assert co.hears(150) == {}
    co.means["covered_1min_s"] = 30.0
    assert co.at(1).hears(150) == {"level": "high"}


def test_a_mean_may_come_over_its_rung_between_samples():
    no2 = Sensor("no2")
    no2.hears(0.0)
    no2.means["low_15min"] = 5.1
    assert no2.at(1).tick() == {"level": "high", "stel": "high"}


def test_reaching_and_exceeding_are_two_things():
    """The ladder is reached at 5, the STEL exceeded beyond 5 (limits reference 0.2)."""
    no2 = Sensor("no2")
    no2.means["low_15min"] = 5.0
    assert no2.hears(5.0) == {"level": "high"}


def test_fifteen_minutes_clear_only_when_even_full_scale_in_the_gaps_would_be_below():
    no2 = Sensor("no2")
    no2.means["low_15min"] = 6.0
    no2.hears(6.0)
    no2.means |= {"low_15min": 0.5, "covered_15min_s": 600.0}  # 300 s of 20 ppm could hide: 6.7 ppm
    for t in range(1, 200):
        assert no2.at(t).hears(0.0)
    no2.means["covered_15min_s"] = 880.0
    for t in range(200, 600):
        no2.at(t).hears(0.0)
    assert no2.top() == {}


def test_over_range_in_the_window_keeps_a_fifteen_minute_alarm():
    no2 = Sensor("no2")
    no2.means["low_15min"] = 6.0
    no2.hears(6.0)
    no2.means |= {"low_15min": 0.5, "over_range_15min": True}
    for t in range(1, 300):
        assert no2.at(t).hears(0.0)


def test_the_ends_of_an_explosion():
    """300 ppm seen once, then over range: reached; over range from the start: after five seconds."""
    co = Sensor()
    co.hears(300)
    assert "level" in co.at(1).hears(1000, UNCERTAIN, Reason.OVER_RANGE)
    no = Sensor("no")
    no.at(0).hears(100, UNCERTAIN, Reason.OVER_RANGE)
    assert no.at(1).hears(100, UNCERTAIN, Reason.OVER_RANGE) == {}
    assert no.at(5).hears(100, UNCERTAIN, Reason.OVER_RANGE) == {"level": "evacuate", "ceiling": "evacuate"}


def test_too_little_air_is_judged_by_its_five_minutes():
    air = Sensor("air_velocity")
    air.means["mean_5min"] = 0.1
    air.at(0).hears(0.1)
    assert air.at(14).hears(0.1) == {}
    assert air.at(15).hears(0.1) == {"airflow_low": "high"}
    air.means["mean_5min"] = 0.5
    for t in range(16, 16 + 362):
        air.at(t).hears(0.5)
    assert air.top() == {}


def test_too_much_air():
    air = Sensor("air_velocity")
    air.means["mean_5min"] = 4.5
    air.at(0).hears(4.5)
    assert air.at(15).hears(4.5) == {"airflow_high": "warning"}


@pytest.mark.parametrize(
    ("reason", "condition"),
    [(Reason.STUCK, "stuck"), (Reason.UNDER_RANGE, "zero_fault"), (Reason.CROSS_GAS, "cross_gas"),
     (Reason.FAULT, "fault"), (Reason.CHECKSUM, "fault"), (Reason.ABSURD, "fault")],
)  # fmt: skip
def test_a_bad_reading_raises_the_sensors_own_alarm(reason, condition):
    co = Sensor()
    for t in range(12):
        co.at(t).hears(0, BAD, reason)
    assert co.rules.top(condition).priority is Priority.NOTICE


@pytest.mark.parametrize(
    ("reason", "condition"),
    [(Reason.OVER_RANGE, "over_range"), (Reason.CLOCK, "clock"),
     (Reason.WARMING_UP, "warming_up"), (Reason.BUMP_SUSPECT, "bump_suspect")],
)  # fmt: skip
def test_a_doubtful_reading_raises_the_sensors_own_alarm_and_good_ones_end_it(reason, condition):
    co = Sensor()
    for t in range(12):
        co.at(t).hears(0, UNCERTAIN, reason)
    assert co.rules.top(condition).priority is Priority.NOTICE
    for t in range(12, 12 + 302):
        co.at(t).hears(0)
    assert co.rules.top(condition) is None


def test_an_indicative_sensor_protects_nobody():
    for protection, unwatched in (("indicative", False), (None, True)):
        co = Sensor(protection=protection)
        for t in range(130):
            co.at(t).tick()
        assert co.rules.knows("not_watched") is unwatched
        assert (co.rules.top("not_watched") is not None) is unwatched


def test_a_lost_reference_neither_raises_nor_clears_the_oxygen_steps_that_hang_on_it():
    o2 = Sensor("o2")
    o2.rules.set_reference(20.9)
    for t in range(60):
        o2.at(t).hears(19.6)
    assert o2.rules.top("oxygen_low").priority is Priority.WARNING
    o2.rules.set_reference(math.nan)
    for t in range(60, 400):
        o2.at(t).hears(20.9)
    assert o2.rules.top("oxygen_low").priority is Priority.WARNING
    o2.rules.set_reference(20.9)
    for t in range(400, 800):
        o2.at(t).hears(20.9)
    assert o2.rules.top("oxygen_low") is None


steps = st.lists(
    st.tuples(
        st.sampled_from([0.0, 24.0, 190.0, 199.0, 200.0, 600.0, 990.0, math.nan, math.inf, -1e9, 1e300]),
        st.sampled_from(list(Quality)),
        st.sampled_from(list(Reason)),
        st.sampled_from([0.0, 0.5, 1.0, 3.0, 40.0]),
    ),
    max_size=60,
)


@settings(max_examples=60, deadline=None)
@given(steps)
def test_whatever_comes_only_a_good_sample_clears_and_a_restart_changes_nothing(story):
    one, other = Sensor(), Sensor()
    now = 0.0
    for value, quality, reason, wait in story:
        now += wait
        held = one.at(now).top()
        ticked = one.tick()
        assert held.keys() <= ticked.keys(), "a tick clears nothing"
        after = one.hears(value, quality, reason)
        if quality is not GOOD or not math.isfinite(value):
            assert ticked.keys() <= after.keys()
        fresh = Sensor()
        fresh.rules.load(other.rules.dump())
        other = fresh.at(now)
        other.tick()
        other.hears(value, quality, reason)
        assert other.rules.dump() == one.rules.dump()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([0.0, 30.0, 250.0]), min_size=8, max_size=40), st.data())
def test_gas_that_holds_is_found_whatever_is_lost_around_it(story, data):
    """Three samples at or over the level within their five seconds: no loss of others delays it beyond the silence."""
    co = Sensor()
    for t, value in enumerate(story):
        if data.draw(st.booleans()):
            co.at(t).hears(value)
    start = len(story)
    for t in range(start, start + 6):
        co.at(t).hears(250)
    assert co.top()["level"] == "evacuate"


def test_calm_air_finds_nothing_and_touches_nothing():
    co = Sensor()
    co.tick()
    before = co.rules.dump()
    co.hears(3.0)
    assert co.rules.findings == []
    assert co.rules.dump()["watches"] == before["watches"] == {}


def until_evacuate(sensor, level_at, seconds=300):
    """When the level alarm evacuates [s], with one good sample a second; None if never."""
    for t in range(seconds):
        if sensor.at(t).hears(level_at(t)).get("level") == "evacuate":
            return t
    return None


def without_prediction(sensor):
    sensor.rules._predicted.clear()
    return sensor


def test_a_rising_gas_is_heard_before_the_cell_has_followed():
    """T90 30 s, 2 ppm/s: the cell is 26 ppm behind, so 200 ppm are there 13 s before it shows them (4.4)."""
    co = Sensor(t90_s=30.0)
    early = until_evacuate(co, lambda t: 2.0 * t)
    assert early == 92  # ĉ = 200 at 87 s, held for 5 s
    assert "predicted" in co.rules.top("level").source
    assert next(found.x for found in co.rules.findings if found.rung and "predicted" in found.rung.source) >= 200
    assert until_evacuate(without_prediction(Sensor(t90_s=30.0)), lambda t: 2.0 * t) == 105


def test_a_prediction_alone_ends_by_good_air_and_the_off_delay_only():
    co = Sensor(t90_s=30.0)
    for t in range(93):
        co.at(t).hears(2.0 * t)
    assert co.top()["level"] == "evacuate"
    for t in range(93, 400):
        assert "level" in co.at(t).hears(195.0)  # it rises no more, and is not back beyond the deadband
    for t in range(400, 460):
        assert co.at(t).hears(0.0)["level"] == "evacuate"
    assert co.at(461).hears(0.0).get("level") != "evacuate"
    assert not co.spiked()


def test_a_prediction_that_fails_is_no_spike_and_no_alarm():
    co = Sensor(t90_s=30.0)
    for t in range(90):
        co.at(t).hears(2.0 * t)
    for t in range(90, 200):
        co.at(t).hears(178.0 if t < 95 else 10.0)
    assert co.top() == {}
    assert not co.spiked()


def test_an_electrical_step_predicts_nothing():
    for height in (300.0, 900.0):
        co = Sensor(t90_s=30.0)
        for t in range(40):
            co.at(t).hears(0.0)
        for t in range(40, 44):
            co.at(t).hears(height)
        for t in range(44, 60):
            co.at(t).hears(0.0)
        assert co.top() == {}
        assert co.spiked()
        assert until_evacuate(co, lambda t: 2.0 * max(0, t - 60)) == 165, "flagged SPIKE: no prediction"


def test_neither_noise_nor_oxygen_nor_methane_is_predicted():
    rng = random.Random(1)
    co = Sensor(t90_s=30.0)
    assert until_evacuate(co, lambda t: 150.0 + rng.gauss(0.0, 5.0), 600) is None
    for quantity in ("o2", "ch4", "air_velocity", "pm10"):
        assert Sensor(quantity).rules._predicted == []
    o2 = Sensor("o2")
    for t in range(30):
        o2.at(t).hears(20.9 + 0.05 * t)
    assert o2.rules.top("oxygen_high") is None


def test_below_high_nothing_is_predicted():
    assert {watch.rung.priority for watch in Sensor().rules._predicted} <= {Priority.HIGH, Priority.EVACUATE}
    for watch in Sensor("hcn").rules._predicted:
        assert watch.rung.priority >= Priority.HIGH
        assert watch.rung.statistic == "predicted"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 40), st.sampled_from([-6.0, -1.0, 0.0, 0.5, 2.0, 5.0])), max_size=12))
def test_a_prediction_only_adds_alarms_and_survives_a_restart(story):
    plain, ahead, restarted = without_prediction(Sensor()), Sensor(), Sensor()
    level, t = 0.0, 0
    for seconds, slope in story:
        for _ in range(seconds):
            level, t = min(900.0, max(0.0, level + slope)), t + 1
            for sensor in (plain, ahead, restarted):
                sensor.at(t).tick()
                sensor.hears(level)
            for condition in plain.top():
                assert ahead.rules.top(condition).priority >= plain.rules.top(condition).priority
            assert restarted.rules.dump() == ahead.rules.dump()
        fresh = Sensor()
        fresh.rules.load(msgpack.decode(msgpack.encode(restarted.rules.dump())))
        restarted = fresh
