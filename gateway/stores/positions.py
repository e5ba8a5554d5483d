"""Positions of people leave the journal when their time is over; what stays is how many minutes people were in a zone.

`data/retention.toml`, class `positions`. Only the sightings leave their rows: readings and everything else the engine
consumed stay, a replay of such an old row lacks people alone. The minutes are noted before the first sighting goes, in
one transaction with the cursor, so that a power cut neither loses nor doubles them. Never touched: alarms, exposures,
requests on record, notices. Snapshots of the engine tell where everybody was, too: of that age they go whole, but for
the newest two. Nothing else needs them: a restart begins with the newest, a replay with the first step.
"""

from collections.abc import Generator, Iterator
from typing import Final

from gateway.domain.events import Event, Presence, Request
from gateway.domain.history import DAY_US
from gateway.domain.moment import NO_TIME, SECOND_US, Moment
from gateway.stores.archive import day_of
from gateway.stores.journal import Journal
from gateway.stores.packing import mentions, pack_again
from gateway.stores.redating import Redating
from gateway.stores.retention import retention
from gateway.stores.rows import TRIMMED, Kind, Row, StoredRow, document_row
from gateway.stores.trimming import SNAPSHOTS

NOTED: Final = "positions_noted"
REMOVED: Final = "positions_removed"
"""Cursors: the journal rows up to which minutes are noted, and up to which sightings are gone."""
REDUCED: Final = "positions_reduced"
"""NOTICE document `what first_n last_n minutes`: by day of UTC and zone, of everybody together."""
LONGEST_STAY_US: Final = 12 * 3600 * SECOND_US
"""Who was not seen again is counted for so long at most: the longest shift in use [D]."""
ROWS_A_STEP: Final = 50
"""A commit that waits for them is late by some milliseconds [D]."""
_WORD: Final = b"presence"

Minutes = dict[str, dict[str, int]]
"""By day of UTC and zone."""


class PositionKeeping:
    """For the thread that writes the journal: once a day of engine time, in bounded parts."""

    def __init__(self) -> None:
        self._kept_us = retention()["positions"].days * DAY_US
        self._work: Iterator[None] | None = None
        self._looked_us: int | None = None

    def step(self, journal: Journal, moment: Moment) -> bool:
        """Do a part; False when there is nothing to do now. Raises StoreFailed, after which it begins anew."""
        if self._work is None:
            if self._looked_us is not None and moment.now_us < self._looked_us + DAY_US:
                return False
            self._work = self._all(journal, moment)
        try:
            next(self._work)
        except StopIteration:
            self._work, self._looked_us = None, moment.now_us
            return False
        except BaseException:
            self._work = None
            raise
        return True

    def _all(self, journal: Journal, moment: Moment) -> Iterator[None]:
        old_n = journal.steps_before(moment.now_us - self._kept_us)
        yield from _drop_snapshots(journal, moment, old_n)
        noted_n = journal.reached(NOTED)
        # a label that may still be re-dated has no age yet
        until_n = min(old_n, Redating.of(journal).final_n(journal))
        yield from self._remove(journal, journal.reached(REMOVED), noted_n)  # what a power cut left
        if until_n <= noted_n:
            return
        minutes = yield from self._minutes(journal, noted_n, until_n)
        note: list[Row] = []
        if minutes:
            document = {"what": REDUCED, "first_n": noted_n + 1, "last_n": until_n, "minutes": minutes}
            note.append(document_row(Kind.NOTICE, moment, document))
        journal.rewrite([], note, {NOTED: until_n})
        yield
        yield from self._remove(journal, noted_n, until_n)

    def _minutes(self, journal: Journal, after_n: int, until_n: int) -> Generator[None, None, Minutes]:
        """Whole minutes by day and zone; a stay counts where and when it begins, until the next sighting."""
        redating = Redating.of(journal)
        spent: dict[str, dict[str, int]] = {}
        staying: dict[str, tuple[str, int]] = {}
        end_us: int | None = None
        for row in _rows(journal, after_n):
            if row is None:
                yield
                continue
            if row.n > until_n:
                end_us = row.now_us + LONGEST_STAY_US if end_us is None else end_us
                if not staying or row.now_us > end_us:
                    break
            found = row.steps().steps if mentions(row.body, _WORD) else []
            for moment, event in ((step.moment, one) for step in found for one in step.events):
                seen = sighting(event, moment.utc_us + (redating.by_us(moment.now_us) or 0))
                if seen is None:
                    continue
                person, zone, time_us = seen
                if person in staying:
                    _count(spent, *staying.pop(person), time_us)
                if zone is not None and row.n <= until_n:
                    staying[person] = zone, time_us
        for zone, since_us in staying.values():
            _count(spent, zone, since_us, since_us + LONGEST_STAY_US)
        return {day: {zone: round(us / 60 / SECOND_US) for zone, us in sorted(of.items())} for day, of in spent.items()}

    def _remove(self, journal: Journal, after_n: int, until_n: int) -> Iterator[None]:
        rows: list[StoredRow] = []
        for row in _rows(journal, after_n):
            if row is not None and row.n > until_n:
                break
            if row is not None and mentions(row.body, _WORD):
                rows.append(without_sightings(row))
            if row is None and rows:
                journal.rewrite(rows, [], {REMOVED: rows[-1].n})
                rows = []
            if row is None:
                yield
        if until_n > after_n:
            journal.rewrite(rows, [], {REMOVED: until_n})


def _drop_snapshots(journal: Journal, moment: Moment, until_n: int) -> Iterator[None]:
    """Those up to row `until_n` that newer ones replaced, with a notice of each part: numbers that lack are no loss."""
    numbers = [n for n in journal.numbers(Kind.SNAPSHOT)[:-SNAPSHOTS] if n <= until_n]
    for at in range(0, len(numbers), ROWS_A_STEP):
        part = numbers[at : at + ROWS_A_STEP]
        document = {"what": TRIMMED, "kind": Kind.SNAPSHOT.word, "first_n": part[0], "last_n": part[-1],
                    "rows": len(part)}  # fmt: skip
        journal.drop(part, document_row(Kind.NOTICE, moment, document))
        yield


def sighting(event: Event, label_us: int) -> tuple[str, str | None, int] | None:
    """(person, zone or None outside, µs UTC) where an event says where a person was."""
    if isinstance(event, Presence):
        return event.person, event.zone, label_us if event.time_us == NO_TIME else event.time_us
    if isinstance(event, Request) and event.action == "presence" and "zone" in event.args and not event.malformed:
        zone = event.args["zone"]
        return event.target, zone if isinstance(zone, str) else None, label_us
    return None


def _rows(journal: Journal, after_n: int) -> Iterator[StoredRow | None]:
    """STEPS rows in order, and None after every `ROWS_A_STEP`: where the work may rest."""
    more: int | None = after_n
    while more is not None:
        rows, more = journal.read(more, [Kind.STEPS], ROWS_A_STEP)
        yield from rows
        yield None


def without_sightings(row: StoredRow) -> StoredRow:
    """A STEPS row as it is once the positions of people have left it."""
    recorded = row.steps()
    steps = [
        step._replace(events=[event for event in step.events if sighting(event, 0) is None]) for step in recorded.steps
    ]
    return row._replace(body=pack_again(recorded._replace(steps=steps)))


def _count(spent: dict[str, dict[str, int]], zone: str, since_us: int, until_us: int) -> None:
    of_day = spent.setdefault(day_of(since_us) or "", {})
    of_day[zone] = of_day.get(zone, 0) + max(0, min(until_us - since_us, LONGEST_STAY_US))
