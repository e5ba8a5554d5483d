"""The MQTT connection of a device that is not ours: its own topics, its own will, payloads as they are."""

from collections import deque
from collections.abc import Callable

import paho.mqtt.client as mqtt

from firmware_sim.devices.connection import Broker, Connection, Message


class PlainClient(Connection):
    """What it heard stands in `heard`, the oldest first."""

    def __init__(
        self, broker: Broker, name: str, topics: tuple[str, ...] = (), will: Callable[[], Message] | None = None
    ) -> None:
        super().__init__(broker, name, topics, will)
        self.heard: deque[Message] = deque(maxlen=10_000)

    def say(self, message: Message) -> None:
        """Publish; lost when not connected."""
        self._publish(message)

    def _hear(self, message: mqtt.MQTTMessage) -> None:
        self.heard.append(Message(message.topic, bytes(message.payload), message.qos, message.retain))
