"""The key of a reading: (series, tags, time_ns). Two readings never share one, a retry always has the same."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.events import Pack, Sample
from gateway.domain.moment import NO_TIME, Moment
from gateway.stores.journal import SensorRecord
from gateway.stores.packing import Outcome, Step, unpack_outcomes
from gateway.stores.redating import Redating
from gateway.stores.rows import StoredRow, steps_row
from gateway.uplink.points import of_readings

CO = [SensorRecord("co-1", "co", "face", "ppm")]
T = 1_795_000_000_000_000


def row(n: int, outcomes: list[Outcome], *packs: Pack) -> StoredRow:
    return StoredRow(n, *steps_row("h", [Step(Moment(T + n, T + n), packs, outcomes)]))


def reading(time_us: int = T, value: float = 1.0, seq: int = 0) -> Outcome:
    return Outcome(0, 0, 0, 0, time_us, value, value, seq)


def keys(of: StoredRow) -> list[int]:
    return [point.time_ns for point in of_readings("m", CO, of, unpack_outcomes(of.body), Redating())]


def test_one_time_in_two_rows_is_two_points() -> None:
    rows = [row(n, [reading(value=value)]) for n, value in ((8, 1.0), (9, 900.0))]
    assert [keys(one) for one in rows] == [[T * 1000 + 248], [T * 1000 + 279]]
    assert [keys(one) for one in rows] == [keys(one) for one in rows], "the same on every try"


@settings(max_examples=50, deadline=None)
@given(first=st.integers(1, 10**9), counts=st.lists(st.integers(1, 31), min_size=1, max_size=32))
def test_readings_of_one_time_without_a_sequence_are_kept_apart_over_rows(first: int, counts: list[int]) -> None:
    found = [keys(row(first + i, [reading()] * size)) for i, size in enumerate(counts)]
    flat = [key for of_row in found for key in of_row]
    assert len(set(flat)) == len(flat)
    assert {key // 1000 for key in flat} == {T}, "the microsecond is the record's"


def test_one_a_row_is_kept_apart_over_a_thousand_rows() -> None:
    found = [keys(row(n, [reading()]))[0] for n in range(1, 1001)]
    assert len(set(found)) == 1000
    assert found[:32] == sorted(found[:32]), "and mostly in the order of record"


def test_more_of_one_time_in_a_row_than_there_are_digits_are_all_carried() -> None:
    found = keys(row(5, [reading()] * 1200))
    assert len(set(found)) == 1200


def test_a_sequence_is_what_stands_in_the_last_three_digits_a_thousandth_pack_too() -> None:
    def pack(seq: int | None) -> Pack:
        return Pack("nodes", "node7", (Sample(0, 1.0, T),), 1, seq)

    assert keys(row(5, [reading(seq=42), reading(seq=42)], pack(42))) == [T * 1000 + 42, T * 1000 + 43]
    assert keys(row(5, [reading()], pack(2000))) == [T * 1000]
    assert keys(row(5, [reading()], pack(None))) == [T * 1000 + 155]


def test_without_a_place_in_time_it_is_kept_apart_too() -> None:
    outcomes = [reading(NO_TIME), reading(NO_TIME, 2.0)]
    assert keys(row(1, outcomes)) == [(T + 1) * 1000 + 31, (T + 1) * 1000 + 32]
