"""Sizes and speeds of the archive beside SQLite, a DuckDB table and plain Parquet, measured in one run.

ARCHIVE_DAYS (30) days of twelve sensors, and six days of fifty for the year; BOCAMINA_BENCH_YEAR=FOLDER makes it the
whole year: 1.6 billion readings, 3 GB, a quarter of an hour the first time; it stays there. What was asked stands
beside what was measured and beside the floor, the bare reading of the same bytes; asserted are sizes and generous
ratios, for the clock of a busy machine proves little.
"""

import os
import shutil
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from gateway.domain.history import DAY_US
from gateway.domain.moment import Moment
from gateway.stores.archive import FORMAT, Archive, Manifest, day_of
from gateway.stores.archive_columns import means
from gateway.stores.archive_files import write_readings
from gateway.stores.archive_months import MONTHS, Months
from gateway.stores.archive_reader import ArchiveReader
from gateway.stores.archive_rollups import write_rollups
from gateway.stores.embedded_history import EmbeddedHistory
from gateway.stores.exceedances import exceedances, hours_above
from gateway.stores.journal import END_US, Journal
from gateway.stores.packing import Outcome, Step
from gateway.stores.rollups import FIGURES, HOUR_US, MINUTE_US, by_sensor, coarser
from gateway.stores.rows import Kind, document_row, steps_row
from gateway.stores.sealing import seal
from tests.benchmarks.archived_mine import DAY0, SECONDS, S, a_day, sensors

DAYS = int(os.environ.get("ARCHIVE_DAYS", "30"))
YEAR = Path(os.environ["BOCAMINA_BENCH_YEAR"]) if os.environ.get("BOCAMINA_BENCH_YEAR") else None
YEAR_DAYS = 365 if YEAR else 6
DISTINCT = 61 if YEAR_DAYS > 61 else 0
HOLD_US = 30 * S

pytestmark = [pytest.mark.bench, pytest.mark.timeout(36_000)]


def archive_of(folder, count, days, *, distinct=0):
    """An archive as sealing makes it. distinct: so many days are generated, and stand again and again at later dates.

    Every file is compressed alone, so that what repeats in others makes none of them smaller.
    """
    archive, records = Archive(folder), sensors(count)
    holds = dict.fromkeys((record.id for record in records), HOLD_US)
    for first in range(min(distinct or days, days)):
        parts = [a_day(number, first) for number in range(count)]
        begin = DAY0 + first * DAY_US
        minutes = [
            one
            for record, part in zip(records, parts, strict=True)
            for one in by_sensor(part, [record], holds, MINUTE_US, begin, begin + DAY_US)
        ]
        minutes.sort(key=lambda one: one[0])
        for day in range(first, days, distinct or days):
            later = (day - first) * DAY_US
            name = day_of(begin + later)
            into = folder / name
            into.mkdir(parents=True)
            moved = ((r, _moved(part, "time_us", later)) for r, part in zip(records, parts, strict=True))
            files = [write_readings(into / "readings-1.parquet", 1, moved)]
            for kind, step in (("minutes", MINUTE_US), ("hours", HOUR_US)):
                rolled = ((r, _moved(coarser(made, step), "time", later)) for r, made in minutes)
                files.append(write_rollups(into / f"{kind}-1.parquet", kind, rolled, 1))
            archive.publish(Manifest(FORMAT, "bench", name, 1, 10**12, tuple(files)))
    Months(archive).update(END_US)
    return archive, records


def _moved(rows, field, by_us):
    made = rows.copy()
    made[field] += by_us
    return made


@pytest.fixture(scope="module")
def month(tmp_path_factory):
    return archive_of(tmp_path_factory.mktemp("month"), 12, DAYS)


def bytes_of(archive, kind):
    manifests = [archive.manifest(day) for day in archive.days()]
    return sum(file.bytes for manifest in manifests for file in manifest.of_kind(kind))


class Spent(NamedTuple):
    """Milliseconds of the wall's clock and of the processor: on a busy machine the second tells more."""

    wall: float
    processor: float

    def __str__(self):
        return f"{self.wall:.1f} ({self.processor:.1f})"


def best_ms(call, rounds=7):
    wall, processor = [], []
    for _ in range(rounds):
        began, used = time.perf_counter(), time.process_time()
        call()
        wall.append((time.perf_counter() - began) * 1000)
        processor.append((time.process_time() - used) * 1000)
    return Spent(min(wall), min(processor))


def test_bytes_a_reading(month, tmp_path):
    archive, _records = month
    readings = 12 * DAYS * SECONDS
    ours = bytes_of(archive, "readings") / readings
    rollups = (bytes_of(archive, "minutes") + bytes_of(archive, "hours")) / readings
    others = others_sizes(tmp_path)
    print(f"\nbytes a reading, 12 sensors, {DAYS} days at 1 Hz: {ours:.2f} (asked: at most 2.5)")
    print(f"  its rollups of 1 min and 1 h: {rollups:.2f} more")
    for name, size in others.items():
        print(f"  {name} (time, sensor, value alone): {size:.2f}, {size / ours:.1f} x ours")
    assert ours <= 2.5
    assert others["SQLite"] > 5 * ours


def others_sizes(folder: Path):
    """One day of the twelve sensors, time, sensor number and value only."""
    import duckdb
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts = [a_day(number, 0) for number in range(12)]
    times = np.concatenate([part["time_us"] for part in parts])
    values = np.concatenate([part["value"] for part in parts])
    numbers = np.repeat(np.arange(12, dtype=np.int16), SECONDS)
    order = np.argsort(times, kind="stable")
    table = pa.table({"time": times[order], "sensor": numbers[order], "value": values[order]})
    pq.write_table(table, folder / "plain.parquet", compression="zstd")
    with sqlite3.connect(folder / "plain.db") as base:
        base.execute("CREATE TABLE r (time INTEGER, sensor INTEGER, value REAL)")
        rows = zip(times[order].tolist(), numbers[order].tolist(), values[order].tolist(), strict=True)
        base.executemany("INSERT INTO r VALUES (?, ?, ?)", rows)
    base.close()
    with duckdb.connect(str(folder / "plain.duckdb")) as base:
        base.register("t", table)
        base.execute("CREATE TABLE r AS SELECT * FROM t ORDER BY sensor, time")
        base.execute("CHECKPOINT")
    names = {"SQLite": "plain.db", "a DuckDB table": "plain.duckdb", "zstd Parquet": "plain.parquet"}
    return {name: (folder / file).stat().st_size / times.size for name, file in names.items()}


def test_a_month_of_one_sensor_by_the_minute(month, tmp_path):
    archive, records = month
    path = tmp_path / "site" / "journal.db"
    Journal.open(path).close()
    history = EmbeddedHistory(path)
    history._reader = reader = ArchiveReader(archive)
    one, end, days = records[0].id, DAY0 + DAYS * DAY_US, archive.days()
    raw_files = list(readings_files(archive))
    months = sorted((archive.folder / MONTHS).glob("*.minutes-*"))

    def bare(files, columns, group):
        import pyarrow.parquet as pq

        for file in files:
            pq.ParquetFile(file).read_row_groups([group], columns=columns, use_threads=False)

    def from_raw():
        return means(archive, one, DAY0, end, MINUTE_US)

    columns = best_ms(lambda: reader.months.read(days, "minutes", DAY0, end, [one]))
    rolled = best_ms(lambda: reader.rollups(days, "minutes", MINUTE_US, DAY0, end, [one], 10**6))
    whole = best_ms(lambda: history.rollups(MINUTE_US, [one], DAY0, end, 10**6))
    raw = best_ms(from_raw)
    floor = best_ms(lambda: bare(months, ["time", *FIGURES], 0))
    raw_floor = best_ms(lambda: bare(raw_files, ["ms", "scaled"], 0))
    print(f"\none sensor, {DAYS} days by the minute (wall, processor ms):")
    print(f"  from rollups as columns {columns} (asked: 10), bare pyarrow of the same bytes {floor}")
    print(f"  as rows {rolled}, through the history {whole}")
    print(f"  from raw readings {raw} (asked: 60), bare pyarrow of the same bytes {raw_floor}")
    assert history.rollups(MINUTE_US, [one], DAY0, end, 10**6).items[0].sensor == one
    assert from_raw().size == DAYS * 1440


def readings_files(archive):
    for day in archive.days():
        manifest = archive.manifest(day)
        yield from (archive.path(manifest, file) for file in manifest.of_kind("readings"))


def test_exceedances_of_fifty_sensors(tmp_path):
    """Levels as the law has them, and such that one row group in a hundred can hold one."""
    import pyarrow.parquet as pq

    folder = YEAR or tmp_path
    archive, records = Archive(folder), sensors(50)
    if len(archive.days()) != YEAR_DAYS:
        archive_of(folder, 50, YEAR_DAYS, distinct=DISTINCT)
    try:
        until, year = DAY0 + YEAR_DAYS * DAY_US, 365 / YEAR_DAYS
        limits = {r.id: {"co": 25.0, "no2": 3.0, "pm10": 300.0}.get(r.quantity, 1e6) for r in records}
        highs = {r.id: [] for r in records}
        for day in archive.days():
            for one in archive.manifest(day).of_kind("readings")[0].series:
                highs[one.sensor].append(one.high)
        rare = {}  # of every second sensor its loudest generated day, as often as it stands there
        for sensor, found in list(highs.items())[::2]:
            rare[sensor] = max((one for one in found if one < max(found)), default=0.0)
        share = sum(one > rare[sensor] for sensor in rare for one in highs[sensor]) / 50 / YEAR_DAYS
        files = list(readings_files(archive))

        def bare(path):
            return pq.ParquetFile(path, memory_map=True).read(columns=["scaled"], use_threads=False).num_rows

        def floor():
            with ThreadPoolExecutor(2) as pool:
                return sum(pool.map(bare, files))

        calls = {
            "full scan (asked: 4 s)": lambda: exceedances(archive, limits, DAY0, until, everywhere=True),
            "bare pyarrow of that column, two threads": floor,
            "what the manifests leave, limits of the law": lambda: exceedances(archive, limits, DAY0, until),
            f"{share:.1%} of the row groups can hold one (asked: 1 s at 1 %)": lambda: exceedances(
                archive, rare, DAY0, until
            ),
            "hours above, from rollups (asked: 0.1 s)": lambda: hours_above(archive, limits, DAY0, until),
        }
        print(f"\nexceedances, 50 sensors, {YEAR_DAYS} days ({DISTINCT or YEAR_DAYS} of them generated, the others the")
        print(f"  same at another date), {50 * YEAR_DAYS * SECONDS / 1e6:.0f} M readings, ", end="")
        print(f"{bytes_of(archive, 'readings') / 50 / YEAR_DAYS / SECONDS:.2f} bytes each; (wall, processor ms):")
        for name, call in calls.items():
            spent = best_ms(call, 3)
            print(f"  {name}: {spent}", end="")
            print(f"; a year in proportion {spent.wall * year / 1000:.2f} s" if YEAR_DAYS < 365 else "")
        found = exceedances(archive, limits, DAY0, until)
        assert exceedances(archive, limits, DAY0, until, everywhere=True) == found
        assert all(one.highest > limits[one.sensor] for one in found)
        assert set(hours_above(archive, limits, DAY0, until)) >= {one.sensor for one in found}
    finally:
        if YEAR is None:
            shutil.rmtree(folder, ignore_errors=True)


def test_ingest_of_a_backlog(tmp_path):
    """From the journal's rows to a sealed day: a node's stored packs, 500 readings a row."""
    path = tmp_path / "journal.db"
    days, records = 3, sensors(12)
    with Journal.open(path) as journal:
        document = {"site_hash": "h", "sensors": [tuple(r) for r in records], "holds_s": [30.0] * 12}
        journal.append([document_row(Kind.SITE, Moment(0, 0), document)])
        for day in range(days):
            for number in range(12):
                part = a_day(number, day)
                columns = [part[name].tolist() for name in ("quality", "reason", "time_us", "raw", "value")]
                made = [Outcome(number, q, r, 1, t, raw, value) for q, r, t, raw, value in zip(*columns, strict=True)]
                rows = [
                    steps_row("h", [Step(Moment(0, 0), [], made[at : at + 500])]) for at in range(0, SECONDS, 500)
                ]
                journal.append(rows)
    began = time.perf_counter()
    done = seal(path, "bench", DAY0 + 30 * DAY_US)
    spent = time.perf_counter() - began
    print(f"\nsealing {done.readings / 1e6:.1f} M readings of a backlog, rollups and all: {spent:.1f} s,")
    print(f"  {done.readings / spent / 1e6:.2f} M readings/s (asked of ingest: more than 1 M/s)")
    assert done.readings == 12 * days * SECONDS
