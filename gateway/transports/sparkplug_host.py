"""The state of a Sparkplug host application: edge nodes that keep their data for a primary host wait for it.

A connection of its own, because MQTT has one last will a connection and the gateway's is its status. Sparkplug
specification 3.0, chapter 5, "Host application session": `spBv1.0/STATE/<host>`, retained, QoS 1; birth and will of a
connection carry the same time; a host that is here and reads that it is not says so again.
"""

import logging
import time
from typing import Any, Final

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from gateway.domain.site import Mqtt
from gateway.formats.sparkplug_b import state_payload, state_topic
from gateway.transports.mqtt_session import prepare

log = logging.getLogger(__name__)

FAREWELL_S: Final = 1.0


class SparkplugHostState:
    """Says `online` while this process is connected; the broker says `offline` when it is not."""

    def __init__(self, site: str, mqtt: Mqtt) -> None:
        self.host = f"bocamina-{site}"
        self._topic = state_topic(self.host)
        self._since_ms = 0
        self._stopping = False
        v5 = mqtt.protocol == "5"
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id=f"{self.host}-sparkplug", clean_session=None if v5 else False,
            protocol=MQTTProtocolVersion.MQTTv5 if v5 else MQTTProtocolVersion.MQTTv311,
        )  # fmt: skip
        self._client.reconnect_delay_set(1, 30)
        self._client.on_pre_connect = self._before
        self._client.on_connect = self._connected
        self._client.on_message = self._heard
        self._mqtt = mqtt

    def start(self) -> None:
        """Connect in the background, again and again. ConfigError if a password or certificate file is unreadable."""
        prepare(self._client, self._mqtt, self._topic, state_payload(online=False, now_ms=0))
        self._client.loop_start()

    def stop(self) -> None:
        """Say `offline` and end the thread, within some seconds."""
        self._stopping = True
        if self._client.is_connected():
            payload = state_payload(online=False, now_ms=self._since_ms)
            self._client.publish(self._topic, payload, qos=1, retain=True).wait_for_publish(FAREWELL_S)
        self._client.disconnect()
        self._client.loop_stop()

    def _before(self, client: Client, _data: Any) -> None:
        self._since_ms = time.time_ns() // 1_000_000
        client.will_set(self._topic, state_payload(online=False, now_ms=self._since_ms), qos=1, retain=True)

    def _connected(self, client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            log.warning("Sparkplug host %s: the broker refused the connection (%s)", self.host, reason)
            return
        client.subscribe(self._topic, qos=1)
        self._say_online()

    def _heard(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        if not self._stopping and b'"online":false' in bytes(message.payload).replace(b" ", b""):
            self._say_online()

    def _say_online(self) -> None:
        self._client.publish(self._topic, state_payload(online=True, now_ms=self._since_ms), qos=1, retain=True)
