"""The power goes, again and again: nothing acknowledged is lost or doubled, and the alarm is still the alarm."""

import json
import random
import subprocess
import sys
import time

import pytest

from gateway.stores.journal import Journal
from gateway.stores.paths import journal_path
from gateway.stores.rows import Kind
from tests.end_to_end.mine import SITE, Gateway, Listener, Node, ready, site_text, wait_for

KILLS = 20


@pytest.mark.xdist_group("end_to_end")
@pytest.mark.timeout(300)
def test_twenty_kills_of_the_gateway_and_one_of_the_broker_lose_nothing_acknowledged(mosquitto, tmp_path) -> None:
    chance = random.Random(20261123)
    site = tmp_path / "site.toml"
    site.write_text(site_text(mosquitto.port))
    gateway = Gateway(site, tmp_path / "data")
    listener = Listener(mosquitto.port)
    node = Node(mosquitto.port, resend_s=2.0)
    acknowledged: set[int] = set()
    gas = [2.0] * 40 + [500.0] * 200 + [4.0] * 400  # the blast, then fresh air: the alarm latches
    sent = 0

    for kill in range(KILLS):
        started = time.monotonic()
        gateway.start()
        ready(listener, started, 30)
        until = time.monotonic() + chance.uniform(0.3, 2.5)
        while time.monotonic() < until:
            node.send(co=gas[min(sent, len(gas) - 1)], no2=0.1)
            sent += 1
            time.sleep(0.05)
        before = node.acked
        standing = listener.newest.get("alarm/co-frente-1.level")
        commanded = listener.newest.get("command/siren-1")
        if kill == KILLS // 2:
            gateway.kill()
            mosquitto.kill()
            mosquitto.start()
        else:
            gateway.kill()
        acknowledged |= set(range(before + 1))
        if standing:
            assert standing["state"] != "normal"
        if commanded and commanded["setpoint"] == "evacuate":
            started = time.monotonic()
            gateway.start()
            ready(listener, started, 30)
            again = wait_for(
                lambda: (c := listener.documents("command/siren-1")) and c[-1]["setpoint"], 10, "the siren is commanded"
            )
            assert again == "evacuate", "what was commanded before the power went still stands"
            if standing:
                now = wait_for(lambda: listener.newest.get("alarm/co-frente-1.level"), 10, "the alarm is retained")
                assert now["priority"] == standing["priority"]
                assert now["occurrence"] == standing["occurrence"]
            gateway.kill()

    started = time.monotonic()
    gateway.start()
    ready(listener, started, 30)
    wait_for(node.turn, 90, "the node is rid of every pack")
    acknowledged |= set(range(node.seq))
    gateway.stop()
    rows = [line.split(",") for line in gateway.export()[1:]]
    values = [row for row in rows if row[1] == "co-frente-1"]
    assert len(values) == len(acknowledged), "each acknowledged pack is in the journal, once"
    assert len(acknowledged) == sent
    states = [json.loads(body)["state"] for _, topic, body in listener.heard
              if topic == "alarm/co-frente-1.level" and body]  # fmt: skip
    assert "unack" in states
    node.close()
    listener.close()
    replayed_equals_lived(gateway)


def replayed_equals_lived(gateway: Gateway) -> None:
    """The journal through the engine again, in one life, brings the alarms and commands of the many lives."""
    path = journal_path(SITE, gateway.data)
    with Journal.reader(path) as journal:
        lived = [row.document() for row in journal.scan(0, [Kind.TRANSITION])]
        commanded = [row.document()["id"] for row in journal.scan(0, [Kind.COMMAND])]
    done = subprocess.run(
        [sys.executable, "-m", "bocamina", "replay", str(path), "--site", str(gateway.site), "--json"],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    replayed = json.loads(done.stdout)
    assert [(t["alarm"], f"{t['old']}>{t['new']}", t["priority"]) for t in lived] == [
        (t["alarm"], t["transition"], t["priority"]) for t in replayed["alarms"]
    ]
    assert commanded == [command["id"] for command in replayed["commands"]]
