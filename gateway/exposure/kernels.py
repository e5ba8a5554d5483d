"""The streaming loops: one sensor's state is a row of `ints` and a row of `floats` (see `layout`).

How it counts. A sample's level stands from its time until the next sample, at most for the sensor's hold; then there
is a gap. The state keeps the level changes of the last 60 min in a ring, exact sums up to the head (now), and the same
sums as they were at each window's edge: a window is the difference of two sums, whoever asks and however often.
Sums are integers, so that nothing depends on how time was cut into steps, and a huge value leaves no trace.
"""

import math

from gateway.domain.moment import NO_TIME
from gateway.domain.quality import ABSURD_ABOVE
from gateway.exposure.bins import close_bin, write_long_window
from gateway.exposure.compiler import inner, kernel, piece
from gateway.exposure.layout import (
    ABSURD,
    ASKED,
    AT_SHIFT,
    BIN_MAX,
    BIN_SECOND,
    BINS,
    COUNT,
    DOUBT,
    FIFTEEN_MIN,
    FIVE_MIN,
    FLAGS,
    FULL_SCALE,
    HEAD,
    HOLD,
    HOLD_UNTIL,
    KEEPS_BINS,
    LAST_VALID,
    LEVEL,
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
    WINDOW,
    WINDOWS_US,
)
from gateway.exposure.ring import begin, move_tails, set_level, sums_at
from gateway.exposure.sums import Floats, Ints, add_stretch, seconds_of

SECOND = 1_000_000
UNCERTAIN, BAD, LATE = 1, 2, 3  # codes of domain.quality: kernels take plain integers
REASON_OVER_RANGE, REASON_ABSURD = 1, 10
EIGHT_HOURS_S = 28_800.0
Answer = tuple[int, float, int, int, int, float, float, float, float, float, float, bool, float]


@piece
def _close_bins(s: Ints, f: Floats, end: int) -> None:
    """From the head to the last whole second before `end`, cut at every second."""
    level = f[LEVEL]
    edge = (s[BIN_SECOND] + 1) * SECOND
    closed = 0
    while edge <= end:
        if not math.isnan(level):
            f[BIN_MAX] = max(f[BIN_MAX], level)
        add_stretch(s, SUMS, level, s[FLAGS], edge - s[HEAD])
        s[HEAD] = edge
        close_bin(s, f)
        edge += SECOND
        closed += 1
        if closed > BINS and math.isnan(level) and s[FLAGS] == 0:  # a long gap: every bin is empty by now
            s[BIN_SECOND] = end // SECOND
            break
    if end > s[HEAD] and not math.isnan(level):
        f[BIN_MAX] = max(f[BIN_MAX], level)


@inner
def _sum_up(s: Ints, f: Floats, end: int) -> None:
    """From the head to `end` the present level counts, which may be a gap; a sensor with bins is cut at its seconds."""
    if s[KEEPS_BINS] != 0:
        _close_bins(s, f, end)
    add_stretch(s, SUMS, f[LEVEL], s[FLAGS], end - s[HEAD])
    s[HEAD] = end


@inner
def _move_head(s: Ints, f: Floats, t: int) -> None:
    """Time passes up to t ≥ head: the present level counts as long as it holds, then it is a gap."""
    if not math.isnan(f[LEVEL]) or s[FLAGS] != 0:
        end = min(t, s[HOLD_UNTIL])
        if end > s[HEAD]:
            _sum_up(s, f, end)
        if t >= s[HOLD_UNTIL]:
            set_level(s, f, s[HEAD], math.nan, 0)
    if t > s[HEAD]:
        _sum_up(s, f, t)


@inner
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
) -> bool:
    """The same sample by sample, in the arrays' order. False, and nothing was fed: there is no such sensor."""
    for n in range(sensors.size):
        if not 0 <= sensors[n] < ints.shape[0]:
            return False
    for n in range(sensors.size):
        i = sensors[n]
        _feed(ints[i], floats[i], times[n], values[n], qualities[n], reasons[n])
    return True


@piece
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


@piece
def _total(s: Ints, at: int) -> float:
    """∫c dt between the sums at `at` and the head [unit·s]."""
    return seconds_of(s[SUMS] - s[at], s[SUMS + 1] - s[at + 1], s[SUMS + 2] - s[at + 2])


@piece
def _covered(s: Ints, w: int) -> float:
    """Covered time of window w [s]."""
    return float((s[SUMS + 3] - s[TAILS + w * TAIL + 5]) * 1e-6)


@piece
def _mean(s: Ints, w: int) -> float:
    covered = _covered(s, w)
    return _total(s, TAILS + w * TAIL + 2) / covered if covered > 0.0 else math.nan


@piece
def _figures(s: Ints, f: Floats) -> Answer:
    """The live figures as of the head, in the order and with the types of `domain.figures.Figures`."""
    move_tails(s, f)
    at = TAILS + FIFTEEN_MIN * TAIL + 2
    return (
        int(s[HEAD]), float(f[VALUE]), int(s[QUALITY]), int(s[REASON]), int(s[VALUE_US]),
        float(_mean(s, ONE_MIN)), _covered(s, ONE_MIN), float(_mean(s, FIVE_MIN)), _covered(s, FIVE_MIN),
        float(_total(s, at) / (WINDOWS_US[FIFTEEN_MIN] * 1e-6)), _covered(s, FIFTEEN_MIN),
        bool(s[SUMS + 4] > s[at + 4]), float(_total(s, AT_SHIFT) / EIGHT_HOURS_S),
    )  # fmt: skip


@kernel
def figures(ints: Ints, floats: Floats, i: int, now: int) -> Answer:
    """The live figures of sensor i as of now."""
    _pass_time(ints[i], floats[i], now)
    return _figures(ints[i], floats[i])


@kernel
def sample(ints: Ints, floats: Floats, i: int, t: int, value: float, quality: int, reason: int) -> Answer:
    """`feed`, and the figures as of that sample."""
    _feed(ints[i], floats[i], t, value, quality, reason)
    _pass_time(ints[i], floats[i], t)
    return _figures(ints[i], floats[i])


@piece
def _write_since(s: Ints, f: Floats, at: int, to: int) -> None:
    """Write what lies between the sums at `at` and the head: N_WINDOW numbers."""
    f[to] = _total(s, at)
    for n in range(1, N_WINDOW):
        f[to + n] = (s[SUMS + 2 + n] - s[at + 2 + n]) * 1e-6


@kernel
def state(ints: Ints, floats: Floats, i: int, now: int) -> None:
    """Write the shift so far and the present level of sensor i, as of now, into its STATE."""
    s, f = ints[i], floats[i]
    _pass_time(s, f, now)
    _write_since(s, f, AT_SHIFT, STATE)
    to = STATE + N_WINDOW
    f[to] = (s[HEAD] - s[SHIFT_START]) * 1e-6
    f[to + 1] = f[LEVEL]
    f[to + 2] = s[FLAGS]
    f[to + 3] = f[LAST_VALID]


@piece
def _edge(s: Ints, f: Floats, length: int) -> tuple[int, int]:
    """Where the sums at the edge of the window of this length stand, and the record there."""
    for w in range(len(WINDOWS_US)):
        if WINDOWS_US[w] == length:
            move_tails(s, f)
            return TAILS + w * TAIL + 2, s[TAILS + w * TAIL + 1]
    return ASKED, sums_at(s, f, ASKED, s[HEAD] - length)


@kernel
def window(ints: Ints, floats: Floats, i: int, length: int) -> None:
    """Write the window of this length, up to LONGEST_US, that ends at the head of sensor i into its WINDOW."""
    s, f = ints[i], floats[i]
    at, _ = _edge(s, f, length)
    _write_since(s, f, at, WINDOW)


@kernel
def time_to_window(ints: Ints, floats: Floats, i: int, length: int, mean: float) -> float:
    """After how many seconds at the present level the window of this length passes `mean`; -1 never, NaN in a gap.

    The window loses its oldest stretches while the present level enters: piecewise linear, so the crossing is exact.
    """
    s, f = ints[i], floats[i]
    level = f[LEVEL]
    if math.isnan(level):
        return math.nan
    here, last = s[HEAD] - length, s[COUNT] - 1
    at, k = _edge(s, f, length)
    target = mean * length * 1e-6
    total = _total(s, at)
    if total > target:
        return 0.0
    passed = 0.0
    while here < s[HEAD]:
        there = s[RING_I + (k + 1) % RECORDS] >> 3 if k < last else s[HEAD]
        leaving = f[RING_F + k % RECORDS]
        slope = level - (0.0 if math.isnan(leaving) else leaving)
        span = (there - here) * 1e-6
        if slope > 0.0 and total + slope * span > target:
            return float(passed + (target - total) / slope)
        total += slope * span
        passed += span
        here = there
        k += 1
    return -1.0


@kernel
def long_window(ints: Ints, floats: Floats, i: int, w: int, now: int) -> None:
    """Write long window w of sensor i, in the whole seconds that are over by now, into its WINDOW."""
    _pass_time(ints[i], floats[i], now)
    write_long_window(ints[i], floats[i], w)
