"""The life of every alarm: states, overlays and transitions, whoever judges its condition.

Who is inside decides what High and Evacuate mean (limits reference 6.6): in a zone that is verified empty they close
the access, and they become real the second it is not. What a declared blast must cause is suppressed by design, only
in its zones, only while these are verified empty, only until its end (7.2.1). A sensor out of service keeps its alarms
of the air; those of its own health stand aside until a given end (6.1, state I).
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from alerts.conditions import serviceable, suppressible
from alerts.machine import BEYOND, Effect, Event, shown, step
from alerts.model import Alarm, Priority, State, Transition
from alerts.record import Hush, Level, Record, Service, Shelf
from gateway.domain.moment import Moment, rfc3339
from gateway.domain.site import SensorConfig

EMPTY: Final = "empty"
"""Verified by a named person's count; everything else counts as not empty."""


class Ledger:
    """All alarms that ever were, by `{subject}.{condition}`. Occurrences are counted, nothing is random.

    sensors: the configured sensors by id. dead_ends: ids of zones with one way out.
    """

    def __init__(self, sensors: Mapping[str, SensorConfig], dead_ends: Iterable[str]) -> None:
        self._sensors = sensors
        self._dead_ends = frozenset(dead_ends)
        self.records: dict[str, Record] = {}
        self.active: dict[str, Record] = {}
        self._occupancy: dict[str, str] = {}
        self._hushes: list[Hush] = []
        self.services: dict[str, Service] = {}
        self.transitions: list[Transition] = []

    def record(self, subject: str, condition: str, zone: str | None, sensor: str | None) -> Record:
        """The record of an alarm, a new one where there was none."""
        name = f"{subject}.{condition}"
        if name in self.records:
            return self.records[name]
        config = self._sensors.get(subject) or self._sensors.get(sensor or "")
        record = Record(Alarm(name, condition, zone, sensor))
        if config is not None:
            record.alarm.zone, record.alarm.sensor = zone or config.zone, config.id
            record.quantity = config.quantity
            record.suppressible = config.role != "intake_guard" and suppressible(condition, config.quantity)
        record.dead_end = record.alarm.zone in self._dead_ends
        self.records[name] = record
        return record

    # -- states -------------------------------------------------------------------------------------------------------

    def judged(self, moment: Moment, record: Record, level: Level | None, since_us: int | None = None) -> None:
        """A condition came to a level, or to nothing. since_us: UTC [µs] where it began before now.

        An alarm that latches is gone when nothing from Warning on holds: a Notice that is left begins anew after it.
        """
        alarm, state = record.alarm, record.alarm.underlying
        record.level = level
        if level is None or (record.latch and state is not State.NORMAL and level.priority is Priority.NOTICE):
            alarm.beyond = False
            if state in BEYOND:
                self.step(moment, record, Event.LAPSE if record.lapses else Event.CLEAR)
            if level is not None and alarm.underlying is State.NORMAL:
                self.judged(moment, record, level)
            return
        alarm.beyond = True
        if state in BEYOND:
            if level.priority > alarm.priority:
                record.show(level)
                record.latch = record.latch or level.latch
                self.step(moment, record, Event.ESCALATE, reason=level.reason)
            return
        if state is State.NORMAL:
            alarm.occurrence += 1
            alarm.since_us = moment.utc_us if since_us is None else since_us
            record.latch = False
            record.lapses = self._hush_of(record) is not None
        record.show(level)
        record.latch = record.latch or level.latch
        self.step(moment, record, Event.TRIP, reason=level.reason)

    def step(
        self, moment: Moment, record: Record, event: Event,
        by: str | None = None, comment: str | None = None, reason: str | None = None,
    ) -> None:  # fmt: skip
        """One event of the table, and the transition that it makes."""
        alarm = record.alarm
        old, beneath = alarm.state, alarm.underlying
        alarm.underlying, effect = step(beneath, event, latching=record.latch)
        if event is Event.ACK:
            alarm.acknowledged_by = by
        if effect is Effect.ANNUNCIATE:
            alarm.acknowledged_by = None
            if alarm.priority >= Priority.HIGH:
                record.shelf = None  # what grew out of what was muted is not muted
        if alarm.underlying is State.NORMAL:
            record.latch = record.lapses = False
        self._lay_over(record)
        if alarm.state is not old or alarm.underlying is not beneath or effect is Effect.ANNUNCIATE:
            self._emit(moment, record, old, by, comment, reason)
        if alarm.underlying is State.NORMAL:
            alarm.acknowledged_by = None

    def _emit(
        self, moment: Moment, record: Record, old: State,
        by: str | None = None, comment: str | None = None, reason: str | None = None,
    ) -> None:  # fmt: skip
        alarm = record.alarm
        document = record.document() | {"time": rfc3339(moment.utc_us)}
        self.transitions.append(
            Transition(
                moment.utc_us, alarm.alarm, alarm.occurrence, old, alarm.state, alarm.priority, alarm.condition,
                alarm.zone, alarm.sensor, alarm.value, alarm.limit, by, comment, reason, document,
            )
        )  # fmt: skip

    # -- what is laid over them ---------------------------------------------------------------------------------------

    def set_occupancy(self, moment: Moment, zone: str, state: str) -> None:
        """Who is inside: occupied, empty (verified) or unknown; unknown until told."""
        was_empty, is_empty = self._occupancy.get(zone) == EMPTY, state == EMPTY
        self._occupancy[zone] = state
        if was_empty is is_empty:
            return
        for record in [record for record in self.active.values() if record.alarm.zone == zone]:
            alarm = record.alarm
            if not is_empty and alarm.priority >= Priority.HIGH and alarm.underlying in BEYOND:
                self.step(moment, record, Event.ESCALATE, reason=f"zone_{state}")  # access closed becomes real
            else:
                self._review(moment, record, f"zone_{state}")

    def suppress(self, moment: Moment, zones: Iterable[str], until_us: int, reason: str) -> None:
        """Suppress by design until `until_us` (engine time); the same reason again replaces."""
        until_utc_us = moment.utc_us + until_us - moment.now_us
        self._hushes = [hush for hush in self._hushes if hush.reason != reason]
        self._hushes.append(Hush(tuple(zones), until_us, until_utc_us, reason))
        self._review_all(moment, reason)

    def unsuppress(self, moment: Moment, reason: str) -> None:
        """End it now: what still holds announces itself."""
        kept = [hush for hush in self._hushes if hush.reason != reason]
        if len(kept) != len(self._hushes):
            self._hushes = kept
            self._review_all(moment, "suppression_over")

    def shelve(self, moment: Moment, record: Record, away_us: int, by: str, comment: str | None) -> None:
        """A person mutes an alarm for a while, or with 0 no longer."""
        record.shelf = Shelf(moment.now_us + away_us, moment.utc_us + away_us, by) if away_us else None
        old = record.alarm.state
        self._lay_over(record)
        self._emit(moment, record, old, by, comment, "shelve" if away_us else "unshelve")

    def serve(self, moment: Moment, target: str, away_us: int, by: str, reason: str) -> None:
        """A sensor, or one alarm of it, is out of service for a while; again renews, with 0 it is back."""
        before = self.services.pop(target, None)
        if away_us:
            since_us = before.since_us if before else moment.now_us
            self.services[target] = Service(
                since_us, moment.now_us + away_us, moment.utc_us + away_us, by, reason
            )
        self._review_all(moment, "out_of_service" if away_us else "in_service", by, reason)

    def end_overlays(self, moment: Moment) -> None:
        """Let shelves, services and suppressions end whose time is over."""
        if any(service.until_us <= moment.now_us for service in self.services.values()):
            self.services = {name: one for name, one in self.services.items() if one.until_us > moment.now_us}
            self._review_all(moment, "service_over")
        for record in self.records.values():
            if record.shelf is not None and record.shelf.until_us <= moment.now_us:
                record.shelf = None
                self._review(moment, record, "shelf_over")
        if any(hush.until_us <= moment.now_us for hush in self._hushes):
            self._hushes = [hush for hush in self._hushes if hush.until_us > moment.now_us]
            self._review_all(moment, "suppression_over")

    def _lay_over(self, record: Record) -> None:
        """Put the second fact over the alarm's own state: suppression, shelf, closed access."""
        alarm = record.alarm
        hush = self._hush_of(record)
        record.lapses = record.lapses and hush is not None
        overlays, alarm.until_us = set(), None
        if alarm.underlying is not State.NORMAL:
            if record.shelf is not None:
                overlays.add(State.SHELVED)
                alarm.until_us = record.shelf.until_utc_us
            if hush is not None:
                overlays.add(State.SUPPRESSED)
                alarm.until_us = hush.until_utc_us
            service = self._service_of(record)
            if service is not None:
                overlays.add(State.OUT_OF_SERVICE)
                alarm.until_us = service.until_utc_us
        alarm.state = shown(alarm.underlying, frozenset(overlays))
        alarm.extra.pop("access", None)
        if alarm.priority >= Priority.HIGH and self._occupancy.get(alarm.zone or "") == EMPTY:
            alarm.extra["access"] = "closed"
        if alarm.state is State.NORMAL:
            self.active.pop(alarm.alarm, None)
        else:
            self.active[alarm.alarm] = record

    def _hush_of(self, record: Record) -> Hush | None:
        zone = record.alarm.zone
        if not record.suppressible or zone is None or self._occupancy.get(zone) != EMPTY:
            return None
        return next((hush for hush in self._hushes if zone in hush.zones), None)

    def _service_of(self, record: Record) -> Service | None:
        alarm = record.alarm
        if not self.services or alarm.priority >= Priority.HIGH or not serviceable(alarm.condition):
            return None
        return self.services.get(alarm.alarm) or self.services.get(alarm.sensor or "")

    def _review(
        self, moment: Moment, record: Record, reason: str, by: str | None = None, comment: str | None = None
    ) -> None:
        alarm = record.alarm
        before = (alarm.state, alarm.until_us, alarm.extra.get("access"))
        self._lay_over(record)
        if before != (alarm.state, alarm.until_us, alarm.extra.get("access")):
            self._emit(moment, record, before[0], by, comment, reason)

    def _review_all(
        self, moment: Moment, reason: str, by: str | None = None, comment: str | None = None
    ) -> None:
        for record in list(self.active.values()):
            self._review(moment, record, reason, by, comment)

    # -- over a restart -----------------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """All of it but the transitions, which are to be taken first; plain values for msgpack."""
        plain: dict[str, Any] = msgspec.to_builtins({
            "records": list(self.records.values()), "active": list(self.active),
            "occupancy": self._occupancy, "hushes": self._hushes, "services": self.services,
        })  # fmt: skip
        return plain

    def load(self, state: Mapping[str, Any]) -> None:
        """What `dump` gave."""
        records = msgspec.convert(state["records"], list[Record])
        self.records = {record.alarm.alarm: record for record in records}
        self.active = {name: self.records[name] for name in state["active"]}
        self._occupancy = dict(state["occupancy"])
        self._hushes = msgspec.convert(state["hushes"], list[Hush])
        self.services = msgspec.convert(state.get("services", {}), dict[str, Service])
