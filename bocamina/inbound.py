"""From what the links deliver to what the engine consumes: every message and every byte becomes an event, or a count.

Nothing is thrown away without a word: what cannot be read is handed on as `Counted`, with the payload, to be journaled.
"""

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from bocamina.foreign_nodes import ForeignSource
from bocamina.samples import UNKNOWN_KEPT, canonical_of, sample_of
from bocamina.senml_rows import SenmlRows
from gateway.domain.errors import FormatError
from gateway.domain.events import (
    ActuatorState,
    Counted,
    Delivery,
    Event,
    HeadCount,
    NodeStatus,
    Pack,
    Presence,
    Remembered,
    Request,
    Sample,
)
from gateway.domain.measurement import Measurement, NamedValue
from gateway.domain.moment import NO_TIME, parse_rfc3339
from gateway.domain.quality import Quality, Reason
from gateway.domain.site import Site, Source
from gateway.domain.topics import Kind, Topics, is_level, matches, node_of
from gateway.drivers.items import Frame, Rejected
from gateway.drivers.table import DRIVERS
from gateway.formats import naming
from gateway.formats.session import Publication
from gateway.formats.table import FORMATS, Decode
from gateway.formats.units import to_canonical
from gateway.transports.mqtt_messages import Inbound

Channels = dict[str, tuple[int, str]]
"""Channel of the site file → (index of its sensor, its quantity)."""

KEPT_PAYLOAD: Final = 4096
"""Bytes of an unreadable payload that the journal keeps."""
MOST_ROUTES: Final = 8192
"""Topics that are remembered; a mine has hundreds."""


class MqttListener:
    """MQTT messages to events. Pure but for its counters; the engine thread calls it."""

    def __init__(self, site: Site) -> None:
        self._topics = Topics(site.site.id)
        self._sources: list[tuple[Source, Decode, Channels]] = []
        self._foreign: list[ForeignSource] = []
        for source in site.sources:
            if source.kind == "mqtt" and source.format in FORMATS:
                if FORMATS[str(source.format)].tells_node:
                    self._foreign.append(ForeignSource(site, source))
                    continue
                channels = {s.channel: (i, s.quantity) for i, s in enumerate(site.sensors) if s.source == source.id}
                self._sources.append((source, FORMATS[str(source.format)].session(), channels))
        self._rows = {
            source.id: SenmlRows(source.id, channels)
            for source, _, channels in self._sources if source.format == "senml-json"
        }  # fmt: skip
        self._routes: dict[str, tuple[SenmlRows, str] | None] = {}
        self.counts: Counter[str] = Counter()

    @property
    def filters(self) -> list[str]:
        """The topics that the site's MQTT sources need."""
        return [source.topic for source in self._taking if source.topic]

    @property
    def _taking(self) -> list[Source]:
        return [*(source for source, _, _ in self._sources), *(foreign.source for foreign in self._foreign)]

    def publications(self) -> list[Publication]:
        """What the rules of a format ask us to send since the last call (Sparkplug's rebirth request)."""
        due: list[Publication] = []
        for foreign in self._foreign:
            if foreign.publish:
                due += foreign.publish
                foreign.publish.clear()
        return due

    def events(self, inbound: Inbound, utc_us: int) -> list[Event]:
        """All events of one message; `utc_us` is the wall clock at its receipt and places relative times."""
        topic = inbound.topic
        route = self._routes[topic] if topic in self._routes else self._find_route(topic)
        if route is not None:
            pack = route[0].pack(route[1], inbound.payload, utc_us / 1e6, _delivery(inbound))
            if pack is not None:
                if pack.unknown:
                    self.counts["unknown"] += len(pack.unknown)
                return [pack]
        found: list[Event] = []
        for source, decode, channels in self._sources:
            if source.topic and matches(source.topic, inbound.topic):
                found.append(self._pack(source, decode, channels, inbound, utc_us))
        if len(found) > 1:
            found = _one_pack_a_message(found)
        address = self._topics.parse(inbound.topic)
        if address is not None and address.kind in _READERS:
            found.append(self._document(address.kind, address.id, inbound))
        is_known = False
        for foreign in self._foreign:
            if foreign.source.topic and matches(foreign.source.topic, inbound.topic):
                is_known = True
                found += self._of_foreign(foreign, inbound, utc_us)
        if not found and not is_known:
            found.append(self._unreadable("", "topic", f"{inbound.topic!r} is of no source here", inbound))
        return found

    def _find_route(self, topic: str) -> tuple[SenmlRows, str] | None:
        """Where the packs of a topic go the short way: one source takes it, its format is SenML, its node is told."""
        takers = [source for source in self._taking if source.topic and matches(source.topic, topic)]
        address = self._topics.parse(topic)
        route = None
        if len(takers) == 1 and takers[0].id in self._rows and (address is None or address.kind not in _READERS):
            node = node_of(takers[0].topic or "", topic)
            route = None if node is None else (self._rows[takers[0].id], node)
        if len(self._routes) < MOST_ROUTES:
            self._routes[topic] = route
        return route

    def _pack(
        self, source: Source, decode: Decode, channels: Channels, inbound: Inbound, utc_us: int
    ) -> Event:
        try:
            values = decode(inbound.topic, inbound.payload, utc_us / 1e6)
        except FormatError as error:
            return self._unreadable(source.id, "format", f"{inbound.topic}: {error.kind}: {error.detail}", inbound)
        node = node_of(source.topic or "", inbound.topic)
        event = pack_of(source.id, node, values, channels, _delivery(inbound))
        if event.unknown:
            self.counts["unknown"] += len(event.unknown)
        return event

    def _of_foreign(self, foreign: ForeignSource, inbound: Inbound, utc_us: int) -> list[Event]:
        try:
            packs = foreign.packs(inbound, utc_us)
        except FormatError as error:
            detail = f"{inbound.topic}: {error.kind}: {error.detail}"
            return [self._unreadable(foreign.source.id, "format", detail, inbound)]
        self.counts["unknown"] += sum(len(pack.unknown) for pack in packs)
        return list(packs)

    def _document(self, kind: Kind, ident: str, inbound: Inbound) -> Event:
        if not inbound.payload and kind is not Kind.REQUEST:
            return Counted(inbound.topic, "removed", "a retained document was removed")
        try:
            return _READERS[kind](ident, _object(_decode(inbound.payload)), inbound)
        except (ValueError, TypeError, KeyError) as error:
            return self._unreadable("", "document", f"{inbound.topic}: {_plain(error)}", inbound)

    def _unreadable(self, source: str, kind: str, detail: str, inbound: Inbound) -> Counted:
        self.counts[kind] += 1
        return Counted(source, kind, detail[:500], inbound.payload[:KEPT_PAYLOAD])

    def remembered(self, messages: Iterable[Inbound]) -> Remembered:
        """What the broker had kept of our own state, as one event."""
        alarms: list[dict[str, Any]] = []
        protocols: list[dict[str, Any]] = []
        actuators: dict[str, dict[str, Any]] = {}
        for inbound in messages:
            address = self._topics.parse(inbound.topic)
            try:
                body = _object(_decode(inbound.payload))
            except (ValueError, TypeError):
                self.counts["document"] += 1
                continue
            if address is None:
                continue
            if address.kind is Kind.ALARM:
                alarms.append(body | {"alarm": address.id})
            elif address.kind is Kind.PROTOCOL:
                protocols.append(body | {"protocol": address.id})
            elif address.kind is Kind.ACTUATOR_STATE:
                actuators[address.id] = body
        return Remembered(tuple(alarms), tuple(protocols), actuators)


def _delivery(inbound: Inbound) -> Delivery:
    return Delivery.RETAINED if inbound.retain else Delivery.BACKLOG if inbound.backlog else Delivery.LIVE


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


def pack_of(
    source: str, node: str | None, values: list[NamedValue], channels: Channels, delivery: Delivery
) -> Pack:
    """The pack of resolved values: counters apart, names to sensors. Text and null count as bad.

    Counters of a node that cannot be told (its level is empty or unprintable) are none: nobody is acknowledged there.
    """
    values, boot, seq = naming.split_counters(values, node)
    if not is_level(node or ""):
        boot = seq = None
    samples: list[Sample] = []
    unknown: list[str] = []
    for item in values:
        speaker = node if node is not None else item.node
        name = naming.channel_of(item.name, speaker)
        found = channels.get(name)
        if found is None:
            unknown.append(name[:100])
            continue
        sensor, quantity = found
        value = canonical_of(item, quantity)
        if value is None:  # announced and marked as no value, or in a unit that says nothing about this quantity
            samples.append(sample_of(sensor, math.nan, item.time, None, Quality.BAD, Reason.FAULT))
        else:
            samples.append(sample_of(sensor, value, item.time, None))
    return Pack(source, node or "", tuple(samples), boot, seq, delivery, tuple(unknown[:UNKNOWN_KEPT]))


def _one_pack_a_message(found: list[Event]) -> list[Event]:
    """Two sources that take the same message have one pack of it: its counters would make the second a duplicate."""
    packs: dict[tuple[str, int | None, int | None], Pack] = {}
    others: list[Event] = []
    for event in found:
        if not isinstance(event, Pack):
            others.append(event)
            continue
        key = (event.node, event.boot, event.seq)
        first = packs.get(key)
        packs[key] = event if first is None else msgspec.structs.replace(
            first, samples=first.samples + event.samples,
            unknown=tuple(name for name in first.unknown if name in event.unknown),
        )  # fmt: skip
    return [*packs.values(), *others]


def _object(body: Any, what: str = "") -> dict[str, Any]:
    if not isinstance(body, dict):
        raise TypeError(f"{what}a JSON {type(body).__name__}; expected an object")
    return body


def _decode(payload: bytes) -> Any:
    """JSON that the journal can hold: no NaN, half surrogate, integer beyond 64 bits. ValueError for all else."""
    try:
        body = msgspec.json.decode(payload)
        msgspec.msgpack.encode(body)
    except (msgspec.DecodeError, OverflowError, RecursionError) as error:
        raise ValueError(str(error)) from error
    return body


def _plain(error: Exception) -> str:
    return f"key {error} is missing" if isinstance(error, KeyError) else str(error)


def _time(body: dict[str, Any], key: str) -> int:
    return parse_rfc3339(body[key]) if isinstance(body.get(key), str) else NO_TIME


def _word(body: dict[str, Any], key: str, default: str | None = None) -> str:
    value = body.get(key, default)
    if not isinstance(value, str):
        raise TypeError(f"{key!r} is {value!r}; expected a text")
    return value[:200]


def _number(value: Any, key: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise TypeError(f"{key!r} is {value!r}; expected a number")
    return float(value)


def _node_status(ident: str, body: dict[str, Any], inbound: Inbound) -> Event:
    state = _word(body, "state")
    if state not in {"online", "offline"}:
        raise ValueError(f"'state' is {state!r}; expected online or offline")
    return NodeStatus(ident, state == "online", inbound.retain)


def _actuator_state(ident: str, body: dict[str, Any], inbound: Inbound) -> Event:
    setpoint = body.get("setpoint")
    level = setpoint[:20] if isinstance(setpoint, str) else _number(setpoint, "setpoint")
    running = body.get("running")
    command = body.get("command_id")
    return ActuatorState(
        ident, level, running if isinstance(running, bool) else None, _number(body.get("speed_rpm"), "speed_rpm"),
        command[:100] if isinstance(command, str) else None, inbound.retain,
    )  # fmt: skip


def _presence(ident: str, body: dict[str, Any], inbound: Inbound) -> Event:
    zone = body["zone"]
    if zone is not None and not isinstance(zone, str):
        raise TypeError(f"'zone' is {zone!r}; expected a zone id or null")
    return Presence(ident, zone, _time(body, "time"), inbound.retain)


def _head_count(ident: str, body: dict[str, Any], inbound: Inbound) -> Event:
    count = body.get("count")
    if isinstance(count, bool) or not isinstance(count, int):
        raise TypeError(f"'count' is {count!r}; expected a whole number")
    return HeadCount(ident, count, _word(body, "by"), _time(body, "time"), inbound.retain)


def _request(ident: str, body: dict[str, Any], inbound: Inbound) -> Event:
    name, reply_to = _word(body, "id"), _word(body, "reply_to", "")
    where = (reply_to, inbound.response_topic or "", inbound.correlation or b"")
    try:
        args = _object(body["args"] if body.get("args") is not None else {}, "'args' is ")
        by, role, target = _word(body, "by"), _word(body, "role", ""), _word(body, "target", "")
    except TypeError as error:  # whoever asked and can be answered is told
        return Request(name, ident, "", "", "", {}, *where, str(error))
    return Request(name, ident, by, role, target, args, *where)


_READERS: Final = {
    Kind.NODE_STATUS: _node_status,
    Kind.ACTUATOR_STATE: _actuator_state,
    Kind.PRESENCE: _presence,
    Kind.PRESENCE_COUNT: _head_count,
    Kind.REQUEST: _request,
}
