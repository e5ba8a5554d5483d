"""Sizes and speeds of the archive beside SQLite, a DuckDB table and plain Parquet, measured in one run.

ARCHIVE_DAYS (30) days of twelve sensors; ARCHIVE_YEAR_DAYS (12) days of fifty for the year: 365 is 1.6 billion readings
and needs some hours of generating and 4 GB. What was asked stands beside what was measured; asserted are sizes and
generous ratios, for the clock of a busy machine proves little.
"""

import os
import sqlite3
import time
from pathlib import Path

import numpy as np
import pytest

from gateway.domain.history import DAY_US
from gateway.domain.moment import Moment
from gateway.stores.archive import FORMAT, Archive, Manifest, day_of
from gateway.stores.archive_files import write_readings
from gateway.stores.archive_reader import ArchiveReader
from gateway.stores.archive_rollups import write_rollups
from gateway.stores.embedded_history import EmbeddedHistory
from gateway.stores.exceedances import exceedances
from gateway.stores.journal import Journal
from gateway.stores.packing import Outcome, Step
from gateway.stores.rollups import HOUR_US, MINUTE_US, by_sensor, coarser
from gateway.stores.rows import Kind, document_row, steps_row
from gateway.stores.sealing import seal
from tests.benchmarks.archived_mine import DAY0, SECONDS, S, a_day, sensors

DAYS = int(os.environ.get("ARCHIVE_DAYS", "30"))
YEAR_DAYS = int(os.environ.get("ARCHIVE_YEAR_DAYS", "12"))
HOLD_US = 30 * S

pytestmark = [pytest.mark.bench, pytest.mark.timeout(36_000)]


def archive_of(folder, count, days, *, loud=1.0):
    """An archive as sealing makes it; `loud`: share of the sensors that see a blast."""
    archive, records = Archive(folder), sensors(count)
    for day in range(days):
        name = day_of(DAY0 + day * DAY_US)
        into = folder / name
        into.mkdir(parents=True)
        parts = [a_day(number, day, blasts=number < loud * count) for number in range(count)]
        readings = write_readings(into / "readings-1.parquet", 1, zip(records, parts, strict=True))
        begin = DAY0 + day * DAY_US
        for number, part in enumerate(parts):
            part["sensor"] = number
        holds = dict.fromkeys((record.id for record in records), HOLD_US)
        minutes = [
            one
            for number, part in enumerate(parts)
            for one in by_sensor(_as_first(part), [records[number]], holds, MINUTE_US, begin, begin + DAY_US)
        ]
        files = [
            write_rollups(into / f"{kind}-1.parquet", kind, [(r, coarser(m, step)) for r, m in minutes], 1)
            for kind, step in (("minutes", MINUTE_US), ("hours", HOUR_US))
        ]
        archive.publish(Manifest(FORMAT, "bench", name, 1, 10**12, (readings, *files)))
    return archive, records


def _as_first(part):
    made = part.copy()
    made["sensor"] = 0
    return made


@pytest.fixture(scope="module")
def month(tmp_path_factory):
    return archive_of(tmp_path_factory.mktemp("month"), 12, DAYS)


def bytes_of(archive, kind):
    manifests = [archive.manifest(day) for day in archive.days()]
    return sum(file.bytes for manifest in manifests for file in manifest.of_kind(kind))


def best_ms(call, rounds=7):
    spent = []
    for _ in range(rounds):
        began = time.perf_counter()
        call()
        spent.append((time.perf_counter() - began) * 1000)
    return min(spent)


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
    one, end = records[0].id, DAY0 + DAYS * DAY_US
    files = [str(archive.path(m, f)) for m in map(archive.manifest, archive.days()) for f in m.of_kind("readings")]

    def from_raw():
        return reader.query(
            "SELECT ms // 60000, avg(scaled::DOUBLE / per_unit), max(scaled) FROM read_parquet(?)"
            " WHERE series = 0 GROUP BY 1 ORDER BY 1", [files],
        ).fetchnumpy()  # fmt: skip

    days = archive.days()
    rolled = best_ms(lambda: reader.rollups(days, "minutes", MINUTE_US, DAY0, end, [one], 10**6))
    columns = best_ms(lambda: reader.rollup_columns(days, "minutes", DAY0, end, [one]))
    whole = best_ms(lambda: history.rollups(MINUTE_US, [one], DAY0, end, 10**6))
    raw = best_ms(from_raw)
    print(f"\none sensor, {DAYS} days by the minute: {columns:.0f} ms from rollups as columns (asked: 10),")
    print(f"  {rolled:.0f} ms as rows, {whole:.0f} ms through the history; {raw:.0f} ms from raw readings (asked: 60)")
    assert history.rollups(MINUTE_US, [one], DAY0, end, 10**6).items[0].sensor == one


def test_exceedances_of_fifty_sensors(tmp_path):
    until = DAY0 + YEAR_DAYS * DAY_US
    for loud, about in ((1.0, "every sensor sees blasts"), (0.01, "one sensor of fifty can hold one")):
        archive, records = archive_of(tmp_path / f"loud-{loud}", 50, YEAR_DAYS, loud=loud)
        reader = ArchiveReader(archive)
        limits = {r.id: {"co": 25.0, "no2": 3.0, "pm10": 300.0}.get(r.quantity, 1e6) for r in records}
        reader.query("CREATE OR REPLACE TABLE lim AS SELECT unnest(?) AS sensor, unnest(?) AS lim",
                     [list(limits), list(limits.values())])  # fmt: skip

        def scan(reader=reader, limits=limits):
            return exceedances(reader, limits, DAY0, until, everywhere=True)

        def pruned(reader=reader, limits=limits):
            return exceedances(reader, limits, DAY0, until)

        def rolled(reader=reader, archive=archive):
            return reader.query(
                "SELECT sensor, sum((high > lim)::INT) FROM read_parquet(?) JOIN lim USING (sensor) GROUP BY 1",
                [[str(archive.path(m, f)) for m in map(archive.manifest, archive.days()) for f in m.of_kind("hours")]],
            ).fetchall()  # fmt: skip

        readings, year = 50 * YEAR_DAYS * SECONDS, 365 / YEAR_DAYS
        times = [best_ms(call, 3) for call in (scan, pruned, rolled)]
        print(f"\nexceedances, 50 sensors, {YEAR_DAYS} days, {readings / 1e6:.0f} M readings; {about}:")
        names = ("full scan", "by the manifests", "hours of rollups")
        for name, ms, ask in zip(names, times, ("4 s", "1 s at 1 %", "0.1 s"), strict=True):
            print(f"  {name}: {ms:.0f} ms, a year in proportion {ms * year / 1000:.2f} s (asked: {ask})")
        assert scan() == pruned()
        assert all(one.highest > limits[one.sensor] for one in pruned())


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
