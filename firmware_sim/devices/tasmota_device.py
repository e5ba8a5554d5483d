"""A Tasmota device with an air sensor: `tele/<topic>/SENSOR`, and `LWT` retained (Tasmota, "MQTT")."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from firmware_sim.devices.connection import Broker, Message
from firmware_sim.devices.faults import Read
from firmware_sim.devices.foreign_device import ForeignDevice
from firmware_sim.devices.plain_client import PlainClient

LIMA_S: Final = -5 * 3600
"""[s] Its clock shows the time of Lima, without saying so."""


class TasmotaDevice(ForeignDevice):
    """keys: (sensor, key) → channel that `read` is asked for, such as ("SCD40", "CarbonDioxide") → "co2"."""

    FAULTS = ("null", "no_clock", "fahrenheit", "status")

    def __init__(
        self, broker: Broker, topic: str, keys: Mapping[tuple[str, str], str], read: Read, period_s: float = 10.0
    ) -> None:
        self._topic, self._keys = topic, keys
        will = Message(f"tele/{topic}/LWT", b"Offline", 1, retain=True)
        super().__init__(PlainClient(broker, f"tasmota-{topic}", will=lambda: will), read, period_s)

    def greet(self, utc_s: float) -> list[Message]:
        """It is there."""
        del utc_s
        return [Message(f"tele/{self._topic}/LWT", b"Online", 1, retain=True)]

    def report(self, utc_s: float) -> list[Message]:
        """`SENSOR`, or the same as an answer to `Status 8`."""
        shown_s = 0.0 if self.fault == "no_clock" else utc_s + LIMA_S
        body: dict[str, Any] = {"Time": datetime.fromtimestamp(shown_s, UTC).strftime("%Y-%m-%dT%H:%M:%S")}
        for (sensor, key), channel in self._keys.items():
            body.setdefault(sensor, {})[key] = self._value(key, channel)
        body["TempUnit"] = "F" if self.fault == "fahrenheit" else "C"
        if self.fault == "status":
            return [Message(f"stat/{self._topic}/STATUS8", json.dumps({"StatusSNS": body}).encode())]
        return [Message(f"tele/{self._topic}/SENSOR", json.dumps(body).encode())]

    def _value(self, key: str, channel: str) -> float | None:
        value = None if self.fault == "null" else self._read(channel)
        if value is not None and key == "Temperature" and self.fault == "fahrenheit":
            return round(value * 1.8 + 32, 1)
        return value
