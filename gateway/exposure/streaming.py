"""The live exposure of all sensors of a gateway: samples and time in, figures and verdicts out."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from gateway.domain.errors import ConfigError
from gateway.domain.figures import Figures, LimitFigure
from gateway.domain.limits import Limit
from gateway.domain.moment import NO_TIME, SECOND_US
from gateway.domain.quality import Quality, Reason
from gateway.exposure import kernels, layout
from gateway.exposure.compiler import direct
from gateway.exposure.place_air import Present
from gateway.exposure.sums import LIMB, LIMB_MASK
from gateway.exposure.verdicts import Channel, Instant, Window, judge_instant, judge_window, method_of

_LONGEST_HOLD_US = 24 * 3_600 * SECOND_US
_ONE_LOOK = "(int64[:,::1], float64[:,::1], int64, int64)"
_ONE_SAMPLE = "(int64[:,::1], float64[:,::1], int64, int64, float64, int64, int64)"
_MANY_SAMPLES = "(int64[:,::1], float64[:,::1], int64[::1], int64[::1], float64[::1], int64[::1], int64[::1])"
_new_tuple = tuple.__new__  # of a named tuple: 13 numbers in order need no second look at each


class Line(NamedTuple):
    """What exposure must know of a sensor.

    hold_s: longest time that one sample stands for, see `hold_s_for`. full_scale: [canonical unit], NaN unknown.
    resolution: noise and drift, the least that it can tell apart [canonical unit]; a limit below three times this
    is not judged (limits reference 6.7).
    """

    hold_s: float
    full_scale: float = math.nan
    resolution: float = 0.0


def hold_s_for(period_s: float, max_age_s: float | None = None, *, dust: bool = False) -> float:
    """`max_age_s` of the site file, else min(3 × period, 30 s for gas or 180 s for dust) [s] (reference 4.8)."""
    return max_age_s if max_age_s is not None else min(3.0 * period_s, 180.0 if dust else 30.0)


class LongWindow(NamedTuple):
    """A rolling window of 8 or 10 h: an indicator, never the regulatory TWA (reference 4.1).

    It consists of the whole seconds of engine time that are over. total: ∫c dt [unit·s]; covered_s: covered time [s].
    over_s, doubt_s, absurd_s: seconds in which a value was a lower bound, uncertain, no number [s]. maximum: highest
    level (float32), -inf without one.
    """

    total: float
    covered_s: float
    over_s: float
    doubt_s: float
    absurd_s: float
    maximum: float


def window_minutes(limit: Limit) -> int | None:
    """The live window that a limit is judged by [min]; 0: the level or the shift's sums; None: there is no such one."""
    if method_of(limit) != "rolling":
        return 0
    return limit.averaging_minutes if limit.averaging_minutes * 60 * SECOND_US <= layout.LONGEST_US else None


class Streaming:
    """Exposure of `lines`, by index. All times are engine time [µs]; a sensor's time never goes back.

    shift_hours: the site's shift, for NIOSH's divisor (reference 4.2) and the horizon of time to limit.
    rolling_8h: whether all sensors, or which, keep one-second bins too, for 8 and 10 h (0.58 MB a sensor, taken as time
    passes; without them 0.06 MB).
    """

    def __init__(
        self, lines: Sequence[Line], *, shift_hours: float = 8.0, rolling_8h: bool | Collection[int] = True
    ) -> None:
        for number, line in enumerate(lines):
            if not 0.0 < line.hold_s * SECOND_US <= _LONGEST_HOLD_US:
                raise ConfigError(f"sensor {number}: hold of {line.hold_s} s, expected more than 0 and at most 24 h")
        self.lines = tuple(lines)
        self._shift_hours = shift_hours
        n = len(self.lines)
        with_bins = range(n) if rolling_8h is True else sorted(rolling_8h or ())
        self._ints: npt.NDArray[np.int64] = np.zeros((n, layout.INTS_8H if with_bins else layout.INTS), np.int64)
        self._floats = np.zeros((n, layout.FLOATS_8H if with_bins else layout.FLOATS), np.float64)
        self._ints[with_bins, layout.KEEPS_BINS] = 1
        self._ints[:, (layout.HEAD, layout.VALUE_US, layout.SHIFT_START)] = NO_TIME
        self._ints[:, layout.HOLD] = [round(line.hold_s * SECOND_US) for line in self.lines]
        self._ints[:, layout.QUALITY] = Quality.BAD
        self._ints[:, layout.REASON] = Reason.STALE
        self._floats[:, (layout.LEVEL, layout.VALUE, layout.LAST_VALID)] = math.nan
        self._floats[:, layout.FULL_SCALE] = [line.full_scale for line in self.lines]
        self._state = [row[layout.STATE : layout.STATE + layout.N_STATE] for row in self._floats]
        self._window = [row[layout.WINDOW : layout.WINDOW + layout.N_WINDOW] for row in self._floats]
        self._gap_levels: list[float | None] = [None] * n
        self._feed = direct(kernels.feed, _ONE_SAMPLE)
        self._sample = direct(kernels.sample, _ONE_SAMPLE)
        self._feed_many = direct(kernels.feed_many, _MANY_SAMPLES)
        self._look = direct(kernels.figures, _ONE_LOOK)

    def feed(self, i: int, t_us: int, value: float, quality: int, reason: int = 0) -> None:
        """One live sample of sensor i.

        GOOD and UNCERTAIN count, over-range as at least full scale; BAD ends the hold of the sample before and is a
        gap; what is not finite or above 1e9 never enters a sum; LATE is ignored. A time before the sensor's newest
        time counts as of that; of several samples at one time the last counts.
        """
        self._feed(self._ints, self._floats, i, t_us, value, quality, reason)

    def sample(self, i: int, t_us: int, value: float, quality: int, reason: int = 0) -> Figures:
        """`feed`, and `figures` as of that sample, in one call."""
        return _new_tuple(Figures, self._sample(self._ints, self._floats, i, t_us, value, quality, reason))

    def feed_many(
        self,
        sensors: npt.ArrayLike,
        times_us: npt.ArrayLike,
        values: npt.ArrayLike,
        qualities: npt.ArrayLike,
        reasons: npt.ArrayLike,
    ) -> None:
        """`feed` for every position of the five equally long arrays, in their order: the same state, faster."""
        who = np.ascontiguousarray(sensors, np.int64)
        columns = (
            np.ascontiguousarray(times_us, np.int64),
            np.ascontiguousarray(values, np.float64),
            np.ascontiguousarray(qualities, np.int64),
            np.ascontiguousarray(reasons, np.int64),
        )
        if any(column.shape != who.shape for column in columns) or who.ndim != 1:
            raise ValueError("feed_many expects five arrays of one length")
        if not self._feed_many(self._ints, self._floats, who, *columns):
            raise IndexError(f"feed_many: a sensor index outside 0 to {len(self.lines) - 1}")

    def advance(self, now_us: int) -> None:
        """Time passes for all sensors: holds end, windows slide."""
        kernels.advance(self._ints, self._floats, now_us)

    def start_shift(self, now_us: int, began_us: int | None = None) -> None:
        """The sums of the shift (E8 and its gaps) begin anew for all sensors; the rolling windows go on.

        began_us: when it began [engine time µs], now without it. A gateway that was switched on in the middle of a
        shift did not see its first part: that part is a gap.
        """
        kernels.start_shift(self._ints, self._floats, now_us, now_us if began_us is None else began_us)

    def set_gap_level(self, i: int, level: float | None) -> None:
        """The 95th percentile of the last 7 shifts at sensor i's place, for the best estimate (reference 4.9)."""
        self._gap_levels[i] = level

    def set_resolution(self, i: int, resolution: float) -> None:
        """Noise and drift of sensor i as they are by now [canonical unit]; drift grows until the next calibration."""
        lines = list(self.lines)
        lines[i] = lines[i]._replace(resolution=resolution)
        self.lines = tuple(lines)

    def present(self, i: int) -> Present:
        """Sensor i's level as it stands since its newest sample."""
        level, last_valid = float(self._floats[i, layout.LEVEL]), float(self._floats[i, layout.LAST_VALID])
        return Present(level, int(self._ints[i, layout.FLAGS]), int(self._ints[i, layout.HOLD_UNTIL]), last_valid)

    def figures(self, i: int, now_us: int) -> Figures:
        """The live figures of sensor i as of now, also when nothing came."""
        return _new_tuple(Figures, self._look(self._ints, self._floats, i, now_us))

    def limit_figures(self, i: int, now_us: int, limits: Sequence[Limit]) -> list[LimitFigure]:
        """What sensor i's air is against each limit as of now, in the limits' order (reference 4.9).

        TWA: E8, ∫c dt since the shift began ÷ 8 h (NIOSH: ÷ 8 to 10 h), coverage of the shift so far. STEL and timed
        ceilings: the window ending now. Limits without averaging: the present level. `time_to_limit_s`: 0 when it is
        passed, None when it will not be (for a TWA: not in this shift) or nothing is known of the present level.
        """
        kernels.state(self._ints, self._floats, i, now_us)
        numbers = self._state[i].tolist()
        elapsed_s, level, flags, last_valid = numbers[-4:]
        line, gap_level = self.lines[i], self._gap_levels[i]
        if gap_level is None or gap_level < last_valid:
            gap_level = None if math.isnan(last_valid) else last_valid
        channel = Channel(None if math.isnan(line.full_scale) else line.full_scale, gap_level, line.resolution)
        present = None if math.isnan(level) else level
        found = []
        for limit in limits:
            method = method_of(limit)
            remaining: float | None = None
            if method == "rolling":
                length = _window_of(limit)
                kernels.window(self._ints, self._floats, i, length)
                window = _window(self._window[i].tolist(), length / SECOND_US, length / SECOND_US)
                figure = judge_window(limit, method, window, channel)
                if present is not None:
                    remaining = kernels.time_to_window(self._ints, self._floats, i, length, limit.value)
            elif method in {"instant", "excursion"}:
                over, doubt, absurd = (bool(int(flags) & bit) for bit in (layout.OVER, layout.DOUBT, layout.ABSURD))
                covered = 0.0 if present is None else 1.0
                figure = judge_instant(limit, method, Instant(present, present, covered, over, doubt, absurd), channel)
            else:
                hours = min(max(self._shift_hours, 8.0), 10.0) if method == "niosh_10h" else 8.0
                shift = _window(numbers, elapsed_s, hours * 3600.0)
                figure = judge_window(limit, method, shift, channel)
                if present is not None and present > 0.0:
                    left = (limit.value * shift.divisor_s - shift.total) / present
                    remaining = left if left <= self._shift_hours * 3600.0 - elapsed_s else None
            if figure.verdict == "exceeded":
                remaining = 0.0
            elif remaining is not None and remaining < 0.0:
                remaining = None
            found.append(figure._replace(time_to_limit_s=remaining))
        return found

    def long_window(self, i: int, now_us: int, hours: int = 8) -> LongWindow:
        """Sensor i's last 8 or 10 h. Raises RuntimeError for a sensor without bins."""
        if not self._ints[i, layout.KEEPS_BINS]:
            raise RuntimeError(f"the 8 h window of sensor {i} was not asked for")
        kernels.long_window(self._ints, self._floats, i, layout.LONG_S.index(hours * 3600), now_us)
        return LongWindow(*self._floats[i, layout.WINDOW : layout.WINDOW + layout.N_WINDOW + 1].tolist())

    def reach_us(self, limits: Iterable[Limit] = ()) -> int:
        """How far back the samples reach that the figures, and those of `limits`, still depend on [µs].

        The sums of the shift reach further and stand in `dump_small`.
        """
        minutes = max((window_minutes(limit) or 0 for limit in limits), default=0)
        windows = [15 * 60, 60 * minutes, *(layout.LONG_S if self._ints[:, layout.KEEPS_BINS].any() else ())]
        longest_hold = round(max((line.hold_s for line in self.lines), default=0.0) * SECOND_US)
        return int(max(windows) + 1) * SECOND_US + longest_hold

    def shift_covered_s(self, i: int, now_us: int) -> tuple[float, float]:
        """Covered and elapsed time since the shift began [s]."""
        kernels.state(self._ints, self._floats, i, now_us)
        numbers = self._state[i].tolist()
        return numbers[1], numbers[-4]

    def dump_small(self) -> dict[str, Any]:
        """What reaches back further than a journal is read again: the sums of the shift, the last valid levels.

        Rebuild: a new `Streaming` of the same lines, `feed_many` of the last `reach_us` to this moment, `load_small`,
        then `feed_many` of what came after. Figures are then the same, bit for bit.
        """
        s = self._ints
        sums = s[:, layout.SUMS : layout.SUMS + layout.N_SUMS] - s[:, layout.AT_SHIFT : layout.AT_SHIFT + layout.N_SUMS]
        for low, high in ((2, 1), (1, 0)):  # carried: equal sums are written alike
            sums[:, high] += sums[:, low] >> LIMB
            sums[:, low] &= LIMB_MASK
        return {
            "version": 1,
            "head_us": s[:, layout.HEAD].tolist(),
            "shift_start_us": s[:, layout.SHIFT_START].tolist(),
            "shift_sums": sums.tolist(),
            "last_valid": [None if math.isnan(x) else x for x in self._floats[:, layout.LAST_VALID].tolist()],
        }

    def load_small(self, dump: Mapping[str, Any]) -> None:
        """Take over the shift sums of `dump_small`; every sensor's time moves on to the dump's."""
        if dump.get("version") != 1 or len(dump["head_us"]) != len(self.lines):
            raise ValueError("these shift sums are of another version or of other sensors")
        columns = (dump[key] for key in ("head_us", "shift_start_us", "shift_sums", "last_valid"))
        for i, (head, start, sums, last_valid) in enumerate(zip(*columns, strict=True)):
            if head == NO_TIME:
                continue
            kernels.state(self._ints, self._floats, i, head)
            s = self._ints[i]
            self._floats[i, layout.LAST_VALID] = math.nan if last_valid is None else last_valid
            s[layout.SHIFT_START] = start
            s[layout.AT_SHIFT : layout.AT_SHIFT + layout.N_SUMS] = (
                s[layout.SUMS : layout.SUMS + layout.N_SUMS] - np.array(sums, np.int64)
            )


def _window_of(limit: Limit) -> int:
    """Length of a rolling limit's window [µs]."""
    if window_minutes(limit) is None:
        raise ConfigError(
            f"{limit.table} {limit.quantity} {limit.kind}: no live window of {limit.averaging_minutes} min, "
            "expected 0 to 60, or 480 and more"
        )
    return limit.averaging_minutes * 60 * SECOND_US


def _window(numbers: Sequence[float], window_s: float, divisor_s: float) -> Window:
    total, covered_s, over_s, doubt_s, absurd_s = numbers[: layout.N_WINDOW]
    return Window(total, covered_s, window_s, divisor_s, over_s > 0.0, doubt_s > 0.0, absurd_s > 0.0)
