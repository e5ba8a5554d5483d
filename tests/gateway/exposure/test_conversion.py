"""ppm, mg/m³ and %vol: the worked numbers of limits reference 1.1, 4.2 and 4.7."""

import pytest

from gateway.domain.errors import ConfigError
from gateway.exposure.conversion import (
    canonical_unit_name,
    limit_mg_m3_from_ppm,
    limit_ppm_from_mg_m3,
    measurement_factor,
    molar_masses,
    molar_volume_l,
    west_pressure_hpa,
)
from gateway.exposure.extended_shift import reduction_factor


def test_vector_4_carbon_monoxide_at_four_thousand_metres():
    air = molar_volume_l(15.0, 633.7)
    assert air == pytest.approx(37.81, abs=0.005)
    assert 25.0 * measurement_factor("co", "ppm", "mg/m3", air) == pytest.approx(18.52, abs=0.005)


def test_the_molar_volume_of_the_text_books():
    assert molar_volume_l() == pytest.approx(24.465, abs=5e-4)
    assert molar_volume_l(20.0) == pytest.approx(24.055, abs=5e-4)


@pytest.mark.parametrize(
    ("quantity", "factor"),
    [("co", 1.1449), ("co2", 1.7988), ("no", 1.2265), ("no2", 1.8805), ("so2", 2.6185), ("h2s", 1.3930),
     ("hcn", 1.1047), ("nh3", 0.6961), ("ch4", 0.6557), ("h2", 0.0824), ("o2", 1.3079), ("hg", 8.199),
     ("ch2o", 1.2273), ("c3h4o", 2.2916)],
)  # fmt: skip
def test_mg_per_ppm_at_25_degrees(quantity, factor):
    assert measurement_factor(quantity, "ppm", "mg/m3", molar_volume_l()) == pytest.approx(factor, abs=6e-4)


@pytest.mark.parametrize(
    ("metres", "kpa", "mg"),
    [(0, 101.26, 29.6), (1500, 85.42, 25.0), (2335, 77.47, 22.6), (3000, 71.57, 20.9), (4000, 63.37, 18.5),
     (4500, 59.57, 17.4), (5000, 55.95, 16.4)],
)  # fmt: skip
def test_the_air_of_the_andes(metres, kpa, mg):
    pressure = west_pressure_hpa(metres)
    assert pressure == pytest.approx(kpa * 10, abs=0.06)
    assert 25 * measurement_factor("co", "ppm", "mg/m3", molar_volume_l(15.0, pressure)) == pytest.approx(mg, abs=0.06)


def test_limits_convert_by_the_rule_books_own_air():
    assert limit_mg_m3_from_ppm(25.0, 28.010) == pytest.approx(28.64, abs=0.005)
    assert limit_ppm_from_mg_m3(limit_mg_m3_from_ppm(25.0, 28.010), 28.010) == pytest.approx(25.0)


def test_percent_and_mass_scales():
    assert measurement_factor("ch4", "ppm", "%vol", 24.465) == pytest.approx(1e-4)
    assert measurement_factor("hg", "mg/m3", "ug/m3", 24.465) == pytest.approx(1e3)
    assert measurement_factor("temperature", "degC", "degC", 24.465) == 1.0
    assert canonical_unit_name("µg/m³") == "ug/m3"
    assert canonical_unit_name("% v/v") == "%vol"
    assert "silica_respirable" not in molar_masses()


@pytest.mark.parametrize(
    ("hours", "factor"), [(4, 1.0), (8, 1.0), (9, 0.8333), (10, 0.7), (11, 0.5909), (12, 0.5), (14, 0.3571)]
)
def test_brief_and_scala_by_the_day(hours, factor):
    assert reduction_factor(hours) == pytest.approx(factor, abs=5e-5)


@pytest.mark.parametrize(
    ("hours", "factor"), [(48, 0.7812), (56, 0.625), (60, 0.5625), (70, 0.4375), (72, 0.4167), (84, 0.3125)]
)
def test_brief_and_scala_by_the_week(hours, factor):
    assert reduction_factor(8.0, hours) == pytest.approx(factor, abs=6e-5)


def test_what_cannot_be_is_refused():
    for wrong in (0.0, 25.0, float("nan")):
        with pytest.raises(ConfigError, match="shift hours"):
            reduction_factor(wrong)
    with pytest.raises(ConfigError, match="altitude 90000"):
        west_pressure_hpa(90_000.0)
    with pytest.raises(ConfigError, match="pressure 0 hPa"):
        molar_volume_l(25.0, 0.0)
    with pytest.raises(ConfigError, match="temperature -300"):
        molar_volume_l(-300.0)
    for particles in ("dust_respirable", "dpm_ec", "pm10"):
        for unit in ("mg/m3", "%vol"):
            with pytest.raises(ConfigError, match=f"{particles}: no molar mass, so ppm cannot become {unit}"):
                measurement_factor(particles, "ppm", unit, 24.465)
    with pytest.raises(ConfigError, match="temperature: it is measured in degC and is no concentration"):
        measurement_factor("temperature", "ppm", "%vol", 24.465)
