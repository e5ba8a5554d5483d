"""An ESPHome node: one number a topic, and `status` retained. Written from ESPHome's documentation."""

from collections.abc import Iterable

from firmware_sim.devices.connection import Broker, Message
from firmware_sim.devices.faults import Read
from firmware_sim.devices.foreign_device import ForeignDevice
from firmware_sim.devices.plain_client import PlainClient


class EspHomeNode(ForeignDevice):
    """names: object ids of its sensors."""

    FAULTS = ("nan",)

    def __init__(self, broker: Broker, prefix: str, names: Iterable[str], read: Read, period_s: float = 10.0) -> None:
        self._prefix, self._names = prefix, tuple(names)
        will = Message(f"{prefix}/status", b"offline", 1, retain=True)
        super().__init__(PlainClient(broker, f"esphome-{prefix}", will=lambda: will), read, period_s)

    def greet(self, utc_s: float) -> list[Message]:
        """It is there."""
        del utc_s
        return [Message(f"{self._prefix}/status", b"online", 1, retain=True)]

    def report(self, utc_s: float) -> list[Message]:
        """Each sensor's state, one decimal, and a line of its log."""
        del utc_s
        said = [Message(f"{self._prefix}/debug", b"[D][sensor:093]: sent")]
        for name in self._names:
            value = None if self.fault == "nan" else self._read(name)
            text = "nan" if value is None else f"{value:.1f}"
            said.append(Message(f"{self._prefix}/sensor/{name}/state", text.encode()))
        return said
