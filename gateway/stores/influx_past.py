"""The readings that a central InfluxDB holds, in the order and form in which pages and steps are made of them."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from gateway.domain.quality import REASON_WORDS, Quality, Reason
from gateway.domain.quantities import unit_of
from gateway.stores.influx_query import InfluxQuery, any_of
from gateway.stores.journal import BEGINNING_US, SensorRecord
from gateway.stores.past_readings import Stretch
from gateway.stores.reading_rows import READING, Catalog, Key, Readings, following, ordered

_COLUMNS = ("value", "quality", "reason", "sensor", "quantity")


class InfluxPast:
    """One site's readings in a bucket. There is no reading without a time, and no raw value: both stay in the journal.

    Order among readings of one microsecond is that of their keys: the node's sequence, then the sensor.
    """

    def __init__(self, query: InfluxQuery) -> None:
        self._query = query

    def sensors(self) -> list[str]:
        """Ids of all sensors that have a point."""
        rows = self._query.rows(f'SHOW TAG VALUES FROM "reading" WITH KEY = "sensor" WHERE {self._query.of_site}')
        return sorted({str(value) for _key, value in rows})

    def readings(
        self, catalog: Catalog, start_us: int | None, end_us: int, after: Key | None = None
    ) -> Iterator[Readings]:
        """The wanted readings behind `after` in order, part by part."""
        first_us = max(BEGINNING_US if start_us is None else start_us, after.time_us if after else BEGINNING_US)
        tests = any_of("sensor", catalog.wanted)
        if tests is None:
            return
        for rows in self._query.parts("reading", _COLUMNS, tests, first_us, end_us):
            yield following(_readings(rows, catalog), after)

    def stretches(self, start_us: int, end_us: int) -> Iterator[Stretch]:
        """All of it: no day is sealed there."""
        yield Stretch(start_us, end_us, None)

    def late(self, _catalog: Catalog, _day: str) -> Readings:
        """None: a point stands where it belongs."""
        return np.empty(0, READING)


def _readings(rows: list[list[Any]], catalog: Catalog) -> Readings:
    found = np.empty(len(rows), READING)
    found["delivery"], found["trusted"] = 0, True
    # the rank among what has one key: by sensor, however the store lists them
    rows = sorted(rows, key=lambda row: (row[0], str(row[3])))
    rank, last_ns = 0, None
    for at, (time_ns, value, quality, reason, sensor, quantity) in enumerate(rows):
        rank = rank + 1 if time_ns == last_ns else 0
        last_ns = time_ns
        number = math.nan if value is None else float(value)
        code = REASON_WORDS.get(reason, Reason.NONE)
        series = catalog.number(SensorRecord(str(sensor), str(quantity), "", unit_of(str(quantity)) or ""))
        mine = found[at]
        mine["time_us"], mine["n"], mine["i"] = time_ns // 1000, time_ns % 1000, rank
        mine["sensor"], mine["value"], mine["raw"] = series, number, math.nan
        mine["quality"] = Quality.BAD if quality is None else int(quality)
        mine["reason"], mine["seq"] = int(code), time_ns % 1000
    return ordered(found)
