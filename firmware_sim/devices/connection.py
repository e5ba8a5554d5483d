"""A device's MQTT connection: it comes and goes with power and link; paho's thread hands over what it hears."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

KEEPALIVE_S: Final = 10


class Broker(NamedTuple):
    """Where the broker is and what it speaks."""

    host: str
    port: int
    protocol: str = "5"
    username: str | None = None
    password: str | None = None


class Message(NamedTuple):
    """A message as it goes over the wire."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False


class Connection(ABC):
    """Connects in the background and again; `will` is asked before each attempt, for it may have a number in it.

    will_delay_s: how long the broker waits for us before it speaks the will (MQTT 5.0, 3.1.3.2.2); 3.1.1 has no such
    thing. The session lives as long, and is taken up again: one that ends speaks its will at once.
    """

    def __init__(
        self, broker: Broker, client_id: str, topics: Sequence[str] = (), will: Callable[[], Message] | None = None,
        *, will_delay_s: int = 0,
    ) -> None:  # fmt: skip
        self._broker, self._client_id, self._topics, self._will = broker, client_id, topics, will
        self._will_delay_s = will_delay_s if broker.protocol == "5" else 0
        self.connections: deque[bool] = deque(maxlen=1000)
        self._client = self._new()
        self.is_on = False
        """Whether it has power and a link; the broker may still be away."""

    @abstractmethod
    def _hear(self, message: mqtt.MQTTMessage) -> None:
        """A message came, on paho's thread."""

    def _greet(self) -> None:  # noqa: B027  not every device says that it is there
        """The broker has accepted the connection and knows the subscriptions."""

    def start(self) -> None:
        """Connect in the background, again and again until it works. `start` never waits."""
        self._client = self._new()
        self.is_on = True
        session: dict[str, Any] = {}
        if self._will_delay_s:
            session = {"clean_start": False, "properties": Properties(PacketTypes.CONNECT)}  # type: ignore[no-untyped-call]
            session["properties"].SessionExpiryInterval = self._will_delay_s
        self._client.connect_async(self._broker.host, self._broker.port, KEEPALIVE_S, **session)
        self._client.loop_start()

    def stop(self) -> None:
        """Switched off by a person: it says its last words itself."""
        if self._will is not None and self.up:
            self._client.publish(*self._will()).wait_for_publish(1.0)
        self.is_on = False
        self._client.disconnect()
        self._client.loop_stop()

    def drop(self) -> None:
        """The link is cut without a word: the broker speaks the last will, if we are not back before its delay."""
        self.is_on = False
        sock = self._client.socket()
        self._client.loop_stop()
        if sock is not None:
            sock.close()

    @property
    def up(self) -> bool:
        """Whether it is on and the broker has accepted the connection."""
        return self.is_on and self._client.is_connected()

    def _publish(self, message: Message) -> None:
        """Lost when not connected."""
        if self.up:
            self._client.publish(*message)

    def _new(self) -> mqtt.Client:
        """A client as after power-on: paho's memory of unsent messages is not our device's."""
        v5 = self._broker.protocol == "5"
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=self._client_id,
            protocol=MQTTProtocolVersion.MQTTv5 if v5 else MQTTProtocolVersion.MQTTv311,
            clean_session=None if v5 else True,
        )  # fmt: skip
        if self._broker.username:
            client.username_pw_set(self._broker.username, self._broker.password)
        client.reconnect_delay_set(1, 5)
        client.on_pre_connect = self._before
        client.on_connect = self._connected
        client.on_message = self._message
        return client

    def _before(self, client: mqtt.Client, _data: Any) -> None:
        if self._will is None:
            return
        properties = None
        if self._will_delay_s:
            properties = Properties(PacketTypes.WILLMESSAGE)  # type: ignore[no-untyped-call]
            properties.WillDelayInterval = self._will_delay_s
        client.will_set(*self._will(), properties=properties)

    def _connected(self, client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            return
        for topic in self._topics:
            client.subscribe(topic, qos=1)
        self._greet()
        self.connections.append(True)

    def _message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        self._hear(message)
