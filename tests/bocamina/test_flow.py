"""Connected is not flowing: silent sources are opened anew with growing pauses, and blind time is counted."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from bocamina.flow import LONGEST_PAUSE_US, FlowWatch, silence_s
from bocamina.site_file import parse_site
from gateway.domain.moment import NO_TIME, SECOND_US
from tests.end_to_end.mine import site_text

SITE = parse_site(site_text(1883, serial_port="/dev/ttyUSB0").encode())
NODE = [i for i, sensor in enumerate(SITE.sensors) if sensor.source == "nodes"]
START = 1_000 * SECOND_US


def heard(node: int = NO_TIME, line: int = NO_TIME) -> list[int]:
    """As the engine tells it: node, line = when the newest sample of the node and of the serial line came."""
    return [node if i == NODE[0] else line if i not in NODE else NO_TIME for i in range(len(SITE.sensors))]


def test_a_source_that_brings_nothing_is_due_with_growing_pauses() -> None:
    watch, due = FlowWatch(SITE), []
    for second in range(1000):
        now = START + second * SECOND_US
        if "nodes" in watch.tick(now, heard(line=now)):
            due.append(second)
    assert due[:4] == [31, 61, 121, 241]
    assert watch.silent_s == {"nodes": 999}
    assert max(b - a for a, b in pairwise(due)) * SECOND_US <= LONGEST_PAUSE_US


def test_blind_time_is_the_whole_gap_and_stops_with_the_first_valid_sample() -> None:
    watch = FlowWatch(SITE)
    watch.tick(START, heard(START, START))
    watch.tick(START + 29 * SECOND_US, heard(START, START))
    assert watch.blind_s == {}, "as long as it may be silent nobody is blind"
    watch.tick(START + 100 * SECOND_US, heard(START, START + 100 * SECOND_US))
    assert watch.blind_s == {"nodes": 100, "co-line": 100}, "what is over stays counted"
    back = START + 120 * SECOND_US
    assert watch.tick(back, heard(back, back)) == []
    assert (watch.silent_s, watch.blind_s) == ({}, {"nodes": 120, "co-line": 100})


def test_a_source_without_sensors_and_one_that_is_slow_are_left_in_peace() -> None:
    text = site_text(1883, serial_port="/dev/ttyUSB0").replace(
        'channel = "node7/air_velocity"\nperiod_s = 1', 'channel = "node7/air_velocity"\nperiod_s = 600'
    )
    site = parse_site((text + '[[sources]]\nid = "spare"\nkind = "serial"\nport = "/dev/ttyUSB1"\n'
                              'driver = "winsen-ze03"\n').encode())  # fmt: skip
    watch = FlowWatch(site)
    due = [watch.tick(START + second * SECOND_US, heard()) for second in range(1700)]
    assert {name for names in due for name in names} == {"co-line"}
    assert silence_s(1.0) == 30.0


@settings(max_examples=50)
@given(st.lists(st.integers(1, 200), min_size=1, max_size=30))
def test_blind_time_is_the_sum_of_the_gaps_that_were_too_long(gaps: list[int]) -> None:
    watch, at = FlowWatch(SITE), START
    watch.tick(at, heard(at, at))
    for gap in gaps:
        for second in range(1, gap):
            watch.tick(at + second * SECOND_US, heard(at, at + second * SECOND_US))
        at += gap * SECOND_US
        watch.tick(at, heard(at, at))
    assert watch.blind_s.get("nodes", 0) == sum(gap for gap in gaps if gap > 30)
