"""When does one sensor raise or clear: its rungs and its own health, judged sample by sample and second by second.

A rising toxic gas is judged where the lagging cell will be as well: that only raises, only High and above (4.4).
Good raises and clears. Uncertain raises (in warm-up only what is still there afterwards, or what a second good channel
sees too) and never clears. Bad, late and silent clear nothing and stop no running on-delay; a clear is only ever caused
by a good sample. One exception, on record: of a sensor that an officer took out of service, people with a portable say
that the place is watched and that the gas is gone.
Sources: limits reference 4.4, 6.1, 6.2, 6.3, 6.5. The E8 of a place never alarms (4.1).
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from alerts.ladder import COVERED_S, HOLD_US, LADDER, OVER_FROM, Rung, health_rungs, silence_s
from alerts.means import at_worst, mean_of
from alerts.model import Priority
from alerts.predicted import predicted_rungs
from alerts.rate import Rate
from alerts.watch import Held, Watch
from gateway.domain.figures import Figures
from gateway.domain.moment import SECOND_US, Moment
from gateway.domain.quality import Quality, Reason
from gateway.domain.quantities import QUANTITIES
from gateway.domain.site import SensorConfig
from gateway.exposure.predictor import Trend

_GOOD: Final = int(Quality.GOOD)
_PERSISTENCE: Final = LADDER["persistence"]


class Reached(NamedTuple):
    """What a condition of the sensor came to: its highest rung that is held, None when it is judged gone. x: figure."""

    condition: str
    rung: Rung | None
    x: float | None


class SensorRules:
    """All rungs of one sensor. `findings` collects what changed; whoever calls takes it away.

    rungs: of `ladder.rungs_for`. full_scale: [canonical unit], None where unknown.
    """

    __slots__ = (
        "_averaged", "_busy", "_by_condition", "_floor", "_full_scale", "_gap_us", "_good_us", "_high", "_last_good",
        "_lost_us", "_low", "_need", "_neighbour_low", "_over_at", "_predicted", "_rate", "_reasons", "_reference",
        "_roof", "_sampled", "_shared", "_silence", "_spike", "_steep", "_top", "_trend", "_valid_us", "_value",
        "_warming", "_watch_us", "_watches", "findings", "out_of_service", "sensor",
    )  # fmt: skip

    def __init__(self, sensor: SensorConfig, rungs: Iterable[Rung], full_scale: float | None) -> None:
        self.sensor = sensor
        self.findings: list[Reached] = []
        rungs = tuple(rungs)
        protects = sensor.protection != "indicative" and any(rung.priority >= Priority.HIGH for rung in rungs)
        ahead = predicted_rungs(sensor, rungs)
        self._rate = Rate(sensor, full_scale)
        health = [*health_rungs(sensor, protects=protects), *([self._rate.rung] if self._rate.rung else [])]
        self._watches = [Watch(rung) for rung in (*rungs, *ahead, *health)]
        self._sampled = [watch for watch in self._watches if watch.rung.sampled]
        self._averaged = [watch for watch in self._watches if watch.rung.averaged]
        self._reasons = [watch for watch in self._watches if watch.rung.statistic == "reason"]
        self._predicted = [watch for watch in self._watches if watch.rung.statistic == "predicted"]
        self._silence = [watch for watch in self._watches if watch.rung.statistic in ("silence", "unwatched")]
        (self._spike,) = (watch for watch in self._watches if watch.rung.statistic == "spike")
        self._steep = next((watch for watch in self._watches if watch.rung.statistic == "rate"), None)
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
        self._value = math.nan  # the newest valid one out of warm-up, for its rate
        self._last_good = self._warming = self._busy = self._neighbour_low = False
        self._shared: frozenset[str] = frozenset()
        self.out_of_service = False
        self._reference = math.nan
        self._floor = self._roof = math.inf
        self._hang()

    # -- what comes in ------------------------------------------------------------------------------------------------

    def sample(self, moment: Moment, value: float, quality: int, reason: int, figures: Figures) -> None:
        """One live sample. value: [canonical unit]. figures: as of this sample, it included."""
        now_us = moment.now_us
        if quality != _GOOD or self._busy or not self._floor < value < self._roof:
            if quality == Quality.LATE:
                return  # history only
            if quality != _GOOD or self._busy or not self._stays_calm(value):
                self._judge(now_us, value, quality, reason, figures)
                self._announce()
                return
        self._value = value  # calm: nothing is near, nothing is pending, and it has not moved far
        self._valid_us = self._watch_us = self._good_us = now_us
        self._last_good, self._warming = True, False
        if self._trend is not None:
            self._trend.add(now_us, value)

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
        if not (self._warming and not self._shared) and not (self.out_of_service and self.is_blind(now_us)):
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

    def share(self, keys: frozenset[str]) -> None:
        """What a second good channel of the same quantity in the same zone is over: counts in warm-up too (6.5)."""
        self._shared = keys
        for watch in self._sampled:
            if watch.pending and watch.rung.key in self._shared:
                watch.real = True

    def attend(self, moment: Moment, *, out: bool, by_hand: bool) -> None:
        """Whether the sensor is out of service: it raises as ever, and watches nothing (limits reference 6.1, 6.5).

        by_hand: a valid portable reading shows clean air, which watches in its place (work practice C4).
        """
        self.out_of_service = out
        self._busy = self._busy or out
        if not (out and by_hand):
            return
        self._watch_us = moment.now_us
        for watch in self._silence:
            if watch.rung.statistic == "unwatched" and watch.held.beyond:
                watch.held.judge(moment.now_us, False, 0, watch.rung.off_us)
        self._announce()

    def release(self, condition: str) -> None:
        """A person with a portable has judged a condition gone; what comes later is judged anew."""
        for watch in self._by_condition[condition]:
            watch.held = Held()
        self._top[condition] = None

    # -- what is asked ------------------------------------------------------------------------------------------------

    def knows(self, condition: str) -> bool:
        """Whether this sensor judges that condition."""
        return condition in self._by_condition

    def top(self, condition: str) -> Rung | None:
        """The highest rung of a condition that is held now."""
        watch = self._top.get(condition)
        return watch.rung if watch else None

    def over(self) -> frozenset[str]:
        """Keys of the rungs that good samples are over now, the delays apart."""
        if not self._last_good:
            return frozenset()
        watches = (*self._sampled, *self._averaged)
        return frozenset(w.rung.key for w in watches if w.busy and w.held.clear_us is None)

    @property
    def warming(self) -> bool:
        """Whether the newest valid sample was taken in warm-up."""
        return self._warming

    def is_blind(self, now_us: int) -> bool:
        """Whether it gives no good reading now: nothing that it measured can be judged gone by itself."""
        return not self._last_good or self._good_us is None or now_us - self._good_us > self._lost_us

    def judges_air(self, condition: str) -> bool:
        """Whether a condition is about the air and not about the sensor's health."""
        return any(watch.rung.sampled or watch.rung.averaged for watch in self._by_condition.get(condition, ()))

    def crossed(self, condition: str | None, x: float) -> Rung | None:
        """The lowest rung from Warning on that a figure is over, as if every mean were this figure.

        condition: None for any.
        """
        watches = (w for w in (*self._sampled, *self._averaged) if condition in (None, w.rung.condition))
        over = (w.rung for w in watches if w.rung.priority >= Priority.WARNING and w.crosses(x))
        return min(over, key=lambda rung: rung.priority, default=None)

    def not_gone(self, condition: str, now_us: int) -> str | None:
        """Why a condition cannot be called gone now, None when good data say that it is."""
        if self.is_blind(now_us):
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

    def _stays_calm(self, value: float) -> bool:
        """Whether a good value is near no rung and changed slowly: then all values in a band about it do."""
        calm = self._rate.calm
        if not self._low < value < self._high or not abs(value - self._value) <= calm:
            return False
        self._floor, self._roof = max(self._low, value - calm / 2), min(self._high, value + calm / 2)
        return True

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
        steep = None
        if usable:
            change = math.nan if self._warming else value - self._value
            steep = self._rate.too_fast(change, now_us - (self._valid_us or 0))
            self._value, self._floor = math.nan if self._warming else value, math.inf
            self._valid_us = now_us
            if (not self._warming and not self.out_of_service) or self._watch_us is None:
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
            for watch in (*self._silence, self._spike, *([self._steep] if self._steep and steep is None else [])):
                if watch.held.beyond and not (self.out_of_service and watch.rung.statistic == "unwatched"):
                    watch.held.judge(now_us, False, 0, watch.rung.off_us)
        if steep is not None and self._steep is not None:
            self._steep.x = steep
            self._steep.held.trip()

    def _judge_sample(self, now_us: int, value: float, *, over: bool, good: bool) -> None:
        for watch in self._sampled:
            if watch.crosses(value) or (over and watch.rung.enters_over_range):
                warming = self._warms(watch)
                watch.crossing_sample(now_us, value, over=over, warming=warming, hold_us=HOLD_US, need=self._need)
            elif good and watch.busy and watch.good_sample_below(now_us, value, HOLD_US, self._need):
                self._spike.x = watch.x
                self._spike.held.trip()

    def _warms(self, watch: Watch) -> bool:
        return self._warming and watch.rung.key not in self._shared

    def _judge_ahead(self, trend: Trend, now_us: int, value: float, *, over: bool, good: bool) -> None:
        """Where a rising gas will be once the cell has followed: raises, never clears (limits reference 4.4).

        A channel that has shown a SPIKE of less than 5 s, is over range or in warm-up has no trend; one that rises
        steeply has (`alerts/rate.py`). A prediction that fails is no spike.
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
            if self._warms(watch):
                continue
            x, covered_s = mean_of(figures, rung.statistic)
            known = covered_s >= COVERED_S[rung.statistic] and math.isfinite(x)
            crossed: bool | None = None
            if known and watch.crosses(x):
                crossed, watch.x = True, x
            elif good and known:
                most = at_worst(figures, rung, x, self._full_scale)
                crossed = False if not held.beyond or watch.inside(most) else None
            if crossed is not None or (good if held.beyond else watch.pending):
                held.judge(now_us, crossed, rung.on_us, rung.off_us)

    def _announce(self) -> None:
        busy = self.out_of_service
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
        self._floor = math.inf
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
            "value": None if math.isnan(self._value) else self._value,
            "shared": sorted(self._shared), "out": self.out_of_service,
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
        value = state.get("value")  # not in snapshots of the first versions, like the two after it
        self._value = math.nan if value is None else value
        self._shared, self.out_of_service = frozenset(state.get("shared", ())), state.get("out", False)
        self._hang()
        by_key = {watch.rung.key: watch for watch in self._watches}
        for key, held in state["watches"].items():
            if key in by_key:
                by_key[key].load(held)
        for condition, key in state["top"].items():
            if condition in self._top:
                self._top[condition] = by_key.get(key)
        self._busy = self.out_of_service or any(watch.busy for watch in self._watches)
