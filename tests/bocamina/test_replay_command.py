"""`bocamina replay`: a record through the real engine, to the letter of the interface."""

import csv
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from bocamina.cli import run
from bocamina.engine import Engine
from bocamina.site_file import load_site, site_hash
from gateway.domain.events import Pack, Sample, Started, Tick
from gateway.domain.moment import SECOND_US, Moment, parse_rfc3339, rfc3339
from gateway.exposure.compiler import is_compiled
from gateway.stores.journal import Journal
from gateway.stores.packing import Step
from gateway.stores.rows import TRIMMED, Kind, document_row, steps_row
from tests.end_to_end.mine import site_text

T0 = parse_rfc3339("2026-11-23T07:00:00.000Z")
OTHER_FILE = "not all of it was recorded under {} as it is now"


@pytest.fixture
def site(tmp_path):
    path = tmp_path / "site.toml"
    path.write_text(site_text(1883))
    return path


@pytest.fixture
def replay(site, tmp_path, capfd):
    """Replays rows of (second, sensor, value[, quality]) or a file; the printed document."""

    def replays(rows, *options, remark=None):
        file = rows if not isinstance(rows, list) else written(tmp_path / "record.csv", rows)
        status = run(["replay", str(file), "--site", str(site), "--json", *map(str, options)])
        out, err = capfd.readouterr()
        said = f"remark: {file}: {remark}: the live run may have decided otherwise\n" if remark else ""
        assert (status, err) == (0, said)
        return json.loads(out)

    return replays


def written(path, rows):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["time", "sensor", "value", "quality"])
        for second, sensor, value, *quality in rows:
            writer.writerow([at(second), sensor, value, *(quality or ["good"])])
    return path


def at(second: float) -> str:
    return rfc3339(T0 + round(second * SECOND_US))


def calm(seconds, *sensors, start=0):
    clean = {"co-frente-1": 2.0, "no2-frente-1": 0.1, "v-fan-1": 0.6}
    return [(s, sensor, value) for s in range(start, start + seconds) for sensor, value in clean.items()
            if not sensors or sensor in sensors]  # fmt: skip


GAS = [*calm(20), *((20 + s, "co-frente-1", 500.0) for s in range(20)), *calm(20, "co-frente-1", start=40)]


def raised(result, alarm):
    return [a for a in result["alarms"] if a["alarm"] == alarm]


def test_what_it_prints_is_the_interfaces_document(replay) -> None:
    result = replay(GAS)
    assert list(result) == ["readings", "rejected", "exposures", "alarms", "commands", "seconds"]
    assert (result["readings"], result["rejected"]) == (100, 0)
    assert isinstance(result["seconds"], float)
    for alarm in result["alarms"]:
        assert set(alarm) == {"time", "alarm", "zone", "sensor", "condition", "priority", "transition"}
        assert alarm["time"].endswith("Z")
        assert ">" in alarm["transition"]
    level = raised(result, "co-frente-1.level")
    assert (level[0]["zone"], level[0]["sensor"], level[0]["condition"]) == ("frente-1", "co-frente-1", "level")
    assert level[0]["transition"] == "normal>unack"
    assert at(20) <= level[0]["time"] <= at(25), "within the ladder's on-delay"
    assert level[-1]["priority"] == "evacuate"
    sirens = [c for c in result["commands"] if c["actuator"] == "siren-1"]
    assert sirens[-1]["setpoint"] == "evacuate"
    assert {"id", "setpoint", "reason", "issued", "expires", "expires_in_s", "drill"} <= set(sirens[-1])


def test_clean_air_raises_nothing_but_what_is_missing(replay) -> None:
    assert [a for a in replay(calm(25))["alarms"] if a["condition"] in {"level", "twa", "stel", "ceiling"}] == []


def test_two_replays_are_the_same_but_for_the_seconds(replay) -> None:
    assert {**replay(GAS), "seconds": 0} == {**replay(GAS), "seconds": 0}


def test_a_sensor_that_the_site_file_does_not_have_is_rejected_and_counted(replay) -> None:
    rows = [(second, "co-frente-9", 500.0) for second in range(10)]
    result = replay([*rows, *calm(5)])
    assert (result["readings"], result["rejected"]) == (15, 10)
    nothing = replay(rows)
    assert (nothing["readings"], nothing["rejected"], nothing["alarms"], nothing["commands"]) == (0, 10, [], [])


def test_a_sensor_that_the_record_lacks_falls_silent_and_alarms(replay) -> None:
    result = replay(calm(90, "co-frente-1", "v-fan-1"))
    (lost, *_) = raised(result, "no2-frente-1.comm_lost")
    assert at(30) <= lost["time"] <= at(60)
    assert not raised(result, "co-frente-1.comm_lost")


def test_time_ends_with_the_last_row_and_runs_on_until_it_is_told(replay) -> None:
    short = replay(calm(10))
    assert not raised(short, "co-frente-1.comm_lost")
    long = replay(calm(10), "--until", at(120))
    assert raised(long, "co-frente-1.comm_lost")
    assert max(a["time"] for a in long["alarms"]) <= at(120)
    earlier = replay(calm(10), "--until", at(-500))
    assert {**earlier, "seconds": 0} == {**short, "seconds": 0}, "an end before the last row cuts nothing off"


def test_an_obedient_siren_is_not_taken_for_silent_however_long_the_record(replay) -> None:
    """Actuators without recorded feedback are assumed to obey: a record has no heartbeat of theirs to miss."""
    rows = calm(200)
    assert not raised(replay(rows), "siren-1.siren_failed")
    assert raised(replay(rows, "--no-feedback"), "siren-1.siren_failed")


def test_a_tick_comes_after_the_rows_of_its_second(replay, monkeypatch) -> None:
    seen, step = [], Engine.step

    def watched(engine, now, events):
        seen.extend(((now.now_us - T0) / SECOND_US, type(event).__name__) for event in events)
        return step(engine, now, events)

    monkeypatch.setattr(Engine, "step", watched)
    replay([(0.0, "co-frente-1", 2.0), (0.9, "co-frente-1", 2.0), (1.0, "co-frente-1", 2.0), (3.0, "co-frente-1", 2.0)])
    assert [one for one in seen if one[1] in {"Pack", "Tick"}] == [
        (0.0, "Pack"), (0.0, "Tick"), (0.9, "Pack"), (1.0, "Pack"), (1.0, "Tick"), (2.0, "Tick"), (3.0, "Pack"),
        (3.0, "Tick"),
    ]  # fmt: skip


def test_the_order_of_sensors_within_a_second_does_not_matter(replay) -> None:
    rows = calm(5)
    shuffled = [row for second in range(5) for row in reversed(rows[3 * second : 3 * second + 3])]
    first, second = replay(rows), replay(shuffled)
    assert first["readings"] == second["readings"]
    assert first["alarms"] == second["alarms"]


def test_without_feedback_a_command_is_repeated_every_ten_seconds_with_a_new_id(replay) -> None:
    obeyed, deaf = replay(GAS), replay(GAS, "--no-feedback")
    fan = [c for c in deaf["commands"] if c["actuator"] == "fan-1"]
    assert len({c["id"] for c in fan}) == len(fan) >= 3
    assert {c["setpoint"] for c in fan} == {100.0}
    issued = [parse_rfc3339(c["issued"]) / SECOND_US for c in fan]
    assert all(9 <= b - a <= 11 for a, b in pairwise(issued))
    assert len([c for c in obeyed["commands"] if c["actuator"] == "fan-1"]) == 1


@pytest.mark.parametrize("value", ["", "nan", "inf", "-inf", "1e308", "-1e308"])
def test_a_missing_or_absurd_value_clears_nothing_and_is_no_gas(replay, value) -> None:
    gas = [(20 + s, "co-frente-1", 500.0) for s in range(10)]
    result = replay([*calm(20), *gas, *((30 + s, "co-frente-1", value) for s in range(40))])
    assert {a["transition"] for a in raised(result, "co-frente-1.level")} == {"normal>unack", "unack>unack"} or {
        a["transition"] for a in raised(result, "co-frente-1.level")
    } == {"normal>unack"}
    assert not raised(replay([*calm(5), *((5 + s, "co-frente-1", value) for s in range(10))]), "co-frente-1.level")


def test_rows_marked_late_are_history(replay) -> None:
    result = replay([*calm(10), *((10 + s, "co-frente-1", 500.0, "late") for s in range(20))])
    assert not raised(result, "co-frente-1.level")
    assert result["readings"] == 50


def test_a_record_that_lists_one_sensor_after_the_other_is_replayed_by_time(replay) -> None:
    by_time = [*calm(10), *((10 + s, "co-frente-1", 500.0) for s in range(10)), *calm(3, "no2-frente-1", start=20)]
    by_sensor = sorted(by_time, key=lambda row: row[1])
    assert by_sensor != by_time
    first, second = replay(by_time), replay(by_sensor)
    assert raised(first, "co-frente-1.level")
    assert second["alarms"] == first["alarms"]
    assert second["commands"] == first["commands"]


def test_bad_quality_rows_raise_the_sensors_own_alarm_and_no_gas_alarm(replay) -> None:
    result = replay([*calm(10), *((10 + s, "co-frente-1", 500.0, "bad") for s in range(60))])
    assert not raised(result, "co-frente-1.level")
    assert raised(result, "co-frente-1.comm_lost")


def test_parquet_is_the_same_record(replay, tmp_path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pa.table(
        {
            "time": pa.array(
                [datetime.fromtimestamp((T0 / SECOND_US) + row[0], UTC) for row in GAS], pa.timestamp("ms", "UTC")
            ),
            "sensor": [row[1] for row in GAS],
            "value": [row[2] for row in GAS],
        }
    )
    parquet.write_table(table, tmp_path / "record.parquet")
    assert {**replay(tmp_path / "record.parquet"), "seconds": 0} == {**replay(GAS), "seconds": 0}


def test_seconds_since_1970_are_times_too(replay, tmp_path) -> None:
    path = tmp_path / "unix.csv"
    rows = "".join(f"{T0 // SECOND_US + second},{sensor},{value}\n" for second, sensor, value in GAS)
    path.write_text(f"time,sensor,value\n{rows}")
    assert {**replay(path), "seconds": 0} == {**replay(GAS), "seconds": 0}


def lived(engine: Engine, seconds: int) -> list[Step]:
    """Twenty seconds of gas as the gateway would have journaled them."""
    steps = []
    for second in range(seconds):
        moment = Moment(T0 + second * SECOND_US + 7, T0 + second * SECOND_US)
        events = [Pack("nodes", "node7", (Sample(0, 500.0), Sample(1, 0.1), Sample(2, 0.6)), 1, second), Tick()]
        if not second:
            events.insert(0, Started("x", "test"))
        steps.append(Step(moment, events, engine.step(moment, events).rows))
    return steps


@pytest.fixture
def journal(site, tmp_path):
    path = tmp_path / "data" / "journal.db"
    model, name = load_site(site), site_hash(site)
    with Journal.open(path) as opened:
        opened.register_site(name, model, Moment(T0, T0))
        opened.append([steps_row(name, lived(Engine(model, name), 20))])
    return path


def test_a_journal_replays_in_its_own_order_and_ends_where_it_ends(replay, journal) -> None:
    result = replay(journal)
    assert (result["readings"], result["rejected"]) == (60, 0)
    assert raised(result, "co-frente-1.level")[-1]["priority"] == "evacuate"
    assert max(a["time"] for a in result["alarms"]) <= at(20), "it stops at the last committed event"


def test_a_journal_under_an_edited_site_file_goes_by_the_sensors_names(replay, journal, site) -> None:
    text = site.read_text()
    first = text.index("[[sensors]]")
    second = text.index("[[sensors]]", first + 1)
    third = text.index("[[sensors]]", second + 1)
    renamed = text[second:third].replace("no2-frente-1", "no2-new")
    site.write_text(text[:first] + renamed + text[first:second] + text[third:])
    result = replay(journal, remark=OTHER_FILE.format(site))
    assert (result["readings"], result["rejected"]) == (40, 20), "the renamed sensor's readings are nobody's"
    assert raised(result, "co-frente-1.level")[-1]["priority"] == "evacuate"


def test_readings_of_a_site_file_that_nobody_noted_are_rejected(replay, site, tmp_path) -> None:
    path = tmp_path / "journal.db"
    with Journal.open(path) as opened:
        opened.append([steps_row("lost", lived(Engine(load_site(site), "lost"), 3))])
    result = replay(path, remark=OTHER_FILE.format(site))
    assert (result["readings"], result["rejected"], result["alarms"]) == (0, 9, [])


def test_a_journal_under_a_site_file_that_changed_is_remarked(replay, journal, site) -> None:
    site.write_text(site.read_text() + "# another word\n")
    assert replay(journal, remark=OTHER_FILE.format(site))["readings"] == 60


def refused(capfd, *arguments):
    assert run(["replay", *map(str, arguments)]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err


def test_a_journal_of_another_site_is_refused(journal, site, capfd) -> None:
    site.write_text(site.read_text().replace("orex-01", "orex-02"))
    assert f"{journal}: a journal of site 'orex-01'; expected one of 'orex-02'" in refused(
        capfd, journal, "--site", site
    )


def test_of_a_journal_without_a_sites_id_a_sensor_in_common_decides(replay, site, tmp_path, capfd) -> None:
    for sensor in ("co-frente-1", "co-of-others"):
        path = tmp_path / f"{sensor}.db"
        with Journal.open(path) as opened:
            document = {"site_hash": "h", "sensors": [(sensor, "co", "z", "ppm")], "holds_s": [60.0]}
            opened.append([document_row(Kind.SITE, Moment(T0, T0), document)])
    replay(tmp_path / "co-frente-1.db", remark=OTHER_FILE.format(site))
    assert "co-of-others.db: has no sensor of site 'orex-01'" in refused(
        capfd, tmp_path / "co-of-others.db", "--site", site
    )


def test_until_is_not_for_a_journal_which_ends_where_it_ends(journal, site, capfd) -> None:
    assert f"--until: {journal} is a journal" in refused(capfd, journal, "--site", site, "--until", at(4000))


def test_out_that_can_be_no_folder_is_refused_before_the_work(site, tmp_path, capfd, monkeypatch) -> None:
    file = written(tmp_path / "r.csv", calm(2))
    monkeypatch.setattr(Engine, "warm_up", lambda: pytest.fail("the work has begun"))
    for out in (file, file / "below"):
        assert f"--out {out}: {file} is no folder" in refused(capfd, file, "--site", site, "--out", out)


@pytest.mark.parametrize("unit", ["mg/m3", "furlongs", "PPM"])
def test_a_record_in_another_unit_is_refused(site, tmp_path, capfd, unit) -> None:
    path = tmp_path / "record.csv"
    path.write_text(f"time,sensor,value,unit\n{at(0)},co-frente-1,1,ppm\n{at(1)},co-frente-1,1,{unit}\n")
    told = refused(capfd, path, "--site", site)
    assert told == f"{path}: line 3: unit {unit!r} is not that of co-frente-1; expected ppm\n"


def test_out_has_the_alarms_the_commands_and_the_verdicts(replay, tmp_path) -> None:
    out = tmp_path / "new" / "folder"
    result = replay([(second, "no2-frente-1", 15.0) for second in range(330)], "--out", out)
    tables = {
        name: list(csv.DictReader((out / f"{name}.csv").read_text().splitlines()))
        for name in ("alarms", "commands", "verdicts")
    }
    assert [row["alarm"] for row in tables["alarms"]] == [alarm["alarm"] for alarm in result["alarms"]]
    assert [row["id"] for row in tables["commands"]] == [command["id"] for command in result["commands"]]
    assert len(tables["verdicts"]) == result["exposures"] > 0
    (stel,) = [row for row in tables["verdicts"] if (row["kind"], row["verdict"]) == ("STEL", "exceeded")]
    assert (stel["sensor"], stel["regime"], float(stel["limit"])) == ("no2-frente-1", "peru", 5.0)
    assert float(stel["low"]) > 5.0, "15 ppm for 5 min of 15 already is more than 5 ppm"


def test_for_people_it_prints_a_line_an_alarm(site, tmp_path, capfd) -> None:
    assert run(["replay", str(written(tmp_path / "r.csv", GAS)), "--site", str(site)]) == 0
    out = capfd.readouterr().out
    assert "co-frente-1.level  normal>unack" in out


HEAD = "time,sensor,value\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("time,value\n1,2\n", "no column sensor"),
        (HEAD + "2026-11-23T07:00:00,co-frente-1,1\n", "line 2"),
        (HEAD + f"{T0 // SECOND_US},co-frente-1,1\nyesterday,co-frente-1,1\n", "line 3"),
        (HEAD + f"{T0 // SECOND_US},co-frente-1,much\n", "'much'"),
        (HEAD + "-5,co-frente-1,1\n", "time"),
        (HEAD + "1e300,co-frente-1,1\n", "time"),
        ("time,sensor,value,quality\n" + f"{T0 // SECOND_US},co-frente-1,1,fine\n", "good"),
        (HEAD + f"{T0 // SECOND_US},{'x' * 200_000},1\n", "line"),
    ],
)
def test_a_bad_row_is_one_sentence(site, tmp_path, capfd, text, words) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    assert run(["replay", str(path), "--site", str(site), "--json"]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert str(path) in err
    assert words in err
    assert "fault in bocamina" not in err


@pytest.mark.parametrize("name", ["missing.csv", "."])
def test_a_file_that_is_none_is_one_sentence(site, tmp_path, capfd, name) -> None:
    assert run(["replay", str(tmp_path / name), "--site", str(site)]) == 2
    assert capfd.readouterr().err.count("\n") == 1


def test_a_wrong_until_is_one_sentence(site, tmp_path, capfd) -> None:
    path = written(tmp_path / "r.csv", calm(2))
    assert run(["replay", str(path), "--site", str(site), "--until", "tomorrow"]) == 2
    assert "--until" in capfd.readouterr().err


def test_a_database_that_is_no_journal_is_one_sentence(site, tmp_path, capfd) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(b"SQLite format 3\x00" + b"\x00" * 500)
    assert run(["replay", str(path), "--site", str(site)]) in {1, 2}
    err = capfd.readouterr().err
    assert err.count("\n") == 1
    assert "fault in bocamina" not in err


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_what_export_writes_is_a_record_to_replay(replay, journal, site, tmp_path, monkeypatch, capfd, kind) -> None:
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    folder = tmp_path / "data" / "orex-01"
    folder.mkdir()
    (tmp_path / "data" / "journal.db").rename(folder / "journal.db")
    monkeypatch.setenv("BOCAMINA_DATA", str(tmp_path / "data"))
    file = tmp_path / f"readings.{kind}"
    assert run(["export", str(site), "--format", kind, "--out", str(file)]) == 0
    capfd.readouterr()
    result = replay(file)
    assert (result["readings"], result["rejected"]) == (60, 0)
    assert raised(result, "co-frente-1.level")[-1]["priority"] == "evacuate"


def test_what_a_journal_lacks_is_told(journal, site, capfd) -> None:
    with Journal.open(journal) as opened:
        for notice in ({"what": TRIMMED, "kind": "steps"}, {"what": "journal_overflow"}, {"what": "other"}):
            opened.append([document_row(Kind.NOTICE, Moment(T0 * 2, T0), notice)])
    with closing(sqlite3.connect(journal)) as raw, raw:
        raw.execute("UPDATE rows SET crc = crc + 1 WHERE kind = 0")
    assert run(["replay", str(journal), "--site", str(site), "--json"]) == 0
    out, err = capfd.readouterr()
    assert json.loads(out)["readings"] == 0
    lacks = ("1 damaged rows are left out", "its oldest readings have left it for the archive",
             "readings were refused while the disk was full")  # fmt: skip
    assert err.splitlines() == [
        f"remark: {journal}: {lack}: the live run may have decided otherwise" for lack in lacks
    ]


BROKEN = """
import sys
from numba.core.dispatcher import Dispatcher
def broken(self, signature): raise RuntimeError("no LLVM for this processor")
Dispatcher.compile = broken
from bocamina.cli import run
sys.exit(run(sys.argv[1:]))
"""


@pytest.mark.skipif(not is_compiled(), reason="numba does not compile here anyway")
def test_where_numba_cannot_compile_the_same_is_decided(replay, site, tmp_path) -> None:
    """Every event failed then, the status was 0 and no alarm was in the answer."""
    record = written(tmp_path / "record.csv", GAS)
    done = subprocess.run(
        [sys.executable, "-c", BROKEN, "replay", str(record), "--site", str(site), "--json"],
        capture_output=True, text=True, timeout=100, check=True,
    )  # fmt: skip
    assert {**json.loads(done.stdout), "seconds": 0} == {**replay(record), "seconds": 0}
    assert "do not compile here (no LLVM for this processor)" in done.stderr
    assert "Traceback" not in done.stderr
