"""What the JSON formats share: an object out of bytes, its leaves with their key paths, a leaf as a named value."""

import math
import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from gateway.domain.errors import FormatError
from gateway.domain.measurement import NamedValue
from gateway.domain.moment import parse_rfc3339
from gateway.domain.quantities import unit_of
from gateway.formats.units import to_canonical

MAX_PAYLOAD: Final = 256 * 1024
"""[bytes] Far above any message of a sensor; what is longer is refused unread."""
MAX_DEPTH: Final = 16
"""Levels of objects within objects; no known sender has more than four."""

_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_NO_NUMBER: Final = re.compile(r"[+-]?(nan|inf|infinity|null|none)?", re.IGNORECASE)
"""Texts that senders write where a number was due and none is there."""

Scalar = float | str | bool | None


def object_of(payload: bytes) -> dict[str, Any]:
    """The JSON object in `payload`; FormatError `json` for all else. A bare NaN is not JSON."""
    if len(payload) > MAX_PAYLOAD:
        raise FormatError("json", f"{len(payload)} bytes, expected at most {MAX_PAYLOAD}")
    try:
        tree = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FormatError("json", f"not JSON: {error}") from error
    if not isinstance(tree, dict):
        raise FormatError("json", f"a JSON {type(tree).__name__}, expected an object")
    return tree


def child(tree: dict[str, Any], key: str) -> dict[str, Any]:
    """The object under `key`; an empty one where nothing or something else stands."""
    found = tree.get(key)
    return found if isinstance(found, dict) else {}


def text_at(tree: dict[str, Any], *keys: str) -> str | None:
    """The first of `keys` that holds an id: text, or a whole number as text; None without one."""
    for key in keys:
        value = tree.get(key)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
    return None


def leaves(tree: dict[str, Any] | list[Any], path: str = "", depth: int = 0) -> Iterator[tuple[str, str, Scalar]]:
    """(key path joined by `/`, last key, value) of everything in `tree` that holds nothing else, in its order."""
    if depth >= MAX_DEPTH:
        raise FormatError("json", f"{path[:100]!r}: more than {MAX_DEPTH} levels, expected fewer")
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        where = f"{path}/{key}" if path else str(key)
        if isinstance(value, dict | list):
            yield from leaves(value, where, depth + 1)
        else:
            yield where, str(key), value


def named(
    node: str | None, name: str, quantity: str | None, value: Scalar, unit: str | None = None, time: float | None = None
) -> NamedValue:
    """One leaf as it leaves: with a quantity canonical, without one as sent.

    unit: as the format defines it, None for the canonical one. A text that is a number becomes one where a number is
    due; `nan`, `inf` and an empty text are no value. What cannot be of that quantity loses it and stays as sent.
    """
    if quantity is None or (isinstance(value, bool) and unit_of(quantity) != "bool"):
        return NamedValue(node, name, None, _as_sent(value), unit, time)
    number = _number(value)
    if isinstance(number, str):
        return NamedValue(node, name, None, number, unit, time)
    if number is not None:
        converted = to_canonical(quantity, number, unit)
        if converted is None:
            return NamedValue(node, name, None, number, unit, time)
        number = converted
    return NamedValue(node, name, quantity, number, unit_of(quantity), time)


def number_of(text: str) -> float | None:
    """The number that `text` writes; None for `nan`, `inf` and the like. ValueError for a text that is no number."""
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return _finite(float(text))
    if _NO_NUMBER.fullmatch(text):
        return None
    raise ValueError(f"{text[:40]!r} is no number")


def seconds_of(text: object) -> float | None:
    """RFC 3339 with a zone [s since 1970]; None for all else: a time without a zone places nothing."""
    try:
        return parse_rfc3339(text) / 1e6 if isinstance(text, str) else None
    except (ValueError, OverflowError):
        return None


def _number(value: Scalar) -> float | str | None:
    if isinstance(value, str):
        try:
            return number_of(value)
        except ValueError:
            return value
    return None if value is None else _finite(value)


def _finite(value: float) -> float | None:
    try:
        number = float(value)
    except OverflowError:  # a whole number beyond the floats
        return None
    return number if math.isfinite(number) else None


def _as_sent(value: Scalar) -> Scalar:
    return value if value is None or isinstance(value, str | bool) else _finite(value)
