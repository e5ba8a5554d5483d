"""The gateway's clocks: engine time follows the monotonic clock alone, and a wrong wall clock is said to be wrong."""

import time

import pytest

from bocamina.clock import NOT_BEFORE_US, EngineClock
from gateway.domain.moment import SECOND_US

TODAY_US = NOT_BEFORE_US + 300 * 86_400 * SECOND_US


@pytest.fixture
def clocks(monkeypatch):
    """Both clocks of the computer in the test's hand, as dict of µs."""
    hand = {"wall": TODAY_US, "mono": 5_000_000_000}
    monkeypatch.setattr(time, "time_ns", lambda: hand["wall"] * 1000)
    monkeypatch.setattr(time, "monotonic_ns", lambda: hand["mono"] * 1000)
    return hand


@pytest.mark.parametrize("jump_s", [-40_000_000, -3600, -1, 1, 3600, 900_000_000])
def test_a_wall_clock_that_jumps_does_not_move_engine_time(clocks, jump_s) -> None:
    clock = EngineClock()
    before = clock.moment()
    clocks["mono"] += 2 * SECOND_US
    clocks["wall"] += jump_s * SECOND_US
    after = clock.moment()
    assert after.now_us - before.now_us == 2 * SECOND_US
    assert after.utc_us - before.utc_us == jump_s * SECOND_US, "labels for people follow the wall clock"


def test_engine_time_goes_on_where_the_journal_ended_also_when_the_computer_boots_in_1970(clocks) -> None:
    clocks["wall"] = 12 * SECOND_US
    clock = EngineClock(TODAY_US + 77, TODAY_US)
    first = clock.moment()
    assert first.now_us == TODAY_US + 78
    assert not first.trusted
    clocks["mono"] += SECOND_US
    assert clock.moment().now_us == first.now_us + SECOND_US


def test_a_clock_is_trusted_again_when_it_has_caught_up_with_the_journal(clocks) -> None:
    clock = EngineClock(TODAY_US, TODAY_US)
    clocks["wall"] = TODAY_US - 1
    assert not clock.moment().trusted
    clocks["wall"] = TODAY_US
    assert clock.moment().trusted


def test_no_clock_is_right_before_this_software_was_written(clocks) -> None:
    clocks["wall"] = NOT_BEFORE_US - 1
    assert not EngineClock().moment().trusted


def test_engine_time_never_goes_back_even_if_the_monotonic_clock_did(clocks) -> None:
    clock = EngineClock()
    first = clock.moment()
    clocks["mono"] -= SECOND_US
    assert clock.moment().now_us == first.now_us
