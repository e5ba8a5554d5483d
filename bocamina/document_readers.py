"""The JSON documents of other clients to events: states, presence, counts, requests (interfaces, "MQTT"). Pure."""

import math
from typing import Any, Final

import msgspec

from gateway.domain.events import ActuatorState, Event, HeadCount, NodeStatus, Presence, Request
from gateway.domain.moment import NO_TIME, parse_rfc3339
from gateway.domain.topics import Kind
from gateway.transports.mqtt_messages import Inbound


def object_of(body: Any, what: str = "") -> dict[str, Any]:
    """A JSON object. TypeError for all else; what: begins its sentence."""
    if not isinstance(body, dict):
        raise TypeError(f"{what}a JSON {type(body).__name__}; expected an object")
    return body


def decode_json(payload: bytes) -> Any:
    """JSON that the journal can hold: no NaN, half surrogate, integer beyond 64 bits. ValueError for all else."""
    try:
        body = msgspec.json.decode(payload)
        msgspec.msgpack.encode(body)
    except (msgspec.DecodeError, OverflowError, RecursionError) as error:
        raise ValueError(str(error)) from error
    return body


def plain(error: Exception) -> str:
    """Why a document could not be read."""
    return f"key {error} is missing" if isinstance(error, KeyError) else str(error)


def _time(body: dict[str, Any], key: str) -> int:
    return parse_rfc3339(body[key]) if isinstance(body.get(key), str) else NO_TIME


def _word(body: dict[str, Any], key: str, default: str | None = None) -> str:
    value = body.get(key, default)
    if not isinstance(value, str):
        raise TypeError(f"{key!r} is {value!r}; expected a text")
    return value[:200]


def _number(value: Any, key: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise TypeError(f"{key!r} is {value!r}; expected a number")
    return float(value)


def _node_status(ident: str, body: dict[str, Any], inbound: Inbound) -> Event:
    state = _word(body, "state")
    if state not in {"online", "offline"}:
        raise ValueError(f"'state' is {state!r}; expected online or offline")
    return NodeStatus(ident, state == "online", inbound.retain)


def _actuator_state(ident: str, body: dict[str, Any], inbound: Inbound) -> Event:
    setpoint = body.get("setpoint")
    level = setpoint[:20] if isinstance(setpoint, str) else _number(setpoint, "setpoint")
    running = body.get("running")
    command = body.get("command_id")
    return ActuatorState(
        ident, level, running if isinstance(running, bool) else None, _number(body.get("speed_rpm"), "speed_rpm"),
        command[:100] if isinstance(command, str) else None, inbound.retain,
    )  # fmt: skip


def _presence(ident: str, body: dict[str, Any], inbound: Inbound) -> Event:
    zone = body["zone"]
    if zone is not None and not isinstance(zone, str):
        raise TypeError(f"'zone' is {zone!r}; expected a zone id or null")
    return Presence(ident, zone, _time(body, "time"), inbound.retain)


def _head_count(ident: str, body: dict[str, Any], inbound: Inbound) -> Event:
    count = body.get("count")
    if isinstance(count, bool) or not isinstance(count, int):
        raise TypeError(f"'count' is {count!r}; expected a whole number")
    return HeadCount(ident, count, _word(body, "by"), _time(body, "time"), inbound.retain)


def _is_asked_now(inbound: Inbound) -> None:
    if inbound.retain:  # it would be asked anew with every connection
        raise TypeError("a retained request is history; expected one without retain")


def _request(ident: str, body: dict[str, Any], inbound: Inbound) -> Event:
    where = (_word(body, "reply_to", ""), inbound.response_topic or "", inbound.correlation or b"")
    name = ""
    try:
        name = _word({"id": body.get("id") or None}, "id")  # two with an empty one would be taken for the same
        _is_asked_now(inbound)
        args = object_of(body["args"] if body.get("args") is not None else {}, "'args' is ")
        by, role, target = _word(body, "by"), _word(body, "role", ""), _word(body, "target", "")
    except TypeError as error:  # whoever asked and can be answered is told
        if not any(where[:2]):
            raise
        return Request(name, ident, "", "", "", {}, *where, str(error))
    return Request(name, ident, by, role, target, args, *where)


READERS: Final = {
    Kind.NODE_STATUS: _node_status,
    Kind.ACTUATOR_STATE: _actuator_state,
    Kind.PRESENCE: _presence,
    Kind.PRESENCE_COUNT: _head_count,
    Kind.REQUEST: _request,
}
"""Each takes the id in the topic, the document and its message. They raise ValueError, TypeError, KeyError."""
