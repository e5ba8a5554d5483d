"""The live exposure of all sensors of a gateway: samples and time in, figures and verdicts out."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from gateway.domain.errors import ConfigError
from gateway.domain.figures import Figures, LimitFigure
from gateway.domain.limits import Limit
from gateway.domain.moment import NO_TIME, SECOND_US
from gateway.domain.quality import Quality, Reason
from gateway.exposure import kernels, layout
from gateway.exposure.place_air import Present
from gateway.exposure.sums import LIMB, LIMB_MASK
from gateway.exposure.verdicts import Channel, Instant, Window, judge_instant, judge_window, method_of

_LONGEST_HOLD_US = 24 * 3_600 * SECOND_US


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


class RollingEightHours(NamedTuple):
    """The rolling 8 h window in whole seconds: an indicator, never the regulatory TWA (reference 4.1)."""

    total: float
    covered_s: float
    maximum: float


class Streaming:
    """Exposure of `lines`, by index. All times are engine time [µs]; a sensor's time never goes back.

    shift_hours: the site's shift, for NIOSH's divisor (reference 4.2) and the horizon of time to limit.
    rolling_8h: keep one-second bins too (0.5 MB a sensor, touched only as time passes).
    """

    def __init__(self, lines: Sequence[Line], *, shift_hours: float = 8.0, rolling_8h: bool = True) -> None:
        for number, line in enumerate(lines):
            if not 0.0 < line.hold_s * SECOND_US <= _LONGEST_HOLD_US:
                raise ConfigError(f"sensor {number}: hold of {line.hold_s} s, expected more than 0 and at most 24 h")
        self.lines = tuple(lines)
        self._shift_hours = shift_hours
        n = len(self.lines)
        self._ints: npt.NDArray[np.int64] = np.zeros((n, layout.INTS_8H if rolling_8h else layout.INTS), np.int64)
        self._floats = np.zeros((n, layout.FLOATS_8H if rolling_8h else layout.FLOATS), np.float64)
        self._ints[:, (layout.HEAD, layout.VALUE_US, layout.SHIFT_START)] = NO_TIME
        self._ints[:, layout.HOLD] = [round(line.hold_s * SECOND_US) for line in self.lines]
        self._ints[:, layout.QUALITY] = Quality.BAD
        self._ints[:, layout.REASON] = Reason.STALE
        self._floats[:, (layout.LEVEL, layout.VALUE, layout.LAST_VALID)] = math.nan
        self._floats[:, layout.FULL_SCALE] = [line.full_scale for line in self.lines]
        self._figures = [row[layout.FIGURES : layout.FIGURES + layout.N_FIGURES] for row in self._floats]
        self._state = [row[layout.STATE : layout.STATE + layout.N_STATE] for row in self._floats]
        self._eight_hours = [row[layout.EIGHT_HOURS : layout.EIGHT_HOURS + 3] for row in self._floats]
        self._gap_levels: list[float | None] = [None] * n

    def feed(self, i: int, t_us: int, value: float, quality: int, reason: int = 0) -> None:
        """One live sample of sensor i.

        GOOD and UNCERTAIN count, over-range as at least full scale; BAD ends the hold of the sample before and is a
        gap; what is not finite or above 1e9 never enters a sum; LATE is ignored. A time before the sensor's newest
        time counts as of that; of several samples at one time the last counts.
        """
        kernels.feed(self._ints, self._floats, i, t_us, float(value), int(quality), int(reason))

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
        if who.size and (int(who.min()) < 0 or int(who.max()) >= len(self.lines)):
            raise IndexError(f"feed_many: a sensor index outside 0 to {len(self.lines) - 1}")
        kernels.feed_many(self._ints, self._floats, who, *columns)

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
        kernels.figures(self._ints, self._floats, i, now_us)
        now, value, quality, reason, value_us, m1, c1, m5, c5, low, c15, over, e8 = self._figures[i].tolist()
        return Figures(
            int(now), value, int(quality), int(reason), int(value_us), m1, c1, m5, c5, low, c15, over != 0.0, e8
        )

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
                w = _window_of(limit)
                window_s = layout.WINDOWS_US[w] / SECOND_US
                figure = judge_window(limit, method, _window(numbers, w, window_s, window_s), channel)
                if present is not None:
                    remaining = kernels.time_to_window(self._ints, self._floats, i, w, limit.value)
            elif method in {"instant", "excursion"}:
                over, doubt, absurd = (bool(int(flags) & bit) for bit in (layout.OVER, layout.DOUBT, layout.ABSURD))
                covered = 0.0 if present is None else 1.0
                figure = judge_instant(limit, method, Instant(present, present, covered, over, doubt, absurd), channel)
            else:
                hours = min(max(self._shift_hours, 8.0), 10.0) if method == "niosh_10h" else 8.0
                shift = _window(numbers, len(layout.WINDOWS_US), elapsed_s, hours * 3600.0)
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

    def eight_hours(self, i: int, now_us: int) -> RollingEightHours:
        """∫c dt [unit·s], covered time [s] and maximum (float32, -inf without one) of the last 8 h in whole seconds."""
        if self._ints.shape[1] != layout.INTS_8H:
            raise RuntimeError("the 8 h window was not asked for")
        kernels.eight_hours(self._ints, self._floats, i, now_us)
        return RollingEightHours(*self._eight_hours[i].tolist())

    def shift_covered_s(self, i: int, now_us: int) -> tuple[float, float]:
        """Covered and elapsed time since the shift began [s]."""
        kernels.state(self._ints, self._floats, i, now_us)
        numbers = self._state[i].tolist()
        return numbers[len(layout.WINDOWS_US) * layout.N_WINDOW + 1], numbers[-4]

    def dump_small(self) -> dict[str, Any]:
        """What reaches back further than a journal is read again: the sums of the shift, the last valid levels.

        Rebuild: a new `Streaming` of the same lines, `feed_many` of the last 8 h up to this moment, `load_small`,
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
    try:
        return layout.WINDOWS_US.index(limit.averaging_minutes * 60 * SECOND_US)
    except ValueError:
        raise ConfigError(
            f"{limit.table} {limit.quantity} {limit.kind}: no live window of {limit.averaging_minutes} min, "
            "expected 0, 1, 5, 10, 15, 480 or 600"
        ) from None


def _window(numbers: Sequence[float], w: int, window_s: float, divisor_s: float) -> Window:
    total, covered_s, over_s, doubt_s, absurd_s = numbers[w * layout.N_WINDOW : (w + 1) * layout.N_WINDOW]
    return Window(total, covered_s, window_s, divisor_s, over_s > 0.0, doubt_s > 0.0, absurd_s > 0.0)
