"""Where people were, out of what the engine consumed: only as long as positions may be kept (`data/retention.toml`)."""

from typing import Final

from gateway.domain.history import DAY_US, Page, PresenceSeen
from gateway.stores.journal import BEGINNING_US, END_US, Journal
from gateway.stores.packing import mentions
from gateway.stores.positions import sighting
from gateway.stores.redating import Redating
from gateway.stores.retention import retention
from gateway.stores.rows import Kind

_WORD: Final = b"presence"


def page(
    journal: Journal, person: str | None, start_us: int | None, end_us: int | None, limit: int, after: tuple[int, int]
) -> Page[PresenceSeen]:
    """At most `limit` sightings behind `after` (journal row, place in it) in the order of record."""
    last = journal.last()
    newest_us = last.utc_us if last is not None else BEGINNING_US
    oldest_us = max(BEGINNING_US, newest_us - retention()["positions"].days * DAY_US)
    start_us = oldest_us if start_us is None else max(start_us, oldest_us)
    end_us = END_US if end_us is None else end_us
    redating = Redating.of(journal)
    labels = redating.labels(start_us, end_us)
    found: list[PresenceSeen] = []
    told = after
    more: int | None = after[0] - 1
    while more is not None:
        rows, more = journal.read(max(more, 0), [Kind.STEPS], 1000, *labels)
        for row in rows:
            if not mentions(row.body, _WORD):
                continue
            events = ((step.moment, event) for step in row.steps().steps for event in step.events)
            for place, (moment, event) in enumerate(events, start=1):
                said = sighting(event, moment.utc_us + (redating.by_us(moment.now_us) or 0))
                if said is None or (row.n, place) <= after or person not in (None, said[0]):
                    continue
                seen = PresenceSeen(said[2], said[0], said[1])
                if not start_us <= seen.time_us < end_us:
                    continue
                if len(found) == limit:
                    return Page(found, f"{told[0]}:{told[1]}")
                found.append(seen)
                told = (row.n, place)
    return Page(found, None)
