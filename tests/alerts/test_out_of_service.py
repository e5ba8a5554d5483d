"""A sensor out of service: managed, bounded, and never a way to hide what the air is like (limits reference 6.1, I)."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.model import Priority, State
from gateway.domain.quality import Reason
from tests.alerts.desk_mine import BAD, UNCERTAIN, Mine

STUCK = (0, BAD, Reason.STUCK)


def take_out(mine, target="co", minutes=60, **more):
    return mine.says("out_of_service", target, minutes=minutes, reason="celda quemada", **more)


def test_who_may_and_for_how_long(mine):
    assert "admin, officer" in take_out(mine, role="supervisor").error
    assert "named person" in take_out(mine, by="").error
    assert "'minutes'" in mine.says("out_of_service", "co", reason="x").error
    assert "at most 480" in take_out(mine, minutes=481).error
    assert "reason" in mine.says("out_of_service", "co", minutes=5).error
    assert "no sensor of this site" in take_out(mine, "nada").error
    assert mine.says("in_service", "co").error == "co is not out of service"
    assert take_out(mine, role="admin").ok


def test_alarms_of_its_own_health_stand_aside_with_an_end_and_come_back(mine):
    mine.seconds(40, co=STUCK)
    assert mine.state("co.stuck") is State.UNACK
    assert take_out(mine, minutes=10).ok
    assert mine.state("co.stuck") is State.OUT_OF_SERVICE
    told = next(t for t in reversed(mine.told) if t.alarm == "co.stuck")
    assert (told.by, told.comment, told.reason) == ("ana", "celda quemada", "out_of_service")
    assert (told.document["underlying"], told.document["until"]) == ("unack", "2027-01-15T08:10:42.000Z")
    mine.seconds(20, co=None)
    assert mine.state("co.comm_lost") is State.OUT_OF_SERVICE, "what comes later stands aside as well"
    mine.seconds(581, co=None)
    assert mine.state("co.comm_lost") is State.UNACK
    assert mine.told[-1].reason == "service_over"


def test_it_can_be_renewed_and_ended(mine):
    mine.seconds(40, co=STUCK)
    take_out(mine, minutes=10)
    mine.seconds(500, co=STUCK)
    assert take_out(mine, minutes=10).ok
    mine.seconds(500, co=STUCK)
    assert mine.state("co.stuck") is State.OUT_OF_SERVICE
    assert [sensor.id for sensor in mine.desk.out_of_service()] == ["co"]
    assert mine.says("in_service", "co").ok
    assert mine.state("co.stuck") is State.UNACK
    assert mine.desk.out_of_service() == []


def test_one_alarm_alone_and_never_one_of_the_air(mine):
    mine.seconds(40, co=STUCK, dust=None, ch4=1.2, o2=19.0)
    mine.seconds(90, co=STUCK, dust=None, ch4=1.2, o2=19.0)
    assert take_out(mine, "co.stuck").ok
    assert mine.state("co.stuck") is State.OUT_OF_SERVICE
    assert mine.state("co.comm_lost") is State.UNACK
    mine.desk.report(mine.moment, "fan-1", "fan_failed", True, zone="frente")
    for target in ("ch4.level", "o2.oxygen_low", "co.not_watched", "fan-1.fan_failed"):
        assert "may never be out of service" in take_out(mine, target).error


def test_gas_oxygen_and_methane_are_heard_all_the_same(mine):
    for sensor in ("co", "ch4", "o2"):
        assert take_out(mine, sensor).ok
    mine.seconds(10, co=500, ch4=1.2, o2=19.0)
    assert [mine.state(name) for name in ("co.level", "ch4.level", "o2.oxygen_low")] == [State.UNACK] * 3


def test_nobody_watches_its_place_although_it_speaks(mine):
    take_out(mine)
    mine.seconds(121)
    assert mine.priority("co.not_watched") is Priority.HIGH
    assert mine.state("co.not_watched") is State.UNACK
    mine.says("in_service", "co")
    mine.seconds(32)
    assert mine.state("co.not_watched") is State.RTN_UNACK


def by_hand(mine, value):
    """A portable reading taken now; `None` takes it away."""
    taken_us = mine.moment.now_us
    mine.desk.orders.by_hand = lambda zone, gas, _moment, since_us: (
        value if (zone, gas) == ("frente", "co") and taken_us >= since_us else None
    )


def test_people_with_a_portable_watch_in_its_place(mine):
    take_out(mine)
    mine.seconds(121, co=None)
    by_hand(mine, 40.0)
    mine.seconds(40, co=None)
    assert mine.state("co.not_watched") is State.UNACK, "over the Warning of 25 ppm"
    by_hand(mine, 3.0)
    mine.seconds(40, co=None)
    assert mine.state("co.not_watched") is State.RTN_UNACK
    by_hand(mine, None)
    mine.seconds(119, co=None)
    assert mine.state("co.not_watched") is State.RTN_UNACK
    mine.seconds(2, co=None)
    assert mine.state("co.not_watched") is State.UNACK, "the round was not repeated"


def test_without_a_service_a_portable_does_not_make_up_for_a_dead_sensor(mine):
    mine.desk.orders.by_hand = lambda *_: 0.0
    mine.seconds(200, co=None)
    assert mine.state("co.not_watched") is State.UNACK
    mine = Mine()
    mine.desk.orders.by_hand = lambda *_: 0.0
    mine.seconds(10, co=500)
    mine.seconds(40, co=None)
    mine.says("acknowledge")
    assert "its condition still holds" in mine.says("reset", comment="portátil 0").error


@pytest.fixture
def dead(mine):
    """500 ppm were there, then the sensor died; people know."""
    mine.seconds(60, co=500)
    mine.seconds(60, co=None)
    by_hand(mine, 2.0)  # before it was taken out: no evidence
    mine.second(co=None)
    assert take_out(mine).ok
    return mine


def test_an_alarm_of_a_dead_sensor_says_what_is_missing_and_ends_by_a_reading_and_a_name(dead):
    assert "before somebody has acknowledged" in dead.says("reset", comment="medido").error
    assert dead.says("acknowledge").ok
    assert "nobody has measured co in frente since it went out of service" in dead.says("reset", comment="medido").error
    by_hand(dead, 60.0)
    assert "the portable reads 60 ppm; expected below 25 ppm (TWA" in dead.says("reset", comment="medido").error
    by_hand(dead, 500.0)
    assert "the portable reads 500 ppm; expected below 25 ppm" in dead.says("reset", comment="medido").error
    by_hand(dead, 4.0)
    assert "comment" in dead.says("reset").error
    assert "admin or officer" in dead.says("reset", role="supervisor", comment="medido").error
    assert dead.says("reset", comment="portátil 4 ppm, celda quemada").ok
    assert dead.state() is State.NORMAL
    dead.seconds(600, co=None)
    assert dead.state() is State.NORMAL, "what the dead cell once saw does not come back"


def test_gas_that_is_there_afterwards_is_a_new_alarm(dead):
    dead.says("acknowledge")
    by_hand(dead, 4.0)
    dead.says("reset", comment="medido")
    dead.seconds(5, co=500)
    assert (dead.state(), dead.desk.alarm("co.level").occurrence) == (State.UNACK, 2)


def test_a_sensor_that_gives_good_values_judges_for_itself(mine):
    mine.seconds(10, co=500)
    mine.says("acknowledge")
    take_out(mine)
    by_hand(mine, 0.0)
    assert "still holds" in mine.says("reset", comment="medido").error
    mine.seconds(200)
    assert mine.state() is State.LATCHED_ACKED
    assert mine.says("reset").ok


@pytest.mark.parametrize("air", [None, (math.nan, BAD, Reason.FAULT), (0, UNCERTAIN, Reason.BUMP_SUSPECT)])
def test_a_restart_changes_nothing(dead, air):
    before = dead.desk.dump()
    dead.restart()
    assert dead.desk.dump() == before
    by_hand(dead, 4.0)
    dead.seconds(60, co=air)
    dead.says("acknowledge")
    assert dead.says("reset", comment="medido").ok


air = st.sampled_from(
    [0.0, 30.0, 150.0, 500.0, None, STUCK, (0.0, UNCERTAIN, Reason.CLOCK), (990.0, UNCERTAIN, Reason.OVER_RANGE)]
)
orders = st.sampled_from([None, "out_of_service", "in_service"])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(orders, air, st.integers(1, 40)), max_size=8))
def test_whatever_is_ordered_the_air_is_told_as_without_it_and_a_restart_changes_nothing(story):
    plain, served, restarted = Mine(), Mine(), Mine()
    for order, said, length in story:
        for mine in (served, restarted):
            if order:
                mine.says(order, "co", minutes=1, reason="celda")
        for _ in range(length):
            for mine in (plain, served, restarted):
                mine.second(co=said)
        restarted.restart()
    of_air = ("level", "stel", "ceiling")

    def told(mine):
        return [(t.utc_us, t.alarm, t.old, t.new) for t in mine.told if t.condition in of_air]

    assert told(plain) == told(served)
    standing = served.desk.active()
    assert not [a for a in standing if a.state is State.OUT_OF_SERVICE and a.priority >= Priority.HIGH]
    assert served.told == restarted.told
    assert served.desk.dump() == restarted.desk.dump()
