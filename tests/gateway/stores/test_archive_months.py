"""A file of a month only saves time: with it, without it, old, damaged or half known, the rollups are the same."""

import time

import numpy as np
import pytest

from gateway.domain.moment import Moment
from gateway.stores.archive import DAY_US, Archive
from gateway.stores.archive_columns import columns, means
from gateway.stores.archive_months import KINDS, MONTHS, Months
from gateway.stores.archive_reader import ArchiveReader
from gateway.stores.exceedances import exceedances, hours_above
from gateway.stores.journal import Journal
from gateway.stores.packing import Outcome, Step
from gateway.stores.paths import archive_folder
from gateway.stores.rollups import HOUR_US, MINUTE_US
from gateway.stores.rows import Kind, document_row, steps_row
from gateway.stores.sealing import seal

S = 1_000_000
DAY0 = 20_600 * DAY_US  # 2026-05-27: five days of May, five of June
DAYS = 10
END = DAY0 + DAYS * DAY_US
NOW = DAY0 + 60 * DAY_US


def commit(journal, outcomes):
    journal.append([steps_row("h", [Step(Moment(0, 0), [], outcomes)])])


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        sensors = [("a", "co", "z", "ppm"), ("b", "no2", "z", "ppm"), ("c", "pm10", "z", "ug/m3")]
        document = {"site_hash": "h", "sensors": sensors, "holds_s": [30.0] * 3}
        journal.append([document_row(Kind.SITE, Moment(0, 0), document)])
        for day in range(DAYS):
            commit(journal, [
                Outcome(k, 0, 0, 0, DAY0 + day * DAY_US + i * 25 * S + k, i % 61 / 10, i % 61 / 10)
                for i in range(3456) for k in range(3 if day % 3 else 2)
            ])  # fmt: skip
    seal(path, "x", NOW)
    return path, Archive(archive_folder(path))


def all_ways(archive):
    """What a fresh reader answers, of several kinds."""
    reader, days = ArchiveReader(Archive(archive.folder)), archive.days()
    minutes = reader.rollups(days, "minutes", MINUTE_US, DAY0, END, None, 10**6)
    return (
        minutes, reader.rollups(days, "minutes", 5 * MINUTE_US, DAY0 + MINUTE_US * 5, END, ["b"], 10**6),
        reader.rollups(days, "hours", 24 * HOUR_US, DAY0, END, None, 10**6),
        reader.rollups(days[2:4], "hours", HOUR_US, DAY0, END, ["a", "c"], 10**6),
        hours_above(archive, {"a": 5.9, "b": 6.0}, DAY0, END),
    )  # fmt: skip


def files(archive):
    return sorted((archive.folder / MONTHS).iterdir())


def test_sealing_writes_both_months_and_nothing_when_nothing_changed(mine):
    path, archive = mine
    assert [one.name for one in files(archive)] == [
        f"2026-{month}.{kind}-1.parquet" for month in ("05", "06") for kind in ("hours", "minutes")
    ]
    before = [(one.name, one.stat().st_mtime_ns) for one in files(archive)]
    seal(path, "x", NOW)
    assert [(one.name, one.stat().st_mtime_ns) for one in files(archive)] == before
    assert list(Months(archive).faults()) == []


def test_the_same_without_them_and_with_damaged_ones(mine):
    _path, archive = mine
    with_them = all_ways(archive)
    assert len(with_them[0]) == sum(1440 * (3 if day % 3 else 2) for day in range(DAYS))
    for file in files(archive):
        data = bytearray(file.read_bytes())
        data[len(data) // 2 : len(data) // 2 + 40] = bytes(40)
        file.write_bytes(data)
    assert list(Months(archive).faults()) != []
    for file in files(archive):
        file.write_bytes(b"PAR1 no more")
    assert len(list(Months(archive).faults())) == 4
    assert all_ways(archive) == with_them
    Months(archive).update(NOW)
    assert list(Months(archive).faults()) == []
    assert all_ways(archive) == with_them
    for file in files(archive):
        file.unlink()
    assert all_ways(archive) == with_them


def test_a_day_that_changed_counts_by_its_own_file_until_the_month_is_written_anew(mine):
    path, archive = mine
    with Journal.open(path) as journal:
        commit(journal, [Outcome(0, 3, 12, 1, DAY0 + 7 * DAY_US + 12_345_678, 900.0, 900.0)])
    before = all_ways(archive)
    seal(path, "x", NOW)
    assert "2026-06.minutes-1.parquet" in [one.name for one in files(archive)]
    changed = all_ways(archive)
    assert max(row[5] for row in changed[0]) == 900.0 > max(row[5] for row in before[0])
    Months(archive).update(time.time_ns() // 1000 + 2 * DAY_US)
    assert "2026-06.minutes-2.parquet" in [one.name for one in files(archive)]
    assert "2026-06.minutes-1.parquet" not in [one.name for one in files(archive)]
    assert all_ways(archive) == changed


@pytest.mark.parametrize("limit", [1, 7, 1441, 5000])
def test_pages_of_any_size_are_the_beginning_of_the_whole(mine, limit):
    _path, archive = mine
    reader, days = ArchiveReader(archive), archive.days()
    asked = (("minutes", MINUTE_US, None), ("hours", 6 * HOUR_US, ["c"]), ("minutes", HOUR_US, ["a"]))
    for kind, step, sensors in asked:
        whole = reader.rollups(days, kind, step, DAY0, END, sensors, 10**6)
        assert whole == sorted(whole, key=lambda row: row[:3])
        assert reader.rollups(days, kind, step, DAY0, END, sensors, limit) == whole[:limit]


def test_columns_are_the_readings(mine):
    _path, archive = mine
    times, values, quality, reason = columns(archive, "c", DAY0 + DAY_US + 100 * S, DAY0 + 2 * DAY_US - 100 * S)
    assert times.size == 3456 - 8
    assert (np.diff(times) == 25 * S).all()
    assert (values == np.arange(4, 3452) % 61 / 10).all()
    assert not quality.any()
    assert not reason.any()
    assert columns(archive, "nobody", DAY0, END).time_us.size == 0
    hours = means(archive, "a", DAY0, END, HOUR_US)
    assert hours.size == 24 * DAYS
    assert hours["mean"][0] == pytest.approx(np.mean(np.arange(144) % 61 / 10))


def test_exceedances_agree_with_the_columns(mine):
    _path, archive = mine
    found = {one.sensor: one for one in exceedances(archive, {"a": 5.95, "c": 3.0}, DAY0, END)}
    for sensor, level in (("a", 5.95), ("c", 3.0)):
        times, values, _quality, _reason = columns(archive, sensor, DAY0, END)
        above = times[values > level]
        assert found[sensor][1:] == (above.size, above[0] // 1000 * 1000, above[-1] // 1000 * 1000, values.max())


def test_every_kind_of_rollup_has_a_month(mine):
    _path, archive = mine
    assert {name.split(".")[1].split("-")[0] for name in (one.name for one in files(archive))} == set(KINDS)
