"""Computed numbers of the limits reference, sections 2 to 4, that no other test names.

Vectors of its section 11: 1, 2, 3, 8, 9, 11 in test_batch.py; 4 in test_conversion.py; 5 in test_silica_and_dose.py;
6, 7 in test_air_demand.py; 10, 13 in test_thin_air.py; 12 in test_statistics.py; 14 in test_predictor.py.
"""

import pytest

from gateway.exposure.air_demand import BLAST_VELOCITY
from gateway.exposure.batch import Question, evaluate
from gateway.exposure.conversion import (
    limit_mg_m3_from_ppm,
    measurement_factor,
    molar_masses,
    molar_volume_l,
    west_pressure_hpa,
)  # fmt: skip
from gateway.exposure.extended_shift import reduction_factor
from gateway.exposure.record import read_record
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


def test_4_7_european_figures_are_at_20_degrees():
    """CO 20 ppm are 23 mg/m³ at 20 °C and 101.3 kPa (S38, S48), and 22.9 at 25 °C."""
    assert 20 * measurement_factor("co", "ppm", "mg/m3", molar_volume_l(20.0)) == pytest.approx(23.3, abs=0.05)
    assert limit_mg_m3_from_ppm(20.0, molar_masses()["co"]) == pytest.approx(22.9, abs=0.05)


def test_3_1_air_velocities_of_article_248():
    assert BLAST_VELOCITY[False] / 60 == pytest.approx(0.333, abs=0.0005)
    assert BLAST_VELOCITY[True] / 60 == pytest.approx(0.417, abs=0.0005)
