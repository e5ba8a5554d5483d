"""What one step decided, as the rows that the journal keeps of it (readings and events go packed, beside them)."""

from collections.abc import Iterable
from typing import Any

from alerts.model import Transition
from bocamina.decisions import Decisions
from gateway.domain.moment import Moment
from gateway.stores.rows import Kind
from gateway.stores.writer import Record


def records_of(moment: Moment, decisions: Decisions, clock_news: Iterable[dict[str, Any]]) -> list[Record]:
    """One row each, by kind. clock_news: what became known of the wall clock."""
    rows: list[tuple[Kind, Iterable[dict[str, Any]]]] = [
        (Kind.COMMAND, (command._asdict() for command in decisions.commands)),
        (Kind.TRANSITION, (_transition(transition) for transition in decisions.transitions)),
        (Kind.VERDICT, (change._asdict() for change in decisions.verdicts)),
        (Kind.PERSON, decisions.persons),
        (Kind.SHIFT, decisions.shifts),
        (Kind.REQUEST, decisions.requests),
        (Kind.NOTICE, decisions.notices),
        (Kind.CLOCK, clock_news),
    ]
    return [Record(kind, moment, document) for kind, documents in rows for document in documents]


def _transition(transition: Transition) -> dict[str, Any]:
    return transition.document | {
        "old": transition.old, "new": transition.new, "by": transition.by, "comment": transition.comment,
        "utc_us": transition.utc_us,
    }  # fmt: skip
