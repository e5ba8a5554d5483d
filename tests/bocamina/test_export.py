"""`bocamina export`: what the history holds, as files; wrong use in one sentence each."""

import csv
import json
import subprocess
import sys
from io import BytesIO, StringIO
from pathlib import Path

import pytest

from bocamina.cli import run
from bocamina.site_file import load_site
from gateway.domain.moment import NO_TIME, Moment, parse_rfc3339
from gateway.domain.quality import Quality, Reason
from gateway.domain.quantities import unit_of
from gateway.stores.journal import Journal
from gateway.stores.packing import Outcome, Step
from gateway.stores.paths import data_folder, journal_path
from gateway.stores.rows import Kind, document_row, steps_row

SITE = Path(__file__).parents[2] / "deploy" / "sites" / "demo.toml"
T0 = parse_rfc3339("2026-11-23T07:00:00.000Z")
S = 1_000_000
NAN = float("nan")


@pytest.fixture
def site():
    return load_site(SITE)


@pytest.fixture
def journal(tmp_path, monkeypatch, site):
    monkeypatch.setenv("BOCAMINA_DATA", str(tmp_path / "data"))
    with Journal.open(journal_path(site.site.id)) as opened:
        opened.register_site("h", site, Moment(T0, T0))
        yield opened


def readings(*outcomes):
    return steps_row("h", [Step(Moment(T0, T0), [], outcomes)])


def exported(capfdbinary, *arguments):
    assert run(["export", str(SITE), *arguments]) == 0
    out, err = capfdbinary.readouterr()
    assert err == b""
    return out


def refused(capfd, status, *arguments):
    assert run(["export", *map(str, arguments)]) == status
    out, err = capfd.readouterr()
    assert out == ""
    assert "Traceback" not in err
    return err


def test_the_journal_of_a_site_lies_in_its_data_folder(tmp_path):
    assert data_folder({}) == data_folder({"BOCAMINA_DATA": ""}) == Path("data")
    assert data_folder({"BOCAMINA_DATA": "/srv/x"}) == Path("/srv/x")
    assert journal_path("orex-01", tmp_path) == tmp_path / "orex-01" / "journal.db"


def test_readings_as_csv_to_the_letter(journal, site, capfdbinary):
    first, second = site.sensors[0].id, site.sensors[1].id
    journal.append([
        readings(Outcome(0, 0, 0, 0, T0, 1.0, 30.5)),
        readings(
            Outcome(1, Quality.BAD, Reason.FAULT, 0, T0 + S, NAN, NAN), Outcome(0, 1, 1, 0, T0 + 1234000, 1.0, 1e3)
        ),
        readings(Outcome(0, Quality.LATE, Reason.BACKLOG, 1, NO_TIME, 2.0, 2.0)),
    ])  # fmt: skip
    lines = exported(capfdbinary).decode().splitlines()
    rows = list(csv.reader(lines))
    assert rows[0] == ["time", "sensor", "value", "unit", "quality", "reason"]
    assert rows[1][:3] + rows[1][4:] == ["", first, "2.0", "late", "backlog"]
    assert rows[2][:3] + rows[2][4:] == ["2026-11-23T07:00:00.000Z", first, "30.5", "good", ""]
    assert rows[3][:3] + rows[3][4:] == ["2026-11-23T07:00:01.000Z", second, "", "bad", "fault"]
    assert rows[4][:3] + rows[4][4:] == ["2026-11-23T07:00:01.234Z", first, "1000.0", "uncertain", "over_range"]
    assert rows[2][3] == unit_of(site.sensors[0].quantity)
    assert len(rows) == 5


def test_a_range_and_a_sensor(journal, site, capfdbinary):
    journal.append([readings(*(Outcome(i % 2, 0, 0, 0, T0 + i * S, 0.0, float(i)) for i in range(20)))])
    span = ["--start", "2026-11-23T07:00:04Z", "--end", "2026-11-23T02:00:10-05:00"]
    rows = list(csv.DictReader(StringIO(exported(capfdbinary, "--sensor", site.sensors[0].id, *span).decode())))
    assert [row["value"] for row in rows] == ["4.0", "6.0", "8.0"]


def test_the_other_extracts(journal, capfdbinary):
    at = Moment(T0, T0)
    journal.append([
        document_row(Kind.TRANSITION, at, {
            "alarm": "co-1.level", "occurrence": 3, "old": "normal", "new": "unack", "priority": "evacuate",
            "condition": "level", "zone": "frente-1", "sensor": "co-1", "value": 300.0, "limit": 200.0, "by": None,
            "comment": 'a, "b"',
            "reason": None, "drill": True,
        }),
        document_row(Kind.TRANSITION, at, {
            "alarm": "co-1.level", "occurrence": 4, "old": "normal", "new": "unack", "condition": "level",
        }),
        document_row(Kind.COMMAND, at, {
            "id": "fan-1/7", "actuator": "fan-1", "setpoint": 100.0, "reason": "demand", "expires_in_s": 30,
            "drill": True,
        }),
        document_row(Kind.VERDICT, at, {
            "sensor": "co-1", "zone": "frente-1", "quantity": "co", "regime": "peru", "kind": "STEL",
            "method": "rolling", "limit": 100.0, "value": 120.0, "low": 110.0, "high": None,
            "coverage": 0.95, "verdict": "exceeded",
        }),
        document_row(Kind.REQUEST, at, {"id": "r1", "action": "acknowledge", "by": "ana", "ok": True}),
    ])  # fmt: skip

    def rows(what):
        return list(csv.DictReader(StringIO(exported(capfdbinary, "--what", what).decode())))

    alarm, real = rows("alarms")
    assert list(alarm)[-2:] == ["reason", "drill"]
    assert (alarm["drill"], real["drill"]) == ("true", "false"), "an exercise is not counted among alarms"
    assert (alarm["time"], alarm["new"], alarm["priority"], alarm["comment"], alarm["by"]) == (
        "2026-11-23T07:00:00.000Z", "unack", "evacuate", 'a, "b"', "",
    )  # fmt: skip
    (command,) = rows("commands")
    assert (command["setpoint"], command["drill"], command["expires_in_s"]) == ("100.0", "true", "30")
    (verdict,) = rows("exposures")
    assert (verdict["verdict"], verdict["high"], verdict["coverage"]) == ("exceeded", "", "0.95")
    audit = rows("audit")
    assert [row["kind"] for row in audit] == ["transition", "transition", "command", "request"]
    assert audit[3]["by"] == "ana"
    assert json.loads(audit[3]["document"])["ok"] is True


@pytest.mark.parametrize("format_", ["parquet", "arrow"])
def test_binary_formats_hold_the_same_typed(journal, site, capfdbinary, tmp_path, monkeypatch, format_):
    import pyarrow as pa
    import pyarrow.parquet

    monkeypatch.setattr("bocamina.commands.export.BATCH", 7)
    values = [Outcome(0, 0, 0, 0, T0 + i, 0.0, float(i)) for i in range(20)]
    journal.append([readings(*values, Outcome(0, 2, 6, 0, T0 + 99, 0, NAN))])
    file = tmp_path / "out"
    piped = exported(capfdbinary, "--format", format_)
    assert exported(capfdbinary, "--format", format_, "--out", str(file)) == b""
    for data in (piped, file.read_bytes()):
        read = pyarrow.parquet.read_table if format_ == "parquet" else lambda file: pa.ipc.open_stream(file).read_all()
        table = read(BytesIO(data))
        assert table.column_names == ["time", "sensor", "value", "unit", "quality", "reason"]
        assert table.schema.field("time").type == pa.timestamp("us", "UTC")
        assert table["value"].to_pylist() == [float(i) for i in range(20)] + [None]
        assert [int(t.timestamp() * 1e6) - T0 for t in table["time"].to_pylist()][:3] == [0, 1, 2]
    assert list(tmp_path.glob("*.part")) == []


def test_it_works_while_the_gateway_writes_and_from_another_process(journal, tmp_path):
    journal.append([readings(Outcome(0, 0, 0, 0, T0, 1.0, 1.0))])
    done = subprocess.run(
        [sys.executable, "-m", "bocamina", "export", str(SITE)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (0, "", 2)


def test_an_empty_history_is_a_header(journal, capfdbinary):
    assert exported(capfdbinary) == b"time,sensor,value,unit,quality,reason\n"


def test_wrong_use_is_told_in_one_sentence_each(journal, capfd, tmp_path):
    assert "--what 'reading' is no extract" in refused(capfd, 2, SITE, "--what", "reading")
    assert "did you mean 'parquet'" in refused(capfd, 2, SITE, "--format", "parket")
    assert "one result a person and shift" in refused(capfd, 2, SITE, "--format", "expostats")
    assert "--sensor does not apply to commands" in refused(capfd, 2, SITE, "--what", "commands", "--sensor", "x")
    assert "in neither the site file nor the history" in refused(capfd, 2, SITE, "--sensor", "co-frente-99")
    backwards = refused(capfd, 2, SITE, "--start", "2026-11-23T07:00:00Z", "--end", "2026-11-23T07:00:00Z")
    assert "--end '2026-11-23T07:00:00Z' is not after --start" in backwards
    assert "--start '2026-11-23 07:00' is no time" in refused(capfd, 2, SITE, "--start", "2026-11-23 07:00")
    assert "--end 'soon' is no time" in refused(capfd, 2, SITE, "--end", "soon")
    assert len(refused(capfd, 2, SITE, "--what", "x", "--format", "y").splitlines()) == 2
    assert "there is no folder" in refused(capfd, 2, SITE, "--out", tmp_path / "nowhere" / "x.csv")
    assert f"--out {tmp_path} is a folder" in refused(capfd, 2, SITE, "--out", tmp_path)
    assert refused(capfd, 2, tmp_path / "no.toml") != ""


def test_a_site_without_a_journal_says_where_it_was_looked_for(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("BOCAMINA_DATA", str(tmp_path))
    assert "has no journal there; BOCAMINA_DATA names the data folder" in refused(capfd, 2, SITE)
