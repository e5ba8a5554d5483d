"""`kill -9` of a journaling process at random points; a disk full for a while: nothing is lost, nothing doubled."""

import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from gateway.stores.journal import Journal
from gateway.stores.rows import Kind

WRITER = Path(__file__).with_name("journal_writer.py")


def contents(path):
    """k of every group by its record and by its step, in journal order; a row with a wrong checksum fails the test."""
    with Journal.reader(path) as journal:
        rows = list(journal.scan())
        assert journal.damaged == set()
    assert [row.n for row in rows] == list(range(1, len(rows) + 1))
    records = [row.document()["k"] for row in rows if row.kind == Kind.TRANSITION]
    steps, readings = [], 0
    for row in rows:
        if row.kind == Kind.STEPS:
            body = row.steps()
            steps += [step.moment.now_us for step in body.steps]
            readings += body.outcomes.size
    assert readings == sum(k % 7 for k in steps)
    return records, steps


def run_and_kill(path, after_s):
    """Start the writer, kill it `after_s` after its start or first word, return the groups that it called durable."""
    with subprocess.Popen([sys.executable, str(WRITER), str(path)], stdout=subprocess.PIPE) as process:
        told = []
        reader = threading.Thread(target=lambda: told.append(process.stdout.read()))
        if after_s < 0:  # while it starts, opens and recovers
            reader.start()
            time.sleep(-after_s)
        else:
            first = process.stdout.readline()
            told.append(first)
            reader.start()
            time.sleep(after_s)
        process.kill()
        reader.join(20)
    whole = b"".join(told)
    return [int(word) for word in whole[: whole.rfind(b"\n") + 1].split()]


def kill_often(path, times, seed):
    chance = random.Random(seed)
    durable = []
    for _ in range(times):
        durable += run_and_kill(path, chance.uniform(0, 0.25) if chance.random() < 0.8 else -chance.uniform(0.2, 0.6))
    records, steps = contents(path)
    assert len(durable) == len(set(durable))
    assert set(durable) <= set(records)
    # groups were numbered on from what the journal held: none is missing, none is twice, none is half there
    assert records == steps == list(range(1, len(records) + 1))
    return durable


@pytest.mark.timeout(180)
def test_twenty_kills_lose_and_double_nothing(tmp_path):
    assert len(kill_often(tmp_path / "journal.db", 20, seed=1)) > 100


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_thousand_kills_lose_and_double_nothing(tmp_path):
    assert len(kill_often(tmp_path / "journal.db", 1000, seed=2)) > 10_000


@pytest.mark.parametrize("limit", [20_000, 100_000, 300_000])
def test_a_disk_that_is_full_for_a_while_loses_and_doubles_nothing(tmp_path, limit):
    path = tmp_path / "journal.db"
    Journal.open(path).close()
    with subprocess.Popen(
        [sys.executable, str(WRITER), str(path), str(limit)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            refused = next(text for text in process.stdout if text.startswith("refused"))
            rest, _ = process.communicate("there is room again\n", timeout=60)
        finally:
            process.kill()
    assert "journal.db" in refused
    assert process.returncode == 0
    assert rest.split()[-1] == "500"
    records, steps = contents(path)
    assert records == steps == list(range(1, 501))
