"""The answers of Modbus devices to events, by their register maps, and the buses that bring them."""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from bocamina.modbus_checks import address_of, bus_line
from bocamina.samples import sample_of
from gateway.domain.events import Counted, Event, LinkState, Pack, Sample
from gateway.domain.measurement import Measurement
from gateway.domain.quality import Quality, Reason
from gateway.domain.site import Site, Source
from gateway.drivers.modbus_catalogue import register_map
from gateway.drivers.modbus_map import heartbeat_of, readings
from gateway.formats.units import to_canonical
from gateway.transports.modbus_bus import BusDevice, BusReply, ModbusBus
from gateway.transports.port import Line

LEL_PERCENT_VOL: Final = {"ch4": 5.0, "h2": 4.0}
"""Lower explosive limit [%vol]: methane 5 % (limits reference, section 2, S31; with a head that was set by 4.4 % the
result is too high and never too low), hydrogen 4 % (section 1.1, 10 %LEL = 4000 ppm)."""
BEATS_MISSED: Final = 3
"""[D] A heartbeat that stood still for so many of its periods: the head has frozen behind an interface that answers."""


class BusAnswer(NamedTuple):
    """What a device of a source answered: an item of the gateway's inbox."""

    source: str
    reply: BusReply


class ModbusListener:
    """One `[[sources]]` of kind modbus. Pure but for its counters; the engine thread calls it."""

    def __init__(self, site: Site, source: Source) -> None:
        self._source = source
        self._map = register_map(source.map or "")
        own = [(i, sensor) for i, sensor in enumerate(site.sensors) if sensor.source == source.id]
        self._channels = {sensor.channel: (i, sensor.quantity) for i, sensor in own}
        self._period_s = max(self._map.period_s, min((sensor.period_s for _, sensor in own), default=0.0))
        self._beat: tuple[int, int] | None = None  # heartbeat, and when it was first seen so [ns]
        self._heard_ns = 0
        self._told_unit = False
        self.counts: Counter[str] = Counter()

    @property
    def line(self) -> Line:
        """Settings of the bus that it hangs on."""
        return bus_line(self._source, self._map)

    @property
    def device(self) -> BusDevice:
        """What the bus has to ask."""
        unit = address_of(self._source)
        name = f"Modbus device {unit} ({self._map.title}) on {self._source.port} of source {self._source.id!r}"
        request = self._map.request(unit, self._source.offset or 0)
        return BusDevice(self._source.id, name, request, self._period_s, self._map.timeout_s)

    @property
    def port(self) -> str:
        """The bus that it hangs on."""
        return self._source.port or ""

    def events(self, reply: BusReply) -> list[Event]:
        """All events of one answer."""
        frozen = self._is_frozen(reply)
        samples: list[Sample] = []
        strange: list[str] = []
        for reading in readings(self._map, reply.words):
            found = self._channels.get(reading.quantity)
            if found is None:
                continue
            sensor, quantity = found
            value = _canonical(quantity, reading)
            quality, reason = reading.quality, reading.reason
            if value is None and reading.value is not None:
                strange.append(f"{reading.quantity} comes in {reading.unit}, expected a unit of {quantity}")
                quality, reason = Quality.BAD, Reason.FAULT
            elif frozen and quality is not Quality.BAD:
                quality, reason = Quality.BAD, Reason.STUCK
            elif reply.is_doubtful and quality is Quality.GOOD:
                quality, reason = Quality.UNCERTAIN, Reason.UNCALIBRATED
            samples.append(sample_of(sensor, math.nan if value is None else value, None, None, quality, reason))
        events: list[Event] = [Pack(self._source.id, "", tuple(samples))]
        if strange and not self._told_unit:
            self.counts["unit"] += 1
            events.append(Counted(self._source.id, "unit", "; ".join(strange)))
        self._told_unit = bool(strange)
        return events

    def _is_frozen(self, reply: BusReply) -> bool:
        heartbeat = self._map.heartbeat
        if heartbeat is None:
            return False
        now = heartbeat_of(self._map, reply.words)
        away_ns, self._heard_ns = reply.received_ns - self._heard_ns, reply.received_ns
        # a device that was away may have the same one when it returns
        if self._beat is None or self._beat[0] != now or away_ns > heartbeat.every_s * 1e9:
            self._beat = (now, reply.received_ns)
        return reply.received_ns - self._beat[1] > BEATS_MISSED * heartbeat.every_s * 1e9


def _canonical(quantity: str, reading: Measurement) -> float | None:
    if reading.value is None:
        return None
    if reading.unit == "%LEL":
        return reading.value * LEL_PERCENT_VOL[quantity] / 100 if quantity in LEL_PERCENT_VOL else None
    return to_canonical(quantity, reading.value, reading.unit)


def open_buses(listeners: Mapping[str, ModbusListener], put: Callable[[Any], None]) -> list[ModbusBus]:
    """One bus for each port, not started; what its devices say and how they are goes to `put`."""
    by_port: dict[str, list[ModbusListener]] = {}
    for listener in listeners.values():
        by_port.setdefault(listener.port, []).append(listener)
    return [
        ModbusBus(
            port, shared[0].line, [listener.device for listener in shared],
            on_reply=lambda source, reply: put(BusAnswer(source, reply)),
            on_link=lambda source, up, detail: put(LinkState(source, up, detail)),
            on_trouble=lambda source, kind, detail: put(Counted(source, kind, detail[:500])),
        )
        for port, shared in by_port.items()
    ]  # fmt: skip
