"""What the broker still remembers of our own state from before the start."""

from collections.abc import Callable
from typing import Final

from gateway.domain.topics import Kind, Topics
from gateway.transports.mqtt_messages import SECOND_NS, Inbound

DEADLINE_NS: Final = 3 * SECOND_NS


class OwnState:
    """Collects retained `alarm/…`, `protocol/…` and `actuator/+/state`, once a process, and tells.

    `tell(messages, complete)` is called with complete=True when the first barrier has returned. If nobody answers for
    3 s after the start it is called with what came and complete=False, and a second time when the broker is there at
    last: an alarm that only the broker knows must not be lost because it started later than we did.
    """

    def __init__(self, topics: Topics, tell: Callable[[tuple[Inbound, ...], bool], None]) -> None:
        self.filters = (topics.every(Kind.ALARM), topics.every(Kind.PROTOCOL))
        """To be subscribed while `wanted`, and unsubscribed then: our own words are read once, never consumed."""
        self._own = tuple(text.removesuffix("+") for text in self.filters)
        self._actuators = topics.every(Kind.ACTUATOR_STATE).split("+")[0]
        self._tell = tell
        self._found: dict[str, Inbound] = {}
        self._deadline_ns: int | None = None
        self.wanted = True

    def start(self, now_ns: int) -> None:
        """The process starts to wait."""
        self._deadline_ns = now_ns + DEADLINE_NS

    def connected(self) -> None:
        """A connection begins: the broker will say all of it again."""
        self._found.clear()

    def takes(self, inbound: Inbound) -> bool:
        """Look at a message; True if it is for nobody else."""
        own = inbound.topic.startswith(self._own)
        if self.wanted and inbound.retain and (own or inbound.topic.startswith(self._actuators)):
            self._found[inbound.topic] = inbound
        return own

    def complete(self) -> None:
        """The barrier has returned: all that was retained has come."""
        self.wanted = False
        self._deadline_ns = None
        self._tell(tuple(self._found.values()), True)
        self._found.clear()

    def look_at_time(self, now_ns: int) -> None:
        """Tell what there is when the deadline has passed."""
        if self._deadline_ns is not None and now_ns >= self._deadline_ns:
            self._deadline_ns = None
            self._tell(tuple(self._found.values()), False)
