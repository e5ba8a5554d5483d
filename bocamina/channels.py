"""Every channel of the site: from a pack to a conditioned value, its exposure and its verdicts. Pure, like the engine.

A sample passes here once: taken or known, conditioned, recorded, shown, summed, and judged by the alarms.
"""

import logging
import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, NamedTuple

from alerts.desk import AlarmDesk
from bocamina.decisions import Decisions, VerdictChange
from bocamina.device_ranges import full_scales
from bocamina.documents import Latest, exposure_document, reading_document
from bocamina.person_record import PersonRecord
from bocamina.shift_record import ShiftRecord
from gateway.conditioning.calibration import LONG_OVERDUE
from gateway.conditioning.channel import CLOCK_AGREES_US, Conditioner
from gateway.conditioning.intake import Intake
from gateway.conditioning.ranges import resolve_noise, resolve_warm_up
from gateway.domain.events import Delivery, Pack
from gateway.domain.figures import Figures, LimitFigure
from gateway.domain.limits import Limit
from gateway.domain.moment import NO_TIME, SECOND_US, Moment
from gateway.domain.quality import Quality, Reason
from gateway.domain.quantities import DUST
from gateway.domain.site import Site
from gateway.domain.site_limits import limits_for_site
from gateway.drivers.table import DRIVERS
from gateway.exposure.persons import Persons
from gateway.exposure.streaming import Line, Streaming, hold_s_for, window_minutes

_log = logging.getLogger(__name__)

DAY_US: Final = 86_400 * SECOND_US


class Followers(NamedTuple):
    """Who wants to know of every sample: the alarms, the persons who breathe it, the shifts that are over."""

    desk: AlarmDesk
    persons: Persons
    results: ShiftRecord
    past: PersonRecord


class Channels:
    """What every sensor of a site measures now. Indexes are positions in `site.sensors`."""

    def __init__(self, site: Site) -> None:
        self.site = site
        sensors = site.sensors
        self.full_scale = full_scales(site)
        warm_up = resolve_warm_up(site, {name: spec.warm_up_s for name, spec in DRIVERS.items()})
        self.conditioner = Conditioner(site, self.full_scale, warm_up)
        limits_of = partial(limits_for_site, site)
        self.limits: list[tuple[Limit, ...]] = [
            tuple(filter(_is_live, limits_of(s.quantity, site.site.regimes))) for s in sensors
        ]
        lines = [
            Line(
                hold_s_for(s.period_s, s.max_age_s, dust=s.quantity in DUST),
                math.nan if full is None else full,
                resolve_noise(s, None),
            )
            for s, full in zip(sensors, self.full_scale, strict=True)
        ]
        self.exposure = Streaming(lines, shift_hours=site.site.shift_hours, rolling_8h=False)
        self._intake = Intake()
        self._watching = {
            zone.id: [i for i, s in enumerate(sensors) if s.zone == zone.id and self.limits[i]] for zone in site.zones
        }
        self._day: int | None = None
        self._latest = [Latest()] * len(sensors)
        self._verdicts: list[dict[tuple[str, str, int, float], str]] = [{} for _ in sensors]
        self._boots: dict[tuple[str, str], int] = {}

    # --- Readings ----------------------------------------------------------------------------------------------------

    def pack(self, now: Moment, pack: Pack, out: Decisions, follow: Followers) -> int:
        """Take one pack; returns how many duplicates were in it."""
        delivery, short_seq = int(pack.delivery), 0
        boot, seq = pack.boot, pack.seq
        if boot is not None and seq is not None:  # counters make a pack idempotent; without them its samples' times do
            short_seq = seq % 1000
            overtaken = self._intake.overtaken(pack.node, boot, seq)
            is_new = self._intake.accept(now, pack.node, boot, seq)
            out.acks += self._intake.ack_points(now)
            if is_new and not overtaken:
                self._note_boot(now, pack, boot)
            if not is_new:
                return 1
            if overtaken and delivery == Delivery.LIVE:
                delivery = int(Delivery.BACKLOG)
        condition, take = self.conditioner.condition, self.exposure.sample
        judge, latest, persons = follow.desk.sample, self._latest, follow.persons
        duplicates = 0
        for sample in pack.samples:
            i, source_us = sample.sensor, sample.source_us
            known = (boot is None or seq is None) and not self._intake.accept_sample(i, source_us, sample.value)
            # a clock that stands (in 1970, in 2099) tells no two samples apart: live, each of them is news
            if known and (delivery != Delivery.LIVE or abs(source_us - now.utc_us) <= CLOCK_AGREES_US):
                duplicates += 1
                continue
            value, quality, reason, time_us = condition(now, delivery, sample)
            out.rows.append((i, quality, reason, delivery, time_us, sample.value, value, short_seq))
            if quality == Quality.LATE:
                follow.results.late(now, i, time_us)
                follow.past.late(now, i, time_us)
                continue
            if quality != latest[i].quality or reason != latest[i].reason:
                out.urgent.add(i)
            latest[i] = Latest(time_us, value, quality, reason)
            out.dirty.add(i)
            figures = take(i, now.now_us, value, quality, reason)
            if i in persons.watched:
                persons.reading(now.now_us, i)
            judge(now, i, value, quality, reason, figures)
        return duplicates

    def _note_boot(self, now: Moment, pack: Pack, boot: int) -> None:
        """A node that counts boots anew was switched off: its cells warm up again."""
        before = self._boots.get((pack.source, pack.node))
        self._boots[pack.source, pack.node] = boot
        if before not in (None, boot):
            cells = [i for i, s in enumerate(self.site.sensors)
                     if s.source == pack.source and s.channel.startswith(f"{pack.node}/")]  # fmt: skip
            self.conditioner.restart(now, cells)

    # --- Time --------------------------------------------------------------------------------------------------------

    def tick(self, now: Moment, out: Decisions) -> None:
        """A second passed: windows move on, who fell silent has no value any more."""
        self._follow_drift(now)
        self.exposure.advance(now.now_us)
        for i in self.conditioner.tick(now):
            self._latest[i] = Latest(self._latest[i].time_us)
            out.dirty.add(i)
            out.urgent.add(i)

    def judge(self, now: Moment, out: Decisions) -> None:
        """Hold every channel against its limits; what changed its verdict goes on record."""
        for i, limits in enumerate(self.limits):
            if limits:
                self._judge_limits(now, i, limits, out)

    def figures_at(self, now: Moment) -> Callable[[int], Figures]:
        """The live figures of a sensor as of `now`."""
        return lambda i: self.exposure.figures(i, now.now_us)

    def _follow_drift(self, now: Moment) -> None:
        """Every day a channel drifts further from its calibration and resolves less (limits reference 6.7)."""
        day = now.utc_us // DAY_US
        if day == self._day or (self._day is not None and not now.trusted):
            return
        self._day = day
        for i, sensor in enumerate(self.site.sensors):
            if sensor.drift_per_year:
                on = datetime.fromtimestamp(day * 86_400, UTC).date()
                self.exposure.set_resolution(i, resolve_noise(sensor, on))

    def _judge_limits(self, now: Moment, i: int, limits: Sequence[Limit], out: Decisions) -> None:
        known = self._verdicts[i]
        for figure in self._figures_against(i, now, limits):
            key = (figure.regime, figure.kind, figure.averaging_minutes, figure.base_limit)
            if known.get(key, "indeterminate") == figure.verdict:
                continue
            known[key] = figure.verdict
            out.verdicts.append(self._change(now, i, figure))
            out.dirty.add(i)
            out.urgent.add(i)

    def _figures_against(self, i: int, now: Moment, limits: Sequence[Limit]) -> list[LimitFigure]:
        """What sensor i's air is against limits; with a calibration long overdue it may only exceed them (6.5)."""
        figures = self.exposure.limit_figures(i, now.now_us, limits)
        if self.conditioner.overdue(i) < LONG_OVERDUE:
            return figures
        return [f._replace(verdict="indeterminate", reason="uncalibrated")
                if f.verdict == "compliant" or f.reason == "uncertain" else f for f in figures]  # fmt: skip

    def _change(self, now: Moment, i: int, figure: LimitFigure) -> VerdictChange:
        sensor = self.site.sensors[i]
        return VerdictChange(
            now.utc_us, sensor.id, sensor.zone, sensor.quantity, figure.regime, figure.kind, figure.method,
            figure.limit, figure.value, figure.low, figure.high, figure.coverage, figure.verdict,
        )  # fmt: skip

    # --- What is asked of it -----------------------------------------------------------------------------------------

    def is_protected(self, zone: str) -> bool:
        """Whether every sensor that watches this zone's gas gives usable values now, and there is one."""
        watching = self._watching[zone]
        return bool(watching) and all(
            self._latest[i].quality <= Quality.UNCERTAIN and self._latest[i].reason != Reason.WARMING_UP
            and self.conditioner.overdue(i) < LONG_OVERDUE
            for i in watching
        )

    def documents_of(self, i: int, now: Moment) -> tuple[dict[str, Any], dict[str, Any]]:
        """`reading/…` and `exposure/…` of sensor i."""
        sensor, latest = self.site.sensors[i], self._latest[i]
        figures = self._figures_against(i, now, self.limits[i]) if self.limits[i] else []
        minutes = self.conditioner.minutes_over_range(i)
        cell = {"over_range_min": round(minutes, 1)} if minutes else {}
        return reading_document(sensor, latest) | cell, exposure_document(sensor, latest, figures) | cell

    def reach_us(self) -> int:
        """How far back the samples reach that the windows of exposure still depend on [µs]."""
        return self.exposure.reach_us(limit for limits in self.limits for limit in limits)

    # --- Over a restart ----------------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """All state but the windows of exposure, which are fed again from the journal; plain values for msgpack."""
        return {
            "conditioner": self.conditioner.dump(),
            "intake": self._intake.dump(),
            "exposure": self.exposure.dump_small(),
            "sensors": [sensor.id for sensor in self.site.sensors],
            "boots": [[*key, boot] for key, boot in self._boots.items()],
            "latest": [list(latest) for latest in self._latest],
            "verdicts": [[[list(key), verdict] for key, verdict in known.items()] for known in self._verdicts],
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up what `dump` gave, also of a site file with other sensors: what both have goes on."""
        self.conditioner.load(state["conditioner"])
        former = {ident: i for i, ident in enumerate(state["sensors"])}
        places = {former[sensor.id]: i for i, sensor in enumerate(self.site.sensors) if sensor.id in former}
        self._intake.load(state["intake"], places)
        self._boots = {(source, node): boot for source, node, boot in state["boots"]}
        self.exposure.load_small(_moved_sums(state["exposure"], [former.get(s.id) for s in self.site.sensors]))
        for i, sensor in enumerate(self.site.sensors):
            if sensor.id in former:
                self._latest[i] = Latest(*state["latest"][former[sensor.id]])
                self._verdicts[i] = {tuple(key): verdict for key, verdict in state["verdicts"][former[sensor.id]]}


def _is_live(limit: Limit) -> bool:
    """Whether the streaming core judges it; one that only a record can be held against is not dropped in silence."""
    if window_minutes(limit) is None:
        _log.warning(
            "%s %s %s over %d min is not judged live: expected up to 60 min, or 480 and more",
            limit.table, limit.quantity, limit.kind, limit.averaging_minutes,
        )  # fmt: skip
        return False
    return True


def _moved_sums(dump: dict[str, Any], places: Sequence[int | None]) -> dict[str, Any]:
    """The sums of the shift for the sensors of another site file; what a new sensor did not measure of it is gap."""
    heads, starts, sums = dump["head_us"], dump["shift_start_us"], dump["shift_sums"]
    nothing = [0] * len(sums[0]) if sums else []
    head, start = max(heads, default=NO_TIME), max(starts, default=NO_TIME)
    return dump | {
        "head_us": [head if p is None else heads[p] for p in places],
        "shift_start_us": [start if p is None else starts[p] for p in places],
        "shift_sums": [nothing if p is None else sums[p] for p in places],
        "last_valid": [None if p is None else dump["last_valid"][p] for p in places],
    }
