"""Readings in thin, warm, wet air: the computed numbers of the limits reference, sections 2.4, 4.7, 7.2 and 8.1."""

import pytest

from gateway.domain.errors import ConfigError
from gateway.exposure.conversion import west_pressure_hpa
from gateway.exposure.dilution import dilution_time_min
from gateway.exposure.thin_air import (
    corrected_infrared,
    isa_pressure_hpa,
    oxygen_in_saturated_air,
    oxygen_pressure_torr,
    uncompensated_oxygen,
)


def test_vector_10_infrared_reads_low_in_thin_air():
    assert corrected_infrared(500.0, 10.0, 633.7) == pytest.approx(759.0, abs=0.05)


def test_uncorrected_carbon_dioxide_at_4000_metres_reads_63_percent_of_the_truth():
    assert 1.0 / corrected_infrared(1.0, 25.0, west_pressure_hpa(4000)) == pytest.approx(0.63, abs=0.005)


@pytest.mark.parametrize(
    ("metres", "isa_kpa", "torr", "reading"),
    [
        (0, 101.33, 159.1, 20.9), (1500, 84.56, 134.2, 17.7), (2335, 76.24, 121.7, 16.0), (3000, 70.11, 112.5, 14.8),
        (4000, 61.64, 99.6, 13.1), (4500, 57.73, 93.6, 12.3), (5000, 54.02, 87.9, 11.6),
    ],
)  # fmt: skip
def test_the_table_of_the_andes(metres, isa_kpa, torr, reading):
    west = west_pressure_hpa(metres)
    assert isa_pressure_hpa(metres) / 10 == pytest.approx(isa_kpa, abs=0.006)
    assert oxygen_pressure_torr(west) == pytest.approx(torr, abs=0.06)
    assert uncompensated_oxygen(west) == pytest.approx(reading, abs=0.06)


@pytest.mark.parametrize(
    ("celsius", "metres", "percent"),
    [(15, 3800, 20.40), (20, 3800, 20.20), (25, 3800, 19.93), (30, 3800, 19.58), (20, 0, 20.47)],
)
def test_wet_air_has_less_oxygen(celsius, metres, percent):
    assert oxygen_in_saturated_air(celsius, west_pressure_hpa(metres)) == pytest.approx(percent, abs=0.006)


def test_vector_13_the_earliest_time_after_a_blast():
    assert dilution_time_min(600, 90, 500, 25, mixing=0.5) == pytest.approx(39.94, abs=0.005)
    assert dilution_time_min(600, 90, 500, 25) == pytest.approx(19.97, abs=0.005)
    assert dilution_time_min(600, 90, 20, 25) == 0.0


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: corrected_infrared(500, 10, 0),
        lambda: corrected_infrared(500, 200, 633),
        lambda: oxygen_in_saturated_air(99, 633),
        lambda: isa_pressure_hpa(20_000),
        lambda: dilution_time_min(600, 0, 500, 25),
        lambda: dilution_time_min(600, 90, 500, 25, mixing=1.1),
    ],
)
def test_impossible_air_is_refused(wrong):
    with pytest.raises(ConfigError, match="expected"):
        wrong()
