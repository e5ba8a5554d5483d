"""Messages as they cross the MQTT link: one shape inwards, one outwards, and their counts."""

from dataclasses import dataclass
from typing import NamedTuple

SECOND_NS = 1_000_000_000


class Inbound(NamedTuple):
    """One message from the broker.

    connection: number of the connection that brought it; an acknowledgement is good on that one only.
    mid: packet id, 0 for QoS 0. received_ns: monotonic clock, when the link had read it.
    retain: the broker kept it; it says nothing about now.
    backlog: it came before the connection's barrier, or is a repetition: history, never live.
    response_topic, correlation, content_type: MQTT 5 properties, None where the sender gave none.
    """

    connection: int
    mid: int
    qos: int
    topic: str
    payload: bytes
    retain: bool
    received_ns: int
    backlog: bool
    response_topic: str | None = None
    correlation: bytes | None = None
    content_type: str | None = None


class Outgoing(NamedTuple):
    """One message for the broker. expires_ns: monotonic time after which it must not be sent, None for never."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False
    expires_ns: int | None = None
    user_properties: tuple[tuple[str, str], ...] = ()
    response_topic: str | None = None
    correlation: bytes | None = None
    content_type: str | None = None

    def expired(self, now_ns: int) -> bool:
        """Whether its time is over."""
        return self.expires_ns is not None and now_ns >= self.expires_ns


@dataclass(slots=True)
class LinkCounters:
    """What happened so far, for health. acks_stale: acknowledgements dropped because their connection is over."""

    connections: int = 0
    received: int = 0
    backlog: int = 0
    acked: int = 0
    acks_stale: int = 0
    published: int = 0
    publishes_refused: int = 0
    subscriptions_refused: int = 0
    callback_errors: int = 0
    barriers_repeated: int = 0
