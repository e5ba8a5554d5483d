"""Records that are larger than memory should be: read in blocks, kept on disk, judged the same."""

import json
import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from bocamina.cli import run
from bocamina.commands import exposure
from bocamina.spill import FileColumn
from gateway.domain.errors import OperationFailed

HEAD = "time,substance,value,unit\n"
COMMAND = [sys.executable, "-m", "bocamina", "exposure", "--json", "--regime", "peru"]


def record(path, rows):
    random = np.random.default_rng(2)
    times = 1_764_000_000.0 + np.cumsum(random.integers(500, 1500, rows)) / 1000
    values = random.uniform(0, 60, rows)
    with path.open("w", encoding="utf-8") as file:
        file.write(HEAD)
        for at in range(0, rows, 100_000):
            part = zip(times[at : at + 100_000].tolist(), values[at : at + 100_000].tolist(), strict=True)
            file.write("".join(f"{t:.3f},{('co', 'no2')[n & 1]},{v:.2f},ppm\n" for n, (t, v) in enumerate(part)))
    return path


def test_numbers_kept_on_disk_give_the_same_document(tmp_path, capsys, monkeypatch):
    path = record(tmp_path / "r.csv", 50_000)
    documents = []
    for large in (1 << 60, 0):
        monkeypatch.setattr(exposure, "_LARGE", large)
        assert run(["exposure", str(path), "--json"]) == 0
        said = capsys.readouterr()
        assert said.err == ""  # nobody watches: no progress bar
        documents.append(json.loads(said.out))
    assert documents[0] == documents[1]
    assert documents[0]["substances"]["co"]["samples"] == 25_000


def test_a_terminal_sees_how_far_it_is_and_standard_output_stays_clean(tmp_path):
    path = record(tmp_path / "turno.csv", 20_000)
    master, slave = pty.openpty()
    with subprocess.Popen([*COMMAND, str(path)], stdout=subprocess.PIPE, stderr=slave) as process:
        os.close(slave)
        shown = b""
        while True:
            try:
                read = os.read(master, 4096)
            except OSError:  # the other end is closed
                break
            if not read:
                break
            shown += read
        document = json.loads(process.stdout.read())
    os.close(master)
    assert process.returncode == 0
    assert b"turno.csv" in shown
    assert document["substances"]["no2"]["samples"] == 10_000


def test_a_column_of_a_file_is_a_column():
    column, empty = FileColumn(np.int64), FileColumn(np.float64)
    column.extend(np.arange(5))
    column.extend(np.arange(10)[::2])
    assert column.whole().tolist() == [0, 1, 2, 3, 4, 0, 2, 4, 6, 8]
    assert empty.whole().size == 0


def test_a_full_disk_is_one_sentence(monkeypatch):
    column = FileColumn(np.float64)
    column._file.close()
    column._file = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115
    with column._file, pytest.raises(OperationFailed, match=r"cannot be kept .* No space left on device"):
        column.extend(np.zeros(4))


@pytest.mark.long
@pytest.mark.timeout(600)
def test_memory_does_not_grow_with_the_file(tmp_path):
    """What the process itself holds (anonymous memory; pages of files go whenever somebody needs the room)."""
    peaks = []
    for rows in (11_000_000, 22_000_000):
        path = record(tmp_path / f"{rows}.csv", rows)
        assert path.stat().st_size > exposure._LARGE
        with subprocess.Popen([*COMMAND, str(path)], stdout=subprocess.DEVNULL) as process:
            peak = 0
            while process.poll() is None:
                try:
                    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
                except OSError:
                    break
                peak = max([peak, *(int(line.split()[1]) for line in status.splitlines() if "RssAnon" in line)])
                time.sleep(0.02)
        assert process.returncode == 0
        peaks.append(peak / 1024)
        path.unlink()
    print(f"\nanonymous memory for 11 and 22 million rows: {peaks[0]:.0f} and {peaks[1]:.0f} MB")
    assert peaks[1] < 450
    assert peaks[1] - peaks[0] < 60
