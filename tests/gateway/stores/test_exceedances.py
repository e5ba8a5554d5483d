"""Counting what was above a level gives what looking at every reading gives; retention is data with sources."""

import math

import numpy as np
import pytest

from gateway.stores.archive import FORMAT, Archive, Manifest, day_of
from gateway.stores.archive_files import write_readings
from gateway.stores.exceedances import exceedances
from gateway.stores.journal import SensorRecord
from gateway.stores.reading_rows import READING
from gateway.stores.retention import retention

S = 1_000_000
DAY = 86_400 * S
DAY0 = 20_600 * DAY


@pytest.mark.parametrize("everywhere", [False, True])
def test_every_reading_above_its_level_is_counted_and_no_other(tmp_path, everywhere):
    chance = np.random.default_rng(5)
    archive, records = Archive(tmp_path), [SensorRecord(name, "co", "z", "ppm") for name in "abcd"]
    levels = {"a": 0.3, "b": 25.0, "c": 7.25}
    expected = {}
    for day in range(3):
        parts = []
        for number, record in enumerate(records):
            part = np.zeros(500, READING)
            part["time_us"] = DAY0 + day * DAY + np.arange(500) * S
            steps = chance.integers(0, 60, 500)
            part["value"] = (steps / 10, steps, steps * 1.037, steps)[number]
            part["value"][::50] = math.nan
            part["value"][7] = (0.1 + 0.2, 25.0, 7.25, 1.0)[number]
            part["quality"][::31] = 2
            part["raw"] = part["value"]
            parts.append(part)
            if record.id in levels:
                above = part[(part["value"] > levels[record.id]) & (part["quality"] != 2)]
                before = expected.get(record.id, (0, 0.0))
                expected[record.id] = before[0] + above.size, max(before[1], above["value"].max())
        name = day_of(DAY0 + day * DAY)
        (tmp_path / name).mkdir()
        file = write_readings(tmp_path / name / "readings-1.parquet", 1, zip(records, parts, strict=True))
        archive.publish(Manifest(FORMAT, "x", name, 1, 1, (file,)))
    found = exceedances(archive, levels, DAY0, DAY0 + 3 * DAY, everywhere=everywhere)
    assert {one.sensor: (one.readings, one.highest) for one in found} == expected
    assert exceedances(archive, dict.fromkeys("abcd", 1e9), DAY0, DAY0 + 3 * DAY) == []


def test_every_class_of_record_says_how_long_and_who_asks_it():
    classes = retention()
    assert (classes["positions"].days, classes["exposure"].days) == (30, 14_610)
    assert all(one.source and one.what and one.days >= 0 for one in classes.values())
