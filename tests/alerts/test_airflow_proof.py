"""The proof that air moves, and that it helps (limits reference 7.1, 2)."""

import pytest

from alerts.model import Priority
from tests.fixtures.fan_heading import CO, Heading, blow


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
