"""How long to wait before a wire is tried again."""

import random
from typing import Final

STABLE_S: Final = 10.0
"""A connection that held this long starts the back-off afresh; one that breaks sooner (two gateways with one
identity take the session from each other) does not."""
FIGHTS: Final = 3


class Backoff:
    """Doubling waits with jitter: `first_s`, then twice as long each time, up to `cap_s`; half of each is random.

    The jitter keeps twenty gateways from knocking together when a broker or hub comes back.
    """

    def __init__(self, first_s: float, cap_s: float) -> None:
        self._first_s = first_s
        self._cap_s = cap_s
        self._next_s = first_s

    def next_s(self) -> float:
        """Seconds to wait now, between half of the present step and all of it."""
        step, self._next_s = self._next_s, min(self._next_s * 2.0, self._cap_s)
        return step * random.uniform(0.5, 1.0)  # noqa: S311  no secret in it

    def reset(self) -> None:
        """The wire held: the next trouble starts again with the shortest wait."""
        self._next_s = self._first_s


class Attempts:
    """The waits between the connections of one session, and how many of these broke soon and without a reason."""

    def __init__(self) -> None:
        self._backoff = Backoff(0.2, 30.0)
        self._short_lived = 0

    def ended(self, lasted_s: float, *, unexplained: bool) -> bool:
        """A connection, or an attempt, is over after `lasted_s`; True once when it looks as if another one took it.

        unexplained: the broker had accepted us and gave no reason.
        """
        if lasted_s >= STABLE_S:
            self._backoff.reset()
            self._short_lived = 0
        elif unexplained:
            self._short_lived += 1
        return unexplained and self._short_lived == FIGHTS

    def wait_s(self) -> float:
        """Seconds to wait now."""
        return self._backoff.next_s()
