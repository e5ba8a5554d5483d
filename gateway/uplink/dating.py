"""What an uplink must know of times that a wrong wall clock labelled: wait for them, put them right, or say so."""

from typing import Final, NamedTuple

from gateway.stores.journal import Journal
from gateway.stores.packing import RecordedOutcomes, unpack_outcomes
from gateway.stores.redating import Redating
from gateway.stores.rows import Kind, StoredRow

_LOOK_BACK: Final = (16, 256, 4096)
"""How many rows before a document its STEPS row is looked for: it is the first row of the same commit."""


class Label(NamedTuple):
    """A document's time. by_us: what was found to be added to it [µs]. doubtful: nobody knows whether it is right."""

    by_us: int | None = None
    doubtful: bool = False


class Dating:
    """For one reader of the journal. `refresh` after rows were read: what is known of their clock is there by then."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._known_n = -1
        self._steps: tuple[StoredRow, RecordedOutcomes] | None = None
        self.redating = Redating()

    def refresh(self) -> None:
        """Look for news of the clock."""
        rows, _more = self._journal.read(max(0, self._known_n), [Kind.CLOCK])
        if rows or self._known_n < 0:
            self.redating = Redating.of(self._journal)
            self._known_n = rows[-1].n if rows else 0

    def waits(self, row: StoredRow) -> bool:
        """Whether times of this row may still be put right."""
        return self.redating.is_open(row.now_us)

    def of_document(self, row: StoredRow) -> Label:
        """The time of a row that is not STEPS."""
        by_us = self.redating.by_us(row.now_us)
        if by_us is not None:
            return Label(by_us)
        return Label(doubtful=self.waits(row) or self._was_doubted(row))

    def passed(self, row: StoredRow, recorded: RecordedOutcomes) -> None:
        """This STEPS row was read: documents of its commit follow it."""
        self._steps = row, recorded

    def _was_doubted(self, row: StoredRow) -> bool:
        """Whether the step that this document belongs to was taken on a doubtful clock."""
        if self._steps is None or not self._steps[0].n < row.n or self._steps[0].now_us < row.now_us:
            self._look_back(row)
        return self._steps is not None and row.now_us in self._steps[1].untrusted

    def _look_back(self, row: StoredRow) -> None:
        for back in _LOOK_BACK:
            rows, _more = self._journal.read(max(0, row.n - 1 - back), [Kind.STEPS], back)
            before = [one for one in rows if one.n < row.n]
            if before:
                self._steps = before[-1], unpack_outcomes(before[-1].body)
                return
