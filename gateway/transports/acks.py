"""Acknowledgements on their way to the broker."""

from collections import deque
from collections.abc import Iterable
from typing import Final

from gateway.transports.mqtt_client import ReadAhead
from gateway.transports.mqtt_messages import Inbound, LinkCounters

PER_TURN: Final = 128
"""Acknowledgements are sent a share at a time between reads, each share by one write: after a slow commit thousands are
due at once, and none of them may delay a reading."""


class Acks:
    """Any thread adds, the link's thread sends. What `ack(mid)` of paho does not know is the connection: we do."""

    def __init__(self, counters: LinkCounters) -> None:
        self._due: deque[Inbound] = deque()
        self._counters = counters

    def add(self, inbounds: Iterable[Inbound]) -> None:
        """These messages are durable; those of QoS 0 need no answer."""
        self._due.extend(inbound for inbound in inbounds if inbound.qos)

    def send(self, client: ReadAhead, connection: int) -> None:
        """A share of what is due; what another connection brought is dropped, the broker sends it again."""
        mids: list[int] = []
        for _ in range(min(PER_TURN, len(self._due))):
            inbound = self._due.popleft()
            if inbound.connection != connection:
                self._counters.acks_stale += 1
            elif inbound.qos == 1:
                mids.append(inbound.mid)
            else:  # of QoS 2, which we subscribe to nowhere
                client.ack(inbound.mid, inbound.qos)
                self._counters.acked += 1
        client.ack_all(mids)
        self._counters.acked += len(mids)

    def drop(self) -> None:
        """The connection is over."""
        self._counters.acks_stale += len(self._due)
        self._due.clear()

    def __bool__(self) -> bool:
        """Whether some are due."""
        return bool(self._due)
