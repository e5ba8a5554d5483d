"""The box model against what can be calculated by hand."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.air import FRESH, OUTSIDE, Air, Flow, amount
from firmware_sim.emissions import breath, shot
from firmware_sim.layout import MIXING, Ducting, Layout
from firmware_sim.scenarios import site


def heading(volume: float, clean_m3_s: float) -> Air:
    air = Air({"frente": volume})
    air.set_flows([Flow(OUTSIDE, "frente", clean_m3_s)])
    return air


def test_the_dilution_of_the_reference_takes_39_94_minutes():
    """V 600 m3, Q 90 m3/min, k 0.5, 500 → 25 ppm (limits reference 7.2)."""
    air = heading(600.0, 0.5 * 90 / 60)
    air.release("frente", {"co": 500.0 * 600.0}, 1e-3)
    air.advance(1e-3)
    assert air.concentration("frente", "co") == pytest.approx(500.0, rel=1e-4)
    air.advance(39.94 * 60)
    assert air.concentration("frente", "co") == pytest.approx(25.0, rel=2e-3)


@settings(max_examples=30, deadline=None)
@given(
    volume=st.floats(20, 5000), flow=st.floats(0.01, 20), minutes=st.floats(0.1, 60), pieces=st.integers(1, 7)
)  # fmt: skip
def test_decay_is_exponential_however_the_time_is_cut(volume, flow, minutes, pieces):
    air = heading(volume, flow)
    air.release("frente", {"co": 400.0 * volume}, 1e-3)
    air.advance(1e-3)
    for _ in range(pieces):
        air.advance(minutes * 60 / pieces)
    expected = 400.0 * math.exp(-minutes * 60 * flow / volume)
    assert air.concentration("frente", "co") == pytest.approx(expected, rel=0.05, abs=0.01)
    assert air.concentration("frente", "o2") == pytest.approx(FRESH["o2"])


def test_a_steady_source_comes_to_source_over_flow():
    air = heading(300.0, 1.0)
    air.set_source("frente", "co2", amount("co2", 0.001))
    air.advance(6000)
    assert air.concentration("frente", "co2") == pytest.approx(FRESH["co2"] + 1000.0, rel=1e-3)


def test_nothing_is_lost_between_closed_boxes():
    air = Air({"a": 100.0, "b": 300.0})
    air.set_flows([Flow("a", "b", 0.5), Flow("b", "a", 0.5)])
    air.release("a", {"co": 1e6 * 0.04}, 30.0)
    air.advance(50_000)
    assert air.concentration("a", "co") == pytest.approx(100.0, rel=1e-6)
    assert air.concentration("b", "co") == pytest.approx(100.0, rel=1e-6)


def test_a_kilogram_of_explosive_gives_fifteen_litres_of_carbon_monoxide():
    assert shot(1.0)["co"] == pytest.approx(15_000.0)  # ppm · m3: 0.015 m3 in 15 m3 are 1000 ppm
    assert shot(1.0)["no2"] + shot(1.0)["no"] == pytest.approx(4_000.0)


def test_people_take_oxygen_and_give_carbon_dioxide():
    air = heading(300.0, 0.05)
    for species, rate in breath(3).items():
        air.set_source("frente", species, rate)
    air.advance(4 * 3600)
    assert air.concentration("frente", "o2") < FRESH["o2"] - 0.05
    assert air.concentration("frente", "co2") > FRESH["co2"] + 500


def test_a_fan_drives_its_air_to_the_face_and_out_again():
    layout = Layout(site("orex"), {"fan-1": Ducting(flow_m3_s=2.0, leakage_per_100_m=0.1)})
    delivered = 2.0 * (1 - 0.12)
    assert layout.fans["fan-1"].delivered_m3_s == pytest.approx(delivered)
    still, blowing = (sum(f.m3_s for f in layout.flows({"fan-1": speed}) if f.end == "frente-1") for speed in (0, 1))
    assert blowing - still == pytest.approx(MIXING * delivered)
    assert layout.velocity("frente-1", {"fan-1": 0.0}, in_duct=True) == 0.0
    assert layout.velocity("frente-1", {"fan-1": 0.5}, in_duct=True) == pytest.approx(delivered / 2 / 0.283)


@pytest.mark.parametrize("exhausting", [False, True])
def test_as_much_air_comes_into_every_heading_as_goes_out(exhausting):
    mine = site("orex")
    for fan in mine["actuators"]:
        if fan["kind"] == "fan" and exhausting:
            fan["mode"] = "exhausting"
    layout = Layout(mine, {})
    still = layout.flows({})
    for speeds in ({}, {"fan-1": 1.0, "fan-2": 0.6}):
        extra = [flow for flow in layout.flows(speeds) if flow not in still]
        balance: dict[str, float] = {}
        for flow in extra:
            balance[flow.end] = balance.get(flow.end, 0.0) + flow.m3_s
            balance[flow.start] = balance.get(flow.start, 0.0) - flow.m3_s
        for zone in ("frente-1", "frente-2", "nivel-1"):
            assert balance.get(zone, 0.0) == pytest.approx(0.0, abs=1e-9), zone
