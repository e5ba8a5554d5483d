"""One substance of a record as stretches of constant level, and how rows become stretches."""

import math
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.uint8]

_BLOCK: Final = 1 << 18


def blocks(size: int) -> Iterator[tuple[int, int]]:
    """[first, stop) of parts of `size`: what is computed for one of them fits a processor's cache."""
    for first in range(0, size, _BLOCK):
        yield first, min(first + _BLOCK, size)


class Column(Protocol):
    """Numbers that come in parts; see `MemoryColumn`."""

    def extend(self, values: npt.NDArray[Any]) -> None:
        """Append these."""

    def whole(self) -> npt.NDArray[Any]:
        """All of them; nothing is appended afterwards."""


NewColumn = Callable[[type], Column]


class MemoryColumn:
    """A column of one number type."""

    def __init__(self, kind: type) -> None:
        self._parts: list[npt.NDArray[Any]] = [np.empty(0, kind)]

    def extend(self, values: npt.NDArray[Any]) -> None:
        """See `Column`."""
        self._parts.append(values)

    def whole(self) -> npt.NDArray[Any]:
        """See `Column`."""
        self._parts = [np.concatenate(self._parts)]
        return self._parts[0]


class Series(NamedTuple):
    """One substance: stretches that follow one another without a hole.

    edges   (n+1,) int64   start and end of the stretches, increasing          [µs]
    levels  (n,)   float64 level of each ÷ factor, NaN in a gap                 [canonical unit]
    flags   (n,)   uint8   OVER, DOUBT, ABSURD of each
    rows: of the record. lowest, highest, last: of the levels of all rows, also of those that stand for no time; NaN
    without one. opens_us, closes_us: start of the first row, end of the last.
    """

    edges: Ints
    levels: Floats
    flags: Bytes
    rows: int
    lowest: float
    highest: float
    last: float
    opens_us: int
    closes_us: int
    factor: float = 1.0

    def scaled(self, factor: float) -> "Series":
        """The same with every level multiplied."""
        return self._replace(
            factor=self.factor * factor, lowest=self.lowest * factor, highest=self.highest * factor,
            last=self.last * factor,
        )  # fmt: skip


class SeriesBuilder:
    """Rows of one substance in the order of time, part by part, become a `Series`.

    hold_us: how long a row stands for at most, or None where every row says how long it does.
    """

    def __init__(self, hold_us: int | None, new_column: NewColumn) -> None:
        self._hold_us = hold_us
        self._edges, self._levels, self._flags = new_column(np.int64), new_column(np.float64), new_column(np.uint8)
        self._waiting: tuple[Ints, Floats, Bytes] | None = None  # the row that stands until the next one
        self._step_us = 0
        self._rows = 0
        self._lowest = self._highest = self._last = math.nan
        self._opens_us: int | None = None
        self._here_us = self._closes_us = 0

    def add(self, starts: Ints, lengths: Ints, levels: Floats, flags: Bytes) -> None:
        """The next rows, at least one: sorted, apart, levels in the canonical unit and NaN where there is none."""
        if self._opens_us is None:
            self._opens_us = self._here_us = self._closes_us = int(starts[0])
            self._edges.extend(starts[:1])
        self._rows += starts.size
        valid = levels[~np.isnan(levels)]
        if valid.size:
            self._lowest = float(np.fmin(self._lowest, valid.min()))
            self._highest = float(np.fmax(self._highest, valid.max()))
            self._last = float(valid[-1])
        if self._hold_us is None:
            self._stretch(starts, starts + lengths, levels, flags)
            return
        if self._waiting is not None:
            start, level, flag = self._waiting
            starts, levels = np.concatenate([start, starts]), np.concatenate([level, levels])
            flags = np.concatenate([flag, flags])
        steps = np.diff(starts)
        moved = steps[steps > 0]
        self._step_us = int(moved[-1]) if moved.size else self._step_us
        self._stretch(starts[:-1], starts[:-1] + np.minimum(steps, self._hold_us), levels[:-1], flags[:-1])
        self._waiting = starts[-1:], levels[-1:], flags[-1:]

    def _stretch(self, starts: Ints, ends: Ints, levels: Floats, flags: Bytes) -> None:
        self._closes_us = max(self._closes_us, int(ends.max())) if ends.size else self._closes_us
        if not ends.size:
            return
        gap = starts > np.concatenate([[self._here_us], ends[:-1]])
        lasting = ends > starts
        if gap.any() or not lasting.all():
            kept = np.column_stack([gap, lasting]).ravel()
            ends = np.column_stack([starts, ends]).ravel()[kept]
            levels = np.column_stack([np.full_like(levels, math.nan), levels]).ravel()[kept]
            flags = np.column_stack([np.zeros_like(flags), flags]).ravel()[kept]
            if not ends.size:
                return
        self._here_us = int(ends[-1])
        self._edges.extend(ends)
        self._levels.extend(levels)
        self._flags.extend(flags)

    def finish(self) -> Series:
        """The last row stands as long as the interval before it, at most the hold; a lone one for the hold."""
        if self._waiting is not None and self._hold_us is not None:
            starts, levels, flags = self._waiting
            length = min(self._step_us, self._hold_us) if self._step_us else self._hold_us
            self._stretch(starts, starts + length, levels, flags)
        opens_us = 0 if self._opens_us is None else self._opens_us
        return Series(
            self._edges.whole(), self._levels.whole(), self._flags.whole(), self._rows, self._lowest, self._highest,
            self._last, opens_us, max(self._closes_us, opens_us),
        )  # fmt: skip
