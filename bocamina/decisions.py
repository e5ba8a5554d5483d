"""What one step of the engine decided: everything that the shell must do, in the order in which it must."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from alerts.model import Command, Reply, Transition
from bocamina.person_record import PersonsWanted
from bocamina.shift_record import Wanted
from gateway.domain.events import Request


class VerdictChange(NamedTuple):
    """A limit's verdict for a sensor, or for a person (then without a sensor), became another one."""

    utc_us: int
    sensor: str | None
    zone: str | None
    quantity: str
    regime: str
    kind: str
    method: str
    limit: float
    value: float | None
    low: float
    high: float | None
    coverage: float
    verdict: str
    person: str | None = None


@dataclass(slots=True)
class Decisions:
    """One step's outcome.

    commands go out first, before any disk. rows (tuples after `gateway.stores.packing.Outcome`), transitions, verdicts,
    persons (the figures of one person each), shifts (a sensor's result of a shift each), requests and notices are
    journaled with the events. documents (topic below
    the site's root → payload, None = remove), replies, messages and acks follow the commit. acks: (node, boot, seq) up
    to which everything is durable once this step is. dirty: sensors whose `reading` and `exposure` documents changed;
    urgent: those whose verdict or quality did. settled: the protocols looked, so their documents may have changed
    (`Engine.changed_documents`). recompute: shifts whose results late samples made wrong (`bocamina/corrections.py`).
    """

    commands: list[Command] = field(default_factory=list)
    rows: list[tuple[int, int, int, int, int, float, float, int]] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    verdicts: list[VerdictChange] = field(default_factory=list)
    persons: list[dict[str, Any]] = field(default_factory=list)
    shifts: list[dict[str, Any]] = field(default_factory=list)
    recompute: list[Wanted | PersonsWanted] = field(default_factory=list)
    replies: list[tuple[Reply, Request]] = field(default_factory=list)
    documents: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    messages: list[Any] = field(default_factory=list)
    notices: list[dict[str, Any]] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    acks: list[tuple[str, int, int]] = field(default_factory=list)
    dirty: set[int] = field(default_factory=set)
    urgent: set[int] = field(default_factory=set)
    settled: bool = False
