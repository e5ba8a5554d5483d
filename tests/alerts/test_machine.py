from itertools import product

import pytest

from alerts.machine import BEYOND, LATCHED, LIVING, STEP, Effect, Event, shown, step
from alerts.model import State

S, E = State, Event


def test_every_state_answers_every_event():
    assert set(STEP) == set(product(LIVING, Event))


def test_the_table_knows_no_overlay():
    assert {to.state for to in STEP.values()} | {to.latched for to in STEP.values()} <= {*LIVING, None}


@pytest.mark.parametrize("latching", [False, True])
def test_every_state_that_is_entered_can_be_left_again(latching):
    """From every reachable state people and good air together lead back to normal."""
    reachable, frontier = {S.NORMAL}, [S.NORMAL]
    while frontier:
        state = frontier.pop()
        for event in Event:
            after, _ = step(state, event, latching=latching)
            if after not in reachable:
                reachable.add(after)
                frontier.append(after)
    assert (reachable & LATCHED == LATCHED) is latching
    for start in reachable:
        state = start
        for event in (E.CLEAR, E.ACK, E.RESET):
            state, _ = step(state, event, latching=latching)
        assert state is S.NORMAL


def test_a_latched_alarm_ends_by_reset_and_only_when_its_condition_is_gone():
    """All words of up to six events, tracked beside the plain fact whether the condition holds."""
    events = [E.TRIP, E.CLEAR, E.ESCALATE, E.ACK, E.RESET]
    for word in product(events, repeat=6):
        state, holds = S.NORMAL, False
        for event in word:
            before = state
            holds = {E.TRIP: True, E.CLEAR: False}.get(event, holds)
            state, _ = step(state, event, latching=True)
            assert (state in BEYOND) is holds
            if before is not S.NORMAL and state is S.NORMAL:
                assert event is E.RESET
                assert not holds
                assert before is S.LATCHED_ACKED


def test_an_alarm_that_does_not_latch_ends_only_when_gone_and_acknowledged():
    for word in product([E.TRIP, E.CLEAR, E.ACK, E.RESET, E.ESCALATE], repeat=6):
        state, holds, answered = S.NORMAL, False, True
        for event in word:
            before = state
            if event is E.TRIP:
                answered = answered and holds  # the first trip asks again
                holds = True
            elif event is E.ESCALATE and holds:
                answered = False
            elif event is E.CLEAR:
                holds = False
            elif event is E.ACK:
                answered = True
            state, _ = step(state, event, latching=False)
            if before is not S.NORMAL and state is S.NORMAL:
                assert not holds
                assert answered


def test_a_higher_rung_asks_again_although_somebody_had_answered():
    assert step(S.ACKED, E.ESCALATE, latching=True) == (S.UNACK, Effect.ANNUNCIATE)


def test_what_came_and_went_under_a_declared_blast_leaves_nothing_behind():
    assert step(S.UNACK, E.LAPSE, latching=True)[0] is S.NORMAL
    assert step(S.LATCHED_UNACK, E.LAPSE, latching=True)[0] is S.LATCHED_UNACK, "older than the blast: stays"


def test_an_overlay_hides_the_state_and_the_strongest_stands_in_front():
    assert shown(S.UNACK, frozenset()) is S.UNACK
    assert shown(S.UNACK, frozenset([S.SHELVED])) is S.SHELVED
    assert shown(S.UNACK, frozenset([S.SHELVED, S.SUPPRESSED])) is S.SUPPRESSED
    assert shown(S.UNACK, frozenset(State)) is S.OUT_OF_SERVICE
