"""`kill -9` of `bocamina api` while somebody looks: nothing that protects people needs it, and it comes back whole.

Real gateway, real web process, real Mosquitto.
"""

import time

import pytest

from tests.end_to_end.mine import Gateway, Listener, Node, ready, site_text, wait_for
from tests.faults.test_gateway_faults import HCN, first
from tests.faults.web_process import StreamReader, WebProcess

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.timeout(120)]


def test_a_killed_web_process_takes_nothing_with_it_and_comes_back_with_the_present(mosquitto, tmp_path) -> None:
    site, data = tmp_path / "site.toml", tmp_path / "data"
    site.write_text(site_text(mosquitto.port, extra=HCN))
    listener = Listener(mosquitto.port)
    gateway = Gateway(site, data).start()
    node = Node(mosquitto.port)
    web = WebProcess(site, data)
    web.start()
    try:
        ready(listener, 0.0)
        wait_for(lambda: web.get("/health")["status"] != "down", 10, "the web process hears the gateway")
        screen = StreamReader(web.stream("alarm,health"))
        wait_for(lambda: screen.documents("health"), 5, "somebody looks")
        since = listener.newest["gateway/status"]["since"]
        web.kill()
        assert screen.has_ended.wait(5), "the screen sees that nobody speaks to it any more"
        screen.close()

        gas_at = time.monotonic()
        gas = node.send(co=2.0, hcn=20.0)
        siren_at = wait_for(lambda: first(listener, "command/siren-1", setpoint="warn"), 5, "the siren")
        assert siren_at - gas_at < 1.0, "the siren needs no web process"
        wait_for(lambda: first(listener, "alarm/hcn-frente-1.level", state="unack"), 5, "the alarm is retained")
        wait_for(lambda: node.acked >= gas, 10, "the reading is durable")
        assert listener.ask("acknowledge", "hcn-frente-1.level", comment="oído")["ok"] is True, "people are heard still"
        again = wait_for(lambda: listener.documents("gateway/status")[-1], 5, "the gateway's pulse")
        assert again["since"] == since, "the gateway lives on"
        assert not first(listener, "gateway/status", state="offline")
        assert not any("api" in trouble for trouble in again["troubles"])

        web.start()
        alarm = wait_for(
            lambda: next((a for a in web.get("/alarms", state="active")["items"] if a["state"] == "acked"), None), 10,
            "it knows what came and went without it",
        )  # fmt: skip
        assert (alarm["alarm"], alarm["acknowledged_by"]) == ("hcn-frente-1.level", "ana")
        values = [r["value"] for r in web.get("/readings", sensor="hcn-frente-1")["items"]]
        assert values == [20.0], "no reading of its absence is missing"
        web.kill()
    finally:
        web.process.kill()
        web.process.communicate(timeout=10)
        node.close()
        gateway.stop()
        listener.close()
