"""One of our devices' MQTT connection: status, last will, documents under the site's root."""

import json
from collections import deque
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import paho.mqtt.client as mqtt

from firmware_sim.devices.connection import Broker, Connection, Message

FIRMWARE: Final = "sim-1"


class Heard(NamedTuple):
    """A message: topic under the site's root, document, and whether it was retained. None: no JSON object."""

    topic: str
    body: dict[str, Any] | None
    retained: bool


class MqttClient(Connection):
    """A device that subscribes, publishes its status retained, and leaves a last will."""

    def __init__(
        self, broker: Broker, root: str, name: str, topics: tuple[str, ...], *, status: bool = True,
        will_delay_s: int = 0,
    ) -> None:  # fmt: skip
        """root: `bocamina/v1/{site}/`; topics: what to subscribe to, under it."""
        self._root = root
        self._status = f"{root}node/{name}/status" if status else None
        self.heard: deque[Heard] = deque(maxlen=10_000)
        under = tuple(root + topic for topic in topics)
        will = self._last_words if status else None
        super().__init__(broker, f"{root.split('/')[-2]}-{name}", under, will, will_delay_s=will_delay_s)

    def say(self, topic: str, body: Mapping[str, Any] | bytes, *, retain: bool = False) -> None:
        """Publish under the root with QoS 1; lost when not connected."""
        payload = body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode()
        self._publish(Message(self._root + topic, payload, 1, retain))

    def _last_words(self) -> Message:
        return self._says("offline")

    def _says(self, state: str) -> Message:
        payload = json.dumps({"state": state, "firmware": FIRMWARE}).encode()
        return Message(str(self._status), payload, 1, retain=True)

    def _greet(self) -> None:
        if self._status:
            self._client.publish(*self._says("online"))

    def _hear(self, message: mqtt.MQTTMessage) -> None:
        try:
            body = json.loads(message.payload)
        except ValueError:
            body = None
        topic = message.topic.removeprefix(self._root)
        self.heard.append(Heard(topic, body if isinstance(body, dict) else None, message.retain))
