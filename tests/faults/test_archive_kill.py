"""`kill -9` of a sealing at random points, late readings in between: the history never loses or doubles a reading."""

import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gateway.domain.history import every
from gateway.domain.moment import Moment
from gateway.stores.archive import DAY_US, Archive
from gateway.stores.embedded_history import EmbeddedHistory
from gateway.stores.journal import Journal
from gateway.stores.packing import Outcome, Step
from gateway.stores.rows import Kind, document_row, steps_row

SEALER = Path(__file__).with_name("archive_sealer.py")
S = 1_000_000
DAY0 = 20_600 * DAY_US
DAYS = 3


def commit(journal, outcomes):
    journal.append([steps_row("h", [Step(Moment(0, 0), [], outcomes)])])


def readings(history):
    return list(every(lambda cursor: history.readings(limit=5000, cursor=cursor)))


def kill_often(folder, times, seed):
    chance = random.Random(seed)
    path = folder / "journal.db"
    archive = Archive(folder / "archive")
    history = EmbeddedHistory(path)
    expected, found_sealed = [], 0
    with Journal.open(path) as journal:
        sensors = [("a", "co", "z", "ppm"), ("b", "no2", "z", "ppm")]
        document = {"site_hash": "h", "sensors": sensors, "holds_s": [30.0, 30.0]}
        journal.append([document_row(Kind.SITE, Moment(0, 0), document)])
        for i in range(0, 86_400 * DAYS, 40):
            commit(journal, [Outcome(k, 0, 0, 0, DAY0 + i * S + k, float(i % 97), i % 97 / 10) for k in (0, 1)])
            expected += [(DAY0 + i * S + k, i % 97 / 10) for k in (0, 1)]
        for turn in range(times):
            if chance.random() < 0.3:
                late = [(DAY0 + chance.randrange(86_400 * DAYS) * S + 7 + turn, float(turn)) for _ in range(20)]
                commit(journal, [Outcome(0, 3, 12, 1, at, value, value) for at, value in late])
                expected += late
            with subprocess.Popen(
                [sys.executable, str(SEALER), str(path), str(DAY0 + 100 * DAY_US)], stdout=subprocess.PIPE
            ) as process:
                if chance.random() < 0.2:
                    process.stdout.readline()
                time.sleep(chance.uniform(0.3, 1.4))
                process.kill()
            got = [(r.time_us, r.value) for r in readings(history)]
            assert got == sorted(expected)
            sealed = archive.days()
            found_sealed += len(sealed)
            assert [fault for day in sealed for fault in archive.faults(day)] == []
            if len(sealed) == DAYS and chance.random() < 0.7:
                shutil.rmtree(archive.folder)  # the journal still has it all: sealing begins anew
    return found_sealed


@pytest.mark.timeout(300)
def test_twelve_kills_of_a_sealing(tmp_path):
    assert kill_often(tmp_path, 12, seed=3) > 0


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_five_hundred_kills_of_a_sealing(tmp_path):
    assert kill_often(tmp_path, 500, seed=4) > 100
