"""Times put right afterwards: what was labelled by a wall clock that proved to be wrong, and by how much.

The journal keeps every label as it was written. A CLOCK row says from when the wall clock was doubted, a second one
that it is trusted again and which stretches of engine time were labelled wrong by how much. Then the columns by which
readings are found are brought to where they belong, a few rows with every commit, and a third CLOCK row says so; from
there on whoever reads adds what that row says. Nothing of what was measured or written at the time is changed.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from gateway.domain.moment import NO_TIME, Moment
from gateway.domain.quality import Quality
from gateway.stores.journal import Journal
from gateway.stores.packing import span_of, unpack_outcomes
from gateway.stores.rows import Kind, StoredRow, document_row

DOUBTED: Final = "doubted"
"""CLOCK document `boot from_us skew_us anchor_us floor_us why`: in doubt from `from_us` [engine time, µs] on."""
TRUSTED: Final = "trusted"
"""CLOCK document `boot from_us skew_us why redated`; redated: (from, until [engine time, µs], µs to add) each."""
REDATED: Final = "redated"
"""CLOCK document `boot from_us redated rows`: what TRUSTED had announced is done, in so many rows."""

ROWS_A_STEP: Final = 200
"""Rows put right at a time: a commit that waits for them is late by some milliseconds [D]."""


class Piece(NamedTuple):
    """A stretch of engine time [from_us, until_us) whose labels were wrong: add by_us to them [µs]."""

    from_us: int
    until_us: int
    by_us: int


class Redating:
    """All that is known of wrong labels. open_from_us: engine time since which labels may still be re-dated, or None.

    What is labelled then is not yet final: an archive waits for it. Labels of an earlier boot whose clock was never
    set stay in doubt for ever and are final.
    """

    def __init__(self, pieces: Sequence[Piece] = (), open_from_us: int | None = None) -> None:
        self.pieces = sorted(pieces)
        self.open_from_us = open_from_us
        self._from = np.array([piece.from_us for piece in self.pieces], np.int64)
        self._until = np.array([piece.until_us for piece in self.pieces], np.int64)
        self._by = np.array([piece.by_us for piece in self.pieces], np.int64)

    @classmethod
    def of(cls, journal: Journal) -> Self:
        """As the journal has it now."""
        documents = _documents(journal)
        pieces = [piece for document in documents if document["what"] == REDATED for piece in _pieces(document)]
        begun: list[int] = []
        for document in reversed(documents):
            if document["what"] == REDATED:
                break
            begun += [piece.from_us for piece in _pieces(document)]
            if document["what"] == DOUBTED and document["boot"] == documents[-1]["boot"]:
                begun.append(document["from_us"])
        return cls(pieces, min(begun, default=None))

    def by_us(self, now_us: int) -> int | None:
        """What to add to a label of this engine time [µs], None where it was never put right."""
        at = int(np.searchsorted(self._from, now_us, side="right")) - 1
        return int(self._by[at]) if at >= 0 and now_us < self._until[at] else None

    def is_open(self, now_us: int) -> bool:
        """Whether a label of this engine time may still be re-dated."""
        return self.open_from_us is not None and now_us >= self.open_from_us

    def final_n(self, journal: Journal) -> int:
        """The journal row up to which no reading will be re-dated any more."""
        return journal.last_n if self.open_from_us is None else journal.steps_before(self.open_from_us)

    def row(self, row: StoredRow) -> StoredRow:
        """A row with its label put right."""
        by_us = self.by_us(row.now_us)
        return row._replace(utc_us=row.utc_us + by_us) if by_us else row

    def labels(self, start_us: int, end_us: int) -> tuple[int, int]:
        """The labels as written among which all rows of [start, end) µs UTC are found, and perhaps others."""
        moved = [piece.by_us for piece in self.pieces]
        return max(start_us - max([0, *moved]), NO_TIME), min(end_us - min([0, *moved]), -NO_TIME - 1)

    def correct(self, outcomes: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """Of the outcomes of a STEPS row: their places in history put right [µs UTC], and which of them were.

        Late samples stand where their own device put them, samples without a time nowhere: these stay.
        """
        times = outcomes["time_us"].astype(np.int64)
        if not self.pieces or not outcomes.size:
            return times, np.zeros(outcomes.size, np.bool_)
        at = np.searchsorted(self._from, outcomes["now_us"], side="right") - 1
        inside = (at >= 0) & (outcomes["now_us"] < self._until[at])
        inside &= (times != NO_TIME) & (outcomes["quality"] != Quality.LATE)
        times[inside] += self._by[at[inside]]
        return times, inside


class Righting:
    """What is to be put right in a journal that is open for writing, a bounded part at a time.

    Each part can be done again, so a kill or a failure in the middle costs nothing: begin anew with a new object.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        documents = _documents(journal)
        done = max((i for i, document in enumerate(documents) if document["what"] == REDATED), default=-1)
        due = [document for document in documents[done + 1 :] if _pieces(document)]
        self._boot = due[-1]["boot"] if due else ""
        self._pieces = [piece for document in due for piece in _pieces(document)]
        self._redating = Redating(self._pieces)
        self._rows = self._misplaced()
        self._changed = 0

    @property
    def pending(self) -> bool:
        """Whether there is something to do."""
        return bool(self._pieces)

    def step(self) -> None:
        """Do a part. Raises StoreFailed."""
        moved = []
        for row in self._rows:
            times, _put_right = self._redating.correct(unpack_outcomes(row.body).outcomes)
            span = span_of(times)
            if span != (row.first_us, row.last_us, row.untimed):
                moved.append(row._replace(first_us=span.first_us, last_us=span.last_us, untimed=span.untimed))
            if len(moved) == ROWS_A_STEP:
                break
        self._journal.respan(moved)
        self._changed += len(moved)
        if len(moved) < ROWS_A_STEP:
            last = self._journal.last()
            moment = Moment(last.now_us, last.utc_us) if last is not None else Moment(0, 0)
            document = {"what": REDATED, "boot": self._boot, "from_us": moment.now_us, "redated": self._pieces,
                        "rows": self._changed}  # fmt: skip
            self._journal.append([document_row(Kind.CLOCK, moment, document)])
            self._pieces = []

    def _misplaced(self) -> Iterator[StoredRow]:
        for piece in self._pieces:
            if piece.by_us == 0:
                continue
            for row in self._journal.scan(self._journal.steps_before(piece.from_us), [Kind.STEPS]):
                yield row
                if row.now_us >= piece.until_us:  # one row may hold steps of before and after
                    break


def _documents(journal: Journal) -> list[dict[str, Any]]:
    return [row.document() for row in journal.scan(0, [Kind.CLOCK])]


def _pieces(document: dict[str, Any]) -> list[Piece]:
    return [Piece(*piece) for piece in document.get("redated", ())]
