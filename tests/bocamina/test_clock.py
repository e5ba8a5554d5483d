"""The gateway's clocks: engine time follows the monotonic clock alone; a wrong wall clock is doubted and put right."""

import time

import pytest

from bocamina.clock import NOT_BEFORE_US, EngineClock
from gateway.domain.moment import SECOND_US
from gateway.stores.redating import DOUBTED, TRUSTED

TODAY_US = NOT_BEFORE_US + 300 * 86_400 * SECOND_US
YEAR_US = 365 * 86_400 * SECOND_US


class Says:
    """A computer in the test's hand."""

    def __init__(self, boot: str = "boot-1", network: bool = False, keeps: bool = True) -> None:
        self.boot, self.network, self.keeps = boot, network, keeps

    def synchronised(self) -> bool:
        return self.network

    def kept(self, _utc_us: int) -> bool:
        return self.keeps


@pytest.fixture
def clocks(monkeypatch):
    """Both clocks of the computer in the test's hand, as dict of µs."""
    hand = {"wall": TODAY_US, "mono": 5_000_000_000}
    monkeypatch.setattr(time, "time_ns", lambda: hand["wall"] * 1000)
    monkeypatch.setattr(time, "monotonic_ns", lambda: hand["mono"] * 1000)
    return hand


def passes(clocks, seconds: float) -> None:
    clocks["wall"] += round(seconds * SECOND_US)
    clocks["mono"] += round(seconds * SECOND_US)


def begun(last_now_us: int = 0, last_utc_us: int = 0, past=(), says: Says | None = None) -> EngineClock:
    return EngineClock(last_now_us, last_utc_us, past, says or Says())


@pytest.mark.parametrize("jump_s", [-40_000_000, -3600, -1, 1, 3600, 900_000_000])
def test_a_wall_clock_that_jumps_does_not_move_engine_time(clocks, jump_s) -> None:
    clock = begun()
    before = clock.moment()
    clocks["mono"] += 2 * SECOND_US
    clocks["wall"] += jump_s * SECOND_US
    after = clock.moment()
    assert after.now_us - before.now_us == 2 * SECOND_US
    assert after.utc_us - before.utc_us == jump_s * SECOND_US, "labels for people follow the wall clock"


def test_engine_time_goes_on_where_the_journal_ended_also_when_the_computer_boots_in_1970(clocks) -> None:
    clocks["wall"] = 12 * SECOND_US
    clock = begun(TODAY_US + 77, TODAY_US)
    first = clock.moment()
    assert first.now_us == TODAY_US + 78
    assert not first.trusted
    clocks["mono"] += SECOND_US
    assert clock.moment().now_us == first.now_us + SECOND_US


def test_a_clock_behind_the_journal_is_trusted_when_it_is_set_and_not_because_time_passes(clocks) -> None:
    clocks["wall"] = TODAY_US - 60 * SECOND_US
    clock = begun(TODAY_US, TODAY_US)
    first = clock.moment()
    assert not first.trusted
    passes(clocks, 3600)
    assert not clock.moment().trusted, "it caught up with the journal, and nobody knows how long the power was off"
    clocks["wall"] += 7200 * SECOND_US
    now = clock.moment()
    assert now.trusted
    doubted, trusted = clock.news()
    assert (doubted["what"], doubted["why"]) == (DOUBTED, "it is behind the journal")
    assert (trusted["what"], trusted["why"]) == (TRUSTED, "it was set")
    assert trusted["redated"] == [[first.now_us, now.now_us, 7200 * SECOND_US]]
    assert clock.news() == []


def test_a_clock_a_little_behind_the_journal_was_slewed(clocks) -> None:
    clocks["wall"] = TODAY_US - 2 * SECOND_US
    assert begun(TODAY_US, TODAY_US).moment().trusted


def test_a_board_without_a_battery_is_doubted_although_its_clock_goes_on_from_its_last_word(clocks) -> None:
    """fake-hwclock, systemd-timesyncd: the time of the last shutdown, be it an hour or a month ago (lessons I29)."""
    clocks["wall"] = TODAY_US + 20 * SECOND_US
    says = Says(keeps=False)
    clock = begun(TODAY_US, TODAY_US, says=says)
    first = clock.moment()
    assert not first.trusted
    passes(clocks, 100)
    says.network = True
    clocks["wall"] += 3 * 86_400 * SECOND_US
    now = clock.moment()
    assert now.trusted
    assert clock.news()[-1]["redated"] == [[first.now_us, now.now_us, 3 * 86_400 * SECOND_US]]


def test_when_the_network_confirms_a_doubted_clock_its_labels_stand(clocks) -> None:
    says = Says(keeps=False)
    clock = begun(says=says)
    first = clock.moment()
    says.network = True
    passes(clocks, 2)
    now = clock.moment()
    assert now.trusted
    assert clock.news()[-1]["redated"] == [[first.now_us, now.now_us, 0]]


def test_ten_years_ahead_and_back_are_doubted_and_put_right(clocks) -> None:
    clock = begun(TODAY_US, TODAY_US)
    assert clock.moment().trusted
    for jump in (10 * YEAR_US, -10 * YEAR_US):
        passes(clocks, 10)
        clocks["wall"] += jump
        wrong = clock.moment()
        assert not wrong.trusted
        passes(clocks, 10)
        clocks["wall"] -= jump + SECOND_US  # nobody sets it back to the very second
        right = clock.moment()
        assert right.trusted
        assert right.now_us - wrong.now_us == 10 * SECOND_US
        assert clock.news()[-1]["redated"] == [[wrong.now_us, right.now_us, -jump - SECOND_US]]


def test_a_doubted_clock_that_is_set_wrong_again_is_put_right_piece_by_piece(clocks) -> None:
    clock = begun(TODAY_US, TODAY_US)
    clock.moment()
    at = []
    for jump in (10 * YEAR_US, -5 * YEAR_US, -5 * YEAR_US):
        passes(clocks, 10)
        clocks["wall"] += jump
        at.append(clock.moment())
    assert [moment.trusted for moment in at] == [False, False, True]
    assert clock.news()[-1]["redated"] == [
        [at[0].now_us, at[1].now_us, -10 * YEAR_US], [at[1].now_us, at[2].now_us, -5 * YEAR_US],
    ]  # fmt: skip


def test_an_hour_set_by_a_person_is_believed(clocks) -> None:
    clock = begun(TODAY_US, TODAY_US)
    clock.news()
    for hours in (1, -2):
        clocks["wall"] += hours * 3600 * SECOND_US
        assert clock.moment().trusted
    assert clock.news() == []


def test_the_gateway_restarts_in_the_middle_of_a_doubt(clocks) -> None:
    clocks["wall"] = TODAY_US - YEAR_US
    first = begun(TODAY_US, TODAY_US)
    was = first.moment()
    past = first.news()
    passes(clocks, 50)
    second = begun(was.now_us + 40 * SECOND_US, was.utc_us + 40 * SECOND_US, past)
    assert not second.moment().trusted, "the wrong labels of before are no reason to believe the clock"
    assert second.news() == [], "the doubt is on record already"
    passes(clocks, 10)
    clocks["wall"] += YEAR_US + 3600 * SECOND_US
    now = second.moment()
    assert now.trusted
    (trusted,) = second.news()
    assert trusted["redated"] == [[was.now_us, now.now_us, YEAR_US + 3600 * SECOND_US]]
    third = begun(now.now_us, now.utc_us, [*past, trusted], Says(keeps=False))
    assert third.moment().trusted, "in this boot it was set, and it goes on"
    assert third.news() == []


def test_what_was_labelled_in_a_boot_whose_clock_was_never_set_stays_in_doubt(clocks) -> None:
    clocks["wall"] = TODAY_US - YEAR_US
    first = begun(TODAY_US, TODAY_US)
    was = first.moment()
    clocks.update(wall=TODAY_US + SECOND_US, mono=0)
    second = begun(was.now_us, was.utc_us, first.news(), Says("boot-2"))
    assert second.moment().trusted
    (trusted,) = second.news()
    assert trusted["redated"] == []


def test_no_clock_is_right_before_this_software_was_written(clocks) -> None:
    clocks["wall"] = NOT_BEFORE_US - 1
    assert not begun().moment().trusted


def test_engine_time_never_goes_back_even_if_the_monotonic_clock_did(clocks) -> None:
    clock = begun()
    first = clock.moment()
    clocks["mono"] -= SECOND_US
    assert clock.moment().now_us == first.now_us
