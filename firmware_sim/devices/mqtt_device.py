"""What nodes and actuators share on MQTT: power, and the faults of their link."""

from firmware_sim.devices.mqtt_client import MqttClient


class MqttDevice:
    """A device with one client of its own."""

    def __init__(self, client: MqttClient) -> None:
        self._client = client
        self._mute = False

    def start(self) -> None:
        """Power on."""
        self._client.start()

    def stop(self) -> None:
        """Power off, politely."""
        self._client.stop()

    def set_fault(self, kind: str) -> None:
        """unplugged: the link drops and the last will speaks; silence: connected and mute; none: as it should be."""
        if kind == "unplugged":
            self._client.drop()
        elif not self._client.is_on:
            self._client.start()
        self._mute = kind == "silence"
