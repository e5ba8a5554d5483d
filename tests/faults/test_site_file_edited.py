"""Somebody edits the site file of a running gateway and gets it wrong: the mine stays watched by what it was, aloud.

A real gateway whose sealing, which reads the file anew, comes every two seconds instead of every quarter of an hour.
"""

import os
import subprocess
import sys

import pytest

from tests.end_to_end.mine import Gateway, Listener, Node, ready, site_text, wait_for
from tests.faults.test_gateway_faults import HCN, first

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.timeout(120)]

RUN = """
import sys
from bocamina.cli import run
from bocamina.sealer import Sealer
Sealer.__init__.__kwdefaults__["every_s"] = 2.0
sys.exit(run(["run", sys.argv[1]]))
"""


class ImpatientGateway(Gateway):
    """`bocamina run`, which seals every two seconds."""

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", RUN, str(self.site)], stdout=log, stderr=log,
                env=os.environ | {"BOCAMINA_DATA": str(self.data)},
            )  # fmt: skip
        return self


@pytest.mark.parametrize(("old", "new", "words"), [
    ('zone = "frente-1"\nquantity = "no2"', 'zone = "frente-9"\nquantity = "no2"', "sensors[1].zone: 'frente-9' is no"),
    ('[[people]]\nid = "ana"', '[[people]]\nid = "an', "site.toml: "),
], ids=["a zone that is not there", "half a file"])  # fmt: skip
def test_a_running_gateway_keeps_its_site_and_says_what_is_wrong_with_the_file(
    mosquitto, tmp_path, old, new, words
) -> None:
    site = tmp_path / "site.toml"
    right = site_text(mosquitto.port, extra=HCN)
    wrong = right.replace(old, new)
    assert wrong != right
    site.write_text(right)
    listener = Listener(mosquitto.port)
    gateway = ImpatientGateway(site, tmp_path / "data").start()
    node = Node(mosquitto.port)
    try:
        ready(listener, 0.0)
        since = listener.newest["gateway/status"]["since"]

        def troubles() -> list[str]:
            return [t for t in listener.newest["gateway/status"]["troubles"] if t.startswith("archive: ")]

        site.write_text(wrong)
        told = wait_for(troubles, 20, "the status says what is wrong with the file")
        assert words in told[0]
        assert listener.newest["gateway/status"]["state"] == "degraded"
        gas = node.send(co=2.0, no2=0.1, hcn=20.0)
        wait_for(lambda: first(listener, "command/siren-1", setpoint="warn"), 5, "the siren sounds all the same")
        wait_for(lambda: node.acked >= gas, 10, "and the reading is durable")
        reading = wait_for(lambda: listener.newest.get("reading/no2-frente-1"), 5, "the old site measures on")
        assert (reading["zone"], reading["value"]) == ("frente-1", 0.1)
        assert listener.newest["gateway/status"]["since"] == since, "it did not begin anew"

        # a power cut in that state: it will not start on half a site, and says so in one sentence a problem
        gateway.kill()
        journal = (gateway.data / "orex-01" / "journal.db").stat().st_size
        gateway.log.write_text("")
        assert gateway.start().process.wait(30) == 2
        said = gateway.log.read_text()
        assert words in said
        assert len(said.splitlines()) == 1, said
        assert (gateway.data / "orex-01" / "journal.db").stat().st_size == journal
        assert listener.newest["gateway/status"]["state"] == "offline", "who listens knows that nobody watches"

        site.write_text(right)
        restarted = listener.heard[-1][0]
        gateway.start()
        ready(listener, restarted)
        alarm = wait_for(lambda: listener.newest.get("alarm/hcn-frente-1.level"), 5, "the alarm stands")
        assert alarm["state"] == "unack"
        wait_for(lambda: not troubles(), 10, "and nothing is said against the file any more")
    finally:
        node.close()
        gateway.stop()
        listener.close()
