"""AirGradient: `airgradient/readings/<serial>`, the same JSON as its local `/measures/current`. Pure.

Source: AirGradient firmware documentation, "Local server API". There is no time: that of arrival counts.
"""

from typing import Final

from gateway.domain.measurement import NamedValue
from gateway.formats.json_tree import Scalar, leaves, named, object_of, text_at
from gateway.formats.naming import quantity_of

QUANTITY_OF: Final = {
    "rco2": "co2",
    "pm01": "pm1", "pm02": "pm2_5", "pm02Compensated": "pm2_5", "pm10": "pm10",
    "pm003Count": "nc0_3", "pm005Count": "nc0_5", "pm01Count": "nc1", "pm02Count": "nc2_5", "pm50Count": "nc5",
    "pm10Count": "nc10",
    "atmp": "temperature", "atmpCompensated": "temperature", "atmp_compensated": "temperature",
    "rhum": "humidity", "rhumCompensated": "humidity", "rhum_compensated": "humidity",
    "wifi": "rssi",
}  # fmt: skip

PER_DL: Final = 100.0
"""Counts are per decilitre: 100 cm³."""
_COUNTS: Final = frozenset(key for key in QUANTITY_OF if key.endswith("Count"))


def decode_airgradient(topic: str, payload: bytes, now_s: float) -> list[NamedValue]:
    """Values of a message; node: the serial number (`serialno`, else the topic's last level). name: key path.

    Raises FormatError `json`.
    """
    del now_s
    tree = object_of(payload)
    serial = text_at(tree, "serialno") or (topic.rsplit("/", 1)[-1] if "/" in topic else None) or None
    return [_value(serial, name, key, value) for name, key, value in leaves(tree) if name != "serialno"]


def _value(node: str | None, name: str, key: str, value: Scalar) -> NamedValue:
    found = named(node, name, QUANTITY_OF.get(key) or quantity_of(name), value)
    if key in _COUNTS and isinstance(found.value, float):
        return found._replace(value=found.value / PER_DL)
    return found
