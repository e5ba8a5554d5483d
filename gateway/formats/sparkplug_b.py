"""Sparkplug B 3.0 as a host application hears it: births, aliases, sequence numbers, deaths. Pure.

Source: Sparkplug specification 3.0, chapters 4 (topics), 5 (operational behaviour) and 6 (payloads). What it leaves to
the host is decided so: after a gap the values are taken (their names are known, and gas must be heard) and the births
are asked for; an alias that was never born says nothing and asks for them too, at most every REBIRTH_EVERY_S a node.
"""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from gateway.domain.errors import FormatError
from gateway.domain.measurement import NamedValue
from gateway.formats.json_tree import named
from gateway.formats.naming import quantity_of
from gateway.formats.session import Aside, Publication
from gateway.formats.sparkplug_payload import Metric, Payload, read_payload, rebirth_command

NAMESPACE: Final = "spBv1.0"
OF_NODE: Final = ("NBIRTH", "NDATA", "NDEATH", "NCMD")
OF_DEVICE: Final = ("DBIRTH", "DDATA", "DDEATH", "DCMD")
REBIRTH_EVERY_S: Final = 30.0
"""[s] Real plants show gaps every few dozen messages, and a birth is the longest message of a node [D]."""
NODES: Final = 1024
BIRTHS: Final = 100_000
"""Edge nodes, and metrics of all of them, that are remembered; the nodes longest unheard are forgotten first."""
SEQ_ENDS: Final = 256
STALE_QUALITY: Final = 500
OLD_VALUES: Final = (257, 258)
"""The property `Quality` (specification 3.0, "Quality codes"): 0 bad, 192 good, 500 stale. Ignition sends its own,
of which the lower 16 bits count: 256 uncertain, 257 last known and 258 initial value, 512 and more bad."""

ENG_UNIT: Final = {
    "°C": "Cel", "C": "Cel", "degC": "Cel", "%": "/100", "% vol": "/100", "%RH": "%RH", "µg/m³": "ug/m3",
    "μg/m³": "ug/m3", "µg/m3": "ug/m3", "mg/m³": "mg/m3", "mbar": "hPa", "m³/s": "m3/s",
}  # fmt: skip
"""How people write units in the property `engUnit`; others are taken as they stand. `% LEL` converts to nothing."""


class Birth(NamedTuple):
    """What a birth told of a metric."""

    name: str
    datatype: int | None
    unit: str | None


Births = dict[int | str, Birth]
"""By alias, and by name for nodes that use none."""


@dataclass(slots=True)
class _Node:
    """An edge node. next_seq: of its next message, None while unknown. births: of itself (""), and of its devices."""

    born: bool = False
    bd_seq: float | None = None
    next_seq: int | None = None
    births: dict[str, Births] = field(default_factory=dict)
    asked_s: float | None = None


class SparkplugHost:
    """A session over all edge nodes of a source; decoder with asides."""

    def __init__(self) -> None:
        self._nodes: dict[str, _Node] = {}
        self._aside = Aside()

    def aside(self) -> Aside:
        """What the last message said beside its values."""
        said, self._aside = self._aside, Aside()
        return said

    def __call__(self, topic: str, payload: bytes, now_s: float) -> list[NamedValue]:
        """The metrics of a birth or data message; those of a death (its `bdSeq`); none of commands and states.

        node: `group/node[/device]`. name: the metric's. time: the metric's, else the message's. Without a topic the
        payload stands for itself. Raises FormatError `topic`, `protobuf`, and `unborn` when no metric has a name.
        """
        self._aside = Aside()
        kind, node_id, device = _address(topic)
        if kind in ("STATE", "NCMD", "DCMD"):
            return []
        message = read_payload(payload)
        if not kind:
            return self._values(_Node(born=True), "", None, message, is_birth=True)
        node = self._nodes.pop(node_id, None) or _Node()
        self._nodes[node_id] = node  # the newest last
        self._forget()
        speaker = f"{node_id}/{device}" if device else node_id
        if kind == "NDEATH":
            return self._node_dies(node_id, node, message)
        if kind == "NBIRTH":
            node.births.clear()
            node.born, node.next_seq, node.bd_seq = True, ((message.seq or 0) + 1) % SEQ_ENDS, _bd_seq(message)
        else:
            self._follow(node_id, node, message, now_s)
        if kind == "DDEATH":
            node.births.pop(device, None)
            self._aside = self._aside._replace(lost=(speaker,))
            return []
        is_birth = kind in ("NBIRTH", "DBIRTH")
        if is_birth:
            node.births[device] = {}
        values = self._values(node, device, speaker, message, is_birth=is_birth)
        if len(values) < len(message.metrics):
            self._ask(node_id, node, now_s)
            if not values:
                raise FormatError("unborn", f"{speaker}: no metric has a name or an alias that a birth has told")
        return values

    def _values(
        self, node: _Node, device: str, speaker: str | None, message: Payload, *, is_birth: bool
    ) -> list[NamedValue]:
        births = node.births.setdefault(device, {})
        values: list[NamedValue] = []
        history: set[int] = set()
        for metric in message.metrics:
            birth = _birth_of(metric, births)
            if birth is None:
                continue
            if is_birth:
                births[birth.name] = birth
                if metric.alias is not None:
                    births[metric.alias] = birth
            if metric.historical:
                history.add(len(values))
            values.append(_value(metric, birth, speaker, message.timestamp))
        self._aside = self._aside._replace(history=frozenset(history))
        return values

    def _follow(self, node_id: str, node: _Node, message: Payload, now_s: float) -> None:
        """One counter for a node and all its devices; a message without one is taken as the next."""
        expected = node.next_seq
        if message.seq is not None:
            node.next_seq = (message.seq + 1) % SEQ_ENDS
        elif expected is not None:
            node.next_seq = (expected + 1) % SEQ_ENDS
        if not node.born or (expected is not None and message.seq not in (None, expected)):
            self._ask(node_id, node, now_s)

    def _node_dies(self, node_id: str, node: _Node, message: Payload) -> list[NamedValue]:
        bd_seq = _bd_seq(message)
        values = self._values(_Node(), "", node_id, message, is_birth=False)
        if node.born and None not in (bd_seq, node.bd_seq) and bd_seq != node.bd_seq:
            return values  # the will of an earlier connection of a node that is here again
        node.births.clear()
        node.born, node.next_seq = False, None
        self._aside = self._aside._replace(lost=(node_id,))
        return values

    def _ask(self, node_id: str, node: _Node, now_s: float) -> None:
        if node.asked_s is not None and 0 <= now_s - node.asked_s < REBIRTH_EVERY_S:
            return
        node.asked_s = now_s
        group, _, name = node_id.partition("/")
        command = Publication(f"{NAMESPACE}/{group}/NCMD/{name}", rebirth_command(max(0, round(now_s * 1000))))
        self._aside = self._aside._replace(publish=(command,))

    def _forget(self) -> None:
        known = sum(len(births) for node in self._nodes.values() for births in node.births.values())
        while len(self._nodes) > NODES or (known > BIRTHS and len(self._nodes) > 1):
            gone = self._nodes.pop(next(iter(self._nodes)))
            known -= sum(len(births) for births in gone.births.values())


def state_topic(host: str) -> str:
    """Where a host application says that it is there (specification 3.0, chapter 4, "STATE")."""
    return f"{NAMESPACE}/STATE/{host}"


def state_payload(*, online: bool, now_ms: int) -> bytes:
    """The retained message on `state_topic`."""
    return f'{{"online":{"true" if online else "false"},"timestamp":{now_ms}}}'.encode()


def _address(topic: str) -> tuple[str, str, str]:
    """(kind, `group/node`, device) of a topic; ("", "", "") without a topic. Raises FormatError `topic`."""
    if not topic:
        return "", "", ""
    levels = topic.split("/")
    if levels[0] == "STATE" or levels[:2] == [NAMESPACE, "STATE"]:
        return "STATE", "", ""
    if levels[0] == NAMESPACE and all(levels):
        if len(levels) == 4 and levels[2] in OF_NODE:
            return levels[2], f"{levels[1]}/{levels[3]}", ""
        if len(levels) == 5 and levels[2] in OF_DEVICE:
            return levels[2], f"{levels[1]}/{levels[3]}", levels[4]
    raise FormatError("topic", f"{topic!r}, expected {NAMESPACE}/<group>/<message type>/<node>[/<device>]")


def _birth_of(metric: Metric, births: Births) -> Birth | None:
    """Name and data type: of the metric itself, else of its birth; None for an alias that was never born."""
    known: Birth | None = None
    if metric.alias is not None:
        known = births.get(metric.alias)
    if known is None and metric.name:
        known = births.get(metric.name)
    if metric.name:
        told = known or Birth(metric.name, None, None)
        return Birth(metric.name, metric.datatype or told.datatype, metric.unit or told.unit)
    return known


def _value(metric: Metric, birth: Birth, speaker: str | None, message_ms: int | None) -> NamedValue:
    value = None if _is_bad(metric.quality) else metric.resolved(birth.datatype)
    at_ms = metric.timestamp or message_ms
    time = at_ms / 1000 if at_ms else None
    unit = None if birth.unit is None else ENG_UNIT.get(birth.unit, birth.unit)
    return named(speaker, birth.name, quantity_of(birth.name), value, unit, time)


def _is_bad(quality: int | None) -> bool:
    """Whether the node itself says that this is no measurement of now."""
    if quality is None:
        return False
    code = quality & 0xFFFF
    return code == 0 or code in OLD_VALUES or code >= STALE_QUALITY


def _bd_seq(message: Payload) -> float | None:
    """`bdSeq`, Int64 or UInt64; None without one."""
    for metric in message.metrics:
        if metric.name == "bdSeq":
            value = metric.resolved(None)
            return float(value) if isinstance(value, int | float) else None
    return None
