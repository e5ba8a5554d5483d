"""Fans: the demand of gas, what follows it, and a restart of the fan or the gateway."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.model import Priority, State
from tests.fixtures.fan_heading import CO, Heading
from tests.fixtures.small_mine import alarm, at, counted_empty


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
