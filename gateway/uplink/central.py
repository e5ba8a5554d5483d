"""A central MQTT broker: points as JSON messages at QoS 1, confirmed one by one, in order."""

import gzip
import ssl
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import groupby
from typing import Any, Final, NamedTuple

import msgspec
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from gateway.domain.errors import ConfigError, LinkLost
from gateway.domain.moment import rfc3339
from gateway.domain.quality import Quality
from gateway.domain.site import Central
from gateway.domain.topics import Topics
from gateway.uplink.points import Point
from gateway.uplink.sink import BatchRejected, one_line, secret

TIMEOUT_S: Final = 30.0
"""Longest wait for the broker's next answer: a packet over a satellite takes a second, a lost one some more."""
KEEPALIVE_S: Final = 60
IN_FLIGHT: Final = 20
"""Messages without an answer; no broker's default receive maximum that we know of is so low that it matters [D]."""
MESSAGE_BYTES: Final = 32_000
"""A message ends with the item that passes this size: what a broker may refuse, and a lost link repeat, stays small."""
HEADER_BYTES: Final = 12
"""Fixed header, packet id and answer of one message."""

NO_SUBSCRIBER: Final = 0x10
FAULT_OF_THE_MESSAGE: Final = frozenset({0x81, 0x82, 0x95, 0x99})
"""Reason codes that stay the same on another try: malformed, protocol error, packet too large, payload format invalid
(MQTT 5.0, 3.4.2.1 and 3.14.2.1)."""

_encode: Final = msgspec.json.Encoder().encode


class _Answer(NamedTuple):
    code: int
    words: str


class CentralSink:
    """One connection at a time, each with a paho client of its own: nothing waits in a client that we gave up.

    Opens nothing until the first write. Raises ConfigError when the password or certificate file cannot be read.
    """

    def __init__(self, site: str, config: Central) -> None:
        self._config = config
        self._root = Topics(site).root + "record/"
        self._client_id = f"bocamina-{site}-record"
        self._where = f"central broker {config.host}:{config.port}"
        self._password = secret("central.password_file", config.password_file)
        self._tls = _context(config.ca_file)
        self._link: _Link | None = None
        self.sent_bytes = 0

    def text(self, point: Point) -> str:
        """A point as an item of a message, its topic before it."""
        return f"{self._root}{point.series} {_item(point).decode()}"

    def write(self, points: Sequence[Point]) -> None:
        """See `Sink.write`: points of one series that follow one another share messages."""
        link = self._link = self._link or self._connect()
        try:
            link.publish(self._counted(self._messages(points)))
        except (LinkLost, BatchRejected):
            self.close()
            raise

    def close(self) -> None:
        """Say good-bye; the next write connects again."""
        if self._link is not None:
            self._link.close()
            self._link = None

    def _messages(self, points: Sequence[Point]) -> Iterator[tuple[str, bytes]]:
        for series, group in groupby(points, key=lambda point: point.series):
            items: list[bytes] = []
            size = 0
            for item in map(_item, group):
                items.append(item)
                size += len(item)
                if size > MESSAGE_BYTES:
                    yield self._root + series, self._payload(items)
                    items, size = [], 0
            if items:
                yield self._root + series, self._payload(items)

    def _payload(self, items: Sequence[bytes]) -> bytes:
        payload = b'{"items":[' + b",".join(items) + b"]}"
        return gzip.compress(payload, mtime=0) if self._config.gzip else payload

    def _counted(self, messages: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
        for topic, payload in messages:
            self.sent_bytes += len(topic) + len(payload) + HEADER_BYTES
            yield topic, payload

    def _connect(self) -> "_Link":
        config, v5 = self._config, self._config.protocol == "5"
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            clean_session=None if v5 else True,
            protocol=MQTTProtocolVersion.MQTTv5 if v5 else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        client.connect_timeout = TIMEOUT_S
        if config.username is not None:
            client.username_pw_set(config.username, self._password)
        if self._tls is not None:
            client.tls_set_context(self._tls)
        link = _Link(self._where, client)
        link.open(config.host, config.port)
        return link


class _Link:
    """One connection and what the broker has answered on it. paho's thread fills in the answers."""

    def __init__(self, where: str, client: Client) -> None:
        self._where, self._client = where, client
        self._changed = threading.Condition()
        self._connected = False
        self._ended: _Answer | None = None
        self._answers: dict[int, _Answer] = {}
        self._room = IN_FLIGHT
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish

    def open(self, host: str, port: int) -> None:
        """Connect; LinkLost with one sentence if that fails."""
        try:
            self._client.connect(host, port, KEEPALIVE_S)
        except (OSError, ValueError) as error:
            self.close()
            raise LinkLost(f"{self._where}: no connection ({one_line(error) or type(error).__name__})") from error
        self._client.loop_start()
        try:
            self._wait(lambda: self._connected, "did not answer to CONNECT")
        except LinkLost:
            self.close()
            raise

    def publish(self, messages: Iterable[tuple[str, bytes]]) -> None:
        """Publish in order and wait until each message is confirmed. LinkLost, BatchRejected."""
        waiting: dict[int, str] = {}
        for topic, payload in messages:
            self._settle(waiting, self._room - 1)
            info = self._client.publish(topic, payload, qos=1)
            if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
                self._raise_ended()
                raise LinkLost(f"{self._where}: the connection was lost")
            waiting[info.mid] = topic
        self._settle(waiting, 0)

    def close(self) -> None:
        """End connection and thread."""
        with suppress(OSError, ValueError):
            self._client.disconnect()
        self._client.loop_stop()

    def _settle(self, waiting: dict[int, str], most: int) -> None:
        """Wait until at most `most` messages have no answer; the first bad answer is raised."""
        while len(waiting) > most:
            self._wait(lambda: any(mid in self._answers for mid in waiting), "does not answer")
            with self._changed:
                answered = {mid: self._answers.pop(mid) for mid in waiting if mid in self._answers}
            for mid, answer in answered.items():
                self._judge(waiting.pop(mid), answer)

    def _judge(self, topic: str, answer: _Answer) -> None:
        if answer.code == NO_SUBSCRIBER:
            raise LinkLost(f"{self._where}: nobody there takes {topic}; expected a subscriber with a lasting session")
        if answer.code in FAULT_OF_THE_MESSAGE:
            raise BatchRejected(f"{self._where}: {topic}: {answer.words}")
        if answer.code >= 0x80:
            raise LinkLost(f"{self._where}: refused a message on {topic} ({answer.words})")

    def _wait(self, is_true: Any, otherwise: str) -> None:
        with self._changed:
            self._changed.wait_for(lambda: is_true() or self._ended is not None, TIMEOUT_S)
            if is_true():
                return
        self._raise_ended()
        raise LinkLost(f"{self._where}: {otherwise} within {TIMEOUT_S:g} s")

    def _raise_ended(self) -> None:
        if self._ended is None:
            return
        if self._ended.code in FAULT_OF_THE_MESSAGE:
            raise BatchRejected(f"{self._where}: {self._ended.words}")
        raise LinkLost(f"{self._where}: no connection any more ({self._ended.words})")

    # paho's callbacks, on its thread

    def _on_connect(self, _client: Client, _data: Any, _flags: Any, reason: Any, properties: Any) -> None:
        with self._changed:
            self._room = min(IN_FLIGHT, getattr(properties, "ReceiveMaximum", IN_FLIGHT))
            if reason.is_failure:
                self._ended = _Answer(0, f"refused: {reason}")
            else:
                self._connected = True
            self._changed.notify_all()

    def _on_disconnect(self, _client: Client, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        with self._changed:
            code = reason.value if flags.is_disconnect_packet_from_server else 0
            self._ended = self._ended or _Answer(code, str(reason))
            self._changed.notify_all()

    def _on_publish(self, _client: Client, _data: Any, mid: int, reason: Any, _properties: Any) -> None:
        with self._changed:
            self._answers[mid] = _Answer(reason.value, str(reason))
            self._changed.notify_all()


def _context(ca_file: str | None) -> ssl.SSLContext | None:
    if ca_file is None:
        return None
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError) as error:
        raise ConfigError(f"central.ca_file: {ca_file!r} is not a readable certificate file ({error})") from error


def _item(point: Point) -> bytes:
    """One item: key first (series is the topic's last level; nanoseconds as text, they are beyond 2⁵³)."""
    item: dict[str, Any] = {"ns": str(point.time_ns), "time": None, "row": point.n}
    with suppress(ValueError, OverflowError, OSError):  # a node's clock beyond the year 9999
        item["time"] = rfc3339(point.time_ns // 1000)
    if point.replaces_ns is not None:
        item["replaces_ns"] = str(point.replaces_ns)
    item |= point.tags
    item |= point.fields
    if "quality" in point.fields:
        item["quality"] = Quality(int(point.fields["quality"])).word
    return _encode(item)
