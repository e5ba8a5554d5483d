"""The barrier: where the backlog of a connection ends and live messages begin."""

import json
import secrets
from typing import Final

from gateway.transports.mqtt_messages import SECOND_NS

REPEAT_NS: Final = 5 * SECOND_NS


class Barrier:
    """A message to ourselves that divides what one connection delivers.

    The link publishes it (QoS 1) right after subscribing. What the broker had queued for our session stands before it
    in our queue, so everything delivered before it returns is backlog. It fails to the safe side: a message that a
    node publishes in the milliseconds until the return counts as backlog too (its sender repeats or follows it up);
    a broker that never returns it makes all of MQTT history only, and says so once. Brokers need keep order only
    within a topic (MQTT 5.0, 4.6): one that lets the barrier overtake the queue of another topic would let backlog
    pass as live. Mosquitto keeps one order a client; for others, repetitions (DUP) are backlog whenever they come, and
    the engine does not believe a sample whose own time disagrees.
    """

    def __init__(self) -> None:
        self._process = secrets.token_hex(8)  # a barrier of an earlier process may still be in our session's queue
        self._payload = b""
        self._sent_ns = 0
        self.passed = False
        """Whether the present connection is live."""

    def raise_for(self, connection: int, now_ns: int) -> bytes:
        """The payload to publish for a new connection."""
        self._payload = json.dumps({"connection": connection, "process": self._process}).encode()
        self._sent_ns = now_ns
        self.passed = False
        return self._payload

    def returned(self, payload: bytes) -> bool:
        """A barrier came in; True if it is the present one, for the first time."""
        if self.passed or payload != self._payload:
            return False
        self.passed = True
        return True

    def repeat(self, now_ns: int) -> bytes | None:
        """The payload to publish again when the barrier has been out for 5 s, else None."""
        if self.passed or now_ns - self._sent_ns < REPEAT_NS:
            return None
        self._sent_ns = now_ns
        return self._payload
