"""Gases that drive other cells below zero: neither a zero fault nor a reading (limits reference 6.5, 8.1)."""

import pytest

from gateway.domain.events import Delivery
from gateway.domain.quality import Quality, Reason
from tests.fixtures.cells import GOOD, Cells, site

NO2, H2S, SO2, CO, FAR = "no2-nivel-1", "h2s-nivel-1", "so2-nivel-1", "co-nivel-1", "no2-lejos"
CROSS, ZERO, BOTH = ("bad", "cross_gas"), ("bad", "under_range"), ("uncertain", "cross_gas")


@pytest.fixture
def cells() -> Cells:
    """H2S and SO2 cells in steps of 0.1 ppm: three limits of detection are 0.9 ppm."""
    return Cells(site(NO2, H2S, SO2, CO, FAR))


@pytest.mark.parametrize("gas", [H2S, SO2])
def test_no2_below_zero_beside_h2s_or_so2_is_cross_gas_and_both_are_suspect(cells: Cells, gas: str) -> None:
    assert cells.says(NO2, -2.0) == ZERO
    assert cells.says(gas, 5.0) == GOOD
    assert cells.says(NO2, -2.0) == CROSS
    assert cells.says(gas, 5.0) == BOTH
    assert cells.says(CO, 5.0) == GOOD
    assert cells.says(FAR, -2.0) == ZERO  # another zone


def test_a_trace_explains_nothing(cells: Cells) -> None:
    cells.says(H2S, 0.8)
    assert cells.says(NO2, -2.0) == ZERO
    cells.says(H2S, 0.9)
    assert cells.says(NO2, -2.0) == CROSS


def test_it_goes_on_for_half_an_hour(cells: Cells) -> None:
    cells.says(H2S, 5.0)
    cells.says(H2S, 0.0)
    assert cells.says(NO2, -2.0, 1798) == CROSS
    assert cells.says(H2S, 0.0, 0.5) == BOTH
    assert cells.says(NO2, -2.0, 0.5) == ZERO


def test_the_other_is_suspect_as_long_as_no2_is_below_zero(cells: Cells) -> None:
    cells.says(H2S, 5.0)
    cells.says(NO2, -2.0)
    assert cells.says(SO2, 0.0, 29) == BOTH
    assert cells.says(SO2, 0.0, 1) == GOOD  # NO2 has not spoken for its whole time
    assert cells.says(H2S, 5.0) == GOOD


def test_what_is_no_reading_explains_nothing(cells: Cells) -> None:
    cells.says(H2S, 5.0, delivery=Delivery.BACKLOG)
    cells.says(SO2, 5.0, quality=Quality.BAD, reason=Reason.FAULT)
    assert cells.says(NO2, -2.0) == ZERO
    cells.says(H2S, 5.0)
    cells.says(NO2, -2.0, delivery=Delivery.BACKLOG)
    assert cells.says(H2S, 5.0) == GOOD


def test_no2_drives_the_others_as_before(cells: Cells) -> None:
    cells.says(NO2, 2.0)
    for name in (H2S, SO2, CO):
        assert cells.says(name, -50.0) == CROSS
    assert cells.says(NO2, 2.0) == GOOD


def test_it_survives_a_restart(cells: Cells) -> None:
    cells.says(H2S, 5.0)
    cells.says(NO2, -2.0)
    again = cells.restart(site(SO2, NO2))
    assert again.says(SO2, 0.0) == BOTH
    assert again.says(NO2, -2.0) == CROSS
