"""Calibrations age: overdue is uncertain, long overdue is indeterminate (limits reference 6.5)."""

from datetime import date

import pytest

from gateway.conditioning.calibration import INTERVAL_DAYS, interval_days
from gateway.domain.moment import SECOND_US, Moment
from gateway.domain.quality import Quality, Reason
from gateway.domain.site import SensorConfig
from tests.fixtures.cells import GOOD, OVER, UTC0, Cells, at, site

UNCALIBRATED = ("uncertain", "uncalibrated")
MADE = {"calibration": {"date": "2026-11-18"}}  # the day of UTC0
DAY_S = 86_400


def cells(name: str = "co-nivel-1", **keys: object) -> Cells:
    return Cells(site(name, **{name.replace("-", "_"): {**MADE, **keys}}))


def after(days: float, name: str = "co-nivel-1", **keys: object) -> tuple[tuple[str, str | None], int]:
    one = cells(name, **keys)
    one.tick(days * DAY_S)
    return one.says(name, 0.0), one.conditioner.overdue(0)


@pytest.mark.parametrize(("quantity", "days"), [("co", 90), ("o2", 90), ("ch4", 90), ("hcn", 90), ("co2", 180)])
def test_every_gas_has_its_interval(quantity: str, days: int) -> None:
    assert INTERVAL_DAYS[quantity] == days


def test_dust_and_air_have_one_only_by_the_sites_key() -> None:
    keys = {"id": "s", "zone": "z", "source": "n", "channel": "n/s"}
    assert interval_days(SensorConfig(quantity="pm10", **keys)) is None
    assert interval_days(SensorConfig(quantity="pm10", calibration_days=365, **keys)) == 365
    assert interval_days(SensorConfig(quantity="co", calibration_days=120, **keys)) == 120


@pytest.mark.parametrize(
    ("days", "keys", "expected"),
    [
        (90, {}, (GOOD, 0)), (91, {}, (UNCALIBRATED, 1)), (180, {}, (UNCALIBRATED, 1)), (181, {}, (UNCALIBRATED, 2)),
        (91, {"calibration_days": 120}, (GOOD, 0)), (31, {"calibration_days": 30}, (UNCALIBRATED, 1)),
        (900, {"calibration": None}, (GOOD, 0)), (900, {"calibration": {"zero": 0.1}}, (GOOD, 0)),
        (-1, {}, (GOOD, 0)), (-2, {}, (UNCALIBRATED, 1)),  # a date that cannot be proves nothing
    ],
)  # fmt: skip
def test_its_age_makes_a_good_reading_uncertain(days, keys, expected) -> None:
    assert after(days, **keys) == expected


def test_ndir_has_twice_the_time() -> None:
    assert after(179, "co2-nivel-1") == (GOOD, 0)
    assert after(181, "co2-nivel-1") == (UNCALIBRATED, 1)


def test_what_is_worse_keeps_its_own_reason() -> None:
    one = cells(warm_up_s=60)
    one.tick(100 * DAY_S)
    assert one.says("co-nivel-1", 0.0) == ("uncertain", "warming_up")
    one.now += 60
    assert one.says("co-nivel-1", 990.0) == OVER
    assert one.says("co-nivel-1", -50.0) == ("bad", "under_range")
    assert one.says("co-nivel-1", 5.0, quality=Quality.BAD, reason=Reason.FAULT) == ("bad", "fault")


def test_it_becomes_overdue_while_the_gateway_runs_and_not_before_a_tick() -> None:
    one = cells()
    one.tick(90 * DAY_S)
    assert one.says("co-nivel-1", 0.0) == GOOD
    one.tick(DAY_S)
    assert one.says("co-nivel-1", 0.0) == UNCALIBRATED


def test_a_clock_that_woke_in_the_past_makes_no_calibration_young() -> None:
    one = cells()
    one.tick(100 * DAY_S)
    past = Moment(one.moment.now_us + SECOND_US, UTC0, trusted=False)
    one.conditioner.tick(past)
    assert one.conditioner.overdue(0) == 1
    again = one.restart()
    again.conditioner.resume(past)
    assert again.conditioner.overdue(0) == 1


def test_a_clock_that_is_set_right_counts_again() -> None:
    one = cells()
    one.tick(10_000 * DAY_S)
    assert one.conditioner.overdue(0) == 2
    one.conditioner.tick(at(1, days=5))
    assert one.conditioner.overdue(0) == 0


def test_nor_is_a_date_called_future_by_a_clock_that_is_not_trusted() -> None:
    one = cells()
    one.conditioner.tick(Moment(1, 0, trusted=False))
    assert one.conditioner.overdue(0) == 0


def test_a_new_date_in_the_site_file_counts_at_once() -> None:
    one = cells()
    one.tick(100 * DAY_S)
    new = date.fromordinal(date(2026, 11, 18).toordinal() + 99).isoformat()
    again = one.restart(site("co-nivel-1", co_nivel_1={"calibration": {"date": new}}))
    assert again.says("co-nivel-1", 0.0) == GOOD
    assert one.restart().says("co-nivel-1", 0.0) == UNCALIBRATED
