"""A disk that becomes read-only, and a small one that really fills up: alarms and siren go on, nothing is lost.

The data folder is a file system of its own, in a name space where that needs no privilege.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.end_to_end.mine import Gateway, Listener, Node, ready, site_text, wait_for

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.timeout(180)]

HCN = """
[[sensors]]
id = "hcn-frente-1"
zone = "frente-1"
quantity = "hcn"
source = "nodes"
channel = "node7/hcn"
full_scale = 50
warm_up_s = 0
protection = "indicative"
"""


def _may_mount() -> bool:
    try:
        done = subprocess.run(
            ["unshare", "-rm", "sh", "-c", "mount -t tmpfs none /mnt"], capture_output=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


needs_mount = pytest.mark.skipif(not _may_mount(), reason="this machine lets nobody mount in a name space of their own")


class SmallDisk(Gateway):
    """A gateway whose data folder is a tmpfs of `size`, in a name space that `holder` keeps over restarts."""

    def __init__(self, site: Path, data: Path, size: str) -> None:
        super().__init__(site, data)
        self.log = site.with_name("gateway.log")
        script = 'mount -t tmpfs -o size="$1" none "$2" && echo mounted && exec cat'
        self.holder = subprocess.Popen(
            ["unshare", "-rm", "sh", "-c", script, "sh", size, str(data)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.holder.stdout.readline() == "mounted\n"

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._enter(sys.executable, "-m", "bocamina", "run", str(self.site)),
                env=self._environment(), stdout=log, stderr=log,
            )  # fmt: skip
        return self

    def inside(self, *command: str) -> subprocess.CompletedProcess:
        """A command that sees the gateway's disk."""
        return subprocess.run(
            self._enter(*command), env=self._environment(), capture_output=True, text=True, timeout=60, check=False
        )

    def mount(self, how: str) -> bool:
        """Mount the disk again as `ro` or `rw`; False while somebody writes to it."""
        return self.inside("mount", "-o", f"remount,{how}", str(self.data)).returncode == 0

    def export(self, what: str = "readings") -> list[str]:
        done = self.inside(sys.executable, "-m", "bocamina", "export", str(self.site), "--what", what)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def end(self) -> None:
        self.kill()
        self.holder.communicate(timeout=10)

    def _enter(self, *command: str) -> list[str]:
        """nsenter becomes the command, so the process is the gateway itself."""
        return ["nsenter", "-t", str(self.holder.pid), "-U", "-m", "--preserve-credentials", *command]

    def _environment(self) -> dict[str, str]:
        return os.environ | {"BOCAMINA_DATA": str(self.data)}


@pytest.fixture
def mine(mosquitto, tmp_path):
    """(a gateway on a disk of the given size, listener, node) and their end."""
    made = []

    def make(size: str):
        site = tmp_path / "site.toml"
        site.write_text(site_text(mosquitto.port, extra=HCN))
        listener = Listener(mosquitto.port)
        gateway = SmallDisk(site, tmp_path / "data", size).start()
        made.extend([gateway.end, listener.close])
        ready(listener, 0.0)
        node = Node(mosquitto.port, resend_s=2.0)
        made.append(node.close)
        first = node.send(co=2.0)
        wait_for(lambda: node.acked >= first, 10, "the disk is well")
        return gateway, listener, node

    yield make
    for end in made:
        end()


def siren_warned(listener: Listener) -> bool:
    return any(command["setpoint"] == "warn" for command in listener.documents("command/siren-1"))


def in_trouble_and_out(gateway, listener, node, mend) -> None:
    """With the disk in trouble: gas is an alarm, nobody is told that it is stored, and then everything is, once."""
    gas = node.send(co=2.0, hcn=20.0)
    wait_for(lambda: siren_warned(listener), 5, "the siren")
    wait_for(lambda: listener.newest.get("alarm/hcn-frente-1.level"), 8, "people are told")
    lost = wait_for(lambda: listener.newest.get("alarm/gateway.journal_lost"), 20, "an alarm of its own")
    assert lost["state"] == "unack"
    status = wait_for(
        lambda: (s := listener.newest["gateway/status"])["state"] == "degraded" and s, 10, "the status says so"
    )
    assert any("journal.db" in trouble for trouble in status["troubles"])
    assert node.acked < gas
    for k in range(5):
        node.send(co=3.0 + k)
    mend()
    wait_for(lambda: node.turn() and node.acked == node.seq - 1, 60, "everything is durable when the disk is mended")
    wait_for(lambda: listener.newest["gateway/status"]["state"] == "ready", 20, "and the status says so")
    rows = [line for line in gateway.export() if ",co-frente-1," in line]
    assert len(rows) == len({row.split(",")[0] + row.split(",")[2] for row in rows})
    assert len([row for row in rows if float(row.split(",")[2]) < 100]) == node.seq, "each pack once"


def fill(gateway: SmallDisk) -> Path:
    filler = gateway.data / "filler"
    assert "No space" in gateway.inside("dd", "if=/dev/zero", f"of={filler}", "bs=4k").stderr
    return filler


@needs_mount
def test_a_small_disk_alarms_before_it_is_full_and_goes_on_when_it_is(mine) -> None:
    gateway, listener, node = mine("40m")
    room = wait_for(lambda: listener.newest.get("alarm/gateway.disk_space"), 10, "little room is an alarm")
    assert room["priority"] == "high"
    status = wait_for(lambda: listener.newest["gateway/status"].get("journal_room"), 10, "the room is shown")
    assert 30 < status["free_mb"] <= 42
    filler = fill(gateway)
    in_trouble_and_out(gateway, listener, node, lambda: gateway.inside("rm", str(filler)))
    assert "Traceback" not in gateway.log.read_text()


@needs_mount
@pytest.mark.long
def test_a_disk_that_becomes_read_only(mine) -> None:
    """The kernel takes the disk from writers that fail, so here they fail first."""
    gateway, listener, node = mine("40m")
    filler = fill(gateway)
    node.send(co=2.0)
    wait_for(lambda: listener.newest["gateway/status"]["state"] == "degraded", 20, "the disk takes nothing")
    wait_for(lambda: gateway.mount("ro"), 30, "read-only between two tries")
    wait_for(
        lambda: any("Read-only" in text for text in listener.newest["gateway/status"]["troubles"]), 20, "it says which"
    )

    def mend() -> None:
        assert gateway.mount("rw")
        gateway.inside("rm", str(filler))

    in_trouble_and_out(gateway, listener, node, mend)
    assert "Traceback" not in gateway.log.read_text()


@needs_mount
@pytest.mark.parametrize("readable", [True, pytest.param(False, marks=pytest.mark.long)])
def test_a_gateway_that_starts_on_a_read_only_disk_watches_all_the_same(mine, readable) -> None:
    gateway, listener, node = mine("40m")
    node.send(co=2.0, hcn=20.0)
    wait_for(lambda: siren_warned(listener), 5, "the siren")
    wait_for(lambda: node.acked == node.seq - 1, 10, "durable")
    gateway.kill()
    journal = gateway.data / "orex-01" / "journal.db"
    if not readable:
        gateway.inside("cp", str(journal), str(gateway.data / "kept"))
        gateway.inside("truncate", "-s", "0", str(journal))
        gateway.inside("rm", f"{journal}-wal", f"{journal}-shm")
    assert gateway.mount("ro")
    started = time.monotonic()
    listener.newest.clear()
    gateway.start()
    ready(listener, started, 40)
    alarm = wait_for(lambda: listener.newest.get("alarm/hcn-frente-1.level"), 10, "the alarm of before stands")
    assert alarm["state"] in {"unack", "acked"}
    assert (alarm.get("reason") == "recovered") is not readable, "from the journal if it can be read, else the broker"
    wait_for(lambda: listener.newest.get("alarm/gateway.journal_lost"), 20, "the disk is an alarm")
    listener.heard.clear()
    gas = node.send(co=500.0)
    for _ in range(30):
        if any(c["setpoint"] == "evacuate" for c in listener.documents("command/siren-1")):
            break
        gas = node.send(co=500.0)
        time.sleep(0.5)
    assert any(c["setpoint"] == "evacuate" for c in listener.documents("command/siren-1")), "gas is gas"
    assert node.acked < gas, "nobody is told that it is stored"
    assert gateway.mount("rw")
    if not readable:
        gateway.inside("mv", str(gateway.data / "kept"), str(journal))
    assert gateway.process.wait(30) == 1, "it begins anew from the journal (systemd starts it)"
    assert "starting again from the journal" in gateway.log.read_text()
    started = time.monotonic()
    gateway.start()
    ready(listener, started, 40)
    wait_for(lambda: node.turn() and node.acked == node.seq - 1, 60, "what nobody had acknowledged came again")
    rows = [line for line in gateway.export() if ",co-frente-1," in line]
    if readable:  # else the copy lacks what stood in the log that was taken from it
        assert len(rows) == node.seq
    assert "Traceback" not in gateway.log.read_text()
