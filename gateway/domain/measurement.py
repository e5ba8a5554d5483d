"""What a driver or a format hands on: a value with its unit, quality and reason, not yet tied to a sensor."""

from typing import NamedTuple

from gateway.domain.quality import Quality, Reason


class Measurement(NamedTuple):
    """One value out of a frame.

    quantity: identifier of the interface, or the device's own channel name. value: in `unit`, None when the
    device announced the reading and marked it invalid. quality, reason: what the device itself says of it.
    """

    quantity: str
    value: float | None
    unit: str | None
    quality: Quality = Quality.GOOD
    reason: Reason = Reason.NONE


class NamedValue(NamedTuple):
    """One resolved value out of an MQTT payload (all units canonical when `quantity` is known).

    node: the node that speaks, None when the payload alone does not tell. name: the full resolved name of the
    format. quantity: identifier or None. value: None when the format says "no value". time: seconds since 1970
    UTC, None when the format gives none.
    """

    node: str | None
    name: str
    quantity: str | None
    value: float | str | bool | None
    unit: str | None
    time: float | None
