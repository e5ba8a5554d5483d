"""What a stream decoder hands out, in the order of the bytes (interfaces, `decode --json`)."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, Protocol

from gateway.domain.measurement import Measurement

CHECKSUM: Final = "checksum"
TRUNCATED: Final = "truncated"
UNSUPPORTED: Final = "unsupported"
DEVICE: Final = "device"
GARBAGE: Final = "garbage"

PRECEDENCE: Final = (GARBAGE, DEVICE, UNSUPPORTED, TRUNCATED, CHECKSUM)
"""Which error names a run of bytes that shows several: the later wins."""


class Frame(NamedTuple):
    """A valid frame at `offset` of the stream, `length` bytes long.

    readings: what it measured, empty if it carries no measurement, in which case `info` says what it is.
    names: channel of each reading as the site file writes it; empty for a plain device, whose channels are called as
    its quantities. times: [s], one a reading, None where the node gives none, empty for a plain device; below 2**28
    they count from the moment of receipt (RFC 8428). node, boot, seq: the node's id and counters.
    """

    offset: int
    length: int
    readings: tuple[Measurement, ...]
    info: dict[str, Any] | None = None
    names: tuple[str, ...] = ()
    times: tuple[float | None, ...] = ()
    node: str | None = None
    boot: int | None = None
    seq: int | None = None


class Rejected(NamedTuple):
    """A maximal run of bytes outside valid frames; `error` is one of PRECEDENCE, `detail` one sentence."""

    offset: int
    length: int
    error: str
    detail: str


Item = Frame | Rejected


class StreamDecoder(Protocol):
    """Bytes in, items out. What comes out never depends on how the bytes are cut; memory is bounded; nothing raises.

    A run of bad bytes is handed out when a valid frame or the end of the stream ends it.
    """

    def feed(self, data: bytes) -> list[Item]:
        """Take the next bytes; the items that they complete."""
        ...

    def finish(self) -> list[Item]:
        """The stream has ended here (a port closed): what is left. The decoder may be fed again afterwards."""
        ...

    @property
    def skipped(self) -> int:
        """Bytes of the bad run that is still open: what a health page shows of a cable at a wrong baud rate."""
        ...


class Content(NamedTuple):
    """What a valid frame says; `scanner` adds where it stood. Field by field as in Frame."""

    readings: tuple[Measurement, ...]
    info: dict[str, Any] | None = None
    names: tuple[str, ...] = ()
    times: tuple[float | None, ...] = ()
    node: str | None = None
    boot: int | None = None
    seq: int | None = None

    def at(self, offset: int, length: int) -> Frame:
        """The frame at its place."""
        return Frame(offset, length, *self)


class Refusal(NamedTuple):
    """Why bytes that look like a frame are none; `error` is one of PRECEDENCE."""

    error: str
    detail: str


class Run:
    """The run of bytes outside valid frames that is open now."""

    def __init__(self) -> None:
        self.start: int | None = None
        self._rank = 0
        self._detail = ""

    def open_at(self, offset: int) -> None:
        """Bytes from `offset` on are in no valid frame."""
        if self.start is None:
            self.start = offset

    def note(self, error: str, detail: str) -> None:
        """Something stands in the run; the first detail of the error that wins is kept."""
        rank = PRECEDENCE.index(error)
        if rank > self._rank or not self._detail:
            self._rank, self._detail = rank, detail

    def close_at(self, offset: int) -> list[Item]:
        """The run ends before `offset`: its item, if there was one."""
        if self.start is None:
            return []
        length = offset - self.start
        detail = self._detail or f"byte {self.start}: {length} bytes in which no frame begins"
        item = Rejected(self.start, length, PRECEDENCE[self._rank], detail)
        self.start, self._rank, self._detail = None, 0, ""
        return [item]


FullScale = Mapping[str, float]
"""Quantity or channel → end of the device's range [canonical unit]."""
