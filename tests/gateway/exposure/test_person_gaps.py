"""What a person's gaps are best filled with: the place's last seven shifts, or its last valid level (reference 4.9)."""

import msgspec
import pytest

from gateway.exposure.person_dose import Taken
from gateway.exposure.persons import Persons
from tests.gateway.exposure.test_persons import ASKED, FULL, PLACES, T0, Mine

H = 3600.0


class Known(Mine):
    """A mine whose places have a history. typical: by sensor."""

    def __init__(self, typical: dict[int, float]) -> None:
        self.typical = typical
        super().__init__()

    def new(self) -> Persons:
        return Persons(
            {"co": ASKED}, PLACES, self.streaming.present, lambda _i: (FULL, 1.0), lambda _zone: False,
            self.typical.get,
        )  # fmt: skip

    def value(self, seconds: float) -> float | None:
        return self.judge(seconds)[0].figure.value


def test_a_gap_is_filled_with_the_95th_percentile_where_that_is_higher_than_the_last_valid_level() -> None:
    mine = Known({0: 15.7, 1: 12.0})
    mine.steady(0, 3600, 0, 10.0)
    mine.move(0, "a")
    mine.steady(3600, 7200, 0, 10.0)
    held_s = 20.0  # the last sample of 7190 s stands for 30 s
    expected = (10.0 * (7200 + held_s) + 15.7 * (3600 - held_s)) / (8 * H)
    assert mine.value(3 * H) == pytest.approx(expected)
    figure = mine.judge(3 * H)[0].figure
    assert figure.low == pytest.approx(10.0 * (7200 + held_s) / (8 * H)), "gaps are 0 in `low`"
    assert figure.high == pytest.approx((10.0 * (7200 + held_s) + FULL * (3600 - held_s)) / (8 * H)), "full scale"


def test_the_last_valid_level_counts_where_it_is_higher() -> None:
    mine = Known({0: 15.7})
    mine.move(0, "a")
    mine.steady(0, 3600, 0, 40.0)
    assert mine.value(2 * H) == pytest.approx(40.0 * 2 * H / (8 * H))


def test_each_gap_is_filled_by_its_own_place_in_its_own_time() -> None:
    """Half an hour blind in dirty air stays that, also after an hour in clean air; the next place has its own past."""
    mine = Known({2: 4.0})
    mine.move(0, "a")
    mine.steady(0, 1800, 0, 60.0)
    mine.move(3600, "b")
    mine.steady(3600, 7200, 2, 1.0)
    blind_s, after_s = 1800 - 20.0, H - 20.0
    expected = (60.0 * (1800 + 20) + 60.0 * blind_s + 1.0 * (3600 + 20) + 4.0 * after_s) / (8 * H)
    assert mine.value(3 * H) == pytest.approx(expected)


def test_a_place_that_nobody_knows_takes_the_persons_own_last_level() -> None:
    mine = Known({})
    mine.move(0, "a")
    mine.steady(0, 1800, 0, 8.0)
    mine.move(1800, "nowhere")
    assert mine.value(3600) == pytest.approx(8.0 * H / (8 * H))
    empty = Known({})
    empty.move(0, "nowhere")
    assert empty.value(600) is None, "no valid level, no shifts before: no estimate"


def test_a_place_that_never_measured_today_is_filled_with_its_past() -> None:
    mine = Known({2: 9.0})
    mine.move(0, "b")
    assert mine.value(H) == pytest.approx(9.0 * H / (8 * H))


def test_what_a_place_is_like_changes_only_between_shifts_and_survives_a_restart() -> None:
    mine = Known({2: 9.0})
    mine.move(0, "b")
    mine.persons.advance(T0 + 600_000_000)
    mine.restart()
    mine.typical[2] = 20.0
    assert mine.value(H) == pytest.approx(9.0 * H / (8 * H))
    mine.persons.start_shift(T0 + round(H * 1e6), 0)
    assert mine.value(2 * H) == pytest.approx(20.0 * H / (8 * H))


def test_sums_of_a_former_version_take_the_persons_last_level() -> None:
    taken = Taken(last_valid=10.0)
    row = msgspec.msgpack.decode(msgspec.msgpack.encode(taken.dump([0] * 10, 10.0)))
    row["shift"] = ["0", "0", "0", "0", "0", str(3_600_000_000), "0", str(3_600_000_000)]
    channel = Taken.load(row, ()).channel(Taken.load(row, ()).shift)
    assert (channel.gap_level, channel.full_scale) == (10.0, None)
