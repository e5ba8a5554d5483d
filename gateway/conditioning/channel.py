"""Conditioning: a raw sample becomes a value with quality, reason and its place in time. Pure.

The order: absurd, calibration, what the driver said, under-range, stuck, warm-up, over-range, doubt of the cell, clock.
A sample never gets better on the way, and what is not live is `late`, whatever else it is.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from gateway.conditioning.bump import NaturalBump
from gateway.conditioning.calibration import CalibrationAge
from gateway.conditioning.cross_gas import CrossGas
from gateway.conditioning.doubt import Doubt
from gateway.conditioning.ranges import LODS_PRESENT, LSBS_A_LOD, NEVER_NEGATIVE, RANGED, resolve_resolution
from gateway.conditioning.stale import Silence
from gateway.conditioning.stuck import Stuck
from gateway.domain.events import Delivery, Sample
from gateway.domain.moment import NO_TIME, SECOND_US, Moment
from gateway.domain.quality import ABSURD_ABOVE, Quality, Reason
from gateway.domain.site import Site

OVER_RANGE_FRACTION: Final = 0.98
"""Of full scale: from here on the value is a lower bound (limits reference 6.5)."""
UNDER_RANGE_FRACTION: Final = 0.02
"""Under-range: below −2 % of full scale or below −3 × LOD (limits reference 6.5)."""

CLOCK_AGREES_US: Final = 5 * SECOND_US
"""A source's time places a live sample if it is this near to receipt (design, "Time")."""
EARLIEST_US: Final = 1_577_836_800 * SECOND_US
"""2020-01-01: a backlog sample dated earlier comes from a clock that was never set; it has no time."""

_GOOD, _UNCERTAIN, _BAD, _LATE = (int(quality) for quality in Quality)
_NONE: Final = int(Reason.NONE)
_OVER_RANGE: Final = int(Reason.OVER_RANGE)
_UNCALIBRATED: Final = int(Reason.UNCALIBRATED)
_BUMP_SUSPECT: Final = int(Reason.BUMP_SUSPECT)
_UNDER_RANGE: Final = int(Reason.UNDER_RANGE)
_WARMING_UP: Final = int(Reason.WARMING_UP)
_CROSS_GAS: Final = int(Reason.CROSS_GAS)
_ABSURD: Final = int(Reason.ABSURD)
_STUCK: Final = int(Reason.STUCK)
_CLOCK: Final = int(Reason.CLOCK)
_BACKLOG: Final = int(Reason.BACKLOG)
_LIVE: Final = int(Delivery.LIVE)

Conditioned = tuple[float, int, int, int]
"""(value, quality, reason, time_us): canonical unit, NaN without one; codes; place in history [µs UTC] or NO_TIME."""


class Conditioner:
    """The state of all sensors of a site. Indexes are positions in `site.sensors`.

    full_scale: end of range per sensor [canonical unit], None if unknown. warm_up_s: per sensor [s].
    """

    def __init__(self, site: Site, full_scale: Sequence[float | None], warm_up_s: Sequence[float]) -> None:
        sensors = site.sensors
        self._ids = [sensor.id for sensor in sensors]
        self._zero = [s.calibration.zero if s.calibration else 0.0 for s in sensors]
        self._span = [s.calibration.span if s.calibration else 1.0 for s in sensors]
        infinite = float("inf")
        self._over = [
            infinite if full is None or sensor.quantity not in RANGED else OVER_RANGE_FRACTION * full
            for sensor, full in zip(sensors, full_scale, strict=True)
        ]
        self._under = [
            -_under_range(resolve_resolution(sensor), full) if sensor.quantity in NEVER_NEGATIVE else -infinite
            for sensor, full in zip(sensors, full_scale, strict=True)
        ]
        self._warm_up = [round(seconds * SECOND_US) for seconds in warm_up_s]
        self._warm_until = [NO_TIME if seconds else 0 for seconds in self._warm_up]  # NO_TIME: not begun
        self._silence = Silence(sensors)
        self._stuck = Stuck(site)
        self._tracks = self._stuck.tracks
        self._cross_gas = CrossGas(sensors)
        self._drives_from = self._cross_gas.drives_from
        self._calibration = CalibrationAge(sensors)
        self._doubt = Doubt(sensors)
        self._bump = NaturalBump(site)
        self._minded = [False] * len(sensors)  # whether the sensor's past has a say in its next sample
        self._remember()

    @property
    def heard_us(self) -> Sequence[int]:
        """When each sensor last gave a live sample that was not bad [engine time, µs]; NO_TIME until the first tick."""
        return self._silence.heard

    def condition(self, moment: Moment, delivery: int, sample: Sample) -> Conditioned:
        """One sample of a pack that came by `delivery` at `moment`.

        A sample that is not live keeps its own time and is `late`, with its own reason or `backlog`; it moves no state.
        """
        i = sample.sensor
        raw = sample.value
        quality = sample.quality
        reason = sample.reason
        live = delivery == _LIVE
        now = moment.now_us
        if -ABSURD_ABOVE <= raw <= ABSURD_ABOVE:
            value = (raw - self._zero[i]) * self._span[i]
        else:  # also NaN
            value = raw
            if quality < _BAD:  # a driver that gives no value says bad, and why
                quality, reason = _BAD, _ABSURD
        if quality < _BAD:
            if not -ABSURD_ABOVE <= value <= ABSURD_ABOVE:
                quality, reason = _BAD, _ABSURD
            elif value < self._under[i]:
                crossed = self._cross_gas.explains(i, now)
                quality, reason = _BAD, _CROSS_GAS if crossed else _UNDER_RANGE
                if crossed and live:
                    self._cross_gas.crossed(i, now)
            else:
                over = value >= self._over[i]
                if live:
                    if value >= self._drives_from[i]:
                        self._cross_gas.raised(i, now)
                    if self._tracks[i] and self._stuck.judge(i, raw, value, now) and not over:
                        quality, reason = _BAD, _STUCK
                if quality < _BAD:
                    if live and self._warms_up(i, now):
                        quality, reason = _UNCERTAIN, _WARMING_UP
                    elif over and reason != _WARMING_UP:
                        quality, reason = _UNCERTAIN, _OVER_RANGE
                    if live and (self._minded[i] or reason == _OVER_RANGE):
                        quality, reason = self._mind(i, value, quality, reason, now)
        source = sample.source_us
        if not live:
            return value, _LATE, reason or _BACKLOG, _own_time(source, moment)
        if quality != _BAD:
            self._silence.hear(i, now)
        if source == NO_TIME:
            return value, quality, reason, moment.utc_us
        if -CLOCK_AGREES_US <= source - moment.utc_us <= CLOCK_AGREES_US:
            return value, quality, reason, source
        if quality == _GOOD:
            return value, _UNCERTAIN, _CLOCK, moment.utc_us
        return value, quality, reason, moment.utc_us

    def tick(self, moment: Moment) -> list[int]:
        """Sensors that fell silent since the last tick: no live sample but bad ones for max(30 s, 3 × period).

        A new day makes calibrations older; the window of a blast ends.
        """
        if self._calibration.tick(moment):
            self._remember()
        self._suspect(self._bump.tick(moment.now_us))
        return self._silence.silent(moment)

    def is_silent(self, sensor: int) -> bool:
        """Whether `tick` has told it silent and it has not been heard since."""
        return self._silence.is_silent(sensor)

    def resume(self, moment: Moment) -> None:
        """The gateway itself was away until `moment`: silence counts from here, for nobody listened before."""
        self._silence.resume(moment)
        if self._calibration.tick(moment):
            self._remember()

    def restart(self, moment: Moment, sensors: Iterable[int]) -> None:
        """These devices were switched on at `moment` (replugged, a new boot number): their warm-up begins."""
        for i in sensors:
            if self._warm_up[i]:
                self._warm_until[i] = moment.now_us + self._warm_up[i]

    def overdue(self, sensor: int) -> int:
        """The sensor's calibration: 0 in time, or of no known date; 1 overdue; 2 by more than its whole interval."""
        return self._calibration.overdue[sensor]

    def minutes_over_range(self, sensor: int) -> float:
        """Time that a gas cell has spent over range since it is known here [min]: it shortens its life."""
        return self._doubt.minutes_over_range(sensor)

    def blast_fired(self, moment: Moment, fired_us: int, zones: Iterable[str], *, detected: bool) -> None:
        """A declared blast was fired at `fired_us` [engine time µs]; zones: its influence. May be told again and again.

        detected: the fumes themselves told of the shot, nobody else did.
        """

        def newest(i: int) -> float:
            heard = self._silence.heard[i]
            fresh = heard != NO_TIME and moment.now_us - heard < self._silence.max_age[i]
            return (self._stuck.newest(i) - self._zero[i]) * self._span[i] if fresh else float("nan")

        if fired_us > self._bump.fired_us:
            self._suspect(self._bump.fired(moment.now_us, fired_us, zones, newest, detected=detected))
            self._remember()

    def bump_tested(self, moment: Moment, sensor: int, *, passed: bool = True) -> None:
        """A person gave gas to a sensor, or calibrated it, and it responded as it should (or did not)."""
        del moment
        self._doubt.tested(sensor, passed=passed)
        if passed:
            self._bump.proved(sensor)
        self._remember()

    def dump(self) -> dict[str, Any]:
        """All state, msgpack-able; `load` of it continues as if nothing had happened."""
        return {
            "warm": dict(zip(self._ids, self._warm_until, strict=True)),
            "silence": self._silence.dump(),
            "stuck": self._stuck.dump(),
            "cross_gas": self._cross_gas.dump(),
            "calibration": self._calibration.dump(),
            "doubt": self._doubt.dump(),
            "bump": self._bump.dump(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up what `dump` gave; sensors that the site file no longer has are forgotten."""
        warm = state["warm"]
        self._warm_until = [
            warm.get(name, at) if up else 0
            for name, at, up in zip(self._ids, self._warm_until, self._warm_up, strict=True)
        ]
        self._silence.load(state["silence"])
        self._stuck.load(state["stuck"])
        if "cross_gas" in state:  # not in snapshots of the first versions
            self._cross_gas.load(state["cross_gas"])
            self._calibration.load(state["calibration"])
            self._doubt.load(state["doubt"])
            self._bump.load(state["bump"])
        self._remember()

    def _warms_up(self, i: int, now: int) -> bool:
        """Whether the sensor is in its warm-up, which its first sample ever begins."""
        until = self._warm_until[i]
        if until == NO_TIME:
            until = self._warm_until[i] = now + self._warm_up[i]
        return now < until

    def _mind(self, i: int, value: float, quality: int, reason: int, now: int) -> tuple[int, int]:
        """What the sensor's past makes of a usable live sample, and what this sample adds to it. Only ever worse."""
        if reason == _WARMING_UP:  # says nothing yet, neither of gas nor of its zero
            return quality, reason
        if reason == _OVER_RANGE:
            self._doubt.over(i, now)
        else:
            self._doubt.in_range(i, value, now, good=quality == _GOOD)
        if self._bump.open[i] and self._bump.sample(i, value, now):
            self._doubt.answered(i)
        self._minded[i] = self._has_past(i)
        if quality != _GOOD:
            return quality, reason
        if self._doubt.is_suspect(i):
            return _UNCERTAIN, _BUMP_SUSPECT
        if self._cross_gas.is_suspect(i, now):
            return _UNCERTAIN, _CROSS_GAS
        if self._calibration.overdue[i]:
            return _UNCERTAIN, _UNCALIBRATED
        return quality, reason

    def _has_past(self, i: int) -> bool:
        return bool(
            self._calibration.overdue[i]
            or self._bump.open[i]
            or self._doubt.is_open(i)
            or self._cross_gas.drives_no2[i]
        )

    def _remember(self) -> None:
        self._minded = [self._has_past(i) for i in range(len(self._ids))]

    def _suspect(self, sensors: Iterable[int]) -> None:
        """These kept silent at blasts that their neighbours answered."""
        for i in sensors:
            self._doubt.silent(i)
            self._minded[i] = True


def _under_range(resolution: float, full_scale: float | None) -> float:
    """How far below zero a cell may read [canonical unit]; infinite when nothing is known of it."""
    bounds = [LODS_PRESENT * LSBS_A_LOD * resolution] if resolution > 0.0 else []
    if full_scale is not None:
        bounds.append(UNDER_RANGE_FRACTION * full_scale)
    return min(bounds, default=float("inf"))


def _own_time(source: int, moment: Moment) -> int:
    """The place of a backlog sample: its own time, unless no clock can have said it."""
    if source < EARLIEST_US or (moment.trusted and source > moment.utc_us + CLOCK_AGREES_US):
        return NO_TIME
    return source
