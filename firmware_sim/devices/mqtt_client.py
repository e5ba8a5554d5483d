"""One device's MQTT connection: paho's thread brings messages into a queue, the device takes them when it turns."""

import json
from collections import deque
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

FIRMWARE: Final = "sim-1"
KEEPALIVE_S: Final = 10


class Broker(NamedTuple):
    """Where the broker is and what it speaks."""

    host: str
    port: int
    protocol: str = "5"
    username: str | None = None
    password: str | None = None


class Heard(NamedTuple):
    """A message: topic under the site's root, document, and whether it was retained. None: no JSON object."""

    topic: str
    body: dict[str, Any] | None
    retained: bool


class MqttClient:
    """A device that subscribes, publishes its status retained, and leaves a last will. `start` never waits."""

    def __init__(self, broker: Broker, root: str, name: str, topics: tuple[str, ...], *, status: bool = True) -> None:
        """root: `bocamina/v1/{site}/`; topics: what to subscribe to, under it."""
        self._broker, self._root, self._name, self._topics = broker, root, name, topics
        self._status = f"{root}node/{name}/status" if status else None
        self.heard: deque[Heard] = deque(maxlen=10_000)
        self.connections: deque[bool] = deque(maxlen=1000)
        self._client = self._new()
        self.is_on = False
        """Whether it has power and a link; the broker may still be away."""

    def _new(self) -> mqtt.Client:
        """A client as after power-on: paho's memory of unsent messages is not our device's."""
        v5 = self._broker.protocol == "5"
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=f"{self._root.split('/')[-2]}-{self._name}",
            protocol=MQTTProtocolVersion.MQTTv5 if v5 else MQTTProtocolVersion.MQTTv311,
            clean_session=None if v5 else True,
        )  # fmt: skip
        if self._broker.username:
            client.username_pw_set(self._broker.username, self._broker.password)
        if self._status:
            client.will_set(self._status, self._state("offline"), qos=1, retain=True)
        client.reconnect_delay_set(1, 5)
        client.on_connect = self._connected
        client.on_message = self._message
        return client

    def start(self) -> None:
        """Connect in the background, again and again until it works."""
        self._client = self._new()
        self.is_on = True
        self._client.connect_async(self._broker.host, self._broker.port, KEEPALIVE_S)
        self._client.loop_start()

    def stop(self) -> None:
        """Switched off by a person: it says so itself."""
        if self._status and self.up:
            self._client.publish(self._status, self._state("offline"), qos=1, retain=True).wait_for_publish(1.0)
        self.is_on = False
        self._client.disconnect()
        self._client.loop_stop()

    def drop(self) -> None:
        """The link is cut without a word: the broker speaks the last will."""
        self.is_on = False
        sock = self._client.socket()
        self._client.loop_stop()
        if sock is not None:
            sock.close()

    @property
    def up(self) -> bool:
        """Whether it is on and the broker has accepted the connection."""
        return self.is_on and self._client.is_connected()

    def say(self, topic: str, body: Mapping[str, Any] | bytes, *, retain: bool = False) -> None:
        """Publish under the root with QoS 1; lost when not connected."""
        payload = body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode()
        if self.up:
            self._client.publish(self._root + topic, payload, qos=1, retain=retain)

    def _connected(self, client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            return
        for topic in self._topics:
            client.subscribe(self._root + topic, qos=1)
        if self._status:
            client.publish(self._status, self._state("online"), qos=1, retain=True)
        self.connections.append(True)

    def _message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        try:
            body = json.loads(message.payload)
        except ValueError:
            body = None
        topic = message.topic.removeprefix(self._root)
        self.heard.append(Heard(topic, body if isinstance(body, dict) else None, message.retain))

    @staticmethod
    def _state(word: str) -> bytes:
        return json.dumps({"state": word, "firmware": FIRMWARE}).encode()
