"""A blast that nobody declared: CO together with NO2 or saturated dust, and nothing armed (limits reference 7.2.1)."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from alerts.model import Finding, Priority
from gateway.domain.figures import Figures
from gateway.domain.quality import Quality, Reason
from tests.fixtures.blast_heading import Heading
from tests.fixtures.small_mine import Air, at, counted_empty, site


def undeclared(heading: Heading, zone: str = "frente-1") -> Finding | None:
    return next((f for f in heading.blast.findings() if (f.subject, f.condition) == (zone, "blast_unscheduled")), None)


def quiet(heading: Heading, start: int = 0, stop: int = 60) -> int:
    for second in range(start, stop):
        heading.step(second)
    return stop


def burst(heading: Heading, start: int, co: float = 60.0, no2: float = 1.5) -> int:
    heading.air.set("co-1", co)
    heading.air.set("no2-1", no2)
    return quiet(heading, start, start + 3)


def test_co_and_no2_together_are_an_undeclared_blast_in_their_second() -> None:
    heading = Heading()
    burst(heading, quiet(heading))
    found = undeclared(heading)
    assert found is not None
    assert (found.beyond, found.priority, found.zone, found.latch) == (True, Priority.HIGH, "frente-1", True)
    assert (found.value, found.limit, found.unit) == (60.0, 50.0, "ppm")
    assert found.reason == "co-1 rose together with no2-1, nothing was armed"
    assert "within 2 min" in (found.source or "")


@pytest.mark.parametrize(("co", "no2"), [(60.0, 0.9), (49.0, 5.0), (300.0, 0.0), (0.0, 9.0)])
def test_one_of_them_alone_is_none(co: float, no2: float) -> None:
    heading = Heading()
    burst(heading, quiet(heading), co, no2)
    assert undeclared(heading) is None


@pytest.mark.parametrize(("apart_s", "expected"), [(100, True), (140, False)])
def test_within_two_minutes_and_no_later(apart_s: int, expected: bool) -> None:
    heading = Heading()
    quiet(heading)
    heading.air.set("co-1", 80.0)
    quiet(heading, 60, 61)
    heading.air.set("co-1", 0.0)  # a puff that passes
    quiet(heading, 61, 60 + apart_s)
    heading.air.set("no2-1", 2.0)
    heading.step(60 + apart_s)
    assert (undeclared(heading) is not None) is expected


def test_a_slow_rise_is_an_engine_and_no_blast() -> None:
    heading = Heading()
    for second in range(0, 1200, 2):
        heading.air.set("co-1", second / 4)
        heading.air.set("no2-1", second / 300)
        heading.step(second)
    assert undeclared(heading) is None


@pytest.mark.parametrize(("reason", "expected"), [(Reason.OVER_RANGE, True), (Reason.NONE, False)])
def test_dust_counts_when_it_saturates(reason: int, expected: bool) -> None:
    dust = {"id": "pm-1", "zone": "frente-1", "quantity": "pm10", "source": "nodes", "channel": "n/pm-1"}
    heading = Heading(sensors=[s.model_dump() for s in site(drop=("no2-1",)).sensors] + [dust])
    quiet(heading)
    heading.air.set("co-1", 90.0)
    heading.air.set("pm-1", 1000.0, Quality.UNCERTAIN)
    give_reason(heading, "pm-1", reason)
    quiet(heading, 60, 62)
    assert (undeclared(heading) is not None) is expected


def give_reason(heading: Heading, sensor: str, reason: int) -> None:
    """Let the newest reading of a sensor carry this reason."""
    plain: Callable[[int], Figures] = Air.__call__.__get__(heading.air)
    index = [s.id for s in heading.site.sensors].index(sensor)

    class Reasoned(Air):
        def __call__(self, i: int) -> Figures:
            return plain(i)._replace(reason=reason) if i == index else plain(i)

    reasoned: Any = Reasoned(heading.site)
    reasoned.__dict__ = heading.air.__dict__
    heading.air = reasoned


def test_a_cell_that_warms_up_is_no_witness() -> None:
    heading = Heading()
    quiet(heading)
    give_reason(heading, "no2-1", Reason.WARMING_UP)
    burst(heading, 60)
    assert undeclared(heading) is None


def test_it_stands_until_good_air_says_otherwise_and_silence_says_nothing() -> None:
    heading = Heading()
    now = burst(heading, quiet(heading))
    for what in ("silent", "uncertain"):
        if what == "silent":
            heading.air.silence("co-1")
        else:
            heading.air.set("co-1", 0.0, Quality.UNCERTAIN)
        now = quiet(heading, now, now + 300)
        assert undeclared(heading).beyond is True  # type: ignore[union-attr]
    heading.air.set("co-1", 40.0)
    heading.step(now)
    assert undeclared(heading).beyond is False  # type: ignore[union-attr]
    heading.step(now + 1)
    assert undeclared(heading) is None, "said once, and over"


def test_what_a_dead_sensor_cannot_end_people_do_who_measured_and_signed() -> None:
    heading = Heading()
    now = burst(heading, quiet(heading))
    heading.air.silence("co-1")
    heading.air.moment = at(now)
    heading.blast.step(at(now), [], heading.air, heading.inside, lambda zone: zone == "frente-1")
    assert undeclared(heading).beyond is False  # type: ignore[union-attr]


def test_its_fumes_elsewhere_are_gas_and_no_second_blast() -> None:
    more = [{"id": "no2-2", "zone": "frente-2", "quantity": "no2", "source": "nodes", "channel": "n/no2-2"}]
    heading = Heading(sensors=[s.model_dump() for s in site().sensors] + more)
    now = burst(heading, quiet(heading))
    heading.air.set("co-2", 90.0)
    heading.air.set("no2-2", 3.0)
    now = quiet(heading, now, now + 10)
    assert undeclared(heading, "frente-2") is None
    heading.air.set("co-2", 0.0)
    heading.air.set("no2-2", 0.0)
    heading.run(now, now + 1800)
    heading.air.set("co-2", 90.0)
    heading.air.set("no2-2", 3.0)
    quiet(heading, now + 1800, now + 1803)
    assert undeclared(heading, "frente-2") is not None, "after half an hour it is another one"


def test_an_armed_blast_is_fired_by_its_own_fumes_before_any_alarm() -> None:
    heading = Heading()
    now = quiet(heading)
    counted_empty(heading.inside, at(now), "frente-1")
    assert heading.do(now, "arm").ok
    burst(heading, now)
    assert undeclared(heading) is None
    assert heading.blast.state in ("fired", "fumes")
    assert heading.blast.document(at(now + 3), heading.inside)["detected"] is True  # type: ignore[index]


def test_a_planned_blast_is_not_armed_and_excuses_nothing() -> None:
    heading = Heading()
    now = quiet(heading)
    assert heading.do(now, "plan").ok
    assert heading.do(now, "clear").ok
    burst(heading, now)
    assert undeclared(heading) is not None
    assert heading.blast.state == "clearing"
    assert not heading.suppressing(now + 3)


def test_looking_twice_in_a_second_changes_nothing_and_a_restart_neither() -> None:
    heading, again = Heading(), Heading()
    quiet(heading)
    again.blast.load(msgspec.msgpack.decode(msgspec.msgpack.encode(heading.blast.dump())))
    for each in (heading, again):
        each.air.set("co-1", 60.0)
        each.air.set("no2-1", 1.5)
        for seconds in (60.0, 60.0001, 60.2, 61.0):
            each.step(seconds)
    assert undeclared(heading) == undeclared(again) is not None
    third = Heading()
    third.blast.load(msgspec.msgpack.decode(msgspec.msgpack.encode(again.blast.dump())))
    third.air.set("co-1", 60.0)
    third.step(62)
    assert undeclared(third) == undeclared(again)
