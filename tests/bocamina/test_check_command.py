"""`bocamina check` as a person meets it: lines, statuses, remarks."""

import json
from pathlib import Path

import pytest

from bocamina.cli import run
from bocamina.site_file import load_site

SITES = Path(__file__).parents[2] / "deploy" / "sites"

BARE = """
[site]
id = "x"
name = "X"
[[zones]]
id = "portal-1"
name = "Portal"
kind = "portal"
[[zones]]
id = "frente-1"
name = "Frente"
kind = "face"
[[zones]]
id = "taller"
name = "Taller"
kind = "workshop"
[[sources]]
id = "nodes"
kind = "mqtt"
topic = "sensors/+/senml"
format = "senml-json"
[[sources]]
id = "idle"
kind = "serial"
port = "/dev/ttyUSB0"
driver = "winsen-ze03"
[[sensors]]
id = "pm10-1"
zone = "frente-1"
quantity = "pm10"
source = "nodes"
channel = "node1/pm2_5"
[[sensors]]
id = "dust-1"
zone = "frente-1"
quantity = "c3h4o"
source = "nodes"
channel = "node1/c3h4o"
[[sensors]]
id = "ch2o-1"
zone = "frente-1"
quantity = "ch2o"
source = "nodes"
channel = "node1/ch2o"
full_scale = 5
resolution = 0.2
[[actuators]]
id = "fan-1"
kind = "fan"
zones = ["frente-1"]
mode = "blowing"
proof_s = 300
"""


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    path = tmp_path / "bare.toml"
    path.write_text(BARE)
    return path


def test_a_right_file_is_ok_with_remarks(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(SITES / "example.toml")]) == 0
    *remarks, last = capsys.readouterr().out.splitlines()
    assert last == "ok: orex-01: 7 zones, 10 sensors, 3 actuators"
    assert remarks
    assert all(line.startswith("remark: ") for line in remarks)


def test_what_a_file_leaves_open_is_remarked(bare: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(bare)]) == 0
    remarks = [line.removeprefix("remark: ") for line in capsys.readouterr().out.splitlines()[:-1]]
    assert remarks == [
        "zones[1]: no way out of 'frente-1': no connection leads from it to a portal",
        "zones[1]: 'frente-1' has no sensor of co, no2, o2: it never counts as protected",
        "sensors: no limit for pm10 in peru (pm10-1)",
        "sensors[0].full_scale: 'pm10-1' does not state its full scale; 1000 ug/m3, usual for it, is assumed",
        "sensors[1].full_scale: 'dust-1' does not state its full scale; gaps leave its exposure open",
        "sensors[2]: 'ch2o-1' shows steps of 0.2 ppm, too coarse for peru CEILING 0.3: these stay indeterminate",
        "sensors: no calibration.date of dust-1, ch2o-1: nobody is told when it is overdue",
        "sources[1]: no sensor reads 'idle'",
        "sensors[0].channel: 'node1/pm2_5' is taken as 'pm10'",
        "actuators[0]: no feedback for fan 'fan-1': no sensor with role fan_proof in its zones",
        "actuators[0]: nobody watches the air that fan 'fan-1' blows in: no sensor with role intake_guard",
        "actuators[0].proof_s: 300 s is long to wait for air; up to 120 is usual",
        "zones[1]: no siren serves 'frente-1'",
        "people: fewer than two may sign (officer, supervisor, admin); an all clear needs two",
        "people: nobody has a notify address; alarms reach only the siren and the screen",
    ]


def test_rungs_that_a_sensor_cannot_show_or_resolve_are_remarked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "site.toml"
    co = '[[sensors]]\nid = "co-1"\nzone = "frente-1"\nquantity = "co"\nsource = "nodes"\nchannel = "node2/co"\n'
    path.write_text(BARE + co + "full_scale = 150\nresolution = 5\n")
    assert run(["check", str(path)]) == 0
    output = capsys.readouterr().out
    assert "remark: sensors[3]: 'co-1': level evacuate 200 ppm (inst) lies at or above its full scale 150" in output
    assert "remark: sensors[3]: 'co-1': level notice 12.5 ppm (15min) is less than three of its steps of 5" in output


def test_modbus_is_a_kind_of_source_and_no_serial_driver(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "site.toml"
    path.write_text(BARE.replace("winsen-ze03", "modbus"))
    assert run(["check", str(path)]) == 2
    assert "sources[1].driver: 'modbus' is a kind of source; expected kind = \"modbus\"" in capsys.readouterr().err


def test_a_second_way_out_silences_the_remark_about_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = BARE + '[[zones]]\nid = "p2"\nname = "P2"\nkind = "portal"\n'
    path = tmp_path / "site.toml"
    text += '[[connections]]\nfrom = "portal-1"\nto = "frente-1"\nlength_m = 9\n'
    path.write_text(text)
    run(["check", str(path)])
    assert "zones: only one way out of frente-1" in capsys.readouterr().out
    path.write_text(text + '[[connections]]\nfrom = "p2"\nto = "frente-1"\nlength_m = 9\n')
    run(["check", str(path)])
    assert "way out" not in capsys.readouterr().out


def test_a_mine_without_a_portal_has_no_way_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "site.toml"
    path.write_text(BARE.replace('kind = "portal"', 'kind = "gallery"'))
    assert run(["check", str(path)]) == 0
    assert "remark: zones: none is a portal" in capsys.readouterr().out


def test_problems_go_to_standard_error_one_a_line(bare: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bare.write_text(BARE.replace('zone = "frente-1"\nquantity = "pm10"', 'zone = "frente"\nquantity = "pm"'))
    assert run(["check", str(bare)]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert [line.split(":")[0] for line in output.err.splitlines()] == ["sensors[0].zone", "sensors[0].quantity"]


def test_json(bare: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(bare), "--json"]) == 0
    good = json.loads(capsys.readouterr().out)
    assert (good["ok"], good["site"], good["problems"]) == (True, "x", [])
    bare.write_text("[site]\n")
    assert run(["check", str(bare), "--json"]) == 2
    output = capsys.readouterr()
    bad = json.loads(output.out)
    assert output.err.splitlines() == bad["problems"], "errors go to standard error, whatever is printed beside"
    assert bad["ok"] is False
    assert bad["problems"] == [
        "site.id: missing; this key is needed here",
        "site.name: missing; this key is needed here",
    ]


def test_a_missing_file_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "/no/such/site.toml"]) == 2
    assert capsys.readouterr().err == (
        "/no/such/site.toml: cannot be read (No such file or directory); expected a site file in TOML\n"
    )


@pytest.mark.parametrize("text", ["", "\n# nothing yet\n"])
def test_an_empty_file_is_named(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "empty.toml"
    path.write_text(text)
    assert run(["check", str(path)]) == 2
    assert capsys.readouterr().err == (
        f"{path}: empty; expected a site file in TOML, with [site], [[zones]] and the rest\n"
    )


def calibrated(tmp_path: Path, keys: str) -> str:
    path = tmp_path / "calibrated.toml"
    path.write_text(BARE.replace("full_scale = 5\n", f"full_scale = 5\n{keys}\n"))
    return str(path)


def test_a_calibration_of_the_future_is_an_error_for_a_person_and_not_for_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = calibrated(tmp_path, "calibration = { date = 2999-01-01 }")
    assert run(["check", path]) == 2
    (problem,) = capsys.readouterr().err.splitlines()
    assert "sensors[2].calibration.date: '2999-01-01' lies in the future; expected the day of the last" in problem
    assert load_site(path)  # a gateway whose clock woke in the past must watch all the same


@pytest.mark.parametrize("days", ["0", "367", '"90"', "90.5"])
def test_how_long_a_calibration_is_trusted_has_bounds(
    tmp_path: Path, days: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", calibrated(tmp_path, f"calibration_days = {days}")]) == 2
    (problem,) = capsys.readouterr().err.splitlines()
    assert "sensors[2].calibration_days" in problem


def test_a_dated_calibration_is_no_remark(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", calibrated(tmp_path, "calibration = { date = 2026-01-01 }\ncalibration_days = 120")]) == 0
    assert "no calibration.date of dust-1: nobody is told" in capsys.readouterr().out
