"""Our own node on a wire: COBS( CBOR SenML pack ‖ CRC-16/IBM-3740, high byte first ) 00.

Source: sensor protocols, section 10; S. Cheshire and M. Baker, Consistent Overhead Byte Stuffing (1999).
"""

from collections.abc import Callable, Mapping
from typing import Final

from firmware_sim.devices.senml import as_cbor, records

PERIOD_S: Final = 1.0


def crc16(data: bytes) -> int:
    """CRC-16/IBM-3740: polynomial 1021, start FFFF, not reflected; 29B1 of "123456789"."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1) ^ (0x1021 if crc & 0x8000 else 0)
            crc &= 0xFFFF
    return crc


def stuffed(data: bytes) -> bytes:
    """COBS: the same without a zero byte, one byte more for every 254."""
    out = bytearray()
    for block in data.split(b"\x00"):
        rest = block
        while len(rest) >= 254:
            out += b"\xff" + rest[:254]
            rest = rest[254:]
        out += bytes([len(rest) + 1]) + rest
    return bytes(out)


def frame(payload: bytes) -> bytes:
    """A payload as it goes over the wire."""
    return stuffed(payload + crc16(payload).to_bytes(2, "big")) + b"\x00"


class BocaminaNode:
    """The node: a pack a second, without a clock. channels: name in the pack → quantity."""

    baud: Final = 115200

    def __init__(
        self, node: str, channels: Mapping[str, str], read: Callable[[str], float | None], boot: int = 1
    ) -> None:
        self._node, self._channels, self._read, self._boot = node, channels, read, boot
        self._seq = 0
        self._next_s = 0.0

    def power_on(self, now_s: float) -> None:
        """Power has come: a new boot counts its packs anew."""
        self._boot, self._seq, self._next_s = self._boot + 1, 0, now_s

    def speak(self, now_s: float) -> list[bytes]:
        """The frame that is due."""
        if now_s < self._next_s:
            return []
        self._next_s = now_s + PERIOD_S
        shown = [(name, quantity, self._read(name)) for name, quantity in self._channels.items()]
        values = [(name, quantity, value) for name, quantity, value in shown if value is not None]
        self._seq += 1
        return [frame(as_cbor(records(self._node, self._boot, self._seq, values)))]

    def hear(self, now_s: float, data: bytes) -> list[bytes]:
        """A node on a wire takes no commands."""
        del now_s, data
        return []
