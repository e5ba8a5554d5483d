"""What follows the commit of a step: retained documents, people, answers, and what senders are told is durable."""

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final, TypedDict

import msgspec

from alerts.notify.dispatch import Dispatch
from bocamina.decisions import Decisions
from gateway.domain.topics import Kind, Topics
from gateway.transports.mqtt_link import MqttLink
from gateway.transports.mqtt_messages import Inbound

NODE_ACK_EVERY_S: Final = 1.0
TELL_ANYWAY_S: Final = 3.0
"""When the disk takes nothing for this long, topics and people are told all the same; senders never are [D]."""
REPLY_EXPIRES_S: Final = 60.0
ACK_EXPIRES_S: Final = 30.0

SCHEMA: Final = "1"
"""Version of all documents of `bocamina/v1`: keys may be added to them, never renamed."""

encode: Final = msgspec.json.Encoder().encode


class Properties(TypedDict):
    """What MQTT 5 says of a document beside it; it stands in the payload too, so that nothing rests on it."""

    content_type: str
    user_properties: dict[str, str]


def properties_of(document: Mapping[str, Any]) -> Properties:
    """Content type, schema version, and whether it is of a drill (sensor protocols, section 12)."""
    drill = {"drill": "1"} if document.get("drill") is True else {}
    return {"content_type": "application/json", "user_properties": {"schema": SCHEMA} | drill}


@dataclass(slots=True, eq=False)
class After:
    """One step's aftermath. at_s: monotonic. told: topics and people know already."""

    inbounds: list[Inbound]
    decisions: Decisions
    at_s: float
    told: bool = False


class Aftermath:
    """Shared by two threads: the engine's adds steps and tells what waited too long, the journal's what is durable.

    Nothing in it blocks: the link and the dispatch queue.
    """

    def __init__(self, link: MqttLink, topics: Topics, dispatch: Dispatch) -> None:
        self._link, self._topics, self._dispatch = link, topics, dispatch
        self._lock = threading.Lock()
        self._waiting: deque[After] = deque()
        self._node_acks: dict[str, tuple[int, int]] = {}
        self._node_acked_at: dict[str, float] = {}
        self._holds_acks = False

    def expect(self, inbounds: list[Inbound], decisions: Decisions) -> After:
        """A step goes to the journal; what it returns goes with it."""
        after = After(inbounds, decisions, monotonic())
        if decisions.documents or decisions.messages or decisions.replies:
            self._waiting.append(after)
        return after

    def hold_acks(self) -> None:
        """The journal has refused readings: no cumulative acknowledgement of this process can be believed any more."""
        self._holds_acks = True

    def durable(self, afters: Sequence[object]) -> None:
        """These steps are on the disk, in order. The journal's thread."""
        inbounds: list[Inbound] = []
        for after in afters:
            if isinstance(after, After):
                self._tell(after)
                if after.decisions.acks:
                    with self._lock:
                        self._node_acks |= {node: (boot, seq) for node, boot, seq in after.decisions.acks}
                inbounds += after.inbounds
        self._link.ack_all(inbounds)

    def turn(self) -> None:
        """A full or dead disk must not keep an alarm from people; and nodes are acknowledged. The engine's thread."""
        too_old = monotonic() - TELL_ANYWAY_S
        while self._waiting and (self._waiting[0].told or self._waiting[0].at_s < too_old):
            self._tell(self._waiting.popleft())
        if self._node_acks and not self._holds_acks:
            self._acknowledge_nodes(monotonic())

    def publish(self, topic: str, document: dict[str, Any] | None) -> None:
        """A retained document; None takes it back. An alarm says `normal` once before it goes."""
        topic = self._topics.root + topic
        if document is not None:
            self._link.publish(topic, encode(document), retain=True, **properties_of(document))
        if document is None or (document.get("state") == "normal" and "alarm" in document):
            self._link.publish(topic, b"", retain=True)

    def _acknowledge_nodes(self, now: float) -> None:
        with self._lock:
            last = self._node_acked_at
            due = {n: point for n, point in self._node_acks.items() if now - last.get(n, 0.0) >= NODE_ACK_EVERY_S}
            for node in due:
                del self._node_acks[node]
        for node, (boot, seq) in due.items():
            self._node_acked_at[node] = now
            topic = self._topics.of(Kind.NODE_ACK, node)
            ack = {"boot": boot, "seq": seq}
            self._link.publish(topic, encode(ack), expiry_s=ACK_EXPIRES_S, **properties_of(ack))

    def _tell(self, after: After) -> None:
        """Documents, answers and messages of one step, once; the lock keeps the order of two threads that tell."""
        with self._lock:
            if after.told:
                return
            after.told = True
            for topic, document in after.decisions.documents.items():
                self.publish(topic, document)
            for reply, request in after.decisions.replies:
                why = {"error": reply.error} if reply.error else {}
                body = encode({"id": reply.id or None, "ok": reply.ok, **why})
                for topic in {request.reply_to, request.response_topic} - {""}:
                    if self._topics.may_answer_on(topic):
                        echoed = request.correlation or None if topic == request.response_topic else None
                        self._link.publish(
                            topic, body, expiry_s=REPLY_EXPIRES_S, correlation=echoed, **properties_of({})
                        )
            for delivery in after.decisions.messages:
                self._dispatch.send(delivery)
