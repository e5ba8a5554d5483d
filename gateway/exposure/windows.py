"""Rolling windows of a record, part by part: what the kernel of `batch_kernels` needs around it."""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from gateway.domain.quality import ABSURD_ABOVE
from gateway.exposure import batch_kernels

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

NO_HOLD: Final = 1 << 61
"""[µs] For levels that stand until the next time, however long that is."""


def ring_size(times_us: Ints, window_us: int) -> int:
    """How many stretches the fullest windows of one chunk hold, and the chunk, as a power of two."""
    starts = np.arange(0, times_us.size - 1, batch_kernels.CHUNK)
    if not starts.size:
        return batch_kernels.CHUNK
    tails = np.searchsorted(times_us, times_us[starts + 1] - window_us, side="right") - 1
    return 1 << int((starts + batch_kernels.CHUNK - tails).max()).bit_length()


def before_us(first_us: int, ends_us: Ints, window_us: int) -> Ints:
    """How much of the windows that end at `ends_us` lies before the first time of their record [µs]."""
    return np.maximum(first_us - (ends_us - window_us), 0)


class Windows:
    """Windows of one length over records whose `ring_size` is at most `size`.

    Parts may be filled by several threads at once: the sums are exact, so that every part gives the same bits.
    """

    def __init__(self, size: int, window_us: int, hold_us: int = NO_HOLD) -> None:
        self._window_us, self._hold_us, self._size = window_us, hold_us, max(size, batch_kernels.CHUNK)
        # the largest value for a whole window fits 62 bits of the unit, a ring full of remainders those of the grain
        self._unit = 2.0 ** max(0, math.ceil(math.log2(ABSURD_ABOVE * window_us)) - 61)
        self._grain = self._unit * 2.0 ** (math.ceil(math.log2(self._size)) - 61)
        self._scratch: list[Ints] = []

    def fill(self, times_us: Ints, levels: Floats, first: int, stop: int, low: Floats, gaps: Ints) -> None:
        """`low` and `gaps`, which comes as zeros, of the windows that end at times `first` to `stop` - 1."""
        self.fill_inside(times_us, levels, first, stop, low, gaps)
        gaps += before_us(times_us[0], times_us[first:stop], self._window_us)

    def fill_inside(self, times_us: Ints, levels: Floats, first: int, stop: int, low: Floats, gaps: Ints) -> int:
        """The same without what lies before the first time in `gaps`; returns what the kernel met."""
        if first == 0:  # nothing lies before the first time
            low[0] = 0.0
            first, low, gaps = 1, low[1:], gaps[1:]
        if stop <= first:
            return 0
        try:
            rings = self._scratch.pop()
        except IndexError:
            rings = np.empty((batch_kernels.RINGS, self._size), np.int64)
        met = batch_kernels.rolling_means(
            times_us, levels, self._window_us, self._hold_us, first, stop, self._unit, self._grain, rings, low, gaps
        )
        self._scratch.append(rings)
        return int(met)
