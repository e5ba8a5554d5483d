"""The gateway's one connection to its broker."""

import logging
import select
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import MQTTErrorCode

from gateway.domain.errors import ConfigError
from gateway.domain.site import Mqtt
from gateway.domain.topics import Kind, Topics, is_filter, is_publishable
from gateway.transports.backoff import Backoff
from gateway.transports.barrier import Barrier
from gateway.transports.doorbell import Doorbell
from gateway.transports.mqtt_messages import SECOND_NS, Inbound, LinkCounters, Outgoing
from gateway.transports.mqtt_session import (
    CONNECT_TIMEOUT_S,
    RECEIVE_MAXIMUM,
    new_client,
    prepare,
    publish_properties,
    subscribe,
)
from gateway.transports.outbox import Outbox
from gateway.transports.own_state import OwnState

log = logging.getLogger(__name__)

STABLE_S: Final = 10.0
"""A connection that held this long starts the back-off afresh; one that breaks sooner (two gateways with one
identity take the session from each other) does not."""
ANSWER_S: Final = 5.0
STOP_S: Final = 1.0
IDLE_MS: Final = 500
ACKS_PER_TURN: Final = 16
"""Acknowledgements are sent a few at a time between reads: after a slow commit thousands are due at once, and none of
them may delay a reading."""
PUBLISHES_PER_TURN: Final = 64


class MqttLink:
    """Owns the connection, its thread and its recovery. Knows topics, no payloads.

    One thread does all that touches paho; the methods below may be called from any thread and never block. Callbacks
    run on that thread and must return at once; one that raises is logged and counted, its message stays
    unacknowledged, and the link goes on.

    on_message(inbound): every message of the subscribed topics; acknowledge it when it is durable.
    on_link(up, detail): the connection came or went, with one sentence; also once at start when no broker answers.
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
        will_delay_s: int = 10,
    ) -> None:
        """Store; `start()` connects.

        offline_status: payload of `gateway/status` when we are gone, both last will and farewell. will_delay_s
        (MQTT 5): how long the broker waits with the will for our return, so that a blink of the network does not send
        actuators to their fail-safe position; keep-alive and delay together stay below their 30 s of patience.
        """
        self._mqtt = mqtt
        topics = Topics(site)
        self._status = topics.of(Kind.GATEWAY_STATUS)
        self._barrier_topic = topics.of(Kind.GATEWAY_BARRIER)
        kinds = (Kind.ACTUATOR_STATE, Kind.NODE_STATUS, Kind.REQUEST, Kind.PRESENCE, Kind.PRESENCE_COUNT)
        self._filters = tuple(dict.fromkeys([*map(topics.every, kinds), *source_topics]))
        wrong = [text for text in self._filters if not is_filter(text)]
        if wrong:
            raise ConfigError(
                *(f"topic {text!r} is no MQTT filter: wildcards fill whole levels, # is last" for text in wrong)
            )
        self._on_message = on_message
        self._on_link = on_link
        self._own = OwnState(topics, partial(self._guarded, on_remembered))
        self._offline_status = offline_status
        self._will_delay_s = will_delay_s
        self._client_id = f"bocamina-{site}"
        self._where = f"MQTT broker {mqtt.host}:{mqtt.port}"
        self._client = new_client(mqtt, self._client_id)
        self._outbox = Outbox()
        self._barrier = Barrier()
        self._acks: deque[Inbound] = deque()
        self._subscriptions: dict[int, tuple[str, ...]] = {}
        self._complained: set[str] = set()
        self._connection = 0
        self._up: bool | None = None
        self._why = ""
        self._room = RECEIVE_MAXIMUM
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._bell: Doorbell | None = None
        self.counters = LinkCounters()

    # --- For other threads -------------------------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        """The broker has accepted us."""
        return bool(self._up)

    @property
    def live(self) -> bool:
        """Connected, and the barrier is back: what comes now is live."""
        return bool(self._up) and self._barrier.passed

    @property
    def dropped(self) -> int:
        """Outgoing messages that never reached the broker (no connection, expired, no room)."""
        return self._outbox.dropped

    def start(self) -> None:
        """Prepare and start the thread. ConfigError if a password or certificate file cannot be read."""
        client = self._client
        prepare(client, self._mqtt, self._status, self._offline_status, self._will_delay_s)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_message = self._received
        client.on_publish = self._confirmed
        client.on_subscribe = self._subscribed
        self._bell = Doorbell()
        self._own.start(time.monotonic_ns())
        self._thread = threading.Thread(target=self._run, name=f"mqtt {self._client_id}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Say offline, disconnect, end the thread: within 1 s, 3 s while a connection is being tried."""
        if self._thread is None:
            return
        self._stopping.set()
        self._ring()
        self._thread.join(STOP_S + CONNECT_TIMEOUT_S + 1.0)
        if self._thread.is_alive():
            log.error("%s: the connection did not end in time", self._where)
            return
        self._thread = None
        if self._bell is not None:
            self._bell.close()

    def ack(self, inbound: Inbound) -> None:
        """Tell the broker that this message is durable. Dropped and counted if its connection is over."""
        self.ack_all((inbound,))

    def ack_all(self, inbounds: Iterable[Inbound]) -> None:
        """The same for all messages of one commit; they go out a few at a time between reads."""
        self._acks.extend(inbound for inbound in inbounds if inbound.qos)
        self._ring()

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
    ) -> bool:
        """Hand a message to the link; False if it is dropped. QoS 0 or 1.

        While the broker is away: a retained message stays the newest of its topic and is sent on return, one with
        `expiry_s` waits that long, any other is dropped. `expiry_s` is MQTT 5's message expiry as well.
        """
        if not is_publishable(topic):
            self._complain(topic, f"a message for topic {topic!r} is dropped: expected no wildcard, no control")
            return False
        expires_ns = None if expiry_s is None else time.monotonic_ns() + int(expiry_s * SECOND_NS)
        pairs = tuple(user_properties.items()) if user_properties else ()
        message = Outgoing(topic, payload, qos, retain, expires_ns, pairs, response_topic, correlation)
        accepted = self._outbox.put(message)
        self._ring()
        return accepted

    # --- The link's own thread ---------------------------------------------------------------------------------------

    def _run(self) -> None:
        backoff = Backoff(0.2, 30.0)
        short_lived = 0
        while not self._stopping.is_set():
            self._why = ""
            connected_at, connections = time.monotonic(), self.counters.connections
            try:
                self._client.drop_out_messages()  # ours to repeat (outbox), not paho's
                self._client.reconnect()
                while self._client.socket() is not None:
                    self._turn()
                    if self._stopping.is_set():
                        self._say_goodbye()
                        break
                    if not self._up and time.monotonic() - connected_at > ANSWER_S:
                        self._why = f"no answer to our log-in within {ANSWER_S:g} s"
                        break
            except (OSError, ValueError) as error:  # ValueError: a host name that cannot be one
                self._why = f"no connection ({str(error) or type(error).__name__})"
            except Exception:
                # A defect of ours or paho's must not end the link: all of MQTT would fall silent.
                log.exception("%s: unexpected error, connecting again", self._where)
                self._why = "unexpected error"
            self._over()
            if time.monotonic() - connected_at >= STABLE_S:
                backoff.reset()
                short_lived = 0
            elif self.counters.connections > connections and not self._why:
                short_lived += 1
            if short_lived == 3:
                self._complain(
                    "identity",
                    f"{self._where} keeps ending our connection within {STABLE_S:.0f} s of its start: does another "
                    f"gateway use the identity {self._client_id!r}? Only one may run for a site id",
                )
            self._pause(backoff.next_s())

    def _turn(self) -> None:
        """Send what is due, wait for something to happen, read one packet."""
        more = self._flush()
        sock = self._client.socket()
        if sock is None or self._bell is None:
            return
        unread = isinstance(sock, ssl.SSLSocket) and sock.pending() > 0
        timeout_ms = 0 if unread or more else IDLE_MS
        event = self._bell.wait(sock.fileno(), writable=self._client.want_write(), timeout_ms=timeout_ms)
        if unread or event & ~select.POLLOUT:
            self._client.loop_read()
        if event & select.POLLOUT:
            self._client.loop_write()
        self._client.loop_misc()
        self._look_at_time()

    def _flush(self) -> bool:
        """Send a share of what is due; True if more is."""
        if not self._up:
            return False
        due = self._outbox.take(time.monotonic_ns(), self._room, PUBLISHES_PER_TURN)
        for message in due:
            self._send(message)
        for _ in range(min(ACKS_PER_TURN, len(self._acks))):
            inbound = self._acks.popleft()
            if inbound.connection == self._connection:
                self._client.ack(inbound.mid, inbound.qos)
                self.counters.acked += 1
            else:
                self.counters.acks_stale += 1
        return bool(self._acks) or len(due) == PUBLISHES_PER_TURN

    def _send(self, message: Outgoing) -> None:
        properties = publish_properties(message, time.monotonic_ns()) if self._mqtt.protocol == "5" else None
        info = self._client.publish(message.topic, message.payload, message.qos, message.retain, properties)
        if info.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:  # its packet id is still in use: the next one will do
            self._outbox.put(message)
        elif message.qos:
            self._outbox.sent(info.mid, message)
        self.counters.published += 1

    def _look_at_time(self) -> None:
        now_ns = time.monotonic_ns()
        if self._up and (payload := self._barrier.repeat(now_ns)) is not None:
            self.counters.barriers_repeated += 1
            self._complain(
                self._barrier_topic,
                f"{self._where} does not return our own message on {self._barrier_topic!r} (the gateway must be "
                "allowed to write and read it); until it does, MQTT readings are history only",
            )
            self._client.publish(self._barrier_topic, payload, qos=1)
        self._own.look_at_time(now_ns)

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._stopping.wait(min(left, 0.1)):
            self._look_at_time()

    def _over(self) -> None:
        """The connection, or the attempt at one, has ended."""
        if (sock := self._client.socket()) is not None:
            sock.close()
        self._outbox.disconnected()
        self.counters.acks_stale += len(self._acks)
        self._acks.clear()
        was_up, self._up = self._up, False
        if was_up is not False and not self._stopping.is_set():
            detail = (
                f"{self._where}: {self._why or 'the connection was lost'}; "
                f"expected a broker that speaks MQTT {self._mqtt.protocol}; trying again until it answers"
            )
            log.warning("%s", detail)
            self._guarded(self._on_link, False, detail)

    def _say_goodbye(self) -> None:
        """Farewell within 1 s: the offline status and what is due before it, confirmed by the broker."""
        if self._up:
            self._outbox.put(Outgoing(self._status, self._offline_status, retain=True))
            until = time.monotonic() + STOP_S
            while self._up and (self._outbox.unconfirmed or self._acks) and time.monotonic() < until:
                self._ring()
                self._turn()
        self._client.disconnect()

    # --- paho's callbacks, all on the link's thread ------------------------------------------------------------------

    def _connected(self, client: Client, _data: Any, _flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._why = f"it refused the connection ({reason})"
            return
        self._connection += 1
        self.counters.connections += 1
        self._room = min(RECEIVE_MAXIMUM, getattr(properties, "ReceiveMaximum", RECEIVE_MAXIMUM))
        self._subscriptions.clear()
        if self._own.wanted:
            self._own.connected()
            self._subscribe(self._own.filters, no_local=True)
        self._subscribe((*self._filters, self._barrier_topic))
        barrier = self._barrier.raise_for(self._connection, time.monotonic_ns())
        client.publish(self._barrier_topic, barrier, qos=1)
        self._outbox.connected()
        self._up = True
        detail = f"{self._where}: connected"
        log.info("%s", detail)
        self._guarded(self._on_link, True, detail)

    def _subscribe(self, filters: tuple[str, ...], *, no_local: bool = False) -> None:
        mid = subscribe(self._client, self._mqtt, filters, no_local=no_local)
        if mid is not None:
            self._subscriptions[mid] = filters

    def _subscribed(self, _client: Client, _data: Any, mid: int, reasons: list[Any], _properties: Any) -> None:
        for text, reason in zip(self._subscriptions.pop(mid, ()), reasons, strict=False):
            if reason.is_failure:
                self.counters.subscriptions_refused += 1
                self._complain(text, f"{self._where} refused the subscription to {text!r} ({reason}): it stays silent")

    def _confirmed(self, _client: Client, _data: Any, mid: int, reason: Any, _properties: Any) -> None:
        message = self._outbox.confirmed(mid)
        if reason.is_failure:
            self.counters.publishes_refused += 1
            topic = message.topic if message else self._barrier_topic
            # Mosquitto 2.0.11 ends the connection after such an answer; then this is why.
            self._why = f"it refused our message on {topic!r} ({reason})"
            self._complain(topic, f"{self._where}: {self._why}")

    def _disconnected(self, _client: Client, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        if flags.is_disconnect_packet_from_server and not self._why:
            self._why = f"it ended the connection ({reason})"

    def _received(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        received_ns = time.monotonic_ns()
        try:
            topic = message.topic
        except UnicodeDecodeError:  # never readable, so not to be repeated for ever
            self.counters.callback_errors += 1
            self._client.ack(message.mid, message.qos)
            return
        try:
            self._deliver(message, topic, received_ns)
        except Exception:
            self.counters.callback_errors += 1
            self._complain(topic, f"a message on {topic!r} could not be handled", trace=True)

    def _deliver(self, message: MQTTMessage, topic: str, received_ns: int) -> None:
        given = message.properties
        inbound = Inbound(
            self._connection,
            message.mid,
            message.qos,
            topic,
            bytes(message.payload),
            message.retain,
            received_ns,
            not self._barrier.passed or message.dup,
            getattr(given, "ResponseTopic", None),
            getattr(given, "CorrelationData", None),
            getattr(given, "ContentType", None),
        )
        if topic == self._barrier_topic:
            self.ack(inbound)
            if not inbound.retain and self._barrier.returned(inbound.payload):
                self._complained.discard(topic)
                if self._own.wanted:
                    self._client.unsubscribe(list(self._own.filters))
                    self._own.complete()
            return
        if self._own.takes(inbound):
            self.ack(inbound)
            return
        self.counters.received += 1
        self.counters.backlog += inbound.backlog
        self._on_message(inbound)

    # --- Small things ------------------------------------------------------------------------------------------------

    def _ring(self) -> None:
        if self._bell is not None:
            self._bell.ring()

    def _guarded(self, callback: Callable[..., None], *args: Any) -> None:
        try:
            callback(*args)
        except Exception:
            self.counters.callback_errors += 1
            log.exception("%s: a callback of the link failed", self._where)

    def _complain(self, subject: str, sentence: str, *, trace: bool = False) -> None:
        """Log one sentence, once a subject."""
        if subject not in self._complained and len(self._complained) < 1000:
            self._complained.add(subject)
            log.error("%s", sentence, exc_info=trace)
