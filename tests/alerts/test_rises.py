"""A rise above the lowest of a sliding window, against looking at all of it."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.protocols.rises import BINS, Rise, Rises

WINDOW_US = 120_000_000
BIN_US = WINDOW_US // BINS


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 100)), max_size=60))
def test_the_lowest_of_the_window_to_the_width_of_a_bin(course: list[tuple[int, int]]) -> None:
    rises, seen, now_us = Rises(WINDOW_US), list[tuple[int, int]](), 0
    for wait_s, value in course:
        now_us += wait_s * 1_000_000
        seen.append((now_us, value))
        rise = rises.look(now_us, "co", value, 50)
        within = [v for at_us, v in seen if now_us - at_us <= WINDOW_US]
        surely = [v for at_us, v in seen if now_us - at_us <= WINDOW_US - BIN_US]
        assert value - min(surely) <= rise <= value - min(within)
        assert len(rises._lows["co"]) <= BINS + 1
        again = Rises(WINDOW_US)
        again.load(msgspec.msgpack.decode(msgspec.msgpack.encode(rises.dump())))
        assert again.dump() == rises.dump()


def test_a_rise_keeps_where_it_began_and_how_high_it_was() -> None:
    rises = Rises(WINDOW_US)
    for second, value in enumerate([3.0, 1.0, 40.0, 60.0, 90.0, 70.0]):
        rises.look(second * 1_000_000, "co", value, 50.0)
    assert rises.risen(5_000_000, "co") == Rise(5_000_000, 1.0, 90.0)
    assert rises.risen(5_000_000 + WINDOW_US + 1, "co") is None
    assert rises.risen(5_000_000 + WINDOW_US + 1, "co", 2 * WINDOW_US) is not None
    rises.forget(["co", "never seen"])
    assert rises.risen(5_000_000, "co") is None
