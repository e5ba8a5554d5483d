"""What other programs rely on, sentence by sentence: the topics and the routes of one running mine.

Black-box: one gateway and one web process on a real broker, with a node, a listener, two people and a stranger.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import paho.mqtt.client as mqtt
import pytest

from tests.end_to_end.mine import ROOT, Gateway, Listener, Node, free_port, ready, site_text, wait_for
from tests.fixtures.mosquitto import PROGRAM, Mosquitto

pytestmark = [pytest.mark.xdist_group("end_to_end"), pytest.mark.timeout(120)]

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
TIMES = {"time", "since", "issued", "expires", "until"}


class Recorder(Listener):
    """A listener that keeps of each topic how its newest message came: retained, QoS, expiry."""

    def __init__(self, port: int, name: str) -> None:
        self.how: dict[str, tuple[bool, int, int | None]] = {}
        super().__init__(port, name)

    def _hear(self, client: mqtt.Client, data: object, message: mqtt.MQTTMessage) -> None:
        expiry = getattr(message.properties, "MessageExpiryInterval", None)
        self.how[message.topic[len(ROOT) :]] = (bool(message.retain), message.qos, expiry)
        super()._hear(client, data, message)


class Mine:
    """The processes, a node, a listener, and clients of two people and a stranger."""

    def __init__(self, folder: Path, broker: Mosquitto) -> None:
        self.broker = broker
        self.site = folder / "site.toml"
        self.site.write_text(site_text(broker.port, delays="max_age_s = 4"))
        self.gateway = Gateway(self.site, folder / "data")
        self.environment = os.environ | {"BOCAMINA_DATA": str(folder / "data")}
        for name, role in (("ana", "officer"), ("eva", "reviewer")):
            self.command("user", str(self.site), name, "--role", role, text="a-good-password\n")
        self.listener = Recorder(broker.port, "recorder")
        self.gateway.start()
        self.node = Node(broker.port)
        port = free_port()
        with (folder / "api.log").open("wb") as log:
            self.web = subprocess.Popen(
                [sys.executable, "-m", "bocamina", "api", str(self.site), "--port", str(port)],
                env=self.environment, stdout=log, stderr=log,
            )  # fmt: skip
        self.url = f"http://127.0.0.1:{port}"
        self.stranger = httpx.Client(base_url=f"{self.url}/api/v1", timeout=15)
        ready(self.listener, 0.0)
        wait_for(self.healthy, 20, "health is ok")
        self.ana, self.eva = (self.logged_in(name) for name in ("ana", "eva"))

    def command(self, *arguments: str, text: str = "") -> str:
        done = subprocess.run(
            [sys.executable, "-m", "bocamina", *arguments],
            env=self.environment, input=text, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def shows(self, sensor: str, wanted: dict[str, Any]) -> bool:
        return bool(self.listener.newest[f"reading/{sensor}"].items() >= wanted.items())

    def healthy(self) -> bool:
        try:
            return self.stranger.get("/health").status_code == 200
        except httpx.HTTPError:
            return False

    def logged_in(self, name: str) -> httpx.Client:
        answer = self.stranger.post("/auth/token", data={"username": name, "password": "a-good-password"})
        assert set(answer.json()) == {"access_token", "token_type"}
        bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        return httpx.Client(base_url=f"{self.url}/api/v1", timeout=15, headers=bearer)

    def close(self) -> None:
        for client in (self.stranger, self.ana, self.eva):
            client.close()
        self.web.terminate()
        self.web.wait(10)
        self.node.close()
        self.gateway.stop()
        self.listener.close()


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mine]:
    """A mine whose NO2 cell is silent and whose CO cell has seen 900 ppm."""
    if PROGRAM is None:
        pytest.skip("mosquitto is not installed (apt-get install mosquitto)")
    with tempfile.TemporaryDirectory(prefix="mosquitto-") as folder:
        broker = Mosquitto(Path(folder)).start()
        found = Mine(tmp_path_factory.mktemp("mine"), broker)
        try:
            deadline = time.monotonic() + 20
            while not {"alarm/co-frente-1.level", "alarm/no2-frente-1.comm_lost"} <= set(found.listener.newest):
                assert time.monotonic() < deadline, "the alarms did not come"
                found.node.send(co=900.0, air_velocity=1.0)
                time.sleep(0.25)
            yield found
        finally:
            found.close()
            broker.stop()


def times_of(document: Any) -> Iterator[Any]:
    """Every time in a document, however deep."""
    if isinstance(document, dict):
        for key, value in document.items():
            if key in TIMES:
                yield value
            else:
                yield from times_of(value)
    elif isinstance(document, list):
        for one in document:
            yield from times_of(one)


TOPICS = {
    "reading/co-frente-1": {"time", "zone", "quantity", "value", "unit", "quality", "reason"},
    "exposure/co-frente-1": {"time", "zone", "quantity", "value", "unit", "quality", "reason", "limits"},
    "alarm/co-frente-1.level": {
        "alarm", "occurrence", "state", "underlying", "until", "priority", "zone", "sensor", "condition", "value",
        "limit", "unit", "regime", "source", "since", "acknowledged_by", "drill",
    },
    "protocol/evacuation": {"protocol", "state", "zones", "since", "drill"},
    "protocol/ventilation": {"protocol", "state", "zones", "since", "drill"},
    "zone/frente-1": {"occupancy", "people", "protected", "access", "worst"},
    "gateway/status": {
        "state", "version", "site", "since", "steps", "clock_trusted", "journal_backlog", "broker_durable",
    },
}  # fmt: skip
"""Retained topics and the keys that each has at least."""


def test_retained_topics_have_their_keys_and_times(mine) -> None:
    late = Recorder(mine.broker.port, "late")
    try:
        wait_for(lambda: set(TOPICS) <= set(late.newest), 10, "everything retained comes to a late subscriber")
        for topic, keys in TOPICS.items():
            assert late.how[topic][1] == 1, topic
            assert keys <= set(late.newest[topic]), topic
            found = list(times_of(late.newest[topic]))
            assert all(one is None or RFC3339.fullmatch(one) for one in found), (topic, found)
            assert not any(one and one.startswith("1970") for one in found), (topic, found)
        assert not any(how[0] for topic, how in late.how.items() if topic.startswith(("command/", "node/node7/senml")))
    finally:
        late.close()
    keys = {"regime", "kind", "value", "low", "high", "limit", "fraction", "coverage", "verdict", "time_to_limit_s"}
    assert all(keys <= set(row) for row in mine.listener.newest["exposure/co-frente-1"]["limits"])
    assert mine.listener.newest["reading/no2-frente-1"] | {"time": None} == {
        "time": None, "zone": "frente-1", "quantity": "no2", "value": None, "unit": "ppm", "quality": "bad",
        "reason": "stale",
    }  # fmt: skip


def test_commands_and_acknowledgements(mine) -> None:
    command = mine.listener.newest["command/siren-1"]
    assert set(command) == {"id", "setpoint", "reason", "issued", "expires", "expires_in_s", "drill"}
    assert mine.listener.how["command/siren-1"] == (False, 1, command["expires_in_s"])
    assert command["setpoint"] == "evacuate"
    fan = mine.listener.newest["command/fan-1"]
    assert isinstance(fan["setpoint"], (int, float))
    assert 0 < fan["setpoint"] <= 100
    acknowledged = wait_for(lambda: mine.listener.newest.get("node/node7/ack"), 5, "packs are acknowledged")
    assert set(acknowledged) == {"boot", "seq"}


GETS = (
    "site", "zones", "sensors", "limits", "readings", "exposures", "alarms", "protocols", "presence", "stream",
    "nothing",
)  # fmt: skip
POSTS = (
    "alarms/co-frente-1.level/acknowledge", "alarms/co-frente-1.level/shelve", "alarms/co-frente-1.level/unshelve",
    "alarms/co-frente-1.level/reset", "protocols/evacuation/start", "protocols/reentry/start", "protocols/drill/start",
    "presence",
)  # fmt: skip


def is_problem(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert answer.json()["detail"]


def test_strangers_read_health_and_nothing_else(mine) -> None:
    health = mine.stranger.get("/health").json()
    assert set(health) >= {"status", "gateway", "checks"}
    assert health["status"] == "ok"
    for route in GETS:
        is_problem(mine.stranger.get(f"/{route}"), 401)
    for route in POSTS:
        is_problem(mine.stranger.post(f"/{route}", json={}), 401)
    for route in ("/metrics", "/docs", "/openapi.json"):
        is_problem(mine.stranger.get(mine.url + route), 401)
    is_problem(mine.stranger.post("/auth/token", data={"username": "ana", "password": "wrong"}), 401)
    is_problem(mine.stranger.get("/sensors", headers={"Authorization": "Bearer x.y.z"}), 401)


def test_a_reviewer_reads_and_may_not_command(mine) -> None:
    for route in GETS[:-2]:
        answer = mine.eva.get(f"/{route}")
        assert answer.status_code == 200, answer.text
        assert route == "site" or set(answer.json()) == {"items", "next"}
    bodies: dict[str, Any] = {"presence": {"person": "ana", "zone": None}, POSTS[1]: {"minutes": 5, "comment": "x"}}
    for route in POSTS:
        is_problem(mine.eva.post(f"/{route}", json=bodies.get(route, {})), 403)


def test_sensors_readings_and_alarms_have_their_keys(mine) -> None:
    sensors = {one["id"]: one for one in mine.eva.get("/sensors").json()["items"]}
    co = sensors["co-frente-1"]
    assert set(co) >= {
        "id", "zone", "quantity", "source", "channel", "period_s", "full_scale", "max_age_s", "role", "value", "unit",
        "quality", "reason", "time", "limits",
    }  # fmt: skip
    assert (co["quantity"], co["unit"], co["channel"], co["full_scale"]) == ("co", "ppm", "node7/co", 1000)
    page = mine.eva.get("/readings", params={"sensor": "co-frente-1", "limit": 2}).json()
    assert [set(one) for one in page["items"]] == [{"time", "sensor", "value", "unit", "quality", "reason"}] * 2
    assert isinstance(page["next"], str)
    assert all(RFC3339.fullmatch(one["time"]) for one in page["items"])
    table = mine.eva.get("/readings", params={"sensor": "co-frente-1", "format": "csv"}).text.splitlines()
    assert table[0] == "time,sensor,value,unit,quality,reason"
    for kind in ("parquet", "arrow"):
        assert mine.eva.get("/readings", params={"format": kind}).content
    alarms = {one["alarm"]: one for one in mine.eva.get("/alarms").json()["items"]}
    topic = mine.listener.newest["alarm/no2-frente-1.comm_lost"]
    assert alarms["no2-frente-1.comm_lost"] == topic, "the alarm is the MQTT payload"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("readings?sensor=nobody", 422), ("readings?start=yesterday", 422), ("readings?start=2026-01-01T00:00:00", 422),
        ("readings?start=2026-01-01T00:00:00Z&end=2025-01-01T00:00:00Z", 422), ("readings?format=xml", 422),
        ("readings?limit=0", 422), ("readings?cursor=zzz", 422), ("alarms?state=some", 422), ("nothing", 404),
        ("alarms/co-frente-1.level/acknowledge", 405), ("readings?start=9999-12-31T23:59:59Z", 200),
        ("readings?start=0001-01-01T00:00:00%2B14:00", 200),
    ],
)  # fmt: skip
def test_wrong_questions_are_problems(mine, query, status) -> None:
    answer = mine.ana.get(f"/{query}")
    if status == 200:
        assert answer.status_code == 200
    else:
        is_problem(answer, status)


def test_a_person_acknowledges_and_shelves(mine) -> None:
    answer = mine.ana.post("/alarms/co-frente-1.level/acknowledge", json={"comment": "visto"})
    assert (answer.status_code, answer.json()["state"], answer.json()["acknowledged_by"]) == (200, "acked", "ana")
    is_problem(mine.ana.post("/alarms/co-frente-1.level/reset", json={"comment": ""}), 409)
    is_problem(mine.ana.post("/alarms/co-frente-1.level/shelve", json={"comment": "x", "minutes": 5}), 409)
    shelved = mine.ana.post("/alarms/no2-frente-1.comm_lost/shelve", json={"comment": "celda", "minutes": 5}).json()
    assert (shelved["state"], shelved["underlying"]) == ("shelved", "unack")
    assert RFC3339.fullmatch(shelved["until"])
    back = mine.ana.post("/alarms/no2-frente-1.comm_lost/unshelve", json={"comment": ""}).json()
    assert (back["state"], back["underlying"], back["until"]) == ("unack", None, None)
    is_problem(mine.ana.post("/alarms/nobody.level/acknowledge", json={}), 404)
    is_problem(mine.ana.post("/alarms/no2-frente-1.comm_lost/shelve", json={"comment": "x"}), 422)
    is_problem(mine.ana.post("/alarms/no2-frente-1.comm_lost/acknowledge", content=b"\xff\xfe"), 422)


def test_a_request_is_carried_out_once_and_answered_each_time(mine) -> None:
    body = {
        "id": "letter-1", "by": "ana", "role": "officer", "target": "no2-frente-1.comm_lost", "args": {},
        "issued": "2026-11-23T07:00:00.000Z", "reply_to": f"{ROOT}reply/letter",
    }  # fmt: skip
    for count in (1, 2):
        mine.listener.say("request/acknowledge", body)
        wait_for(lambda n=count: len(mine.listener.documents("reply/letter")) == n, 5, "an answer")
    assert mine.listener.documents("reply/letter") == [{"id": "letter-1", "ok": True}] * 2
    mine.listener.say("request/reset", body | {"id": "letter-2", "target": "nobody.level"})
    wait_for(lambda: len(mine.listener.documents("reply/letter")) == 3, 5, "a refusal")
    refusal = mine.listener.documents("reply/letter")[-1]
    assert set(refusal) == {"id", "ok", "error"}
    assert refusal["ok"] is False
    changes = [line for line in mine.gateway.export("alarms") if ",no2-frente-1.comm_lost,1,unack,acked," in line]
    assert len(changes) == 1


WRONG_REQUESTS = (
    ("acknowledge", {"id": None}, "'id'"), ("acknowledge", {"id": 5}, "'id'"), ("acknowledge", {"id": ""}, "'id'"),
    ("acknowledge", {"by": 7}, "'by'"), ("acknowledge", {"args": []}, "'args'"), ("dance", {}, "'dance'"),
    ("presence", {"target": "beto"}, "`zone` is missing"),
)  # fmt: skip


@pytest.mark.parametrize("number", range(len(WRONG_REQUESTS)))
def test_a_request_that_is_wrong_is_told_where_it_asked_to_be_answered(mine, number) -> None:
    action, wrong, words = WRONG_REQUESTS[number]
    reply, ident = f"reply/wrong-{number}", f"wrong-{number}"
    right = {"id": ident, "by": "ana", "role": "officer", "target": "x.level", "args": {}, "reply_to": ROOT + reply}
    mine.listener.say(f"request/{action}", right | wrong)
    answer = wait_for(lambda: mine.listener.newest.get(reply), 5, "an answer")
    assert (answer["id"], answer["ok"]) == (None if "id" in wrong else ident, False)
    assert words in answer["error"]


def test_export_while_the_gateway_runs(mine) -> None:
    lines = mine.gateway.export()
    assert lines[0] == "time,sensor,value,unit,quality,reason"
    at, sensor, value, unit, quality, reason = lines[1].split(",")
    assert RFC3339.fullmatch(at)
    assert (sensor, float(value), unit, quality, reason) == ("co-frente-1", 900.0, "ppm", "good", "")
    for what in ("exposures", "alarms", "commands", "audit"):
        assert mine.gateway.export(what)[0].split(",")[0] in {"time", "n"}


def test_odd_payloads_become_qualities_and_never_an_end(mine) -> None:
    for pack, quality, reason in (
        ('[{"bn":"node7/","n":"co","u":"ppm","v":1e308}]', "bad", "absurd"),
        ('[{"bn":"node7/","n":"co","u":"ppm","v":-80}]', "bad", "under_range"),
        ('[{"bn":"node7/","bt":1e9,"n":"co","u":"ppm","v":3}]', "uncertain", "clock"),
        ('[{"bn":"node7/","bt":4.07e9,"n":"co","u":"ppm","v":4}]', "uncertain", "clock"),
        ('[{"bn":"node7/","bt":1e308,"n":"co","u":"ppm","v":5}]', "uncertain", "clock"),
        ('[{"n":"co","u":"ppm","v":6,"t":-1}]', "good", None),
        ('[{"bn":"node7/","n":"co","u":"ppm","v":2000}]', "uncertain", "over_range"),
        ('[{"bn":"node7/","n":"co","u":"ppm","v":7}]', "uncertain", "bump_suspect"),  # until it has proved itself
    ):
        mine.listener.say("node/node7/senml", pack)
        wanted = {"value": json.loads(pack)[0]["v"], "quality": quality, "reason": reason}
        wait_for(lambda wanted=wanted: mine.shows("co-frente-1", wanted), 5, f"{pack}: {wanted}")
    topics = ("node/node7/senml", "request/acknowledge", "presence/ana", "presence/count/frente-1")
    for topic in (*topics, "actuator/fan-1/state"):
        for payload in (b"\xff\x00", "[", "[1]", "{}", "[" * 5000, '{"zone": 7, "time": "0001-01-01T00:00:00+14:00"}'):
            mine.listener.say(topic, payload)
    mine.listener.say("presence/ana", {"zone": None, "time": "0001-01-01T00:00:00+14:00"})
    answer = mine.listener.ask("presence", "ana", zone="frente-1")
    assert answer["ok"] is True, answer
