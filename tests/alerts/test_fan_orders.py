"""Evacuation, a suspected fire and a person's order over a fan (interfaces, Commands, precedence 3 and 4)."""

from typing import Any

import pytest

from alerts.model import Priority
from tests.fixtures.fan_heading import CO, Heading
from tests.fixtures.small_mine import alarm, ask, at, counted_empty


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
