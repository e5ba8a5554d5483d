"""airRohr (sensor.community): the JSON that its firmware sends, relayed over MQTT. Pure.

Source: the firmware's own messages and the field names of the sensor.community API. Values are texts. There is no time:
that of arrival counts. P1 is PM10, P2 is PM2.5, P0 is PM1, P4 is PM4; pressure is in Pa.
"""

from typing import Final

from gateway.domain.errors import FormatError
from gateway.domain.measurement import NamedValue
from gateway.formats.json_tree import named, object_of, text_at
from gateway.formats.naming import quantity_of

IDS: Final = ("esp8266id", "esp32id", "chipid", "id")

_MASS: Final = {"P0": "pm1", "P1": "pm10", "P2": "pm2_5", "P4": "pm4"}
_WEATHER: Final = {"temperature": "temperature", "humidity": "humidity", "pressure": "pressure"}
_COUNTS: Final = {"N05": "nc0_5", "N1": "nc1", "N25": "nc2_5", "N4": "nc4", "N10": "nc10", "TS": "particle_size"}

QUANTITY_OF: Final = {
    **_MASS,
    **_WEATHER,
    **{f"{sensor}_{key}": quantity for sensor in ("SDS", "PMS", "SPS30", "HPM", "NPM", "IPS")
       for key, quantity in _MASS.items()},
    **{f"SPS30_{key}": quantity for key, quantity in _COUNTS.items()},
    **{f"{sensor}_{key}": quantity for sensor in ("BME280", "BMP280", "BMP", "BMP180", "HTU21D", "SHT3X", "SCD30",
       "DHT", "DHT22", "DS18B20") for key, quantity in _WEATHER.items()},
    "SCD30_co2_ppm": "co2",
    "signal": "rssi",
}  # fmt: skip

_DBM: Final = " dBm"
"""Stands after the number in `signal` of firmware before 2017."""


def decode_airrohr(topic: str, payload: bytes, now_s: float) -> list[NamedValue]:
    """Values of `sensordatavalues`; node: the chip's id, None where the message has none. name: `value_type`.

    Raises FormatError `json`.
    """
    del topic, now_s
    tree = object_of(payload)
    rows = tree.get("sensordatavalues")
    if not isinstance(rows, list):
        raise FormatError("json", "'sensordatavalues' is missing, expected a list of value_type and value")
    node = text_at(tree, *IDS)
    values: list[NamedValue] = []
    for number, row in enumerate(rows):
        if not isinstance(row, dict) or not isinstance(row.get("value_type"), str):
            raise FormatError("json", f"sensordatavalues[{number}]: expected an object with value_type and value")
        value = row.get("value")
        if isinstance(value, dict | list):
            raise FormatError("json", f"sensordatavalues[{number}].value is no single value, expected a number as text")
        name = row["value_type"]
        quantity = QUANTITY_OF.get(name) or quantity_of(name)
        if quantity == "rssi" and isinstance(value, str):
            value = value.removesuffix(_DBM)
        values.append(named(node, name, quantity, value, "Pa" if quantity == "pressure" else None))
    return values
