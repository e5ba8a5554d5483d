"""A source is lost when its wire is, or when all its sensors are silent: one alarm says so, whatever the kind of wire.

Pure, a part of the engine. What opens a silent source anew is `flow.py`; what a sensor's silence means, its rules say.
"""

from collections.abc import Mapping
from typing import Any, Final

from alerts.desk import AlarmDesk
from alerts.model import Alarm, Priority
from gateway.domain.events import LinkState
from gateway.domain.moment import Moment
from gateway.domain.site import Site

WIRE_ON_S: Final = 5
OFF_S: Final = 30
"""A wire may blink [D]; silence has waited for the sensors' own delays already (limits reference 6.2, signal lost)."""
SOURCE: Final = "Limits reference 6.2, signal lost [D]"


class SourceWatch:
    """`{source}.comm_lost` of every source that has sensors or a wire."""

    def __init__(self, site: Site, desk: AlarmDesk) -> None:
        self._desk = desk
        self._sensors = {
            source.id: tuple(sensor.id for sensor in site.sensors if sensor.source == source.id)
            for source in site.sources
        }  # fmt: skip
        self._wires: dict[str, str] = {}
        self._told: dict[str, tuple[bool, Priority, float, str]] = {}

    def link(self, now: Moment, event: LinkState) -> bool:
        """A wire came or went; False if it is of no source."""
        if event.source not in self._sensors:
            return False
        if event.up:
            self._wires.pop(event.source, None)
        else:
            self._wires[event.source] = event.detail[:200]
        self._judge(now, event.source)
        return True

    def tick(self, now: Moment) -> None:
        """Look at the sensors; after the desk has."""
        for source in self._sensors:
            self._judge(now, source)

    def covers(self, alarm: Alarm) -> bool:
        """Whether people are told of this sensor's silence by its source's alarm, which says it for all of them."""
        if alarm.condition != "comm_lost" or alarm.sensor is None:
            return False
        source = next((one for one, sensors in self._sensors.items() if alarm.sensor in sensors), "")
        lost = self._desk.alarm(f"{source}.comm_lost")
        return lost is not None and lost.beyond and lost.priority >= alarm.priority and lost.state in _CALLING

    def uncovered(self, alarm: Alarm) -> list[Alarm]:
        """Sensors that are silent still when their source is back: now each speaks for itself."""
        subject = alarm.alarm.removesuffix(".comm_lost")
        if alarm.condition != "comm_lost" or subject not in self._sensors:
            return []
        found = (self._desk.alarm(f"{sensor}.comm_lost") for sensor in self._sensors[subject])
        return [one for one in found if one is not None and one.state == "unack"]

    def _judge(self, now: Moment, source: str) -> None:
        found = [self._desk.alarm(f"{sensor}.comm_lost") for sensor in self._sensors[source]]
        serving = [alarm for alarm in found if alarm is None or alarm.state != "out_of_service"]
        lost = [alarm for alarm in serving if alarm is not None and alarm.beyond]
        wire = self._wires.get(source)
        if wire is not None:
            verdict = (True, Priority.WARNING, float(WIRE_ON_S), wire)
        elif lost and len(lost) == len(serving):
            what = f"no valid reading of its {len(lost)} sensors" if len(lost) > 1 else "no valid reading of its sensor"
            verdict = (True, max(alarm.priority for alarm in lost), 0.0, what)
        else:
            verdict = (False, Priority.WARNING, 0.0, "")
        before = self._told.get(source, _WELL)
        if before == verdict:
            return
        self._told[source] = verdict
        beyond, priority, on_s, reason = verdict
        off_s = OFF_S if WIRE_ON_S in (on_s, before[2]) else 0  # the sensors' silence has waited for its own end
        self._desk.report(
            now, source, "comm_lost", beyond, priority=priority, on_s=on_s, off_s=off_s, reason=reason or None,
            source=SOURCE,
        )  # fmt: skip

    def dump(self) -> dict[str, Any]:
        """The whole state, msgpack-able."""
        return {
            "wires": dict(self._wires),
            "told": {
                source: [beyond, int(level), on_s, why] for source, (beyond, level, on_s, why) in self._told.items()
            },
        }  # fmt: skip

    def load(self, state: Mapping[str, Any]) -> None:
        """Take up what `dump` gave; sources that the site file has no more are forgotten."""
        self._wires = {source: why for source, why in state["wires"].items() if source in self._sensors}
        self._told = {
            source: (beyond, Priority(level), on_s, why)
            for source, (beyond, level, on_s, why) in state["told"].items() if source in self._sensors
        }  # fmt: skip


_CALLING: Final = frozenset(("unack", "acked"))
_WELL: Final = (False, Priority.WARNING, 0.0, "")
