"""Frozen sensors: unchanged for 15 minutes away from rest, while a neighbour moved (limits reference 6.5)."""

from typing import Any, Final

from gateway.conditioning.ranges import CAN_STICK, GASES, resolve_resolution
from gateway.domain.moment import NO_TIME, SECOND_US
from gateway.domain.quantities import QUANTITIES
from gateway.domain.site import Site

UNCHANGED_US: Final = 15 * 60 * SECOND_US
LSBS: Final = 3.0
"""How far from rest a value must be to stick, and how far a neighbour must go to have moved [LSB]."""


class Stuck:
    """Per sensor: its newest raw value, since when it stands, and when it last moved."""

    def __init__(self, site: Site) -> None:
        sensors = site.sensors
        self._ids = [sensor.id for sensor in sensors]
        self.tracks = [sensor.quantity in GASES or sensor.quantity in CAN_STICK for sensor in sensors]
        self._can_stick = [sensor.quantity in CAN_STICK for sensor in sensors]
        self._lsb = [resolve_resolution(sensor) for sensor in sensors]
        self._rest = [
            (info.rest or 0.0) if (info := QUANTITIES.get(sensor.quantity)) else 0.0 for sensor in sensors
        ]
        self._neighbours = [_neighbours(site, i) for i in range(len(sensors))]
        self._raw = [float("nan")] * len(sensors)
        self._since = [NO_TIME] * len(sensors)
        self._anchor = [float("nan")] * len(sensors)
        self._moved = [NO_TIME] * len(sensors)

    def judge(self, sensor: int, raw: float, value: float, now_us: int) -> bool:
        """Note one finite live sample, raw and calibrated [canonical unit]; whether the sensor is stuck.

        Only sensors that `tracks` names need be shown: they can stick, or bear witness for a neighbour that can.
        """
        if raw != self._raw[sensor]:
            self._raw[sensor] = raw
            self._since[sensor] = now_us
            if not abs(raw - self._anchor[sensor]) <= LSBS * self._lsb[sensor]:  # also from NaN, the first time
                if self._anchor[sensor] == self._anchor[sensor]:
                    self._moved[sensor] = now_us
                self._anchor[sensor] = raw
            return False
        since = self._since[sensor]
        if now_us - since < UNCHANGED_US or not self._can_stick[sensor]:
            return False
        if abs(value - self._rest[sensor]) <= LSBS * self._lsb[sensor]:
            return False
        return any(self._moved[other] > since for other in self._neighbours[sensor])

    def newest(self, sensor: int) -> float:
        """The newest raw value that was shown [canonical unit]; NaN before the first, and where nothing `tracks`."""
        return self._raw[sensor]

    def dump(self) -> dict[str, Any]:
        """State by sensor id."""
        return {
            name: [self._raw[i], self._since[i], self._anchor[i], self._moved[i]] for i, name in enumerate(self._ids)
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up what `dump` gave."""
        for i, name in enumerate(self._ids):
            if name in state:
                self._raw[i], self._since[i], self._anchor[i], self._moved[i] = state[name]


def _neighbours(site: Site, sensor: int) -> tuple[int, ...]:
    """Sensors that would move if the air here did: gases of the same zone, the same quantity here or next door."""
    own = site.sensors[sensor]
    near = {own.zone}
    for connection in site.connections:
        if own.zone in (connection.from_, connection.to):
            near |= {connection.from_, connection.to}
    return tuple(
        i
        for i, other in enumerate(site.sensors)
        if i != sensor
        and (
            (other.quantity == own.quantity and other.zone in near)
            or (other.zone == own.zone and own.quantity in GASES and other.quantity in GASES)
        )
    )
