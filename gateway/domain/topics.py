"""The MQTT topics of the interface: built, parsed and matched in one place."""

from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

PREFIX: Final = "bocamina/v1"
MAX_BYTES: Final = 65_535
"""Longest topic, in UTF-8 bytes (MQTT 5.0, 1.5.4)."""


class Kind(StrEnum):
    """What a topic is for; the value is its pattern under `bocamina/v1/{site}/`, `{}` being the id."""

    NODE_SENML = "node/{}/senml"
    NODE_SENML_CBOR = "node/{}/senml-cbor"
    NODE_ACK = "node/{}/ack"
    NODE_STATUS = "node/{}/status"
    READING = "reading/{}"
    EXPOSURE = "exposure/{}"
    ALARM = "alarm/{}"
    COMMAND = "command/{}"
    ACTUATOR_STATE = "actuator/{}/state"
    PROTOCOL = "protocol/{}"
    REQUEST = "request/{}"
    PRESENCE = "presence/{}"
    PRESENCE_COUNT = "presence/count/{}"
    ZONE = "zone/{}"
    GATEWAY_STATUS = "gateway/status"
    GATEWAY_BARRIER = "gateway/barrier"


class Address(NamedTuple):
    """A parsed topic. `id` is the node, sensor, alarm, actuator, … of its one variable level, "" where it has none."""

    kind: Kind
    id: str


_PATTERNS: Final = {tuple(kind.value.split("/")): kind for kind in Kind}


class Topics:
    """The topics of one site."""

    def __init__(self, site: str) -> None:
        if not is_level(site):
            raise ValueError(f"site id {site!r} cannot be a level of an MQTT topic")
        self.root = f"{PREFIX}/{site}/"
        self.parse = lru_cache(maxsize=8192)(self._parse)

    def of(self, kind: Kind, ident: str = "") -> str:
        """The topic of `kind` for one id; ValueError if the id cannot be a level (empty, `/ + #` or a control)."""
        if "{}" not in kind.value:
            return self.root + kind.value
        if not is_level(ident):
            raise ValueError(f"{kind.name.lower()} id {ident!r} cannot be a level of an MQTT topic")
        return self.root + kind.value.format(ident)

    def every(self, kind: Kind) -> str:
        """The filter that takes all topics of `kind`."""
        return self.root + kind.value.format("+")

    def _parse(self, topic: str) -> Address | None:
        """What a received topic is, None when it is none of this site's topics."""
        if not topic.startswith(self.root):
            return None
        levels = topic[len(self.root) :].split("/")
        kind = _PATTERNS.get(tuple(levels))
        if kind is not None and "{}" not in kind.value:
            return Address(kind, "")
        for at in range(len(levels) - 1, 0, -1):  # the variable level is never the first
            kind = _PATTERNS.get((*levels[:at], "{}", *levels[at + 1 :]))
            if kind is not None and is_level(levels[at]):
                return Address(kind, levels[at])
        return None

    def may_answer_on(self, topic: str) -> bool:
        """Whether a stranger's `reply_to` is safe to publish on: a plain topic that is none of the interface's own.

        Else a request could make the gateway write a command, an alarm or its own status.
        """
        return is_publishable(topic) and not topic.startswith("$") and self.parse(topic) is None


def is_level(text: str) -> bool:
    """Whether `text` can stand as one level of a topic: not empty, no separator, no wildcard, nothing unprintable."""
    return bool(text) and text.isprintable() and not any(mark in text for mark in "/+#")


def is_publishable(topic: str) -> bool:
    """Whether a message may be published on `topic` (MQTT 5.0, 4.7): no wildcard or control, not empty or too long."""
    if not topic or "+" in topic or "#" in topic or not topic.isprintable():
        return False
    return len(topic.encode()) <= MAX_BYTES


def is_filter(text: str) -> bool:
    """Whether a broker would accept `text` as a subscription (MQTT 5.0, 4.7.1): whole-level wildcards, `#` last."""
    levels = text.split("/")
    plain = text.replace("+", "").replace("#", "")
    if not text or not plain.isprintable() or "#" in levels[:-1]:
        return False
    return all(level in {"+", "#"} or not {"+", "#"} & set(level) for level in levels)


@lru_cache(maxsize=8192)  # a mine has few topics and each comes once a second
def matches(filter_: str, topic: str) -> bool:
    """Whether a subscription to `filter_` receives `topic` (MQTT 5.0, 4.7.1 and 4.7.2)."""
    if filter_ == topic:
        return True
    if topic.startswith("$") and filter_[:1] in {"+", "#"}:
        return False
    wanted, levels = filter_.split("/"), topic.split("/")
    for at, level in enumerate(wanted):
        if level == "#":
            return True  # also the parent level: "a/#" takes "a"
        if at >= len(levels) or level not in {"+", levels[at]}:
            return False
    return len(wanted) == len(levels)


@lru_cache(maxsize=8192)
def node_of(filter_: str, topic: str) -> str | None:
    """The node that speaks: the level of `topic` under the first `+` of a source's filter, None without a `+`."""
    wanted = filter_.split("/")
    if "+" not in wanted or not matches(filter_, topic):
        return None
    return topic.split("/")[wanted.index("+")]
