"""The level changes of a sensor in its ring, and the edges of the windows that move along them."""

import math

from gateway.domain.moment import NO_TIME
from gateway.exposure.compiler import inner, piece
from gateway.exposure.layout import (
    BIN_MAX,
    BIN_SECOND,
    COUNT,
    FIFTEEN_MIN,
    FIRST,
    FLAGS,
    HEAD,
    LEVEL,
    LONGEST_US,
    MERGES,
    N_SUMS,
    RECENT,
    RECORDS,
    RING_F,
    RING_I,
    SHIFT_START,
    SUMS,
    TAIL,
    TAILS,
    WINDOWS_US,
)
from gateway.exposure.sums import Floats, Ints, add_flags, add_stretch, added

SECOND = 1_000_000
LONGEST_RECORD = 3_600 * SECOND  # equal levels share a record; bounded, so that a limb times its length fits 63 bits
OLD_GRAIN = 4 * SECOND
BEFORE_ALL = -(1 << 59)


@piece
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


@piece
def _move_tail(s: Ints, f: Floats, w: int) -> None:
    """Bring the edge of window `w` forward."""
    at = TAILS + w * TAIL
    edge = s[HEAD] - WINDOWS_US[w]
    here, k, last = s[at], s[at + 1], s[COUNT] - 1
    if edge <= here:
        return
    slot = k % RECORDS
    word = s[RING_I + slot]
    high, middle, low, covered = s[at + 2], s[at + 3], s[at + 4], s[at + 5]  # kept out of memory on the way
    while True:
        level, flags = f[RING_F + slot], word & 7
        slot = slot + 1 if slot + 1 < RECORDS else 0
        word = s[RING_I + slot] if k < last else (edge + 1) << 3
        there = min(word >> 3, edge)
        if not math.isnan(level):
            high, middle, low = added(high, middle, low, level, there - here)
            covered += there - here
        if flags != 0:
            add_flags(s, at + 2, level, flags, there - here)
        if word >> 3 > edge:
            break
        here = there
        k += 1
    s[at + 2], s[at + 3], s[at + 4], s[at + 5] = high, middle, low, covered
    s[at], s[at + 1] = edge, k


@piece
def move_tails(s: Ints, f: Floats) -> None:
    """Bring the edges of all windows that run along to where they belong with the head where it is."""
    for w in range(len(WINDOWS_US)):
        _move_tail(s, f, w)


@piece
def sums_at(s: Ints, f: Floats, to: int, edge: int) -> int:
    """Write the sums as they were at `edge` into s[to:]: the head's, less what lies between. Returns the record there.

    The edge lies at most LONGEST_US back.
    """
    for n in range(N_SUMS):
        s[to + n] = s[SUMS + n]
    k, until = s[COUNT] - 1, s[HEAD]
    slot = k % RECORDS
    while True:
        opened = s[RING_I + slot] >> 3
        length = until - max(opened, edge)
        if length > 0:
            add_stretch(s, to, f[RING_F + slot], s[RING_I + slot] & 7, -length)
        if opened <= edge or k <= s[FIRST]:
            return int(k)
        until = opened
        k -= 1
        slot = slot - 1 if slot > 0 else RECORDS - 1


@inner
def _write(s: Ints, f: Floats, slot: int, start: int, level: float, flags: int) -> None:
    s[RING_I + slot] = start << 3 | flags
    f[RING_F + slot] = level


@piece
def _merge(s: Ints, f: Floats) -> None:
    """Make room: records of one grain of time become one level and one gap, exact in integral and covered time.

    The grain is 4 s for what is older than 15 min, and 1 s for the rest where that has too many. Only a sensor that
    changes its level more than once a second comes here, and what is not exact any more is the place of a window's edge
    inside a merged grain. The tails must be where they belong.
    """
    first, last = s[FIRST], s[COUNT] - 1
    recent = s[TAILS + FIFTEEN_MIN * TAIL + 1]
    crowded = last - recent > RECENT
    k = to = first
    start = s[RING_I + k % RECORDS] >> 3
    while k < last:
        stop, grain = (recent, OLD_GRAIN) if k < recent else (last, SECOND)
        end = (start // grain + 1) * grain
        kept = k >= recent and not crowded
        if kept or k + 2 >= stop or s[RING_I + (k + 2) % RECORDS] >> 3 >= end:  # one or two in it: as they were
            _write(s, f, to % RECORDS, start, f[RING_F + k % RECORDS], s[RING_I + k % RECORDS] & 7)
            to += 1
            k += 1
            start = s[RING_I + k % RECORDS] >> 3
            continue
        total, covered, gap = 0.0, 0, 0
        flags_covered = flags_gap = 0
        opened = start
        while k < stop and start < end:  # the last of them may reach beyond the grain and is cut there
            level, flags = f[RING_F + k % RECORDS], s[RING_I + k % RECORDS] & 7
            until = s[RING_I + (k + 1) % RECORDS] >> 3
            length = min(until, end) - start
            if math.isnan(level):
                gap += length
                flags_gap |= flags
            else:
                total += level * length
                covered += length
                flags_covered |= flags
            start = min(until, end)
            if until <= end:
                k += 1
        if covered > 0:
            _write(s, f, to % RECORDS, opened, total / covered, flags_covered)
            to += 1
        if gap > 0:
            _write(s, f, to % RECORDS, opened + covered, math.nan, flags_gap)
            to += 1
    _write(s, f, to % RECORDS, start, f[RING_F + last % RECORDS], s[RING_I + last % RECORDS] & 7)
    s[COUNT] = to + 1
    s[MERGES] += 1
    for w in range(len(WINDOWS_US)):
        at = TAILS + w * TAIL
        s[at + 1] = sums_at(s, f, at + 2, s[at])


@piece
def _make_room(s: Ints, f: Floats) -> None:
    """Let go of what no window reaches any more; merge, if that is nothing."""
    move_tails(s, f)
    k = s[FIRST]
    while k + 1 < s[COUNT] and s[RING_I + (k + 1) % RECORDS] >> 3 <= s[HEAD] - LONGEST_US:
        k += 1
    if k > s[FIRST]:
        s[FIRST] = k
    else:
        _merge(s, f)


@inner
def set_level(s: Ints, f: Floats, t: int, level: float, flags: int) -> None:
    """From t = head on the level is this one."""
    last = s[COUNT] - 1
    slot = last % RECORDS
    opened = s[RING_I + slot] >> 3
    same = flags == s[FLAGS] and (level == f[LEVEL] or (math.isnan(level) and math.isnan(f[LEVEL])))
    f[LEVEL] = level
    s[FLAGS] = flags
    if same and t - opened < LONGEST_RECORD:
        return
    if opened == t:  # nothing was summed at the level before: the newest at one instant counts
        _write(s, f, slot, t, level, flags)
        return
    if last + 1 - s[FIRST] >= RECORDS:
        _make_room(s, f)
        last = s[COUNT] - 1
        slot = last % RECORDS
    _write(s, f, slot + 1 if slot + 1 < RECORDS else 0, t, level, flags)
    s[COUNT] = last + 2
