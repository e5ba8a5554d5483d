"""What scripts and other programs rely on: every command as it is typed, right and wrong, against the interface."""

import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from bocamina.cli import run
from tests.end_to_end.mine import site_text

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def said(capfd: pytest.CaptureFixture[str], *arguments: object, status: int = 0) -> Any:
    """What a command prints with `--json`: one document, or a list of the lines' documents."""
    capfd.readouterr()
    assert run([str(one) for one in arguments]) == status, capfd.readouterr().err
    output = capfd.readouterr()
    assert output.err == ""
    documents = [json.loads(line) for line in output.out.splitlines()]
    return documents[0] if len(documents) == 1 else documents


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """What people point a command at by mistake, and one right site file."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty").touch()
    (tmp_path / "image").write_bytes(b"\xff\xd8\xff\xe0\x00\x10JFIF" * 40)
    (tmp_path / "site.toml").write_text(site_text(1883))
    return tmp_path


@pytest.mark.parametrize("file", ["missing", "folder", "empty", "image"])
@pytest.mark.parametrize(
    "command",
    [
        "check FILE", "check FILE --json", "run FILE", "api FILE", "sim FILE", "export FILE",
        "user FILE ana --role officer", "exposure FILE", "exposure FILE --json",
        "replay FILE --site site.toml", "replay FILE --site site.toml --json",
        "replay site.toml --site FILE", "decode plantower-pms FILE", "formats senml-json FILE",
    ],
)  # fmt: skip
def test_a_wrong_file_is_a_sentence_and_never_a_traceback(files, capfd, monkeypatch, command, file) -> None:
    monkeypatch.setenv("BOCAMINA_DATA", str(files / "data"))
    monkeypatch.chdir(files)
    monkeypatch.setattr(sys, "stdin", io.StringIO("a-good-password\n"))
    status = run(command.replace("FILE", file).split())
    output = capfd.readouterr()
    read_as_bytes = command.startswith(("decode", "formats")) and file in {"empty", "image"}
    if read_as_bytes:  # whatever bytes are, they can be judged: no valid frame, no valid payload
        assert (status, output.err) == (1, "")
        return
    assert status == 2
    if command == "check FILE --json":
        assert json.loads(output.out)["ok"] is False
    else:
        assert output.out == ""
    assert output.err.count("\n") == 1, output.err
    assert output.err.endswith("\n")
    assert "fault in bocamina" not in output.err
    assert "Traceback" not in output.err


@pytest.mark.parametrize(
    "command",
    [
        "", "--nope", "nope", "decode", "decode nope", "decode plantower-pms --nope", "decode plantower-pms a b",
        "decode winsen-ze03 --request zz", "formats nope", "formats senml-json --now x", "limits --regime nope",
        "limits --substance nope", "convert x --from ppm --to mg/m3 --substance co",
        "convert nan --from ppm --to mg/m3 --substance co", "convert 1 --from ppm --to mg/m3",
        "convert 1 --from ppm --to furlong --substance co", "convert 1 --from ppm --to mg/m3 --substance pm10",
        "convert 1 --from ppm --to mg/m3 --substance co --altitude 4000 --pressure 600", "replay x.csv",
        "export site.toml --what nope", "export site.toml --format nope", "export site.toml --start nope",
        "export site.toml --start 2026-01-01T00:00:00Z --end 2025-01-01T00:00:00Z", "sim site.toml --scenario nope",
        "user site.toml ana --role miner", "user site.toml ana", "api site.toml --port 70000",
    ],
)  # fmt: skip
def test_wrong_use_is_status_2_with_nothing_on_standard_output(files, capfd, monkeypatch, command) -> None:
    monkeypatch.setenv("BOCAMINA_DATA", str(files / "data"))
    monkeypatch.chdir(files)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert run(command.split()) == 2
    output = capfd.readouterr()
    assert output.out == ""
    assert output.err
    assert "Traceback" not in output.err
    assert "fault in bocamina" not in output.err


def test_plantower_and_winsen_frames(capfd, tmp_path) -> None:
    words = [10, 12, 15, 9, 11, 14, 1200, 300, 80, 10, 5, 2, 0x9700]
    body = b"BM\x00\x1c" + b"".join(word.to_bytes(2, "big") for word in words)
    file = tmp_path / "frames"
    file.write_bytes(body + sum(body).to_bytes(2, "big") + b"BM\x00\x1c\x01")
    frame, rest = said(capfd, "decode", "plantower-pms", file, "--json")
    values = {reading["quantity"]: reading["value"] for reading in frame["readings"]}
    assert (frame["offset"], frame["length"]) == (0, 32)
    assert [values[name] for name in ("pm1", "pm2_5", "pm10")] == [9.0, 11.0, 14.0], "the atmospheric columns"
    assert [values[f"{name}_cf1"] for name in ("pm1", "pm2_5", "pm10")] == [10.0, 12.0, 15.0]
    assert set(frame["readings"][0]) == {"quantity", "value", "unit", "quality"}
    assert (rest["offset"], rest["length"], rest["error"], set(rest)) == (
        32, 5, "truncated", {"offset", "length", "error", "detail"},
    )  # fmt: skip
    file.write_text("FF 04 03 00\n00 19 03 E8 F5\n")
    assert said(capfd, "decode", "winsen-ze03", file, "--hex", "--json") == {
        "offset": 0, "length": 9,
        "readings": [{"quantity": "co", "value": 25.0, "unit": "ppm", "quality": "good"}],
    }  # fmt: skip


SENML = {  # RFC 8428, 5.1.1 to 5.1.4: the pack, and (end of name, value, unit, time) of each record
    '[{"n":"urn:dev:ow:10e2073a01080063","u":"Cel","v":23.1}]': [("01080063", 23.1, "Cel", None)],
    '[{"bn":"urn:dev:ow:10e2073a01080063:","n":"voltage","u":"V","v":120.1},{"n":"current","u":"A","v":1.2}]': [
        (":voltage", 120.1, "V", None), (":current", 1.2, "A", None),
    ],
    '[{"bn":"urn:dev:ow:10e2073a0108006:","bt":1.276020076001e+09,"bu":"A","bver":5,"n":"voltage","u":"V","v":120.1},'
    '{"n":"current","t":-5,"v":1.2},{"n":"current","v":1.7}]': [
        (":voltage", 120.1, "V", 1276020076.001), (":current", 1.2, "A", 1276020071.001),
        (":current", 1.7, "A", 1276020076.001),
    ],
    '[{"bn":"node7/","n":"temperature","u":"Cel","v":3},{"n":"ch4","u":"/100","v":0.5},'
    '{"n":"pressure","u":"Pa","v":101325,"t":-2}]': [
        ("node7/temperature", 3.0, "degC", None), ("node7/ch4", 0.5, "%vol", None),
        ("node7/pressure", 1013.25, "hPa", 1299999998.0),
    ],
}  # fmt: skip


@pytest.mark.parametrize("pack", SENML)
def test_senml(capfd, tmp_path, pack) -> None:
    file = tmp_path / "pack"
    file.write_text(pack)
    readings = said(capfd, "formats", "senml-json", file, "--json", "--now", "1300000000")["readings"]
    assert all(set(one) == {"node", "name", "quantity", "value", "unit", "time"} for one in readings)
    for one, (name, value, unit, at) in zip(readings, SENML[pack], strict=True):
        assert one["name"].endswith(name)
        assert (one["value"], one["unit"], one["time"]) == (value, unit, at)
    file.write_text('{"n":"co"}')
    assert set(said(capfd, "formats", "senml-json", file, "--json", status=1)) == {"error", "detail"}


def test_exposure_of_a_twelve_hour_shift(capfd, tmp_path) -> None:
    """Vectors 1 and 2 of the limits reference: 2 h at 30, 4 h at 10 and 6 h at 20 ppm of CO."""
    file = tmp_path / "shift.csv"
    file.write_text("duration_s,substance,value,unit\n7200,co,30,ppm\n14400,co,10,ppm\n21600,co,20,ppm\n")
    document = said(
        capfd, "exposure", file, "--regime", "peru", "--regime", "osha", "--regime", "niosh", "--shift-hours", "12",
        "--json",
    )  # fmt: skip
    assert set(document) == {"substances", "mixture"}
    co = document["substances"]["co"]
    assert set(co) >= {
        "unit", "samples", "covered_s", "gap_s", "mean", "e8", "mean_shift", "rolling_8h_max", "stel_max", "peak",
        "limits",
    }  # fmt: skip
    assert (co["unit"], co["samples"], co["covered_s"], co["gap_s"]) == ("ppm", 3, 43200, 0)
    assert (co["e8"], co["mean_shift"]) == (pytest.approx(27.5), pytest.approx(55 / 3))
    rows = {(row["regime"], row["method"]): row for row in co["limits"]}
    assert set(rows["peru", "e8"]) >= {
        "regime", "kind", "method", "averaging_minutes", "limit", "base_limit", "value", "low", "high", "coverage",
        "fraction", "verdict", "source", "confidence",
    }  # fmt: skip
    assert (rows["peru", "e8"]["limit"], rows["peru", "brief_scala"]["limit"]) == (25.0, 12.5)
    assert (rows["osha", "e8"]["verdict"], rows["peru", "brief_scala"]["verdict"]) == ("compliant", "exceeded")
    assert ("niosh", "niosh_10h") in rows


def test_every_limit_has_its_source_and_the_canonical_unit(capfd) -> None:
    (rows,) = [said(capfd, "limits", "--json")]
    keys = {"regime", "substance", "kind", "averaging_minutes", "value", "unit", "source", "confidence"}
    assert all(keys <= set(row) and row["source"] and row["confidence"] in {"V", "M"} for row in rows)
    assert {row["regime"] for row in rows} == {"peru", "acgih", "niosh", "osha", "msha", "msha_legacy", "eu"}
    assert {row["kind"] for row in rows} <= {"TWA", "STEL", "CEILING", "IDLH", "MIN", "MAX", "ACTION"}
    units = {row["substance"]: row["unit"] for row in rows}
    assert [units[name] for name in ("co", "hg", "silica_respirable", "o2", "ch4")] == [
        "ppm", "ug/m3", "mg/m3", "%vol", "%vol",
    ]  # fmt: skip
    assert next(row["value"] for row in rows if (row["regime"], row["substance"]) == ("peru", "hg")) == 25.0


def test_replay_answers_alike_twice(capfd, files) -> None:
    record = files / "record.csv"
    values = ((second, 900 if second > 20 else 0) for second in range(60))
    rows = "".join(f"2026-11-23T07:00:{second:02d}.000Z,co-frente-1,{value}\n" for second, value in values)
    record.write_text(f"time,sensor,value\n{rows}2026-11-23T07:00:59Z,nobody,1\n")
    first, again = (said(capfd, "replay", record, "--site", files / "site.toml", "--json") for _ in range(2))
    assert set(first) == {"readings", "rejected", "exposures", "alarms", "commands", "seconds"}
    assert {**first, "seconds": 0} == {**again, "seconds": 0}
    assert (first["readings"], first["rejected"]) == (60, 1)
    alarm = next(one for one in first["alarms"] if one["alarm"] == "co-frente-1.level")
    assert set(alarm) == {"time", "alarm", "zone", "sensor", "condition", "priority", "transition"}
    assert (alarm["condition"], alarm["priority"], alarm["transition"]) == ("level", "evacuate", "normal>unack")
    assert RFC3339.fullmatch(alarm["time"])
