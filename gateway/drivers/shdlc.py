"""Sensirion's SHDLC: 7E, a stuffed body, 7E. Two frames may share a flag or stand back to back.

body = address, command, (a reply: state), length, data, check; check = inverse of the low byte of the sum before it.
Source: Sensirion SPS30 datasheet v1.0 D1, section 5 (sensor protocols, section 4).
"""

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from gateway.drivers.items import CHECKSUM, GARBAGE, TRUNCATED, UNSUPPORTED, Content, Item, Refusal, Run

FLAG: Final = b"\x7e"
ADDRESS: Final = 0
"""The only address in use on a UART."""
MAX_STUFFED: Final = 2 * (5 + 255)
"""[bytes] Longest body on the wire, every byte of it stuffed; a longer run without a flag is noise."""
_ESCAPED: Final = re.compile(rb"\x7d(.)", re.DOTALL)
_ESCAPE: Final = 0x7D


class Reply(NamedTuple):
    """A whole reply whose check is right. state: bit 7 = an error in the status register, the rest = what failed."""

    command: int
    state: int
    data: bytes


class Request(NamedTuple):
    """The host's own frame, which a half-duplex adapter hands back."""

    command: int
    data: bytes


Judge = Callable[[bytes, Reply | None, Request | None], Content | Refusal]
"""What a body means; the bytes of a few bodies can be read both as a reply and as a request."""


def unstuffed(body: bytes) -> bytes:
    """A body as it was before stuffing, in one pass: each byte behind a 7D changes its bit 5. A 7D at the end stays."""
    return _ESCAPED.sub(lambda pair: bytes([pair[1][0] ^ 0x20]), body)


def body_of(frame: bytes) -> bytes:
    """The unstuffed body of one frame, with or without its flags."""
    return unstuffed(frame.strip(FLAG))


def read_body(body: bytes, judge: Judge) -> Content | Refusal:
    """An unstuffed body between two flags."""
    reply_fits, request_fits = _fits(body, 5), _fits(body, 4)
    if not (reply_fits or request_fits):
        return Refusal(GARBAGE, f"{len(body)} bytes between two flags, which are no frame")
    told, computed = body[-1], ~sum(body[:-1]) & 0xFF
    if told != computed:
        if body[0] != ADDRESS:
            return Refusal(GARBAGE, f"{len(body)} bytes between two flags, for address {body[0]}")
        return Refusal(CHECKSUM, f"checksum {told:#04x}, expected {computed:#04x}")
    if body[0] != ADDRESS:
        return Refusal(UNSUPPORTED, f"a frame of address {body[0]}, expected {ADDRESS}")
    reply = Reply(body[1], body[2], body[4:-1]) if reply_fits else None
    return judge(body, reply, Request(body[1], body[3:-1]) if request_fits else None)


def _fits(body: bytes, others: int) -> bool:
    """Whether the length field, the last of `others` − 1 bytes before the data, tells the length of this body."""
    return len(body) >= others and body[others - 2] == len(body) - others


class ShdlcDecoder:
    """A StreamDecoder. A flag ends a frame and may begin the next one; flags with nothing between them say nothing."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._buffer = bytearray()  # since the last flag, still stuffed
        self._flag: int | None = None  # offset of the flag that opened the buffer and belongs to no frame before
        self._opened = False  # whether a flag stands right before the buffer
        self._closed = False  # whether that flag may be the end of bytes that were no frame
        self._dropped = 0  # bytes of an overlong body that were let go
        self._offset = 0  # of the next byte to come
        self._run = Run()

    @property
    def skipped(self) -> int:
        """See StreamDecoder."""
        return 0 if self._run.start is None else self._body_at() - self._run.start

    def feed(self, data: bytes) -> list[Item]:
        """See StreamDecoder."""
        items: list[Item] = []
        *ended, rest = data.split(FLAG)
        for part in ended:
            self._take(part)
            items += self._at_flag()
        self._take(rest)
        return items

    def finish(self) -> list[Item]:
        """See StreamDecoder."""
        body_at, length = self._body_at(), self._offset - self._body_at()
        if self._flag is not None or length:
            self._open_run(body_at)
            begun = self._opened and (length > 0 or not self._closed)
            if begun and length <= MAX_STUFFED and _may_go_on(bytes(self._buffer)):
                self._run.note(TRUNCATED, f"byte {body_at}: the input ends after {length} bytes of a frame")
        self._clear()
        self._flag, self._opened, self._closed = None, False, False
        return self._run.close_at(self._offset)

    def _body_at(self) -> int:
        return self._offset - len(self._buffer) - self._dropped

    def _take(self, part: bytes) -> None:
        self._offset += len(part)
        self._buffer += part
        over = len(self._buffer) - (MAX_STUFFED + 1)
        if over > 0:
            del self._buffer[:over]
            self._dropped += over

    def _clear(self) -> None:
        self._buffer.clear()
        self._dropped = 0

    def _open_run(self, body_at: int) -> None:
        self._run.open_at(body_at if self._flag is None else self._flag)

    def _at_flag(self) -> list[Item]:
        """The next byte is a flag: what stands before it, back to the flag before."""
        body_at, at = self._body_at(), self._offset
        length = at - body_at
        self._offset += 1
        if length == 0:  # nothing between two flags; the run of before, if one is open, takes the first of them
            self._flag, self._opened, self._closed = at, True, False
            return []
        body = unstuffed(bytes(self._buffer))
        self._clear()
        found = (
            read_body(body, self._judge)
            if self._opened and length <= MAX_STUFFED
            else Refusal(GARBAGE, f"{length} bytes without a frame's beginning")
        )
        if isinstance(found, Refusal):
            self._open_run(body_at)
            self._run.note(found.error, f"byte {body_at}: {found.detail}")
            self._flag, self._opened, self._closed = at, True, True
            return []
        begin = body_at if self._flag is None else self._flag
        items = self._run.close_at(begin)
        self._flag, self._opened = None, True  # its last flag may begin the next frame, but stands in this one
        return [*items, found.at(begin, at + 1 - begin)]


def _may_go_on(stuffed: bytes) -> bool:
    """Whether the beginning of a body can still become a frame."""
    body = unstuffed(stuffed)
    if body[:1] not in (b"", bytes([ADDRESS])):
        return False
    whole = len(body) - (1 if stuffed.endswith(bytes([_ESCAPE])) and body.endswith(bytes([_ESCAPE])) else 0)
    return whole < 3 or whole <= max(body[2] + 4, body[3] + 5 if whole > 3 else 5)
