"""Two nodes of the air-quality communities: airRohr, whose JSON a relay puts on MQTT, and an AirGradient monitor.

Written from the field names of sensor.community and from AirGradient's documentation of its local API.
"""

import json
from typing import Any

from firmware_sim.devices.connection import Broker, Message
from firmware_sim.devices.faults import Read
from firmware_sim.devices.foreign_device import ForeignDevice
from firmware_sim.devices.plain_client import PlainClient


class AirRohrNode(ForeignDevice):
    """SDS011 and BME280. `read` is asked for pm10, pm2_5 [µg/m³], temperature, humidity, pressure [hPa]."""

    FAULTS = ("nan",)

    def __init__(self, broker: Broker, chip: str, read: Read, period_s: float = 145.0) -> None:
        self._chip = chip
        super().__init__(PlainClient(broker, f"airrohr-{chip}"), read, period_s)

    def report(self, utc_s: float) -> list[Message]:
        """Every value a text; pressure in Pa; no time."""
        del utc_s
        shown = {
            "SDS_P1": self._text("pm10", 2), "SDS_P2": self._text("pm2_5", 2),
            "BME280_temperature": self._text("temperature", 2), "BME280_pressure": self._text("pressure", 2, 100.0),
            "BME280_humidity": self._text("humidity", 2), "samples": "5013031", "signal": "-71",
        }  # fmt: skip
        rows = [{"value_type": name, "value": text} for name, text in shown.items()]
        body = {"esp8266id": self._chip, "software_version": "NRZ-2020-133", "sensordatavalues": rows}
        return [Message(f"airrohr/{self._chip}", json.dumps(body).encode())]

    def _text(self, channel: str, digits: int, factor: float = 1.0) -> str:
        value = None if self.fault == "nan" else self._read(channel)
        return "nan" if value is None else f"{value * factor:.{digits}f}"


class AirGradientMonitor(ForeignDevice):
    """`read` is asked for co2 [ppm], pm1, pm2_5, pm10 [µg/m³], nc0_3 [1/cm³], temperature, humidity."""

    FAULTS = ("null",)

    def __init__(self, broker: Broker, serial: str, read: Read, period_s: float = 60.0) -> None:
        self._serial = serial
        super().__init__(PlainClient(broker, f"airgradient-{serial}"), read, period_s)

    def report(self, utc_s: float) -> list[Message]:
        """A sensor that failed is left out, or null; counts are per decilitre; no time."""
        del utc_s
        channels = {
            "rco2": "co2", "pm01": "pm1", "pm02": "pm2_5", "pm10": "pm10", "atmp": "temperature", "rhum": "humidity"
        }  # fmt: skip
        body: dict[str, Any] = {"serialno": self._serial, "wifi": -46, "boot": 6, "firmware": "3.1.1", "ledMode": "pm"}
        for key, channel in channels.items():
            body[key] = None if self.fault == "null" else self._read(channel)
        count = self._read("nc0_3")
        if count is not None:
            body["pm003Count"] = count * 100
        return [Message(f"airgradient/readings/{self._serial}", json.dumps(body).encode())]
