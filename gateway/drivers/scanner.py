"""Finds frames that begin with a start byte and tell their own length, in any stream, by one byte at a time."""

import re
from collections.abc import Callable
from typing import Final, Protocol, runtime_checkable

from gateway.drivers.items import TRUNCATED, Content, Item, Refusal, Run

NO_FRAME: Final = 0
MORE: Final = -1


class FrameRules(Protocol):
    """One device family's frames.

    `first` holds the bytes with which one may begin, `longest` is the largest length that `length_at` returns.
    """

    first: bytes
    longest: int

    def length_at(self, data: bytes | bytearray, at: int) -> int:
        """Length of the frame that begins at `at`; NO_FRAME if none can; MORE if the bytes do not tell yet."""
        ...

    def read(self, frame: bytes) -> Content | Refusal:
        """What a whole frame of that length says, or why it is none."""
        ...


@runtime_checkable
class LineRules(Protocol):
    """What FrameRules of text add: at the end of a stream a frame that only lacks the end of its line is whole."""

    def length_at_end(self, data: bytes | bytearray, at: int) -> int:
        """As `length_at`, when no more bytes come."""
        ...


class Scanner:
    """A StreamDecoder over FrameRules. Holds at most `longest` − 1 bytes between calls.

    `begin` makes the rules afresh for every stream: what they learnt of a device ends with its port.
    """

    def __init__(self, begin: Callable[[], FrameRules]) -> None:
        self._begin = begin
        self._rules = begin()
        self._first = re.compile(b"[" + re.escape(self._rules.first) + b"]")
        self._buffer = bytearray()
        self._offset = 0  # of the buffer's first byte
        self._run = Run()
        self._inside = 0  # up to this offset, failing starts lie inside a whole frame that was refused

    @property
    def skipped(self) -> int:
        """See StreamDecoder."""
        return 0 if self._run.start is None else self._offset - self._run.start

    def feed(self, data: bytes) -> list[Item]:
        """See StreamDecoder."""
        self._buffer += data
        return self._scan(ended=False)

    def finish(self) -> list[Item]:
        """See StreamDecoder."""
        items = self._scan(ended=True)
        self._rules = self._begin()
        return items + self._run.close_at(self._offset)

    def _scan(self, *, ended: bool) -> list[Item]:
        rules, data = self._rules, self._buffer
        items: list[Item] = []
        at, end = 0, len(data)
        while at < end:
            start = self._first.search(data, at)
            if start is None or start.start() != at:
                self._run.open_at(self._offset + at)
                at = end if start is None else start.start()
                continue
            length = rules.length_at(data, at)
            if ended and length == MORE and isinstance(rules, LineRules):
                length = rules.length_at_end(data, at)
            if length == MORE or at + length > end:
                if not ended:
                    break
                self._note(at, Refusal(TRUNCATED, f"the input ends after {end - at} bytes of a frame"))
            elif length != NO_FRAME:
                found = rules.read(bytes(data[at : at + length]))
                if isinstance(found, Content):
                    items += self._run.close_at(self._offset + at)
                    items.append(found.at(self._offset + at, length))
                    at += length
                    continue
                self._note(at, found)
                if found.error not in ("checksum", "garbage"):
                    self._inside = max(self._inside, self._offset + at + length)
            # a false start, or a frame for somebody else: hunt on from the very next byte
            self._run.open_at(self._offset + at)
            at += 1
        del data[:at]
        self._offset += at
        return items

    def _note(self, at: int, refusal: Refusal) -> None:
        offset = self._offset + at
        self._run.open_at(offset)
        if offset >= self._inside:
            self._run.note(refusal.error, f"byte {offset}: {refusal.detail}")
