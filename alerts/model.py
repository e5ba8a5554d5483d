"""The words that the parts of `alerts` share: priorities, states, alarms, transitions, commands."""

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any, Final, NamedTuple


class Priority(IntEnum):
    """How urgent: notice < warning < high < evacuate (glossary 8: Aviso, Atención, Peligro, Evacuar)."""

    NOTICE = 0
    WARNING = 1
    HIGH = 2
    EVACUATE = 3

    @property
    def word(self) -> str:
        """The identifier of the interface."""
        return self.name.lower()


class State(StrEnum):
    """Alarm states after ANSI/ISA-18.2-2016 (limits reference 6.1)."""

    NORMAL = "normal"
    UNACK = "unack"
    ACKED = "acked"
    RTN_UNACK = "rtn_unack"
    LATCHED_UNACK = "latched_unack"
    LATCHED_ACKED = "latched_acked"
    SHELVED = "shelved"
    SUPPRESSED = "suppressed"
    OUT_OF_SERVICE = "out_of_service"


@dataclass(slots=True)
class Alarm:
    """One alarm as it stands. `alarm` is `{subject}.{condition}`; times are UTC [µs].

    beyond: the condition holds now (gas still there), whatever the state says.
    """

    alarm: str
    condition: str
    zone: str | None
    sensor: str | None
    state: State = State.NORMAL
    underlying: State = State.NORMAL
    priority: Priority = Priority.NOTICE
    occurrence: int = 0
    beyond: bool = False
    value: float | None = None
    limit: float | None = None
    unit: str | None = None
    regime: str | None = None
    source: str | None = None
    since_us: int = 0
    until_us: int | None = None
    acknowledged_by: str | None = None
    drill: bool = False
    reason: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)


class Transition(NamedTuple):
    """One change of an alarm: for the journal, the retained topic and people. `document` is the MQTT payload."""

    utc_us: int
    alarm: str
    occurrence: int
    old: State
    new: State
    priority: Priority
    condition: str
    zone: str | None
    sensor: str | None
    value: float | None
    limit: float | None
    by: str | None
    comment: str | None
    reason: str | None
    document: dict[str, Any]


class Command(NamedTuple):
    """One order to an actuator (interfaces, `command/{actuator}`). setpoint: fan 0–100 [%], siren and beacon a word."""

    id: str
    actuator: str
    setpoint: float | str
    reason: str
    issued_us: int
    expires_in_s: int
    drill: bool = False


class Reply(NamedTuple):
    """The answer to a person's request."""

    id: str
    ok: bool
    error: str | None = None


class Finding(NamedTuple):
    """A condition judged outside the sensors' own rules, for the alarm desk. The alarm is `{subject}.{condition}`.

    beyond: True holds, False does not, None unknown (neither raises nor clears). on_s, off_s: delays [s].
    """

    subject: str
    condition: str
    beyond: bool | None
    zone: str | None = None
    priority: Priority = Priority.WARNING
    sensor: str | None = None
    value: float | None = None
    limit: float | None = None
    unit: str | None = None
    latch: bool = False
    on_s: float = 0.0
    off_s: float = 0.0
    reason: str | None = None
    source: str | None = None


class Want(NamedTuple):
    """A level that a protocol wants of an actuator. setpoint None: hold, nothing is commanded."""

    actuator: str
    setpoint: float | str | None
    reason: str
    drill: bool = False


MAY_COMMAND: Final = frozenset(("officer", "supervisor", "admin"))
"""Roles that acknowledge, count, evacuate and sign (interfaces, HTTP: a reviewer reads, a miner has no log-in)."""

OVERLAYS: Final = frozenset((State.SHELVED, State.SUPPRESSED, State.OUT_OF_SERVICE))
"""States beneath which the alarm lives on in `underlying`."""


def acts(alarm: Alarm) -> bool:
    """Whether protocols act on this alarm: its condition holds, or nobody has judged it gone yet.

    Suppressed by design and out of service do not act; shelving mutes people's messages, never a protocol.
    """
    if alarm.state in (State.SUPPRESSED, State.OUT_OF_SERVICE):
        return False
    beneath = alarm.underlying if alarm.state in OVERLAYS else alarm.state
    return alarm.beyond or beneath in (State.UNACK, State.ACKED)
