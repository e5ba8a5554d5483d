"""paho's client, reading ahead: what has come is taken from the socket at once, plain messages straight out of it.

paho reads a packet by four calls of the system and builds six objects for it; at 10,000 messages a second that alone
fills a core. Everything but a whole, plain PUBLISH (QoS 0 or 1, no properties) goes paho's own way, byte for byte.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from paho.mqtt.client import Client
from paho.mqtt.enums import MQTTErrorCode, MQTTProtocolVersion

READ_AHEAD: Final = 65_536
MOST_TOPICS: Final = 8192
_PUBLISH: Final = 0x30
_PUBACK: Final = b"\x40\x02"
_KIND: Final = 0xF0
_RETAIN, _QOS_1, _QOS_2, _DUP = 0x01, 0x02, 0x04, 0x08

OnPlain = Callable[[int, int, bool, bool, str, bytes], None]
"""(packet id, QoS, dup, retain, topic, payload) of a message without properties."""


class ReadAhead(Client):
    """Its user calls `read` where it would call `loop_read`, and looks at `ahead` before it waits for the socket."""

    def __init__(self, *args: Any, on_plain: OnPlain | None = None, **options: Any) -> None:
        """on_plain: gets plain messages; without it `on_message` gets them all."""
        super().__init__(*args, **options)
        self.on_plain = on_plain
        self._ahead = b""
        self._at = 0
        self._topics: dict[bytes, str] = {}

    @property
    def ahead(self) -> bool:
        """Bytes were taken from the socket and are not worked off yet."""
        return self._at < len(self._ahead)

    def reconnect(self) -> MQTTErrorCode:
        """As paho's; what was read of the connection before is forgotten."""
        self._ahead, self._at = b"", 0
        return super().reconnect()

    def read(self, most: int) -> None:
        """Up to `most` packets of what has come; never waits."""
        for _ in range(most):
            if not self._plain():
                super().loop_read()
                if not self.ahead:
                    return

    def ack_all(self, mids: Sequence[int]) -> None:
        """Acknowledge messages of QoS 1 in one write (MQTT 5.0, 3.4: a PUBACK of two bytes says success)."""
        acks = b"".join(_PUBACK + mid.to_bytes(2, "big") for mid in mids)
        if acks:
            self._packet_queue(_PUBACK[0], acks, 0, 1)

    def _sock_recv(self, bufsize: int) -> bytes:
        """What paho asks for, out of what was read ahead. Raises BlockingIOError when there is nothing."""
        if self._at >= len(self._ahead):
            self._ahead, self._at = b"", 0
            self._ahead = super()._sock_recv(READ_AHEAD)
        piece = self._ahead[self._at : self._at + bufsize]
        self._at += len(piece)
        return piece

    def _plain(self) -> bool:
        """Take the packet that begins here if it is a whole, plain message; False if it is for paho."""
        data, at = self._ahead, self._at
        end = len(data)
        if self.on_plain is None or end - at < 2 or self._in_packet["command"] != 0:
            return False
        first = data[at]
        if first & _KIND != _PUBLISH or first & _QOS_2:
            return False
        size = data[at + 1]
        at += 2
        shift = 7
        if size & 0x80:
            size &= 0x7F
            while True:
                if at >= end or shift > 21:
                    return False
                octet = data[at]
                at += 1
                size |= (octet & 0x7F) << shift
                shift += 7
                if not octet & 0x80:
                    break
        stop = at + size
        if stop > end or size < 2:
            return False
        begins = at + 2
        at = begins + (data[at] << 8 | data[at + 1])
        name = data[begins:at]
        mid = 0
        if first & _QOS_1:
            if at + 2 > stop:
                return False
            mid = data[at] << 8 | data[at + 1]
            at += 2
        if self._protocol == MQTTProtocolVersion.MQTTv5:
            if at >= stop or data[at]:  # properties: paho reads them
                return False
            at += 1
        if at > stop:
            return False
        topic = self._topics.get(name)
        if topic is None:
            try:
                topic = name.decode("utf-8")
            except UnicodeDecodeError:
                return False
            if not topic:
                return False
            if len(self._topics) < MOST_TOPICS:
                self._topics[name] = topic
        self._at = stop
        self.on_plain(mid, (first & _QOS_1) >> 1, bool(first & _DUP), bool(first & _RETAIN), topic, data[at:stop])
        return True
