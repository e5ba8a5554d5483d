"""From what the links deliver to what the engine consumes: every message and every byte becomes an event, or a count.

Nothing is thrown away without a word: what cannot be read is handed on as `Counted`, with the payload, to be journaled.
"""

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from bocamina.document_readers import READERS, decode_json, object_of, plain
from bocamina.foreign_nodes import ForeignSource
from bocamina.samples import UNKNOWN_KEPT, canonical_of, sample_of
from bocamina.senml_rows import SenmlRows
from gateway.domain.errors import FormatError
from gateway.domain.events import (
    Counted,
    Delivery,
    Event,
    Pack,
    Remembered,
    Sample,
)
from gateway.domain.measurement import NamedValue
from gateway.domain.quality import Quality, Reason
from gateway.domain.site import Site, Source
from gateway.domain.topics import Kind, Topics, is_level, matches, node_of
from gateway.formats import naming
from gateway.formats.session import Publication
from gateway.formats.table import FORMATS, Decode
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
        if address is not None and address.kind in READERS:
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
        if len(takers) == 1 and takers[0].id in self._rows and (address is None or address.kind not in READERS):
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
            return READERS[kind](ident, object_of(decode_json(inbound.payload)), inbound)
        except (ValueError, TypeError, KeyError) as error:
            return self._unreadable("", "document", f"{inbound.topic}: {plain(error)}", inbound)

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
                body = object_of(decode_json(inbound.payload))
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
