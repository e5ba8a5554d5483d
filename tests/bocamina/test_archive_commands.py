"""`seal`, `sync`, `import` and the gateway's own sealing, as people and the gateway use them."""

import json
import sys
from pathlib import Path

import pytest

from bocamina import sealer
from bocamina.cli import run
from bocamina.sealer import Sealer
from bocamina.site_file import load_site
from gateway.domain.moment import Moment, parse_rfc3339
from gateway.stores.journal import Journal
from gateway.stores.packing import Outcome, Step
from gateway.stores.paths import journal_path
from gateway.stores.rows import Kind, document_row, steps_row
from tests.fixtures.waiting import wait_for

SITE = Path(__file__).parents[2] / "deploy" / "sites" / "demo.toml"
T0 = parse_rfc3339("2025-11-23T07:00:00.000Z")
S = 1_000_000


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A data folder with two days of the demo site."""
    monkeypatch.setenv("BOCAMINA_DATA", str(tmp_path / "mine"))
    site = load_site(SITE)
    with Journal.open(journal_path(site.site.id)) as journal:
        journal.register_site("h", site, Moment(T0, T0))
        outcomes = [Outcome(i % 2, 0, 0, 0, T0 + i * 60 * S, i / 10, i / 10) for i in range(2000)]
        journal.append([steps_row("h", [Step(Moment(T0, T0), [], outcomes)])])
    return site


def say(capfd, *arguments, status=0):
    assert run([str(one) for one in arguments]) == status
    out, err = capfd.readouterr()
    assert "Traceback" not in err
    return out + err


def test_seal_verify_and_seal_again(mine, capfd):
    before = say(capfd, "export", SITE)
    assert "nothing was compared" in say(capfd, "seal", SITE, "--verify", status=2)
    assert json.loads(say(capfd, "seal", SITE, "--json"))["days"] == ["2025-11-23", "2025-11-24"]
    assert say(capfd, "export", SITE) == before
    assert say(capfd, "seal", SITE, "--verify") == "2 days compared\n"
    assert say(capfd, "seal", SITE) == "0 readings: 0 days sealed, 0 not over yet\n"
    file = next(journal_path(mine.site.id).with_name("archive").rglob("readings-*.parquet"))
    file.write_bytes(b"PAR1")
    assert "SHA-256 differs" in say(capfd, "seal", SITE, "--verify", status=1)


def test_seal_says_what_it_lacks(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("BOCAMINA_DATA", str(tmp_path))
    assert "has no journal there" in say(capfd, "seal", SITE, status=2)
    missing = say(capfd, "seal", SITE, "--verify", status=2)
    assert "has no archive there, nothing was compared; BOCAMINA_DATA names the data folder" in missing
    assert "no site has a journal there" in say(capfd, "sync", tmp_path, status=2)


def test_a_stick_from_the_mine_to_the_office(mine, tmp_path, monkeypatch, capfd):
    stick = tmp_path / "stick"
    assert "no such folder" in say(capfd, "sync", stick, status=1)
    stick.mkdir()
    say(capfd, "seal", SITE)
    assert f"{mine.site.id}: 2 days and 2 records written" in say(capfd, "sync", stick)
    expected = say(capfd, "export", SITE)
    monkeypatch.setenv("BOCAMINA_DATA", str(tmp_path / "office"))
    assert "2 days and 2 records added" in say(capfd, "import", stick)
    assert say(capfd, "export", SITE) == expected
    assert "0 days and 0 records added" in say(capfd, "import", stick)
    package = next(stick.rglob("*.rows"))
    assert "0 records added" in say(capfd, "import", package)
    assert "did you mean" in say(capfd, "sync", stick, "--site", mine.site.id[:-1] + "x", status=2)
    assert "expected a folder or package" in say(capfd, "import", package.parent, status=2)
    assert "no such file or folder" in say(capfd, "import", tmp_path / "nope", status=2)
    assert "is the data folder itself" in say(capfd, "sync", tmp_path / "office", status=2)
    assert "is the data folder itself" in say(capfd, "sync", tmp_path / "office" / mine.site.id, status=2)


def test_what_is_bad_on_a_stick_is_named_and_the_rest_arrives(mine, tmp_path, monkeypatch, capfd):
    with Journal.open(journal_path("another", tmp_path / "mine")) as journal:
        journal.register_site("h", mine, Moment(T0, T0))
    stick = tmp_path / "stick"
    stick.mkdir()
    say(capfd, "sync", stick)
    package = next((stick / "another").rglob("*.rows"))
    package.write_bytes(package.read_bytes()[:-1])
    monkeypatch.setenv("BOCAMINA_DATA", str(tmp_path / "office"))
    said = say(capfd, "import", stick, status=2)
    assert f"{package}: is damaged or cut" in said
    assert "0 days and 2 records added" in said
    assert not (tmp_path / "office" / "another").exists()
    monkeypatch.setenv("BOCAMINA_DATA", str(tmp_path / "mine"))
    assert "another: 0 days and 1 records written" in say(capfd, "sync", stick)
    monkeypatch.setenv("BOCAMINA_DATA", str(tmp_path / "office"))
    assert "0 days and 1 records added" in say(capfd, "import", stick)


def test_a_damaged_journal_is_salvaged_by_an_import_that_says_so(mine, tmp_path, monkeypatch, capfd):
    stick = tmp_path / "stick"
    stick.mkdir()
    say(capfd, "sync", stick)
    monkeypatch.setenv("BOCAMINA_DATA", str(tmp_path / "office"))
    say(capfd, "import", stick)
    journal = journal_path(mine.site.id)
    journal.write_bytes(bytes(4096) + journal.read_bytes()[4096:])
    said = say(capfd, "import", stick)
    assert f"{journal}: the journal was damaged" in said
    assert "journal.db.damaged-1" in said
    assert "expected a package of `bocamina sync`" in say(capfd, "import", SITE, status=2)


def test_expostats_has_one_line_a_shift_and_names_what_it_leaves_out(mine, capfd):
    sensor = mine.sensors[0]
    shared = {"sensor": sensor.id, "zone": sensor.zone, "quantity": "co", "corrected": False, "limits": []}
    with Journal.open(journal_path(mine.site.id)) as journal:
        for day, (mean, coverage) in enumerate([(12.5, 0.99), (1.5, 1.0), (80.0, 0.4), (None, 0.0)]):
            times = {"start": f"2025-11-{23 + day}T07:00:00Z", "end": f"2025-11-{23 + day}T15:00:00Z"}
            figures = {"shift": f"dia/{day}", "mean": mean, "coverage": coverage}
            journal.append([document_row(Kind.SHIFT, Moment(T0, T0), shared | times | figures)])
    arguments = ["export", str(SITE), "--what", "exposures", "--format", "expostats"]
    assert "expected one --sensor" in say(capfd, *arguments, status=2)
    assert run([*arguments, "--sensor", sensor.id]) == 0
    out, err = capfd.readouterr()
    assert out == "12.5\n<3.0\n"
    assert "shift dia/2: left out, 40% of it measured" in err
    assert "describe a place" in err


def python(code):
    return [sys.executable, "-c", code]


def test_the_gateway_seals_by_itself_and_tells_how_it_went():
    done = {"days": ["2025-11-23"], "late": [], "waiting": ["x"], "readings": 5}
    good = Sealer(SITE, every_s=0.01, command=python(f"print({json.dumps(json.dumps(done))})"))
    bad = Sealer(SITE, every_s=0.01, command=python("import sys; sys.exit('the disk is full')"))
    hung = Sealer(SITE, every_s=0.01, command=python("import time; print('x', flush=True); time.sleep(600)"))
    for one in (good, bad, hung):
        one.start()
    wait_for(lambda: good.state.detail == "1 days are not over yet", "a sealing")
    wait_for(lambda: bad.state.trouble == "the disk is full", "a failed sealing")
    wait_for(lambda: hung._process is not None, "a sealing that hangs")
    for one in (good, bad, hung):
        one.stop()
        assert not one._thread.is_alive()


def test_without_its_libraries_sealing_is_off_and_says_so(monkeypatch):
    monkeypatch.setattr(sealer, "find_spec", lambda name: None if name == "duckdb" else object())
    off = Sealer(SITE)
    off.start()
    assert off.state == (False, "off: duckdb not installed", None)
    off.stop()
