"""Log-in failures cost time: whoever guesses waits longer and longer."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

FREE_FAILURES: Final = 5
FIRST_WAIT_S: Final = 10.0
LONGEST_WAIT_S: Final = 900.0
_MOST_KEYS: Final = 4096


class Throttle:
    """Counts failures by key (address, or address and name). `clock` gives monotonic seconds.

    The address is part of every key, so that a stranger's guesses do not lock the officer out of the portal screen.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait_s(self, *keys: str) -> float:
        """Seconds that these keys must still wait, 0.0 when they may try."""
        now = self._clock()
        with self._lock:
            return max(0.0, *(self._failures.get(key, (0, now))[1] - now for key in keys))

    def failed(self, *keys: str) -> None:
        """One more failure: free at first, then 10 s, doubling up to 15 min."""
        now = self._clock()
        with self._lock:
            for key in keys:
                count = self._failures.pop(key, (0, 0.0))[0] + 1
                over = count - FREE_FAILURES
                wait = min(FIRST_WAIT_S * 2.0 ** min(over, 10), LONGEST_WAIT_S) if over >= 0 else 0.0
                self._failures[key] = (count, now + wait)
            while len(self._failures) > _MOST_KEYS:
                self._failures.popitem(last=False)

    def succeeded(self, *keys: str) -> None:
        """The right password forgives what was counted."""
        with self._lock:
            for key in keys:
                self._failures.pop(key, None)
