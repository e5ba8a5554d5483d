"""Our own nodes on a wire: COBS( CBOR SenML pack ‖ CRC-16/IBM-3740, high byte first ) 00.

Source: sensor protocols, section 10; RFC 8428 for the pack.
"""

import re
from typing import Any, Final

from cobs import cobs
from fastcrc import crc16

from gateway.domain.errors import FormatError
from gateway.domain.measurement import Measurement, NamedValue
from gateway.domain.quality import Quality, Reason
from gateway.domain.quantities import unit_of
from gateway.drivers.items import CHECKSUM, GARBAGE, TRUNCATED, UNSUPPORTED, Content, Item, Refusal, Run
from gateway.formats.naming import channel_of, node_of, quantity_of, split_counters
from gateway.formats.senml import decode_senml_cbor

BAUD: Final = 115200
WARM_UP_S: Final = 0.0
"""The node's sensors differ: their `warm_up_s` stands in the site file."""
PERIOD_S: Final = 1.0

MAX_ENCODED: Final = 1024
"""[bytes] Longest frame before its delimiter; a longer run without one is noise."""
_CRC_BYTES: Final = 2


class NodeDecoder:
    """A StreamDecoder: a zero byte ends a frame, so whoever joins late is in step after one of them."""

    def __init__(self) -> None:
        self._buffer = bytearray()  # since the last delimiter
        self._offset = 0  # of the buffer's first byte
        self._dropped = 0  # bytes of an overlong frame that were let go, before the buffer
        self._run = Run()
        self._gap = 0  # offset of the first byte after the last valid frame

    @property
    def skipped(self) -> int:
        """See StreamDecoder."""
        return 0 if self._run.start is None else self._offset - self._run.start

    def feed(self, data: bytes) -> list[Item]:
        """See StreamDecoder."""
        items: list[Item] = []
        *ended, rest = data.split(b"\x00")
        for part in ended:
            self._buffer += part[: MAX_ENCODED + 1]
            self._dropped += max(0, len(part) - MAX_ENCODED - 1)
            items += self._end_of_frame()
        self._buffer += rest
        over = len(self._buffer) - (MAX_ENCODED + 1)
        if over > 0:
            del self._buffer[:over]
            self._dropped += over
        return items

    def finish(self) -> list[Item]:
        """See StreamDecoder."""
        length = len(self._buffer) + self._dropped
        if length:
            self._run.open_at(self._gap)
            if length <= MAX_ENCODED:
                self._run.note(TRUNCATED, f"byte {self._offset}: the input ends after {length} bytes of a frame")
        end = self._offset + length
        self._buffer.clear()
        self._dropped, self._offset, self._gap = 0, end, end
        return self._run.close_at(end)

    def _end_of_frame(self) -> list[Item]:
        encoded = bytes(self._buffer)
        start, length = self._offset, len(encoded) + self._dropped
        self._buffer.clear()
        self._dropped, self._offset = 0, start + length + 1
        if length == 0:  # two delimiters in a row: nothing lost, nothing said
            return []
        found = _read(encoded) if length <= MAX_ENCODED else Refusal(GARBAGE, f"no frame in {length} bytes")
        if isinstance(found, Refusal):
            self._run.open_at(self._gap)
            self._run.note(found.error, f"byte {start}: {found.detail}")
            return []
        items = self._run.close_at(start)
        self._gap = self._offset
        return [*items, found.at(start, length + 1)]


def _read(encoded: bytes) -> Content | Refusal:
    """One frame without its delimiter. The chain of COBS codes is its length: a chain that breaks is no frame."""
    try:
        body = cobs.decode(encoded)
    except cobs.DecodeError:
        return Refusal(GARBAGE, f"{len(encoded)} bytes that are not COBS")
    if len(body) <= _CRC_BYTES:
        return Refusal(GARBAGE, f"{len(body)} bytes, expected a pack and its CRC")
    payload, told = body[:-_CRC_BYTES], int.from_bytes(body[-_CRC_BYTES:], "big")
    computed = crc16.ibm_3740(payload)
    if told != computed:
        return Refusal(CHECKSUM, f"CRC {told:#06x}, expected {computed:#06x}")
    try:
        # no clock here: with now = 0 a relative time stays what the node sent
        values = decode_senml_cbor(payload, 0.0)
    except FormatError as error:
        return Refusal(UNSUPPORTED, error.detail)
    return _content(values)


def _content(values: list[NamedValue]) -> Content:
    node = next((found for value in values if (found := node_of(value.name)) is not None), None)
    values, boot, seq = split_counters(values, node)
    readings: list[Measurement] = []
    names: list[str] = []
    times: list[float | None] = []
    words: dict[str, Any] = {}
    for value in values:
        name = channel_of(value.name, node)
        if isinstance(value.value, str | bool):
            words[name] = value.value
            continue
        names.append(name)
        times.append(value.time)
        readings.append(_measurement(value, name.rpartition("/")[2]))
    info = words or (None if readings else {})
    return Content(tuple(readings), info, tuple(names), tuple(times), node, boot, seq)


def _measurement(value: NamedValue, short: str) -> Measurement:
    number = value.value if isinstance(value.value, float) else None
    meant = quantity_of(value.name)
    if value.quantity is None and meant is not None:  # a unit that cannot be converted to this quantity's
        return Measurement(meant, None, unit_of(meant), Quality.BAD, Reason.FAULT)
    quantity = meant or re.sub(r"[^a-z0-9]+", "_", short.lower())
    if number is None:
        return Measurement(quantity, None, value.unit, Quality.BAD, Reason.FAULT)
    return Measurement(quantity, number, value.unit)
