"""The streaming loops: one sensor's state is a row of `ints` and a row of `floats` (see `layout`).

How it counts. A sample's level stands from its time until the next sample, at most for the sensor's hold; then there
is a gap. The state keeps the level changes of the last 15 min in a ring, exact sums up to the head (now), and the same
sums as they were at each window's edge: a window is the difference of two sums, whoever asks and however often.
Sums are integers, so that nothing depends on how time was cut into steps, and a huge value leaves no trace.
"""

import math

import numpy as np
import numpy.typing as npt

from gateway.domain.moment import NO_TIME
from gateway.domain.quality import ABSURD_ABOVE
from gateway.exposure.compiler import kernel
from gateway.exposure.layout import (
    ABSURD,
    AT_SHIFT,
    BIN_COVERED,
    BIN_MAX,
    BIN_SECOND,
    BIN_SUMS,
    BIN_TOTAL,
    BINS,
    BINS_F,
    BINS_I,
    COUNT,
    DOUBT,
    EIGHT_HOURS,
    FIFTEEN_MIN,
    FIGURES,
    FIVE_MIN,
    FLAGS,
    FULL_SCALE,
    HEAD,
    HOLD,
    HOLD_UNTIL,
    INTS,
    LAST_VALID,
    LEVEL,
    MERGES,
    N_SUMS,
    N_WINDOW,
    ONE_MIN,
    OVER,
    QUALITY,
    REASON,
    RECORDS,
    RING_F,
    RING_I,
    SHIFT_START,
    STATE,
    SUMS,
    TAIL,
    TAILS,
    VALUE,
    VALUE_US,
    WINDOWS_US,
)  # fmt: skip

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

SECOND = 1_000_000
LONGEST_RECORD = 3_600 * SECOND  # equal levels share a record; bounded, so that a limb times its length fits 63 bits
LIMB = 26
LIMB_MASK = (1 << LIMB) - 1
BEFORE_ALL = -(1 << 59)
SLOT = RECORDS - 1
UNCERTAIN, BAD, LATE = 1, 2, 3
REASON_OVER_RANGE, REASON_ABSURD = 1, 10
EIGHT_HOURS_S = 28_800.0


@kernel
def add(s: Ints, at: int, level: float, length: int) -> None:
    """Add level · length to the exact sum s[at:at+3]; a negative length takes away what was added before.

    The level is cut on the grid of 2^-44 [unit] into limbs of 2^8, 2^-18 and 2^-44; each product is an integer.
    |level| ≤ 1e9 and |length| < 2^37 µs (38 h) fit 63 bits; carries leave only the highest limb unbounded.
    """
    x = level * 0.00390625
    whole = math.floor(x)
    rest = int((x - whole) * 4503599627370496.0 + 0.5)
    low = s[at + 2] + (rest & LIMB_MASK) * length
    middle = s[at + 1] + (rest >> LIMB) * length + (low >> LIMB)
    s[at] += whole * length + (middle >> LIMB)
    s[at + 1] = middle & LIMB_MASK
    s[at + 2] = low & LIMB_MASK


@kernel
def seconds_of(high: int, middle: int, low: int) -> float:
    """An exact sum, or the difference of two limb by limb, as a float [unit·s]."""
    return (high * 256.0 + middle * 3.814697265625e-06 + low * 5.684341886080802e-14) * 1e-6


@kernel
def add_stretch(s: Ints, at: int, level: float, flags: int, length: int) -> None:
    """Add one stretch of constant level to a set of sums; a gap (NaN) adds nothing but its flag."""
    if not math.isnan(level):
        add(s, at, level, length)
        s[at + 3] += length
        if flags & OVER:
            s[at + 4] += length
        if flags & DOUBT:
            s[at + 5] += length
    elif flags & ABSURD:
        s[at + 6] += length


@kernel
def _begin(s: Ints, f: Floats, t: int) -> None:
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
def _move_tails(s: Ints, f: Floats) -> None:
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
def _set_level(s: Ints, f: Floats, t: int, level: float, flags: int) -> None:
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
        _move_tails(s, f)
        if last + 1 - s[TAILS + FIFTEEN_MIN * TAIL + 1] >= RECORDS - 8:
            _merge(s, f)
            last = s[COUNT] - 1
    _write(s, f, last + 1, t, level, flags)
    s[COUNT] = last + 2


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
def _bin(s: Ints, f: Floats, start: int, end: int, level: float) -> None:
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


@kernel
def _move_head(s: Ints, f: Floats, t: int) -> None:
    """Time passes up to t ≥ head: the present level counts as long as it holds, then it is a gap."""
    head = s[HEAD]
    if not math.isnan(f[LEVEL]) or s[FLAGS] != 0:
        end = min(t, s[HOLD_UNTIL])
        if end > head:
            add_stretch(s, SUMS, f[LEVEL], s[FLAGS], end - head)
            if s.size > INTS:
                _bin(s, f, head, end, f[LEVEL])
            s[HEAD] = head = end
        if t >= s[HOLD_UNTIL]:
            _set_level(s, f, head, math.nan, 0)
    if t > head and s.size > INTS:
        _bin(s, f, head, t, math.nan)
    s[HEAD] = t


@kernel
def _feed(s: Ints, f: Floats, t: int, value: float, quality: int, reason: int) -> None:
    if quality == LATE:  # history only
        return
    if s[HEAD] == NO_TIME:
        _begin(s, f, t)
    t = max(t, s[HEAD])
    if t > s[HEAD]:
        _move_head(s, f, t)
    level, flags = math.nan, 0
    if not abs(value) <= ABSURD_ABOVE:  # NaN too
        if quality < BAD or reason == REASON_ABSURD:
            flags, quality, reason = ABSURD, BAD, REASON_ABSURD
    elif quality >= BAD:
        flags = ABSURD if reason == REASON_ABSURD else 0
    else:
        level = value
        if reason == REASON_OVER_RANGE:
            flags = OVER | DOUBT
            if level < f[FULL_SCALE]:  # noqa: PLR1730 - an unknown full scale (NaN) must lose
                level = f[FULL_SCALE]
        elif quality == UNCERTAIN:
            flags = DOUBT
        f[LAST_VALID] = level
        f[BIN_MAX] = max(f[BIN_MAX], level)
    _set_level(s, f, t, level, flags)
    s[HOLD_UNTIL] = t + s[HOLD]
    s[VALUE_US], s[QUALITY], s[REASON] = t, quality, reason
    f[VALUE] = value


@kernel
def feed(ints: Ints, floats: Floats, i: int, t: int, value: float, quality: int, reason: int) -> None:
    """One live sample of sensor i. Times before the sensor's head count as of the head."""
    _feed(ints[i], floats[i], t, value, quality, reason)


@kernel
def feed_many(
    ints: Ints, floats: Floats, sensors: Ints, times: Ints, values: Floats, qualities: Ints, reasons: Ints
) -> None:
    """The same sample by sample, in the arrays' order."""
    for n in range(sensors.size):
        i = sensors[n]
        _feed(ints[i], floats[i], times[n], values[n], qualities[n], reasons[n])


@kernel
def _pass_time(s: Ints, f: Floats, now: int) -> None:
    if s[HEAD] == NO_TIME:
        _begin(s, f, now)
    if now > s[HEAD]:
        _move_head(s, f, now)


@kernel
def advance(ints: Ints, floats: Floats, now: int) -> None:
    """Time passes for all sensors."""
    for i in range(ints.shape[0]):
        _pass_time(ints[i], floats[i], now)
        _move_tails(ints[i], floats[i])


@kernel
def start_shift(ints: Ints, floats: Floats, now: int) -> None:
    """The sums of a shift begin at now for all sensors."""
    for i in range(ints.shape[0]):
        s = ints[i]
        _pass_time(s, floats[i], now)
        for n in range(N_SUMS):
            s[AT_SHIFT + n] = s[SUMS + n]
        s[SHIFT_START] = s[HEAD]


@kernel
def _total(s: Ints, at: int) -> float:
    """∫c dt between the sums at `at` and the head [unit·s]."""
    return seconds_of(s[SUMS] - s[at], s[SUMS + 1] - s[at + 1], s[SUMS + 2] - s[at + 2])


@kernel
def _mean(s: Ints, f: Floats, w: int, to: int) -> None:
    at = TAILS + w * TAIL + 2
    covered = (s[SUMS + 3] - s[at + 3]) * 1e-6
    f[to] = _total(s, at) / covered if covered > 0.0 else math.nan
    f[to + 1] = covered


@kernel
def figures(ints: Ints, floats: Floats, i: int, now: int) -> None:
    """Write the live figures of sensor i as of now into its FIGURES."""
    s, f = ints[i], floats[i]
    _pass_time(s, f, now)
    _move_tails(s, f)
    f[FIGURES] = s[HEAD]
    f[FIGURES + 1] = f[VALUE]
    f[FIGURES + 2] = s[QUALITY]
    f[FIGURES + 3] = s[REASON]
    f[FIGURES + 4] = s[VALUE_US]
    _mean(s, f, ONE_MIN, FIGURES + 5)
    _mean(s, f, FIVE_MIN, FIGURES + 7)
    at = TAILS + FIFTEEN_MIN * TAIL + 2
    f[FIGURES + 9] = _total(s, at) / (WINDOWS_US[FIFTEEN_MIN] * 1e-6)
    f[FIGURES + 10] = (s[SUMS + 3] - s[at + 3]) * 1e-6
    f[FIGURES + 11] = 1.0 if s[SUMS + 4] > s[at + 4] else 0.0
    f[FIGURES + 12] = _total(s, AT_SHIFT) / EIGHT_HOURS_S


@kernel
def state(ints: Ints, floats: Floats, i: int, now: int) -> None:
    """Write everything that limits are judged by, as of now, into STATE of sensor i."""
    s, f = ints[i], floats[i]
    _pass_time(s, f, now)
    _move_tails(s, f)
    to = STATE
    for w in range(len(WINDOWS_US) + 1):
        at = TAILS + w * TAIL + 2 if w < len(WINDOWS_US) else AT_SHIFT
        f[to] = _total(s, at)
        for n in range(1, N_WINDOW):
            f[to + n] = (s[SUMS + 2 + n] - s[at + 2 + n]) * 1e-6
        to += N_WINDOW
    f[to] = (s[HEAD] - s[SHIFT_START]) * 1e-6
    f[to + 1] = f[LEVEL]
    f[to + 2] = s[FLAGS]
    f[to + 3] = f[LAST_VALID]


@kernel
def time_to_window(ints: Ints, floats: Floats, i: int, w: int, mean: float) -> float:
    """After how many seconds at the present level short window w passes `mean`; -1 never, NaN in a gap.

    The window loses its oldest stretches while the present level enters: piecewise linear, so the crossing is exact.
    """
    s, f = ints[i], floats[i]
    level = f[LEVEL]
    if math.isnan(level):
        return math.nan
    _move_tails(s, f)
    at = TAILS + w * TAIL
    target = mean * WINDOWS_US[w] * 1e-6
    total = _total(s, at + 2)
    if total > target:
        return 0.0
    passed, here, k, last = 0.0, s[at], s[at + 1], s[COUNT] - 1
    while here < s[HEAD]:
        there = s[RING_I + ((k + 1) & SLOT)] >> 3 if k < last else s[HEAD]
        leaving = f[RING_F + (k & SLOT)]
        slope = level - (0.0 if math.isnan(leaving) else leaving)
        length = (there - here) * 1e-6
        if slope > 0.0 and total + slope * length > target:
            return float(passed + (target - total) / slope)
        total += slope * length
        passed += length
        here = there
        k += 1
    return -1.0


@kernel
def eight_hours(ints: Ints, floats: Floats, i: int, now: int) -> None:
    """Write the last 8 h in whole seconds into EIGHT_HOURS: the open second, once begun, counts as one of them."""
    s, f = ints[i], floats[i]
    _pass_time(s, f, now)
    slot = s[BIN_SECOND] % BINS
    old = s[BINS_I + slot] & 0xFFFFFFFF
    if s[HEAD] % SECOND == 0:
        old, slot = np.int64(0), np.int64(-1)
    add(s, BIN_SUMS, f[BINS_F + slot], -old)
    total = seconds_of(s[BIN_SUMS], s[BIN_SUMS + 1], s[BIN_SUMS + 2]) + f[BIN_TOTAL] * 1e-6
    add(s, BIN_SUMS, f[BINS_F + slot], old)
    highest = f[BIN_MAX] if s[BIN_COVERED] > 0 else -math.inf
    for n in range(BINS):
        word = s[BINS_I + n]
        if word & 0xFFFFFFFF > 0 and n != slot:
            highest = max(highest, float(np.int32(word >> 32).view(np.float32)))
    f[EIGHT_HOURS] = total
    f[EIGHT_HOURS + 1] = (s[BIN_SUMS + 3] + s[BIN_COVERED] - old) * 1e-6
    f[EIGHT_HOURS + 2] = highest
