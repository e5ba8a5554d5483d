"""Which shift an instant belongs to: by local time, over midnight, and by day where the site names none."""

import pytest

from bocamina.shifts import ShiftCalendar
from bocamina.site_file import parse_site
from gateway.domain.moment import parse_rfc3339
from tests.end_to_end.mine import site_text

DAY_AND_NIGHT = """
[[shifts]]
id = "dia"
start = "07:00"
end = "17:00"
[[shifts]]
id = "noche"
start = "19:00"
end = "05:00"
"""


def calendar(shifts: str) -> ShiftCalendar:
    return ShiftCalendar(parse_site(site_text(1883, extra=shifts).encode()))


@pytest.mark.parametrize(
    ("local", "key", "began"),
    [
        ("2026-11-23T07:00:00-05:00", "2026-11-23/dia", "2026-11-23T07:00:00-05:00"),
        ("2026-11-23T16:59:59-05:00", "2026-11-23/dia", "2026-11-23T07:00:00-05:00"),
        ("2026-11-23T17:00:00-05:00", "2026-11-23/dia/over", "2026-11-23T17:00:00-05:00"),
        ("2026-11-23T19:00:00-05:00", "2026-11-23/noche", "2026-11-23T19:00:00-05:00"),
        ("2026-11-24T00:00:00-05:00", "2026-11-23/noche", "2026-11-23T19:00:00-05:00"),
        ("2026-11-24T04:59:59-05:00", "2026-11-23/noche", "2026-11-23T19:00:00-05:00"),
        ("2026-11-24T06:00:00-05:00", "2026-11-23/noche/over", "2026-11-24T05:00:00-05:00"),
    ],
)
def test_a_shift_begins_and_ends_by_local_time_also_over_midnight(local, key, began) -> None:
    assert calendar(DAY_AND_NIGHT).at(parse_rfc3339(local)) == (key, parse_rfc3339(began))


def test_where_one_shift_follows_the_other_the_beginning_outranks_the_end() -> None:
    shifts = DAY_AND_NIGHT.replace("17:00", "19:00").replace("05:00", "07:00")
    assert calendar(shifts).at(parse_rfc3339("2026-11-23T19:00:00-05:00")).key == "2026-11-23/noche"
    assert calendar(shifts).at(parse_rfc3339("2026-11-23T07:00:00-05:00")).key == "2026-11-23/dia"


def test_days_without_a_shift_are_rest() -> None:
    weekdays = calendar('[[shifts]]\nid = "dia"\nstart = "07:00"\nend = "17:00"\ndays = ["mon", "fri"]\n')
    thursday = weekdays.at(parse_rfc3339("2026-11-26T12:00:00-05:00"))
    assert thursday == ("2026-11-23/dia/over", parse_rfc3339("2026-11-23T17:00:00-05:00"))
    assert weekdays.at(parse_rfc3339("2026-11-27T12:00:00-05:00")).key == "2026-11-27/dia"


def test_a_site_without_shifts_counts_by_the_local_day() -> None:
    days = calendar("")
    assert days.at(parse_rfc3339("2026-11-23T04:59:59Z")).key == "2026-11-22/day"  # Lima is 5 h behind
    assert days.at(parse_rfc3339("2026-11-23T05:00:00Z")) == ("2026-11-23/day", parse_rfc3339("2026-11-23T05:00:00Z"))


def test_a_computer_that_boots_in_1970_has_a_stretch_too() -> None:
    for second in (0, 12, 40_000, 90_000):
        assert calendar(DAY_AND_NIGHT).at(second * 1_000_000).began_us <= second * 1_000_000
