"""Names: which quantity a resolved name means, which node speaks, and what the site file calls the channel."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from gateway.domain.measurement import NamedValue
from gateway.domain.quantities import QUANTITIES

SEPARATORS: Final = "/:.-"
"""One of these stands between a node's id and the rest of a name (interfaces, Site file)."""

_SPLIT: Final = re.compile(r"[/:.\-]")
_SERIAL_SPLIT: Final = re.compile(r"[/:.]")
MAX_COUNTER: Final = 2**63 - 1


@lru_cache(maxsize=8192)
def quantity_of(name: str) -> str | None:
    """The quantity that a resolved name means: its last part if that is an identifier of the interface."""
    last = _SPLIT.split(name)[-1]
    return last if last in QUANTITIES else None


@lru_cache(maxsize=8192)
def channel_of(name: str, node: str | None) -> str:
    """The channel `node/name` as the site file writes it.

    `node` and one of `/ : . -` are taken from the front of the resolved name if they stand there, so that
    `node7/co` and `co` of node7 are both `node7/co`. Without a node the name is the channel.
    """
    if not node:
        return name
    if name.startswith(node) and len(name) > len(node) + 1 and name[len(node)] in SEPARATORS:
        name = name[len(node) + 1 :]
    return f"{node}/{name}"


def node_of(name: str) -> str | None:
    """The node in a name that came over a serial line: up to the first `/`, `:` or `.`; None without one."""
    head, found, _ = name.partition(match[0]) if (match := _SERIAL_SPLIT.search(name)) else ("", "", "")
    return head or None if found else None


def node_level(pattern: str, topic: str) -> str | None:
    """The level of `topic` that stands under the first `+` of the source's topic `pattern`; None without one."""
    levels = pattern.split("/")
    if "+" not in levels:
        return None
    at = levels.index("+")
    said = topic.split("/")
    return said[at] if at < len(said) and said[at] else None


def split_counters(
    values: Sequence[NamedValue], node: str | None
) -> tuple[list[NamedValue], int | None, int | None]:
    """Take the records `boot` and `seq` out of a pack: (the other values, boot, seq).

    A counter that is no whole number from 0 to 2**63 − 1 is left among the values and counts as absent: a node with
    a broken counter is still heard.
    """
    others: list[NamedValue] = []
    found: dict[str, int | None] = {"boot": None, "seq": None}
    for value in values:
        if value.quantity is None and value.name.endswith(("boot", "seq")):
            channel = channel_of(value.name, node)
            word = channel[len(node) + 1 :] if node else channel
            number = value.value
            if word in found and type(number) is float and number.is_integer() and 0 <= number < MAX_COUNTER:
                found[word] = int(number)
                continue
        others.append(value)
    return others, found["boot"], found["seq"]
