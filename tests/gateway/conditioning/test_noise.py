"""Noise and drift: what a channel cannot tell apart (limits reference 6.7)."""

from datetime import date

import pytest

from gateway.conditioning.ranges import resolve_noise
from gateway.domain.site import SensorConfig


def noise(on: date | None, **keys: object) -> float:
    given = {"id": "s", "zone": "z", "quantity": "no2", "source": "n", "channel": "n/s", **keys}
    return resolve_noise(SensorConfig.model_validate(given), on)


def test_it_is_at_least_one_step() -> None:
    assert noise(None) == 0.1
    assert noise(None, noise=0.02) == 0.1
    assert noise(None, noise=0.3) == 0.3
    assert noise(None, resolution=0.5, noise=0.3) == 0.5


def test_drift_grows_from_the_calibration_and_is_never_negative() -> None:
    keys = {"drift_per_year": 0.365_25, "calibration": {"date": "2026-01-01"}}
    assert noise(date(2026, 4, 11), **keys) == pytest.approx(0.1 + 0.1)
    assert noise(date(2025, 1, 1), **keys) == 0.1
    assert noise(None, **keys) == 0.1
    assert noise(date(2026, 4, 11), drift_per_year=1.0) == 0.1
