"""A shift that is over, from its readings on record: what late samples make of it (limits reference 4.8, 4.9)."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from gateway.domain.figures import LimitFigure
from gateway.domain.limit import Limit
from gateway.domain.moment import SECOND_US
from gateway.domain.quality import Quality, Reason
from gateway.exposure.streaming import Line, Streaming

_COUNTS: Final = frozenset({Reason.NONE, Reason.BACKLOG})
_DOUBTFUL: Final = frozenset({Reason.OVER_RANGE, Reason.UNCALIBRATED, Reason.WARMING_UP, Reason.CLOCK})


class OnRecord(NamedTuple):
    """A reading in its place in history. time_us: µs UTC."""

    time_us: int
    value: float
    quality: Quality
    reason: Reason


class ShiftFigures(NamedTuple):
    """mean: over the covered time [unit], None without any. coverage: of the shift. limits: in the order asked."""

    mean: float | None
    covered_s: float
    coverage: float
    limits: list[LimitFigure]


def as_it_counts(reading: OnRecord) -> Quality:
    """What a late sample would have been in its own time: its reason tells, its quality says only that it came late."""
    if reading.quality is not Quality.LATE:
        return reading.quality
    if reading.reason in _COUNTS:
        return Quality.GOOD
    return Quality.UNCERTAIN if reading.reason in _DOUBTFUL else Quality.BAD


def shift_figures(core: Streaming, i: int, now_us: int, limits: Sequence[Limit]) -> ShiftFigures:
    """The figures of sensor i for the shift that runs in `core`, as of now."""
    covered_s, elapsed_s = core.shift_covered_s(i, now_us)
    total = core.figures(i, now_us).e8 * 28_800.0
    return ShiftFigures(
        total / covered_s if covered_s > 0.0 else None, covered_s, covered_s / elapsed_s if elapsed_s > 0.0 else 0.0,
        core.limit_figures(i, now_us, limits),
    )  # fmt: skip


def shift_anew(
    line: Line, readings: Iterable[OnRecord], start_us: int, end_us: int, limits: Sequence[Limit],
    *, shift_hours: float, gap_level: float | None = None,
) -> ShiftFigures:  # fmt: skip
    """The same figures from the readings of one sensor by time, late ones in their place.

    readings: from one hold before start_us on (what holds into the shift counts in it); what lies at or after end_us
    [µs UTC] is left out. gap_level: as for `Streaming.set_gap_level`.
    """
    core = Streaming([line], shift_hours=shift_hours, rolling_8h=False)
    core.set_gap_level(0, gap_level)
    core.advance(start_us - round(line.hold_s * SECOND_US))
    begun = False
    for reading in readings:
        if reading.time_us >= end_us:
            break
        if reading.time_us >= start_us and not begun:
            core.start_shift(start_us)
            begun = True
        core.feed(0, reading.time_us, reading.value, as_it_counts(reading), reading.reason)
    if not begun:
        core.start_shift(start_us)
    return shift_figures(core, 0, end_us, limits)
