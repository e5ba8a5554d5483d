"""No fan is switched in methane, nor where nobody knows (interfaces, Commands, precedence 2)."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.quality import Quality
from tests.fixtures.fan_heading import CO, Heading
from tests.fixtures.small_mine import at

METHANE = 0.5


def test_measured_methane_starts_no_standing_fan_and_withdraws_people() -> None:
    heading = Heading()
    heading.air.set("ch4-1", METHANE)
    heading.fan_says(0, 0.0, running=False)
    assert heading.step(0, CO)["fan-1"] is None
    assert "frente-1" in heading.fans.withdraw(at(0))
    assert heading.document()["fans"]["fan-1"]["interlock"] == "measured"


def test_measured_methane_leaves_a_running_fan_running() -> None:
    heading = Heading()
    heading.fan_says(0, 60.0, running=True)
    heading.step(0)
    heading.air.set("ch4-1", 0.8)
    assert heading.step(1, CO)["fan-1"] is None, "neither raised nor stopped"


def test_a_methane_sensor_that_is_not_good_binds_the_machine_at_once() -> None:
    for quality in (Quality.UNCERTAIN, Quality.BAD, None):
        heading = Heading()
        if quality is None:
            heading.air.silence("ch4-1")
        else:
            heading.air.set("ch4-1", 0.0, quality)
        assert heading.step(0, CO)["fan-1"] is None
        assert heading.fans.withdraw(at(0)) == {}
        heading.step(119, CO)
        heading.step(120, CO)
        assert "frente-1" in heading.fans.withdraw(at(120)), "after 120 s the place is unsafe"


def test_silence_after_methane_is_still_methane() -> None:
    heading = Heading()
    heading.air.set("ch4-1", 0.6)
    heading.step(0)
    heading.air.silence("ch4-1")
    heading.step(1)
    heading.measures(2, ch4=0.1)
    heading.step(2)
    assert not heading.order(2, setpoint=60, minutes=10).ok
    heading.air.set("ch4-1", 0.1)
    heading.step(3)
    assert heading.order(3, setpoint=60, minutes=10).ok


def test_with_the_methane_sensor_dead_a_person_starts_the_fan_on_a_portable_reading() -> None:
    heading = Heading()
    heading.air.silence("ch4-1")
    heading.step(0, CO)
    refused = heading.order(1, setpoint=100, minutes=20)
    assert not refused.ok
    assert "portable" in (refused.error or "")
    heading.measures(2, ch4=0.2)
    heading.step(2, CO)
    assert heading.order(3, setpoint=100, minutes=60).ok
    assert heading.step(4, CO)["fan-1"] == 100.0
    assert heading.step(2 + 31 * 60, CO)["fan-1"] is None, "the reading has aged: hold what runs"


def test_measured_methane_binds_a_person_too_by_sensor_or_by_portable() -> None:
    by_sensor, by_portable = Heading(), Heading()
    by_sensor.air.set("ch4-1", METHANE)
    by_portable.air.silence("ch4-1")
    by_portable.measures(0, ch4=METHANE)
    for heading in (by_sensor, by_portable):
        heading.step(0)
        refused = heading.order(1, setpoint=100, minutes=5)
        assert "nobody switches" in (refused.error or "")
        assert "frente-1" in heading.fans.withdraw(at(1))


def test_methane_that_rises_under_a_persons_order_holds_the_fan() -> None:
    heading = Heading()
    heading.step(0)
    assert heading.order(0, setpoint=80, minutes=30).ok
    assert heading.step(1)["fan-1"] == 80.0
    heading.air.set("ch4-1", 0.7)
    assert heading.step(2)["fan-1"] is None


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.3, 0.5, 0.9, None]),
            st.sampled_from([Quality.GOOD, Quality.UNCERTAIN, Quality.BAD]),
            st.booleans(),
            st.sampled_from(["none", "order", "evacuate"]),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_no_fan_is_ever_switched_automatically_in_methane(
    course: list[tuple[float | None, int, bool, str]],
) -> None:
    heading = Heading()
    over = False
    for second, (methane, quality, gas, what) in enumerate(course):
        if methane is None:
            heading.air.silence("ch4-1")
        else:
            heading.air.set("ch4-1", methane, quality)
        usable = methane is not None and quality != Quality.BAD
        over = (over or (usable and methane >= 0.5)) and not (usable and quality == Quality.GOOD and methane < 0.5)
        if what == "order":
            heading.order(second, setpoint=100, minutes=1)
        wanted = heading.step(second, *([CO] if gas else []), evacuated=("frente-1",) if what == "evacuate" else ())
        good = methane is not None and quality == Quality.GOOD and methane < 0.5
        assert good or wanted["fan-1"] is None
        assert not over or wanted["fan-1"] is None
