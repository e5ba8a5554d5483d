"""A real gateway lives through gas, people and a restart; its journal alone brings every decision again."""

import csv
import json
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import closing
from typing import Any

import pytest

from bocamina.engine import Engine
from bocamina.site_file import load_site, site_hash
from bocamina.virtual import relive
from gateway.stores.journal import Journal
from gateway.stores.packing import pack_document, unpack_document
from gateway.stores.paths import journal_path
from gateway.stores.rows import Kind
from tests.end_to_end.mine import SITE, Gateway, Listener, Node, every, ready, site_text, wait_for

SECOND_OFFICER = '[[people]]\nid = "luis"\nname = "Luis"\nrole = "supervisor"\n'


def live(mosquitto, gateway: Gateway) -> None:
    """Clean air, gas in two cells, an alarm that is acknowledged and shelved, a person, a restart, a reset."""
    with closing(Listener(mosquitto.port)) as listener, closing(Node(mosquitto.port)) as node:
        speak(gateway, listener, node)


def speak(gateway: Gateway, listener: Listener, node: Node) -> None:
    gateway.start()
    ready(listener, 0.0)
    listener.say("presence/rosa", {"zone": "frente-1"})
    for _ in every(0.1, 20):
        node.send(co=2.0, no2=0.1, air_velocity=0.6)
    for second in every(0.1, 60):
        node.send(co=500.0 + second / 7, no2=15.0 + second / 9, air_velocity=0.0)
    wait_for(lambda: listener.newest.get("alarm/co-frente-1.level"), 10, "the alarm")
    assert listener.ask("acknowledge", "co-frente-1.level")["ok"]
    listener.ask("shelve", "no2-frente-1.level", minutes=5, comment="test")
    body = {"id": "eva-1", "by": "ana", "role": "officer", "target": "frente-1", "args": {"action": "start"}}
    listener.say("request/evacuation", body | {"issued": "2026-11-23T00:00:00.000Z", "reply_to": ""})
    listener.say("actuator/fan-1/state", {"setpoint": 100, "running": True, "speed_rpm": 1400, "command_id": None})
    gateway.kill()
    started = time.monotonic()
    gateway.start()
    ready(listener, started)
    listener.say("presence/rosa", {"zone": None})
    for _ in every(0.1, 40):
        node.send(co=2.0, no2=0.1, air_velocity=0.8)
    listener.ask("reset", "co-frente-1.level")
    listener.ask("acknowledge", "nothing.level", by="luis", role="supervisor")
    wait_for(node.turn, 20, "every pack is durable")
    gateway.stop()


def stored(documents: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """As they read after a way through the journal."""
    return [unpack_document(pack_document(document)) for document in documents]


@pytest.mark.xdist_group("end_to_end")
@pytest.mark.timeout(180)
def test_the_journal_of_a_life_brings_every_transition_verdict_and_command_again(mosquitto, tmp_path) -> None:
    site = tmp_path / "site.toml"
    site.write_text(site_text(mosquitto.port, extra=SECOND_OFFICER))
    gateway = Gateway(site, tmp_path / "data")
    try:
        live(mosquitto, gateway)
    finally:
        gateway.kill()
    path = journal_path(SITE, gateway.data)

    Engine.warm_up()
    with Journal.reader(path) as journal:
        lived = {kind: [row.document() for row in journal.scan(0, [kind])] for kind in Kind if kind != Kind.STEPS}
        record = relive(Engine(load_site(site), site_hash(site)), journal).record
    transitions = [
        t.document | {"old": t.old, "new": t.new, "by": t.by, "comment": t.comment, "utc_us": t.utc_us}
        for t in record.transitions
    ]
    again = {
        Kind.TRANSITION: transitions, Kind.COMMAND: [one._asdict() for one in record.commands],
        Kind.VERDICT: [one._asdict() for one in record.verdicts], Kind.REQUEST: record.requests,
        Kind.NOTICE: record.notices, Kind.PERSON: record.persons, Kind.SHIFT: record.shifts,
    }  # fmt: skip
    for kind, documents in again.items():
        assert stored(documents) == lived[kind], kind.word
    assert {"co-frente-1.level", "no2-frente-1.level"} <= {t["alarm"] for t in lived[Kind.TRANSITION]}
    assert {"acknowledge", "shelve", "reset", "evacuation"} <= {one["action"] for one in lived[Kind.REQUEST]}
    assert len(lived[Kind.VERDICT]) > 0
    assert {"siren-1", "fan-1"} <= {one["actuator"] for one in lived[Kind.COMMAND]}
    assert sum(one["what"] == "started" for one in lived[Kind.NOTICE]) == 2

    first, second = (replayed(path, site, tmp_path / name) for name in ("first", "second"))
    assert first == second
    assert first["exposures"] == len(lived[Kind.VERDICT])
    assert [command["id"] for command in first["commands"]] == [one["id"] for one in lived[Kind.COMMAND]]
    for name in ("alarms", "commands", "verdicts"):
        tables = [(tmp_path / run / f"{name}.csv").read_bytes() for run in ("first", "second")]
        assert tables[0] == tables[1]
    verdicts = list(csv.DictReader((tmp_path / "first" / "verdicts.csv").read_text().splitlines()))
    assert [float(row["low"]) for row in verdicts] == [one["low"] for one in lived[Kind.VERDICT]], "to the last bit"


def replayed(path, site, out) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "bocamina", "replay", str(path), "--site", str(site), "--out", str(out), "--json"],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return {**json.loads(done.stdout), "seconds": None}
