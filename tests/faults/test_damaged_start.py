"""A large damaged journal: the gateway watches from the start, while its rows are saved, and goes on with these."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bocamina import beginning
from bocamina.beginning import begin
from bocamina.site_file import load_site
from gateway.domain.moment import SECOND_US, Moment
from gateway.stores.database import PAGE_BYTES
from gateway.stores.journal import Journal
from gateway.stores.paths import journal_path
from gateway.stores.rows import Kind, document_row
from tests.end_to_end.mine import SITE, Gateway, Listener, Node, ready, site_text, wait_for

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.timeout(120)]

T0 = 1_780_000_000 * SECOND_US


def damaged_journal(path: Path, rows: int, size: int) -> None:
    """A journal of `rows` requests of `size` random bytes, with the page on which its table begins lost."""
    with Journal.open(path) as journal:
        moments = [Moment(T0 + k * SECOND_US, T0 + k * SECOND_US) for k in range(rows)]
        for at in range(0, rows, 500):
            batch = [document_row(Kind.REQUEST, one, {"x": os.urandom(size)}) for one in moments[at : at + 500]]
            journal.append(batch)
    with path.open("r+b") as file:
        file.seek(PAGE_BYTES)
        file.write(b"\xff" * PAGE_BYTES)


def test_it_begins_without_what_would_take_long_to_save(tmp_path, monkeypatch) -> None:
    site_file = tmp_path / "site.toml"
    site_file.write_text(site_text(1883))
    path = tmp_path / "journal.db"
    damaged_journal(path, rows=50, size=1000)
    before = path.read_bytes()
    monkeypatch.setattr(beginning, "SALVAGED_AT_ONCE", 10_000)
    begun = begin(load_site(site_file), "hash", path)
    assert "journal.db: is damaged (" in begun.trouble
    assert path.read_bytes() == before, "nothing is written, nothing may be acknowledged"
    monkeypatch.undo()
    assert begin(load_site(site_file), "hash", path).trouble == "", "a small one is saved at once"


class SlowGateway(Gateway):
    """One that saves nothing before it is let."""

    def start(self):
        program = str(Path(__file__).with_name("slow_salvage.py"))
        environment = os.environ | {"BOCAMINA_DATA": str(self.data)}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, program, str(self.site)], env=environment, stdout=log, stderr=log
            )
        return self


def test_it_watches_while_a_journal_is_saved_and_people_are_told_what_was_lost(mosquitto, tmp_path) -> None:
    site = tmp_path / "site.toml"
    site.write_text(site_text(mosquitto.port))
    path = journal_path(SITE, tmp_path / "data")
    damaged_journal(path, rows=500, size=1000)
    listener = Listener(mosquitto.port)
    gateway = SlowGateway(site, tmp_path / "data")
    node = Node(mosquitto.port, resend_s=2.0)

    def trouble(words: str) -> bool:
        return any(words in one for one in listener.newest["gateway/status"]["troubles"])

    try:
        started = time.monotonic()
        gateway.start()
        ready(listener, started, 30)
        wait_for(lambda: trouble("its readable rows are being saved"), 10, "the status says so")
        wait_for(lambda: listener.newest.get("alarm/gateway.journal_lost"), 10, "and an alarm")
        for _ in range(10):
            gas = node.send(co=500.0)
            time.sleep(0.5)
        wait_for(lambda: any(c["setpoint"] == "evacuate" for c in listener.documents("command/siren-1")), 10, "siren")
        assert node.acked < 0, "nobody is told that it is stored"
        path.with_name("go").touch()
        assert gateway.process.wait(30) == 1, "it begins anew from what was saved (systemd starts it)"
        assert "starting again from the journal" in gateway.log.read_text()
        gateway.start()
        alarm = wait_for(lambda: listener.newest.get("alarm/gateway.journal_salvaged"), 30, "people are told")
        assert alarm["state"] == "unack"
        assert " are saved; the damaged file is kept as journal.db.damaged-1" in alarm["reason"]
        wait_for(lambda: trouble("are saved; the damaged file is kept"), 10, "in the status too")
        wait_for(lambda: node.turn() and node.acked >= gas, 20, "and what waited is stored")
        names = {one.name for one in path.parent.iterdir()}
        assert not {name for name in names if "salvag" in name or "suspect" in name}
        assert len({name.removesuffix("-wal").removesuffix("-shm") for name in names if ".damaged-" in name}) == 1
    finally:
        node.close()
        listener.close()
        gateway.kill()
    assert "Traceback" not in gateway.log.read_text()
