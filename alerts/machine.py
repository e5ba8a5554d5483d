"""The life of one alarm as a table: every state answers every event.

Source: ANSI/ISA-18.2-2016, IEC 62682; limits reference 6.1. Everything that changes an alarm's state is in `STEP`.
Shelved, suppressed and out of service are a second, independent fact laid over it (`shown`): the alarm goes on living
underneath.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from alerts.model import State


class Event(StrEnum):
    """What can happen to an alarm.

    TRIP: its condition holds (after the on-delay). CLEAR: judged gone by good data (after the off-delay).
    ESCALATE: a higher rung, or people where there were none. ACK, RESET: a named person.
    LAPSE: came and went wholly while suppressed by design: nothing to answer for.
    """

    TRIP = "trip"
    CLEAR = "clear"
    ESCALATE = "escalate"
    ACK = "ack"
    RESET = "reset"
    LAPSE = "lapse"


class Effect(StrEnum):
    """What people notice of a step. SILENCE ends the call for an answer; it never silences an evacuation siren."""

    NONE = "none"
    ANNUNCIATE = "annunciate"
    SILENCE = "silence"


class Next(NamedTuple):
    """Where a step leads. latched: where it leads an alarm that latches, where that differs."""

    state: State
    effect: Effect = Effect.NONE
    latched: State | None = None


S, E = State, Event
_LOUD, _QUIET = Effect.ANNUNCIATE, Effect.SILENCE

STEP: Final[Mapping[tuple[State, Event], Next]] = {
    (S.NORMAL, E.TRIP): Next(S.UNACK, _LOUD),
    (S.NORMAL, E.CLEAR): Next(S.NORMAL),
    (S.NORMAL, E.ESCALATE): Next(S.NORMAL),  # what is not there cannot grow: it trips first
    (S.NORMAL, E.ACK): Next(S.NORMAL),
    (S.NORMAL, E.RESET): Next(S.NORMAL),
    (S.NORMAL, E.LAPSE): Next(S.NORMAL),
    (S.UNACK, E.TRIP): Next(S.UNACK),
    (S.UNACK, E.CLEAR): Next(S.RTN_UNACK, latched=S.LATCHED_UNACK),  # gone, and nobody has answered
    (S.UNACK, E.ESCALATE): Next(S.UNACK, _LOUD),
    (S.UNACK, E.ACK): Next(S.ACKED, _QUIET),
    (S.UNACK, E.RESET): Next(S.UNACK),  # the condition still holds
    (S.UNACK, E.LAPSE): Next(S.NORMAL),
    (S.ACKED, E.TRIP): Next(S.ACKED),
    (S.ACKED, E.CLEAR): Next(S.NORMAL, latched=S.LATCHED_ACKED),
    (S.ACKED, E.ESCALATE): Next(S.UNACK, _LOUD),  # the answer was given to less
    (S.ACKED, E.ACK): Next(S.ACKED),
    (S.ACKED, E.RESET): Next(S.ACKED),  # the condition still holds
    (S.ACKED, E.LAPSE): Next(S.NORMAL),
    (S.RTN_UNACK, E.TRIP): Next(S.UNACK, _LOUD),
    (S.RTN_UNACK, E.CLEAR): Next(S.RTN_UNACK),
    (S.RTN_UNACK, E.ESCALATE): Next(S.RTN_UNACK),
    (S.RTN_UNACK, E.ACK): Next(S.NORMAL, _QUIET),
    (S.RTN_UNACK, E.RESET): Next(S.RTN_UNACK),
    (S.RTN_UNACK, E.LAPSE): Next(S.RTN_UNACK),
    (S.LATCHED_UNACK, E.TRIP): Next(S.UNACK, _LOUD),
    (S.LATCHED_UNACK, E.CLEAR): Next(S.LATCHED_UNACK),
    (S.LATCHED_UNACK, E.ESCALATE): Next(S.LATCHED_UNACK),
    (S.LATCHED_UNACK, E.ACK): Next(S.LATCHED_ACKED, _QUIET),
    (S.LATCHED_UNACK, E.RESET): Next(S.LATCHED_UNACK),  # first somebody says that it was seen
    (S.LATCHED_UNACK, E.LAPSE): Next(S.LATCHED_UNACK),
    (S.LATCHED_ACKED, E.TRIP): Next(S.UNACK, _LOUD),
    (S.LATCHED_ACKED, E.CLEAR): Next(S.LATCHED_ACKED),
    (S.LATCHED_ACKED, E.ESCALATE): Next(S.LATCHED_ACKED),
    (S.LATCHED_ACKED, E.ACK): Next(S.LATCHED_ACKED),
    (S.LATCHED_ACKED, E.RESET): Next(S.NORMAL),
    (S.LATCHED_ACKED, E.LAPSE): Next(S.LATCHED_ACKED),
}

LIVING: Final = (S.NORMAL, S.UNACK, S.ACKED, S.RTN_UNACK, S.LATCHED_UNACK, S.LATCHED_ACKED)
"""The states of the table."""

BEYOND: Final = frozenset((S.UNACK, S.ACKED))
"""States in which the condition holds (or was not yet judged gone)."""

LATCHED: Final = frozenset((S.LATCHED_UNACK, S.LATCHED_ACKED))
"""States that only a person ends."""

OVERLAYS: Final = (S.OUT_OF_SERVICE, S.SUPPRESSED, S.SHELVED)
"""States laid over the table, the strongest first."""


def step(state: State, event: Event, *, latching: bool) -> tuple[State, Effect]:
    """The state after `event`, and what people notice of it."""
    to = STEP[state, event]
    return (to.latched if latching and to.latched is not None else to.state), to.effect


def shown(underlying: State, overlays: frozenset[State]) -> State:
    """What stands in front: the strongest overlay, else the alarm's own state."""
    return next((overlay for overlay in OVERLAYS if overlay in overlays), underlying)
