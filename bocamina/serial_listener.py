"""From the bytes of a serial line to what the engine consumes: every frame becomes a pack, all else a count."""

import math
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from bocamina.flow import silence_s
from bocamina.samples import UNKNOWN_KEPT, sample_of
from gateway.domain.events import Counted, Delivery, Event, Pack, Sample
from gateway.domain.measurement import Measurement
from gateway.domain.quality import Quality, Reason
from gateway.domain.site import Site, Source
from gateway.drivers.items import Frame, Rejected
from gateway.drivers.table import DRIVERS
from gateway.formats.units import to_canonical
from gateway.transports.port import Line
from gateway.transports.serial_port import SerialSource


class SerialBytes(NamedTuple):
    """What a line sent: an item of the gateway's inbox."""

    source: str
    data: bytes


class SerialLink(NamedTuple):
    """A line came or went: another item."""

    source: str
    up: bool
    detail: str


class SerialListener:
    """The bytes of one serial line to events, by its driver."""

    def __init__(self, site: Site, source: Source) -> None:
        self.spec = DRIVERS[source.driver or ""]
        self._source = source
        self._decoder = self.spec.decoder()
        self._channels = {s.channel: (i, s.quantity) for i, s in enumerate(site.sensors) if s.source == source.id}
        self.counts: Counter[str] = Counter()

    def ended(self) -> list[Event]:
        """The port is gone: half a frame of before must not be glued to what comes next."""
        return [self._rejected(item) for item in self._decoder.finish() if isinstance(item, Rejected)]

    def events(self, data: bytes, utc_us: int) -> list[Event]:
        """All events of these bytes; frames may begin and end anywhere."""
        return [
            self._rejected(item) if isinstance(item, Rejected) else self._pack(item, utc_us)
            for item in self._decoder.feed(data)
            if isinstance(item, Rejected) or item.readings
        ]

    def _rejected(self, item: Rejected) -> Event:
        self.counts[item.error] += 1
        return Counted(self._source.id, item.error, item.detail[:500])

    def _pack(self, frame: Frame, utc_us: int) -> Event:
        names = frame.names or tuple(reading.quantity for reading in frame.readings)
        times = frame.times or (None,) * len(names)
        samples: list[Sample] = []
        unknown: list[str] = []
        for name, time_s, reading in zip(names, times, frame.readings, strict=True):
            found = self._channels.get(name)
            if found is not None:
                samples.append(_measured(*found, reading, time_s, utc_us))
            elif frame.names:
                unknown.append(name)  # a plain device has channels that nobody asked for; a node's names were chosen
        return Pack(
            self._source.id, frame.node or "", tuple(samples), frame.boot if frame.node else None,
            frame.seq if frame.node else None, Delivery.LIVE, tuple(unknown[:UNKNOWN_KEPT]),
        )  # fmt: skip


def _measured(sensor: int, quantity: str, reading: Measurement, time_s: float | None, utc_us: int) -> Sample:
    """A device's reading in the unit of the sensor's quantity; a unit that says nothing about it is a fault."""
    value = None if reading.value is None else to_canonical(quantity, reading.value, reading.unit)
    if value is None and reading.value is not None:
        return sample_of(sensor, math.nan, time_s, utc_us, Quality.BAD, Reason.FAULT)
    return sample_of(sensor, math.nan if value is None else value, time_s, utc_us, reading.quality, reading.reason)


def open_line(site: Site, source: Source, put: Callable[[Any], None]) -> SerialSource:
    """The source's port, not started; what it sends and how it is goes to `put`."""
    spec = DRIVERS[source.driver or ""]
    periods = [sensor.period_s for sensor in site.sensors if sensor.source == source.id]
    return SerialSource(
        source.id, source.port or "", Line(source.baud or spec.baud, spec.parity, spec.stopbits),
        start_commands=spec.start_command, poll_command=spec.poll_command, poll_s=spec.poll_s,
        silence_s=silence_s(max([spec.period_s, *periods])), by_readings=True,
        on_bytes=lambda ident, data, _ns: put(SerialBytes(ident, data)),
        on_link=lambda ident, up, detail: put(SerialLink(ident, up, detail)),
    )  # fmt: skip
