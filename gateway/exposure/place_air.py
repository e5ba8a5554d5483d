"""The air of a place for one quantity, as it counts for the people in it: exact sums while somebody is there.

The highest reading that holds represents the place. A sum is a Python integer, so that nothing drifts and the
difference of two sums is what a person took between them, however often and whenever it is asked for.
"""

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

from gateway.exposure.layout import ABSURD, DOUBT, OVER

TOTAL, COVERED, OVER_US, DOUBT_US, ABSURD_US, GAP, FULL, BLIND, FILL, OPEN = range(10)
"""Places in a list of sums [µs]; TOTAL is ∫c dt, FULL the full scale over the gaps and FILL what is the best
estimate of them, all three [unit·µs / GRID].

BLIND is the part of GAP whose full scale nobody knows: no sensor, an unknown place, a time before the watch began.
OPEN is the part of GAP that FILL knows nothing of: no valid level was ever seen there, no shifts before.
"""
N_SUMS: Final = 10
GRID: Final = 1 << 44
"""Levels are whole numbers of 1 / GRID, the grid of the streaming core (`sums.add`)."""
_NEVER: Final = 2**63 - 1


class Present(NamedTuple):
    """A sensor's level as it stands: NaN in a gap; flags of `layout`; until when it holds at most [µs]."""

    level: float = math.nan
    flags: int = 0
    until_us: int = 0
    last_valid: float = math.nan


def nothing() -> list[int]:
    """Sums of no time at all."""
    return [0] * N_SUMS


def add_to(sums: list[int], more: Iterable[int]) -> None:
    """Add sums to sums."""
    for n, one in enumerate(more):
        sums[n] += one


def on_grid(level: float) -> int:
    """A level in units of 1 / GRID."""
    return math.floor(level * GRID + 0.5)


class PlaceAir:
    """One quantity in one zone from the moment on that somebody is watched there. All times are engine time [µs].

    held: what each sensor of the place says, by its index. full_scale: None where one of them is unknown, or no
    sensor is there. resolution: of the coarsest of them. typical: 95th percentile of the place's last seven shifts,
    NaN unknown; a gap is best filled with it or with the place's last valid level, whichever is higher (reference 4.9).
    """

    __slots__ = ("full_scale", "head_us", "held", "last_valid", "resolution", "sums", "typical")

    def __init__(
        self, now_us: int, held: dict[int, Present], full_scale: float | None = None, resolution: float = 0.0,
        typical: float = math.nan,
    ) -> None:  # fmt: skip
        self.head_us, self.held, self.full_scale, self.resolution = now_us, held, full_scale, resolution
        self.typical = typical
        self.sums = nothing()
        known = [one.last_valid for one in held.values() if not math.isnan(one.last_valid)]
        self.last_valid = max(known, default=math.nan)

    def advance(self, to_us: int) -> None:
        """Time passes: what holds counts as long as it holds, then it is a gap."""
        while self.head_us < to_us:
            present = self.present()
            end_us = min(to_us, present.until_us)
            self._add(present, end_us - self.head_us)
            self.head_us = end_us

    def present(self) -> Present:
        """What represents the place now: the highest level; without one a gap, absurd if a sensor talks nonsense."""
        level, flags, absurd, until_us = math.nan, 0, 0, _NEVER
        for one in self.held.values():
            if one.until_us <= self.head_us or (math.isnan(one.level) and not one.flags):
                continue
            until_us = min(until_us, one.until_us)
            if math.isnan(one.level):
                absurd |= one.flags
            elif math.isnan(level) or one.level > level:
                level, flags = one.level, one.flags
            elif one.level == level:
                flags |= one.flags
        return Present(level, absurd if math.isnan(level) else flags, until_us, self.last_valid)

    def _add(self, present: Present, length: int) -> None:
        sums = self.sums
        if math.isnan(present.level):
            sums[GAP] += length
            if self.full_scale is None:
                sums[BLIND] += length
            else:
                sums[FULL] += on_grid(self.full_scale) * length
            sums[ABSURD_US] += length if present.flags & ABSURD else 0
            fill = self.last_valid if math.isnan(self.typical) or self.last_valid > self.typical else self.typical
            if math.isnan(fill):
                sums[OPEN] += length
            else:
                sums[FILL] += on_grid(fill) * length
            return
        self.last_valid = present.level
        sums[TOTAL] += on_grid(present.level) * length
        sums[COVERED] += length
        sums[OVER_US] += length if present.flags & OVER else 0
        sums[DOUBT_US] += length if present.flags & DOUBT else 0
