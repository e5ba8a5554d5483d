"""LoRaWAN network servers: ChirpStack v4 and The Things Stack v3, JSON as their MQTT integrations publish it. Pure.

Only uplinks measure. Both leave out fields that are zero, false or empty: a key that is not there is not listed, for
the same silence may be a dead sensor. Several radio gateways that heard one uplink are one reading. Without a codec at
the server there is no object, and nothing to list. Sources: ChirpStack v4 documentation, "MQTT integration" and "Event
types"; The Things Stack v3 documentation, "MQTT server" and "Data formats".
"""

from typing import Any

from gateway.domain.errors import FormatError
from gateway.domain.measurement import NamedValue
from gateway.formats.json_tree import child, leaves, named, object_of, seconds_of, text_at
from gateway.formats.naming import quantity_of


def decode_chirpstack(topic: str, payload: bytes, now_s: float) -> list[NamedValue]:
    """Values of `application/<id>/device/<devEui>/event/up`; none of the other events.

    node: devEui. name: key path in `object`. time: `time`, when the network heard it. Raises FormatError `json`.
    """
    del now_s
    levels = topic.split("/")
    if levels[-2:-1] == ["event"] and levels[-1] != "up":
        return []
    up = object_of(payload)
    dev_eui = text_at(child(up, "deviceInfo"), "devEui") or _level_after(levels, "device")
    return _values(dev_eui, up.get("object"), "object", seconds_of(up.get("time")))


def decode_ttn(topic: str, payload: bytes, now_s: float) -> list[NamedValue]:
    """Values of `v3/<application>/devices/<device>/up`; none of the other messages.

    node: the device id. name: key path in `decoded_payload`. time: `received_at`. Raises FormatError `json`.
    """
    del now_s
    levels = topic.split("/")
    if "devices" in levels and levels[-1] != "up":
        return []
    message = object_of(payload)
    uplink = child(message, "uplink_message")
    device = text_at(child(message, "end_device_ids"), "device_id") or _level_after(levels, "devices")
    received = seconds_of(message.get("received_at"))
    if received is None:
        received = seconds_of(uplink.get("received_at"))
    return _values(device, uplink.get("decoded_payload"), "decoded_payload", received)


def _values(node: str | None, tree: Any, key: str, time: float | None) -> list[NamedValue]:
    if tree is None:
        return []
    if not isinstance(tree, dict):
        raise FormatError("json", f"{key} is a JSON {type(tree).__name__}, expected an object")
    return [named(node, name, quantity_of(name), value, None, time) for name, _, value in leaves(tree)]


def _level_after(levels: list[str], word: str) -> str | None:
    at = levels.index(word) + 1 if word in levels else len(levels)
    return levels[at] or None if at < len(levels) else None
