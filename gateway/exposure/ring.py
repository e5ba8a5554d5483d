"""The level changes of a sensor in its ring, and the edges of the short windows that move along them."""

import math

from gateway.domain.moment import NO_TIME
from gateway.exposure.compiler import kernel
from gateway.exposure.layout import (
    BIN_MAX,
    BIN_SECOND,
    COUNT,
    FIFTEEN_MIN,
    FLAGS,
    HEAD,
    LEVEL,
    MERGES,
    N_SUMS,
    RECORDS,
    RING_F,
    RING_I,
    SHIFT_START,
    SUMS,
    TAIL,
    TAILS,
    WINDOWS_US,
)
from gateway.exposure.sums import Floats, Ints, add_stretch

SECOND = 1_000_000
LONGEST_RECORD = 3_600 * SECOND  # equal levels share a record; bounded, so that a limb times its length fits 63 bits
BEFORE_ALL = -(1 << 59)
SLOT = RECORDS - 1


@kernel
def begin(s: Ints, f: Floats, t: int) -> None:
    """The first event of a sensor: before it lies one endless gap."""
    s[HEAD] = t
    if s[SHIFT_START] == NO_TIME:
        s[SHIFT_START] = t
    f[LEVEL] = math.nan
    s[COUNT] = 1
    s[RING_I] = BEFORE_ALL << 3
    f[RING_F] = math.nan
    s[BIN_SECOND] = t // SECOND
    f[BIN_MAX] = -math.inf
    for w in range(len(WINDOWS_US)):
        s[TAILS + w * TAIL] = t - WINDOWS_US[w]


@kernel
def _move_tail(s: Ints, f: Floats, w: int, edge: int) -> None:
    """Bring the edge of short window `w` forward to `edge`."""
    at = TAILS + w * TAIL
    here, k, last = s[at], s[at + 1], s[COUNT] - 1
    while k < last:
        there = s[RING_I + ((k + 1) & SLOT)] >> 3
        if there > edge:
            break
        add_stretch(s, at + 2, f[RING_F + (k & SLOT)], s[RING_I + (k & SLOT)] & 7, there - here)
        here = there
        k += 1
    add_stretch(s, at + 2, f[RING_F + (k & SLOT)], s[RING_I + (k & SLOT)] & 7, edge - here)
    s[at], s[at + 1] = edge, k


@kernel
def move_tails(s: Ints, f: Floats) -> None:
    """Bring the edges of all short windows to where they belong with the head where it is."""
    for w in range(len(WINDOWS_US)):
        edge = s[HEAD] - WINDOWS_US[w]
        if edge > s[TAILS + w * TAIL]:
            _move_tail(s, f, w, edge)


@kernel
def _write(s: Ints, f: Floats, k: int, start: int, level: float, flags: int) -> None:
    s[RING_I + (k & SLOT)] = start << 3 | flags
    f[RING_F + (k & SLOT)] = level


@kernel
def _merge(s: Ints, f: Floats) -> None:
    """Merge the ring's records within each whole second to one level and one gap, exact in integral and time.

    Only a sensor that changes its level more than twice a second for 15 min comes here. What is not exact any more
    is the place of a window's edge inside a merged second.
    """
    first, last = s[TAILS + FIFTEEN_MIN * TAIL + 1], s[COUNT] - 1
    k = to = first
    start = s[RING_I + (k & SLOT)] >> 3
    while k < last:
        end_of_second = (start // SECOND + 1) * SECOND
        if k + 2 >= last or s[RING_I + ((k + 2) & SLOT)] >> 3 >= end_of_second:  # one or two in it: as they were
            _write(s, f, to, start, f[RING_F + (k & SLOT)], s[RING_I + (k & SLOT)] & 7)
            to += 1
            k += 1
            start = s[RING_I + (k & SLOT)] >> 3
            continue
        total, covered, gap = 0.0, 0, 0
        flags_covered = flags_gap = 0
        opened = start
        while k < last and start < end_of_second:  # the last of them may reach beyond the second and is cut there
            level, flags = f[RING_F + (k & SLOT)], s[RING_I + (k & SLOT)] & 7
            until = s[RING_I + ((k + 1) & SLOT)] >> 3
            length = min(until, end_of_second) - start
            if math.isnan(level):
                gap += length
                flags_gap |= flags
            else:
                total += level * length
                covered += length
                flags_covered |= flags
            start = min(until, end_of_second)
            if until <= end_of_second:
                k += 1
        if covered > 0:
            _write(s, f, to, opened, total / covered, flags_covered)
            to += 1
        if gap > 0:
            _write(s, f, to, opened + covered, math.nan, flags_gap)
            to += 1
    _write(s, f, to, start, f[RING_F + (last & SLOT)], s[RING_I + (last & SLOT)] & 7)
    s[COUNT] = to + 1
    s[MERGES] += 1
    for w in range(len(WINDOWS_US)):  # the sums at the edges: the head's, less what lies between
        at = TAILS + w * TAIL
        for n in range(N_SUMS):
            s[at + 2 + n] = s[SUMS + n]
        edge, k, until = s[at], to, s[HEAD]
        while k >= first:
            opened = s[RING_I + (k & SLOT)] >> 3
            length = until - max(opened, edge)
            if length > 0:
                add_stretch(s, at + 2, f[RING_F + (k & SLOT)], s[RING_I + (k & SLOT)] & 7, -length)
            until = opened
            if opened <= edge:
                break
            k -= 1
        s[at + 1] = k


@kernel
def set_level(s: Ints, f: Floats, t: int, level: float, flags: int) -> None:
    """From t = head on the level is this one."""
    last = s[COUNT] - 1
    opened = s[RING_I + (last & SLOT)] >> 3
    same = flags == s[FLAGS] and (level == f[LEVEL] or (math.isnan(level) and math.isnan(f[LEVEL])))
    f[LEVEL] = level
    s[FLAGS] = flags
    if same and t - opened < LONGEST_RECORD:
        return
    if opened == t:  # nothing was summed at the level before: the newest at one instant counts
        _write(s, f, last, t, level, flags)
        return
    if last + 1 - s[TAILS + FIFTEEN_MIN * TAIL + 1] >= RECORDS:
        move_tails(s, f)
        if last + 1 - s[TAILS + FIFTEEN_MIN * TAIL + 1] >= RECORDS - 8:
            _merge(s, f)
            last = s[COUNT] - 1
    _write(s, f, last + 1, t, level, flags)
    s[COUNT] = last + 2
