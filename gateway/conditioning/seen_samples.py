"""Which samples of one sensor are here already, known by source time and value: exact, compact, for days."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from math import isnan
from struct import Struct
from typing import Any, Final
from zlib import compress, decompress

import numpy as np
import numpy.typing as npt

SAMPLES: Final = 131_072
"""Samples a sensor that are known again, whatever the order in which they came and come again: twice the 65,535
messages that a broker has in flight at most, 36 h at 1 Hz. Beyond them the stretch of source times that had no news for
longest is forgotten.

Memory a sensor when full, packed as in the snapshot: 0.1 MB with a regular clock (0.8 bytes a sample), 0.3 MB with
milliseconds of jitter (2.3), 0.5 MB with microseconds (3.7), 2 MB if neither times nor values repeat in any way (15.2);
0.2 MB more for what is open. Measured with values in steps of 0.1 and noise of 0.5.
"""
BLOCK: Final = 1024
"""Samples a block at most; a block is packed as one."""
OPEN: Final = 8
"""Blocks a sensor that are held unpacked: 16 bytes a sample."""

_DOUBLE: Final = Struct("<d")
_BITS: Final = Struct("<q")
_NAN: Final = _DOUBLE.pack(float("nan"))


class _Block:
    """Samples next to each other in (time, bits of the value), ascending; packed, open, or both while unchanged.

    size: samples. heard: count of the sensor's samples when its newest came.
    """

    __slots__ = ("bits", "heard", "packed", "size", "times")

    def __init__(self, heard: int, size: int, packed: bytes | None = None) -> None:
        self.heard, self.size, self.packed = heard, size, packed
        self.times: array[int] | None = None
        self.bits: array[int] | None = None


class SeenSamples:
    """A set of (source time [µs], value) in O(log n), at most `SAMPLES` of them. A NaN is a value like any other."""

    def __init__(self) -> None:
        self._firsts: list[tuple[int, int]] = []  # of each block, where it begins; what is lower belongs to the first
        self._blocks: list[_Block] = []
        self._last = (-(2**63), -(2**63))
        self._open: list[_Block] = []  # longest unused first
        self._size = self._came = 0

    def add(self, time_us: int, value: float) -> bool:
        """Note a sample; False if it was there. time_us: within 64 bits."""
        (bits,) = _BITS.unpack(_NAN if isnan(value) else _DOUBLE.pack(value))
        key = (time_us, bits)
        blocks = self._blocks
        if key > self._last or not blocks:  # nearly always: time goes on
            if not blocks or blocks[-1].size >= BLOCK:
                self._firsts.append(key)
                blocks.append(self._opened(_Block(0, 0)))
            at, block = len(blocks) - 1, blocks[-1]
            self._last = key
        else:
            at = max(bisect_right(self._firsts, key) - 1, 0)
            block = blocks[at]
        times, codes = self._arrays(block)
        place = bisect_left(times, time_us)
        if place < len(times) and times[place] == time_us:
            place = bisect_left(codes, bits, place, bisect_right(times, time_us, place))
            if place < len(times) and (times[place], codes[place]) == key:
                return False
        times.insert(place, time_us)
        codes.insert(place, bits)
        self._size += 1
        self._came += 1
        block.size, block.heard, block.packed = block.size + 1, self._came, None
        self._firsts[at] = min(self._firsts[at], key)
        if block.size > BLOCK:
            self._split(at)
        if self._size > SAMPLES:
            self._forget(min(range(len(blocks)), key=lambda i: blocks[i].heard))
        return True

    def __len__(self) -> int:
        return self._size

    def dump(self) -> list[Any]:
        """All state, msgpack-able: what is packed is handed out as it is."""
        return [
            self._came, *self._last,
            [[*first, b.heard, b.size, _packed(b)] for first, b in zip(self._firsts, self._blocks, strict=True)],
        ]  # fmt: skip

    @classmethod
    def load(cls, state: Sequence[Any]) -> "SeenSamples":
        """What `dump` gave, alive again."""
        seen = cls()
        seen._came, *last, blocks = state
        seen._last = (last[0], last[1])
        for time_us, bits, heard, size, packed in blocks:
            seen._firsts.append((time_us, bits))
            seen._blocks.append(_Block(heard, size, packed))
            seen._size += size
        return seen

    def _arrays(self, block: _Block) -> tuple["array[int]", "array[int]"]:
        if block.times is None or block.bits is None:
            block.times, block.bits = _unpack(block.packed or b"", block.size)
            self._opened(block)
        elif self._open[-1] is not block:
            self._open.remove(block)
            self._open.append(block)
        return block.times, block.bits

    def _opened(self, block: _Block) -> _Block:
        if block.times is None:
            block.times, block.bits = array("q"), array("q")
        self._open.append(block)
        if len(self._open) > OPEN:
            unused = self._open.pop(0)
            _packed(unused)
            unused.times = unused.bits = None
        return block

    def _split(self, at: int) -> None:
        low = self._blocks[at]
        times, bits = self._arrays(low)
        half = low.size // 2
        high = _Block(low.heard, low.size - half)
        high.times, high.bits = times[half:], bits[half:]
        del times[half:], bits[half:]
        low.size = half
        self._firsts.insert(at + 1, (high.times[0], high.bits[0]))
        self._blocks.insert(at + 1, self._opened(high))

    def _forget(self, at: int) -> None:
        block = self._blocks.pop(at)
        del self._firsts[at]
        self._size -= block.size
        if block in self._open:
            self._open.remove(block)
        if at == len(self._blocks):  # the highest: the one below it now takes what comes behind
            times, bits = self._arrays(self._blocks[-1])
            self._last = (times[-1], bits[-1])


def _packed(block: _Block) -> bytes:
    """The block as bytes: differences of times plane by plane, values as places in their palette; zlib around it."""
    if block.packed is None:
        times, bits = np.array(block.times, "<i8"), np.array(block.bits, "<i8")
        palette, places = np.unique(bits, return_inverse=True)
        steps = np.diff(times, prepend=np.int64(0)).astype("<i8")  # may wrap round, and wraps back
        parts = (_planes(steps.view("u1"), 8), _planes(places.astype("<u2").view("u1"), 2), palette.tobytes())
        block.packed = compress(b"".join(parts), 1)
    return block.packed


def _unpack(packed: bytes, size: int) -> tuple["array[int]", "array[int]"]:
    """(times, bits) of `_packed`."""
    plain = np.frombuffer(decompress(packed), "u1")
    steps = np.frombuffer(_planes(plain[: 8 * size], size), "<i8")
    places = np.frombuffer(_planes(plain[8 * size : 10 * size], size), "<u2")
    palette = plain[10 * size :].view("<i8")
    times, bits = array("q"), array("q")
    times.frombytes(np.cumsum(steps, dtype=np.int64).tobytes())
    bits.frombytes(palette[places].astype(np.int64).tobytes())
    return times, bits


def _planes(plain: npt.NDArray[np.uint8], width: int) -> bytes:
    """Bytes as rows of `width`, column by column."""
    return plain.reshape(-1, width).T.tobytes()
