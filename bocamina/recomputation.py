"""History again under other limits: sealed days through the batch kernels, one shift of some sensors at a time.

Whoever runs the parts (this process, others here, a cluster) gets the same rows: a part depends on nothing but itself.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from bocamina.shifts import RESTING, ShiftCalendar
from gateway.domain.errors import ConfigError
from gateway.domain.history import DAY_US
from gateway.domain.limits import limits_for
from gateway.domain.moment import SECOND_US, rfc3339
from gateway.domain.quality import ABSURD_ABOVE, Quality, Reason
from gateway.domain.quantities import QUANTITIES
from gateway.stores.archive import Archive, begin_us

SENSORS_AT_ONCE: Final = 12
COLUMNS: Final = (
    "shift", "start", "end", "sensor", "zone", "quantity", "unit", "samples", "covered_s", "gap_s", "mean", "e8",
    "peak", "regime", "kind", "phase", "method", "averaging_minutes", "limit", "base_limit", "value", "low", "high",
    "coverage", "verdict", "reason", "source", "confidence", "table",
)  # fmt: skip
NUMBERS: Final = frozenset(
    ("samples", "covered_s", "gap_s", "mean", "e8", "peak", "averaging_minutes", "limit", "base_limit", "value", "low",
     "high", "coverage")
)  # fmt: skip
_OF_THE_SHIFT: Final = ("unit", "samples", "covered_s", "gap_s", "mean", "e8", "peak")

Row = dict[str, Any]
"""One limit of one sensor's shift, by `COLUMNS`."""


class Window(NamedTuple):
    """A shift, or a day of UTC [start, end) µs UTC."""

    key: str
    start_us: int
    end_us: int


class Place(NamedTuple):
    """A sensor. hold_s: how long a reading of it stands at most [s]. full_scale: [canonical unit]."""

    sensor: str
    quantity: str
    zone: str
    hold_s: float
    full_scale: float | None


class Part(NamedTuple):
    """What is computed at a time."""

    folder: Path
    window: Window
    places: tuple[Place, ...]
    regimes: tuple[str, ...]


def windows(archive: Archive, calendar: ShiftCalendar | None) -> list[Window]:
    """Whole shifts between the first sealed day and the last, oldest first; days of UTC without a timetable."""
    days = archive.days()
    if calendar is None or not days:
        return [Window(day, begin_us(day), begin_us(day) + DAY_US) for day in days]
    found: list[Window] = []
    end_us = begin_us(days[-1]) + DAY_US
    at_us = end_us
    while True:
        shift = calendar.at(at_us - 1)
        if shift.began_us < begin_us(days[0]):
            break
        # what stands at the very end may go on after it
        goes_on = at_us == end_us and calendar.at(end_us).key == shift.key
        if not shift.key.endswith(RESTING) and not goes_on:
            found.append(Window(shift.key, shift.began_us, at_us))
        at_us = shift.began_us
    return found[::-1]


def sensors_of(archive: Archive) -> dict[str, tuple[str, str, str]]:
    """(quantity, zone, unit) of every sensor in the archive, as its newest day has it."""
    found: dict[str, tuple[str, str, str]] = {}
    for day in archive.days():
        manifest = archive.manifest(day)
        for file in manifest.of_kind("readings") if manifest is not None else ():
            for one in file.series:
                found[one.sensor] = one.quantity, one.zone, one.unit
    return dict(sorted(found.items()))


def is_limited(quantity: str, regimes: Sequence[str]) -> bool:
    """Whether one of the regimes limits this quantity as it is measured."""
    return quantity in QUANTITIES and bool(limits_for(quantity, regimes))


def parts(
    folder: Path, found: Sequence[Window], places: Sequence[Place], regimes: tuple[str, ...]
) -> Iterator[Part]:
    """All there is to compute, oldest first."""
    for window in found:
        for at in range(0, len(places), SENSORS_AT_ONCE):
            yield Part(folder, window, tuple(places[at : at + SENSORS_AT_ONCE]), regimes)


def compute(part: Part) -> list[Row]:
    """The rows of a part; none of a sensor without a reading in the shift. Raises StoreFailed, OperationFailed."""
    _check_kernels()
    archive = Archive(part.folder)
    return [row for place in part.places for row in _rows(archive, part.window, place, part.regimes)]


@cache
def _check_kernels() -> None:
    """Once in every process that computes."""
    from gateway.exposure.readiness import warm_up_batch

    warm_up_batch()


def _rows(archive: Archive, window: Window, place: Place, regimes: tuple[str, ...]) -> Iterator[Row]:
    from gateway.exposure.batch import Question, evaluate

    series = _series(archive, window, place)
    if series is None:
        return
    scales = {} if place.full_scale is None else {place.quantity: place.full_scale}
    hours = (window.end_us - window.start_us) / SECOND_US / 3600
    question = Question(regimes=regimes, shift_hours=min(hours, 24.0), full_scales=scales)
    found: Mapping[str, Any] = evaluate({place.quantity: series}, question)["substances"][place.quantity]
    head = {
        "shift": window.key, "start": rfc3339(window.start_us), "end": rfc3339(window.end_us), "sensor": place.sensor,
        "zone": place.zone, "quantity": place.quantity,
    } | {name: found[name] for name in _OF_THE_SHIFT}  # fmt: skip
    for limit in found["limits"]:
        yield head | {name: limit.get(name) for name in COLUMNS if name not in head}


def _series(archive: Archive, window: Window, place: Place) -> Any:
    """Its readings as `bocamina exposure` would read an export of them."""
    from gateway.exposure.layout import ABSURD, DOUBT, OVER
    from gateway.exposure.series import MemoryColumn, SeriesBuilder
    from gateway.exposure.shift_anew import OnRecord, as_it_counts
    from gateway.stores.archive_columns import columns

    times, values, quality, reason = columns(archive, place.sensor, window.start_us, window.end_us)
    if not times.size:
        return None
    last = np.concatenate([times[1:] > times[:-1], [True]])  # of several at one time the last one counts
    times, levels, quality, reason = times[last], values[last].copy(), quality[last], reason[last]
    late = quality == Quality.LATE
    as_counted = np.array([as_it_counts(OnRecord(0, 0.0, Quality.LATE, one)) for one in Reason], np.uint8)
    quality = np.where(late, as_counted[reason], quality)
    absurd = (reason == Reason.ABSURD) | (np.abs(levels) > ABSURD_ABOVE)
    levels[absurd | (quality == Quality.BAD)] = math.nan
    flags = np.where(quality == Quality.UNCERTAIN, DOUBT, 0).astype(np.uint8)
    scale = math.inf if place.full_scale is None else place.full_scale
    over = (reason == Reason.OVER_RANGE) | (levels >= scale)
    levels[over] = np.fmax(levels[over], scale) if math.isfinite(scale) else levels[over]
    flags[over] = OVER | DOUBT
    flags[np.isnan(levels)] = 0
    flags[absurd] = ABSURD
    builder = SeriesBuilder(round(place.hold_s * SECOND_US), MemoryColumn)
    builder.add(times, np.zeros_like(times), levels, flags)
    return builder.finish()


def check_regimes(wanted: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """The regimes asked for. Raises ConfigError for none, and for one that there is not."""
    from gateway.domain.names import expected_one_of

    names = [name for text in wanted for name in text.split(",") if name]
    if not names:
        raise ConfigError(f"--regime: expected at least one of {', '.join(known)}")
    wrong = [name for name in names if name not in known]
    if wrong:
        raise ConfigError(*(f"--regime: {name!r} is no regime; {expected_one_of(name, known)}" for name in wrong))
    return tuple(dict.fromkeys(names))
