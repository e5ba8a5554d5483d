"""The newest of everything that the gateway says, for routes and for the streams that follow it.

Written by the MQTT client's thread, read by the routes' threads and by the event loop. Age counts on the monotonic
clock from receipt; what the broker had retained is as old as its own time says, and of unknown age without one.
"""

import math
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import msgspec

from api.subscription import Event, Subscription
from gateway.domain.site import Site
from gateway.domain.topics import Address, Kind

Document = dict[str, Any]

KINDS: Final[Mapping[Kind, str]] = MappingProxyType({
    Kind.READING: "reading", Kind.EXPOSURE: "exposure", Kind.ALARM: "alarm", Kind.PROTOCOL: "protocol",
    Kind.ZONE: "zone", Kind.ACTUATOR_STATE: "actuator", Kind.COMMAND: "command", Kind.PRESENCE: "presence",
})  # fmt: skip
"""What is kept of each topic, under the name of its server-sent event."""
STREAMED: Final = frozenset({"reading", "exposure", "alarm", "protocol", "zone", "actuator", "command"})
_ID_KEY: Final = MappingProxyType({
    "reading": "sensor", "exposure": "sensor", "alarm": "alarm", "protocol": "protocol", "zone": "zone",
    "actuator": "actuator", "command": "actuator", "presence": "person",
})  # fmt: skip
"""Which member of the streamed document names its subject: `reading/{sensor}` has it in the topic alone."""
_ENDED_KEPT: Final = 200
_ALARMS_KEPT: Final = 10_000


class Entry(NamedTuple):
    """One document. as_of_s: monotonic instant that it tells of [s], -inf when its age is unknown."""

    document: Document
    as_of_s: float
    round: int = 0


class LiveState:
    """What the gateway said last, by kind and id.

    clock: monotonic seconds. wall: seconds since 1970 UTC, only to place what was retained.
    """

    def __init__(
        self, site: Site, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time
    ) -> None:
        self._clock = clock
        self._wall = wall
        self._known: Mapping[str, frozenset[str]] = {
            "reading": frozenset(sensor.id for sensor in site.sensors),
            "exposure": frozenset(sensor.id for sensor in site.sensors),
            "zone": frozenset(zone.id for zone in site.zones),
            "actuator": frozenset(actuator.id for actuator in site.actuators),
            "command": frozenset(actuator.id for actuator in site.actuators),
        }
        self._lock = threading.Condition()
        self._entries: dict[str, dict[str, Entry]] = {kind: {} for kind in _ID_KEY}
        self._ended: OrderedDict[str, Entry] = OrderedDict()
        self._status: Entry | None = None
        self._status_is_fresh = False
        self._round = 0
        self._subscriptions: set[Subscription] = set()
        self.counts: Counter[str] = Counter()

    # -- writing: the MQTT client's thread -------------------------------------------------------------------------

    def receive(self, address: Address, payload: bytes, *, retained: bool) -> None:
        """Take one message. What cannot be read, or names nothing of the site file, is counted and left."""
        document = self._decode(payload)
        kind, key = KINDS.get(address.kind), address.id
        if address.kind is Kind.GATEWAY_STATUS:
            if document is not None:
                self._take_status(document, retained=retained)
        elif kind is None or key not in self._known.get(kind, {key}):
            self.counts["unknown"] += 1
        elif not payload:
            self._remove(kind, key)
        elif document is not None:
            self._take(kind, key, document, retained=retained)

    def note_presence(self, person: str, zone: str | None) -> None:
        """A person was reported by hand, and the gateway has taken it."""
        time_ = datetime.fromtimestamp(self._wall(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._take("presence", person, {"zone": zone, "time": time_}, retained=False)

    def begin_round(self) -> None:
        """The client has connected: what the broker retains comes again."""
        with self._lock:
            self._round += 1

    def end_round(self) -> None:
        """All that was retained has come: alarms that ended while nobody listened are dropped now, not before."""
        with self._lock:
            gone = [key for key, entry in self._entries["alarm"].items() if entry.round != self._round]
        for key in gone:
            self._remove("alarm", key)

    # -- reading: any thread ---------------------------------------------------------------------------------------

    def all(self, kind: str) -> dict[str, Entry]:
        """Every document of a kind by id, active alarms only."""
        with self._lock:
            return dict(self._entries[kind])

    def get(self, kind: str, key: str) -> Entry | None:
        """One document."""
        with self._lock:
            return self._entries[kind].get(key)

    def alarm(self, alarm: str) -> Document | None:
        """An alarm that is active, or that ended a short while ago."""
        with self._lock:
            entry = self._entries["alarm"].get(alarm) or self._ended.get(alarm)
            return entry.document if entry else None

    def wait_for_alarm(self, alarm: str, done: Callable[[Document], bool], timeout_s: float) -> Document | None:
        """The alarm once `done` holds of it, or as it stands after `timeout_s`."""
        deadline = self._clock() + timeout_s
        with self._lock:
            while True:
                document = self.alarm(alarm)
                left = deadline - self._clock()
                if (document is not None and done(document)) or left <= 0:
                    return document
                self._lock.wait(left)

    def age_s(self, entry: Entry) -> float | None:
        """Seconds since what the entry tells of, None when unknown: then it is to be shown as old."""
        age = self._clock() - entry.as_of_s
        return age if math.isfinite(age) else None

    def gateway(self) -> tuple[Document, float | None]:
        """The newest `gateway/status` and its age [s]; age None until one was heard live.

        A retained status alone proves no life: a broker that died with its gateway keeps the last good words.
        """
        with self._lock:
            if self._status is None:
                return {}, None
            return self._status.document, self.age_s(self._status) if self._status_is_fresh else None

    def subscribe(self, subscription: Subscription) -> None:
        """Feed a stream until `unsubscribe`."""
        with self._lock:
            self._subscriptions.add(subscription)

    def unsubscribe(self, subscription: Subscription) -> None:
        """Stop feeding."""
        with self._lock:
            self._subscriptions.discard(subscription)

    @property
    def streams(self) -> int:
        """How many streams are open."""
        with self._lock:
            return len(self._subscriptions)

    # -- inside ----------------------------------------------------------------------------------------------------

    def _decode(self, payload: bytes) -> Document | None:
        if not payload:
            return None
        try:
            return msgspec.json.decode(payload, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError):  # a ValidationError is a DecodeError too
            self.counts["unreadable"] += 1
            return None

    def _take_status(self, document: Document, *, retained: bool) -> None:
        with self._lock:
            self._status = Entry(document, self._clock())
            self._status_is_fresh = not retained

    def _take(self, kind: str, key: str, document: Document, *, retained: bool) -> None:
        entry = Entry(document, self._as_of(document, retained=retained), self._round)
        with self._lock:
            entries = self._entries[kind]
            if kind == "alarm" and document.get("state") == "normal":
                entries.pop(key, None)
                self._end(key, entry)
            elif key in entries or len(entries) < _ALARMS_KEPT:
                entries[key] = entry
            self._tell(kind, key, document)

    def _remove(self, kind: str, key: str) -> None:
        with self._lock:
            entry = self._entries[kind].pop(key, None)
            if entry is not None and kind == "alarm":
                document = {**entry.document, "state": "normal"}
                self._end(key, entry._replace(document=document))
                self._tell(kind, key, document)

    def _end(self, key: str, entry: Entry) -> None:
        self._ended.pop(key, None)
        self._ended[key] = entry
        while len(self._ended) > _ENDED_KEPT:
            self._ended.popitem(last=False)

    def _tell(self, kind: str, key: str, document: Document) -> None:
        self._lock.notify_all()
        if kind in STREAMED:
            event = Event(kind, key, {_ID_KEY[kind]: key, **document})
            for subscription in self._subscriptions:
                subscription.put(event)

    def _as_of(self, document: Document, *, retained: bool) -> float:
        now = self._clock()
        if not retained:
            return now
        try:
            age = self._wall() - datetime.fromisoformat(document["time"]).timestamp()
        except (KeyError, TypeError, ValueError, OverflowError):
            return -math.inf
        return now - age if age >= -1.0 else -math.inf  # a second of difference is rounding, more is a wrong clock
