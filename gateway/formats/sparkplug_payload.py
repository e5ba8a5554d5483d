"""The Sparkplug B payload: a small reader of the fields that measurements need, and a writer of one command. Pure.

Field numbers and data types are facts of the Sparkplug specification 3.0, section 6.4 (payload definition); the wire
rules are those of Protocol Buffers ("Encoding"). Twelve fields do not need a generated module and its run time; unknown
fields are skipped, as those rules ask. Data sets, templates and arrays are not read: not for safety data.
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from gateway.domain.errors import FormatError

MAX_PAYLOAD: Final = 256 * 1024
"""[bytes] A birth of some thousand metrics; what is longer is refused unread."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_PAYLOAD_TIMESTAMP, _METRICS, _SEQ = 1, 2, 3
_NAME, _ALIAS, _TIMESTAMP, _DATATYPE, _HISTORICAL, _NULL, _PROPERTIES = 1, 2, 3, 4, 5, 7, 9
_INT, _LONG, _FLOAT, _DOUBLE, _BOOLEAN, _STRING = 10, 11, 12, 13, 14, 15
_OTHER_VALUES: Final = frozenset((16, 17, 18, 19))  # bytes, data set, template, extension
_KEYS, _VALUES = 1, 2  # of a property set
_PROPERTY_INT, _PROPERTY_STRING = 3, 8

SIGNED: Final = {1: 8, 2: 16, 3: 32, 4: 64}
"""Data type → width [bit]: Int8, Int16, Int32, Int64."""
UNSIGNED: Final = {5: 8, 6: 16, 7: 32, 8: 64}
BOOLEAN: Final = 11

Field = tuple[int, int, int | bytes]


@dataclass(slots=True)
class Metric:
    """One metric as sent; None where a field is absent. number: of an integer field, not yet signed.

    timestamp: [ms since 1970 UTC]. quality, unit: the properties `Quality` (0, 192, 500) and `engUnit`.
    """

    name: str | None = None
    alias: int | None = None
    timestamp: int | None = None
    datatype: int | None = None
    historical: bool = False
    null: bool = False
    value: float | str | bool | None = None
    number: int | None = None
    quality: int | None = None
    unit: str | None = None

    def resolved(self, datatype: int | None) -> float | str | bool | None:
        """The value under a data type, which the birth may have told; None for null, NaN and what is not read.

        Int8 to Int64 ride in unsigned fields as two's complement, masked to their width or sign-extended: both are
        read alike.
        """
        if self.null:
            return None
        if self.number is None:
            return self.value
        datatype = self.datatype or datatype
        if datatype == BOOLEAN:
            return bool(self.number)
        if datatype in SIGNED:
            width = SIGNED[datatype]
            number = self.number & ((1 << width) - 1)
            return float(number - (1 << width) if number >> (width - 1) else number)
        if datatype in UNSIGNED:
            return float(self.number & ((1 << UNSIGNED[datatype]) - 1))
        return float(self.number)


@dataclass(slots=True)
class Payload:
    """One message. timestamp: [ms since 1970 UTC]. seq: 0–255."""

    timestamp: int | None = None
    seq: int | None = None
    metrics: list[Metric] = field(default_factory=list)


def read_payload(data: bytes) -> Payload:
    """The message in `data`; FormatError `protobuf` where its bytes are none."""
    if len(data) > MAX_PAYLOAD:
        raise FormatError("protobuf", f"{len(data)} bytes, expected at most {MAX_PAYLOAD}")
    payload = Payload()
    for number, wire, value in _fields(data):
        if number == _PAYLOAD_TIMESTAMP:
            payload.timestamp = _integer(value, wire, "timestamp")
        elif number == _SEQ:
            payload.seq = _integer(value, wire, "seq")
        elif number == _METRICS:
            payload.metrics.append(_metric(_block(value, wire, "metric")))
    return payload


def rebirth_command(now_ms: int) -> bytes:
    """The payload of an NCMD that asks an edge node for its births: `Node Control/Rebirth` = true."""
    metric = (
        _bytes_field(_NAME, b"Node Control/Rebirth") + _varint_field(_TIMESTAMP, now_ms)
        + _varint_field(_DATATYPE, BOOLEAN) + _varint_field(_BOOLEAN, 1)
    )  # fmt: skip
    return _varint_field(_PAYLOAD_TIMESTAMP, now_ms) + _bytes_field(_METRICS, metric)


def _metric(data: bytes) -> Metric:
    metric = Metric()
    for number, wire, value in _fields(data):
        if number == _NAME:
            metric.name = _text(value, wire, "name")
        elif number == _ALIAS:
            metric.alias = _integer(value, wire, "alias")
        elif number == _TIMESTAMP:
            metric.timestamp = _integer(value, wire, "timestamp")
        elif number == _DATATYPE:
            metric.datatype = _integer(value, wire, "datatype")
        elif number == _HISTORICAL:
            metric.historical = bool(_integer(value, wire, "is_historical"))
        elif number == _NULL:
            metric.null = bool(_integer(value, wire, "is_null"))
        elif number == _PROPERTIES:
            _read_properties(_block(value, wire, "properties"), metric)
        elif _INT <= number <= _STRING or number in _OTHER_VALUES:
            metric.value = metric.number = None  # the last one of a oneof counts
            if number == _INT:
                metric.number = _integer(value, wire, "int_value") & 0xFFFF_FFFF
            elif number == _LONG:
                metric.number = _integer(value, wire, "long_value")
            elif number == _FLOAT:
                metric.value = _real("<f", value, wire, _FIXED32, "float_value")
            elif number == _DOUBLE:
                metric.value = _real("<d", value, wire, _FIXED64, "double_value")
            elif number == _BOOLEAN:
                metric.value = bool(_integer(value, wire, "boolean_value"))
            elif number == _STRING:
                metric.value = _text(value, wire, "string_value")
    return metric


def _read_properties(data: bytes, metric: Metric) -> None:
    keys: list[str] = []
    values: list[bytes] = []
    for number, wire, value in _fields(data):
        if number == _KEYS:
            keys.append(_text(value, wire, "property key"))
        elif number == _VALUES:
            values.append(_block(value, wire, "property value"))
    for key, block in zip(keys, values, strict=False):
        if key not in ("Quality", "engUnit"):
            continue
        for number, wire, value in _fields(block):
            if key == "Quality" and number == _PROPERTY_INT:
                metric.quality = _integer(value, wire, "Quality")
            elif key == "engUnit" and number == _PROPERTY_STRING:
                metric.unit = _text(value, wire, "engUnit") or None


def _fields(data: bytes) -> Iterator[Field]:
    """(field number, wire type, value) of one message: integers for varints, bytes for all else."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if number == 0:
            raise FormatError("protobuf", f"byte {at}: field number 0, expected 1 or more")
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield number, wire, value
            continue
        if wire == _BYTES:
            size, at = _varint(data, at)
        elif wire in (_FIXED64, _FIXED32):
            size = 8 if wire == _FIXED64 else 4
        else:
            raise FormatError("protobuf", f"byte {at}: wire type {wire}, expected 0, 1, 2 or 5")
        if at + size > len(data):
            raise FormatError("protobuf", f"byte {at}: {size} bytes of field {number} announced, {len(data) - at} left")
        yield number, wire, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise FormatError("protobuf", f"byte {at}: the message ends within a number")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
    raise FormatError("protobuf", f"byte {at}: a number longer than 10 bytes")


def _integer(value: int | bytes, wire: int, what: str) -> int:
    if isinstance(value, int):
        return value
    raise FormatError("protobuf", f"{what} has wire type {wire}, expected 0")


def _block(value: int | bytes, wire: int, what: str) -> bytes:
    if wire == _BYTES and isinstance(value, bytes):
        return value
    raise FormatError("protobuf", f"{what} has wire type {wire}, expected 2")


def _text(value: int | bytes, wire: int, what: str) -> str:
    try:
        return _block(value, wire, what).decode()
    except UnicodeDecodeError as error:
        raise FormatError("protobuf", f"{what} is not UTF-8, expected text") from error


def _real(form: str, value: int | bytes, wire: int, expected: int, what: str) -> float | None:
    if wire != expected or not isinstance(value, bytes):
        raise FormatError("protobuf", f"{what} has wire type {wire}, expected {expected}")
    (number,) = struct.unpack(form, value)
    return float(number) if math.isfinite(number) else None


def _number(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _varint_field(number: int, value: int) -> bytes:
    return _number(number << 3 | _VARINT) + _number(value)


def _bytes_field(number: int, value: bytes) -> bytes:
    return _number(number << 3 | _BYTES) + _number(len(value)) + value
