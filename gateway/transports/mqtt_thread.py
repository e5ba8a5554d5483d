"""The thread that owns the gateway's connection to its broker: connecting, the turns, paho's callbacks, the end."""

import logging
import select
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import MQTTErrorCode

from gateway.domain.errors import ConfigError
from gateway.domain.site import Mqtt
from gateway.domain.topics import Kind, Topics, is_filter
from gateway.transports.acks import Acks
from gateway.transports.backoff import STABLE_S, Attempts
from gateway.transports.barrier import Barrier
from gateway.transports.complaints import Complaints
from gateway.transports.doorbell import Doorbell
from gateway.transports.mqtt_messages import Inbound, LinkCounters, Outgoing
from gateway.transports.mqtt_session import (
    CONNECT_TIMEOUT_S,
    RECEIVE_MAXIMUM,
    Subscriptions,
    inbound_of,
    new_client,
    prepare,
    publish_properties,
    reason_of,
    refusal_of,
)
from gateway.transports.outbox import Outbox
from gateway.transports.own_state import OwnState

log = logging.getLogger(__name__)

ANSWER_S: Final = 5.0
STOP_S: Final = 1.0
IDLE_MS: Final = 500
PUBLISHES_PER_TURN: Final = 64
READS_PER_TURN: Final = 32
"""Packets between two looks at what is due: 0.3 ms, which no siren command notices."""


class MqttThread:
    """All that touches paho. Other threads use `start`, `stop`, `ring`, `ask_again`, `outbox`, `acks`, `up`, `live`.

    on_message, on_link, on_remembered, on_subscription, offline_status: as `MqttLink` has them.
    """

    def __init__(
        self, site: str, mqtt: Mqtt, source_topics: Iterable[str], offline_status: bytes,
        on_message: Callable[[Inbound], None], on_link: Callable[[bool, str], None],
        on_remembered: Callable[[tuple[Inbound, ...], bool], None],
        on_subscription: Callable[[str, bool, str], None],
    ) -> None:  # fmt: skip
        """Store; `start()` connects. Raises ConfigError for a source topic that is no filter."""
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
        self._on_subscription = on_subscription
        self._refused: set[str] = set()
        self._own = OwnState(topics, partial(self._guarded, on_remembered))
        self._offline_status = offline_status
        self._client_id = f"bocamina-{site}"
        self._where = f"MQTT broker {mqtt.host}:{mqtt.port}"
        self._client = new_client(mqtt, self._client_id)
        self.outbox = Outbox()
        self._barrier = Barrier()
        self.counters = LinkCounters()
        self.acks = Acks(self.counters)
        self._subscriptions = Subscriptions()
        self._complaints = Complaints(log)
        self.complain = self._complaints.complain
        self._connection = 0
        self._up: bool | None = None
        self._why = ""
        self._room = RECEIVE_MAXIMUM
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._bell: Doorbell | None = None

    @property
    def up(self) -> bool:
        """The broker has accepted us."""
        return bool(self._up)

    @property
    def live(self) -> bool:
        """Connected, and the barrier is back: what comes now is live."""
        return bool(self._up) and self._barrier.passed

    def start(self) -> None:
        """Prepare and start the thread. ConfigError if a password or certificate file cannot be read."""
        client = self._client
        prepare(client, self._mqtt, self._status, self._offline_status)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_message = self._received
        client.on_plain = self._received_plain
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
        self.ring()
        self._thread.join(STOP_S + CONNECT_TIMEOUT_S + 1.0)
        if self._thread.is_alive():
            log.error("%s: the connection did not end in time", self._where)
            return
        self._thread = None
        if self._bell is not None:
            self._bell.close()

    def ask_again(self, filters: Iterable[str]) -> None:
        """Subscribe once more to these filters when there is a connection."""
        self._subscriptions.want_again(filters)
        self.ring()

    def ring(self) -> None:
        """Wake the thread: something is due."""
        if self._bell is not None:
            self._bell.ring()

    # --- The thread --------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        attempts = Attempts()
        while not self._stopping.is_set():
            self._why = ""
            began_s, connections = time.monotonic(), self.counters.connections
            self._live_through(began_s)
            self._over()
            accepted = self.counters.connections > connections
            if attempts.ended(time.monotonic() - began_s, unexplained=accepted and not self._why):
                self.complain(
                    "identity",
                    f"{self._where} keeps ending our connection within {STABLE_S:.0f} s of its start: does another "
                    f"gateway use the identity {self._client_id!r}? Only one may run for a site id",
                )
            self._pause(attempts.wait_s())

    def _live_through(self, began_s: float) -> None:
        """One connection from its first packet to its end; `_why` says what ended it, if anything did but the wire."""
        try:
            self._client.drop_out_messages()  # ours to repeat (outbox), not paho's
            self._client.reconnect()
            while self._client.socket() is not None:
                self._turn()
                if self._stopping.is_set():
                    self._say_goodbye()
                    break
                if not self._up and time.monotonic() - began_s > ANSWER_S:
                    self._why = f"no answer to our log-in within {ANSWER_S:g} s"
                    break
        except (OSError, ValueError) as error:
            self._why = reason_of(error)
        except Exception:
            # A defect of ours or paho's must not end the link: all of MQTT would fall silent.
            log.exception("%s: unexpected error, connecting again", self._where)
            self._why = "unexpected error"

    def _turn(self) -> None:
        """Send what is due, wait for something to happen, read a few packets."""
        more = self._flush()
        sock = self._client.socket()
        if sock is None or self._bell is None:
            return
        unread = self._client.ahead or (isinstance(sock, ssl.SSLSocket) and sock.pending() > 0)
        timeout_ms = 0 if unread or more else IDLE_MS
        event = self._bell.wait(sock.fileno(), writable=self._client.want_write(), timeout_ms=timeout_ms)
        if unread or event & ~select.POLLOUT:
            self._client.read(READS_PER_TURN)
        if event & select.POLLOUT:
            self._client.loop_write()
        self._client.loop_misc()
        self._look_at_time()

    def _flush(self) -> bool:
        """Send a share of what is due; True if more is."""
        if not self._up:
            return False
        self._subscriptions.renew(self._client, self._mqtt)
        due = self.outbox.take(time.monotonic_ns(), self._room, PUBLISHES_PER_TURN)
        for message in due:
            self._send(message)
        self.acks.send(self._client, self._connection)
        return bool(self.acks) or len(due) == PUBLISHES_PER_TURN

    def _send(self, message: Outgoing) -> None:
        properties = publish_properties(message, time.monotonic_ns()) if self._mqtt.protocol == "5" else None
        info = self._client.publish(message.topic, message.payload, message.qos, message.retain, properties)
        if info.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:  # its packet id is still in use: the next one will do
            self.outbox.put(message)
        elif message.qos:
            self.outbox.sent(info.mid, message)
        self.counters.published += 1

    def _look_at_time(self) -> None:
        now_ns = time.monotonic_ns()
        if self._up and (payload := self._barrier.repeat(now_ns)) is not None:
            self.counters.barriers_repeated += 1
            self.complain(
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
        self.outbox.disconnected()
        self.acks.drop()
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
            self.outbox.put(Outgoing(self._status, self._offline_status, retain=True))
            until = time.monotonic() + STOP_S
            while self._up and (self.outbox.unconfirmed or self.acks) and time.monotonic() < until:
                self.ring()
                self._turn()
        self._client.disconnect()

    # --- paho's callbacks, all on the link's thread ------------------------------------------------------------------

    def _connected(self, client: Client, _data: Any, _flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._why = refusal_of(reason)
            return
        self._connection += 1
        self.counters.connections += 1
        self._room = min(RECEIVE_MAXIMUM, getattr(properties, "ReceiveMaximum", RECEIVE_MAXIMUM))
        self._subscriptions.clear()
        if self._own.wanted:
            self._own.connected()
            self._subscriptions.ask(client, self._mqtt, self._own.filters, no_local=True)
        self._subscriptions.ask(client, self._mqtt, (*self._filters, self._barrier_topic))
        barrier = self._barrier.raise_for(self._connection, time.monotonic_ns())
        client.publish(self._barrier_topic, barrier, qos=1)
        self.outbox.connected()
        self._up = True
        detail = f"{self._where}: connected"
        log.info("%s", detail)
        self._guarded(self._on_link, True, detail)

    def _subscribed(self, _client: Client, _data: Any, mid: int, reasons: list[Any], _properties: Any) -> None:
        for text, reason in self._subscriptions.answered(mid, reasons):
            if reason.is_failure:
                self.counters.subscriptions_refused += 1
                detail = f"{self._where} refused the subscription to {text!r} ({reason}): it stays silent"
                self.complain(text, detail)
                self._refused.add(text)
                self._guarded(self._on_subscription, text, False, detail)
            elif text in self._refused:
                self._refused.discard(text)
                self._complaints.is_well(text)
                self._guarded(self._on_subscription, text, True, f"{self._where}: {text!r} is granted")

    def _confirmed(self, _client: Client, _data: Any, mid: int, reason: Any, _properties: Any) -> None:
        message = self.outbox.confirmed(mid)
        if reason.is_failure:
            self.counters.publishes_refused += 1
            topic = message.topic if message else self._barrier_topic
            # Mosquitto 2.0.11 ends the connection after such an answer; then this is why.
            self._why = f"it refused our message on {topic!r} ({reason})"
            self.complain(topic, f"{self._where}: {self._why}")

    def _disconnected(self, _client: Client, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        if flags.is_disconnect_packet_from_server and not self._why:
            self._why = f"it ended the connection ({reason})"

    def _received(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        received_ns = time.monotonic_ns()
        try:
            inbound = inbound_of(message, self._connection, received_ns, live=self._barrier.passed)
        except UnicodeDecodeError:  # never readable, so not to be repeated for ever
            self.counters.callback_errors += 1
            self._client.ack(message.mid, message.qos)
            return
        self._deliver(inbound)

    def _received_plain(self, mid: int, qos: int, dup: bool, retain: bool, topic: str, payload: bytes) -> None:
        backlog = dup or not self._barrier.passed
        self._deliver(Inbound(self._connection, mid, qos, topic, payload, retain, time.monotonic_ns(), backlog))

    def _deliver(self, inbound: Inbound) -> None:
        try:
            self._hand_on(inbound)
        except Exception:
            self.counters.callback_errors += 1
            self.complain(inbound.topic, f"a message on {inbound.topic!r} could not be handled", trace=True)

    def _hand_on(self, inbound: Inbound) -> None:
        if inbound.topic == self._barrier_topic:
            self.acks.add((inbound,))
            if not inbound.retain and self._barrier.returned(inbound.payload):
                self._complaints.is_well(inbound.topic)
                if self._own.wanted:
                    self._client.unsubscribe(list(self._own.filters))
                    self._own.complete()
            return
        if self._own.takes(inbound):
            self.acks.add((inbound,))
            return
        self.counters.received += 1
        self.counters.backlog += inbound.backlog
        self._on_message(inbound)

    # --- Small things ------------------------------------------------------------------------------------------------

    def _guarded(self, callback: Callable[..., None], *args: Any) -> None:
        try:
            callback(*args)
        except Exception:
            self.counters.callback_errors += 1
            log.exception("%s: a callback of the link failed", self._where)
