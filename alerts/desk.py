"""All alarms of the site: what sensors, protocols and people say, joined.

Pure: time comes as a `Moment`, nothing is read or sent; the same input gives the same alarms. How an alarm lives is
`alerts/ledger.py`, when a sensor raises or clears is `alerts/rules.py`, what people order is `alerts/orders.py`.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from alerts import consistency
from alerts.ladder import LimitsOf, is_dead_end, neighbours, rungs_for
from alerts.ledger import Ledger
from alerts.machine import BEYOND
from alerts.model import Alarm, Finding, Priority, Reply, Transition
from alerts.orders import Orders
from alerts.record import Level, Record
from alerts.rules import SensorRules
from alerts.watch import Held
from gateway.domain.events import Request
from gateway.domain.figures import Figures
from gateway.domain.moment import SECOND_US, Moment, rfc3339
from gateway.domain.quality import Quality
from gateway.domain.site import SensorConfig, Site

_PRIORITY: Final = {priority.word: priority for priority in Priority}


class AlarmDesk:
    """The desk.

    limits: the limit tables by quantity and regimes (`gateway.domain.limits.limits_for`). full_scale: of each sensor
    in the order of the site file [canonical unit], None where unknown.
    """

    def __init__(self, site: Site, limits: LimitsOf, full_scale: Sequence[float | None]) -> None:
        near = neighbours(site)
        zones = {zone.id: zone for zone in site.zones}
        dead_ends = {zone.id for zone in site.zones if is_dead_end(zone, near)}
        self._rules = [
            SensorRules(
                sensor,
                rungs_for(sensor, zones[sensor.zone], limits, site.site.alarm_regimes, full,
                          dead_end=sensor.zone in dead_ends),
                full,
            )
            for sensor, full in zip(site.sensors, full_scale, strict=True)
        ]  # fmt: skip
        self._rules_of = {rules.sensor.id: rules for rules in self._rules}
        self._ledger = Ledger({sensor.id: sensor for sensor in site.sensors}, dead_ends)
        self._subjects = {"gateway", *zones, *self._rules_of}
        self._subjects |= {source.id for source in site.sources} | {actuator.id for actuator in site.actuators}

        oxygen = [i for i, sensor in enumerate(site.sensors) if sensor.quantity == "o2"]
        fresh = next((i for i in oxygen if zones[site.sensors[i].zone].kind == "portal"), None)
        self._oxygen_at = [(self._rules[i], near[site.sensors[i].zone]) for i in oxygen]
        self._followers = {fresh: [self._rules[i] for i in oxygen if i != fresh]} if fresh is not None else {}
        alike: dict[tuple[str, str], list[SensorRules]] = {}
        for rules in self._rules:
            alike.setdefault((rules.sensor.zone, rules.sensor.quantity), []).append(rules)
        self._twins = tuple(tuple(group) for group in alike.values() if len(group) > 1)
        self._site, self._pairs = site, consistency.pairs(site)
        self.orders = Orders(self._ledger, self._rules_of)

    # -- what the engine brings ---------------------------------------------------------------------------------------

    def sample(self, moment: Moment, i: int, value: float, quality: int, reason: int, figures: Figures) -> None:
        """One live sample of sensor i, conditioned. value: [canonical unit]; figures: as of it."""
        rules = self._rules[i]
        rules.sample(moment, value, quality, reason, figures)
        if i in self._followers:
            self._refer(i, value if quality == Quality.GOOD else math.nan)
        if rules.findings:
            self._drain(moment, i)

    def tick(self, moment: Moment, figures_of: Callable[[int], Figures]) -> None:
        """One second passed: silence, delays, shelves and suppressions end."""
        self._share_warm_up()
        for i, rules in enumerate(self._rules):
            self.orders.attend(moment, rules)
            rules.tick(moment, figures_of(i))
            if rules.findings:
                self._drain(moment, i)
        for pair in self._pairs:
            beyond = consistency.is_inconsistent(pair, figures_of(pair.o2), figures_of(pair.co2))
            self.state(moment, consistency.finding(self._site, pair, beyond))
        for record in self._ledger.records.values():
            if record.held is not None:
                record.held.judge(moment.now_us, record.verdict, record.on_us, record.off_us)
                self._settle(moment, record)
        self._ledger.end_overlays(moment)

    def report(
        self, moment: Moment, subject: str, condition: str, beyond: bool | None, *, zone: str | None = None,
        priority: Priority = Priority.WARNING, value: float | None = None, limit: float | None = None,
        unit: str | None = None, latch: bool = False, on_s: float = 0, off_s: float = 0, reason: str | None = None,
        sensor: str | None = None, source: str | None = None, extra: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """A condition judged elsewhere. beyond None: unknown, neither raises nor clears.

        It is a level and stands until said otherwise. Raises ValueError for what a sensor's own rules judge.
        """
        rules = self._rules_of.get(subject)
        if rules is not None and rules.knows(condition):
            raise ValueError(f"{subject}.{condition} is judged by the sensor's own rules")
        record = self._ledger.record(subject, condition, zone, sensor)
        if record.held is None:
            record.held = Held()
        record.reported = True
        if beyond or record.claim is None:
            record.claim = Level(priority, value, limit, unit, None, source, latch, reason, extra)
        record.verdict, record.on_us, record.off_us = beyond, round(on_s * SECOND_US), round(off_s * SECOND_US)
        record.held.judge(moment.now_us, beyond, record.on_us, record.off_us)
        self._settle(moment, record)

    def state(self, moment: Moment, found: Finding) -> None:
        """A finding, reported."""
        self.report(
            moment, found.subject, found.condition, found.beyond, zone=found.zone, priority=found.priority,
            sensor=found.sensor, value=found.value, limit=found.limit, unit=found.unit, latch=found.latch,
            on_s=found.on_s, off_s=found.off_s, reason=found.reason, source=found.source,
        )  # fmt: skip

    def set_occupancy(self, moment: Moment, zone: str, state: str) -> None:
        """Who is inside a zone: occupied, empty (verified) or unknown (limits reference 6.6). Unknown until told."""
        self._ledger.set_occupancy(moment, zone, state)

    def suppress(self, moment: Moment, zones: Iterable[str], until_us: int, reason: str) -> None:
        """A declared blast: what it must cause is suppressed in `zones` while they are verified empty.

        until_us: engine time [µs]. A second call with the same reason replaces the first. Never suppressed whatever
        is asked: CH4, fans, the intake guard, silence (limits reference 7.2.1).
        """
        self._ledger.suppress(moment, zones, until_us, reason)

    def unsuppress(self, moment: Moment, reason: str) -> None:
        """That suppression ends now: what still holds announces itself."""
        self._ledger.unsuppress(moment, reason)

    def request(self, moment: Moment, request: Request) -> Reply:
        """A person acknowledges, shelves, unshelves, resets, takes out of service. Idempotent by the request's id."""
        return self.orders.request(moment, request)

    def adopt(self, moment: Moment, document: Mapping[str, Any]) -> bool:
        """A retained alarm of a former life that this desk has never known: it stands, unacknowledged, `recovered`.

        It latches: good data must judge it gone, and a person must acknowledge and reset. False when it was known
        (what the desk says stands) or is no alarm document.
        """
        name, condition = document.get("alarm"), document.get("condition")
        priority = _PRIORITY.get(str(document.get("priority")))
        if not isinstance(name, str) or not isinstance(condition, str) or priority is None:
            return False
        subject = name.removesuffix(f".{condition}")
        if name != f"{subject}.{condition}" or name in self._ledger.records:
            return False
        record = self._ledger.record(subject, condition, _text(document, "zone"), _text(document, "sensor"))
        level = Level(
            priority, _number(document, "value"), _number(document, "limit"), _text(document, "unit"),
            _text(document, "regime"), _text(document, "source"), latch=True, reason="recovered",
        )  # fmt: skip
        record.alarm.drill = document.get("drill") is True
        record.alarm.occurrence = max(1, int(_number(document, "occurrence") or 1)) - 1  # the trip counts it again
        self._ledger.judged(moment, record, level, since_us=_utc_us(document.get("since"), moment.utc_us))
        self._reclaim(record)
        return True

    # -- what the engine takes ----------------------------------------------------------------------------------------

    def transitions(self) -> list[Transition]:
        """What changed since the last call, in order."""
        taken, self._ledger.transitions = self._ledger.transitions, []
        return taken

    def active(self) -> list[Alarm]:
        """Alarms that are not normal, the oldest first."""
        return [record.alarm for record in self._ledger.active.values()]

    def alarm(self, name: str) -> Alarm | None:
        """An alarm by its id, also one that is normal again; None when it never was."""
        record = self._ledger.records.get(name)
        return record.alarm if record else None

    def out_of_service(self) -> list[SensorConfig]:
        """Sensors that an officer has taken out of service now."""
        return self.orders.out_of_service()

    def document(self, alarm: Alarm, moment: Moment) -> dict[str, Any]:
        """The payload of `alarm/{alarm}` as it stands at `moment`."""
        return self._ledger.records[alarm.alarm].document() | {"time": rfc3339(moment.utc_us)}

    # -- inside -------------------------------------------------------------------------------------------------------

    def _drain(self, moment: Moment, i: int) -> None:
        rules = self._rules[i]
        found, rules.findings = rules.findings, []
        for condition, rung, x in found:
            record = self._ledger.record(rules.sensor.id, condition, None, None)
            self._ledger.judged(moment, record, Level.of(rung, x) if rung else None)
            if condition == "comm_lost" and rung and i in self._followers:
                self._refer(i, math.nan)
            if condition == "oxygen_low":
                self._look_around()

    def _refer(self, i: int, value: float) -> None:
        for rules in self._followers[i]:
            rules.set_reference(value)

    def _look_around(self) -> None:
        """Oxygen too low in two neighbouring zones is no longer one place's matter (limits reference 6.3)."""
        low = {
            rules.sensor.zone
            for rules, _ in self._oxygen_at
            if (rung := rules.top("oxygen_low")) is not None and rung.priority >= Priority.HIGH
        }
        for rules, near in self._oxygen_at:
            rules.set_neighbour_low(bool(near & low))

    def _settle(self, moment: Moment, record: Record) -> None:
        level = record.claim if record.held is not None and record.held.beyond else None
        if level != record.level:
            self._ledger.judged(moment, record, level)

    def _share_warm_up(self) -> None:
        """What a cell in warm-up shows counts from its start where a good one beside it is over the same rung (6.5)."""
        for group in self._twins:
            for rules in group:
                others = [one.over() for one in group if one is not rules and not one.warming] if rules.warming else []
                rules.share(frozenset().union(*others))

    def _reclaim(self, record: Record) -> None:
        """Give an alarm that stands back to whoever judges it; until somebody of this life does, a person may."""
        alarm = record.alarm
        rules = self._rules_of.get(alarm.sensor or "")
        if rules is not None and rules.knows(alarm.condition):
            rules.adopt(alarm.condition, alarm.priority)
        else:
            record.held, record.claim = Held(beyond=True), record.level
            record.verdict, record.reported = None, False

    # -- over a restart -----------------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """Everything that later behaviour depends on, as plain values for msgpack. Take the transitions first."""
        return self._ledger.dump() | {
            "rules": {rules.sensor.id: rules.dump() for rules in self._rules},
            "replies": self.orders.dump(),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """What `dump` gave, also under an edited site file: what it no longer judges, a person does."""
        self._ledger.load(state)
        self.orders.load(state["replies"])
        for rules in self._rules:
            if rules.sensor.id in state["rules"]:
                rules.load(state["rules"][rules.sensor.id])
        for record in self._ledger.active.values():
            alarm = record.alarm
            subject = alarm.alarm.removesuffix(f".{alarm.condition}")
            judge = self._rules_of.get(alarm.sensor or "")
            unjudged = record.held is None and (judge is None or judge.top(alarm.condition) is None)
            if alarm.underlying in BEYOND and (unjudged or subject not in self._subjects):
                self._reclaim(record)


def _text(document: Mapping[str, Any], key: str) -> str | None:
    value = document.get(key)
    return value if isinstance(value, str) else None


def _number(document: Mapping[str, Any], key: str) -> float | None:
    value = document.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _utc_us(value: object, otherwise_us: int) -> int:
    """A time of the interface [µs since 1970 UTC], `otherwise_us` where there is none."""
    try:
        return round(datetime.fromisoformat(str(value)).timestamp() * SECOND_US)
    except (ValueError, OverflowError, OSError):
        return otherwise_us
