"""What a row of the journal is: its kinds, its form on the way in and on the way out, its checksum."""

import zlib
from collections.abc import Sequence
from enum import IntEnum
from struct import Struct
from typing import Any, Final, NamedTuple

from gateway.domain.moment import NO_TIME, Moment
from gateway.stores.packing import RecordedSteps, Step, pack_document, pack_steps, unpack_document, unpack_steps


class Kind(IntEnum):
    """What a row holds. The number is stored; never renumber.

    STEPS: what the engine consumed and what became of it, packed. SITE: the sensors of a site file by index, so that
    history outlives edits of the file. PERSON: the exposure of one tagged person, by the minute and of a shift. SHIFT:
    a sensor's result of a shift. Of results the newest counts. CLOCK: doubt of the wall clock, and what ended it
    (`redating.py`). All but STEPS hold one document each.
    """

    STEPS = 0
    TRANSITION = 1
    COMMAND = 2
    VERDICT = 3
    REQUEST = 4
    SNAPSHOT = 5
    REJECTED = 6
    NOTICE = 7
    SITE = 8
    PERSON = 9
    SHIFT = 10
    CLOCK = 11

    @property
    def word(self) -> str:
        """The identifier for people and files."""
        return self.name.lower()


class Row(NamedTuple):
    """A row to append, its body encoded.

    now_us, utc_us: engine time and label [µs]. first_us, last_us, untimed: where the readings of a STEPS row lie in
    history [µs UTC] (None without any) and how many have no time.
    """

    kind: Kind
    now_us: int
    utc_us: int
    first_us: int | None
    last_us: int | None
    untimed: int
    body: bytes


class StoredRow(NamedTuple):
    """A row as read back, its checksum verified."""

    n: int
    kind: Kind
    now_us: int
    utc_us: int
    first_us: int | None
    last_us: int | None
    untimed: int
    body: bytes

    def document(self) -> dict[str, Any]:
        """The body of a row that is not STEPS."""
        return unpack_document(self.body)

    def steps(self) -> RecordedSteps:
        """The body of a STEPS row."""
        return unpack_steps(self.body)


TRIMMED: Final = "journal_trimmed"
"""NOTICE document `what kind first_n last_n rows`: rows of a kind that left the journal on purpose (`trimming.py`)."""
SALVAGED: Final = "journal_salvaged"
"""NOTICE document, the fields of `salvage.Report`: a damaged journal was replaced by what could be read of it."""
DAMAGED: Final = "journal_damaged"
"""NOTICE document `what first_n last_n rows from_us until_us`: rows whose checksum is wrong (`inspection.py`)."""
OVERFLOW: Final = "journal_overflow"
"""NOTICE document `what readings first_utc_us last_utc_us`: refused for want of room (`writer.py`)."""

_HEAD: Final = Struct("<q7q")


def checksum(
    n: int, kind: int, now_us: int, utc_us: int, first_us: int | None, last_us: int | None, untimed: int, body: bytes
) -> int:
    """CRC-32 over the number, the fixed columns and the body: a row that moved or changed does not pass for another."""
    first = NO_TIME if first_us is None else first_us
    last = NO_TIME if last_us is None else last_us
    return zlib.crc32(body, zlib.crc32(_HEAD.pack(n, kind, now_us, utc_us, first, last, untimed, len(body))))


def document_row(kind: Kind, moment: Moment, document: dict[str, Any]) -> Row:
    """A row of one document, at its moment."""
    return Row(kind, moment.now_us, moment.utc_us, None, None, 0, pack_document(document))


def steps_row(site_hash: str, steps: Sequence[Step]) -> Row:
    """One row for all `steps` (at least one), labelled with the moment of the last."""
    body, span = pack_steps(site_hash, steps)
    moment = steps[-1].moment
    return Row(Kind.STEPS, moment.now_us, moment.utc_us, *span, body)
