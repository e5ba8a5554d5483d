"""The intake guard: more air is not always better air (limits reference 7.1, 6)."""

from alerts.model import Priority
from gateway.domain.quality import Quality
from tests.fixtures.fan_heading import CO, Heading
from tests.fixtures.small_mine import alarm


def test_gas_at_the_intake_holds_a_blowing_fan_and_says_so() -> None:
    heading = Heading()
    heading.air.set("co-1", 31.0)
    heading.air.set("co-0", 60.0)
    assert heading.step(0, CO, alarm("co-0.level", "bocamina"))["fan-1"] is None
    found = heading.found("co-0", "intake_contaminated")
    assert (found.beyond, found.priority, found.zone, found.value) == (True, Priority.HIGH, "bocamina", 60.0)


def test_an_intake_below_warning_but_above_the_heading_holds_it_too() -> None:
    heading = Heading()
    heading.air.set("co-1", 20.0)
    heading.air.set("co-0", 22.0)
    assert heading.step(0, CO)["fan-1"] is None
    heading.air.set("co-1", 40.0)
    assert heading.step(1, CO)["fan-1"] == 100.0


def test_another_gas_in_the_heading_is_not_held_by_a_trace_of_co_at_the_intake() -> None:
    heading = Heading()
    heading.air.set("co-0", 2.0)
    assert heading.step(0, alarm("no2-1.level", "frente-1"))["fan-1"] == 100.0


def test_a_silent_guard_does_not_hold_the_fan_and_the_screen_says_that_nobody_watches() -> None:
    for quality in (None, Quality.BAD, Quality.UNCERTAIN):
        heading = Heading()
        heading.air.silence("co-0") if quality is None else heading.air.set("co-0", 0.0, quality)
        heading.air.set("co-1", 31.0)
        assert heading.step(0, CO)["fan-1"] == 100.0
        fan = heading.document()["fans"]["fan-1"]
        assert fan["intake"] == "not_watched"
        assert "entrada de aire sin vigilancia" in fan["reason"]


def test_a_fan_without_any_guard_is_raised_as_if_it_were_good() -> None:
    heading = Heading(drop=("co-0",))
    assert heading.step(0, CO)["fan-1"] == 100.0
    assert heading.document()["fans"]["fan-1"]["intake"] == "not_watched"


def test_a_silent_guard_does_not_take_back_what_it_measured() -> None:
    heading = Heading()
    heading.air.set("co-0", 60.0)
    heading.step(0, CO)
    heading.air.silence("co-0")
    heading.step(1)
    assert heading.found("co-0", "intake_contaminated").beyond is None
    heading.air.set("co-0", 0.0)
    heading.step(2)
    assert heading.found("co-0", "intake_contaminated").beyond is False


def test_an_exhausting_fan_has_no_intake_to_guard() -> None:
    heading = Heading()
    heading.air.set("co-0", 60.0)
    assert heading.step(0, alarm("co-2.level", "frente-2"))["fan-2"] == 100.0
