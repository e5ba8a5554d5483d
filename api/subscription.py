"""What waits to be sent to one stream: bounded, whatever the speed of its reader."""

import asyncio
import threading
from collections import deque
from typing import Any, Final, NamedTuple

PACED: Final = frozenset({"reading", "exposure"})
"""Kinds of which only the newest matters: they wait for the stream's pace and replace each other."""


class Event(NamedTuple):
    """One server-sent event: kind is its name, key the id of its subject."""

    kind: str
    key: str
    document: dict[str, Any]


class Subscription:
    """The queue between the MQTT client's thread (`put`) and one stream on the event loop (`wait`, `take`).

    kinds: the events wanted. depth: how many urgent ones may wait; beyond it the oldest is dropped and a `gap`
    event tells the reader to fetch the state again.
    """

    def __init__(self, kinds: frozenset[str], depth: int = 256) -> None:
        self._kinds = kinds
        self._loop = asyncio.get_running_loop()
        self._urgent: deque[Event] = deque(maxlen=depth)
        self._newest: dict[tuple[str, str], Event] = {}
        self._dropped = 0
        self._lock = threading.Lock()
        self._woken = asyncio.Event()

    def put(self, event: Event) -> None:
        """Queue an event; any thread, never blocks."""
        if event.kind not in self._kinds:
            return
        with self._lock:
            if event.kind in PACED:
                self._newest[event.kind, event.key] = event
                return
            self._dropped += len(self._urgent) == self._urgent.maxlen
            first = not self._urgent
            self._urgent.append(event)
        if first and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._woken.set)

    async def wait(self, timeout_s: float) -> bool:
        """True at once when something urgent waits, else False after `timeout_s`."""
        try:
            await asyncio.wait_for(self._woken.wait(), timeout_s)
        except TimeoutError:
            return False
        return True

    def take(self, *, paced: bool) -> list[Event]:
        """What waits, urgent events first; `paced`: the newest readings and exposures too."""
        with self._lock:
            self._woken.clear()
            events = list(self._urgent)
            self._urgent.clear()
            if self._dropped:
                events.insert(0, Event("gap", "", {"dropped": self._dropped}))
                self._dropped = 0
            if paced:
                events.extend(self._newest.values())
                self._newest.clear()
        return events
