"""SenML (RFC 8428) in JSON and CBOR: packs to resolved values. Pure; `now_s` is an argument.

What the RFC leaves open is decided so: one wrong record refuses the pack (its sender is wrong about the format); a
record that is right but whose unit cannot be converted keeps name, value and unit as sent and gets no quantity, so
that the other sensors of the pack stay heard. Times in the future are kept: nothing is refused for its time.
"""

import io
import math
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

import cbor2
import msgspec
from msgspec import UNSET, UnsetType

from gateway.domain.errors import FormatError
from gateway.domain.measurement import NamedValue
from gateway.domain.quantities import unit_of
from gateway.formats.naming import quantity_of
from gateway.formats.units import CONVERSIONS

MAX_PAYLOAD: Final = 256 * 1024
"""[bytes] Far above any pack of a node (RFC 8428 section 8 expects small packs); what is longer is refused unread."""

RELATIVE_BELOW: Final = 2.0**28
"""[s] Times below this are relative to now, the others count from 1970 (RFC 8428 section 4.5.3)."""

VERSION: Final = 10
"""Highest `bver` understood (RFC 8428 section 4.4)."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-:./_]*")
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_\-]*")


class Record(msgspec.Struct, gc=False):
    """One record as sent; the fields are the labels of RFC 8428, table 1 and 2."""

    bn: str | UnsetType = UNSET
    bt: float | UnsetType = UNSET
    bu: str | UnsetType = UNSET
    bv: float | UnsetType = UNSET
    bs: float | UnsetType = UNSET
    bver: int | UnsetType = UNSET
    n: str | UnsetType = UNSET
    u: str | UnsetType = UNSET
    v: float | UnsetType = UNSET
    vs: str | UnsetType = UNSET
    vb: bool | UnsetType = UNSET
    s: float | UnsetType = UNSET
    t: float | UnsetType = UNSET
    ut: float | UnsetType = UNSET
    vd: str | UnsetType = UNSET


_LABELS: Final = frozenset(Record.__struct_fields__)
_CBOR_LABELS: Final = {
    -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs", -1: "bver", 0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 5: "s",
    6: "t", 7: "ut", 8: "vd",
}  # fmt: skip
"""RFC 8428 table 4."""

_RECORDS: Final = msgspec.json.Decoder(list[Record])
_KEYS: Final = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


def decode_senml_json(payload: bytes, now_s: float) -> list[NamedValue]:
    """The resolved values of a SenML pack in JSON, in its order; `now_s` [s since 1970 UTC] places relative times.

    Raises FormatError: `json` (not JSON, or not an array of objects), `senml` (a rule of RFC 8428 is broken).
    """
    _check_size(payload)
    try:
        records = _RECORDS.decode(payload)
        if b'_"' in payload or b"\\" in payload:  # only then can a label end in "_"
            for keys in _KEYS.decode(payload):
                _check_labels(keys)
    except msgspec.ValidationError as error:
        raise FormatError("senml", f"not a SenML pack: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FormatError("json", f"not JSON: {error}") from error
    return resolve(records, now_s)


def decode_senml_cbor(payload: bytes, now_s: float) -> list[NamedValue]:
    """The resolved values of a SenML pack in CBOR (RFC 8428 section 6), in its order.

    A number that is NaN or infinite counts as "no value". Tags other than decimal fractions, duplicate labels, depth
    beyond that of a pack and bytes after the pack are refused. Raises FormatError: `cbor` or `senml`.
    """
    _check_size(payload)
    stream = io.BytesIO(payload)
    try:
        pack = cbor2.CBORDecoder(
            stream, tag_hook=_refuse_tag, semantic_decoders=_REFUSED, max_depth=8, allow_duplicate_keys=False
        ).decode()
    except (cbor2.CBORError, ValueError, ArithmeticError, TypeError, RecursionError) as error:
        raise FormatError("cbor", f"not CBOR: {error}") from error
    if stream.tell() != len(payload):
        raise FormatError("cbor", f"{len(payload) - stream.tell()} bytes follow the pack, expected none")
    if not isinstance(pack, list):
        raise FormatError("senml", f"not a SenML pack: expected an array of maps, got {type(pack).__name__}")
    return resolve([_record_of(item, number) for number, item in enumerate(pack)], now_s)


def resolve(records: Iterable[Record], now_s: float) -> list[NamedValue]:
    """RFC 8428 section 4.6: every record with its base fields applied; `node` is left to the caller.

    With a quantity the value is a number in the canonical unit, or None for "no value"; without one it is as sent.
    Raises FormatError `senml`.
    """
    base_name = ""
    base_unit: str | None = None
    base_time: float | None = None
    base_value = 0.0
    has_base_value = has_base = False
    resolved: list[NamedValue] = []
    number = -1
    for number, r in enumerate(records):
        if r.bver is not UNSET and not 0 < r.bver <= VERSION:
            raise FormatError("senml", f"record {number}: bver {r.bver}, expected at most {VERSION}")
        if r.bn is not UNSET:
            base_name = r.bn
        if r.bt is not UNSET:
            base_time = r.bt
        if r.bu is not UNSET:
            base_unit = r.bu or None
        if r.bv is not UNSET:
            base_value, has_base_value = r.bv, math.isfinite(r.bv)
        has_base = has_base or r.bv is not UNSET or r.bs is not UNSET
        name = base_name if r.n is UNSET else base_name + r.n
        value: float | str | bool | None
        if r.v is not UNSET:
            value = r.v + base_value
            if value - value != 0.0:  # NaN or infinite: no value
                value = None
            if r.vs is not UNSET or r.vb is not UNSET or r.vd is not UNSET:
                raise FormatError("senml", f"record {number} ({name}): more than one value, expected at most one")
        else:
            kind, value = _other_value(r, number, name, in_base=has_base)
            if kind == 0:
                continue
            if kind == 2:
                value = base_value if has_base_value else None
        try:
            quantity = _checked_quantity(name)
        except FormatError as error:
            raise FormatError("senml", f"record {number}: {error.detail}") from None
        unit = base_unit if r.u is UNSET else r.u or None
        time = base_time if r.t is UNSET else r.t if base_time is None else base_time + r.t
        if time is not None and time < RELATIVE_BELOW:
            time += now_s
        if quantity is not None:
            quantity, value, unit = _canonical(quantity, value, unit)
        resolved.append(NamedValue(None, name, quantity, value, unit, time))
    if number < 0:
        raise FormatError("senml", "the pack is empty, expected at least one record")
    return resolved


def _canonical(
    quantity: str, value: float | str | bool | None, unit: str | None
) -> tuple[str | None, float | str | bool | None, str | None]:
    """Quantity, value and unit as they leave: canonical, or without quantity and as sent."""
    try:
        conversion = CONVERSIONS[quantity, unit]
    except KeyError:
        return None, value, unit
    if type(value) is float:
        if conversion is not None:
            value = value * conversion[0] / conversion[1] + conversion[2]
    elif value is True or value is False:
        if unit_of(quantity) != "bool":
            return None, value, unit
        value = float(value)
    elif value is not None:
        return None, value, unit
    return quantity, value, unit_of(quantity)


def _other_value(r: Record, number: int, name: str, *, in_base: bool) -> tuple[int, str | bool | None]:
    """The value of a record without `v`: (0 for a record of base fields only, else 1; the value, None for a sum).

    in_base: a base value or base sum is in force. Then a missing part counts 0 (RFC 8428, 4.1): 2, the base is all.
    """
    given = [value for value in (r.vs, r.vb, r.vd) if value is not UNSET]
    if len(given) > 1:
        raise FormatError("senml", f"record {number} ({name}): {len(given)} values, expected at most one")
    if given:
        if r.vd is not UNSET:
            _check_base64url(r.vd, number)
        return 1, given[0]
    if r.s is not UNSET:
        return 1, None
    if r.n is UNSET and r.u is UNSET and r.t is UNSET and r.ut is UNSET:
        return 0, None
    if in_base:
        return 2, None
    raise FormatError("senml", f"record {number} ({name}): no value, expected one of v, vs, vb, vd or s")


@lru_cache(maxsize=8192)
def _checked_quantity(name: str) -> str | None:
    """Quantity of a resolved name; an exception is not cached, so strangers cannot fill the cache with wrong names."""
    if _NAME.fullmatch(name) is None:
        raise FormatError("senml", f"name {name!r}, expected letters, digits and - : . / _ after a letter or digit")
    return quantity_of(name)


def _check_size(payload: bytes) -> None:
    if len(payload) > MAX_PAYLOAD:
        raise FormatError("senml", f"{len(payload)} bytes, expected at most {MAX_PAYLOAD}")


def _check_labels(labels: Iterable[Any]) -> None:
    for label in labels:
        if isinstance(label, str) and label.endswith("_") and label not in _LABELS:
            raise FormatError("senml", f"label {label!r} must be understood (it ends in '_') and is not")


def _check_base64url(text: str, number: int) -> None:
    if _BASE64URL.fullmatch(text) is None or len(text) % 4 == 1:
        raise FormatError("senml", f"record {number}: vd is not base64url without padding")


def _refuse_tag(*_: Any) -> Any:
    raise cbor2.CBORDecodeError("a tag stands in the pack, expected none but decimal fractions")


_REFUSED: Final = dict.fromkeys(
    (0, 1, 2, 3, 5, 25, 28, 29, 30, 35, 36, 37, 100, 256, 258, 260, 261, 1004, 43000), _refuse_tag
)
"""The tags that cbor2 interprets by itself (dates, big numbers, regular expressions, references, …)."""


def _record_of(item: Any, number: int) -> Record:
    """One CBOR map as a record; known labels by number (or by name), unknown ones ignored."""
    if not isinstance(item, dict):
        raise FormatError("senml", f"record {number}: expected a map, got {type(item).__name__}")
    _check_labels(item)
    fields: dict[str, Any] = {}
    for key, value in item.items():
        label = _CBOR_LABELS.get(key) if type(key) is int else key
        if type(label) is not str or label not in _LABELS:
            continue
        if label in fields:
            raise FormatError("senml", f"record {number}: label {label} twice")
        fields[label] = _CHECKS[label](value, label, number)
    return Record(**fields)


def _number(value: Any, label: str, number: int) -> float:
    if type(value) not in (int, float, Decimal):
        raise FormatError("senml", f"record {number}: {label} is {type(value).__name__}, expected a number")
    try:
        return float(value)
    except OverflowError:  # an integer beyond the floats
        return math.inf


def _time(value: Any, label: str, number: int) -> float:
    seconds = _number(value, label, number)
    if not math.isfinite(seconds):
        raise FormatError("senml", f"record {number}: {label} is {seconds}, expected a finite time")
    return seconds


def _version(value: Any, label: str, number: int) -> int:
    if type(value) is not int:
        raise FormatError("senml", f"record {number}: {label} is {type(value).__name__}, expected a whole number")
    return value


def _text(value: Any, label: str, number: int) -> str:
    if type(value) is not str:
        raise FormatError("senml", f"record {number}: {label} is {type(value).__name__}, expected text")
    return value


def _boolean(value: Any, label: str, number: int) -> bool:
    if type(value) is not bool:
        raise FormatError("senml", f"record {number}: {label} is {type(value).__name__}, expected true or false")
    return value


def _data(value: Any, label: str, number: int) -> str:
    if type(value) is not bytes:
        raise FormatError("senml", f"record {number}: {label} is {type(value).__name__}, expected a byte string")
    return urlsafe_b64encode(value).decode().rstrip("=")


_CHECKS: Final = {
    "bn": _text, "bt": _time, "bu": _text, "bv": _number, "bs": _number, "bver": _version, "n": _text, "u": _text,
    "v": _number, "vs": _text, "vb": _boolean, "s": _number, "t": _time, "ut": _time, "vd": _data,
}  # fmt: skip
