"""Network servers of LoRaWAN with one device in the field: ChirpStack v4 and The Things Stack v3, MQTT 3.1.1, QoS 0.

Written from the servers' documentation. What is zero, false or empty is left out, as both do.
"""

import base64
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from firmware_sim.devices.connection import Broker, Message
from firmware_sim.devices.faults import Read
from firmware_sim.devices.foreign_device import ForeignDevice
from firmware_sim.devices.plain_client import PlainClient

LATE_S: Final = 600.0
"""[s] How late an uplink comes that a radio gateway had kept."""


class LorawanServer(ForeignDevice, ABC):
    """Publishes an uplink of the device every `period_s`. names: keys of the codec's object."""

    FAULTS = ("late", "twice", "no_codec", "null")

    def __init__(
        self, broker: Broker, application: str, device: str, names: Iterable[str], read: Read, period_s: float = 60.0
    ) -> None:
        self._application, self._device, self._names = application, device, tuple(names)
        self._count = -1
        super().__init__(PlainClient(broker, f"lns-{application}-{device}"), read, period_s)

    def report(self, utc_s: float) -> list[Message]:
        """An uplink, and a word of another kind that measures nothing."""
        self._count += 1
        heard_s = utc_s - LATE_S if self.fault == "late" else utc_s
        values = {name: None if self.fault == "null" else self._read(name) for name in self._names}
        said = [self.uplink(heard_s, {} if self.fault == "no_codec" else values)]
        return [*self.others(utc_s), *said, *(said if self.fault == "twice" else ())]

    @abstractmethod
    def uplink(self, heard_s: float, values: dict[str, Any]) -> Message:
        """The message about one frame of the device."""

    @abstractmethod
    def others(self, utc_s: float) -> list[Message]:
        """Messages of other kinds."""


class ChirpStack(LorawanServer):
    """`application/<id>/device/<devEui>/event/<event>`; the device's name is its EUI."""

    def uplink(self, heard_s: float, values: dict[str, Any]) -> Message:
        """Event `up`."""
        raw = f"frame {self._count}".encode()
        body = {
            "deduplicationId": f"{self._count:08x}-0000-4000-8000-000000000000",
            "time": _stamp(heard_s, 9).replace("Z", "+00:00"),
            "deviceInfo": {"applicationId": self._application, "devEui": self._device, "deviceName": "gas"},
            "fCnt": self._count, "fPort": 2, "data": base64.b64encode(raw).decode(), "object": values,
            "rxInfo": [{"gatewayId": "0016c001f1500001", "rssi": -97, "snr": 7.5},
                       {"gatewayId": "0016c001f1500002", "rssi": -113}],
        }  # fmt: skip
        return self._event("up", {key: value for key, value in body.items() if value})

    def others(self, utc_s: float) -> list[Message]:
        """Event `status`: its battery level is the device's own."""
        return [self._event("status", {"time": _stamp(utc_s, 9), "margin": 9, "batteryLevel": 88.0})]

    def _event(self, event: str, body: dict[str, Any]) -> Message:
        topic = f"application/{self._application}/device/{self._device}/event/{event}"
        return Message(topic, json.dumps(body).encode())


class TheThingsStack(LorawanServer):
    """`v3/<application>@<tenant>/devices/<device>/up`."""

    def uplink(self, heard_s: float, values: dict[str, Any]) -> Message:
        """An uplink message."""
        uplink = {
            "f_port": 2, "f_cnt": self._count, "frm_payload": base64.b64encode(b"frame").decode(),
            "decoded_payload": values, "received_at": _stamp(heard_s, 9),
            "rx_metadata": [{"gateway_ids": {"gateway_id": "bocamina"}, "rssi": -97}],
        }  # fmt: skip
        body = {
            "end_device_ids": {"device_id": self._device, "application_ids": {"application_id": self._application}},
            "received_at": _stamp(heard_s, 9),
            "uplink_message": {key: value for key, value in uplink.items() if value},
        }
        return Message(f"v3/{self._application}@ttn/devices/{self._device}/up", json.dumps(body).encode())

    def others(self, utc_s: float) -> list[Message]:
        """A downlink that was queued."""
        body = {"end_device_ids": {"device_id": self._device}, "received_at": _stamp(utc_s, 9)}
        topic = f"v3/{self._application}@ttn/devices/{self._device}/down/queued"
        return [Message(topic, json.dumps(body).encode())]


def _stamp(utc_s: float, digits: int) -> str:
    whole = datetime.fromtimestamp(int(utc_s), UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{round((utc_s - int(utc_s)) * 10**digits):0{digits}d}Z"
