"""How our MQTT session is asked for, at protocol level 5 and at 3.1.1: everything that differs stands here."""

import math
import socket
import ssl
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from gateway.domain.errors import ConfigError
from gateway.domain.site import Mqtt
from gateway.transports.mqtt_client import ReadAhead
from gateway.transports.mqtt_messages import SECOND_NS, Inbound, Outgoing

SESSION_EXPIRY_S: Final = 7 * 24 * 3600
RECEIVE_MAXIMUM: Final = 65_535
"""All that MQTT 5 allows: the broker delivers ahead of our acknowledgements, which wait for the journal."""
KEEPALIVE_S: Final = 10
CONNECT_TIMEOUT_S: Final = 2.0
LOG_IN: Final = (0x86, 0x87)
"""CONNACK reason codes (MQTT 5.0, 3.2.2.2; paho maps those of 3.1.1): bad user name or password, not authorized."""


def new_client(mqtt: Mqtt, client_id: str) -> ReadAhead:
    """A paho client for one persistent session, acknowledged by hand. Opens nothing.

    Not started in paho's own thread: who calls its `loop_*` functions is its only user.
    """
    v5 = mqtt.protocol == "5"
    client = ReadAhead(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        clean_session=None if v5 else False,
        protocol=MQTTProtocolVersion.MQTTv5 if v5 else MQTTProtocolVersion.MQTTv311,
        reconnect_on_failure=False,
        manual_ack=True,
    )
    client.max_inflight_messages_set(0)  # 0 = no limit: the outbox counts what is in flight
    client.connect_timeout = CONNECT_TIMEOUT_S
    client.on_socket_open = _send_at_once
    return client


def prepare(client: Client, mqtt: Mqtt, will_topic: str, will_payload: bytes) -> None:
    """Log-in, certificates, will and session, before the first `client.reconnect()`.

    The will has no delay: who watches us must not believe for a second longer than it must that we watch.
    Raises ConfigError if a password or certificate file cannot be read.
    """
    if mqtt.username is not None:
        client.username_pw_set(mqtt.username, _password(mqtt.password_file))
    if mqtt.ca_file is not None:
        try:
            context = ssl.create_default_context(cafile=mqtt.ca_file)
        except (OSError, ValueError) as error:
            raise ConfigError(f"mqtt.ca_file: {mqtt.ca_file} is not a readable certificate file ({error})") from error
        context.sslsocket_class = _Handshake
        client.tls_set_context(context)
    session = None
    if mqtt.protocol == "5":
        session = _properties(
            PacketTypes.CONNECT, SessionExpiryInterval=SESSION_EXPIRY_S, ReceiveMaximum=RECEIVE_MAXIMUM
        )
    client.will_set(will_topic, will_payload, qos=1, retain=True)
    client.connect_async(mqtt.host, mqtt.port, KEEPALIVE_S, clean_start=False, properties=session)


def reason_of(error: OSError | ValueError) -> str:
    """Why there is no connection, as one clause. ValueError: a host name that cannot be one."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not one that mqtt.ca_file vouches for ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return f"no TLS on that port, or none that both sides know ({error.strerror or error})"
    return f"no connection ({str(error) or type(error).__name__})"


def refusal_of(reason: Any) -> str:
    """Why the broker does not take us, as one clause. reason: of its CONNACK."""
    hint = "; it does not know mqtt.username with the password in mqtt.password_file" if reason.value in LOG_IN else ""
    return f"it refused the connection ({reason}){hint}"


class Subscriptions:
    """What was asked for on this connection, by the packet id of the request, until the broker has answered."""

    def __init__(self) -> None:
        self._asked: dict[int, tuple[str, ...]] = {}
        self._again: deque[str] = deque(maxlen=64)

    def want_again(self, filters: Iterable[str]) -> None:
        """Filters that `renew` asks for once more; from any thread."""
        self._again.extend(filters)

    def renew(self, client: Client, mqtt: Mqtt) -> None:
        """Ask once more for what is wanted again. A broker that still knew them sends what it retains, no more."""
        filters: dict[str, None] = {}
        while self._again:
            filters[self._again.popleft()] = None
        if filters:
            self.ask(client, mqtt, tuple(filters))

    def ask(self, client: Client, mqtt: Mqtt, filters: tuple[str, ...], *, no_local: bool = False) -> None:
        """Ask for `filters` at QoS 1. no_local (MQTT 5): not what we publish ourselves."""
        if mqtt.protocol == "5":
            mid = client.subscribe([(text, SubscribeOptions(qos=1, noLocal=no_local)) for text in filters])[1]
        else:
            mid = client.subscribe([(text, 1) for text in filters])[1]
        if mid is not None:
            self._asked[mid] = filters

    def answered(self, mid: int, reasons: Sequence[Any]) -> list[tuple[str, Any]]:
        """The filters that an answer is about, each with its reason code (MQTT 5.0, 3.9.3)."""
        return list(zip(self._asked.pop(mid, ()), reasons, strict=False))

    def clear(self) -> None:
        """A connection begins."""
        self._asked.clear()


def inbound_of(message: MQTTMessage, connection: int, received_ns: int, *, live: bool) -> Inbound:
    """A message of paho's as we hand it on. live: after the barrier. UnicodeDecodeError for a topic that is no text."""
    given = message.properties
    return Inbound(
        connection, message.mid, message.qos, message.topic, bytes(message.payload), message.retain, received_ns,
        not live or message.dup, getattr(given, "ResponseTopic", None), getattr(given, "CorrelationData", None),
        getattr(given, "ContentType", None),
    )  # fmt: skip


def publish_properties(message: Outgoing, now_ns: int) -> Properties | None:
    """The MQTT 5 properties of a message, None where it needs none; the expiry is what is left of it [whole s, ≥ 1]."""
    values: dict[str, Any] = {}
    if message.expires_ns is not None:
        values["MessageExpiryInterval"] = max(1, math.ceil((message.expires_ns - now_ns) / SECOND_NS))
    if message.user_properties:
        values["UserProperty"] = list(message.user_properties)
    if message.response_topic:
        values["ResponseTopic"] = message.response_topic
    if message.correlation:
        values["CorrelationData"] = message.correlation
    if message.content_type:
        values["ContentType"] = message.content_type
    return _properties(PacketTypes.PUBLISH, **values) if values else None


def _password(file: str | None) -> str | None:
    if file is None:
        return None
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"mqtt.password_file: {file} cannot be read as text ({error})") from error


def _properties(packet: int, **values: Any) -> Properties:
    properties = Properties(packet)  # type: ignore[no-untyped-call]
    for name, value in values.items():
        setattr(properties, name, value)
    return properties


class _Handshake(ssl.SSLSocket):
    """A handshake in our time and not in paho's (its keep-alive), whose failure leaves no open socket behind."""

    def do_handshake(self, block: bool = False) -> None:
        self.settimeout(CONNECT_TIMEOUT_S)
        try:
            super().do_handshake(block)
        except (ConnectionError, TimeoutError) as error:
            self.close()
            raise ssl.SSLError(ssl.SSL_ERROR_EOF, str(error)) from error
        except OSError:
            self.close()
            raise


def _send_at_once(_client: Client, _data: Any, sock: Any) -> None:
    """A siren command must not wait for a fuller packet."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
