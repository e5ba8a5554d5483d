"""An actuator on MQTT: obeys `command/{actuator}`, tells `actuator/{actuator}/state`, watches `gateway/status`."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from firmware_sim.devices.connection import Broker
from firmware_sim.devices.mqtt_client import MqttClient
from firmware_sim.devices.mqtt_device import MqttDevice
from firmware_sim.devices.obedience import Obedience, Setpoint

HEARTBEAT_S: Final = 10.0
"""[s] Its state is told on every change and at least this often; silence is how a cut cable sounds."""
SPEED_S: Final = 1.0
"""[s] A speed that still changes is told this often."""


class MqttActuator(MqttDevice):
    """The device. move: hands the setpoint to the machine; says: what the machine does (setpoint, running, speed)."""

    def __init__(
        self, broker: Broker, root: str, actuator: str, controller: Obedience,
        move: Callable[[Setpoint], None], says: Callable[[], Mapping[str, Any]],
    ) -> None:  # fmt: skip
        self.actuator, self.controller = actuator, controller
        self._move, self._says = move, says
        super().__init__(MqttClient(broker, root, actuator, (f"command/{actuator}", "gateway/status")))
        self._told: dict[str, Any] = {}
        self._told_s = -HEARTBEAT_S

    def turn(self, now_s: float, utc_s: float) -> None:
        """Hear, obey, move, tell. now_s: since power-on."""
        while self._client.heard:
            self._hear(now_s, *self._client.heard.popleft())
        self.controller.tick(now_s)
        self._move(self.controller.setpoint)
        if self._client.connections:
            self._client.connections.clear()
            self._told = {}
        state = {**self._says(), "command_id": self.controller.command_id, "fail_safe": self.controller.in_fail_safe}
        if self._mute or not self._client.up or now_s - self._told_s < self._patience(state):
            return
        self._told, self._told_s = state, now_s
        time = datetime.fromtimestamp(utc_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._client.say(f"actuator/{self.actuator}/state", {**state, "time": time}, retain=True)

    def _patience(self, state: Mapping[str, Any]) -> float:
        """How long what was told last may stand [s]."""
        if state == self._told:
            return HEARTBEAT_S
        same = all(state[key] == self._told.get(key, ...) for key in state if key != "speed_rpm")
        return SPEED_S if same else 0.0

    def _hear(self, now_s: float, topic: str, body: dict[str, Any] | None, retained: bool) -> None:
        if self._mute or body is None:
            return
        if topic == "gateway/status":
            # a retained word is old: it may only tell that the gateway is gone, not that it lives
            if not retained or body.get("state") == "offline":
                self.controller.gateway_said(now_s, body.get("state"))
        elif not retained:
            self.controller.obey(now_s, now_s, body)
