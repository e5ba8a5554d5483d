"""Gas goes: only good air and a person end an alarm."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.model import Priority, State
from gateway.domain.quality import Reason
from tests.alerts.desk_mine import BAD, LATE, UNCERTAIN, Mine, a_site

# -- gas goes ----------------------------------------------------------------------------------------------------------


def test_acknowledging_does_not_end_an_alarm_and_reset_only_when_the_gas_is_gone(mine):
    mine.seconds(10, co=500)
    assert mine.says("acknowledge", comment="voy").ok
    assert mine.state() is State.ACKED
    assert mine.desk.alarm("co.level").acknowledged_by == "ana"
    assert mine.says("reset").error == "co.level cannot be reset: its condition still holds"
    mine.seconds(400)
    assert mine.state() is State.LATCHED_ACKED, "gone, and still it needs a person"
    assert mine.says("reset").ok
    assert mine.state() is State.NORMAL
    assert [t.new for t in mine.told if t.alarm == "co.level"] == [
        State.UNACK, State.ACKED, State.LATCHED_ACKED, State.NORMAL,
    ]  # fmt: skip


def test_reset_asks_for_an_answer_first(mine):
    mine.seconds(10, co=500)
    mine.seconds(400)
    assert mine.state() is State.LATCHED_UNACK
    assert "acknowledged" in mine.says("reset").error
    assert mine.says("acknowledge").ok
    assert mine.says("reset").ok


def test_reset_is_refused_while_the_sensor_is_silent(mine):
    mine.seconds(10, co=500)
    mine.says("acknowledge")
    mine.seconds(400)
    mine.seconds(31, co=None)
    assert "no valid reading" in mine.says("reset").error


@pytest.mark.parametrize(
    "air",
    [None, (math.nan, BAD, Reason.ABSURD), (0, BAD, Reason.STUCK), (0, UNCERTAIN, Reason.CLOCK),
     (0, UNCERTAIN, Reason.WARMING_UP), (0, UNCERTAIN, Reason.UNCALIBRATED), (0, LATE, Reason.BACKLOG)],
)  # fmt: skip
def test_nothing_but_good_air_clears(mine, air):
    mine.seconds(10, co=500)
    mine.seconds(1200, co=air)
    assert mine.state() is State.UNACK
    assert mine.desk.alarm("co.level").beyond


def test_one_bad_sample_a_minute_keeps_the_alarm(mine):
    """The off-delay wants its 60 s without a gap."""
    mine.seconds(10, co=500)
    for _ in range(10):
        mine.seconds(50)
        mine.second(co=(math.nan, BAD, Reason.CHECKSUM))
    assert mine.state() is State.UNACK


def test_methane_withdraws_at_once_and_clears_only_below_half_a_per_cent(mine):
    """Test vector 11 of the limits reference: 0.9, 1.0, 0.8, 0.6, 0.49 %."""
    mine.second(ch4=0.9)
    assert mine.priority("ch4.level") is Priority.WARNING
    mine.second(ch4=1.0)
    assert mine.priority("ch4.level") is Priority.HIGH
    for still in (0.8, 0.6):
        mine.seconds(300, ch4=still)
        assert mine.state("ch4.level") is State.UNACK
    mine.seconds(50, ch4=0.49)
    assert mine.state("ch4.level") is State.UNACK
    mine.seconds(15, ch4=0.49)
    assert mine.state("ch4.level") is State.LATCHED_UNACK


def test_a_notice_that_is_left_after_reset_is_an_alarm_of_its_own(mine):
    mine.seconds(100, co=200)  # also brings the 15-minute mean over its first step
    assert mine.priority() is Priority.EVACUATE
    mine.seconds(300)
    assert mine.state() is State.LATCHED_UNACK
    mine.says("acknowledge")
    assert mine.says("reset").ok
    assert (mine.state(), mine.priority()) == (State.UNACK, Priority.NOTICE)
    assert mine.desk.alarm("co.level").occurrence == 2


# -- properties --------------------------------------------------------------------------------------------------------


said = st.one_of(
    st.sampled_from([0.0, 10.0, 24.0, 60.0, 150.0, 500.0]),
    st.just((1000.0, UNCERTAIN, Reason.OVER_RANGE)),
    st.just((math.nan, BAD, Reason.FAULT)),
    st.just((0.0, UNCERTAIN, Reason.WARMING_UP)),
    st.just((300.0, UNCERTAIN, Reason.CLOCK)),
    st.none(),
)
days = st.lists(st.tuples(said, st.integers(1, 40)), min_size=1, max_size=8)


@settings(max_examples=25, deadline=None)
@given(days, st.integers(0, 200))
def test_a_restart_at_any_instant_changes_nothing(day, at):
    plain, restarted = Mine(a_site()), Mine(a_site())
    seconds = [air for air, length in day for _ in range(length)]
    for n, air in enumerate(seconds):
        for mine in (plain, restarted):
            mine.second(co=air)
            if n == len(seconds) // 2:
                mine.says("acknowledge")
        if n == at:
            restarted.restart()
    assert plain.told == restarted.told
    assert plain.desk.dump() == restarted.desk.dump()


worse = st.sampled_from([None, (math.nan, BAD, Reason.CHECKSUM), (0.0, UNCERTAIN, Reason.CLOCK),
                         (0.0, LATE, Reason.BACKLOG), (0.0, BAD, Reason.STUCK)])  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(st.sampled_from([30.0, 110.0, 300.0, 900.0]), st.lists(st.tuples(worse, st.integers(1, 30)), max_size=8))
def test_removing_or_worsening_samples_never_ends_an_alarm(gas, rest):
    mine = Mine()
    mine.seconds(100, co=gas)
    assert mine.state() is State.UNACK
    for air, length in rest:
        mine.seconds(length, co=air)
        assert mine.state() is State.UNACK


@settings(max_examples=20, deadline=None)
@given(days)
def test_every_clear_follows_a_good_sample_at_once(day):
    mine = Mine()
    for air, length in day:
        for _ in range(length):
            before = len(mine.told)
            mine.second(co=air)
            gone = (State.RTN_UNACK, State.LATCHED_UNACK, State.NORMAL)
            cleared = [told for told in mine.told[before:] if told.sensor == "co" and told.new in gone]
            assert not cleared or isinstance(air, float)
