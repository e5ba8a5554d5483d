"""Scenarios are data: they load, they name only what is there, and they play the same every time."""

import tomllib
from pathlib import Path

import pytest

from firmware_sim import scenarios
from firmware_sim.scenarios import Mine, ScenarioError
from firmware_sim.script import read_scenario

DEMO = tomllib.loads((Path(__file__).parents[2] / "deploy" / "sites" / "demo.toml").read_text())


@pytest.mark.parametrize("name", scenarios.names())
def test_every_scenario_fits_its_site_and_says_what_is_to_be_seen(name):
    scenario = scenarios.load(name)
    assert scenario.text
    assert scenario.expectations
    assert all(one.at_s <= scenario.duration_s for one in scenario.expectations)
    Mine(scenarios.site(scenario.site), scenario)


def test_the_scenarios_that_every_installation_has():
    assert {"quiet_shift", "blast", "demo"} <= set(scenarios.names())


HEAD = 'text = "x"\nduration_s = 60\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('event = [{ at_s = 1, do = "explode" }]', "explode"),
        ('event = [{ at_s = 1, do = "blast", zone = "frente-1" }]', "explosive_kg"),
        ('event = [{ at_s = -1, do = "blast", zone = "frente-1", explosive_kg = 1 }]', "at_s"),
        ('event = [{ at_s = 1, do = "blast", zone = "frente-9", explosive_kg = 1 }]', "frente-9"),
        ('event = [{ at_s = 1, do = "cell_fault", sensor = "co-frente-1", kind = "odd" }]', "silence"),
        ('event = [{ at_s = 1, do = "release", zone = "frente-1", quantity = "h3", amount = 1, over_s = 1 }]', "h3"),
        ('expect = [{ at_s = 1, text = "x" }]', "expect[0]"),
        ("pace = 3", "pace"),
        ("fans.fan-1.size = 3", "size"),
        ("loop_s = 1\nevent = [{ at_s = 5, do = \"people\", zone = \"frente-1\", number = 1 }]", "loop_s"),
        ("text = ", "Invalid"),
    ],
)  # fmt: skip
def test_a_wrong_scenario_is_one_clear_sentence(text, says):
    with pytest.raises(ScenarioError) as error:
        Mine(DEMO, read_scenario("mine", HEAD + text))
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_an_unknown_scenario_is_answered_with_those_that_exist():
    with pytest.raises(ScenarioError, match="quiet_shift"):
        scenarios.load("nothing")


def played(name="demo", to_s=40, fan_at_s=20):
    mine = Mine(DEMO, scenarios.load(name))
    found = []
    for second in range(to_s):
        found += mine.advance(float(second))
        if second == fan_at_s:
            mine.command("fan-1", 100.0)
    return mine, found


def test_the_same_scenario_gives_the_same_readings():
    assert played()[1] == played()[1]


def test_readings_come_in_order_and_at_their_period():
    _, found = played()
    assert [t for _, t, _ in found] == sorted(t for _, t, _ in found)
    dust = [t for sensor, t, _ in found if sensor == "pm2-5-frente-1"]
    assert dust[:3] == [0.0, 2.0, 4.0]


def test_the_blast_gases_the_heading_and_the_fan_clears_it():
    mine, found = played(to_s=100)
    co = {t: value for sensor, t, value in found if sensor == "co-frente-1"}
    air = {t: value for sensor, t, value in found if sensor == "aire-frente-1"}
    no2 = {t: value for sensor, t, value in found if sensor == "no2-frente-1"}
    assert co[11.0] < 5
    assert co[18.0] > 200  # beyond the ceiling while nothing moves
    assert no2[18.0] > 5
    assert (air[18.0], air[25.0]) == (pytest.approx(0.0, abs=0.1), pytest.approx(6.9, abs=0.5))
    assert co[90.0] < 10
    assert mine.concentration("frente-2", "co") < 25
    assert mine.actuator_states()["fan-1"] == {"setpoint": 100.0, "running": True, "speed_rpm": 2900}


def test_a_fan_without_power_stands_and_one_without_a_duct_moves_no_air():
    for kind, running in (("no_power", False), ("no_air", True)):
        text = f'event = [{{ at_s = 1, do = "fan_fault", actuator = "fan-1", kind = "{kind}" }}]'
        mine = Mine(DEMO, read_scenario("fault", HEAD + text))
        mine.command("fan-1", 100.0)
        mine.advance(30.0)
        assert mine.actuator_states()["fan-1"]["running"] is running
        assert mine.value("aire-frente-1") == pytest.approx(0.0, abs=0.1)


def test_people_speak_as_the_interface_has_it_and_each_word_once():
    text = """loop_s = 100
    event = [
        { at_s = 1, do = "count", zone = "frente-1", people = 0, by = "ana" },
        { at_s = 2, do = "presence", person = "luis", zone = "" },
        { at_s = 3, do = "request", key = "arm", name = "blast", by = "ana", target = "frente-1", args = {} },
        { at_s = 4, do = "blast", unless_refused = "arm", zone = "frente-1", explosive_kg = 8 },
        { at_s = 5, do = "wire_fault", device = "gas-1", kind = "noise" },
    ]"""
    mine = Mine(DEMO, read_scenario("people", HEAD + text), run="7")
    count, presence, request = mine.events_due(50.0)
    assert (count.topic, count.body["count"], count.body["by"]) == ("presence/count/frente-1", 0, "ana")
    assert (presence.topic, presence.body["zone"]) == ("presence/luis", None)
    assert request.topic == "request/blast"
    assert request.body["id"] == "sim-7-0-arm"
    assert request.body["reply_to"] == "bocamina/v1/demo/reply/sim-7-0-arm"
    assert request.body["issued"] == "1970-01-01T00:00:03.000Z"
    assert mine.events_due(50.0) == []
    assert mine.wire_faults_due(50.0) == [("gas-1", "noise")]
    mine.refuse("sim-7-0-arm")
    mine.advance(50.0)
    assert mine.concentration("frente-1", "co") == 0.0  # who may not arm does not fire
    mine.advance(150.0)
    assert mine.concentration("frente-1", "co") > 0.0  # the next loop's request was not refused
    assert mine.events_due(150.0)[2].body["id"] == "sim-7-1-arm"
