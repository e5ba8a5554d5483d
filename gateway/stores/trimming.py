"""What leaves the journal when it is about to reach its quota, and what never does.

First snapshots of the engine that newer ones have replaced; then, oldest first, rows of readings that are older than
`KEPT_US`, stand in the archive whole, and were carried by every uplink. Alarms, acknowledgements, commands, requests,
verdicts, notices and shift results never leave it. When nothing may go, nothing goes: the alarm `gateway.disk_space`
says so, and the journal takes what the disk gives. Each part is one transaction, with a NOTICE row of what went.
"""

from collections.abc import Callable, Sequence
from typing import Final

from gateway.domain.moment import SECOND_US, Moment
from gateway.stores.archive import UNTIMED, Archive, day_of
from gateway.stores.journal import Journal
from gateway.stores.redating import Redating
from gateway.stores.rows import TRIMMED, Kind, document_row

KEPT_US: Final = 7 * 86_400 * SECOND_US
"""Readings stay so long in any case: late ones correct shifts by them, a replay explains alarms by them [D]."""
SNAPSHOTS: Final = 2
"""The newest one is what a restart begins with; the one before it, should the newest be damaged."""
ROWS_A_STEP: Final = 500
TRIM_AT: Final = 0.90
"""Share of the quota from which rows leave: below those at which `room.py` alarms, which tells of what may not [D]."""
_DAY_US: Final = 86_400 * SECOND_US


class Trimming:
    """For the thread that writes the journal. quota_bytes: of rows in use; freed pages are used again, not given back.

    uplinks: names of the cursors that must have passed a row. archive: called for the archive as it stands.
    used_bytes: as last measured, for other threads too; None before that.
    """

    def __init__(self, quota_bytes: int, uplinks: Sequence[str], archive: Callable[[], Archive]) -> None:
        self._quota_bytes, self._uplinks, self._archive = quota_bytes, uplinks, archive
        self._looked_us = 0
        self.used_bytes: int | None = None

    def measure(self, journal: Journal) -> int:
        """What the rows take now [bytes]. Raises StoreFailed."""
        self.used_bytes = used = journal.used_bytes()
        return used

    def step(self, journal: Journal, moment: Moment) -> int:
        """Drop what may go, a bounded part, when the quota is near; how many rows went. Raises StoreFailed."""
        if self.measure(journal) <= TRIM_AT * self._quota_bytes or moment.now_us < self._looked_us:
            return 0
        for kind, numbers in ((Kind.SNAPSHOT, _replaced(journal)), (Kind.STEPS, self._safe_elsewhere(journal, moment))):
            if numbers:
                document = {"what": TRIMMED, "kind": kind.word, "first_n": numbers[0], "last_n": numbers[-1],
                            "rows": len(numbers)}  # fmt: skip
                journal.drop(numbers, document_row(Kind.NOTICE, moment, document))
                return len(numbers)
        self._looked_us = moment.now_us + 60 * SECOND_US  # nothing may go: no need to look with every commit
        return 0

    def _safe_elsewhere(self, journal: Journal, moment: Moment) -> list[int]:
        until_n = min(
            [journal.steps_before(moment.now_us - KEPT_US), Redating.of(journal).final_n(journal),
             *(journal.reached(name) for name in self._uplinks)]
        )  # fmt: skip
        archive = self._archive()
        through: dict[str, int] = {}

        def has(day: str | None, n: int) -> bool:
            if day is None:
                return False
            if day not in through:
                manifest = archive.manifest(day)
                through[day] = manifest.through_n if manifest is not None else 0
            return n <= through[day]

        found: list[int] = []
        for n, first_us, last_us, untimed in journal.spans(0):
            if n > until_n or len(found) == ROWS_A_STEP:
                break
            days = [] if first_us is None or last_us is None else range(first_us // _DAY_US, last_us // _DAY_US + 1)
            if all(has(day_of(day * _DAY_US), n) for day in days) and (not untimed or has(UNTIMED, n)):
                found.append(n)
        return found


def _replaced(journal: Journal) -> list[int]:
    numbers = journal.numbers(Kind.SNAPSHOT)
    return numbers[:-SNAPSHOTS][:ROWS_A_STEP]
