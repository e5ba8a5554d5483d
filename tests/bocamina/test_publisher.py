"""At most one document a second and sensor, at once when it matters, and nobody is forgotten."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from bocamina.publisher import Publisher
from gateway.domain.moment import SECOND_US

NOW = 1_795_000_000 * SECOND_US


SENSORS = st.sets(st.integers(0, 5))


def drain(publisher: Publisher, now_us: int) -> list[int]:
    found = []
    while (sensor := publisher.take(now_us)) is not None:
        found.append(sensor)
    return found


def test_a_sensor_that_changes_all_the_time_is_told_once_a_second_with_its_newest() -> None:
    publisher = Publisher(1)
    told = []
    for tenth in range(40):
        now = NOW + tenth * SECOND_US // 10
        publisher.changed([0], [])
        told += [now] * len(drain(publisher, now))
    assert [b - a for a, b in pairwise(told)] == [SECOND_US] * 3


def test_a_change_of_verdict_goes_out_at_once_and_before_the_others() -> None:
    publisher = Publisher(3)
    publisher.changed([0, 1, 2], [])
    assert drain(publisher, NOW) == [0, 1, 2]
    publisher.changed([0, 1, 2], [])
    assert drain(publisher, NOW + 1) == []
    publisher.changed([2], [2])
    assert drain(publisher, NOW + 2) == [2]
    assert sorted(drain(publisher, NOW + SECOND_US)) == [0, 1]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(SENSORS, SENSORS, st.integers(0, 400_000)), max_size=40))
def test_whatever_changed_is_told_within_a_second_and_never_more_often_unless_urgent(turns) -> None:
    publisher = Publisher(6)
    now, waiting, last = NOW, {}, {}
    for dirty, urgent, pause in turns:
        now += pause
        publisher.changed(dirty | urgent, urgent)
        for sensor in dirty | urgent:
            waiting.setdefault(sensor, now)
        for sensor in drain(publisher, now):
            assert sensor in urgent or now - last.get(sensor, 0) >= SECOND_US
            last[sensor] = now
            del waiting[sensor]
        assert not urgent & set(waiting)
        assert all(now - since < SECOND_US for since in waiting.values()), "a change waited longer than a second"
