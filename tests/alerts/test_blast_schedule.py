"""The timetable of blasts announces and suppresses nothing (limits reference 7.2.1, planned)."""

from datetime import UTC, datetime
from typing import Any

import pytest

from alerts.occupancy import Occupancy
from alerts.protocols.blast import Blast
from alerts.protocols.blast_schedule import BlastSchedule
from alerts.protocols.portable import PortableReadings
from gateway.domain.moment import Moment, rfc3339
from tests.fixtures.small_mine import Air, ask, graph, site

LIMA_UTC = 5  # hours; no summer time


def lima(hour: int, minute: int, day: int = 23, second: int = 0, trusted: bool = True) -> Moment:
    at = datetime(2026, 11, day, hour, minute, second, tzinfo=UTC)
    utc_us = int(at.timestamp() + LIMA_UTC * 3600) * 1_000_000
    return Moment(utc_us - 10**15, utc_us, trusted)


class Day:
    """A mine with a timetable, its blast protocol and its people."""

    def __init__(self, times: tuple[str, ...] = ("11:30", "17:00")) -> None:
        row = {"times": times, "zones": ["frente-1"], "influence": ["frente-1"], "guards": ["ana"]}
        self.site = site(blasts=[row] if times else [])
        self.air, self.inside = Air(self.site), Occupancy(self.site)
        self.blast = Blast(self.site, graph(self.site))

    def step(self, moment: Moment) -> dict[str, Any] | None:
        self.air.moment = moment
        self.blast.step(moment, [], self.air, self.inside, lambda _zone: False)
        return self.blast.document(moment, self.inside)

    def ask(self, moment: Moment, action: str, target: str = "frente-1", **args: Any) -> str | None:
        request = ask("blast", target, action=action, **args)
        self.air.moment = moment
        return self.blast.request(moment, request, self.inside, self.air, PortableReadings(self.site)).error


def test_the_next_of_the_timetable_is_shown_from_the_first_second() -> None:
    document = Day().step(lima(6, 0))
    assert document is not None
    assert (document["state"], document["zones"], document["by"]) == ("planned", ["frente-1"], "schedule")
    assert document["scheduled"] == rfc3339(lima(11, 30).utc_us)
    assert document["suppressing"] is False


def test_a_site_without_a_timetable_has_nothing_to_show() -> None:
    assert Day(()).step(lima(6, 0)) is None


def test_it_does_not_change_from_second_to_second() -> None:
    day = Day()
    assert day.step(lima(6, 0)) == day.step(lima(6, 0, second=1)) == day.step(lima(9, 0))


def test_from_half_an_hour_before_it_lists_who_is_inside() -> None:
    day = Day()
    day.step(lima(10, 59))
    assert day.blast.state is None
    day.inside.presence(lima(10, 59), "rosa", "frente-1")
    document = day.step(lima(11, 0))
    assert (day.blast.state, document["inside"]) == ("planned", ["rosa"])  # type: ignore[index]


def test_a_clock_alone_arms_fires_and_suppresses_nothing() -> None:
    day = Day()
    for minute in range(60):
        day.step(lima(11 + minute // 60, minute % 60))
        assert day.blast.state in (None, "planned")
        assert day.blast.suppression(lima(11, minute), day.inside) is None
        assert not day.blast.is_closed("frente-1")


def test_one_that_nobody_cleared_for_is_given_up_and_the_next_is_announced() -> None:
    day = Day()
    day.step(lima(11, 0))
    assert day.step(lima(11, 59))["state"] == "planned"  # type: ignore[index]
    assert day.step(lima(12, 0))["state"] == "cancelled"  # type: ignore[index]
    document = day.step(lima(16, 30))
    assert (document["state"], document["scheduled"]) == ("planned", rfc3339(lima(17, 0).utc_us))  # type: ignore[index]


def test_a_person_takes_it_over_and_then_no_clock_gives_it_up() -> None:
    day = Day()
    day.step(lima(11, 0))
    assert day.ask(lima(11, 10), "clear") is None
    document = day.step(lima(14, 0))
    assert (document["state"], document["by"]) == ("clearing", "ana")  # type: ignore[index]


@pytest.mark.parametrize("first", ["cancel", "plan"])
def test_one_that_a_person_cancelled_is_not_announced_again(first: str) -> None:
    day = Day()
    if first == "cancel":
        day.step(lima(11, 0))
    else:
        assert day.ask(lima(11, 5), "plan") is None
    assert day.ask(lima(11, 10), "cancel") is None
    assert day.step(lima(11, 20))["state"] == "cancelled"  # type: ignore[index]
    assert day.step(lima(16, 31))["state"] == "planned"  # type: ignore[index]


def test_it_stands_in_no_other_blasts_way() -> None:
    day = Day()
    day.step(lima(11, 0))
    day.inside.count(lima(11, 0), "frente-2", 0, "ana")
    assert day.ask(lima(11, 5), "arm", "frente-2", guards=["luis"]) is None
    assert day.step(lima(11, 6))["zones"] == ["frente-2"]  # type: ignore[index]


def test_a_doubtful_clock_announces_nothing_and_names_no_time() -> None:
    day = Day()
    document = day.step(lima(11, 15, trusted=False))
    assert day.blast.state is None
    assert (document["state"], document["scheduled"]) == ("planned", None)  # type: ignore[index]


def test_local_times_and_midnight() -> None:
    schedule = BlastSchedule(site(blasts=[{"times": ["11:30", "00:10"], "zones": ["frente-1"]}]))
    for now, expected in (
        (lima(0, 10), lima(0, 10)), (lima(0, 11), lima(11, 30)), (lima(11, 30, second=59), lima(11, 30)),
        (lima(11, 31), lima(0, 10, day=24)), (lima(23, 59), lima(0, 10, day=24)),
    ):  # fmt: skip
        due = schedule.next(now.utc_us)
        assert due is not None
        assert due.at_utc_us == expected.utc_us
    assert BlastSchedule(site(blasts=[])).next(0) is None
