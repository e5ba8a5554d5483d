"""Long shifts: Brief & Scala and the IRSST's factors (limits reference 4.2)."""

import pytest

from gateway.domain.errors import ConfigError
from gateway.domain.limits import all_limits
from gateway.exposure.extended_shift import QUEBEC_CATEGORIES, is_scaled, quebec_factor, reduction_factor


@pytest.mark.parametrize(("hours", "factor"), [(10.0, 0.7), (12.0, 0.5)])
def test_the_days_that_brief_and_scala_work_out(hours, factor):
    """Brief & Scala, Am. Ind. Hyg. Assoc. J. 36 (1975) 467: 10 h and 12 h a day; other days in test_conversion.py."""
    assert reduction_factor(hours) == pytest.approx(factor)


def test_no_factor_raises_a_limit_and_only_twa_limits_are_scaled():
    assert reduction_factor(4.0, 20.0) == 1.0
    assert {row.kind for row in all_limits() if is_scaled(row)} == {"TWA"}
    assert not any(is_scaled(row) for row in all_limits() if row.quantity in ("ch4", "o2", "h2"))


@pytest.mark.parametrize(
    ("category", "factor"), [("I", 1.0), ("II", 8 / 12), ("III", 40 / 60), ("IV", 40 / 60)]
)  # fmt: skip
def test_4_2_the_factors_of_quebec(category, factor):
    assert quebec_factor(category, 12.0, 60.0) == pytest.approx(factor)
    assert quebec_factor(category, 6.0, 30.0) == 1.0


def test_the_stricter_of_day_and_week_is_category_four():
    assert quebec_factor("IV", 12.0, 48.0) == pytest.approx(8 / 12)
    assert quebec_factor("IV", 9.0, 63.0) == pytest.approx(40 / 63)


@pytest.mark.parametrize(
    ("category", "shift", "week"),
    [("V", 8.0, 40.0), ("II", 3.0, 40.0), ("II", 16.5, 40.0), ("III", 12.0, None), ("IV", 12.0, 0.0)],
)  # fmt: skip
def test_what_the_guide_does_not_cover_is_one_sentence(category, shift, week):
    with pytest.raises(ConfigError, match=r"expected|expects|missing"):
        quebec_factor(category, shift, week)
    assert len(QUEBEC_CATEGORIES) == 4
