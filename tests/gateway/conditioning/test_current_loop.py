"""4–20 mA by NAMUR NE 43 and by the transmitters that differ from it (sensor protocols, section 9)."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.conditioning.current_loop import PROFILES, profile_named, read_loop
from gateway.domain.errors import ConfigError
from gateway.domain.quality import Quality

FAULT = (None, "bad", "fault")


def read(name: str, current: float, zero: float = 0.0, span: float = 100.0) -> tuple[float | None, str, str | None]:
    reading = read_loop(profile_named(name), current, zero, span)
    value = None if reading.value is None else round(reading.value, 6)
    return value, reading.quality.word, reading.reason.word


@pytest.mark.parametrize(
    ("current", "expected"),
    [
        (4.0, (0.0, "good", None)), (12.0, (50.0, "good", None)), (20.0, (100.0, "good", None)),
        (3.8, (-1.25, "good", None)), (20.5, (103.125, "good", None)),  # kept: small under- and over-range
        (3.79, (-1.3125, "uncertain", "uncalibrated")), (3.61, (-2.4375, "uncertain", "uncalibrated")),
        (20.51, (103.1875, "uncertain", "over_range")), (20.99, (106.1875, "uncertain", "over_range")),
        (3.6, FAULT), (0.0, FAULT), (-4.0, FAULT), (21.0, FAULT), (24.0, FAULT), (math.nan, FAULT), (math.inf, FAULT),
    ],
)  # fmt: skip
def test_ne_43(current: float, expected: tuple[object, ...]) -> None:
    assert read("namur-ne43", current) == expected


def test_zero_and_span_of_any_range() -> None:
    assert read("namur-ne43", 8.0, zero=-40.0, span=120.0) == (-10.0, "good", None)
    assert read("namur-ne43", 20.0, zero=25.0, span=-25.0) == (0.0, "good", None)


@pytest.mark.parametrize("name", PROFILES)
def test_a_broken_loop_is_a_fault_and_never_zero_oxygen(name: str) -> None:
    for current in (0.0, 0.3, 3.55 if name != "msa-ultima-x" else 3.5):
        value, quality, _ = read(name, current, span=25.0)
        assert value is None
        assert quality != "good"


def test_21_ma_may_mean_gas() -> None:
    assert read("msa-ultima-x", 21.0) == (106.25, "uncertain", "over_range")
    assert read("msa-ultima-x", 22.0) == (112.5, "uncertain", "over_range")
    assert read("draeger-polytron-8000", 21.0) == FAULT


@pytest.mark.parametrize(
    ("name", "current", "expected"),
    [
        ("msa-ultima-x", 3.75, (None, "uncertain", "warming_up")),
        ("msa-ultima-x", 3.0, FAULT),
        ("msa-ultima-x", 3.8, (-1.25, "good", None)),
        ("draeger-polytron-8000", 3.4, (None, "uncertain", "uncalibrated")),
        ("draeger-polytron-8000", 3.0, FAULT),
        ("draeger-polytron-8000", 1.2, FAULT),
        ("oldham-ctx-300", 2.0, (None, "uncertain", "uncalibrated")),
        ("oldham-ctx-300", 1.0, FAULT),
        ("pemtech-pt295", 0.9, FAULT),
    ],
)
def test_status_currents_measure_nothing(name: str, current: float, expected: tuple[object, ...]) -> None:
    assert read(name, current) == expected


@given(name=st.sampled_from(list(PROFILES)), current=st.floats(allow_nan=True, allow_infinity=True))
def test_only_a_measuring_current_is_good(name: str, current: float) -> None:
    reading = read_loop(PROFILES[name], current, 0.0, 100.0)
    assert (reading.quality is Quality.GOOD) == (3.8 <= current <= 20.5)
    assert reading.quality is not Quality.GOOD or reading.value is not None
    assert (reading.reason.word is None) == (reading.quality is Quality.GOOD)


def test_profiles_are_found_by_an_unmistakable_part_of_their_name() -> None:
    assert profile_named("MSA Ultima X").name == "msa-ultima-x"
    assert profile_named("NE43").name == profile_named("namur").name == "namur-ne43"
    assert profile_named("Drager Polytron 8000") is profile_named("dräger") is PROFILES["draeger-polytron-8000"]
    for name in ("", "a", "polytron-9000"):
        with pytest.raises(ConfigError, match="namur-ne43"):
            profile_named(name)
