"""A person's order goes to the gateway over MQTT, and only the gateway's word counts."""

import threading
import time

import pytest

ALARM = "co-frente-1.level"


@pytest.fixture
def standing(web, fake_gateway, make_alarm, until):
    fake_gateway.raise_alarm(make_alarm())
    until(lambda: web.services.live.all("alarm"), "the alarm is known")
    return web


def test_an_acknowledgement_names_its_person_and_answers_with_the_alarm(standing, fake_gateway):
    answer = standing.client("ana").post(f"/api/v1/alarms/{ALARM}/acknowledge", json={"comment": "voy"})
    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["acknowledged_by"]) == ("acked", "ana")
    request = fake_gateway.requests[-1]
    assert {key: request[key] for key in ("action", "by", "role", "target", "args")} == {
        "action": "acknowledge", "by": "ana", "role": "officer", "target": ALARM, "args": {"comment": "voy"},
    }  # fmt: skip
    assert request["issued"].endswith("Z")
    assert request["id"]


def test_a_reset_answers_with_the_ended_alarm(web, fake_gateway, make_alarm, until):
    fake_gateway.raise_alarm(make_alarm("latched_acked"))
    until(lambda: web.services.live.all("alarm"), "the alarm is known")
    client = web.client("jefe")
    assert client.post(f"/api/v1/alarms/{ALARM}/reset").json()["state"] == "normal"
    until(lambda: client.get("/api/v1/alarms").json()["items"] == [], "no alarm left")


def test_shelving_carries_its_minutes_and_has_an_end(standing, fake_gateway):
    client = standing.client("ana")
    assert client.post(f"/api/v1/alarms/{ALARM}/shelve", json={"comment": "x"}).status_code == 422
    assert client.post(f"/api/v1/alarms/{ALARM}/shelve", json={"minutes": 10_000}).status_code == 422
    answer = client.post(f"/api/v1/alarms/{ALARM}/shelve", json={"minutes": 30, "comment": "cambio de celda"})
    assert answer.json()["state"] == "shelved"
    assert fake_gateway.requests[-1]["args"] == {"minutes": 30, "comment": "cambio de celda"}


def test_the_gateways_refusal_is_a_conflict_in_its_own_words(standing, fake_gateway):
    fake_gateway.refusal = "the gas is still there"
    answer = standing.client("ana").post(f"/api/v1/alarms/{ALARM}/reset")
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "the gas is still there"


def test_a_gateway_that_says_nothing_leaves_the_order_unconfirmed(standing, fake_gateway, monkeypatch):
    ask = standing.services.link.ask
    monkeypatch.setattr(type(standing.services.link), "ask", lambda _, *a, **k: ask(*a, **k, within_s=0.3))
    fake_gateway.mute = True
    answer = standing.client("ana").post(f"/api/v1/alarms/{ALARM}/acknowledge")
    assert answer.status_code == 504
    assert "not confirmed" in answer.json()["detail"]
    assert standing.services.live.all("alarm")[ALARM].document["state"] == "unack"


def test_without_a_broker_nothing_is_sent_now_or_later(standing, fake_gateway, mosquitto, until):
    client = standing.client("ana")
    mosquitto.stop()
    until(lambda: standing.services.link.trouble, "the loss is seen")
    started = time.monotonic()
    answer = client.post(f"/api/v1/alarms/{ALARM}/acknowledge")
    assert answer.status_code == 504
    assert time.monotonic() - started < 3
    assert client.get("/api/v1/health").status_code == 503
    shown = client.get("/api/v1/alarms").json()["items"]
    assert [item["alarm"] for item in shown] == [ALARM], "shown until known better"
    mosquitto.start()
    until(lambda: standing.services.link.trouble is None, "the web process is back", 20)
    fake_gateway.live()
    assert fake_gateway.requests == [], "an order that was given up is not carried out later"


def test_an_alarm_that_is_not_there(web, fake_gateway):
    client = web.client("ana")
    assert client.post("/api/v1/alarms/co-frente-1.stel/acknowledge").status_code == 404
    answer = client.post("/api/v1/alarms/no such/acknowledge")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "alarm"
    assert fake_gateway.requests == []


def test_protocols_take_their_action_and_answer_with_their_document(web, fake_gateway, until):
    fake_gateway.say("protocol/evacuation", {"protocol": "evacuation", "state": "evacuate", "zones": ["frente-1"]})
    until(lambda: web.services.live.all("protocol"), "the protocol is known")
    client = web.client("ana")
    answer = client.post("/api/v1/protocols/evacuation/start", json={"target": "frente-1", "comment": "humo"})
    assert answer.json()["state"] == "evacuate"
    request = fake_gateway.requests[-1]
    assert (request["action"], request["target"]) == ("evacuation", "frente-1")
    assert request["args"] == {"action": "start", "comment": "humo"}
    assert client.post("/api/v1/protocols/fire/start").status_code == 422
    assert [item["protocol"] for item in client.get("/api/v1/protocols").json()["items"]] == ["evacuation"]


def test_presence_by_tag_and_by_count(web, fake_gateway):
    client = web.client("ana")
    assert client.post("/api/v1/presence", json={"person": "ana", "zone": None}).status_code == 200
    assert fake_gateway.requests[-1]["args"] == {"person": "ana", "zone": None, "comment": ""}
    (seen,) = client.get("/api/v1/presence").json()["items"]
    assert (seen["person"], seen["zone"], seen["time"][-1]) == ("ana", None, "Z")
    assert client.post("/api/v1/presence", json={"person": "ana"}).status_code == 422, "left out is not outside"
    assert client.post("/api/v1/presence", json={"zone": "frente-1", "count": 0}).status_code == 200
    assert fake_gateway.requests[-1]["args"]["count"] == 0
    both = {"person": "ana", "count": 1, "zone": "frente-1"}
    for wrong in ({}, {"count": 3}, both, {"zone": "x", "count": 1}, {"a": 1}):
        answer = client.post("/api/v1/presence", json=wrong)
        assert answer.status_code == 422, wrong
        assert answer.json()["detail"]


def test_two_people_at_once_get_their_own_answers(standing, fake_gateway):
    answers = []

    def press(name):
        answers.append(standing.client(name).post(f"/api/v1/alarms/{ALARM}/acknowledge").status_code)

    threads = [threading.Thread(target=press, args=(name,)) for name in ("ana", "jefe")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert answers == [200, 200]
    assert {request["by"] for request in fake_gateway.requests} == {"ana", "jefe"}
