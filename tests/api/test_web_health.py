"""`GET health`: the web process alone is never well."""

from pathlib import Path

from api.gateway_link import GatewayLink
from api.health import assess
from api.live import LiveState
from gateway.domain.site import Site
from gateway.domain.topics import Address, Kind


def test_a_stranger_may_ask_and_a_silent_gateway_is_down(quiet_web):
    answer = quiet_web.client().get("/api/v1/health")
    assert answer.status_code == 503
    assert answer.json()["status"] == "down"
    assert {check["name"] for check in answer.json()["checks"] if not check["ok"]} >= {"gateway"}


def test_a_living_gateway_is_shown_with_its_own_words(web):
    answer = web.client().get("/api/v1/health")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
    assert answer.json()["gateway"]["journal_backlog"] == 3


def test_degraded_is_told_as_the_gateway_tells_it(web, fake_gateway, until):
    fake_gateway.live(state="degraded")
    client = web.client()
    until(lambda: client.get("/api/v1/health").json()["status"] == "degraded", "degraded")
    assert client.get("/api/v1/health").status_code == 200


def test_the_last_will_takes_the_watch_down_at_once(web, fake_gateway, until):
    fake_gateway.live(state="offline")
    client = web.client()
    until(lambda: client.get("/api/v1/health").status_code == 503, "down")


def test_fifteen_seconds_of_silence_are_down(link_and_live):
    link, live, clock = link_and_live
    live.receive(Address(Kind.GATEWAY_STATUS, ""), b'{"state":"ready"}', retained=False)
    clock.now = 14.9
    assert assess(live, link).status == "ok"
    clock.now = 15.1
    assert assess(live, link).status == "down"


def test_a_retained_status_is_no_sign_of_life(link_and_live):
    """A broker that was cut off with its gateway still holds the gateway's last good words."""
    link, live, _ = link_and_live
    live.receive(Address(Kind.GATEWAY_STATUS, ""), b'{"state":"ready"}', retained=True)
    assert assess(live, link).status == "down"


def test_a_broker_that_is_not_there_is_said_by_name(tmp_path: Path, free_port: int, serve):
    site = Site.model_validate({"site": {"id": "m", "name": "M"}, "mqtt": {"port": free_port}})
    with serve(site, tmp_path, None) as web:
        answer = web.client().get("/api/v1/health").json()
    assert answer["status"] == "down"
    assert f"127.0.0.1:{free_port}" in next(check["detail"] for check in answer["checks"] if check["name"] == "broker")


def test_link_words():
    """The sentence before the first connection names the broker too."""
    site = Site.model_validate({"site": {"id": "m", "name": "M"}})
    assert "127.0.0.1:1883" in (GatewayLink(site, LiveState(site)).trouble or "")
