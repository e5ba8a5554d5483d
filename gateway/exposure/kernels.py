"""The streaming loops: one sensor's state is a row of `ints` and a row of `floats` (see `layout`).

How it counts. A sample's level stands from its time until the next sample, at most for the sensor's hold; then there
is a gap. The state keeps the level changes of the last 15 min in a ring, exact sums up to the head (now), and the same
sums as they were at each window's edge: a window is the difference of two sums, whoever asks and however often.
Sums are integers, so that nothing depends on how time was cut into steps, and a huge value leaves no trace.
"""

import math

import numpy as np

from gateway.domain.moment import NO_TIME
from gateway.domain.quality import ABSURD_ABOVE
from gateway.exposure.bins import put_in_bins
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
    N_SUMS,
    N_WINDOW,
    ONE_MIN,
    OVER,
    QUALITY,
    REASON,
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
)
from gateway.exposure.ring import SLOT, begin, move_tails, set_level
from gateway.exposure.sums import Floats, Ints, add, add_stretch, seconds_of

SECOND = 1_000_000
UNCERTAIN, BAD, LATE = 1, 2, 3  # codes of domain.quality: kernels take plain integers
REASON_OVER_RANGE, REASON_ABSURD = 1, 10
EIGHT_HOURS_S = 28_800.0


@kernel
def _move_head(s: Ints, f: Floats, t: int) -> None:
    """Time passes up to t ≥ head: the present level counts as long as it holds, then it is a gap."""
    head = s[HEAD]
    if not math.isnan(f[LEVEL]) or s[FLAGS] != 0:
        end = min(t, s[HOLD_UNTIL])
        if end > head:
            add_stretch(s, SUMS, f[LEVEL], s[FLAGS], end - head)
            if s.size > INTS:
                put_in_bins(s, f, head, end, f[LEVEL])
            s[HEAD] = head = end
        if t >= s[HOLD_UNTIL]:
            set_level(s, f, head, math.nan, 0)
    if t > head and s.size > INTS:
        put_in_bins(s, f, head, t, math.nan)
    s[HEAD] = t


@kernel
def _feed(s: Ints, f: Floats, t: int, value: float, quality: int, reason: int) -> None:
    if quality == LATE:  # history only
        return
    if s[HEAD] == NO_TIME:
        begin(s, f, t)
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
    set_level(s, f, t, level, flags)
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
        begin(s, f, now)
    if now > s[HEAD]:
        _move_head(s, f, now)


@kernel
def advance(ints: Ints, floats: Floats, now: int) -> None:
    """Time passes for all sensors."""
    for i in range(ints.shape[0]):
        _pass_time(ints[i], floats[i], now)
        move_tails(ints[i], floats[i])


@kernel
def start_shift(ints: Ints, floats: Floats, now: int, began: int) -> None:
    """The sums of a shift begin anew for all sensors; it began at `began`, and what nobody measured since is gap."""
    for i in range(ints.shape[0]):
        s = ints[i]
        _pass_time(s, floats[i], now)
        for n in range(N_SUMS):
            s[AT_SHIFT + n] = s[SUMS + n]
        s[SHIFT_START] = min(began, s[HEAD])


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
    move_tails(s, f)
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
    move_tails(s, f)
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
    move_tails(s, f)
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
