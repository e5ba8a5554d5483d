"""How bodies of journal rows are written and read: one packed body for many readings, msgpack for single documents.

A `steps` body is msgpack `[version, site_hash, steps, outcomes]`: `steps` is what the engine consumed, event by event
as it stood, so that a replay consumes the same; `outcomes` is what became of every sample, as fixed-size binary rows
that numpy reads without a loop. A body that starts with 0x78 is zlib around the above (no msgpack array or map starts
with that byte).
"""

import zlib
from collections.abc import Sequence
from struct import Struct
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from gateway.domain.errors import StoreFailed
from gateway.domain.events import Counted, Event
from gateway.domain.moment import NO_TIME, Moment

VERSION: Final = 1
ZLIB_START: Final = 0x78
WORTH_SQUEEZING: Final = 256
"""Bytes under which zlib gains less than a row's overhead."""

_OUTCOME: Final = Struct("<qHBBBxqddH")
OUTCOME_DTYPE: Final = np.dtype(
    {
        "names": ["now_us", "sensor", "quality", "reason", "delivery", "time_us", "raw", "value", "seq"],
        "formats": ["<i8", "<u2", "u1", "u1", "u1", "<i8", "<f8", "<f8", "<u2"],
        "offsets": [0, 8, 10, 11, 12, 14, 22, 30, 38],
        "itemsize": _OUTCOME.size,
    }
)
"""One outcome as numpy reads it; the fields are `Outcome`'s, `now_us` is the engine time of its step."""


class Outcome(NamedTuple):
    """What became of one sample. Plain tuples in this order do as well.

    sensor: index into `Site.sensors`. quality, reason: codes after conditioning. delivery: `Delivery` of its pack.
    time_us: its place in history [µs UTC], NO_TIME when it has none. raw: as the device gave it. value: after
    calibration [canonical unit], NaN without one. seq: the node's number of the pack modulo 1000, 0 without one.
    """

    sensor: int
    quality: int
    reason: int
    delivery: int
    time_us: int
    raw: float
    value: float
    seq: int = 0


class Step(NamedTuple):
    """One step of the engine: the moment it was given, the events it consumed, the outcomes of their samples."""

    moment: Moment
    events: Sequence[Event]
    outcomes: Sequence[tuple[int, int, int, int, int, float, float, int]] = ()


class RecordedSteps(NamedTuple):
    """A `steps` body read back. `steps` have no outcomes of their own: `outcomes` has them all, in order."""

    site_hash: str
    steps: list[Step]
    outcomes: npt.NDArray[Any]


class RecordedOutcomes(NamedTuple):
    """The outcomes of a `steps` body without its events. untrusted: engine times [µs] of steps on a doubtful clock."""

    site_hash: str
    outcomes: npt.NDArray[Any]
    untrusted: frozenset[int]


class Span(NamedTuple):
    """Where the outcomes of a body lie in history [µs UTC], None without a timed one, and how many are untimed."""

    first_us: int | None
    last_us: int | None
    untimed: int


_encoder: Final = msgspec.msgpack.Encoder()
_Whole = tuple[int, str, list[tuple[int, int, bool, list[Event]]], bytes]
_Outside = tuple[int, str, list[tuple[int, int, bool, msgspec.Raw]], bytes]
_whole: Final = msgspec.msgpack.Decoder(_Whole)
_outside: Final = msgspec.msgpack.Decoder(_Outside)
_document: Final = msgspec.msgpack.Decoder(dict[str, Any])


def pack_steps(site_hash: str, steps: Sequence[Step]) -> tuple[bytes, Span]:
    """The body of a `steps` row and its place in history; an event that cannot be written becomes a note of itself."""
    pack = _OUTCOME.pack
    outcomes = b"".join([pack(step.moment.now_us, *outcome) for step in steps for outcome in step.outcomes])
    try:
        packed = _encode(site_hash, [(*step.moment, step.events) for step in steps], outcomes)
    except (TypeError, ValueError, OverflowError):  # an integer beyond 64 bits or a half surrogate in a request
        writable = [(*step.moment, [_writable(event) for event in step.events]) for step in steps]
        packed = _encode(site_hash, writable, outcomes)
    return packed, span_of(np.frombuffer(outcomes, OUTCOME_DTYPE)["time_us"])


def unpack_steps(body: bytes) -> RecordedSteps:
    """A `steps` body with all its events; StoreFailed when it is not one of this version."""
    _version, site_hash, steps, outcomes = _decode(_whole, body)
    return RecordedSteps(
        site_hash,
        [Step(Moment(now_us, utc_us, trusted), events) for now_us, utc_us, trusted, events in steps],
        np.frombuffer(outcomes, OUTCOME_DTYPE),
    )


def pack_again(recorded: RecordedSteps) -> bytes:
    """The body of a `steps` row that was unpacked, with the events that its steps have now."""
    steps = [(*step.moment, step.events) for step in recorded.steps]
    return _encode(recorded.site_hash, steps, recorded.outcomes.tobytes())


def unpack_outcomes(body: bytes) -> RecordedOutcomes:
    """The outcomes of a `steps` body; its events stay packed (several times faster than `unpack_steps`)."""
    _version, site_hash, steps, outcomes = _decode(_outside, body)
    untrusted = frozenset(now_us for now_us, _utc_us, trusted, _events in steps if not trusted)
    return RecordedOutcomes(site_hash, np.frombuffer(outcomes, OUTCOME_DTYPE), untrusted)


def mentions(body: bytes, word: bytes) -> bool:
    """Whether a body may hold an event with this word in it, without decoding it."""
    try:
        return word in _spread(body)
    except zlib.error:
        return False


def pack_document(document: dict[str, Any]) -> bytes:
    """The body of every other kind of row; what msgpack cannot hold is written as text, never refused."""
    try:
        return _squeeze(_encoder.encode(document))
    except (TypeError, ValueError, OverflowError):
        return _squeeze(_encoder.encode({_text(key): _text(value) for key, value in document.items()}))


def unpack_document(body: bytes) -> dict[str, Any]:
    """The document of a row that is not `steps`; StoreFailed when it is none."""
    try:
        return _document.decode(_spread(body))
    except (msgspec.DecodeError, zlib.error) as error:
        raise StoreFailed(f"a journal row's body is not a document: {error}") from error


def _encode(site_hash: str, steps: Sequence[tuple[Any, ...]], outcomes: bytes) -> bytes:
    return _squeeze(_encoder.encode((VERSION, site_hash, steps, outcomes)))


def _decode(decoder: msgspec.msgpack.Decoder[Any], body: bytes) -> Any:
    try:
        plain = _spread(body)
        if plain[1:2] != bytes([VERSION]):
            raise StoreFailed(f"a journal row has version {plain[1:2].hex()}, this software reads {VERSION:02x}")
        return decoder.decode(plain)
    except (msgspec.DecodeError, zlib.error) as error:
        raise StoreFailed(f"a journal row's body is not a record of steps: {error}") from error


def _squeeze(body: bytes) -> bytes:
    """Level 1, 5 records a message: 77 bytes a reading became 17, packing included in 1.2 µs a reading."""
    return zlib.compress(body, 1) if len(body) > WORTH_SQUEEZING else body


def _spread(body: bytes) -> bytes:
    return zlib.decompress(body) if body[:1] == bytes([ZLIB_START]) else body


def span_of(times: npt.NDArray[np.int64]) -> Span:
    """Where these times [µs UTC or NO_TIME] lie."""
    timed = times[times != NO_TIME]
    untimed = int(times.size - timed.size)
    return Span(int(timed.min()), int(timed.max()), untimed) if timed.size else Span(None, None, untimed)


def _writable(event: Event) -> Event:
    try:
        _encoder.encode(event)
    except (TypeError, ValueError, OverflowError):
        return Counted("journal", "unwritable", _text(event)[:1000])
    return event


def _text(value: object) -> str:
    return ascii(value) if not isinstance(value, str) else value.encode("ascii", "backslashreplace").decode()
