"""How our MQTT session is asked for, at protocol level 5 and at 3.1.1: everything that differs stands here."""

import math
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from gateway.domain.errors import ConfigError
from gateway.domain.site import Mqtt
from gateway.transports.mqtt_messages import SECOND_NS, Outgoing

SESSION_EXPIRY_S: Final = 7 * 24 * 3600
RECEIVE_MAXIMUM: Final = 65_535
"""All that MQTT 5 allows: the broker delivers ahead of our acknowledgements, which wait for the journal."""
KEEPALIVE_S: Final = 10
CONNECT_TIMEOUT_S: Final = 2.0


def new_client(mqtt: Mqtt, client_id: str) -> Client:
    """A paho client for one persistent session, acknowledged by hand. Opens nothing.

    Not started in paho's own thread: who calls its `loop_*` functions is its only user.
    """
    v5 = mqtt.protocol == "5"
    client = Client(
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


def prepare(client: Client, mqtt: Mqtt, will_topic: str, will_payload: bytes, will_delay_s: int) -> None:
    """Log-in, certificates, will and session, before the first `client.reconnect()`.

    Raises ConfigError if a password or certificate file cannot be read.
    """
    if mqtt.username is not None:
        client.username_pw_set(mqtt.username, _password(mqtt.password_file))
    if mqtt.ca_file is not None:
        try:
            client.tls_set(ca_certs=mqtt.ca_file)
        except (OSError, ValueError) as error:
            raise ConfigError(f"mqtt.ca_file: {mqtt.ca_file} is not a readable certificate file ({error})") from error
    will = session = None
    if mqtt.protocol == "5":
        will = _properties(PacketTypes.WILLMESSAGE, WillDelayInterval=will_delay_s)
        session = _properties(
            PacketTypes.CONNECT, SessionExpiryInterval=SESSION_EXPIRY_S, ReceiveMaximum=RECEIVE_MAXIMUM
        )
    client.will_set(will_topic, will_payload, qos=1, retain=True, properties=will)
    client.connect_async(mqtt.host, mqtt.port, KEEPALIVE_S, clean_start=False, properties=session)


def subscribe(client: Client, mqtt: Mqtt, filters: Iterable[str], *, no_local: bool = False) -> int | None:
    """Ask for `filters` at QoS 1; the packet id of the request. no_local (MQTT 5): not what we publish ourselves."""
    if mqtt.protocol == "5":
        return client.subscribe([(text, SubscribeOptions(qos=1, noLocal=no_local)) for text in filters])[1]
    return client.subscribe([(text, 1) for text in filters])[1]


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


def _send_at_once(_client: Client, _data: Any, sock: Any) -> None:
    """A siren command must not wait for a fuller packet."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
