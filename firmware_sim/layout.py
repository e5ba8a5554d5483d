"""From a site file to boxes and flows: headings, the natural draught between them, and what the fans do to it."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from firmware_sim.air import OUTSIDE, Flow

IN_THE_OPEN: Final = frozenset(["portal", "surface", "muster", "workshop", "amalgam_room", "lamp_room", "compressor"])
"""Kinds of zone where the wind blows."""
OPEN_VOLUME_M3: Final = 200.0
WIND_M3_S: Final = 20.0
"""The place around a mouth, and what the wind moves through it [D]."""

AREA_M2: Final = 4.0
LENGTH_M: Final = 50.0
"""A drift for which the site file gives nothing [D]."""
DRAUGHT_M_S: Final = 0.02
"""Slow exchange of neighbouring headings without a fan, over the area of the drift between them [D]."""
THROUGH_M_S: Final = 0.45
"""Natural draught where air can pass through [D]; a dead end has `DRAUGHT_M_S`."""

MIXING: Final = 0.8
"""Share of the delivered air that mixes with the heading: upper end of 0.3–0.8 (limits reference 7.2)."""


@dataclass(frozen=True, slots=True)
class Ducting:
    """A fan and its duct: 90 m3/min (limits reference 7.2), 600 mm; leakage per 100 m, run-up and speed [D]."""

    flow_m3_s: float = 1.5
    duct_area_m2: float = 0.283
    leakage_per_100_m: float = 0.10
    ramp_s: float = 10.0
    rpm: float = 2900.0


@dataclass(frozen=True, slots=True)
class Fan:
    """A fan as the site file places it: what it delivers at the duct's end [m3/s] at full speed."""

    id: str
    zones: tuple[str, ...]
    exhausting: bool
    ducting: Ducting
    length_m: float

    @property
    def delivered_m3_s(self) -> float:
        """At the face, behind the leaks of the duct."""
        leak = min(self.ducting.leakage_per_100_m * self.length_m / 100.0, 0.9)
        return self.ducting.flow_m3_s * (1.0 - leak)


class Layout:
    """The mine's boxes and how air can move between them."""

    def __init__(self, site: Mapping[str, Any], ducting: Mapping[str, Ducting]) -> None:
        kinds = {zone["id"]: zone["kind"] for zone in site.get("zones", ())}
        self.open = frozenset(zone for zone, kind in kinds.items() if kind in IN_THE_OPEN)
        self._near: dict[str, dict[str, float]] = {zone: {} for zone in kinds}
        self.area = dict.fromkeys(kinds, AREA_M2)
        length = dict.fromkeys(kinds, LENGTH_M)
        for link in site.get("connections", ()):
            area = float(link.get("area_m2", AREA_M2))
            self._near[link["from"]][link["to"]] = area
            self._near[link["to"]][link["from"]] = area
            self.area[link["to"]], length[link["to"]] = area, float(link["length_m"])
        self.volumes = {zone: OPEN_VOLUME_M3 if zone in self.open else length[zone] * self.area[zone] for zone in kinds}
        guards = (s["zone"] for s in site.get("sensors", ()) if s.get("role") == "intake_guard")
        self._intake = next(guards, next(iter(sorted(self.open)), OUTSIDE))
        self.fans = {
            row["id"]: Fan(
                row["id"], tuple(row.get("zones", ())), row.get("mode") == "exhausting",
                ducting.get(row["id"], Ducting()), float(row.get("duct_length_m", LENGTH_M)),
            )
            for row in site.get("actuators", ())
            if row["kind"] == "fan"
        }  # fmt: skip

    def flows(self, speeds: Mapping[str, float]) -> list[Flow]:
        """All moving air, the fans turning at these shares of full speed (0 to 1): their air is proportional to it."""
        found = [Flow(OUTSIDE, zone, WIND_M3_S) for zone in self.open]
        for zone, near in self._near.items():
            found += [
                Flow(OUTSIDE if other in self.open else other, zone, DRAUGHT_M_S * area)
                for other, area in near.items()
                if zone not in self.open
            ]
        for fan in self.fans.values():
            for zone in fan.zones:
                if zone not in self.open:
                    found += self._driven(fan, zone, speeds.get(fan.id, 0.0) / len(fan.zones))
        return found

    def velocity(self, zone: str, speeds: Mapping[str, float], *, in_duct: bool) -> float:
        """Air velocity [m/s] at the end of the zone's duct, or in its section."""
        own = [fan for fan in self.fans.values() if zone in fan.zones]
        moved = [speeds.get(fan.id, 0.0) * fan.delivered_m3_s / len(fan.zones) for fan in own]
        if in_duct:
            return sum(m / fan.ducting.duct_area_m2 for m, fan in zip(moved, own, strict=True))
        dead_end = len(self._near[zone]) <= 1 and zone not in self.open
        return sum(moved) / self.area[zone] + (DRAUGHT_M_S if dead_end else THROUGH_M_S)

    def _driven(self, fan: Fan, zone: str, speed: float) -> Iterator[Flow]:
        """The fan's air on its whole way. What does not mix in the heading passes it by, into the next box."""
        all_air = speed * fan.ducting.flow_m3_s
        mixed = MIXING * speed * fan.delivered_m3_s
        way = [*self._way_out(zone), OUTSIDE]
        if fan.exhausting:
            yield Flow(way[0], zone, mixed)
            yield Flow(zone, OUTSIDE, mixed)
            yield Flow(way[0], OUTSIDE, all_air - mixed)  # what the duct's leaks take
            for inner, outer in pairwise(way):
                yield Flow(outer, inner, all_air)
            return
        yield Flow(self._intake, zone, mixed)
        yield Flow(zone, way[0], mixed)
        yield Flow(self._intake, way[0], all_air - mixed)
        for inner, outer in pairwise(way):
            yield Flow(inner, outer, all_air)

    def _way_out(self, zone: str) -> Sequence[str]:
        """The boxes between a zone and the open, nearest first."""
        came: dict[str, str] = {zone: ""}
        todo = deque([zone])
        while todo:
            here = todo.popleft()
            if here in self.open:
                way, here = [], came[here]
                while here and here != zone:
                    way.append(here)
                    here = came[here]
                return way[::-1]
            for other in self._near[here]:
                if other not in came:
                    came[other] = here
                    todo.append(other)
        return ()
