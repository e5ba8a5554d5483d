"""Steps of time out of the archive's rollups where a day is sealed and complete, else computed from its readings."""

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import groupby
from typing import Any, Final, NamedTuple, Protocol

import numpy as np

from gateway.domain.history import DAY_US, BlindTime, Page, Rollup
from gateway.domain.moment import NO_TIME, SECOND_US
from gateway.stores.archive_reader import ArchiveReader
from gateway.stores.journal import BEGINNING_US, END_US
from gateway.stores.pages import Source
from gateway.stores.past_readings import Stretch
from gateway.stores.reading_rows import READING, Catalog, Readings
from gateway.stores.rollups import DEFAULT_HOLD_S, FIGURES, HOUR_US, MINUTE_US, by_sensor

Row = tuple[Any, ...]
"""(time, sensor, unit, mean, low, high, covered_us, good, uncertain, bad, late), as the archive answers."""

_UNSEALED_AT_ONCE_US: Final = 6 * HOUR_US


class Asked(NamedTuple):
    """One page of steps. begun: time of the first step wanted and how many of its sensors were told already."""

    start_us: int
    end_us: int
    limit: int
    begun: list[int] | None


class Timeline(Source, Protocol):
    """Readings, and how their timeline is cut: `Past` and what other stores have of the kind."""

    def stretches(self, start_us: int, end_us: int) -> Iterator[Stretch]:
        """[start, end) cut where days are sealed."""
        ...

    def late(self, catalog: Catalog, day: str) -> Readings:
        """Readings of a sealed day that its rollups do not have."""
        ...


def page(steps: "Steps", asked: Asked) -> Page[Rollup]:
    """The steps that were asked for."""
    first_us = asked.start_us if asked.begun is None else max(asked.start_us, asked.begun[0])
    skip = asked.begun[1] if asked.begun is not None and asked.begun[0] == first_us else 0
    wanted = skip + asked.limit + 1
    found: list[Row] = []
    for rows in steps.between(first_us, asked.end_us, wanted):
        found += rows
        if len(found) >= wanted:
            break
    items, more = found[skip : skip + asked.limit], found[skip + asked.limit : skip + asked.limit + 1]
    following = None
    if more:
        told = sum(1 for row in found[: skip + asked.limit] if row[0] == more[0][0])
        following = f"{more[0][0]}:{told}"
    return Page([_rollup(row, steps.step_us) for row in items], following)


def blind_time(
    steps: "Callable[[int], Steps]", sensors: Collection[str], start_us: int, end_us: int
) -> list[BlindTime]:
    """Asked time less covered time, to the minute: the interval is widened to whole minutes."""
    start_us, end_us = start_us // MINUTE_US * MINUTE_US, -(-end_us // MINUTE_US) * MINUTE_US
    days = -(-start_us // DAY_US) * DAY_US, end_us // DAY_US * DAY_US
    spans = [(MINUTE_US, start_us, end_us)]
    if days[0] < days[1]:
        spans = [(MINUTE_US, start_us, days[0]), (DAY_US, *days), (MINUTE_US, days[1], end_us)]
    covered = dict.fromkeys(sensors, (0, 0))
    for step_us, first, last in spans:
        for rows in steps(step_us).between(first, last, END_US):
            for row in rows:
                us, bad = covered.get(row[1], (0, 0))
                covered[row[1]] = us + row[6], bad + row[9]
    asked = end_us - start_us
    return [BlindTime(sensor, asked, max(0, asked - us), bad) for sensor, (us, bad) in sorted(covered.items())]


class Steps:
    """Steps of one look at a site. holds_s: how long a reading of each sensor stands at most [s]."""

    def __init__(
        self, past: Timeline, reader: ArchiveReader | None, catalog: Catalog, holds_s: Mapping[str, float], step_us: int
    ) -> None:
        self._past, self._reader, self._catalog, self.step_us = past, reader, catalog, step_us
        self._holds_us = {sensor: round(hold * SECOND_US) for sensor, hold in holds_s.items()}
        self._longest_us = round(max([DEFAULT_HOLD_S, *holds_s.values()]) * SECOND_US)
        self._kind: Any = "hours" if step_us % HOUR_US == 0 else "minutes" if step_us % MINUTE_US == 0 else None

    def between(self, start_us: int, end_us: int, wanted: int) -> Iterator[list[Row]]:
        """Rows of the steps that begin in [start, end), in order; of a run of sealed days at most `wanted`."""
        start_us = max(start_us, BEGINNING_US + DAY_US)
        start_us += -start_us % self.step_us
        end_us = min(end_us, END_US - DAY_US)
        end_us += -end_us % self.step_us
        for complete, run in groupby(self._past.stretches(start_us, end_us), self._complete):
            stretches = list(run)
            first, last = stretches[0].start_us, stretches[-1].end_us
            if complete and self._reader is not None:
                days = [stretch.day for stretch in stretches if stretch.day]
                limit = min(wanted, END_US)
                wanted_sensors = self._catalog.wanted
                yield self._reader.rollups(days, self._kind, self.step_us, first, last, wanted_sensors, limit)
            else:
                yield from self._computed(first, last)

    def _complete(self, stretch: Stretch) -> bool:
        """Whether the archive's rollups tell all there is of a stretch."""
        if stretch.day is None or self._kind is None or self._reader is None:
            return False
        manifest = self._reader.archive.manifest(stretch.day)
        return (
            manifest is not None
            and bool(manifest.of_kind(self._kind))
            and not self._past.late(self._catalog, stretch.day).size
        )

    def _computed(self, start_us: int, end_us: int) -> Iterator[list[Row]]:
        at = start_us
        while at < end_us:
            at = self._next_reading(at - self._longest_us, end_us)
            at = max(start_us, at - at % self.step_us)
            if at >= end_us:
                return
            stop = min(end_us, at - at % DAY_US + DAY_US, at + max(self.step_us, _UNSEALED_AT_ONCE_US))
            yield self._rows(at, stop)
            start_us = at = stop

    def _next_reading(self, start_us: int, end_us: int) -> int:
        for part in self._past.readings(self._catalog, start_us, end_us):
            if part.size:
                return int(part["time_us"][0])
        return end_us

    def _rows(self, start_us: int, end_us: int) -> list[Row]:
        parts = list(self._past.readings(self._catalog, start_us - self._longest_us, end_us))
        found = np.concatenate([np.empty(0, READING), *parts])
        found = found[found["time_us"] != NO_TIME]
        rows: list[Row] = []
        for record, made in by_sensor(found, self._catalog.records, self._holds_us, self.step_us, start_us, end_us):
            columns = (made[name].tolist() for name in FIGURES)
            rows += [(time_us, record.id, record.unit, *figures) for time_us, *figures in zip(*columns, strict=True)]
        return sorted(rows, key=lambda row: row[:3])


def _rollup(row: Row, step_us: int) -> Rollup:
    time_us, sensor, unit, mean, low, high, covered_us, *counts = row
    return Rollup(time_us, sensor, unit, _known(mean), _known(low), _known(high), covered_us / step_us, *counts)


def _known(figure: float | None) -> float | None:
    return figure if figure is not None and math.isfinite(figure) else None
