"""`bocamina scenario`: the mine that does not exist, through the engine of the one that does."""

import dataclasses
import json
import subprocess
import sys

import pytest

from bocamina.commands.scenario import Rehearsal
from bocamina.engine import Engine
from firmware_sim.scenarios import load, names


def bocamina(*arguments):
    command = [sys.executable, "-m", "bocamina", "scenario", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


@pytest.mark.parametrize("name", ["blast", "demo"])
def test_all_that_is_expected_of_a_scenario_is_seen(name):
    result = Rehearsal(load(name)).run()
    assert [one["text"] for one in result["expectations"] if not one["met"]] == []
    assert result["passed"] is True
    assert any(alarm["alarm"] == "co-frente-1.level" for alarm in result["alarms"])
    assert any(command["actuator"] == "fan-1" and command["setpoint"] == 100 for command in result["commands"])


def test_two_runs_of_a_scenario_are_the_same():
    short = dataclasses.replace(load("blast"), duration_s=500.0)
    first, second = (Rehearsal(short).run() for _ in range(2))
    assert {**first, "seconds": 0} == {**second, "seconds": 0}


def test_nothing_alarms_in_the_first_half_hour_of_a_quiet_shift():
    half = dataclasses.replace(load("quiet_shift"), duration_s=1800.0, expectations=())
    result = Rehearsal(half).run()
    assert [alarm for alarm in result["alarms"] if alarm["priority"] != "notice"] == []
    assert {command["setpoint"] for command in result["commands"] if command["actuator"] == "siren-1"} <= {"off"}


def test_the_kernels_are_proven_before_the_engine_is_built(monkeypatch):
    """Where numba cannot compile, the engine must find the plain kernels that take their place."""
    order = []
    build = Engine.__init__
    monkeypatch.setattr(Engine, "warm_up", staticmethod(lambda: order.append("warm_up")))
    monkeypatch.setattr(Engine, "__init__", lambda self, *args: (order.append("engine"), build(self, *args))[1])
    Rehearsal(load("blast"))
    assert order == ["warm_up", "engine"]


def test_an_expectation_that_is_not_met_fails_the_scenario():
    scenario = load("blast")
    hopeful = dataclasses.replace(scenario.expectations[0], at_s=5.0, check={"sensor": "co-frente-1", "above": 900})
    late = dataclasses.replace(hopeful, at_s=99.0, check={"quiet": "warning"})
    result = Rehearsal(dataclasses.replace(scenario, duration_s=20.0, expectations=(hopeful, late))).run()
    assert [one["met"] for one in result["expectations"]] == [False, False]  # nobody lived to see the second
    assert result["passed"] is False


def test_the_command_lists_and_refuses():
    done = bocamina("--list", "--json")
    assert json.loads(done.stdout) == names()
    wrong = bocamina("explosion", "--json")
    assert wrong.returncode == 2
    assert "quiet_shift" in wrong.stderr
    assert wrong.stderr.count("\n") == 1
