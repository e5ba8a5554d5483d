"""Who was told to be where, in engine time as the gateway took it: what the shift of a person is computed anew from."""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from gateway.domain.events import Presence, Request
from gateway.domain.moment import Moment
from gateway.stores.journal import Journal
from gateway.stores.packing import mentions
from gateway.stores.positions import REMOVED
from gateway.stores.rows import Kind

_WORD: Final = b"presence"
_ROWS: Final = 256


class Told(NamedTuple):
    """One event, at the moment of its step."""

    moment: Moment
    event: Presence | Request


def kept_since_us(journal: Journal) -> int | None:
    """From when on the journal has all that it consumed, positions too [engine time]; None where it has nothing."""
    rows, _more = journal.read(journal.reached(REMOVED), [Kind.STEPS], 1)
    return rows[0].steps().steps[0].moment.now_us if rows else None


def told(journal: Journal, from_us: int, until_us: int, pause: Callable[[], object] = lambda: None) -> Iterator[Told]:
    """Tags that were seen and requests of presence in [from, until) engine time, in order. Raises StoreFailed.

    pause: called between two short transactions.
    """
    more: int | None = journal.steps_before(from_us)
    while more is not None:
        rows, more = journal.read(more, [Kind.STEPS], _ROWS)
        for row in rows:
            if not mentions(row.body, _WORD):
                if row.now_us >= until_us:
                    return
                continue
            for step in row.steps().steps:
                if step.moment.now_us >= until_us:
                    return
                if step.moment.now_us < from_us:
                    continue
                for event in step.events:
                    if isinstance(event, Presence) or (isinstance(event, Request) and event.action == _WORD.decode()):
                        yield Told(step.moment, event)
        pause()
