"""Mail, messengers and webhooks through apprise: in threads of their own, each message with a deadline."""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from alerts.notify.console import Result
from alerts.notify.outbox import Delivery

DEADLINE_S: Final = 20.0
MAX_WAITING: Final = 200
MAX_THREADS: Final = 4
"""A service that hangs holds its thread for as long as it likes; the others go on beside it, up to this many."""

Notify = Callable[[str, str], bool]
"""(address, text) → delivered; may block, may raise."""


def by_apprise(address: str, text: str) -> bool:
    """Send one text to one apprise address; raises ValueError for an address that apprise does not know."""
    import apprise  # noqa: PLC0415  # 0.3 s of imports that only a site with such addresses pays

    carrier = apprise.Apprise()
    if not carrier.add(address):
        raise ValueError("apprise does not know this kind of address")
    return bool(carrier.notify(body=text))


class AppriseChannel:
    """`send` and `poll` are called by one thread and never block; the network is waited for in others."""

    def __init__(self, notify: Notify = by_apprise, deadline_s: float = DEADLINE_S) -> None:
        self._notify = notify
        self._deadline_s = deadline_s
        self._queue: deque[Delivery] = deque()
        self._until: dict[str, float] = {}
        self._threads: list[threading.Thread] = []
        self._done: queue.SimpleQueue[Result] = queue.SimpleQueue()

    def send(self, delivery: Delivery) -> None:
        """Hand over. A full queue is a failed delivery, which the outbox tries again."""
        self._until[delivery.id] = time.monotonic() + self._deadline_s
        if len(self._queue) >= MAX_WAITING:
            self._done.put(Result(delivery.id, ok=False, detail=f"{MAX_WAITING} messages are waiting already"))
            return
        self._queue.append(delivery)
        self._start()

    def poll(self) -> list[Result]:
        """The answers since the last call; what has not come by its deadline has failed, and comes too late."""
        results = []
        while not self._done.empty():
            result = self._done.get()
            if self._until.pop(result.delivery, None) is not None:
                results.append(result)
        now = time.monotonic()
        for late in [delivery for delivery, until in self._until.items() if now >= until]:
            del self._until[late]
            results.append(Result(late, ok=False, detail=f"no answer within {self._deadline_s:g} s"))
        self._queue = deque(delivery for delivery in self._queue if delivery.id in self._until)
        self._start()
        return results

    def close(self) -> None:
        """Forget what has not started. The threads are daemons: a hung one holds nothing up."""
        self._queue.clear()

    def _start(self) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        while self._queue and len(self._threads) < MAX_THREADS:
            delivery = self._queue.popleft()
            thread = threading.Thread(target=self._carry, args=(delivery,), name=delivery.id, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _carry(self, delivery: Delivery) -> None:
        try:
            ok = self._notify(delivery.address, delivery.text)
            detail = "" if ok else "the service did not take it"
        except Exception as error:  # whatever a service's plug-in raises is a failed delivery
            ok, detail = False, f"{type(error).__name__}: {error}"[:200]
        self._done.put(Result(delivery.id, ok, detail))
