import math

import pytest

from alerts.ladder import (
    LADDER,
    is_dead_end,
    ladder_of,
    neighbours,
    rungs_for,
    setpoint_problems,
    silence_s,
    unreachable_rungs,
)
from alerts.model import Priority
from gateway.domain.limits import limits_for
from gateway.domain.quantities import QUANTITIES
from gateway.domain.site import SensorConfig, Site, Zone

FACE = Zone(id="frente", name="Frente", kind="face")
HIGH, EVACUATE = Priority.HIGH, Priority.EVACUATE

# Limits reference 6.3, read again by eye: priority, statistic, threshold in the canonical unit.
TABLE = {
    "co": "notice 15min 12.5, warning 1min 25, high 15min 75, high 1min 100, evacuate 15min 125, evacuate inst 200",
    "no2": "notice 15min 1.5, warning 1min 3, high 1min 5, high 15min 5, evacuate inst 13",
    "no": "notice 15min 12.5, warning 1min 25, high 1min 50, high 15min 75, evacuate inst 100",
    "co2": "notice 15min 2500, warning 1min 5000, high 1min 15000, high 15min 30000, evacuate inst 40000",
    "so2": "notice 15min 1, warning 1min 2, high 1min 5, high 15min 5, evacuate inst 50",
    "h2s": "notice 15min 5, warning 1min 10, high 15min 15, high 1min 20, evacuate inst 50",
    "hcn": "notice 15min 2.35, warning 1min 3.5, high any 4.7, evacuate inst 25",
    "nh3": "notice 15min 12.5, warning 1min 25, high 1min 35, high 15min 35, evacuate inst 150",
    "ch4": "notice inst 0.25, warning any 0.5, high any 1, evacuate inst 2",
    "h2": "notice inst 0.1, warning inst 0.4, high inst 1",
    "hg": "notice 15min 12.5, warning 15min 25, high 15min 75, high 1min 125",
    "o2": "notice inst inf, warning inst 19.8, high inst 19.5, evacuate inst 18, evacuate inst 19.5, high inst 22.5",
    "air_velocity": "notice 5min 0.4167, warning 5min 0.3333, high 5min 0.1667, notice 5min 3.75, warning 5min 4.1667",
}


def sensor(quantity="co", **more):
    return SensorConfig(id="s", zone="frente", quantity=quantity, source="n", channel="n/s", **more)


def rungs(quantity="co", zone=FACE, regimes=("peru",), dead_end=False, **more):
    config = sensor(quantity, **more)
    full = config.full_scale or QUANTITIES[quantity].full_scale
    return rungs_for(config, zone, limits_for, regimes, full, dead_end=dead_end)


def of(found, condition, priority):
    return [rung for rung in found if rung.condition == condition and rung.priority is priority]


@pytest.mark.parametrize("quantity", TABLE)
def test_the_data_are_the_table_of_the_reference(quantity):
    written = [f"{rung.priority.word} {rung.statistic} {round(rung.limit, 4):g}" for rung in ladder_of(quantity, None)]
    assert ", ".join(written) == TABLE[quantity]


@pytest.mark.parametrize("quantity", [*TABLE, "pm2_5"])
def test_every_rung_has_a_source_and_clears_on_the_good_side(quantity):
    for rung in rungs(quantity):
        assert len(rung.source) > 5
        assert rung.off_us > 0
        if math.isfinite(rung.limit):
            assert rung.clear <= rung.limit if rung.rising else rung.clear > rung.limit


def test_high_and_evacuate_latch_and_wait_for_nothing():
    for quantity in TABLE:
        for rung in rungs(quantity):
            if rung.priority >= HIGH and quantity != "air_velocity":
                assert (rung.latch, rung.on_us) == (True, 0)


def test_methane_clears_only_below_half_a_per_cent():
    assert {rung.clear for rung in rungs("ch4") if rung.priority >= Priority.WARNING} == {0.5}


def test_the_surface_and_the_workshops_never_evacuate_a_mine():
    for kind in LADDER["never_evacuate"]["zones"]:
        found = rungs("co", zone=Zone(id="z", name="z", kind=kind))
        assert max(rung.priority for rung in found) is HIGH
        assert [rung.limit for rung in found if rung.statistic == "inst" and rung.condition == "level"] == [200]


def test_mercury_never_evacuates():
    assert max(rung.priority for rung in rungs("hg")) is HIGH


def test_a_dead_end_has_no_evacuation_for_oxygen():
    assert of(rungs("o2"), "oxygen_low", EVACUATE)
    assert not of(rungs("o2", dead_end=True), "oxygen_low", EVACUATE)


def test_a_proving_sensor_has_no_ladder_and_dust_of_persons_is_not_armed():
    assert rungs("air_velocity", role="fan_proof") == ()
    assert rungs("dust_respirable") == ()
    assert {row["quantity"] for row in LADDER["persons"]} == {"dust_respirable", "silica_respirable"}


BODIES = {"DS 024-2016-EM": "peru", "NIOSH": "niosh", "ACGIH": "acgih", "OSHA": "osha", "29 CFR 1910": "osha",
          "30 CFR 57": "msha"}  # fmt: skip


@pytest.mark.parametrize("quantity", [*TABLE, "pm2_5"])
def test_a_rung_names_the_body_that_its_level_comes_from(quantity):
    for rung in ladder_of(quantity, 1000.0):
        named = [regime for word, regime in BODIES.items() if word in rung.source]
        assert rung.regime == (named[0] if named else None), rung.source


def test_what_no_law_gives_is_of_no_regime_and_what_the_mine_set_is_its_own():
    assert {rung.regime for rung in of(rungs("co"), "level", EVACUATE)} == {"acgih", "niosh"}
    (warning,) = of(rungs("o2"), "oxygen_low", Priority.WARNING)
    assert warning.regime is None
    assert {rung.regime for rung in of(rungs("co", setpoints={"high": 60}), "level", HIGH)} == {"site"}
    (ceiling,) = (rung for rung in rungs("ch4") if rung.condition == "ceiling")
    assert ceiling.regime == "peru"


# -- limits ------------------------------------------------------------------------------------------------------------


def test_the_strictest_limit_of_the_alarm_regimes_drives_and_is_named():
    (peru,) = (rung for rung in rungs("h2s") if rung.condition == "stel")
    assert (peru.limit, peru.regime) == (15, "peru")
    (acgih,) = (rung for rung in rungs("h2s", regimes=("peru", "acgih")) if rung.condition == "stel")
    assert (acgih.limit, acgih.regime) == (5, "acgih")


def test_idlh_is_always_there():
    (idlh,) = of(rungs("h2s"), "ceiling", EVACUATE)
    assert (idlh.limit, idlh.regime) == (100, "niosh")


def test_a_foreign_limit_that_the_channel_cannot_resolve_drives_no_alarm():
    limits = [rung.limit for rung in rungs("so2", regimes=("peru", "acgih")) if rung.condition == "stel"]
    assert limits == [5], "ACGIH's 0.25 ppm is under three steps of 0.1"
    fine = rungs("so2", regimes=("peru", "acgih"), resolution=0.01)
    assert [rung.limit for rung in fine if rung.condition == "stel"] == [0.25]


def test_the_shift_mean_of_a_place_never_alarms():
    for quantity in TABLE:
        found = rungs(quantity, regimes=("peru", "acgih", "niosh", "osha", "eu"))
        assert {rung.statistic for rung in found} <= {"any", "inst", "1min", "5min", "15min"}


def test_the_methane_ceiling_is_as_urgent_as_the_ladder_there():
    (ceiling,) = (rung for rung in rungs("ch4") if rung.condition == "ceiling")
    assert (ceiling.limit, ceiling.priority, ceiling.clear) == (0.5, Priority.WARNING, 0.5)


# -- over range --------------------------------------------------------------------------------------------------------


def test_over_range_enters_what_lies_out_of_sight_and_nothing_else():
    small = [rung.limit for rung in rungs("so2") if rung.enters_over_range]
    assert small == [50, 100], "a 0-20 ppm cell"
    assert not [rung for rung in rungs("no2") if rung.enters_over_range]
    assert [rung.limit for rung in rungs("no") if rung.enters_over_range] == [100, 100]


def test_a_mean_that_cannot_be_shown_is_entered_too():
    twins = [rung for rung in rungs("co2", full_scale=5000) if rung.key.endswith(".over")]
    assert [(rung.statistic, rung.limit) for rung in twins] == [("inst", 15000), ("inst", 30000), ("inst", 30000)]


def test_saturated_dust_waits_for_its_five_minutes():
    assert not [rung for rung in rungs("pm2_5") if rung.enters_over_range]


# -- the site's own ----------------------------------------------------------------------------------------------------


def test_a_site_may_be_stricter():
    found = rungs("co", setpoints={"high": 60})
    assert [rung.limit for rung in of(found, "level", HIGH)] == [60, 60]
    assert all(rung.clear < 60 and "site file" in rung.source for rung in of(found, "level", HIGH))
    assert [rung.limit for rung in of(rungs("co", setpoints={"high": 90}), "level", HIGH)] == [75, 90]
    assert [rung.limit for rung in of(rungs("o2", setpoints={"high": 19.7}), "oxygen_low", HIGH)] == [19.7]
    assert [rung.limit for rung in of(rungs("o2", setpoints={"high": 22.0}), "oxygen_high", HIGH)] == [22.0]


def test_a_laxer_level_never_takes_effect_and_check_says_so():
    assert [rung.limit for rung in of(rungs("co", setpoints={"high": 120}), "level", HIGH)] == [75, 100]
    (problem,) = setpoint_problems(sensor("co", setpoints={"high": 120}))
    assert problem == (
        "setpoints.high: 120 is laxer than the ladder; expected less than 75 (15min) or 100 (1min)"
    )
    assert "more than" in setpoint_problems(sensor("o2", setpoints={"high": 19.0}))[0]
    assert "no such rung" in setpoint_problems(sensor("h2", setpoints={"evacuate": 0.1}))[0]
    assert setpoint_problems(sensor("co", setpoints={"high": 60, "evacuate": 150})) == []


def test_delays_may_be_stricter_and_in_a_demo_shorter():
    short = {"warning_on_s": 2, "warning_off_s": 10}
    assert setpoint_problems(sensor("co", delays=short), demo=True) == []
    (problem,) = setpoint_problems(sensor("co", delays=short))
    assert problem == "delays.warning_off_s: 10 s is shorter than the ladder's; expected at least 120 s"
    assert "at most 30 s" in setpoint_problems(sensor("co", delays={"warning_on_s": 60}), demo=True)[0]
    (warning,) = of(rungs("co", delays=short), "level", Priority.WARNING)
    assert (warning.on_us, warning.off_us) == (2_000_000, 10_000_000)
    (warning,) = of(rungs("co", delays={"on_s": 500}), "level", Priority.WARNING)
    assert warning.on_us == 30_000_000, "never longer, whatever the file says"


def test_a_deadband_may_only_be_widened():
    wide = of(rungs("co", deadband=20), "level", EVACUATE)
    assert [rung.clear for rung in wide] == [105, 180]
    narrow = of(rungs("co", deadband=0.1), "level", EVACUATE)
    assert [rung.clear for rung in narrow] == [118.75, 190]


def test_check_is_told_what_a_sensor_cannot_reach_or_resolve():
    remarks = unreachable_rungs(rungs("so2"), 20, 0.5)
    assert any("notice 1 ppm (15min) is less than three of its steps of 0.5" in remark for remark in remarks)
    assert any("evacuate 50 ppm (inst) lies at or above its full scale 20" in remark for remark in remarks)


def test_how_long_silence_may_last():
    assert silence_s(sensor(period_s=1)) == 30
    assert silence_s(sensor(period_s=20)) == 60
    assert silence_s(sensor(period_s=1, max_age_s=10)) == 10


def test_a_working_with_one_way_out_is_a_dead_end_unless_the_site_says_otherwise():
    site = Site.model_validate({
        "site": {"id": "m", "name": "m"},
        "zones": [
            {"id": "a", "name": "a", "kind": "portal"},
            {"id": "b", "name": "b", "kind": "gallery"},
            {"id": "c", "name": "c", "kind": "face"},
            {"id": "d", "name": "d", "kind": "raise", "dead_end": False},
        ],
        "connections": [{"from": x, "to": y, "length_m": 1} for x, y in ("ab", "bc", "bd")],
    })  # fmt: skip
    near = neighbours(site)
    assert near["b"] == {"a", "c", "d"}
    assert [zone.id for zone in site.zones if is_dead_end(zone, near)] == ["c"]
