"""What a sealed day consists of: its readings sensor by sensor, and how many its manifest counts."""

from collections.abc import Iterator

import numpy as np

from gateway.stores.archive import Manifest
from gateway.stores.journal import SensorRecord
from gateway.stores.reading_rows import READING, Readings, ordered


def manifest_rows(manifest: Manifest, record: SensorRecord) -> int:
    """How many readings of a sensor a day has."""
    return sum(
        one.rows
        for file in manifest.of_kind("readings")
        for one in file.series
        if (one.sensor, one.quantity, one.zone, one.unit) == record
    )


def series_of(manifest: Manifest) -> Iterator[tuple[str, str, str, str]]:
    """(sensor, quantity, zone, unit) of every series of a day's readings, as often as it stands there."""
    for file in manifest.of_kind("readings"):
        for one in file.series:
            yield one.sensor, one.quantity, one.zone, one.unit


def sensor_by_sensor(parts: list[Readings], records: list[SensorRecord]) -> Iterator[tuple[SensorRecord, Readings]]:
    """Every record's readings in order, by record. parts: `sensor` is the number of a record."""
    found = np.concatenate([np.empty(0, READING), *parts])
    numbers = found["sensor"]
    if len(records) < 2**15:
        numbers = numbers.astype(np.int16)  # sorted by radix, ten times as fast
    order = np.argsort(numbers, kind="stable")
    edges = np.searchsorted(numbers[order], np.arange(len(records) + 1))
    for number in sorted(range(len(records)), key=lambda one: records[one]):
        yield records[number], ordered(found[order[edges[number] : edges[number + 1]]])


def joined_in_order(before: Readings | None, found: Readings) -> Readings:
    """Both in order."""
    return found if before is None or not before.size else ordered(np.concatenate([before, found]))
