"""Gas comes, sensors fall silent, oxygen is missing: what raises an alarm, and when."""

import math

import pytest

from alerts.model import Priority, State
from gateway.domain.quality import Reason
from tests.alerts.desk_mine import BAD, LATE, UNCERTAIN, Mine

# -- gas comes ---------------------------------------------------------------------------------------------------------


def test_clean_air_says_nothing(mine):
    mine.seconds(120)
    assert mine.told == []


def test_500_ppm_of_co_evacuates_after_five_seconds_and_three_samples(mine):
    mine.seconds(5, co=500)
    assert mine.state() is State.UNACK
    assert mine.priority() is Priority.EVACUATE
    alarm = mine.desk.alarm("co.level")
    assert (alarm.value, alarm.limit, alarm.unit, alarm.zone) == (500, 200, "ppm", "frente")
    assert "NIOSH" in alarm.source
    assert [(t.old, t.new) for t in mine.told if t.alarm == "co.level"] == [(State.NORMAL, State.UNACK)]


def test_four_seconds_are_not_five(mine):
    mine.seconds(4, co=500)
    assert mine.standing() == {"co.spike"}, "too steep to be believed, and no more than a Notice"


def test_one_short_step_is_electrical_and_only_a_notice(mine):
    mine.second(co=500)
    mine.second()
    assert mine.standing() == {"co.spike"}
    assert mine.priority("co.spike") is Priority.NOTICE
    mine.seconds(301)
    assert mine.state("co.spike") is State.RTN_UNACK


def test_one_sample_of_500_and_then_silence_evacuates_when_the_channel_is_lost(mine):
    mine.second(co=500)
    mine.seconds(28, co=None)
    assert "co.level" not in mine.standing()
    mine.seconds(2, co=None)
    assert mine.priority() is Priority.EVACUATE
    assert mine.state("co.comm_lost") is State.UNACK


def test_one_sample_of_500_and_then_a_storm_of_nonsense_evacuates_too(mine):
    mine.second(co=500)
    mine.seconds(30, co=(math.nan, BAD, Reason.ABSURD))
    assert mine.priority() is Priority.EVACUATE


def test_a_level_seen_and_then_over_range_counts_at_once(mine):
    mine.second(co=300)
    mine.hears("co", 1000, UNCERTAIN, Reason.OVER_RANGE)
    assert mine.priority() is Priority.EVACUATE


def test_over_range_enters_what_the_sensor_cannot_show(mine):
    mine.seconds(5, co=(1000, UNCERTAIN, Reason.OVER_RANGE))
    assert mine.desk.alarm("co.ceiling").limit == 1200, "IDLH lies above the full scale of 1000 ppm"
    mine.seconds(3, co=(1000, UNCERTAIN, Reason.OVER_RANGE))
    assert "co.over_range" in mine.standing()


def test_30_ppm_takes_its_minute_and_names_its_source(mine):
    mine.seconds(200)
    mine.seconds(55, co=30)
    assert mine.standing() == set()
    mine.seconds(35, co=30)
    assert mine.priority() is Priority.WARNING
    document = mine.desk.document(mine.desk.alarm("co.level"), mine.moment)
    assert "DS 024-2016-EM" in document["source"]


def test_a_higher_rung_asks_again_although_somebody_had_answered(mine):
    mine.seconds(200, co=30)
    assert mine.says("acknowledge").ok
    assert mine.state() is State.ACKED
    mine.seconds(5, co=400)
    assert (mine.state(), mine.priority()) == (State.UNACK, Priority.EVACUATE)
    assert mine.desk.alarm("co.level").occurrence == 1
    assert mine.desk.alarm("co.level").acknowledged_by is None


def test_warm_up_raises_nothing_but_what_is_still_there_afterwards_counts_from_its_start(mine):
    mine.seconds(100, co=(500, UNCERTAIN, Reason.WARMING_UP))
    assert mine.standing() == {"co.warming_up"}
    mine.hears("co", 500)
    assert mine.priority() is Priority.EVACUATE


@pytest.mark.parametrize("reason", [Reason.CLOCK, Reason.UNCALIBRATED])
def test_a_doubtful_sample_may_raise(mine, reason):
    mine.seconds(6, co=(500, UNCERTAIN, reason))
    assert mine.priority() is Priority.EVACUATE


def test_backlog_neither_raises_nor_clears(mine):
    mine.seconds(100, co=(500, LATE, Reason.BACKLOG))
    assert "co.level" not in mine.standing()
    mine = Mine()
    mine.seconds(10, co=500)
    mine.seconds(300, co=(0, LATE, Reason.BACKLOG))
    assert mine.state() is State.UNACK


# -- silence -----------------------------------------------------------------------------------------------------------


def test_a_silent_sensor_alarms_and_two_minutes_later_nobody_watches_the_place(mine):
    mine.seconds(30, co=None)
    assert mine.priority("co.comm_lost") is Priority.WARNING
    mine.seconds(90, co=None)
    assert mine.priority("co.not_watched") is Priority.HIGH
    mine.seconds(31)
    assert mine.state("co.comm_lost") is State.RTN_UNACK


def test_sensors_that_never_spoke_alarm_as_well():
    mine = Mine()
    mine.seconds(31, co=None)
    assert "co.comm_lost" in mine.standing()


def test_endless_warm_up_is_not_watching(mine):
    mine.seconds(121, co=(0, UNCERTAIN, Reason.WARMING_UP))
    assert "co.comm_lost" not in mine.standing()
    assert mine.priority("co.not_watched") is Priority.HIGH


def test_lost_dust_is_for_the_technician_only(mine):
    mine.seconds(200, dust=None)
    assert mine.standing() == {"dust.comm_lost"}
    assert mine.priority("dust.comm_lost") is Priority.NOTICE


# -- oxygen ------------------------------------------------------------------------------------------------------------


def test_little_oxygen_in_a_dead_end_stays_high_and_nobody_enters_to_rescue(mine):
    mine.seconds(10, o2_frente=16.0)
    assert mine.priority("o2-frente.oxygen_low") is Priority.HIGH
    document = mine.desk.document(mine.desk.alarm("o2-frente.oxygen_low"), mine.moment)
    assert "NI A RESCATAR" in document["response_es"]


def test_little_oxygen_where_air_passes_through_evacuates(mine):
    mine.seconds(10, o2=17.9)
    assert mine.priority("o2.oxygen_low") is Priority.EVACUATE


def test_little_oxygen_in_two_neighbouring_zones_evacuates(mine):
    mine.seconds(10, o2=19.2)
    assert mine.priority("o2.oxygen_low") is Priority.HIGH
    mine.seconds(12, o2=19.2, o2_frente=19.2)
    assert mine.priority("o2.oxygen_low") is Priority.EVACUATE


def test_wet_warm_air_is_no_lack_of_oxygen_when_the_portal_reads_the_same(mine):
    mine.seconds(200, o2=19.7, o2_portal=19.9)
    assert "o2.oxygen_low" not in mine.standing()
    mine.seconds(200, o2=19.7, o2_portal=20.4)
    assert mine.priority("o2.oxygen_low") is Priority.WARNING


def test_enriched_oxygen_is_high(mine):
    mine.seconds(10, o2=23.0)
    assert mine.priority("o2.oxygen_high") is Priority.HIGH
