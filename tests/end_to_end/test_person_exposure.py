"""A tag at the face: the gateway's record tells what its bearer breathes, and goes on with it after a kill."""

import csv

import pytest

from gateway.stores.embedded_history import EmbeddedHistory
from gateway.stores.paths import journal_path
from tests.end_to_end.mine import SITE, Gateway, Listener, Node, every, ready, site_text, wait_for

pytestmark = [pytest.mark.xdist_group("end_to_end"), pytest.mark.timeout(120)]


def test_a_tag_is_followed_from_the_wire_to_the_record_and_over_a_kill(mosquitto, tmp_path) -> None:
    site = tmp_path / "site.toml"
    site.write_text(site_text(mosquitto.port))
    listener = Listener(mosquitto.port)
    gateway = Gateway(site, tmp_path / "data").start()
    ready(listener, 0.0)
    node = Node(mosquitto.port)
    history = EmbeddedHistory(journal_path(SITE, tmp_path / "data"))
    assert history.person_now("tag-1") is None
    listener.say("presence/tag-1", {"zone": "frente-1"})
    for _ in every(0.5, 8):
        node.send(co=4.0, no2=0.1)
    first = wait_for(lambda: history.person_now("tag-1"), 10, "the person is on record")
    assert {(row["quantity"], row["regime"]) for row in first.document["limits"]} >= {("co", "peru"), ("no2", "peru")}
    assert (first.document["inside"], first.document["late"]) == (True, False)
    gateway.kill()
    gateway.start()
    for _ in every(1.0, 70):
        node.send(co=4.0, no2=0.1)
        now = history.person_now("tag-1")
        if now.time_us > first.time_us:
            break
    co = next(row for row in now.document["limits"] if (row["quantity"], row["kind"]) == ("co", "TWA"))
    assert co["low"] > 0.0, "nobody told the new gateway that the person is at the face: the journal did"
    table = list(csv.DictReader(gateway.export("exposures")))
    assert all(row["sensor"] or row["person"] for row in table)
    gateway.stop()
    node.close()
    listener.close()
