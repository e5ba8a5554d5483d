"""The last 10 h of a sensor as one bin a second: mean level of the covered time, covered time, maximum, flags.

The long windows consist of whole seconds that are over. What a bin holds is the difference of two exact sums, so
neither a bin nor a window depends on how time was cut into steps.
"""

import math

import numpy as np

from gateway.exposure.compiler import piece
from gateway.exposure.layout import (
    ABSURD,
    AT_BIN,
    BIN_MAX,
    BIN_SECOND,
    BINS,
    BINS_F,
    BINS_I,
    DOUBT,
    LONG,
    LONG_S,
    N_SUMS,
    N_WINDOW,
    OVER,
    SUMS,
    WINDOW,
)
from gateway.exposure.sums import Floats, Ints, add, seconds_of

SECOND = 1_000_000
FLAGS_AT, COVERED = 20, (1 << 20) - 1


@piece
def _count(s: Ints, f: Floats, at: int, slot: int, sign: int) -> None:
    """Add the bin in `slot` to the sums at `at`, or take it away. A second with a flag counts as a whole one."""
    word = s[BINS_I + slot] & 0xFFFFFFFF
    if word == 0:
        return
    covered = word & COVERED
    if covered > 0:
        add(s, at, f[BINS_F + slot], sign * covered)
        s[at + 3] += sign * covered
    flags = word >> FLAGS_AT
    if flags & OVER:
        s[at + 4] += sign * SECOND
    if flags & DOUBT:
        s[at + 5] += sign * SECOND
    if flags & ABSURD:
        s[at + 6] += sign * SECOND


@piece
def close_bin(s: Ints, f: Floats) -> None:
    """The open second is over: it enters the long windows, and the seconds that are too old for them leave."""
    second = s[BIN_SECOND]
    slot = second % BINS
    for w in range(len(LONG_S)):
        _count(s, f, LONG + w * N_SUMS, (second - LONG_S[w]) % BINS, -1)
    s[BINS_I + slot] = 0
    covered = s[SUMS + 3] - s[AT_BIN + 3]
    flags = 0
    if s[SUMS + 4] > s[AT_BIN + 4]:
        flags |= OVER
    if s[SUMS + 5] > s[AT_BIN + 5]:
        flags |= DOUBT
    if s[SUMS + 6] > s[AT_BIN + 6]:
        flags |= ABSURD
    if covered > 0 or flags != 0:
        if covered > 0:
            total = seconds_of(s[SUMS] - s[AT_BIN], s[SUMS + 1] - s[AT_BIN + 1], s[SUMS + 2] - s[AT_BIN + 2])
            f[BINS_F + slot] = total / (covered * 1e-6)
        s[BINS_I + slot] = (np.int64(np.float32(f[BIN_MAX]).view(np.int32)) << 32) | flags << FLAGS_AT | covered
        for w in range(len(LONG_S)):
            _count(s, f, LONG + w * N_SUMS, slot, 1)
        for n in range(N_SUMS):
            s[AT_BIN + n] = s[SUMS + n]
    f[BIN_MAX] = -math.inf
    s[BIN_SECOND] = second + 1


@piece
def write_long_window(s: Ints, f: Floats, w: int) -> None:
    """Write long window `w`, which ends where the open bin begins, into WINDOW."""
    at = LONG + w * N_SUMS
    f[WINDOW] = seconds_of(s[at], s[at + 1], s[at + 2])
    for n in range(1, N_WINDOW):
        f[WINDOW + n] = s[at + 2 + n] * 1e-6
    highest = -math.inf
    if s[at + 3] > 0:
        for second in range(s[BIN_SECOND] - LONG_S[w], s[BIN_SECOND]):
            word = s[BINS_I + second % BINS]
            if word & COVERED > 0:
                highest = max(highest, float(np.int32(word >> 32).view(np.float32)))
    f[WINDOW + N_WINDOW] = highest
