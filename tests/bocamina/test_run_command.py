"""`bocamina run`: what keeps it from beginning is one sentence and a status; what does not, is not its business."""

import signal
import threading

import pytest

from bocamina.cli import run
from gateway.stores.journal import Journal
from gateway.stores.paths import journal_path
from tests.end_to_end.mine import SITE, free_port, site_text


@pytest.fixture
def handlers(monkeypatch):
    """The handlers that the command sets, kept from the test's own process."""
    found = {}
    monkeypatch.setattr(signal, "signal", found.setdefault)
    return found


@pytest.fixture
def begin(tmp_path, monkeypatch, capfd, handlers):
    """Runs the command on a site file's text: status and what it said."""
    monkeypatch.setenv("BOCAMINA_DATA", str(tmp_path / "data"))

    def begins(text: str) -> tuple[int, list[str]]:
        path = tmp_path / "site.toml"
        path.write_text(text)
        status = run(["run", str(path)])
        out, err = capfd.readouterr()
        assert out == ""
        assert "Traceback" not in err
        return status, err.splitlines()

    return begins


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("[site]", "[sit]"), "sit"),
        (('quantity = "no2"', 'quantity = "no3"'), "no3"),
        (('zone = "frente-1"', 'zone = "frente-9"'), "frente-9"),
        (("altitude_m = 2850", "altitude_m = "), "line"),
    ],
)
def test_a_site_file_with_an_error_is_status_2_and_a_line_a_problem(begin, tmp_path, change, words) -> None:
    status, lines = begin(site_text(1883).replace(*change))
    assert status == 2
    assert any(words in line for line in lines)
    assert not (tmp_path / "data").exists(), "nothing was opened"


def test_a_site_file_that_is_not_there_is_status_2(tmp_path, capfd, handlers) -> None:
    assert run(["run", str(tmp_path / "none.toml")]) == 2
    assert capfd.readouterr().err.count("\n") == 1


def test_a_second_gateway_is_status_1(begin, tmp_path) -> None:
    with Journal.open(journal_path(SITE, tmp_path / "data")):
        status, lines = begin(site_text(1883))
    assert status == 1
    assert len(lines) == 1
    assert "another gateway writes this journal already" in lines[0]


def test_a_data_folder_that_cannot_be_is_status_1(begin, tmp_path) -> None:
    (tmp_path / "data").write_text("a file where the folder belongs")
    status, lines = begin(site_text(1883))
    assert status == 1
    assert len(lines) == 1
    assert str(tmp_path / "data") in lines[0]


@pytest.mark.timeout(60)
def test_a_signal_ends_it_in_order_also_without_a_broker(begin, handlers, tmp_path) -> None:
    path = journal_path(SITE, tmp_path / "data")

    def end_when_it_runs() -> None:
        while signal.SIGTERM not in handlers or not path.exists():
            waited.wait(0.05)
        handlers[signal.SIGTERM](signal.SIGTERM, None)

    waited = threading.Event()
    ends = threading.Thread(target=end_when_it_runs, daemon=True)
    ends.start()
    status, _ = begin(site_text(free_port()))
    ends.join()
    assert status == 0
    with Journal.reader(path) as journal:
        assert journal.last_snapshot() is not None, "what it knew is written down"
