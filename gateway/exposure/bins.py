"""The last 8 h of a sensor as one bin a second: mean level of the covered time, covered time, maximum."""

import math

import numpy as np

from gateway.exposure.compiler import kernel
from gateway.exposure.layout import BIN_COVERED, BIN_MAX, BIN_SECOND, BIN_SUMS, BIN_TOTAL, BINS, BINS_F, BINS_I
from gateway.exposure.sums import Floats, Ints, add

SECOND = 1_000_000


@kernel
def _close_bin(s: Ints, f: Floats) -> None:
    """The open second is over: it enters the 8 h window, and the second 8 h before it leaves."""
    slot = s[BIN_SECOND] % BINS
    old = s[BINS_I + slot] & 0xFFFFFFFF
    if old > 0:
        add(s, BIN_SUMS, f[BINS_F + slot], -old)
        s[BIN_SUMS + 3] -= old
    covered = s[BIN_COVERED]
    s[BINS_I + slot] = 0
    if covered > 0:
        mean = f[BIN_TOTAL] / covered
        add(s, BIN_SUMS, mean, covered)
        s[BIN_SUMS + 3] += covered
        f[BINS_F + slot] = mean
        s[BINS_I + slot] = (np.int64(np.float32(f[BIN_MAX]).view(np.int32)) << 32) | covered
    s[BIN_COVERED] = 0
    f[BIN_TOTAL] = 0.0
    f[BIN_MAX] = -math.inf
    s[BIN_SECOND] += 1


@kernel
def put_in_bins(s: Ints, f: Floats, start: int, end: int, level: float) -> None:
    """Put the stretch [start, end) into the bins; NaN is a gap."""
    second = end // SECOND
    if not math.isnan(level):
        while s[BIN_SECOND] < second:
            edge = (s[BIN_SECOND] + 1) * SECOND
            f[BIN_TOTAL] += level * (edge - start)
            s[BIN_COVERED] += edge - start
            f[BIN_MAX] = max(f[BIN_MAX], level)
            start = edge
            _close_bin(s, f)
        if end > start:
            f[BIN_TOTAL] += level * (end - start)
            s[BIN_COVERED] += end - start
            f[BIN_MAX] = max(f[BIN_MAX], level)
    else:
        closed = 0
        while s[BIN_SECOND] < second and closed <= BINS:
            _close_bin(s, f)
            closed += 1
        s[BIN_SECOND] = second
