"""What waits for the broker, bounded: the rules of what survives an absence."""

from collections import deque
from threading import Lock

from gateway.transports.mqtt_messages import Outgoing


class Outbox:
    """Outgoing messages between the threads that publish and the one that sends.

    - Retained messages are states. The newest of each topic is kept for the life of the process and sent again on
      every new connection, so a broker that forgot is told again. An empty one (removal) is kept until the broker has
      confirmed it, together with the state before it, which people must have seen once.
    - Other messages with an expiry (commands, answers) wait for the connection until they expire, and are sent again
      if the connection broke before the broker confirmed them.
    - Messages with neither are dropped while there is no connection, and counted.

    While connected all keep their order. Time is an argument [monotonic ns]. Thread-safe; no call blocks.
    """

    def __init__(self, waiting_limit: int = 10_000, topics_limit: int = 10_000) -> None:
        self._waiting_limit = waiting_limit
        self._topics_limit = topics_limit
        self._lock = Lock()
        self._connected = False
        self._overflowed = False
        self._waiting: deque[Outgoing] = deque()
        self._in_flight: dict[int, Outgoing] = {}
        self._states: dict[str, tuple[Outgoing, ...]] = {}
        self.dropped = 0
        """Messages that never reached the broker: no connection and no expiry, expired, or no room."""

    def put(self, message: Outgoing) -> bool:
        """Take a message; False if it is dropped."""
        with self._lock:
            if message.retain:
                return self._put_state(message)
            if not self._connected and message.expires_ns is None:
                self.dropped += 1
                return False
            if len(self._waiting) >= self._waiting_limit:  # nothing moves: the newest command matters most
                oldest = self._waiting.popleft()
                self.dropped += not oldest.retain
                self._overflowed |= oldest.retain
            self._waiting.append(message)
            return True

    def _put_state(self, message: Outgoing) -> bool:
        known = self._states.get(message.topic)
        if known is None and len(self._states) >= self._topics_limit:
            self.dropped += 1
            return False
        self._states[message.topic] = (message,) if message.payload or not known else (known[-1], message)
        if self._connected and len(self._waiting) < self._waiting_limit:
            self._waiting.append(message)
        else:
            self._overflowed = True
        return True

    def connected(self) -> None:
        """A connection begins: what still waits goes first (commands), then every state."""
        with self._lock:
            self._connected = True
            self._queue_states()

    def disconnected(self) -> None:
        """The connection is gone: keep what has an expiry, unconfirmed first; the states are kept anyway."""
        with self._lock:
            self._connected = False
            pending = (*self._in_flight.values(), *self._waiting)
            kept = [message for message in pending if not message.retain and message.expires_ns is not None]
            self.dropped += sum(not message.retain and message.expires_ns is None for message in pending)
            self._waiting = deque(kept)
            self._in_flight.clear()

    def take(self, now_ns: int, room: int, most: int) -> list[Outgoing]:
        """The next messages to send: at most `most`, `room` in flight altogether, none that has expired."""
        taken: list[Outgoing] = []
        with self._lock:
            while self._waiting and len(taken) < most and len(taken) + len(self._in_flight) < room:
                message = self._waiting.popleft()
                if message.expired(now_ns):
                    self.dropped += not message.retain
                else:
                    taken.append(message)
            if self._connected and self._overflowed and not self._waiting:
                self._queue_states()
        return taken

    def sent(self, mid: int, message: Outgoing) -> None:
        """Message handed to the broker under this packet id (QoS 1)."""
        with self._lock:
            self._in_flight[mid] = message

    def confirmed(self, mid: int) -> Outgoing | None:
        """The broker has answered for this packet id: the message. A removal that nothing followed is now forgotten."""
        with self._lock:
            message = self._in_flight.pop(mid, None)
            if message and message.retain and not message.payload:
                known = self._states.get(message.topic)
                if known and known[-1] is message:
                    del self._states[message.topic]
            return message

    @property
    def unconfirmed(self) -> int:
        """Messages waiting or in flight."""
        with self._lock:
            return len(self._waiting) + len(self._in_flight)

    def _queue_states(self) -> None:
        self._overflowed = False
        for states in self._states.values():
            self._waiting.extend(states)
