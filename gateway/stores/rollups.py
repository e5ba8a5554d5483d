"""Readings by the minute, the hour or any part of a day: time-weighted mean, minimum, maximum, coverage, qualities.

A reading stands from its time to the next one of its sensor, at most for the sensor's hold (limits reference 4.8); one
without a finite value or of bad quality stands for a gap and ends what stood before it. Everything here is arithmetic.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gateway.domain.moment import SECOND_US
from gateway.domain.quality import Quality
from gateway.stores.journal import SensorRecord
from gateway.stores.reading_rows import Readings

MINUTE_US: Final = 60 * SECOND_US
HOUR_US: Final = 3600 * SECOND_US
DEFAULT_HOLD_S: Final = 60.0
"""For a sensor of which the journal has noted no hold: `--max-hold` of the interface."""

Rollups = npt.NDArray[Any]
"""Rows of `ROLLUP`."""

ROLLUP: Final = np.dtype(
    [("time", "i8"), ("series", "i4"), ("mean", "f8"), ("low", "f8"), ("high", "f8"), ("covered_us", "i8"),
     ("good", "i4"), ("uncertain", "i4"), ("bad", "i4"), ("late", "i4")]
)  # fmt: skip
"""One bin [time, time + step) of one series. mean: ∫c dt ÷ covered time, NaN without any; low, high: of all values that
stood in it, NaN without any; covered_us: how long a value stood; good … late: readings in it by quality."""

FIGURES: Final = tuple(name for name in ROLLUP.names or () if name != "series")
_COUNTS: Final = {"good": Quality.GOOD, "uncertain": Quality.UNCERTAIN, "bad": Quality.BAD, "late": Quality.LATE}


def rolled_up(found: Readings, hold_us: int, step_us: int, start_us: int, end_us: int) -> Rollups:
    """The bins of one sensor in [start, end) that hold a reading or a part of one.

    found: its readings in order, those of the last `hold_us` before `start_us` too. start_us, end_us: whole steps.
    """
    times = found["time_us"]
    until = times + hold_us
    until[:-1] = np.minimum(until[:-1], times[1:])
    usable = np.isfinite(found["value"]) & (found["quality"] != Quality.BAD)
    inside = (times >= start_us) & (times < end_us)
    first, last = np.maximum(times, start_us), np.minimum(until, end_us)
    # one that another of the same time replaced stands for no time, but its value was measured: it counts in low, high
    stands = usable & ((last > first) | inside)
    first, last, values = first[stands], np.maximum(last, first)[stands], found["value"][stands]
    from_bin = first // step_us
    bins_each = np.maximum(last - 1, first) // step_us - from_bin + 1
    which = np.repeat(np.arange(first.size), bins_each)
    bins = from_bin[which] + np.arange(which.size) - np.repeat(np.cumsum(bins_each) - bins_each, bins_each)
    parts = np.minimum(last[which], (bins + 1) * step_us) - np.maximum(first[which], bins * step_us)
    at = np.union1d(_distinct(times[inside] // step_us), _distinct(bins))
    made = np.zeros(at.size, ROLLUP)
    made["time"] = at * step_us
    made["mean"] = made["low"] = made["high"] = np.nan
    if bins.size:
        starts = np.flatnonzero(np.concatenate([[True], bins[1:] != bins[:-1]]))
        places = np.searchsorted(at, bins[starts])
        covered = np.add.reduceat(parts, starts)
        weighted = np.add.reduceat(values[which] * parts, starts)
        made["covered_us"][places] = covered
        made["mean"][places] = np.divide(weighted, covered, out=np.full(covered.size, np.nan), where=covered > 0)
        made["low"][places] = np.minimum.reduceat(values[which], starts)
        made["high"][places] = np.maximum.reduceat(values[which], starts)
    places = np.searchsorted(at, times[inside] // step_us)
    for name, quality in _COUNTS.items():
        made[name] = np.bincount(places[found["quality"][inside] == quality], minlength=at.size)
    return made


def _distinct(ordered: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if ordered.size else ordered


def by_sensor(
    found: Readings, records: Sequence[SensorRecord], holds_us: Mapping[str, int], step_us: int, start_us: int,
    end_us: int,
) -> Iterator[tuple[SensorRecord, Rollups]]:  # fmt: skip
    """The bins of each sensor, by id and unit. found: readings of all of them in order, `records` by their numbers.

    A sensor that changed its zone meanwhile is one sensor; it goes by its newest record.
    """
    same: dict[tuple[str, str], list[int]] = {}
    for number, record in enumerate(records):
        same.setdefault((record.id, record.unit), []).append(number)
    for (sensor, _unit), numbers in sorted(same.items()):
        mine = found[np.isin(found["sensor"], numbers)]
        hold_us = holds_us.get(sensor, round(DEFAULT_HOLD_S * SECOND_US))
        yield records[numbers[-1]], rolled_up(mine, hold_us, step_us, start_us, end_us)


def coarser(fine: Rollups, step_us: int) -> Rollups:
    """Bins in the order of series, then time, brought together into larger ones."""
    if not fine.size:
        return fine
    bins, series = fine["time"] // step_us, fine["series"]
    starts = np.flatnonzero(np.concatenate([[True], (bins[1:] != bins[:-1]) | (series[1:] != series[:-1])]))
    made = np.zeros(starts.size, ROLLUP)
    made["time"], made["series"] = bins[starts] * step_us, fine["series"][starts]
    covered = made["covered_us"] = np.add.reduceat(fine["covered_us"], starts)
    weighted = np.add.reduceat(np.where(fine["covered_us"] > 0, fine["mean"] * fine["covered_us"], 0.0), starts)
    made["mean"] = np.divide(weighted, covered, out=np.full(covered.size, np.nan), where=covered > 0)
    made["low"] = np.fmin.reduceat(fine["low"], starts)
    made["high"] = np.fmax.reduceat(fine["high"], starts)
    for name in _COUNTS:
        made[name] = np.add.reduceat(fine[name], starts)
    return made


def joined(parts: Iterable[Rollups]) -> Rollups:
    """Parts as one, possibly empty."""
    held = [part for part in parts if part.size]
    return held[0] if len(held) == 1 else np.concatenate([np.empty(0, ROLLUP), *held])
