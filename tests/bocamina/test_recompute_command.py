"""`recompute` gives what `exposure` gives on an export of the same shift, and never touches what is on record."""

import csv
import importlib.util
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from bocamina.cli import run
from bocamina.recomputation import windows
from bocamina.shifts import ShiftCalendar
from bocamina.site_file import load_site
from gateway.domain.moment import Moment, parse_rfc3339
from gateway.stores.archive import Archive
from gateway.stores.journal import Journal
from gateway.stores.packing import Outcome, Step
from gateway.stores.paths import archive_folder, journal_path
from gateway.stores.rows import steps_row
from gateway.stores.sealing import seal

SITE = Path(__file__).parents[2] / "deploy" / "sites" / "demo.toml"
T0 = parse_rfc3339("2025-11-23T00:00:00.000Z")
S = 1_000_000
HOUR = 3600 * S


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """Three sealed days of CO every 20 s, with a plume, a gap, bad, absurd, doubtful and late readings."""
    monkeypatch.setenv("BOCAMINA_DATA", str(tmp_path / "mine"))
    site = load_site(SITE)
    co = next(at for at, sensor in enumerate(site.sensors) if sensor.quantity == "co")
    odd = {17: (2, 6), 29: (2, 10), 41: (1, 2), 53: (3, 12), 67: (3, 6)}
    with Journal.open(journal_path(site.site.id)) as journal:
        journal.register_site("h", site, Moment(T0, T0))
        outcomes = []
        for i in range(3 * 4320):
            if i % 4320 in range(2000, 2200):
                continue
            quality, reason = odd.get(i % 71, (0, 0))
            value = float("nan") if reason == 6 and quality == 2 else 60.0 if i % 4320 > 3000 else (i % 13) / 10
            outcomes.append(Outcome(co, quality, reason, 0, T0 + i * 20 * S, value, value))
        journal.append([steps_row("h", [Step(Moment(T0, T0), [], outcomes)])])
    seal(journal_path(site.site.id), site.site.id, T0 + 30 * 24 * HOUR)
    return site, site.sensors[co]


def say(capfd, *arguments, status=0):
    assert run([str(one) for one in arguments]) == status
    out, err = capfd.readouterr()
    assert "Traceback" not in err
    return out + err


def results(out):
    with (out / "results.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_same_as_exposure_of_an_export_of_each_day(mine, tmp_path, capfd):
    site, sensor = mine
    folder, out = archive_folder(journal_path(site.site.id)), tmp_path / "out"
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    options = ["--regime", "osha,niosh", "--regime", "eu"]
    summary = json.loads(say(capfd, "recompute", "--archive", folder, "--out", out, *options, "--json"))
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    rows = results(out)
    assert summary["results"] == len(rows) == pq.read_table(out / "results.parquet").num_rows > 9
    assert (summary["days"], summary["shifts"], summary["regimes"]) == (3, 3, ["osha", "niosh", "eu"])
    assert sum(summary["verdicts"].values()) == len(rows)
    for day in range(3):
        start, end = (f"2025-11-{23 + at}T00:00:00Z" for at in (day, day + 1))
        record = tmp_path / "record.csv"
        lines = say(capfd, "export", SITE, "--sensor", sensor.id, "--start", start, "--end", end).splitlines()
        header, *cells = (line.split(",") for line in lines)
        assert header[1] == "sensor"
        # a late reading counts as what it was in its own time; `exposure` reads what stands there
        cells = [[*one[:4], *_in_its_time(*one[4:])] for one in cells]
        record.write_text("\n".join(",".join(one) for one in [[header[0], "substance", *header[2:]], *[
            [one[0], "co", *one[2:]] for one in cells]]))  # fmt: skip
        judged = json.loads(say(capfd, "exposure", record, *options, "--shift-hours", 24, "--json"))["substances"]["co"]
        mine_rows = [row for row in rows if row["shift"] == start[:10]]
        assert len(mine_rows) == len(judged["limits"])
        for row, limit in zip(mine_rows, judged["limits"], strict=True):
            for name in ("regime", "kind", "method", "verdict", "source", "confidence"):
                assert row[name] == limit[name]
            for name in ("limit", "value", "low", "high", "coverage"):
                assert (float(row[name]) if row[name] else None) == limit[name]
            assert float(row["mean"]) == judged["mean"]
            assert float(row["covered_s"]) == judged["covered_s"]


def _in_its_time(quality, reason):
    known = {("late", "backlog"): ("good", ""), ("late", "fault"): ("bad", "fault")}
    return known.get((quality, reason), (quality, reason))


def test_shifts_of_the_site_and_whole_ones_alone(mine, tmp_path, capfd):
    site, sensor = mine
    archive = Archive(archive_folder(journal_path(site.site.id)))
    found = windows(archive, ShiftCalendar(site))
    assert found == sorted(found, key=lambda one: one.start_us)
    assert found
    assert all(T0 <= one.start_us < one.end_us <= T0 + 72 * HOUR for one in found)
    calendar = ShiftCalendar(site)
    assert all(calendar.at(one.start_us) == (one.key, one.start_us) for one in found)
    assert all(calendar.at(one.end_us).key != one.key for one in found)
    out = tmp_path / "out"
    text = say(capfd, "recompute", "--archive", archive.folder, "--out", out, "--regime", "osha", "--site", SITE)
    assert f"{len(found)} shifts" in text
    assert "no permission to enter" in text
    rows = results(out)
    assert {row["shift"] for row in rows} == {one.key for one in found}
    assert {row["sensor"] for row in rows} == {sensor.id}


def test_what_is_wrong_is_one_sentence(mine, tmp_path, capfd):
    folder, out = archive_folder(journal_path(mine[0].site.id)), tmp_path / "out"
    arguments = ["recompute", "--archive", folder, "--out", out, "--regime"]
    assert "'oshaa' is no regime" in say(capfd, *arguments, "oshaa", status=2)
    assert "no sealed day" in say(capfd, "recompute", "--archive", tmp_path, "--out", out, "--regime", "eu", status=2)
    assert "--max-hold 0: expected" in say(capfd, *arguments, "eu", "--max-hold", 0, status=2)
    if importlib.util.find_spec("distributed") is None:
        told = say(capfd, *arguments, "eu", "--scheduler", "tcp://127.0.0.1:1", status=1)
        assert told == "--scheduler needs Dask; expected `pip install distributed`, or none\n"
    assert not out.exists() or not list(out.iterdir())


def test_a_cluster_gives_the_same_rows(mine, tmp_path, capfd, monkeypatch):
    """The client of a scheduler stands for a cluster: each part and its rows travel as bytes."""
    import pickle
    import sys
    import types

    def carried(thing):
        return pickle.loads(pickle.dumps(thing))

    class Future:
        def __init__(self, rows):
            self._rows = rows

        def result(self):
            return pickle.loads(self._rows)

    class Client:
        def __init__(self, address, timeout):
            if address != "tcp://here":
                raise OSError("nobody there")

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def map(self, work, parts, pure):
            return [Future(pickle.dumps(carried(work)(carried(part)))) for part in parts]

    folder = archive_folder(journal_path(mine[0].site.id))
    arguments = ["recompute", "--archive", folder, "--regime", "osha", "--out"]
    say(capfd, *arguments, tmp_path / "a")
    monkeypatch.setitem(sys.modules, "distributed", types.SimpleNamespace(Client=Client))
    say(capfd, *arguments, tmp_path / "b", "--scheduler", "tcp://here")
    assert (tmp_path / "a" / "results.csv").read_bytes() == (tmp_path / "b" / "results.csv").read_bytes()
    assert "nobody there" in say(capfd, *arguments, tmp_path / "c", "--scheduler", "tcp://gone", status=1)
