"""Numbers of the limits reference marked [C], sections 1 to 7, that no other test names; and published examples.

Vectors of its section 11: 1, 2, 3, 8, 9, 11 in test_batch.py, 2 and 3 for persons in test_person_rules.py; 4 in
test_conversion.py; 5 in test_silica_and_dose.py; 6, 7 in test_air_demand.py; 10, 13 in test_thin_air.py; 12 in
test_statistics.py; 14 in test_predictor.py.

Marks elsewhere: 1.1 at 25 °C, RF table and West's columns of 4.7 in test_conversion.py; 1.3, dose and cumulative
silica in test_silica_and_dose.py; wet air of 2.4 and the other columns of 4.7 in test_thin_air.py; 3.2 in
test_air_demand.py; the trap of 4.2 (vector 3) in test_batch.py; 4.5 in test_short_exposures.py; k(n) of 5 in
test_statistics.py; 7.2 (vector 13) in test_thin_air.py.
"""

import pytest

from alerts.ladder import ladder_of
from gateway.conditioning.ranges import LODS_PRESENT, LSBS_A_LOD
from gateway.domain.limits import limits_for
from gateway.domain.quantities import QUANTITIES
from gateway.exposure.air_demand import BLAST_VELOCITY
from gateway.exposure.batch import Question, evaluate
from gateway.exposure.conversion import (
    limit_mg_m3_from_ppm,
    measurement_factor,
    molar_masses,
    molar_volume_l,
    west_pressure_hpa,
)  # fmt: skip
from gateway.exposure.dose import additive_index
from gateway.exposure.extended_shift import reduction_factor
from gateway.exposure.record import read_record
from gateway.exposure.streaming import Line, Streaming
from gateway.exposure.thin_air import isa_pressure_hpa, oxygen_pressure_torr


def carbon_monoxide(*hours_and_ppm, **question):
    lines = ["substance,value,unit,duration_s\n"]
    lines += [f"co,{ppm},ppm,{hours * 3600}\n" for hours, ppm in hours_and_ppm]
    record = read_record(lines, "r.csv", max_hold_s=60, molar_volume=molar_volume_l(), full_scales={})
    return evaluate(record, Question(("peru",), **question))["substances"]["co"]


def test_4_1_twelve_hours_at_20_ppm_are_an_e8_of_30():
    co = carbon_monoxide((12, 20))
    assert co["e8"] == 30.0
    assert co["mean_shift"] == 20.0


def test_4_1_a_rolling_mean_of_eight_hours_is_another_figure():
    co = carbon_monoxide((4, 0), (8, 20))
    assert (co["rolling_8h_max"], co["e8"], co["mean_shift"]) == (20.0, 20.0, pytest.approx(40 / 3))


@pytest.mark.parametrize(("week", "factor"), [(84.0, 0.3125), (56.0, 0.5)])
def test_4_2_a_roster_of_14_by_7_by_its_worst_week_or_its_average(week, factor):
    """56 h a week alone would give 0.6250: the day of 12 h governs."""
    assert reduction_factor(12.0, week) == factor
    rows = carbon_monoxide((12, 12), shift_hours=12.0, week_hours=week)["limits"]
    scaled = next(row for row in rows if row["method"] == "brief_scala")
    assert scaled["limit"] == pytest.approx(25.0 * factor)
    assert scaled["base_limit"] == 25.0
    assert next(row for row in rows if row["method"] == "e8")["limit"] == 25.0


def test_4_7_the_standard_atmosphere_is_too_low_in_the_andes():
    assert 1 - isa_pressure_hpa(4000) / west_pressure_hpa(4000) == pytest.approx(0.027, abs=0.0005)


def test_4_7_normalising_dust_to_sea_level_would_inflate_it_by_six_tenths():
    assert 1013.25 / west_pressure_hpa(4000) == pytest.approx(1 / 0.625, rel=0.001)


def test_4_7_clean_air_at_4000_metres_has_the_oxygen_pressure_of_14_percent_at_sea_level():
    assert oxygen_pressure_torr(west_pressure_hpa(4000)) == pytest.approx(oxygen_pressure_torr(1013.25, 13.1), rel=0.01)


@pytest.mark.parametrize(("altitude_m", "carbon_dioxide_torr"), [(3000.0, 34.0), (4500.0, 28.0)])
def test_4_7_the_same_ppm_of_co_bind_about_13_percent_more_haemoglobin_in_the_andes(altitude_m, carbon_dioxide_torr):
    """Haldane: COHb / O2Hb = M · pCO / pO2, with the moist gas that is breathed in for CO and the alveolar gas equation
    for O2, PAO2 = 0.2095 · (P - 47) - PaCO2 / 0.85. Whoever lives up there breathes more: PaCO2 40 torr at sea level,
    about 34 at 3,000 m and 28 at 4,500 m [M]. The reference gives the result without its formula; this one agrees.
    """

    def bound(pressure_hpa, carbon_dioxide):
        moist = pressure_hpa * 760.0 / 1013.25 - 47.0
        return moist / (0.2095 * moist - carbon_dioxide / 0.85)

    more = bound(west_pressure_hpa(altitude_m), carbon_dioxide_torr) / bound(1013.25, 40.0) - 1
    assert more == pytest.approx(0.13, abs=0.01)


def test_4_7_european_figures_are_at_20_degrees():
    """CO 20 ppm are 23 mg/m³ at 20 °C and 101.3 kPa (S38, S48), and 22.9 at 25 °C."""
    assert 20 * measurement_factor("co", "ppm", "mg/m3", molar_volume_l(20.0)) == pytest.approx(23.3, abs=0.05)
    assert limit_mg_m3_from_ppm(20.0, molar_masses()["co"]) == pytest.approx(22.9, abs=0.05)


def test_3_1_air_velocities_of_article_248():
    assert BLAST_VELOCITY[False] / 60 == pytest.approx(0.333, abs=0.0005)
    assert BLAST_VELOCITY[True] / 60 == pytest.approx(0.417, abs=0.0005)
    assert max(rung.limit for rung in ladder_of("air_velocity", None)) == pytest.approx(4.167, abs=0.0005)  # 250 m/min


@pytest.mark.parametrize(
    ("quantity", "factor"),
    [("co", 1.1644), ("co2", 1.8295), ("no", 1.2474), ("no2", 1.9125), ("so2", 2.6632), ("h2s", 1.4168),
     ("hcn", 1.1235), ("nh3", 0.7080), ("ch4", 0.6669), ("h2", 0.0838), ("o2", 1.3302), ("hg", 8.339),
     ("ch2o", 1.2482), ("c3h4o", 2.3307)],
)  # fmt: skip
def test_1_1_mg_per_ppm_at_20_degrees(quantity, factor):
    assert measurement_factor(quantity, "ppm", "mg/m3", molar_volume_l(20.0)) == pytest.approx(factor, abs=6e-4)


@pytest.mark.parametrize(("quantity", "lel", "ppm"), [("ch4", 5.0, 5000), ("h2", 4.0, 4000)])
def test_1_2_ten_per_cent_of_the_lower_explosive_limit(quantity, lel, ppm):
    action = next(row for row in limits_for(quantity, ["osha"]) if row.kind == "ACTION")
    assert action.value == pytest.approx(0.1 * lel) == pytest.approx(ppm / 10_000)


def test_2_the_methane_ladder_in_per_cent_of_lel():
    """LEL 5.0 %: 0.25 is 5 %LEL, 0.5 10, 1.0 20, 2.0 40; with 4.4 %, 0.5 is 11.4 %LEL. Stored is vol-% alone."""
    rungs = sorted(row.value for row in limits_for("ch4", ["peru"]) if row.kind == "ACTION")
    assert [100 * rung / 5.0 for rung in rungs] == pytest.approx([5, 10, 20, 40])
    assert 100 * rungs[1] / 4.4 == pytest.approx(11.4, abs=0.05)


def test_4_5_peaks_of_carbon_and_nitrogen_monoxide():
    for quantity in ("co", "no"):
        twa = next(row for row in limits_for(quantity, ["acgih"]) if row.kind == "TWA")
        assert (3 * twa.value, 5 * twa.value) == (75.0, 125.0)


@pytest.mark.parametrize(("quantity", "ppm", "rung", "minutes"), [("no2", 12.0, 5.0, 6.25), ("h2s", 50.0, 15.0, 4.5)])
def test_6_3_how_long_a_mean_of_fifteen_minutes_takes_from_clean_air(quantity, ppm, rung, minutes):
    """Why a step may not wait for a long mean: 6.3 and 4.5 min."""
    limit = next(row for row in limits_for(quantity, ["peru"]) if row.kind == "STEL")
    assert limit.value == rung
    core = Streaming([Line(2000.0, 1000.0)])
    core.feed(0, 0, 0.0, 0)
    core.feed(0, 1_000_000_000, ppm, 0)
    (figure,) = core.limit_figures(0, 1_000_000_000, [limit])
    assert figure.time_to_limit_s == pytest.approx(60 * minutes, abs=0.01)


def test_8_1_the_pressure_that_cells_are_printed_for_ends_at_2060_metres():
    assert west_pressure_hpa(2060) == pytest.approx(800.0, abs=1.0)


def test_8_1_a_cell_at_50_degrees_shifts_its_zero_by_less_than_a_fault():
    """-250 to -400 nA at 450 to 600 nA/ppm are about -0.4 to -0.9 ppm: read as it is, and no cell below its range."""
    least, most = 250 / 600, 400 / 450
    assert (least, most) == (pytest.approx(0.4, abs=0.05), pytest.approx(0.9, abs=0.05))
    assert most < LODS_PRESENT * LSBS_A_LOD * QUANTITIES["co"].resolution


def test_the_mixture_of_acgih():
    """ACGIH, TLVs and BEIs, appendix on mixtures: 400/500 + 150/200 + 100/200 = 2.05, the limit is exceeded."""
    index, exceeded = additive_index([(400, 500), (150, 200), (100, 200)])
    assert (index, exceeded) == (pytest.approx(2.05), True)
