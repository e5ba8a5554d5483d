"""What came before: every pack is taken once, and each node is told up to where all its packs are here.

Packs with counters are known by (node, boot, seq), others by (sensor, source time, value): docs/decisions/0017. Memory
is bounded, beyond all that a broker or a node can hold and bring again.
"""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.conditioning.seen_samples import SeenSamples
from gateway.domain.moment import NO_TIME, SECOND_US, Moment

GIVE_UP_US: Final = 35 * SECOND_US
"""Our nodes send unacknowledged packs again after 30 s, oldest first (interfaces, `node/{node}/ack`): what is missing
35 s after it was missed, although its node is heard, is no longer held by the node."""

NODES: Final = 1024
BOOTS: Final = 4320
"""Nodes, and boots a node, that are remembered: 72 h of a node that starts anew every minute. The longest unheard are
forgotten first. A boot without gaps takes 0.6 kB, in the snapshot 43 bytes."""
ALL_BOOTS: Final = 65_536
"""Boots of all nodes together: more than a broker has messages in flight. Beyond them the oldest of the node that is
unheard for longest is forgotten."""
RANGES: Final = 1024
"""Separate stretches of numbers a boot, 0.1 kB each; beyond them the lowest gap is given up."""
_UTMOST_US: Final = 2**63 - 1


class _Boot:
    """The numbers seen of one boot as stretches [first, last], ascending and never touching.

    missed: when the gap below each stretch was noticed [µs]. closed: stretches from the bottom whose gap below is given
    up, or was none. since, heard: first and newest pack [µs].
    """

    __slots__ = ("closed", "first", "heard", "last", "missed", "since")

    def __init__(self, since: int) -> None:
        self.since = self.heard = since
        self.first: list[int] = []
        self.last: list[int] = []
        self.missed: list[int] = []
        self.closed = 0

    def add(self, seq: int, now: int) -> bool:
        """Note a number; False if it was there. Restarts the patience with gaps when the node was away."""
        if now - self.heard > GIVE_UP_US:
            self.missed = [now] * len(self.missed)
        self.heard = now
        at = bisect_right(self.first, seq)  # the stretch below is at − 1
        if at and seq <= self.last[at - 1]:
            self._settle(seq, now)
            return False
        joins_below = at > 0 and self.last[at - 1] == seq - 1
        joins_above = at < len(self.first) and self.first[at] == seq + 1
        if joins_below and joins_above:
            self.last[at - 1] = self.last[at]
            self._remove(at)
        elif joins_below:
            self.last[at - 1] = seq
        elif joins_above:
            self.first[at] = seq
        else:
            # within a gap that was noticed before, the older notice goes on to count
            self.first.insert(at, seq)
            self.last.insert(at, seq)
            self.missed.insert(at, self.missed[at] if at < len(self.missed) else now)
            if at < self.closed:
                self.closed += 1
        if len(self.first) > RANGES:  # the lowest gap is given up for good: what lies in it counts as seen
            self.first[1] = self.first[0]
            del self.first[0], self.last[0], self.missed[1]
            self.closed = max(self.closed - 1, min(self.closed, 1))
        self._settle(seq, now)
        return True

    def point(self) -> int | None:
        """All numbers up to here are seen or given up; None while the beginning is missing."""
        return self.last[self.closed - 1] if self.closed else None

    def dump(self) -> list[Any]:
        """All state, msgpack-able."""
        return [self.since, self.heard, list(self.first), list(self.last), list(self.missed), self.closed]

    @classmethod
    def load(cls, state: Sequence[Any]) -> "_Boot":
        """What `dump` gave, alive again."""
        boot = cls(state[0])
        boot.heard, boot.closed = state[1], state[5]
        boot.first, boot.last, boot.missed = list(state[2]), list(state[3]), list(state[4])
        return boot

    def _settle(self, seq: int, now: int) -> None:
        while self.closed < len(self.first):
            begins = self.closed == 0 and self.first[0] <= 1
            # only a node that sends from above the gap, long enough after it, shows that it has nothing below
            gone = now - self.missed[self.closed] >= GIVE_UP_US and seq >= self.first[self.closed]
            if not (begins or gone):
                return
            self.closed += 1

    def _remove(self, at: int) -> None:
        del self.first[at], self.last[at], self.missed[at]
        if at < self.closed:
            self.closed -= 1


class _Node:
    """The boots of one node, the longest unheard first. newest: when the last of them began here [µs]."""

    __slots__ = ("boots", "newest")

    def __init__(self, boots: "OrderedDict[int, _Boot] | None" = None) -> None:
        self.boots = OrderedDict[int, _Boot]() if boots is None else boots
        self.newest = max((boot.since for boot in self.boots.values()), default=NO_TIME)

    def forget(self) -> None:
        """Drop the longest unheard boot."""
        _, boot = self.boots.popitem(last=False)
        if boot.since == self.newest:  # hardly ever: all others were heard since
            self.newest = max((other.since for other in self.boots.values()), default=NO_TIME)


class Intake:
    """Idempotency and acknowledgement points of a site."""

    def __init__(self) -> None:
        self._nodes: OrderedDict[str, _Node] = OrderedDict()
        self._boots = 0
        self._seen: dict[int, SeenSamples] = {}
        self._to_tell: dict[tuple[str, int], None] = {}

    def accept(self, moment: Moment, node: str, boot: int, seq: int) -> bool:
        """Whether this pack is new (False: a duplicate, whose sender missed our acknowledgement and is told again)."""
        known = self._nodes.setdefault(node, _Node())
        self._nodes.move_to_end(node)
        state = known.boots.get(boot)
        if state is None:
            state = known.boots[boot] = _Boot(moment.now_us)
            known.newest = max(known.newest, state.since)
            self._boots += 1
            self._forget(known)
        known.boots.move_to_end(boot)
        before = state.point()
        is_new = state.add(seq, moment.now_us)
        if not is_new or state.point() != before:
            self._to_tell[node, boot] = None
        return is_new

    def overtaken(self, node: str, boot: int, seq: int) -> bool:
        """Whether something later of this node is in already, so that this pack is history and not live.

        To be asked before `accept`. Boots are ordered by their first pack here, not by number: a node whose memory
        was wiped counts from 1 again, and must be heard.
        """
        known = self._nodes.get(node)
        state = known.boots.get(boot) if known else None
        if known is None or state is None:
            return False
        return state.last[-1] > seq or known.newest > state.since

    def accept_sample(self, sensor: int, source_us: int, value: float = 0.0) -> bool:
        """The same for a sample of a pack without counters; without a (possible) time every sample is new.

        The value belongs to the key: a sensor whose clock stands must not lose what it says next. `SAMPLES` of a sensor
        are known again, in whatever order they come.
        """
        if not NO_TIME < source_us <= _UTMOST_US:
            return True
        seen = self._seen.get(sensor)
        if seen is None:
            seen = self._seen[sensor] = SeenSamples()
        return seen.add(source_us, value)

    def ack_points(self, moment: Moment) -> list[tuple[str, int, int]]:
        """(node, boot, seq) whose point moved, or whose sender missed it, since the last call.

        Tell them only when the packs accepted so far are durable. `moment` is not needed today: points move when
        packs come, because only a node that speaks shows what it no longer holds.
        """
        del moment
        told = []
        for node, boot in self._to_tell:
            known = self._nodes.get(node)
            state = known.boots.get(boot) if known else None
            point = state.point() if state else None
            if point is not None:
                told.append((node, boot, point))
        self._to_tell.clear()
        return told

    def dump(self) -> dict[str, Any]:
        """All state, msgpack-able."""
        return {
            "nodes": [
                [node, [[boot, *state.dump()] for boot, state in known.boots.items()]]
                for node, known in self._nodes.items()
            ],
            "seen": [[sensor, seen.dump()] for sensor, seen in self._seen.items()],
            "to_tell": [list(key) for key in self._to_tell],
        }

    def load(self, state: dict[str, Any], places: Mapping[int, int]) -> None:
        """Take up what `dump` gave. places: by the place of a sensor then, its place now; others are gone."""
        self._nodes = OrderedDict(
            (node, _Node(OrderedDict((boot, _Boot.load(known)) for boot, *known in boots)))
            for node, boots in state["nodes"]
        )
        self._boots = sum(len(known.boots) for known in self._nodes.values())
        seen = ((places.get(sensor), seen) for sensor, seen in state.get("seen", ()))
        self._seen = {sensor: SeenSamples.load(dump) for sensor, dump in seen if sensor is not None}
        for sensor, samples in state.get("samples", ()):  # of a snapshot of the first versions
            if sensor in places:
                for source_us, value in samples:
                    self.accept_sample(places[sensor], source_us, value)
        self._to_tell = dict.fromkeys((node, boot) for node, boot in state["to_tell"])

    def _forget(self, speaks: _Node) -> None:
        """Keep the bounds after a boot came."""
        if len(self._nodes) > NODES:
            _, gone = self._nodes.popitem(last=False)
            self._boots -= len(gone.boots)
        if len(speaks.boots) > BOOTS:
            speaks.forget()
            self._boots -= 1
        if self._boots > ALL_BOOTS:
            node, unheard = next(iter(self._nodes.items()))
            unheard.forget()
            self._boots -= 1
            if not unheard.boots:
                del self._nodes[node]
