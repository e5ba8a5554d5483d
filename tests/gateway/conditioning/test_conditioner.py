"""From a raw sample to value, quality, reason and place in time."""

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.conditioning.channel import Conditioner
from gateway.conditioning.ranges import resolve_full_scale, resolve_warm_up
from gateway.domain.events import Delivery, Sample
from gateway.domain.moment import NO_TIME, Moment
from gateway.domain.quality import Quality, Reason
from gateway.domain.site import Site

S = 1_000_000
UTC = 1_800_000_000 * S

SITE = Site.model_validate(
    {
        "site": {"id": "orex", "name": "Orex"},
        "zones": [
            {"id": "frente-1", "name": "1", "kind": "face"},
            {"id": "frente-2", "name": "2", "kind": "face"},
            {"id": "lejos", "name": "3", "kind": "face"},
        ],
        "connections": [{"from": "frente-1", "to": "frente-2", "length_m": 10}],
        "sources": [
            {"id": "dust", "kind": "serial", "port": "x", "driver": "plantower-pms"},
            {"id": "nodes", "kind": "mqtt", "topic": "n/+", "format": "senml-json"},
        ],
        "sensors": [
            {"id": name, "zone": zone, "quantity": quantity, "source": source, "channel": name, **more}
            for name, zone, quantity, source, more in (
                ("co-1", "frente-1", "co", "nodes", {}),
                ("no2-1", "frente-1", "no2", "nodes", {}),
                ("so2-1", "frente-1", "so2", "nodes", {}),
                ("o2-1", "frente-1", "o2", "nodes", {"calibration": {"zero": 0.5, "span": 1.1}}),
                ("humidity-1", "frente-1", "humidity", "nodes", {}),
                ("fan-1-runs", "frente-1", "fan_running", "nodes", {}),
                ("v-1", "frente-1", "air_velocity", "nodes", {}),
                ("pm-1", "frente-1", "pm2_5", "dust", {}),
                ("no-1", "frente-1", "no", "nodes", {"warm_up_s": 60}),
                ("v-2", "frente-2", "air_velocity", "nodes", {"max_age_s": 10}),
                ("co-3", "lejos", "co", "nodes", {"period_s": 20, "full_scale": 500}),
                ("co2-1", "frente-1", "co2", "nodes", {}),
            )
        ],
    }
)
INDEX = {sensor.id: i for i, sensor in enumerate(SITE.sensors)}
FULL = resolve_full_scale(SITE, {"plantower-pms": {"pm2_5": 800.0}})
WARM = [seconds if SITE.sensors[i].id == "no-1" else 0.0 for i, seconds in enumerate(resolve_warm_up(SITE, {}))]

GOOD = ("good", None)


def at(seconds: float) -> Moment:
    return Moment(round(seconds * S), UTC + round(seconds * S))


def conditioner() -> Conditioner:
    return Conditioner(SITE, FULL, WARM)


def judged(
    c: Conditioner, name: str, value: float, seconds: float = 0.0, *, delivery: int = Delivery.LIVE,
    quality: Quality = Quality.GOOD, reason: Reason = Reason.NONE,
) -> tuple[str, str | None]:  # fmt: skip
    _, q, r, _ = c.condition(at(seconds), delivery, Sample(INDEX[name], value, NO_TIME, quality, reason))
    return Quality(q).word, Reason(r).word


def test_full_scale_and_warm_up_come_from_site_driver_or_quantity() -> None:
    assert FULL[INDEX["co-1"]] == 1000.0
    assert FULL[INDEX["co-3"]] == 500.0
    assert FULL[INDEX["pm-1"]] == 800.0
    warm = resolve_warm_up(SITE, {"plantower-pms": 30.0})
    assert (warm[INDEX["pm-1"]], warm[INDEX["no-1"]], warm[INDEX["co-1"]]) == (30.0, 60.0, 0.0)


def test_calibration() -> None:
    value, quality, _, _ = conditioner().condition(at(0), Delivery.LIVE, Sample(INDEX["o2-1"], 19.5))
    assert value == pytest.approx(20.9)
    assert quality == Quality.GOOD


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e308, -1e308, 1.1e9])
def test_absurd_is_bad_whatever_the_sensor(value: float) -> None:
    for name in INDEX:
        assert judged(conditioner(), name, value) == ("bad", "absurd")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("co-1", 979.0, GOOD), ("co-1", 980.0, ("uncertain", "over_range")),
        ("co-1", 5000.0, ("uncertain", "over_range")),
        ("pm-1", 784.0, ("uncertain", "over_range")),
        ("humidity-1", 100.0, GOOD), ("fan-1-runs", 1.0, GOOD),  # ends of a scale that are plain values
        ("co-1", -9.0, GOOD), ("co-1", -9.5, ("bad", "under_range")),  # 3 LOD of 3 steps of 1 ppm
        ("no2-1", -0.4, GOOD), ("no2-1", -0.5, ("bad", "under_range")),  # 2 % of 20 ppm
        ("v-1", -3.0, GOOD),  # air that turns back
        ("humidity-1", -5.0, GOOD),
    ],
)  # fmt: skip
def test_ranges(name: str, value: float, expected: tuple[str, str | None]) -> None:
    assert judged(conditioner(), name, value) == expected


def test_over_range_keeps_its_value() -> None:
    assert conditioner().condition(at(0), 0, Sample(INDEX["co-1"], 1300.0))[0] == 1300.0


@pytest.mark.parametrize(
    ("quality", "reason", "expected"),
    [
        (Quality.BAD, Reason.FAULT, ("bad", "fault")),
        (Quality.UNCERTAIN, Reason.OVER_RANGE, ("uncertain", "over_range")),
        (Quality.UNCERTAIN, Reason.WARMING_UP, ("uncertain", "warming_up")),
    ],
)
def test_what_the_driver_said_stays(quality: Quality, reason: Reason, expected: tuple[str, str]) -> None:
    for value in (0.0, 5.0, 990.0):
        got = judged(conditioner(), "co-1", value, quality=quality, reason=reason)
        assert got == expected
    assert judged(conditioner(), "co-1", math.nan, quality=Quality.BAD, reason=Reason.FAULT) == ("bad", "fault")
    assert judged(conditioner(), "co-1", -50.0, quality=Quality.UNCERTAIN, reason=Reason.WARMING_UP)[0] == "bad"


def test_after_a_blast_no2_drives_other_cells_below_zero() -> None:
    c = conditioner()
    assert judged(c, "so2-1", -2.0, 0) == ("bad", "under_range")
    judged(c, "no2-1", 2.0, 10)
    assert judged(c, "so2-1", -2.0, 11) == ("bad", "cross_gas")
    assert judged(c, "so2-1", 0.3, 12) == GOOD
    assert judged(c, "no2-1", -2.0, 12) == ("bad", "under_range")
    assert judged(c, "co-3", -50.0, 12) == ("bad", "under_range")  # another zone
    assert judged(c, "so2-1", -2.0, 10 + 1799) == ("bad", "cross_gas")
    assert judged(c, "so2-1", -2.0, 10 + 1800) == ("bad", "under_range")


def test_warm_up_begins_with_the_first_sample_and_again_with_a_restart() -> None:
    c = conditioner()
    warming = ("uncertain", "warming_up")
    assert judged(c, "no-1", 4.0, 100) == warming
    assert judged(c, "no-1", 99.0, 159) == warming  # a cold cell at the end of its range is no blast
    assert judged(c, "no-1", 4.0, 160) == GOOD
    c.restart(at(200), [INDEX["no-1"], INDEX["co-1"]])
    assert judged(c, "no-1", 4.0, 201) == warming
    assert judged(c, "co-1", 4.0, 201) == GOOD
    assert judged(c, "no-1", 4.0, 260) == GOOD


# --- stuck ---


def frozen(c: Conditioner, value: float, *, neighbour: list[float], name: str = "co-1", other: str = "no2-1") -> list[str | None]:  # fmt: skip  # noqa: E501
    """One sample a minute for 20 minutes; the neighbour walks through its values."""
    reasons = []
    for minute in range(20):
        judged(c, other, neighbour[minute % len(neighbour)], minute * 60)
        reasons.append(judged(c, name, value, minute * 60 + 1)[1])
    return reasons


def test_a_value_that_stands_while_its_neighbour_moves_is_stuck_after_15_minutes() -> None:
    assert frozen(conditioner(), 12.0, neighbour=[1.0, 3.0]) == [None] * 15 + ["stuck"] * 5


def test_a_stuck_sensor_is_heard_again_when_it_moves() -> None:
    c = conditioner()
    frozen(c, 12.0, neighbour=[1.0, 3.0])
    assert judged(c, "co-1", 13.0, 1201) == GOOD


def test_a_cell_that_reads_zero_in_clean_air_is_not_stuck() -> None:
    assert set(frozen(conditioner(), 0.0, neighbour=[1.0, 3.0])) == {None}
    assert set(frozen(conditioner(), 3.0, neighbour=[1.0, 3.0])) == {None}  # within 3 steps of rest


def test_without_a_neighbour_that_moved_nothing_is_stuck() -> None:
    assert set(frozen(conditioner(), 12.0, neighbour=[1.0])) == {None}
    assert set(frozen(conditioner(), 12.0, neighbour=[1.0, 1.2])) == {None}  # noise
    assert set(frozen(conditioner(), 12.0, neighbour=[5.0, 50.0], other="co-3")) == {None}  # another place


def test_velocity_has_the_velocity_next_door_for_a_neighbour() -> None:
    assert frozen(conditioner(), 0.8, neighbour=[0.2, 1.2], name="v-1", other="v-2")[-1] == "stuck"
    assert frozen(conditioner(), 0.8, neighbour=[2.0, 20.0], name="v-1", other="co-1")[-1] is None


def test_what_never_sticks() -> None:
    for name, value in (("humidity-1", 81.0), ("fan-1-runs", 1.0), ("pm-1", 40.0), ("co2-1", 900.0)):
        assert set(frozen(conditioner(), value, neighbour=[1.0, 3.0], name=name)) == {None}
    # a saturated cell is news, not a fault
    assert set(frozen(conditioner(), 1000.0, neighbour=[1.0, 3.0])) == {"over_range"}


# --- time ---


def placed(source_us: int, *, delivery: int = Delivery.LIVE, value: float = 5.0, trusted: bool = True) -> tuple[str, str | None, int]:  # fmt: skip  # noqa: E501
    moment = at(100)._replace(trusted=trusted)
    _, quality, reason, time_us = conditioner().condition(moment, delivery, Sample(INDEX["co-1"], value, source_us))
    return Quality(quality).word, Reason(reason).word, time_us


def test_live_samples_have_the_source_time_when_it_agrees_and_else_that_of_receipt() -> None:
    now = at(100).utc_us
    assert placed(NO_TIME) == ("good", None, now)
    assert placed(now - 5 * S) == ("good", None, now - 5 * S)
    assert placed(now + 5 * S) == ("good", None, now + 5 * S)
    assert placed(now + 5 * S + 1) == ("uncertain", "clock", now)
    assert placed(0) == ("uncertain", "clock", now)
    assert placed(4_070_908_800 * S) == ("uncertain", "clock", now)


def test_a_node_of_1970_or_2099_with_500_ppm_may_still_raise() -> None:
    for year in (0, 4_070_908_800 * S):
        value, quality, _, _ = conditioner().condition(at(0), 0, Sample(INDEX["co-1"], 500.0, year))
        assert (value, quality) == (500.0, Quality.UNCERTAIN)
    # a worse reason is not hidden by the clock
    assert placed(0, value=2000.0)[:2] == ("uncertain", "over_range")
    assert placed(0, value=-50.0)[:2] == ("bad", "under_range")


def test_backlog_is_late_and_keeps_its_own_time() -> None:
    now = at(100).utc_us
    for delivery in (Delivery.BACKLOG, Delivery.RETAINED):
        assert placed(now - 3600 * S, delivery=delivery) == ("late", "backlog", now - 3600 * S)
        assert placed(NO_TIME, delivery=delivery) == ("late", "backlog", NO_TIME)
        assert placed(0, delivery=delivery) == ("late", "backlog", NO_TIME)
        assert placed(now + 60 * S, delivery=delivery) == ("late", "backlog", NO_TIME)
        assert placed(now + 60 * S, delivery=delivery, trusted=False) == ("late", "backlog", now + 60 * S)
        assert placed(now, delivery=delivery, value=math.nan) == ("late", "absurd", now)
        assert placed(now, delivery=delivery, value=2000.0) == ("late", "over_range", now)


def test_backlog_moves_no_state() -> None:
    c = conditioner()
    before = c.dump()
    for name in INDEX:
        judged(c, name, 3.0, 5, delivery=Delivery.BACKLOG)
    assert c.dump() == before or msgspec.msgpack.encode(c.dump()) == msgspec.msgpack.encode(before)


# --- silence ---


def names(found: list[int]) -> set[str]:
    return {SITE.sensors[i].id for i in found}


def test_silence_is_told_once_after_its_time() -> None:
    c = conditioner()
    assert c.tick(at(0)) == []
    assert names(c.tick(at(10))) == {"v-2"}  # max_age_s
    for name in INDEX:
        judged(c, name, 1.0, 20)
    assert c.tick(at(29)) == []
    assert names(c.tick(at(30))) == {"v-2"}
    assert names(c.tick(at(50))) == set(INDEX) - {"v-2", "co-3"}
    assert c.tick(at(51)) == []
    assert names(c.tick(at(80))) == {"co-3"}  # 3 × 20 s
    assert c.is_silent(INDEX["co-1"])
    judged(c, "co-1", 1.0, 81)
    assert not c.is_silent(INDEX["co-1"])
    assert names(c.tick(at(111))) == {"co-1"}


def test_bad_samples_and_backlog_are_no_sign_of_life() -> None:
    c = conditioner()
    c.tick(at(0))
    for second in range(40):
        judged(c, "co-1", math.nan, second)
        judged(c, "no2-1", 1.0, second, delivery=Delivery.BACKLOG)
        judged(c, "so2-1", 1.0, second)
    assert {"co-1", "no2-1"} <= names(c.tick(at(40)))
    assert not c.is_silent(INDEX["so2-1"])


def test_nobody_listened_while_the_gateway_was_away() -> None:
    c = conditioner()
    judged(c, "co-1", 1.0, 0)
    c.resume(at(3600))
    assert c.tick(at(3601)) == []
    assert "co-1" in names(c.tick(at(3630)))


# --- properties ---

steps = st.lists(
    st.tuples(
        st.sampled_from(sorted(INDEX)),
        st.one_of(st.sampled_from([0.0, 5.0, 12.0, 12.0, 990.0, -50.0, math.nan, 1e308]), st.floats(-10, 1200)),
        st.sampled_from([0.1, 1.0, 30.0, 400.0]),
        st.sampled_from(list(Delivery)),
        st.sampled_from([Quality.GOOD, Quality.GOOD, Quality.UNCERTAIN, Quality.BAD]),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(run=steps, cut=st.integers(0, 40))
def test_a_restart_between_any_two_samples_changes_nothing(run: list[tuple[str, float, float, int, Quality]], cut: int) -> None:  # fmt: skip  # noqa: E501
    one, two = conditioner(), conditioner()
    now = 0.0
    for number, (name, value, wait, delivery, quality) in enumerate(run):
        if number == cut:
            two = conditioner()
            two.load(msgspec.msgpack.decode(msgspec.msgpack.encode(one.dump())))
        now += wait
        sample = Sample(INDEX[name], value, NO_TIME, quality, Reason.OVER_RANGE if quality else Reason.NONE)
        a, b = (c.condition(at(now), delivery, sample) for c in (one, two))
        assert msgspec.msgpack.encode(a) == msgspec.msgpack.encode(b)
        assert one.tick(at(now)) == two.tick(at(now))
        # never better than the driver said, and always a reason with it
        assert a[1] >= quality
        assert (a[1] == Quality.GOOD) == (a[2] == Reason.NONE)
        if a[1] == Quality.GOOD:
            assert math.isfinite(a[0])


def test_state_of_sensors_that_the_site_file_lost_is_forgotten() -> None:
    c = conditioner()
    state = c.dump()
    state["silence"]["gone"] = [1, True]
    state["warm"]["gone"] = 1
    c.load(state)
    assert "gone" not in c.dump()["silence"]
    assert "gone" not in c.dump()["warm"]
