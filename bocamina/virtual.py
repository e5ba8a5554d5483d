"""The engine in virtual time: records and simulated mines go through the code of the live mine, at full speed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from alerts.commander import command_document
from alerts.model import Command, Transition
from bocamina import __version__
from bocamina.decisions import Decisions, VerdictChange
from bocamina.documents import rfc3339
from bocamina.engine import Engine
from bocamina.restore import moved_events
from gateway.domain.events import ActuatorState, Event, Pack, Started, Tick
from gateway.domain.moment import SECOND_US, Moment
from gateway.stores.journal import Journal
from gateway.stores.rows import Kind, StoredRow

MOST_ROUNDS = 8
"""An actuator's answer may cause a command, whose answer is fed again; two rounds are usual."""
HEARTBEAT_US = 10 * SECOND_US
"""How often an obedient actuator says again how it stands, as ours do: a record has no silence of theirs to judge."""


@dataclass(slots=True)
class Record:
    """What a run brought."""

    transitions: list[Transition] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    verdicts: list[VerdictChange] = field(default_factory=list)
    persons: list[dict[str, Any]] = field(default_factory=list)
    shifts: list[dict[str, Any]] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    documents: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    notices: list[dict[str, Any]] = field(default_factory=list)

    def take(self, decisions: "Decisions | Record") -> None:
        """Add one step's decisions, or another record."""
        self.transitions += decisions.transitions
        self.commands += decisions.commands
        self.verdicts += decisions.verdicts
        self.persons += decisions.persons
        self.shifts += decisions.shifts
        self.requests += decisions.requests
        self.documents |= decisions.documents
        self.notices += decisions.notices

    def alarms_json(self) -> list[dict[str, Any]]:
        """The alarms as `replay --json` prints them."""
        return [
            {
                "time": rfc3339(t.utc_us), "alarm": t.alarm, "zone": t.zone, "sensor": t.sensor,
                "condition": t.condition, "priority": t.priority.word, "transition": f"{t.old}>{t.new}",
            }
            for t in self.transitions
        ]  # fmt: skip

    def commands_json(self) -> list[dict[str, Any]]:
        """The commands as their topic carries them, with the actuator."""
        return [{"actuator": command.actuator} | command_document(command) for command in self.commands]


class Relived(NamedTuple):
    """What a journal brought again. rejected: readings of sensors that the site file in use does not have."""

    record: Record
    readings: int
    rejected: int


def relive(
    engine: Engine, journal: Journal, shown: Callable[[Iterable[StoredRow]], Iterable[StoredRow]] = lambda rows: rows
) -> Relived:
    """Every step of a journal, in its order and with its moments, through a new engine.

    Under the site file of the time it decides what the live engine decided, bit for bit. Rows that are damaged are
    left out (`journal.damaged` has them by then). Raises StoreFailed.
    """
    record, readings, rejected = Record(), 0, 0
    places = {s.id: i for i, s in enumerate(engine.site.sensors)}
    maps = {h: [places.get(r.id, -1) for r in records] for h, records in journal.sites().items()}
    for row in shown(journal.scan(0, [Kind.STEPS])):
        recorded = row.steps()
        places_of = maps.get(recorded.site_hash)
        if places_of is None:  # of a site file that nobody noted: history only, as after a restart
            rejected += int(recorded.outcomes.size)
            continue
        for step in recorded.steps:
            taken = step.events if recorded.site_hash == engine.site_hash else moved_events(step.events, places_of)
            kept = sum(len(event.samples) for event in taken if isinstance(event, Pack))
            readings += kept
            rejected += sum(len(event.samples) for event in step.events if isinstance(event, Pack)) - kept
            record.take(engine.step(step.moment, taken))
    return Relived(record, readings, rejected)


class VirtualRun:
    """One engine, its time and its record. Engine time is the wall clock of the record.

    obedient: actuators do what they are told, say so, and go on saying so (a record has no feedback of its own).
    """

    def __init__(self, engine: Engine, start_us: int, *, obedient: bool = True) -> None:
        self.engine, self.record = engine, Record()
        self._obedient = obedient
        self._stands: dict[str, ActuatorState] = {}
        self.now_us = start_us
        self._next_tick_us = -(-start_us // SECOND_US) * SECOND_US
        self.feed(start_us, [Started(engine.site_hash, __version__)])

    def advance(self, to_us: int) -> None:
        """Let time pass up to, not including, the tick at `to_us`: those come after the rows of their second."""
        while self._next_tick_us < to_us:
            self._tick()

    def finish(self, to_us: int) -> None:
        """Let time pass including the tick at `to_us`."""
        while self._next_tick_us <= to_us:
            self._tick()

    def feed(self, at_us: int, events: Sequence[Event]) -> Record:
        """Events of one instant; returns what they alone brought."""
        self.now_us = max(self.now_us, at_us)
        moment = Moment(self.now_us, self.now_us)
        found = Record()
        for _ in range(MOST_ROUNDS):
            decisions = self.engine.step(moment, events)
            if decisions.settled:
                decisions.documents |= self.engine.changed_documents(moment)
            found.take(decisions)
            if not self._obedient or not decisions.commands:
                break
            events = list(self._answers(decisions.commands))
        self.record.take(found)
        return found

    def _tick(self) -> None:
        at_us, self._next_tick_us = self._next_tick_us, self._next_tick_us + SECOND_US
        words = self._stands.values() if at_us % HEARTBEAT_US == 0 else ()
        self.feed(at_us, [*words, Tick()])

    def _answers(self, commands: Iterable[Command]) -> Iterable[Event]:
        for command in commands:
            running = command.setpoint > 0 if isinstance(command.setpoint, (int, float)) else None
            stands = ActuatorState(command.actuator, command.setpoint, running, None, command.id)
            self._stands[command.actuator] = stands
            yield stands
