"""When does one sensor raise or clear: its rungs and its own health, judged sample by sample and second by second.

A rising toxic gas is judged where the lagging cell will be as well: that only raises, only High and above (4.4).
Good raises and clears. Uncertain raises (in warm-up only what is still there afterwards) and never clears. Bad, late
and silent clear nothing and stop no running on-delay; a clear is only ever caused by a good sample.
Sources: limits reference 4.4, 6.2, 6.3, 6.5. The E8 of a place never alarms (4.1).
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

from alerts.ladder import COVERED_S, HOLD_US, LADDER, OVER_FROM, Rung, health_rungs, silence_s
from alerts.model import Priority
from alerts.watch import Watch
from gateway.domain.figures import Figures
from gateway.domain.moment import SECOND_US, Moment
from gateway.domain.quality import Quality, Reason
from gateway.domain.quantities import QUANTITIES, TOXIC
from gateway.domain.site import SensorConfig
from gateway.exposure.predictor import Trend

_GOOD: Final = int(Quality.GOOD)
_PERSISTENCE: Final = LADDER["persistence"]
_WINDOW_15_S: Final = 900.0


class Reached(NamedTuple):
    """What a condition of the sensor came to: its highest rung that is held, None when it is judged gone. x: figure."""

    condition: str
    rung: Rung | None
    x: float | None


class SensorRules:
    """All rungs of one sensor. `findings` collects what changed; whoever calls takes it away.

    rungs: of `ladder.rungs_for`. full_scale: [canonical unit], None where unknown.
    """

    def __init__(self, sensor: SensorConfig, rungs: Iterable[Rung], full_scale: float | None) -> None:
        self.sensor = sensor
        self.findings: list[Reached] = []
        rungs = tuple(rungs)
        protects = sensor.protection != "indicative" and any(rung.priority >= Priority.HIGH for rung in rungs)
        ahead = _predicted(sensor, rungs)
        self._watches = [Watch(rung) for rung in (*rungs, *ahead, *health_rungs(sensor, protects=protects))]
        self._sampled = [watch for watch in self._watches if watch.rung.sampled]
        self._averaged = [watch for watch in self._watches if watch.rung.averaged]
        self._reasons = [watch for watch in self._watches if watch.rung.statistic == "reason"]
        self._predicted = [watch for watch in self._watches if watch.rung.statistic == "predicted"]
        self._silence = [watch for watch in self._watches if watch.rung.statistic in ("silence", "unwatched")]
        (self._spike,) = (watch for watch in self._watches if watch.rung.statistic == "spike")
        self._by_condition: dict[str, list[Watch]] = {}
        for watch in self._watches:
            self._by_condition.setdefault(watch.rung.condition, []).append(watch)
        self._top: dict[str, Watch | None] = dict.fromkeys(self._by_condition)

        self._full_scale = full_scale
        self._over_at = math.inf if full_scale is None else OVER_FROM * full_scale
        short = sensor.period_s <= _PERSISTENCE["short_period_s"]
        self._need: int = _PERSISTENCE["samples" if short else "samples_slow"]
        self._lost_us = round(silence_s(sensor) * SECOND_US)
        self._gap_us = round(LADDER["silence"]["periods"] * sensor.period_s * SECOND_US)
        t90_s = sensor.t90_s or (QUANTITIES[sensor.quantity].t90_s if ahead else 0.0)
        self._trend = Trend(t90_s, self._gap_us) if ahead else None
        self._valid_us: int | None = None  # newest sample with a usable value, on engine time
        self._watch_us: int | None = None  # the same, but not in warm-up
        self._good_us: int | None = None
        self._last_good = self._warming = self._busy = self._neighbour_low = False
        self._reference = math.nan
        self._hang()

    # -- what comes in ------------------------------------------------------------------------------------------------

    def sample(self, moment: Moment, value: float, quality: int, reason: int, figures: Figures) -> None:
        """One live sample. value: [canonical unit]. figures: as of this sample, it included."""
        if quality == _GOOD and self._low < value < self._high and not self._busy:
            self._valid_us = self._watch_us = self._good_us = moment.now_us
            self._last_good, self._warming = True, False
            if self._trend is not None:
                self._trend.add(moment.now_us, value)
            return  # calm: nothing is near and nothing is pending
        if quality == Quality.LATE:
            return  # history only
        self._judge(moment.now_us, value, quality, reason, figures)
        self._announce()

    def tick(self, moment: Moment, figures: Figures) -> None:
        """A second passed: silence grows, on-delays end, means may have come over a rung. Nothing clears here."""
        now_us = moment.now_us
        if self._valid_us is None or self._watch_us is None:
            self._valid_us = self._watch_us = now_us  # nothing yet: silence counts from the beginning
        for watch in self._silence:
            since_us = self._valid_us if watch.rung.statistic == "silence" else self._watch_us
            if not watch.held.beyond and now_us - since_us >= watch.rung.limit * SECOND_US:
                watch.x = (now_us - since_us) / SECOND_US
                watch.held.trip()
        if now_us - self._valid_us >= self._lost_us:
            for watch in self._sampled:
                watch.lost()
        if not self._warming:
            self._judge_means(now_us, figures, good=False)
        if self._busy:
            for watch in self._sampled:
                watch.elapse(now_us, HOLD_US, self._need)
            for watch in self._reasons:
                if watch.pending:
                    watch.held.judge(now_us, None, watch.rung.on_us, watch.rung.off_us)
        self._announce()

    def set_reference(self, value: float) -> None:
        """Fresh air as the twin sensor at the portal reads it [unit], NaN while that one cannot be trusted."""
        if value != self._reference and not (math.isnan(value) and math.isnan(self._reference)):
            self._reference = value
            self._hang()

    def set_neighbour_low(self, low: bool) -> None:
        """Whether a neighbouring zone has too little oxygen now."""
        if low is not self._neighbour_low:
            self._neighbour_low = low
            self._hang()

    # -- what is asked ------------------------------------------------------------------------------------------------

    def knows(self, condition: str) -> bool:
        """Whether this sensor judges that condition."""
        return condition in self._by_condition

    def top(self, condition: str) -> Rung | None:
        """The highest rung of a condition that is held now."""
        watch = self._top.get(condition)
        return watch.rung if watch else None

    def not_gone(self, condition: str, now_us: int) -> str | None:
        """Why a condition cannot be called gone now, None when good data say that it is."""
        if not self._last_good or self._good_us is None or now_us - self._good_us > self._lost_us:
            return f"{self.sensor.id} gives no valid reading now, so nobody can say that it is gone"
        if any(watch.busy and watch.rung.priority >= Priority.WARNING for watch in self._by_condition[condition]):
            return f"its condition still holds or comes back at {self.sensor.id}"
        return None

    def adopt(self, condition: str, priority: Priority) -> None:
        """Hold the rungs of a condition that a former life had reached, until good data clear them."""
        watches = self._by_condition[condition]
        below = [watch.rung.priority for watch in watches if watch.rung.priority <= priority]
        level = max(below, default=min(watch.rung.priority for watch in watches))
        for watch in watches:
            if watch.rung.priority == level:
                watch.held.trip()
                self._top[condition] = watch
        self._busy = True

    # -- judging ------------------------------------------------------------------------------------------------------

    def _judge(self, now_us: int, value: float, quality: int, reason: int, figures: Figures) -> None:
        usable = quality <= Quality.UNCERTAIN and math.isfinite(value)
        over = usable and (reason == Reason.OVER_RANGE or value >= self._over_at)
        good = usable and quality == _GOOD and not over
        if usable:  # what is bad says nothing of warm-up
            self._warming = not good and reason == Reason.WARMING_UP
        if not good or self._good_us is None or now_us - self._good_us > self._gap_us:
            for watch in self._watches:  # good air must be seen without a gap for the whole off-delay
                watch.held.clear_us = None
        self._last_good = good
        for watch in self._reasons:
            named = quality != _GOOD and reason in watch.rung.reasons
            watch.held.judge(now_us, True if named else False if good else None, watch.rung.on_us, watch.rung.off_us)
        if usable:
            self._valid_us = now_us
            if not self._warming or self._watch_us is None:
                self._watch_us = now_us
            self._judge_sample(now_us, value, over=over, good=good)
            if self._trend is not None:
                self._judge_ahead(self._trend, now_us, value, over=over, good=good)
            if not self._warming:
                self._judge_means(now_us, figures, good=good)
        elif reason == Reason.FAULT:  # it says itself that it is gone
            for watch in self._sampled:
                watch.lost()
        if good:
            self._good_us = now_us
            for watch in (*self._silence, self._spike):
                if watch.held.beyond:
                    watch.held.judge(now_us, False, 0, watch.rung.off_us)

    def _judge_sample(self, now_us: int, value: float, *, over: bool, good: bool) -> None:
        for watch in self._sampled:
            if watch.crosses(value) or (over and watch.rung.enters_over_range):
                watch.crossing_sample(now_us, value, over=over, warming=self._warming, hold_us=HOLD_US, need=self._need)
            elif good and watch.busy and watch.good_sample_below(now_us, value, HOLD_US, self._need):
                self._spike.x = watch.x
                self._spike.held.trip()

    def _judge_ahead(self, trend: Trend, now_us: int, value: float, *, over: bool, good: bool) -> None:
        """Where a rising gas will be once the cell has followed: raises, never clears (limits reference 4.4).

        A channel flagged SPIKE, over range or in warm-up has no trend. A prediction that fails is no spike.
        """
        if self._spike.held.beyond or over or self._warming:
            trend.forget()
        elif good:
            trend.add(now_us, value)
        ahead = trend.predict(now_us, value) if good and value >= self._high else None
        for watch in self._predicted:
            if ahead is not None and watch.crosses(ahead):
                watch.crossing_sample(now_us, ahead, over=False, warming=False, hold_us=HOLD_US, need=self._need)
            elif good and watch.busy:
                watch.good_sample_below(now_us, value, HOLD_US, self._need)

    def _judge_means(self, now_us: int, figures: Figures, *, good: bool) -> None:
        for watch in self._averaged:
            rung, held = watch.rung, watch.held
            x, covered_s = _mean_of(figures, rung.statistic)
            known = covered_s >= COVERED_S[rung.statistic] and math.isfinite(x)
            crossed: bool | None = None
            if known and watch.crosses(x):
                crossed, watch.x = True, x
            elif good and known:
                crossed = False if not held.beyond or watch.inside(self._at_worst(figures, rung, x)) else None
            if crossed is not None or (good if held.beyond else watch.pending):
                held.judge(now_us, crossed, rung.on_us, rung.off_us)

    def _at_worst(self, figures: Figures, rung: Rung, x: float) -> float:
        """What a mean can be at most: gaps count as 0 to raise, but as full scale to clear (limits reference 4.9)."""
        if rung.statistic != "15min":
            return x
        gap_s = max(0.0, _WINDOW_15_S - figures.covered_15min_s)
        if figures.over_range_15min or (self._full_scale is None and gap_s > 0.01 * _WINDOW_15_S):
            return math.nan
        return x + gap_s / _WINDOW_15_S * (self._full_scale or 0.0)

    def _announce(self) -> None:
        busy = False
        for condition, watches in self._by_condition.items():
            top, now_held = self._top[condition], None
            for watch in watches:
                if watch.held.beyond:
                    busy = True
                    if now_held is None or (watch.rung.priority, watch is top) > (now_held.rung.priority, False):
                        now_held = watch
                elif watch.held.since_us is not None:
                    busy = True
            if now_held is not top:
                self._top[condition] = now_held
                self.findings.append(
                    Reached(condition, now_held.rung if now_held else None, now_held.x if now_held else None)
                )
        self._busy = busy

    def _hang(self) -> None:
        """Set the levels that hang on other sensors, and the band in which every sample is calm."""
        for watch in self._sampled:
            under = watch.rung.under_reference
            if under is not None:
                known = math.isfinite(self._reference)
                watch.limit = min(watch.rung.limit, self._reference - under + 1e-9) if known else -math.inf
                watch.clear = min(watch.rung.clear, self._reference - 0.9 * under) if known else math.inf
            if watch.rung.neighbour:
                watch.limit = watch.rung.limit if self._neighbour_low else -math.inf
        air = (*self._sampled, *self._averaged)
        self._high = min([self._over_at, *(watch.limit for watch in air if watch.rung.rising)])
        self._low = max([-math.inf, *(watch.limit for watch in air if not watch.rung.rising)])

    # -- over a restart -----------------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """Everything that later behaviour depends on, running delays included; plain values for msgpack."""
        return {
            "valid_us": self._valid_us, "watch_us": self._watch_us, "good_us": self._good_us,
            "last_good": self._last_good, "warming": self._warming, "neighbour_low": self._neighbour_low,
            "reference": None if math.isnan(self._reference) else self._reference,
            "trend": self._trend.dump() if self._trend else None,
            "watches": {watch.rung.key: watch.dump() for watch in self._watches if watch.busy},
            "top": {condition: watch.rung.key for condition, watch in self._top.items() if watch},
        }  # fmt: skip

    def load(self, state: Mapping[str, Any]) -> None:
        """What `dump` gave; rungs that this site file no longer has are dropped."""
        self._valid_us, self._watch_us, self._good_us = state["valid_us"], state["watch_us"], state["good_us"]
        self._last_good, self._warming = state["last_good"], state["warming"]
        self._neighbour_low = state["neighbour_low"]
        self._reference = math.nan if state["reference"] is None else state["reference"]
        if self._trend is not None and state.get("trend"):
            self._trend.load(state["trend"])
        self._hang()
        by_key = {watch.rung.key: watch for watch in self._watches}
        for key, held in state["watches"].items():
            if key in by_key:
                by_key[key].load(held)
        for condition, key in state["top"].items():
            if condition in self._top:
                self._top[condition] = by_key.get(key)
        self._busy = any(watch.busy for watch in self._watches)


def _predicted(sensor: SensorConfig, rungs: Iterable[Rung]) -> tuple[Rung, ...]:
    """A twin of each rung High and above that single samples of a toxic gas reach, for the T90 predictor (4.4)."""
    if sensor.quantity not in TOXIC:
        return ()
    return tuple(
        replace(
            rung, key=f"{rung.key}.ahead", statistic="predicted", enters_over_range=False,
            source=f"{rung.source}; predicted for the cell's T90 (limits reference 4.4)",
        )
        for rung in rungs
        if rung.sampled and rung.rising and rung.priority >= Priority.HIGH and math.isfinite(rung.limit)
    )  # fmt: skip


def _mean_of(figures: Figures, statistic: str) -> tuple[float, float]:
    """The mean that a statistic names, and how much of its window is covered [s]."""
    if statistic == "1min":
        return figures.mean_1min, figures.covered_1min_s
    if statistic == "5min":
        return figures.mean_5min, figures.covered_5min_s
    return figures.low_15min, figures.covered_15min_s
