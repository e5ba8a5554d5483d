"""An edge node of Sparkplug B 3.0 with its devices: births, aliases, one counter, a will with `bdSeq`.

Written from the specification's field numbers (6.4) and the wire rules of Protocol Buffers.
"""

import struct
from collections.abc import Mapping
from typing import Final

from firmware_sim.devices.connection import Broker, Message
from firmware_sim.devices.faults import Read
from firmware_sim.devices.foreign_device import ForeignDevice
from firmware_sim.devices.plain_client import PlainClient

INT8, UINT64, FLOAT, DOUBLE, BOOLEAN, STRING = 1, 8, 9, 10, 11, 12
NEVER_BORN: Final = 999
"""An alias that no birth of this node tells."""


def varint(value: int) -> bytes:
    """Base 128, least significant group first; negative numbers as 64-bit two's complement."""
    value &= (1 << 64) - 1
    groups = []
    while True:
        groups.append(value & 0x7F)
        value >>= 7
        if not value:
            break
    return bytes([group | 0x80 for group in groups[:-1]] + [groups[-1]])


def integer(number: int, value: int) -> bytes:
    """A field of wire type 0."""
    return varint(number * 8) + varint(value)


def block(number: int, data: bytes) -> bytes:
    """A field of wire type 2."""
    return varint(number * 8 + 2) + varint(len(data)) + data


def metric(
    value: float | str | bool | None, kind: int, *, name: str | None = None, alias: int | None = None,
    at_ms: int | None = None, tells_kind: bool = True, historical: bool = False,
) -> bytes:  # fmt: skip
    """One metric; None is `is_null`. Int8 is masked to 32 bits, sign-extended, as common libraries send it."""
    data = b""
    if name is not None:
        data += block(1, name.encode())
    if alias is not None:
        data += integer(2, alias)
    if at_ms is not None:
        data += integer(3, at_ms)
    if tells_kind:
        data += integer(4, kind)
    if historical:
        data += integer(5, 1)
    if value is None:
        data += integer(7, 1)
    elif kind == INT8:
        data += integer(10, int(value) & 0xFFFFFFFF)
    elif kind == UINT64:
        data += integer(11, int(value))
    elif kind == FLOAT:
        data += varint(12 * 8 + 5) + struct.pack("<f", value)
    elif kind == DOUBLE:
        data += varint(13 * 8 + 1) + struct.pack("<d", value)
    elif kind == BOOLEAN:
        data += integer(14, int(bool(value)))
    else:
        data += block(15, str(value).encode())
    return data


def payload(metrics: list[bytes], at_ms: int | None = None, seq: int | None = None) -> bytes:
    """A message; deaths and commands have no `seq`."""
    data = b"" if at_ms is None else integer(1, at_ms)
    data += b"".join(block(2, one) for one in metrics)
    return data if seq is None else data + integer(3, seq)


class SparkplugNode(ForeignDevice):
    """The node. devices: device → names of its metrics, which `read` is asked for; "" is the node itself."""

    FAULTS = ("gap", "unborn", "null", "historical", "deaf", "device_gone")

    def __init__(
        self, broker: Broker, group: str, node: str, devices: Mapping[str, tuple[str, ...]], read: Read,
        period_s: float = 1.0,
    ) -> None:  # fmt: skip
        self._group, self._node, self._devices = group, node, devices
        self._seq = self.bd_seq = -1
        self.births = 0
        self._aliases = {
            (device, name): alias
            for alias, (device, name) in enumerate((d, n) for d, names in devices.items() for n in names)
        }
        client = PlainClient(broker, f"{group}-{node}", (f"spBv1.0/{group}/NCMD/{node}",), self._will)
        super().__init__(client, read, period_s)

    def _topic(self, kind: str, device: str = "") -> str:
        return f"spBv1.0/{self._group}/{kind}/{self._node}" + (f"/{device}" if device else "")

    def _will(self) -> Message:
        self.bd_seq += not self.link.up  # a farewell repeats the number of the birth
        return Message(self._topic("NDEATH"), payload([metric(self.bd_seq % 256, UINT64, name="bdSeq")]), qos=1)

    def _next(self) -> int:
        self._seq = (self._seq + 1) % 256
        return self._seq

    def greet(self, utc_s: float) -> list[Message]:
        """All births."""
        at_ms = round(utc_s * 1000)
        self._seq, self.births = -1, self.births + 1
        control = [metric(self.bd_seq % 256, UINT64, name="bdSeq"), metric(False, BOOLEAN, name="Node Control/Rebirth")]
        own = payload(control + self._metrics("", at_ms, birth=True), at_ms, self._next())
        said = [Message(self._topic("NBIRTH"), own)]
        for device in self._devices:
            if device:
                birth = payload(self._metrics(device, at_ms, birth=True), at_ms, self._next())
                said.append(Message(self._topic("DBIRTH", device), birth))
        return said

    def hear(self, message: Message, utc_s: float) -> list[Message]:
        """Whoever asks for the births gets them, unless it is deaf."""
        wanted = b"Node Control/Rebirth" in message.payload and self.fault != "deaf"
        return self.greet(utc_s) if wanted else []

    def report(self, utc_s: float) -> list[Message]:
        """Data of the node and of its devices, by alias alone."""
        at_ms = round(utc_s * 1000)
        if self.fault in ("gap", "deaf"):
            self._next()
        if self.fault == "device_gone":
            gone = next(device for device in self._devices if device)
            self.fault = "none"
            return [Message(self._topic("DDEATH", gone), payload([], at_ms, self._next()))]
        said = []
        for device in self._devices:
            metrics = self._metrics(device, at_ms, birth=False)
            if self.fault == "unborn":
                metrics = [metric(1.0, FLOAT, alias=NEVER_BORN, at_ms=at_ms)]
            kind = "DDATA" if device else "NDATA"
            said.append(Message(self._topic(kind, device), payload(metrics, at_ms, self._next())))
        return said

    def _metrics(self, device: str, at_ms: int, *, birth: bool) -> list[bytes]:
        return [
            metric(
                None if self.fault == "null" else self._read(name), FLOAT, name=name if birth else None,
                alias=self._aliases[device, name], at_ms=at_ms, tells_kind=birth,
                historical=self.fault == "historical" and not birth,
            )
            for name in self._devices[device]
        ]  # fmt: skip
