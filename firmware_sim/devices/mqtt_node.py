"""Our MQTT node: numbered SenML packs at QoS 1, kept until `node/{node}/ack`, sent again oldest first."""

from collections.abc import Callable, Mapping
from typing import Final

from firmware_sim.devices.connection import Broker
from firmware_sim.devices.mqtt_client import MqttClient
from firmware_sim.devices.mqtt_device import MqttDevice
from firmware_sim.devices.packs import PackMemory
from firmware_sim.devices.senml import as_cbor, as_json, records

WILL_DELAY_S: Final = 10
"""A link that is back before is no news (sensor protocols, section 12: 10 to 30 s); the silence of its readings is."""


class MqttNode(MqttDevice):
    """The node. channels: name in the pack → (quantity, period [s]); cbor: on `senml-cbor` instead of `senml`.

    will_delay_s: of its last will, where the broker speaks MQTT 5.
    """

    def __init__(
        self, broker: Broker, root: str, node: str, channels: Mapping[str, tuple[str, float]],
        read: Callable[[str], float | None], *, boot: int, cbor: bool = False, will_delay_s: int = WILL_DELAY_S,
    ) -> None:  # fmt: skip
        self.node = node
        self.memory = PackMemory(boot)
        super().__init__(MqttClient(broker, root, node, (f"node/{node}/ack",), will_delay_s=will_delay_s))
        self._channels, self._read, self._cbor = channels, read, cbor
        self._due_s = dict.fromkeys(channels, 0.0)
        self._seq = 0
        self.clock_error_s: float | None = 0.0
        """How far its clock is off; None: it has none and sends no time."""

    def turn(self, now_s: float, utc_s: float) -> None:
        """Take acknowledgements, measure what is due, send what is not yet durable. now_s: since power-on."""
        while self._client.heard:
            body = self._client.heard.popleft().body or {}
            boot, seq = body.get("boot"), body.get("seq")
            if isinstance(boot, int) and isinstance(seq, int):
                self.memory.acknowledge(boot, seq)
        while self._client.connections:
            self._client.connections.popleft()
            self.memory.reconnected()
        due = [name for name, at_s in self._due_s.items() if now_s >= at_s]
        if due and not self._mute:
            self._measure(due, now_s, utc_s)
        if self._client.up:
            topic = f"node/{self.node}/senml-cbor" if self._cbor else f"node/{self.node}/senml"
            for payload in self.memory.due(now_s):
                self._client.say(topic, payload)

    def _measure(self, due: list[str], now_s: float, utc_s: float) -> None:
        for name in due:
            self._due_s[name] = now_s + self._channels[name][1]
        shown = [(name, self._channels[name][0], self._read(name)) for name in due]
        values = [(name, quantity, value) for name, quantity, value in shown if value is not None]
        self._seq += 1
        time_s = None if self.clock_error_s is None else utc_s + self.clock_error_s
        pack = records(self.node, self.memory.boot, self._seq, values, time_s)
        self.memory.keep(self._seq, as_cbor(pack) if self._cbor else as_json(pack))
