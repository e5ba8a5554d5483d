"""`bocamina scan` on an emulated RS-485 line: what is there, and an entry that a site file takes."""

import errno
import json
from pathlib import Path

import pytest

from bocamina.cli import run
from bocamina.site_file import parse_site
from tests.fixtures.modbus_line import SlaveLine

HEAD = """
[site]
id = "x"
name = "X"
[[zones]]
id = "frente-1"
name = "Frente"
kind = "face"
"""
FAST = ["--addresses", "1-8", "--timeout", "0.03", "--baud", "9600", "--parity", "N"]


@pytest.fixture
def line(tmp_path: Path):
    made = SlaveLine(
        tmp_path / "rs485",
        {2: "honeywell-xnx", 5: "senseair-s8", 7: "renke-rs-fs"},
        {"gas": 25.0, "co2": 900.0, "air_velocity": 1.5},
    )
    yield made
    made.close()


def test_every_device_is_found_and_suggested(line: SlaveLine, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["scan", str(line.port), *FAST]) == 0
    out, err = capsys.readouterr()
    assert err == "", "no progress in a pipe"
    assert "# address 2 at 9600 8N1: Honeywell XNX universal transmitter, by its own word" in out
    assert 'map = "senseair-s8"' in out
    assert "25 ppm now, good" in out
    assert "it does not name itself" in out
    filled = out.replace('"…"  # what', '"co"  # what').replace("…", "frente-1")
    loaded = parse_site((HEAD + filled).encode())
    assert [(source.map, source.address) for source in loaded.sources][:2] == [("honeywell-xnx", 2), ("senseair-s8", 5)]


def test_json(line: SlaveLine, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["scan", str(line.port), *FAST, "--json"]) == 0
    found = [json.loads(row) for row in capsys.readouterr().out.splitlines()]
    assert [device["address"] for device in found] == [2, 5, 7]
    assert found[0] == {"address": 2, "baud": 9600, "parity": "N", "identified": True, "garbled": False,
                        "maps": ["honeywell-xnx"]}  # fmt: skip
    assert "renke-rs-fs" in found[2]["maps"]


def test_damaged_answers_are_told_as_such(line: SlaveLine, capsys: pytest.CaptureFixture[str]) -> None:
    line.fault("checksum")
    assert run(["scan", str(line.port), *FAST]) == 1
    out, err = capsys.readouterr()
    assert "address 2 at 9600 8N1: an answer that cannot be read" in out
    assert "no device answers" in err


def test_an_empty_line_is_status_1_and_one_sentence(line: SlaveLine, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["scan", str(line.port), *FAST, "--addresses", "3-4"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "no device answers at 3-4 (9600 8N1" in err


def test_a_port_that_is_there_and_fails_is_no_wrong_use(
    line: SlaveLine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def busy(*_: object, **_settings: object) -> None:
        raise OSError(errno.EBUSY, "Device or resource busy")

    monkeypatch.setattr("gateway.transports.port.serial.Serial", busy)
    assert run(["scan", str(line.port), *FAST]) == 1
    assert "another program has it open" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["/no/such/port"], 2, ["/no/such/port", "not there"]),
        (["no-such-port"], 2, ["no-such-port", "not there"]),
        (["./folder"], 2, ["./folder", "a folder, no serial port"]),
        (["folder"], 2, ["serial port folder: is a folder here", "/dev/serial/by-id"]),
        (["./file"], 2, ["./file", "no serial port"]),
        (["/dev/null"], 2, ["/dev/null", "no serial port"]),
        (["x", "--addresses", "0-9"], 2, ["--addresses 0-9", "1 to 247"]),
        (["x", "--addresses", "9-1"], 2, ["--addresses 9-1"]),
        (["x", "--addresses", "a"], 2, ["--addresses a"]),
        (["x", "--map", "xnx"], 2, ["'xnx' is no register map"]),
        (["x", "--parity", "M"], 2, ["--parity M"]),
        (["x", "--timeout", "0"], 2, ["--timeout 0"]),
        (["x", "--baud", "0"], 2, ["--baud 0"]),
    ],
)
def test_wrong_use_is_one_sentence(
    arguments: list[str], status: int, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("file").touch()
    assert run(["scan", *arguments]) == status
    _, err = capsys.readouterr()
    assert err.count("\n") == 1
    for word in words:
        assert word in err
