"""What wrong clocks and repeating, overtaking packs do to the live exposure of the whole engine: nothing."""

from hypothesis import given, settings
from hypothesis import strategies as st

from bocamina.channels import _is_live
from bocamina.engine import Engine
from gateway.domain.events import Tick
from gateway.domain.limits import Limit
from gateway.domain.moment import SECOND_US, Moment
from tests.bocamina.test_engine import SITE, START, pack

READINGS = st.lists(st.tuples(st.integers(1, 40), st.floats(0.0, 400.0)), min_size=3, max_size=25)
STEPS = st.sampled_from([-50 * 365 * 86_400, -86_400, -3_600, -301, 301, 7_200, 40_000_000])


def exposure(engine: Engine, seconds: int) -> str:
    now_us = START + seconds * SECOND_US
    figures = engine.exposure.figures(0, now_us)
    return repr((figures, engine.exposure.limit_figures(0, now_us, engine.channels.limits[0])))


@settings(max_examples=30, deadline=None)
@given(READINGS, st.lists(st.tuples(st.integers(0, 24), STEPS), min_size=1, max_size=3))
def test_a_clock_that_is_set_in_the_middle_of_a_window_changes_no_figure(readings, sets) -> None:
    steady, jumping = Engine(SITE, "hash"), Engine(SITE, "hash")
    seconds = ahead = 0
    for count, (step, value) in enumerate(readings):
        seconds += step
        ahead += sum(by for at, by in sets if at == count and count > 0)
        now_us = START + seconds * SECOND_US
        steady.step(Moment(now_us, now_us), [pack(0, value), Tick()])
        jumping.step(Moment(now_us, now_us + ahead * SECOND_US), [pack(0, value), Tick()])
        assert exposure(jumping, seconds) == exposure(steady, seconds)
    assert exposure(jumping, seconds + 100) == exposure(steady, seconds + 100)


@settings(max_examples=30, deadline=None)
@given(READINGS, st.lists(st.integers(0, 24), max_size=10), st.lists(st.integers(1, 24), max_size=6))
def test_packs_that_come_again_or_too_late_are_not_in_the_air_twice(readings, again, overtaken) -> None:
    clean, troubled = Engine(SITE, "hash"), Engine(SITE, "hash")
    seconds, held = 0, []
    for seq, (step, value) in enumerate(readings):
        seconds += step
        now = Moment(START + seconds * SECOND_US, START + seconds * SECOND_US)
        if seq in overtaken:  # comes when its successors are here: history
            held.append(pack(0, value, seq=seq))
            continue
        clean.step(now, [pack(0, value, seq=seq)])
        troubled.step(now, [pack(0, value, seq=seq), *held, *([pack(0, value, seq=seq)] if seq in again else ())])
        held.clear()
        assert exposure(troubled, seconds) == exposure(clean, seconds)


def test_a_limit_without_a_live_window_is_named_and_not_dropped_in_silence(caplog) -> None:
    def rolling(minutes: int) -> Limit:
        return Limit("eu", "EU_NEW", "co", "Carbon monoxide", "STEL", minutes, 30.0, "ppm", "a source", "M")

    assert [_is_live(rolling(minutes)) for minutes in (15, 30, 60, 240, 480)] == [True, True, True, False, True]
    assert [record.getMessage() for record in caplog.records] == [
        "EU_NEW co STEL over 240 min is not judged live: expected up to 60 min, or 480 and more"
    ]


def test_a_restart_reads_as_far_back_as_the_longest_window_and_hold() -> None:
    engine = Engine(SITE, "hash")
    holds = [line.hold_s for line in engine.exposure.lines]
    assert engine.channels.reach_us() == (15 * 60 + 1 + max(holds)) * SECOND_US
