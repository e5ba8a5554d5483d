"""How long to wait before a wire is tried again."""

import random


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
