"""A cell that was over range is doubtful until its zero and its response are seen again (limits reference 6.5)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.events import Delivery
from gateway.domain.quality import Quality, Reason
from tests.fixtures.cells import GOOD, OVER, SUSPECT, Cells, site

CO = "co-frente-1"


@pytest.fixture
def cells() -> Cells:
    """A CO cell (0–1000 ppm, steps of 1), seen good and then over range."""
    one = Cells(site(CO, "no2-frente-1", "co2-frente-1", "o2-frente-1", "pm10-frente-1", "ch4-frente-1"))
    assert one.says(CO, 5.0) == GOOD
    assert one.says(CO, 980.0) == OVER
    return one


def test_afterwards_it_is_uncertain_for_as_long_as_nobody_knows(cells: Cells) -> None:
    for value in (979.0, 400.0, 4.0, 0.0, 0.0):
        assert cells.says(CO, value, 3600) == SUSPECT


def test_zero_and_then_a_bump_test_give_the_trust_back(cells: Cells) -> None:
    assert cells.says(CO, 3.0) == SUSPECT  # within three steps
    cells.test(CO)
    assert cells.says(CO, 7.0) == GOOD


def test_a_bump_test_alone_does_not_before_it_is_back_at_its_zero(cells: Cells) -> None:
    cells.says(CO, 4.0)
    cells.test(CO)
    assert cells.says(CO, 4.0) == SUSPECT
    assert cells.says(CO, -3.0) == GOOD
    assert cells.says(CO, 300.0) == GOOD


def test_its_own_zero_is_the_calibrated_one() -> None:
    one = Cells(site(CO, co_frente_1={"calibration": {"zero": 20.0}}))
    one.says(CO, 1005.0)
    one.test(CO)
    assert one.says(CO, 0.0) == ("bad", "under_range")
    assert one.says(CO, 16.0) == SUSPECT
    assert one.says(CO, 22.0) == GOOD


def test_over_range_again_begins_anew(cells: Cells) -> None:
    cells.says(CO, 0.0)
    cells.says(CO, 1000.0)
    cells.test(CO)  # with the gas still on
    assert cells.says(CO, 40.0) == SUSPECT
    cells.says(CO, 999.0)  # what the test had shown counts no more
    assert cells.says(CO, 0.0) == SUSPECT
    cells.test(CO)
    assert cells.says(CO, 0.0) == GOOD


def test_a_zero_that_is_no_good_reading_is_no_zero(cells: Cells) -> None:
    cells.test(CO)
    cells.says(CO, 0.0, quality=Quality.UNCERTAIN, reason=Reason.CLOCK)
    cells.says(CO, 0.0, quality=Quality.BAD, reason=Reason.FAULT)
    cells.says(CO, 0.0, delivery=Delivery.BACKLOG)
    assert cells.says(CO, 9.0) == SUSPECT


def test_which_channels_are_cells() -> None:
    one = Cells(site("co2-nivel-1", "o2-nivel-1", "pm10-nivel-1", "hg-nivel-1", "no-nivel-1",
                     "ch4-nivel-1", "h2-nivel-1", "no2-nivel-1", "hcn-nivel-1"))  # fmt: skip
    remembered = set()
    for name in one.index:
        assert one.says(name, 1e6) == OVER
        remembered |= {name} if one.says(name, 1.0) == SUSPECT else set()
    assert remembered == {"ch4-nivel-1", "h2-nivel-1", "no-nivel-1", "no2-nivel-1", "hcn-nivel-1"}


def test_a_cold_cell_at_the_end_of_its_range_was_not_over_it() -> None:
    one = Cells(site(CO, co_frente_1={"warm_up_s": 60}))
    assert one.says(CO, 1000.0) == ("uncertain", "warming_up")
    assert one.says(CO, 2.0, 61) == GOOD
    assert one.conditioner.minutes_over_range(0) == 0.0


def test_a_driver_may_say_it_and_history_may_not(cells: Cells) -> None:
    one = Cells(site(CO))
    one.says(CO, 1000.0, delivery=Delivery.BACKLOG)
    assert one.says(CO, 2.0) == GOOD
    one.says(CO, 500.0, quality=Quality.UNCERTAIN, reason=Reason.OVER_RANGE)
    assert one.says(CO, 2.0) == SUSPECT


def test_a_failed_test_is_doubt_of_its_own_and_only_a_passed_one_ends_it() -> None:
    one = Cells(site(CO, "o2-nivel-1"))
    for name in one.index:
        assert one.says(name, 2.0) == GOOD
        one.test(name, passed=False)
        assert one.says(name, 2.0) == SUSPECT
    one.blast({CO: 300.0})
    assert one.says(CO, 2.0) == SUSPECT
    for name in one.index:
        one.test(name)
        assert one.says(name, 2.0) == GOOD


def test_minutes_over_range_add_up_and_silence_adds_at_most_its_own_time(cells: Cells) -> None:
    minutes = lambda: cells.conditioner.minutes_over_range(0)  # noqa: E731
    for _ in range(60):
        cells.says(CO, 1000.0, 1)
    assert minutes() == pytest.approx(1.0)
    cells.says(CO, 2.0, 1)
    cells.says(CO, 2.0, 3600)
    assert minutes() == pytest.approx(61 / 60)
    cells.says(CO, 1000.0)
    cells.says(CO, 1000.0, 7200)  # lost for two hours: it says nothing of them
    assert minutes() == pytest.approx(91 / 60)
    assert cells.restart().conditioner.minutes_over_range(0) == minutes()


def test_a_restart_forgets_no_doubt_and_an_edited_site_file_only_what_it_cannot_hold(cells: Cells) -> None:
    cells.says(CO, 0.0)
    assert cells.restart().says(CO, 5.0) == SUSPECT
    moved = cells.restart(site("no2-frente-1", "h2s-lejos", CO))
    assert moved.says(CO, 5.0) == SUSPECT
    assert moved.says("no2-frente-1", 0.1) == GOOD
    moved.test(CO)
    assert moved.says(CO, 5.0) == GOOD  # its zero was seen before the restart
    now_oxygen = Cells(site(CO))
    now_oxygen.conditioner.load(cells.conditioner.dump())
    assert now_oxygen.restart(site("o2-frente-1")).says("o2-frente-1", 20.9) == GOOD


def test_a_snapshot_of_the_first_versions_loads() -> None:
    one = Cells(site(CO))
    state = one.conditioner.dump()
    for key in ("cross_gas", "calibration", "doubt", "bump"):
        del state[key]
    one.conditioner.load(state)
    assert one.says(CO, 5.0) == GOOD


NAMES = ("co-frente-1", "no2-frente-1", "h2s-frente-1", "o2-nivel-1", "no2-nivel-1")
MINE = site(*NAMES, co_frente_1={"calibration": {"date": "2026-08-01"}}, no2_nivel_1={"warm_up_s": 30})
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(NAMES), st.sampled_from([-5.0, -0.5, 0.0, 1.0, 3.0, 12.0, 300.0, 990.0, 5000.0]),
            st.sampled_from([0.1, 1.0, 40.0, 1300.0]), st.sampled_from(list(Delivery)),
            st.sampled_from([(Quality.GOOD, Reason.NONE)] * 4 + [(Quality.UNCERTAIN, Reason.OVER_RANGE),
                                                                 (Quality.BAD, Reason.FAULT)]),
        ),
        st.tuples(st.sampled_from(["fire", "detect", "pass", "fail", "tick"]), st.sampled_from(NAMES)),
    ),
    max_size=50,
)  # fmt: skip


def play(cells: Cells, step: tuple) -> tuple[str, str | None] | None:
    match step:
        case ("fire" | "detect" as how, _):
            cells.fire(detected=how == "detect")
        case ("pass" | "fail" as how, name):
            cells.test(name, passed=how == "pass")
        case ("tick", _):
            cells.tick(1.0)
        case (name, value, after, delivery, (quality, reason)):
            return cells.says(name, value, after, delivery=delivery, quality=quality, reason=reason)
    return None


@settings(max_examples=80, deadline=None)
@given(steps=STEPS, cut=st.integers(0, 50))
def test_nothing_makes_a_sample_better_than_it_came_and_a_restart_changes_nothing(steps, cut) -> None:
    one, two, simple = Cells(MINE), Cells(MINE), Cells(MINE)
    order = ["good", "uncertain", "bad", "late"]
    for number, step in enumerate(steps):
        if number == cut:
            two = one.restart()
        said, again = play(one, step), play(two, step)
        assert said == again
        if said is None:
            continue
        assert order.index(said[0]) >= int(step[4][0])
        assert (said[0] == "good") == (said[1] is None)
        if step[3] != Delivery.LIVE:
            assert said[0] == "late"
        # whoever remembers nothing finds the sample at least as good
        simple.now = one.now - step[2]
        fresh = Cells(site(*NAMES, no2_nivel_1={"warm_up_s": 0}))
        fresh.now = simple.now
        assert order.index(play(fresh, step)[0]) <= order.index(said[0])


@settings(max_examples=40, deadline=None)
@given(steps=STEPS)
def test_history_moves_nothing(steps) -> None:
    one = Cells(MINE)
    for step in steps:
        if len(step) == 5 and step[3] != Delivery.LIVE:
            before = one.conditioner.dump()
            play(one, step)
            assert repr(one.conditioner.dump()) == repr(before)
        else:
            play(one, step)
