"""Fans: the precedence of the interface, the methane interlock, the intake guard, the proof that air moves."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.model import Alarm, Finding, Priority, Reply, State
from alerts.occupancy import Occupancy
from alerts.protocols.portable import PortableReadings
from alerts.protocols.ventilation import Ventilation
from gateway.domain.quality import Quality
from tests.fixtures.small_mine import Air, alarm, ask, at, counted_empty, graph, says, site

CO = alarm("co-1.level", "frente-1", value=31.0)


class Heading:
    """The ventilation of the small mine with its air, people and portables."""

    def __init__(self, **changes: Any) -> None:
        self.site = site(**changes)
        self.air = Air(self.site)
        self.inside = Occupancy(self.site)
        self.portable = PortableReadings(self.site)
        self.fans = Ventilation(self.site, graph(self.site))
        self.now = 0.0

    def step(self, seconds: float, *alarms: Alarm, evacuated: tuple[str, ...] = ()) -> dict[str, float | str | None]:
        self.now, self.air.moment = seconds, at(seconds)
        wants = self.fans.step(at(seconds), alarms, self.air, self.portable, self.inside, evacuated)
        return {want.actuator: want.setpoint for want in wants}

    def fan_says(self, seconds: float, setpoint: float, running: bool, fan: str = "fan-1") -> None:
        self.fans.feedback(at(seconds), says(fan, setpoint, running=running))

    def order(self, seconds: float, by: str = "ana", role: str = "officer", **args: Any) -> Reply:
        return self.fans.request(at(seconds), ask("ventilation", "fan-1", by, role, **args), self.inside)

    def measures(self, seconds: float, **gases: float) -> None:
        self.portable.record(at(seconds), "frente-1", {"gases": gases, "instrument": "MX4-1"}, "luis")

    def found(self, subject: str, condition: str) -> Finding:
        return next(f for f in self.fans.findings() if (f.subject, f.condition) == (subject, condition))

    def document(self) -> dict[str, Any]:
        return self.fans.document(at(self.now))


def test_calm_air_commands_nothing() -> None:
    assert Heading().step(0) == {"fan-1": None, "fan-2": None}


def test_toxic_gas_at_warning_runs_the_fan_of_its_zone_at_full() -> None:
    heading = Heading()
    assert heading.step(0, CO) == {"fan-1": 100.0, "fan-2": None}
    assert heading.document()["state"] == "demand"
    assert heading.document()["zones"] == ["frente-1"]


@pytest.mark.parametrize(
    ("name", "priority", "expected"),
    [
        ("no2-1.stel", Priority.HIGH, 100.0),
        ("o2-1.oxygen_low", Priority.HIGH, 100.0),
        ("co-1.level", Priority.NOTICE, None),
        ("co-1.comm_lost", Priority.WARNING, None),
        ("aire-1.airflow_low", Priority.WARNING, 100.0),
    ],
)
def test_what_calls_for_air(name: str, priority: Priority, expected: float | None) -> None:
    assert Heading().step(0, alarm(name, "frente-1", priority))["fan-1"] == expected


def test_a_blast_suppresses_the_alarm_but_not_the_fan() -> None:
    hidden = alarm("co-1.level", "frente-1", Priority.EVACUATE, state=State.SUPPRESSED)
    assert Heading().step(0, hidden)["fan-1"] == 100.0


# (2) the methane interlock

METHANE = 0.5


def test_measured_methane_starts_no_standing_fan_and_withdraws_people() -> None:
    heading = Heading()
    heading.air.set("ch4-1", METHANE)
    heading.fan_says(0, 0.0, running=False)
    assert heading.step(0, CO)["fan-1"] is None
    assert "frente-1" in heading.fans.withdraw(at(0))
    assert heading.document()["fans"]["fan-1"]["interlock"] == "measured"


def test_measured_methane_leaves_a_running_fan_running() -> None:
    heading = Heading()
    heading.fan_says(0, 60.0, running=True)
    heading.step(0)
    heading.air.set("ch4-1", 0.8)
    assert heading.step(1, CO)["fan-1"] is None, "neither raised nor stopped"


def test_a_methane_sensor_that_is_not_good_binds_the_machine_at_once() -> None:
    for quality in (Quality.UNCERTAIN, Quality.BAD, None):
        heading = Heading()
        if quality is None:
            heading.air.silence("ch4-1")
        else:
            heading.air.set("ch4-1", 0.0, quality)
        assert heading.step(0, CO)["fan-1"] is None
        assert heading.fans.withdraw(at(0)) == {}
        heading.step(119, CO)
        heading.step(120, CO)
        assert "frente-1" in heading.fans.withdraw(at(120)), "after 120 s the place is unsafe"


def test_silence_after_methane_is_still_methane() -> None:
    heading = Heading()
    heading.air.set("ch4-1", 0.6)
    heading.step(0)
    heading.air.silence("ch4-1")
    heading.step(1)
    heading.measures(2, ch4=0.1)
    heading.step(2)
    assert not heading.order(2, setpoint=60, minutes=10).ok
    heading.air.set("ch4-1", 0.1)
    heading.step(3)
    assert heading.order(3, setpoint=60, minutes=10).ok


def test_with_the_methane_sensor_dead_a_person_starts_the_fan_on_a_portable_reading() -> None:
    heading = Heading()
    heading.air.silence("ch4-1")
    heading.step(0, CO)
    refused = heading.order(1, setpoint=100, minutes=20)
    assert not refused.ok
    assert "portable" in (refused.error or "")
    heading.measures(2, ch4=0.2)
    heading.step(2, CO)
    assert heading.order(3, setpoint=100, minutes=60).ok
    assert heading.step(4, CO)["fan-1"] == 100.0
    assert heading.step(2 + 31 * 60, CO)["fan-1"] is None, "the reading has aged: hold what runs"


def test_measured_methane_binds_a_person_too_by_sensor_or_by_portable() -> None:
    by_sensor, by_portable = Heading(), Heading()
    by_sensor.air.set("ch4-1", METHANE)
    by_portable.air.silence("ch4-1")
    by_portable.measures(0, ch4=METHANE)
    for heading in (by_sensor, by_portable):
        heading.step(0)
        refused = heading.order(1, setpoint=100, minutes=5)
        assert "nobody switches" in (refused.error or "")
        assert "frente-1" in heading.fans.withdraw(at(1))


def test_methane_that_rises_under_a_persons_order_holds_the_fan() -> None:
    heading = Heading()
    heading.step(0)
    assert heading.order(0, setpoint=80, minutes=30).ok
    assert heading.step(1)["fan-1"] == 80.0
    heading.air.set("ch4-1", 0.7)
    assert heading.step(2)["fan-1"] is None


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.3, 0.5, 0.9, None]),
            st.sampled_from([Quality.GOOD, Quality.UNCERTAIN, Quality.BAD]),
            st.booleans(),
            st.sampled_from(["none", "order", "evacuate"]),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_no_fan_is_ever_switched_automatically_in_methane(
    course: list[tuple[float | None, int, bool, str]],
) -> None:
    heading = Heading()
    over = False
    for second, (methane, quality, gas, what) in enumerate(course):
        if methane is None:
            heading.air.silence("ch4-1")
        else:
            heading.air.set("ch4-1", methane, quality)
        usable = methane is not None and quality != Quality.BAD
        over = (over or (usable and methane >= 0.5)) and not (usable and quality == Quality.GOOD and methane < 0.5)
        if what == "order":
            heading.order(second, setpoint=100, minutes=1)
        wanted = heading.step(second, *([CO] if gas else []), evacuated=("frente-1",) if what == "evacuate" else ())
        good = methane is not None and quality == Quality.GOOD and methane < 0.5
        assert good or wanted["fan-1"] is None
        assert not over or wanted["fan-1"] is None


# (3) the evacuation, (4) a person's order

def test_during_an_evacuation_air_is_never_taken_away() -> None:
    heading = Heading()
    heading.step(0, CO)
    heading.fan_says(1, 100.0, running=True)
    assert heading.step(1000, evacuated=("frente-1",))["fan-1"] is None, "held, not lowered"
    assert heading.step(1001, CO, evacuated=("frente-1",))["fan-1"] == 100.0
    counted_empty(heading.inside, at(1001), "frente-1")
    heading.order(1001, setpoint=0, minutes=10)
    assert heading.step(1002, CO, evacuated=("frente-1",))["fan-1"] == 100.0


def test_in_a_suspected_fire_the_machine_moves_no_fan_but_a_person_may() -> None:
    heading = Heading()
    fire = alarm("co-1.fire_suspected", "frente-1", Priority.HIGH)
    assert heading.step(0, CO, fire)["fan-1"] is None
    assert heading.order(1, setpoint=100, minutes=10).ok
    assert heading.step(1, CO, fire)["fan-1"] == 100.0


def test_a_persons_order_rules_over_demand_and_expires() -> None:
    heading = Heading()
    assert heading.order(0, setpoint=40, minutes=10).ok
    assert heading.step(1, CO)["fan-1"] == 40.0
    assert heading.document()["state"] == "manual"
    assert heading.document()["fans"]["fan-1"]["override"]["by"] == "ana"
    assert heading.step(599, CO)["fan-1"] == 40.0
    assert heading.step(600, CO)["fan-1"] == 100.0


def test_a_person_gives_the_fan_back() -> None:
    heading = Heading()
    heading.order(0, setpoint=40, minutes=10)
    assert heading.order(1, release=True).ok
    assert heading.step(2, CO)["fan-1"] == 100.0


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"role": "reviewer"}, "may not order"),
        ({"role": "miner"}, "may not order"),
        ({"setpoint": 101}, "percentage"),
        ({"setpoint": float("nan")}, "percentage"),
        ({"setpoint": "full"}, "percentage"),
        ({"setpoint": True}, "percentage"),
        ({"minutes": 0}, "must end"),
        ({"minutes": 481}, "must end"),
        ({"minutes": None}, "must end"),
        ({"setpoint": 0}, "not verified empty"),
    ],
)
def test_orders_that_are_refused_say_why_in_one_sentence(changes: dict[str, Any], why: str) -> None:
    heading = Heading()
    heading.step(0)
    reply = heading.order(0, **({"setpoint": 50, "minutes": 10} | changes))
    assert not reply.ok
    assert why in (reply.error or "")


def test_stopping_air_needs_a_verified_empty_zone() -> None:
    heading = Heading()
    counted_empty(heading.inside, at(0), "frente-1")
    assert heading.order(0, setpoint=0, minutes=10).ok
    assert heading.step(1)["fan-1"] == 0.0


def test_a_fan_that_the_site_does_not_have() -> None:
    heading = Heading()
    reply = heading.fans.request(at(0), ask("ventilation", "fan-9", setpoint=1, minutes=1), heading.inside)
    assert "no fan of this site" in (reply.error or "")


# (5) the intake guard

def test_gas_at_the_intake_holds_a_blowing_fan_and_says_so() -> None:
    heading = Heading()
    heading.air.set("co-1", 31.0)
    heading.air.set("co-0", 60.0)
    assert heading.step(0, CO, alarm("co-0.level", "bocamina"))["fan-1"] is None
    found = heading.found("co-0", "intake_contaminated")
    assert (found.beyond, found.priority, found.zone, found.value) == (True, Priority.HIGH, "bocamina", 60.0)


def test_an_intake_below_warning_but_above_the_heading_holds_it_too() -> None:
    heading = Heading()
    heading.air.set("co-1", 20.0)
    heading.air.set("co-0", 22.0)
    assert heading.step(0, CO)["fan-1"] is None
    heading.air.set("co-1", 40.0)
    assert heading.step(1, CO)["fan-1"] == 100.0


def test_another_gas_in_the_heading_is_not_held_by_a_trace_of_co_at_the_intake() -> None:
    heading = Heading()
    heading.air.set("co-0", 2.0)
    assert heading.step(0, alarm("no2-1.level", "frente-1"))["fan-1"] == 100.0


def test_a_silent_guard_does_not_hold_the_fan_and_the_screen_says_that_nobody_watches() -> None:
    for quality in (None, Quality.BAD, Quality.UNCERTAIN):
        heading = Heading()
        heading.air.silence("co-0") if quality is None else heading.air.set("co-0", 0.0, quality)
        heading.air.set("co-1", 31.0)
        assert heading.step(0, CO)["fan-1"] == 100.0
        fan = heading.document()["fans"]["fan-1"]
        assert fan["intake"] == "not_watched"
        assert "entrada de aire sin vigilancia" in fan["reason"]


def test_a_fan_without_any_guard_is_raised_as_if_it_were_good() -> None:
    heading = Heading(drop=("co-0",))
    assert heading.step(0, CO)["fan-1"] == 100.0
    assert heading.document()["fans"]["fan-1"]["intake"] == "not_watched"


def test_a_silent_guard_does_not_take_back_what_it_measured() -> None:
    heading = Heading()
    heading.air.set("co-0", 60.0)
    heading.step(0, CO)
    heading.air.silence("co-0")
    heading.step(1)
    assert heading.found("co-0", "intake_contaminated").beyond is None
    heading.air.set("co-0", 0.0)
    heading.step(2)
    assert heading.found("co-0", "intake_contaminated").beyond is False


def test_an_exhausting_fan_has_no_intake_to_guard() -> None:
    heading = Heading()
    heading.air.set("co-0", 60.0)
    assert heading.step(0, alarm("co-2.level", "frente-2"))["fan-2"] == 100.0


# after the demand

def test_the_fan_runs_on_until_the_gas_is_normal_and_then_returns_to_what_it_was() -> None:
    heading = Heading()
    heading.air.set("aire-1", 2.5)
    heading.fan_says(0, 60.0, running=True)
    heading.step(0, CO)
    heading.fan_says(1, 100.0, running=True)
    assert heading.step(60)["fan-1"] == 100.0, "least run"
    assert heading.document()["state"] == "purge"
    assert heading.step(300, alarm("co-1.level", "frente-1", Priority.NOTICE))["fan-1"] == 100.0
    heading.air.silence("no2-1")
    assert heading.step(301)["fan-1"] == 100.0, "what nobody measures is not normal"
    heading.air.set("no2-1", 0.0)
    assert heading.step(302)["fan-1"] == 60.0
    heading.fan_says(303, 60.0, running=True)
    assert heading.step(303)["fan-1"] is None, "back as it was; whose it was"


def test_a_declared_idle_level_is_kept() -> None:
    heading = Heading(actuators=[
        {"id": "fan-1", "kind": "fan", "zones": ["frente-1"], "mode": "blowing", "idle_percent": 40}])  # fmt: skip
    heading.fan_says(0, 0.0, running=False)
    assert heading.step(0)["fan-1"] == 40.0
    heading.fan_says(1, 80.0, running=True)
    assert heading.step(1)["fan-1"] is None, "somebody wants more: left to them"


# proof

def blow(heading: Heading, start: int, stop: int, speed: float | None, *alarms: Alarm) -> None:
    for second in range(start, stop):
        heading.air.silence("aire-1") if speed is None else heading.air.set("aire-1", speed)
        heading.step(second, *alarms)


def test_moving_air_is_the_proof() -> None:
    heading = Heading()
    heading.fan_says(0, 100.0, running=True)
    blow(heading, 0, 40, 2.5, CO)
    proof = heading.document()["fans"]["fan-1"]["proof"]
    assert (proof["proven"], proof["velocity"], proof["sensors"]) == (True, 2.5, ["aire-1"])
    assert heading.found("fan-1", "ventilation_ineffective").beyond is False
    assert heading.fans.airflow_known("frente-1")
    assert not heading.fans.airflow_known("frente-2")


@pytest.mark.parametrize("speed", [0.0, 0.3, None])
def test_a_fan_that_says_it_runs_proves_nothing(speed: float | None) -> None:
    heading = Heading()
    heading.fan_says(0, 100.0, running=True)
    blow(heading, 0, 30, speed, CO)
    assert heading.found("fan-1", "ventilation_ineffective").beyond is False, "30 s are not over"
    blow(heading, 30, 31, speed, CO)
    found = heading.found("fan-1", "ventilation_ineffective")
    assert (found.beyond, found.latch, found.priority) == (True, True, Priority.WARNING)
    assert heading.document()["state"] == "ineffective"


def test_a_fan_that_does_not_even_say_it_runs_has_failed_and_gas_makes_it_an_evacuation() -> None:
    heading = Heading()
    blow(heading, 0, 40, 0.0, CO)
    assert heading.found("fan-1", "fan_failed").priority is Priority.HIGH
    blow(heading, 40, 160, 0.0, CO)
    found = heading.found("fan-1", "fan_failed")
    assert (found.beyond, found.priority) == (True, Priority.EVACUATE), "proof lost 2 min and toxic gas at Warning"


def test_the_failure_ends_only_when_air_moves() -> None:
    heading = Heading()
    blow(heading, 0, 40, 0.0, CO)
    blow(heading, 40, 400, 0.0)
    assert heading.found("fan-1", "fan_failed").beyond is True
    blow(heading, 400, 402, 2.0)
    assert heading.found("fan-1", "fan_failed").beyond is False


def test_a_standing_fan_that_nobody_wants_has_not_failed() -> None:
    heading = Heading()
    blow(heading, 0, 300, 0.0)
    assert heading.found("fan-1", "fan_failed").beyond is False


def test_gas_that_does_not_fall_in_twenty_minutes_of_moving_air_is_ineffective() -> None:
    heading = Heading()
    heading.fan_says(0, 100.0, running=True)
    heading.air.set("aire-1", 2.5)
    for second in range(0, 1300, 10):
        heading.air.set("co-1", 48.0)
        heading.step(second, CO)
        assert (heading.found("fan-1", "ventilation_ineffective").beyond is True) is (second >= 1200)
    heading.air.set("co-1", 20.0)
    heading.step(1310, CO)
    assert heading.found("fan-1", "ventilation_ineffective").beyond is False


# restart

def test_a_fan_that_stopped_by_itself_restarts_soon_and_in_clean_air_only() -> None:
    heading = Heading()
    heading.order(0, setpoint=60, minutes=60)
    heading.step(0)
    heading.fan_says(1, 60.0, running=True)
    heading.order(2, release=True)
    heading.step(2, alarm("co-1.level", "frente-1"))
    heading.fan_says(3, 100.0, running=False)  # a power cut
    assert heading.step(4)["fan-1"] == 100.0, "stood for a second, air clean: by itself"
    assert heading.step(5, CO)["fan-1"] is None, "never into a heading that holds gas"
    assert heading.step(3 + 601)["fan-1"] is None, "stood for more than ten minutes"
    refused = heading.order(700, setpoint=60, minutes=60)
    assert "must be verified empty" in (refused.error or "")
    counted_empty(heading.inside, at(700), *("bocamina", "nivel-1", "frente-1", "frente-2"))
    assert heading.order(701, setpoint=60, minutes=60).ok
    assert heading.step(702)["fan-1"] == 60.0


def test_a_fan_that_a_person_stopped_at_its_switch_may_be_raised_by_gas() -> None:
    heading = Heading()
    heading.fan_says(0, 60.0, running=True)
    heading.step(0)
    heading.fan_says(1, 0.0, running=False)
    assert heading.step(2, CO)["fan-1"] == 100.0


def test_after_a_restart_levels_are_held_until_the_fans_speak() -> None:
    heading = Heading()
    heading.fan_says(0, 60.0, running=True)
    heading.step(0, CO)
    again = Heading()
    again.fans.load(msgspec.msgpack.decode(msgspec.msgpack.encode(heading.fans.dump())))
    again.fans.restarted(at(500))
    assert again.step(500)["fan-1"] == 100.0, "the raised fan runs its least time anew"
    assert again.step(700)["fan-1"] == 60.0


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from([0.0, 0.2, 3.0]), st.booleans(), st.integers(1, 400)), max_size=12))
def test_a_restart_between_two_steps_changes_nothing(course: list[tuple[float, bool, int]]) -> None:
    lasting, restarted = Heading(), Heading()
    now = 0
    for index, (speed, gas, wait) in enumerate(course):
        now += wait
        if index == len(course) // 2:
            restarted.fans.load(msgspec.msgpack.decode(msgspec.msgpack.encode(lasting.fans.dump())))
        for heading in (lasting, restarted) if index >= len(course) // 2 else (lasting,):
            heading.air.set("aire-1", speed)
            heading.fan_says(now, 100.0 * gas, running=gas)
            heading.step(now, *([CO] if gas else []))
    if course:
        assert lasting.document() == restarted.document()
        assert lasting.fans.findings() == restarted.fans.findings()


# portable readings

@pytest.mark.parametrize(
    ("args", "why"),
    [
        ({}, "`gases` is missing"),
        ({"gases": {"co": 1}}, "`instrument` is missing"),
        ({"gases": {"co": "low"}, "instrument": "x"}, "no number"),
        ({"gases": {"co": float("inf")}, "instrument": "x"}, "no number"),
        ({"gases": {"co": -1}, "instrument": "x"}, "cannot be"),
        ({"gases": {"xx": 1}, "instrument": "x"}, "no quantity"),
        ({"gases": {"co": 1}, "instrument": "x", "people": "ana"}, "no list"),
    ],
)
def test_a_portable_reading_that_cannot_be_believed_is_refused(args: dict[str, Any], why: str) -> None:
    reply = PortableReadings(site()).request(at(0), ask("manual_reading", "frente-1", **args))
    assert why in (reply.error or "")
