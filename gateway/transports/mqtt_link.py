"""The gateway's one connection to its broker, as other threads see it."""

import time
from collections.abc import Callable, Iterable, Mapping

from gateway.domain.site import Mqtt
from gateway.domain.topics import is_publishable
from gateway.transports.mqtt_messages import SECOND_NS, Inbound, LinkCounters, Outgoing
from gateway.transports.mqtt_thread import MqttThread


class MqttLink:
    """Owns the connection, its thread and its recovery. Knows topics, no payloads.

    One thread does all that touches paho; the methods below may be called from any thread and never block. Callbacks
    run on that thread and must return at once; one that raises is logged and counted, its message stays
    unacknowledged, and the link goes on.

    on_message(inbound): every message of the subscribed topics; acknowledge it when it is durable.
    on_link(up, detail): the connection came or went, with one sentence; also once at start when no broker answers.
    on_subscription(filter, granted, detail): the broker refused a topic, with one sentence, or grants it at last.
    on_remembered(messages, complete): retained state from before the start (`own_state.py` says when and how often);
    `actuator/+/state` also goes to `on_message`, flagged retain.
    """

    def __init__(
        self,
        site: str,
        mqtt: Mqtt,
        source_topics: Iterable[str],
        *,
        on_message: Callable[[Inbound], None],
        on_link: Callable[[bool, str], None],
        on_remembered: Callable[[tuple[Inbound, ...], bool], None],
        offline_status: bytes,
        on_subscription: Callable[[str, bool, str], None] = lambda _topic, _granted, _detail: None,
    ) -> None:
        """Store; `start()` connects.

        offline_status: payload of `gateway/status` when we are gone, both last will and farewell. After a mere blink
        of the network the newest status follows it at once, as every retained message does.
        """
        self._thread = MqttThread(
            site, mqtt, source_topics, offline_status, on_message, on_link, on_remembered, on_subscription
        )

    @property
    def counters(self) -> LinkCounters:
        """What happened so far."""
        return self._thread.counters

    @property
    def connected(self) -> bool:
        """The broker has accepted us."""
        return self._thread.up

    @property
    def live(self) -> bool:
        """Connected, and the barrier is back: what comes now is live."""
        return self._thread.live

    @property
    def dropped(self) -> int:
        """Outgoing messages that never reached the broker (no connection, expired, no room)."""
        return self._thread.outbox.dropped

    def start(self) -> None:
        """Prepare and start the thread. ConfigError if a password or certificate file cannot be read."""
        self._thread.start()

    def stop(self) -> None:
        """Say offline, disconnect, end the thread: within 1 s, 3 s while a connection is being tried."""
        self._thread.stop()

    def ack(self, inbound: Inbound) -> None:
        """Tell the broker that this message is durable. Dropped and counted if its connection is over."""
        self.ack_all((inbound,))

    def ack_all(self, inbounds: Iterable[Inbound]) -> None:
        """The same for all messages of one commit; they go out a few at a time between reads."""
        self._thread.acks.add(inbounds)
        self._thread.ring()

    def ask_again(self, filters: Iterable[str]) -> None:
        """Subscribe once more to filters from which nothing comes: a broker may have lost what it was asked for."""
        self._thread.ask_again(filters)

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 1,
        retain: bool = False,
        expiry_s: float | None = None,
        user_properties: Mapping[str, str] | None = None,
        response_topic: str | None = None,
        correlation: bytes | None = None,
        content_type: str | None = None,
    ) -> bool:
        """Hand a message to the link; False if it is dropped. QoS 0 or 1.

        While the broker is away: a retained message stays the newest of its topic and is sent on return, one with
        `expiry_s` waits that long, any other is dropped. `expiry_s` is MQTT 5's message expiry as well; it and the four
        after it are left out at 3.1.1.
        """
        if not is_publishable(topic):
            self._thread.complain(topic, f"a message for topic {topic!r} is dropped: expected no wildcard, no control")
            return False
        expires_ns = None if expiry_s is None else time.monotonic_ns() + int(expiry_s * SECOND_NS)
        pairs = tuple(user_properties.items()) if user_properties else ()
        message = Outgoing(topic, payload, qos, retain, expires_ns, pairs, response_topic, correlation, content_type)
        accepted = self._thread.outbox.put(message)
        self._thread.ring()
        return accepted
