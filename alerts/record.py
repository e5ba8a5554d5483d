"""One alarm of the desk: the shared `Alarm`, what it needs to go on living, and the document that others read."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from alerts.conditions import judged_by_person, texts
from alerts.ladder import Rung
from alerts.model import OVERLAYS, Alarm, Priority
from alerts.watch import Held
from gateway.domain.moment import rfc3339


class Level(NamedTuple):
    """What a condition has come to: how urgent, by which figure against which limit, from which source."""

    priority: Priority
    value: float | None = None
    limit: float | None = None
    unit: str | None = None
    regime: str | None = None
    source: str | None = None
    latch: bool = False
    reason: str | None = None
    extra: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, rung: Rung, x: float | None) -> "Level":
        """The level of a sensor's rung, reached by the figure x."""
        limit = rung.limit if math.isfinite(rung.limit) else None  # a rung of the sensor's health has none
        return cls(rung.priority, x, limit, rung.unit, rung.regime, rung.source, rung.latch)


class Shelf(NamedTuple):
    """A person muted one alarm. until_us: engine time [µs]; until_utc_us: for people."""

    until_us: int
    until_utc_us: int
    by: str


class Service(NamedTuple):
    """An officer took a sensor, or one alarm of it, out of service. Times as in `Shelf`; since_us: engine time [µs]."""

    since_us: int
    until_us: int
    until_utc_us: int
    by: str
    reason: str


class Hush(NamedTuple):
    """Suppression by design of what a declared blast must cause, in its zones, until its end."""

    zones: tuple[str, ...]
    until_us: int
    until_utc_us: int
    reason: str


@dataclass(slots=True)
class Record:
    """An alarm with what the desk remembers of it.

    level: what its condition comes to now, None when gone. latch: of this occurrence. lapses: it lived under
    suppression only. held, claim, verdict, on_us, off_us: for conditions that are reported, not judged by a sensor;
    reported: somebody of this life has reported it.
    """

    alarm: Alarm
    quantity: str | None = None
    dead_end: bool = False
    suppressible: bool = False
    latch: bool = False
    level: Level | None = None
    lapses: bool = False
    shelf: Shelf | None = None
    held: Held | None = None
    claim: Level | None = None
    verdict: bool | None = None
    reported: bool = False
    on_us: int = 0
    off_us: int = 0

    @property
    def person_judges(self) -> bool:
        """Only a person can say that it is gone: by its nature, or because nothing of this site judges it."""
        return self.held is not None and (not self.reported or judged_by_person(self.alarm.condition))

    def show(self, level: Level) -> None:
        """Let the alarm speak of this level."""
        alarm = self.alarm
        alarm.priority, alarm.value, alarm.limit, alarm.unit = level.priority, level.value, level.limit, level.unit
        alarm.regime, alarm.source, alarm.reason = level.regime, level.source, level.reason
        alarm.extra = dict(level.extra or {})

    def document(self) -> dict[str, Any]:
        """The payload of `alarm/{alarm}` (interfaces, MQTT), with the texts for people beside it."""
        alarm = self.alarm
        named = texts(
            alarm.condition, alarm.priority, self.quantity,
            dead_end=self.dead_end, closed=alarm.extra.get("access") == "closed",
        )  # fmt: skip
        return {
            "alarm": alarm.alarm,
            "occurrence": alarm.occurrence,
            "state": alarm.state.value,
            "underlying": alarm.underlying.value if alarm.state in OVERLAYS else None,
            "until": rfc3339(alarm.until_us) if alarm.until_us is not None else None,
            "priority": alarm.priority.word,
            "zone": alarm.zone,
            "sensor": alarm.sensor,
            "condition": alarm.condition,
            "value": alarm.value,
            "limit": alarm.limit,
            "unit": alarm.unit,
            "regime": alarm.regime,
            "source": alarm.source,
            "since": rfc3339(alarm.since_us),
            "acknowledged_by": alarm.acknowledged_by,
            "drill": alarm.drill,
            "beyond": alarm.beyond,
            "reason": alarm.reason,
            **named,
            **alarm.extra,
        }
