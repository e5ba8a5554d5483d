"""A node's memory: every pack is kept until the gateway says that it is durable (interfaces, `node/{node}/ack`)."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

RESEND_S: Final = 30.0
"""[s] Interfaces: unacknowledged packs are sent again after this long, and on reconnect, oldest first."""
MOST: Final = 7200
"""Packs that the node's flash holds: two hours of one a second; a new one then takes the oldest one's place."""


@dataclass(slots=True)
class _Kept:
    payload: bytes
    sent_s: float | None = None


class PackMemory:
    """The packs of one boot. Pure: time is an argument [s]."""

    def __init__(self, boot: int) -> None:
        self.boot = boot
        self.lost = 0
        self._kept: OrderedDict[int, _Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, seq: int, payload: bytes) -> None:
        """A new pack, not yet sent."""
        self._kept[seq] = _Kept(payload)
        if len(self._kept) > MOST:
            self._kept.popitem(last=False)
            self.lost += 1

    def acknowledge(self, boot: int, seq: int) -> None:
        """Everything of that boot up to seq is durable; another boot's is not ours."""
        if boot == self.boot:
            for number in [number for number in self._kept if number <= seq]:
                del self._kept[number]

    def reconnected(self) -> None:
        """A new connection: all that is kept must be said again."""
        for kept in self._kept.values():
            kept.sent_s = None

    def due(self, now_s: float) -> list[bytes]:
        """Packs to send now, oldest first; they count as sent."""
        found = [k for k in self._kept.values() if k.sent_s is None or now_s - k.sent_s >= RESEND_S]
        for kept in found:
            kept.sent_s = now_s
        return [kept.payload for kept in found]
