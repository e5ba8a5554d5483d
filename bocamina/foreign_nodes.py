"""Messages of other makers' nodes to events: what is live, what is history, who is gone, what is asked of us."""

import math

from bocamina.samples import UNKNOWN_KEPT, canonical_of, sample_of, source_us
from gateway.conditioning.stale import max_age_us
from gateway.domain.events import Delivery, Pack, Sample
from gateway.domain.measurement import NamedValue
from gateway.domain.moment import NO_TIME
from gateway.domain.quality import Quality, Reason
from gateway.domain.site import Site, Source
from gateway.domain.topics import node_of
from gateway.formats.naming import channel_of
from gateway.formats.session import Aside, Publication, Session
from gateway.formats.table import FORMATS
from gateway.transports.mqtt_messages import Inbound


class ForeignSource:
    """One MQTT source whose format names its nodes itself (`FormatSpec.tells_node`). Pure."""

    def __init__(self, site: Site, source: Source) -> None:
        self.source = source
        self._spec = FORMATS[str(source.format)]
        self._decode = self._spec.session()
        self._channels = {
            s.channel: (i, s.quantity, max_age_us(s)) for i, s in enumerate(site.sensors) if s.source == source.id
        }
        self.publish: list[Publication] = []
        """What the format's rules ask us to send; whoever sends it empties the list."""

    def packs(self, inbound: Inbound, utc_us: int) -> list[Pack]:
        """The packs of one message, none for one that measures nothing. Raises FormatError."""
        try:
            values = self._decode(inbound.topic, inbound.payload, utc_us / 1e6)
        finally:
            aside = self._decode.aside() if isinstance(self._decode, Session) else Aside()
            self.publish += aside.publish
        return self._packs(values, aside, inbound, utc_us)

    def _packs(self, values: list[NamedValue], aside: Aside, inbound: Inbound, utc_us: int) -> list[Pack]:
        delivery = Delivery.RETAINED if inbound.retain else Delivery.BACKLOG if inbound.backlog else Delivery.LIVE
        level = node_of(self.source.topic or "", inbound.topic)
        samples: dict[Delivery, list[Sample]] = {}
        unknown: list[str] = []
        for at, item in enumerate(values):
            channel = channel_of(item.name, item.node or level)
            found = self._channels.get(channel)
            if found is None:
                unknown.append(channel[:100])
                continue
            sensor, quantity, oldest_us = found
            is_old = at in aside.history or (self._spec.server_times and _is_old(item.time, utc_us, oldest_us))
            how = Delivery.BACKLOG if is_old and delivery is Delivery.LIVE else delivery
            value = canonical_of(item, quantity)
            if value is None:  # announced and marked as no value, or in a unit that says nothing about this quantity
                sample = sample_of(sensor, math.nan, item.time, None, Quality.BAD, Reason.FAULT)
            else:
                sample = sample_of(sensor, value, item.time, None)
            samples.setdefault(how, []).append(sample)
        if delivery is Delivery.LIVE and (gone := self._gone(aside.lost)):
            samples.setdefault(delivery, []).extend(gone)
        node = next((item.node for item in values if item.node), level or "")
        packs = [Pack(self.source.id, node, tuple(found), delivery=how) for how, found in samples.items()]
        if not packs and unknown:
            packs.append(Pack(self.source.id, node, (), delivery=delivery, unknown=tuple(unknown[:UNKNOWN_KEPT])))
        return packs

    def _gone(self, lost: tuple[str, ...]) -> list[Sample]:
        """Every channel of these nodes, without a value from now on."""
        below = tuple(f"{node}/" for node in lost)
        return [
            Sample(sensor, math.nan, NO_TIME, Quality.BAD, Reason.STALE)
            for channel, (sensor, _, _) in self._channels.items()
            if below and channel.startswith(below)
        ]


def _is_old(time_s: float | None, utc_us: int, oldest_us: int) -> bool:
    """Whether a server heard this value longer ago than its sensor's maximum age: a late uplink is no news."""
    at = source_us(time_s, None)
    return at != NO_TIME and utc_us - at > oldest_us
