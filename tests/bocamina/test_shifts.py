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
    ("local", "shift"),
    [
        ("2026-11-23T07:00:00-05:00", "2026-11-23/dia"),
        ("2026-11-23T06:59:59-05:00", "2026-11-22/noche"),
        ("2026-11-23T18:59:59-05:00", "2026-11-23/dia"),
        ("2026-11-23T19:00:00-05:00", "2026-11-23/noche"),
        ("2026-11-24T00:00:00-05:00", "2026-11-23/noche"),
        ("2026-11-24T04:59:59-05:00", "2026-11-23/noche"),
    ],
)
def test_a_shift_lasts_until_the_next_begins_also_over_midnight(local, shift) -> None:
    assert calendar(DAY_AND_NIGHT).key(parse_rfc3339(local)) == shift


def test_a_shift_of_weekdays_lasts_over_the_days_it_does_not_begin_on() -> None:
    weekdays = calendar('[[shifts]]\nid = "dia"\nstart = "07:00"\nend = "17:00"\ndays = ["mon", "fri"]\n')
    assert weekdays.key(parse_rfc3339("2026-11-26T12:00:00-05:00")) == "2026-11-23/dia"  # a Thursday
    assert weekdays.key(parse_rfc3339("2026-11-27T12:00:00-05:00")) == "2026-11-27/dia"


def test_a_site_without_shifts_counts_by_the_local_day() -> None:
    days = calendar("")
    assert days.key(parse_rfc3339("2026-11-23T04:59:59Z")) == "2026-11-22/-"  # Lima is 5 h behind
    assert days.key(parse_rfc3339("2026-11-23T05:00:00Z")) == "2026-11-23/-"


def test_an_instant_before_1970_has_a_shift_too() -> None:
    assert calendar(DAY_AND_NIGHT).key(-1).startswith("1969-12-31/")
