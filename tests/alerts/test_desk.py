"""Stories of one small mine: air comes in second by second, alarms come out."""

import json
import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.desk import AlarmDesk
from alerts.model import Priority, State
from gateway.domain.events import Request
from gateway.domain.figures import Figures
from gateway.domain.limits import limits_for
from gateway.domain.moment import NO_TIME, SECOND_US, Moment
from gateway.domain.quality import Quality, Reason
from gateway.domain.quantities import QUANTITIES
from gateway.domain.site import Site

NOON_US = 1_800_000_000 * SECOND_US  # 2027-01-15T08:00:00Z
GOOD, UNCERTAIN, BAD, LATE = Quality


def a_site(**changes):
    sensors = [
        {"id": "co", "quantity": "co", "zone": "frente", "role": "witness"},
        {"id": "ch4", "quantity": "ch4", "zone": "frente"},
        {"id": "o2", "quantity": "o2", "zone": "galeria"},
        {"id": "o2-frente", "quantity": "o2", "zone": "frente"},
        {"id": "o2-portal", "quantity": "o2", "zone": "bocamina"},
        {"id": "guard", "quantity": "co", "zone": "bocamina", "role": "intake_guard"},
        {"id": "dust", "quantity": "pm2_5", "zone": "frente"},
    ]
    return Site.model_validate({
        "site": {"id": "orex-01", "name": "Orex"},
        "zones": [
            {"id": "bocamina", "name": "Bocamina", "kind": "portal"},
            {"id": "galeria", "name": "Galería", "kind": "gallery"},
            {"id": "frente", "name": "Frente 1", "kind": "face"},
        ],
        "connections": [
            {"from": "bocamina", "to": "galeria", "length_m": 100},
            {"from": "galeria", "to": "frente", "length_m": 50},
        ],
        "sources": [{"id": "nodes", "kind": "mqtt", "topic": "t/+", "format": "senml-json"}],
        "actuators": [{"id": "fan-1", "kind": "fan", "zones": ["frente"], "mode": "blowing"}],
        "sensors": [sensor | {"source": "nodes", "channel": f"n/{sensor['id']}"} | changes for sensor in sensors],
    })  # fmt: skip


class Mine:
    """Plays seconds into a desk; figures by the plainest sums there are."""

    def __init__(self, site=None):
        self.site = site or a_site()
        self.desk = self.new_desk()
        self.names = [sensor.id for sensor in self.site.sensors]
        # of every second gone by: value · time, time covered, over range; a sample is held for 3 s
        self.past = {name: ([], [], []) for name in self.names}
        self.held = dict.fromkeys(self.names, (math.nan, -9, False))  # value, since, over range
        self.newest = dict.fromkeys(self.names, (math.nan, BAD, Reason.STALE))
        self.now = 0.0
        self.told = []

    def new_desk(self):
        scales = [QUANTITIES[sensor.quantity].full_scale for sensor in self.site.sensors]
        return AlarmDesk(self.site, limits_for, scales)

    @property
    def moment(self):
        return Moment(round(self.now * SECOND_US), NOON_US + round(self.now * SECOND_US))

    def figures(self, name):
        dose, covered, over = self.past[name]

        def window(length):
            return sum(dose[-length:]), sum(covered[-length:]), any(over[-length:])

        (t1, c1, _), (t5, c5, _), (t15, c15, over) = window(60), window(300), window(900)
        value, quality, reason = self.newest[name]
        return Figures(
            self.moment.now_us, value, quality, reason, NO_TIME, t1 / c1 if c1 else math.nan, c1,
            t5 / c5 if c5 else math.nan, c5, t15 / 900, c15, over, 0.0,
        )  # fmt: skip

    def hears(self, name, value, quality=GOOD, reason=Reason.NONE):
        usable = quality <= UNCERTAIN and math.isfinite(value)
        if quality != LATE:
            self.held[name] = (value, self.now if usable else -9, reason == Reason.OVER_RANGE)
            self.newest[name] = (value, quality, reason)
        self.desk.sample(self.moment, self.names.index(name), value, quality, reason, self.figures(name))
        self.listen()

    def listen(self):
        self.told += self.desk.transitions()

    def second(self, **air):
        """One second: each named sensor says its value (or value, quality, reason), the others what fresh air is."""
        fresh = {"co": 0, "guard": 0, "ch4": 0.0, "o2": 20.9, "o2_frente": 20.9, "o2_portal": 20.9, "dust": 10}
        for name, said in (fresh | air).items():
            if said is not None:
                self.hears(name.replace("_", "-"), *(said if isinstance(said, tuple) else (said,)))
        for name, (dose, covered, over) in self.past.items():
            value, since, ranged = self.held[name]
            live = self.now - since < 3
            dose.append(value if live else 0.0)
            covered.append(float(live))
            over.append(live and ranged)
        self.now += 1
        self.desk.tick(self.moment, lambda i: self.figures(self.names[i]))
        self.listen()

    def seconds(self, n, **air):
        for _ in range(n):
            self.second(**air)

    def says(self, action, target="co.level", by="ana", role="officer", **args):
        self.asked = getattr(self, "asked", 0) + 1
        reply = self.desk.request(self.moment, Request(f"r{self.asked}", action, by, role, target, args))
        self.listen()
        return reply

    def state(self, name="co.level"):
        alarm = self.desk.alarm(name)
        return alarm.state if alarm else State.NORMAL

    def priority(self, name="co.level"):
        return self.desk.alarm(name).priority

    def standing(self):
        return {alarm.alarm for alarm in self.desk.active()}

    def restart(self):
        self.listen()
        kept = msgspec.msgpack.decode(msgspec.msgpack.encode(self.desk.dump()))
        self.desk = self.new_desk()
        self.desk.load(kept)


@pytest.fixture
def mine():
    mine = Mine()
    mine.seconds(2)
    return mine


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
    assert [(t.old, t.new) for t in mine.told] == [(State.NORMAL, State.UNACK)]


def test_four_seconds_are_not_five(mine):
    mine.seconds(4, co=500)
    assert mine.standing() == set()


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


# -- who is inside, declared blast -------------------------------------------------------------------------------------


def test_in_a_verified_empty_zone_high_closes_the_access_and_becomes_real_with_the_first_person(mine):
    mine.desk.set_occupancy(mine.moment, "frente", "empty")
    mine.seconds(10, co=500)
    assert mine.desk.alarm("co.level").extra == {"access": "closed"}
    mine.says("acknowledge")
    mine.desk.set_occupancy(mine.moment, "frente", "unknown")
    mine.listen()
    assert mine.state() is State.UNACK
    assert "access" not in mine.told[-1].document
    assert mine.told[-1].reason == "zone_unknown"


def blast(mine, minutes=90):
    mine.desk.set_occupancy(mine.moment, "frente", "empty")
    mine.desk.suppress(mine.moment, ["frente"], mine.moment.now_us + minutes * 60 * SECOND_US, "blast")


def test_a_declared_blast_in_an_empty_zone_is_suppressed_and_leaves_nothing_behind(mine):
    blast(mine)
    mine.seconds(10, co=500)
    assert mine.state() is State.SUPPRESSED
    document = mine.told[-1].document
    assert (document["underlying"], document["until"]) == ("unack", "2027-01-15T09:30:02.000Z")
    mine.seconds(400)
    assert mine.state() is State.NORMAL


def test_people_pierce_the_suppression(mine):
    blast(mine)
    mine.seconds(10, co=500)
    mine.desk.set_occupancy(mine.moment, "frente", "occupied")
    mine.listen()
    assert (mine.told[-1].old, mine.told[-1].new) == (State.SUPPRESSED, State.UNACK)


def test_gas_that_is_left_when_the_window_ends_announces_itself(mine):
    blast(mine, minutes=1)
    mine.seconds(65, co=500)
    assert mine.state() is State.UNACK
    assert mine.told[-1].reason == "suppression_over"


def test_methane_the_intake_and_silence_are_never_suppressed(mine):
    blast(mine)
    mine.desk.set_occupancy(mine.moment, "bocamina", "empty")
    mine.desk.suppress(mine.moment, ["frente", "bocamina"], mine.moment.now_us + 3600 * SECOND_US, "all")
    mine.seconds(40, ch4=1.2, guard=500, dust=None)
    assert mine.state("ch4.level") is State.UNACK
    assert mine.state("guard.level") is State.UNACK
    assert mine.state("dust.comm_lost") is State.UNACK


# -- people ask --------------------------------------------------------------------------------------------------------


def test_only_a_named_person_of_a_role_that_may(mine):
    mine.seconds(10, co=500)
    assert "reviewer" in mine.says("acknowledge", role="reviewer").error
    assert "named person" in mine.says("acknowledge", by=" ").error
    assert mine.says("acknowledge", target="nada.level").error == "there is no active alarm 'nada.level'"
    assert "expected one of" in mine.says("silence").error
    assert mine.state() is State.UNACK


def test_a_request_that_comes_twice_is_done_once(mine):
    mine.seconds(10, co=500)
    request = Request("same", "acknowledge", "ana", "officer", "co.level", {})
    first = mine.desk.request(mine.moment, request)
    assert mine.desk.request(mine.moment, request) == first
    assert len([t for t in mine.desk.transitions() if t.by == "ana"]) == 1


def test_shelving_has_an_end_and_a_reason(mine):
    mine.seconds(31, dust=None)
    assert "number" in mine.says("shelve", "dust.comm_lost", reason="obra").error
    assert "480" in mine.says("shelve", "dust.comm_lost", minutes=481, reason="obra").error
    assert "reason" in mine.says("shelve", "dust.comm_lost", minutes=10).error
    assert mine.says("shelve", "dust.comm_lost", minutes=1, reason="obra").ok
    assert mine.state("dust.comm_lost") is State.SHELVED
    assert mine.desk.alarm("dust.comm_lost").underlying is State.UNACK
    mine.seconds(61, dust=None)
    assert mine.state("dust.comm_lost") is State.UNACK
    assert mine.says("unshelve", "dust.comm_lost").error == "dust.comm_lost is not shelved"


def test_what_kills_is_never_shelved(mine):
    mine.seconds(10, co=500, ch4=0.6, o2=19.0)
    mine.desk.report(mine.moment, "fan-1", "fan_failed", True, zone="frente")
    for target in ("co.level", "ch4.level", "o2.oxygen_low", "fan-1.fan_failed"):
        assert "never be shelved" in mine.says("shelve", target, minutes=5, reason="ruido").error


def test_a_shelved_warning_that_becomes_an_evacuation_is_heard(mine):
    mine.seconds(200, co=30)
    assert mine.says("shelve", minutes=60, reason="prueba").ok
    mine.seconds(5, co=400)
    assert mine.state() is State.UNACK


# -- conditions judged elsewhere ---------------------------------------------------------------------------------------


def test_a_reported_condition_has_its_delays_and_unknown_neither_raises_nor_clears(mine):
    def fan(beyond):
        mine.desk.report(
            mine.moment, "fan-1", "fan_failed", beyond, zone="frente", priority=Priority.HIGH, latch=True,
            on_s=10, off_s=20,
        )  # fmt: skip

    fan(True)
    mine.seconds(9)
    assert "fan-1.fan_failed" not in mine.standing()
    mine.seconds(2)
    assert mine.state("fan-1.fan_failed") is State.UNACK
    fan(None)
    mine.seconds(100)
    assert mine.state("fan-1.fan_failed") is State.UNACK
    fan(False)
    mine.seconds(21)
    assert mine.state("fan-1.fan_failed") is State.LATCHED_UNACK


def test_nobody_overrules_a_sensor(mine):
    with pytest.raises(ValueError, match=r"co\.level is judged by the sensor's own rules"):
        mine.desk.report(mine.moment, "co", "level", False)


# -- over a restart ----------------------------------------------------------------------------------------------------


def test_a_retained_alarm_that_the_journal_does_not_know_stands_until_air_and_a_person_end_it(mine):
    mine.seconds(10, co=500)
    document = json.loads(json.dumps(mine.desk.document(mine.desk.alarm("co.level"), mine.moment)))
    after = Mine()
    assert after.desk.adopt(after.moment, document)
    after.listen()
    assert (after.state(), after.told[0].reason, after.priority()) == (State.UNACK, "recovered", Priority.EVACUATE)
    assert after.told[0].document["since"] == document["since"]
    assert after.desk.alarm("co.level").occurrence == document["occurrence"]
    assert not after.desk.adopt(after.moment, document), "known now"
    after.seconds(200, co=None)
    assert after.state() is State.UNACK
    after.seconds(1000)
    assert after.state() is State.LATCHED_UNACK
    assert after.says("acknowledge").ok
    assert after.says("reset").ok
    assert after.state() is State.NORMAL


def test_an_adopted_alarm_of_something_that_is_gone_from_the_site_can_be_reset(mine):
    document = {"alarm": "old.level", "condition": "level", "priority": "high", "state": "acked"}
    assert mine.desk.adopt(mine.moment, document)
    assert "acknowledged" in mine.says("reset", "old.level").error
    assert mine.says("acknowledge", "old.level").ok
    assert "comment" in mine.says("reset", "old.level").error
    assert mine.says("reset", "old.level", comment="sensor retirado").ok
    assert mine.state("old.level") is State.NORMAL


def test_what_a_person_reported_a_person_ends_with_a_word(mine):
    mine.desk.report(mine.moment, "gateway", "emergency_manual", True, priority=Priority.HIGH, latch=True)
    mine.seconds(100)
    mine.says("acknowledge", "gateway.emergency_manual")
    assert mine.says("reset", "gateway.emergency_manual", comment="fue una caída, atendido").ok
    mine.seconds(100)
    assert mine.state("gateway.emergency_manual") is State.NORMAL
    mine.desk.report(mine.moment, "gateway", "emergency_manual", True, priority=Priority.HIGH, latch=True)
    assert mine.state("gateway.emergency_manual") is State.UNACK
    assert mine.desk.alarm("gateway.emergency_manual").occurrence == 2


def test_an_adopted_condition_is_its_reporters_again_as_soon_as_that_one_speaks(mine):
    document = {"alarm": "fan-1.fan_failed", "condition": "fan_failed", "priority": "high", "zone": "frente"}
    assert mine.desk.adopt(mine.moment, document)
    mine.says("acknowledge", "fan-1.fan_failed")
    mine.desk.report(mine.moment, "fan-1", "fan_failed", None, zone="frente")
    assert "still holds" in mine.says("reset", "fan-1.fan_failed", comment="lo vi girar").error
    mine.desk.report(mine.moment, "fan-1", "fan_failed", False, zone="frente")
    assert mine.state("fan-1.fan_failed") is State.LATCHED_ACKED
    assert mine.says("reset", "fan-1.fan_failed").ok


@pytest.mark.parametrize(
    "document", [{}, {"alarm": 3}, {"alarm": "co.level", "condition": "stel", "priority": "high"},
                 {"alarm": "co.level", "condition": "level", "priority": "red"}],
)  # fmt: skip
def test_what_is_no_alarm_document_is_not_adopted(mine, document):
    assert not mine.desk.adopt(mine.moment, document)


def test_a_running_delay_survives_a_restart(mine):
    mine.seconds(3, co=500)
    mine.restart()
    mine.seconds(2, co=500)
    assert mine.priority() is Priority.EVACUATE


def test_under_an_edited_site_file_an_alarm_that_nobody_judges_can_still_be_ended(mine):
    mine.seconds(10, co=500)
    site = mine.site.model_copy(update={"sensors": mine.site.sensors[1:]})
    desk = AlarmDesk(site, limits_for, [QUANTITIES[sensor.quantity].full_scale for sensor in site.sensors])
    desk.load(mine.desk.dump())
    mine.desk = desk
    assert mine.says("acknowledge").ok
    assert mine.says("reset", comment="sensor retirado").ok


# -- the document ------------------------------------------------------------------------------------------------------


def test_the_document_is_the_payload_of_the_interface(mine):
    mine.seconds(10, co=500)
    document = mine.desk.document(mine.desk.alarm("co.level"), mine.moment)
    promised = [
        "alarm", "occurrence", "state", "underlying", "until", "priority", "zone", "sensor", "condition", "value",
        "limit", "unit", "regime", "source", "since", "acknowledged_by", "drill",
    ]  # fmt: skip
    assert list(document)[: len(promised)] == promised
    assert document["since"] == "2027-01-15T08:00:07.000Z"
    assert (document["priority"], document["state"], document["underlying"]) == ("evacuate", "unack", None)
    assert (document["title_es"], document["title_en"]) == ("CO sobre el nivel de alarma", "CO above its alarm level")
    json.dumps(document, allow_nan=False)


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
