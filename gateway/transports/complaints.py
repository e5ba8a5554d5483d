"""One sentence in the log for each thing that is wrong, not one a second."""

import logging
from typing import Final

MOST: Final = 1000
"""Subjects that are remembered; what comes after them is not logged, so that a flood of nonsense fills no disk."""


class Complaints:
    """Logs one sentence, once a subject."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._subjects: set[str] = set()

    def complain(self, subject: str, sentence: str, *, trace: bool = False) -> None:
        """Say it if this subject was not complained of yet. trace: with the exception that is being handled."""
        if subject not in self._subjects and len(self._subjects) < MOST:
            self._subjects.add(subject)
            self._log.error("%s", sentence, exc_info=trace)

    def is_well(self, subject: str) -> None:
        """It is well again: the next trouble is news."""
        self._subjects.discard(subject)
