"""Tasmota: `SENSOR` telemetry and the answer to `Status 8` / `Status 10`, and its last will. Pure.

Source: Tasmota documentation, "MQTT", "Sensor configuration", and the pages of the sensors for their keys.
"""

import re
from typing import Any, Final

from gateway.domain.errors import FormatError
from gateway.domain.measurement import NamedValue
from gateway.formats.json_tree import Scalar, child, leaves, named, object_of, seconds_of
from gateway.formats.naming import quantity_of
from gateway.formats.session import Aside

PREFIXES: Final = ("tele", "stat")
"""Prefix2 and Prefix1 of the default `FullTopic`: what a device says."""
MESSAGES: Final = ("SENSOR", "STATUS8", "STATUS10")
OLDEST_S: Final = 1_577_836_800.0
"""2020-01-01: an `Epoch` before it comes from a clock that was never set, which starts in 1970."""

QUANTITY_OF: Final = {
    "Temperature": "temperature", "Humidity": "humidity", "Pressure": "pressure",
    "CarbonDioxide": "co2", "CO2": "co2", "CO": "co",
    "PM1": "pm1", "PM2.5": "pm2_5", "PM10": "pm10", "PM1_0": "pm1", "PM2_5": "pm2_5", "PM4_0": "pm4",
    "NCPM0_5": "nc0_5", "NCPM1_0": "nc1", "NCPM2_5": "nc2_5", "NCPM4_0": "nc4", "NCPM10": "nc10",
    "TYPSIZ": "particle_size",
}  # fmt: skip
"""Keys of sensors. `eCO2` is guessed from other gases and is no CO2; `CF…` are the factory columns; `PB…` are counts
per 0.1 l of particles beyond a size, which the canonical counts are not."""

TEMPERATURE_UNIT: Final = {"C": "Cel", "F": "F"}
PRESSURE_UNIT: Final = {"hPa": "hPa", "Pa": "Pa", "mbar": "hPa"}
HPA_OF: Final = {"mmHg": 1013.25 / 760, "inHg": 33.863886666667}
"""[hPa] of one unit: 760 mmHg are one standard atmosphere; 25.4 mmHg in an inch (NIST SP 811, B.8)."""

_SUFFIX: Final = re.compile(r"(?<=[a-z])\d+$")
"""`Temperature1`, `Temperature2` of the analogue inputs."""


class Tasmota:
    """A decoder with asides: the last will says that a device is gone."""

    def __init__(self) -> None:
        self._lost: tuple[str, ...] = ()

    def aside(self) -> Aside:
        """Who is gone."""
        lost, self._lost = self._lost, ()
        return Aside(lost=lost)

    def __call__(self, topic: str, payload: bytes, now_s: float) -> list[NamedValue]:
        """Values of a `SENSOR` message, wrapped in `StatusSNS` or not; none of any other message.

        node: the device's topic. name: `SENSOR/key`. time: `Epoch`, else `Time` if it has a zone, else None: the local
        time of a device whose zone nobody knows places nothing, and 1970 is no clock. Raises FormatError `json`.
        """
        del now_s
        self._lost = ()
        node, message = _address(topic)
        if message == "LWT":
            if payload.strip().lower() == b"offline" and node:
                self._lost = (node,)
            return []
        if message is not None and message not in MESSAGES:
            return []
        tree = object_of(payload)
        if "StatusSNS" in tree:
            if not isinstance(tree["StatusSNS"], dict):
                raise FormatError("json", f"StatusSNS is {tree['StatusSNS']!r:.40}, expected an object")
            tree = child(tree, "StatusSNS")
        time = _time(tree)
        return [
            _value(node, name, key, value, tree, time)
            for name, key, value in leaves(tree)
            if "/" in name or not (name in ("Time", "Epoch") or name.endswith("Unit"))
        ]


def _address(topic: str) -> tuple[str | None, str | None]:
    """Device topic and message of `tele/<topic>/SENSOR`, the prefix standing anywhere before the last level."""
    levels = topic.split("/")
    if len(levels) < 2:
        return None, None
    device = list(levels[:-1])
    for prefix in PREFIXES:
        if prefix in device:
            device.remove(prefix)
            break
    return "/".join(device) or None, levels[-1]


def _time(tree: dict[str, Any]) -> float | None:
    epoch = tree.get("Epoch")
    if isinstance(epoch, int | float) and not isinstance(epoch, bool) and epoch > 0:
        return float(epoch) if epoch >= OLDEST_S else None
    seconds = seconds_of(tree.get("Time"))
    return seconds if seconds is not None and seconds >= OLDEST_S else None


def _value(
    node: str | None, name: str, key: str, value: Scalar, tree: dict[str, Any], time: float | None
) -> NamedValue:
    quantity = QUANTITY_OF.get(key) or QUANTITY_OF.get(_SUFFIX.sub("", key)) or quantity_of(name)
    unit: str | None = None
    if quantity == "temperature":
        said = tree.get("TempUnit", "C")
        unit = TEMPERATURE_UNIT.get(said, str(said)) if isinstance(said, str) else None
        if unit == "F" and isinstance(value, int | float) and not isinstance(value, bool):
            value, unit = (value - 32) * 5 / 9, "Cel"
    elif quantity == "pressure":
        said = tree.get("PressureUnit", "hPa")
        unit = PRESSURE_UNIT.get(said, str(said)) if isinstance(said, str) else None
        if unit in HPA_OF and isinstance(value, int | float) and not isinstance(value, bool):
            value, unit = value * HPA_OF[unit], "hPa"
    return named(node, name, quantity, value, unit, time)
