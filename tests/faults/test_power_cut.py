"""The power goes at any write of the journal: nothing that was called durable is lost, nothing stands twice."""

import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.stores.journal import Journal
from gateway.stores.rows import Kind
from tests.faults.recorded_disk import after_power_cut, command, recorded

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed (apt-get install strace)"),
]

WRITER = Path(__file__).with_name("journal_writer.py")
GROUPS = 700
"""Enough for two checkpoints: the log is written into the main file and begun anew while the power may go."""


def life(folder, trace, groups, synchronous="FULL"):
    """A process that journals until it has called `groups` durable, recorded and then killed."""
    environment = os.environ | {"JOURNAL_SYNCHRONOUS": synchronous}
    writer = [*command(trace), sys.executable, str(WRITER), str(folder / "journal.db")]
    with subprocess.Popen(writer, stdout=subprocess.PIPE, env=environment) as process:
        try:
            for line in process.stdout:
                if int(line) >= groups:
                    break
        finally:
            with trace.open() as began:
                os.kill(int(began.readline().split()[0]), signal.SIGKILL)  # the writer; strace ends with it
    return recorded(trace, folder)


def contents(path):
    """k of every group by its record and by its step; what a person would see when the gateway starts again."""
    if not path.exists():
        return [], []
    with Journal.open(path) as journal:
        assert journal.salvaged is None, f"a power cut is no damage: {journal.salvaged}"
        rows = list(journal.scan())
        assert journal.damaged == set()
    assert [row.n for row in rows] == list(range(1, len(rows) + 1))
    records = [row.document()["k"] for row in rows if row.kind == Kind.TRANSITION]
    steps = [step.moment.now_us for row in rows if row.kind == Kind.STEPS for step in row.steps().steps]
    return records, steps


def cut_often(ops, times, seed, folder):
    """Cut the power at random points of one recorded life; how many groups had been called durable and are gone."""
    chance = random.Random(seed)
    lost = 0
    for run in range(times):
        here = folder / f"cut-{run}"
        told = after_power_cut(ops, chance.randrange(len(ops) + 1), chance, here)
        durable = [int(word) for word in told.split()]
        records, steps = contents(here / "journal.db")
        assert records == steps == list(range(1, len(records) + 1)), "whole, in order, once"
        lost += max(0, len(durable) - len(records))
        shutil.rmtree(here)
    return lost


@pytest.fixture(scope="module")
def ops(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded")
    found = life(folder / "disk", folder / "trace", GROUPS)
    (folder / "trace").unlink()
    assert sum(op.what == "sync" and op.name == "journal.db" for op in found) >= 2, "no checkpoint was recorded"
    return found


def test_the_recording_is_what_the_process_left(tmp_path):
    found = life(tmp_path / "disk", tmp_path / "trace", 50)
    whole = tmp_path / "again"
    calm = random.Random(0)
    calm.choice = lambda _shares: 1.0  # everything gets through
    after_power_cut(found, len(found), calm, whole)
    for name in ("journal.db", "journal.db-wal"):
        assert (whole / name).read_bytes() == (tmp_path / "disk" / name).read_bytes()


def test_sixty_power_cuts_lose_nothing_that_was_called_durable(ops, tmp_path):
    assert cut_often(ops, 60, 1, tmp_path) == 0


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_thousand_power_cuts_lose_nothing_that_was_called_durable(ops, tmp_path):
    assert cut_often(ops, 1000, 2, tmp_path) == 0


def test_the_harness_sees_what_a_journal_without_syncs_would_lose(tmp_path):
    """Else it would prove nothing."""
    careless = life(tmp_path / "disk", tmp_path / "trace", 60, synchronous="OFF")
    lost = 0
    for seed in range(20):
        try:
            lost += cut_often(careless, 1, seed, tmp_path)
        except AssertionError:
            lost += 1
    assert lost > 0
