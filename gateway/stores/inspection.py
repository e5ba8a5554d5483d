"""The look at every row that the start had no time for: a little after each commit, until all have been read once.

The quick check at the start ends after a second, which is a few per cent of a large journal. What is damaged beyond it
would be met years later, by whoever asks for just those rows. Read are: every row's checksum (with it the pages of the
table and those that long bodies spill into), and whether the indexes know the row.
"""

from time import monotonic
from typing import Final

from gateway.domain.events import JournalLoss
from gateway.domain.moment import SECOND_US, Moment
from gateway.stores.journal import Inspected, Journal
from gateway.stores.losses import loss_of
from gateway.stores.rows import DAMAGED, Kind, document_row

PIECE_S: Final = 0.003
"""A commit that waits for a piece is late by this much: two a second read some hundred rows a second [D]."""
ROWS_AT_ONCE: Final = 20
AGAIN_US: Final = 30 * 86_400 * SECOND_US
"""Cards lose what was sound once: after a round the next one begins so much later, and at every start [D]."""


class Inspection:
    """For the thread that writes the journal. Opened anew the journal is looked at from where the last piece ended."""

    def __init__(self) -> None:
        self._after_n = 0
        self._until_n: int | None = None
        self._due_us: int | None = None

    def step(self, journal: Journal, moment: Moment) -> JournalLoss | None:
        """Read a piece, if there is anything to do now; damage that is new is put on record, and handed back.

        Raises StoreFailed where SQLite itself finds the file broken; then the next opening salvages it.
        """
        if self._due_us is not None and moment.now_us < self._due_us:
            return None
        if self._until_n is None:
            self._until_n = journal.last_n
        deadline = monotonic() + PIECE_S
        while self._after_n < self._until_n:
            found = journal.inspect(self._after_n, ROWS_AT_ONCE)
            if found is None:
                break
            self._after_n = found.last_n
            if found.damaged:
                return _on_record(journal, moment, found)
            if monotonic() > deadline:
                return None
        self._after_n, self._until_n, self._due_us = 0, None, moment.now_us + AGAIN_US
        return None


def _on_record(journal: Journal, moment: Moment, found: Inspected) -> JournalLoss | None:
    document = {
        "what": DAMAGED, "first_n": found.damaged[0], "last_n": found.damaged[-1], "rows": len(found.damaged),
        "from_us": found.from_us, "until_us": found.until_us,
    }  # fmt: skip
    return loss_of(journal.note_damage(found.damaged, document_row(Kind.NOTICE, moment, document)), document)
