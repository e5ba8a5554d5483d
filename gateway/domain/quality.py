"""Whether a value can be used, and why not: bad data is data."""

from enum import IntEnum
from typing import Final


class Quality(IntEnum):
    """The four qualities of a reading, in the order in which they lose trust.

    GOOD may raise, may clear, counts. UNCERTAIN may raise, never clears, counts, earns no `compliant`.
    BAD is a gap for exposure, clears nothing and raises the sensor's own alarm. LATE is history only.
    """

    GOOD = 0
    UNCERTAIN = 1
    BAD = 2
    LATE = 3

    @property
    def word(self) -> str:
        """The identifier used in files, MQTT and HTTP."""
        return self.name.lower()


class Reason(IntEnum):
    """Why a reading is not good. The number is stored; never renumber."""

    NONE = 0
    OVER_RANGE = 1
    UNCALIBRATED = 2
    WARMING_UP = 3
    CLOCK = 4
    CHECKSUM = 5
    FAULT = 6
    STALE = 7
    STUCK = 8
    UNDER_RANGE = 9
    ABSURD = 10
    CROSS_GAS = 11
    BACKLOG = 12
    BUMP_SUSPECT = 13

    @property
    def word(self) -> str | None:
        """The identifier used in files, MQTT and HTTP; none for a good reading."""
        return self.name.lower() if self else None


ABSURD_ABOVE: Final = 1e9
"""Values above this size, and values that are not finite, are `absurd` whatever the sensor (interfaces, Quality)."""

QUALITY_WORDS: Final = {quality.word: quality for quality in Quality}
REASON_WORDS: Final = {reason.name.lower(): reason for reason in Reason}
