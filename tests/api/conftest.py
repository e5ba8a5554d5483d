"""A web process on a free port, over a real broker, with a gateway that says and does what a test tells it."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import paho.mqtt.client as mqtt
import pytest
from argon2 import PasswordHasher
from paho.mqtt.enums import CallbackAPIVersion

import api.users
from api.app import create_app, user_file
from api.live import LiveState
from api.server import Server
from api.users import UserStore
from gateway.domain.site import Site

PASSWORD = "a long password"
SITE = {
    "site": {"id": "mina-1", "name": "Mina 1", "demo": True, "regimes": ["peru", "acgih"]},
    "zones": [
        {"id": "bocamina", "name": "Bocamina", "kind": "portal"},
        {"id": "frente-1", "name": "Frente 1", "kind": "face"},
    ],
    "connections": [{"from": "bocamina", "to": "frente-1", "length_m": 120}],
    "sources": [{"id": "nodes", "kind": "mqtt", "topic": "bocamina/v1/mina-1/node/+/senml", "format": "senml-json"}],
    "sensors": [
        {"id": "co-frente-1", "zone": "frente-1", "quantity": "co", "source": "nodes", "channel": "n7/co"},
        {"id": "o2-frente-1", "zone": "frente-1", "quantity": "o2", "source": "nodes", "channel": "n7/o2"},
        {"id": "no2-frente-1", "zone": "frente-1", "quantity": "no2", "source": "nodes", "channel": "n7/no2"},
    ],
    "actuators": [
        {"id": "fan-1", "kind": "fan", "zones": ["frente-1"], "mode": "blowing"},
        {"id": "siren-1", "kind": "siren", "zones": ["frente-1"]},
    ],
    "people": [{"id": "ana", "name": "Ana", "role": "officer", "notify": ["sms:+51999"]}],
}


def eventually(look: Callable[[], Any], what: str, within_s: float = 10.0) -> Any:
    """What `look` gives once it is true."""
    deadline = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.02)
    return found


def alarm(state: str = "unack", **changes: Any) -> dict[str, Any]:
    """An alarm's document."""
    return {
        "alarm": "co-frente-1.level", "occurrence": 1, "state": state, "underlying": state, "until": None,
        "priority": "high", "zone": "frente-1", "sensor": "co-frente-1", "condition": "level", "value": 240.0,
        "limit": 200.0, "unit": "ppm", "regime": "niosh", "source": "NIOSH REL ceiling", "acknowledged_by": None,
        "since": "2026-11-23T15:04:05.000Z", "drill": False, "title_es": "CO alto", "title_en": "CO high",
        "response_es": "RETIRE al personal y cierre el acceso.",
        "response_en": "WITHDRAW the people and close the access.", **changes,
    }  # fmt: skip


class FakeGateway:
    """Publishes the interface's topics and answers requests; `answers` may say no, `mute` says nothing."""

    def __init__(self, site: Site) -> None:
        self.root = f"bocamina/v1/{site.site.id}/"
        self.requests: list[dict[str, Any]] = []
        self.refusal: str | None = None
        self.mute = False
        self.status: dict[str, Any] = {"state": "ready", "version": "0.1.0", "journal_backlog": 3}
        self._alarms: dict[str, dict[str, Any]] = {}
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe(self.root + "request/+", 1)
        self._client.on_message = self._on_request
        self._subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.connect(site.mqtt.host, site.mqtt.port)
        self._client.loop_start()
        assert self._subscribed.wait(10)

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        self._client.on_connect = self._client.on_subscribe = self._client.on_message = None
        del self._client  # paho closes its last sockets when it is collected

    def say(self, topic: str, document: dict[str, Any] | None, *, retain: bool = True) -> None:
        payload = b"" if document is None else json.dumps(document).encode()
        self._client.publish(self.root + topic, payload, 1, retain).wait_for_publish(5)

    def live(self, **changes: Any) -> None:
        """A sign of life."""
        self.status |= changes
        self.say("gateway/status", self.status)

    def raise_alarm(self, document: dict[str, Any]) -> None:
        self._alarms[document["alarm"]] = document
        self.say(f"alarm/{document['alarm']}", document)

    def read(self, sensor: str, value: float | None, quality: str = "good", **more: Any) -> None:
        """A reading and, with `limits`, an exposure."""
        now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        document = {
            "time": now, "zone": "frente-1", "quantity": sensor.partition("-")[0], "value": value, "unit": "ppm",
            "quality": quality, "reason": None, **more,
        }  # fmt: skip
        kind = "exposure" if "limits" in more else "reading"
        self.say(f"{kind}/{sensor}", document)

    def _on_request(self, client: mqtt.Client, _: Any, message: mqtt.MQTTMessage) -> None:
        request = json.loads(message.payload)
        action = message.topic.rsplit("/", 1)[1]
        self.requests.append({"action": action, **request})
        if self.mute:
            return
        reply = {"id": request["id"], "ok": self.refusal is None}
        if self.refusal is not None:
            reply["error"] = self.refusal
        client.publish(request["reply_to"], json.dumps(reply), 1)
        if self.refusal is None and request["target"] in self._alarms:
            self._follow(action, request)

    def _follow(self, action: str, request: dict[str, Any]) -> None:
        document = self._alarms[request["target"]]
        acked = "latched_acked" if document["state"].startswith("latched") else "acked"
        states = {"acknowledge": acked, "reset": "normal", "shelve": "shelved", "unshelve": "acked",
                  "out_of_service": "out_of_service", "in_service": "acked"}  # fmt: skip
        document = {**document, "state": states[action], "acknowledged_by": request["by"]}
        self._alarms[request["target"]] = document
        topic = f"{self.root}alarm/{request['target']}"
        self._client.publish(topic, json.dumps(document), 1, retain=True)
        if document["state"] == "normal":
            self._client.publish(topic, b"", 1, retain=True)


class Web:
    """The web process under test."""

    def __init__(self, url: str, app: Any) -> None:
        self.url = url
        self.app = app
        self.services = app.state.services
        self._clients: list[httpx.Client] = []

    def close(self) -> None:
        for client in self._clients:
            client.close()

    def client(self, user: str | None = None) -> httpx.Client:
        client = httpx.Client(base_url=self.url, timeout=15)
        self._clients.append(client)
        if user is not None:
            answer = client.post("/api/v1/auth/token", data={"username": user, "password": PASSWORD})
            client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return client


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """argon2 at its real cost would be most of these tests' time; its strength is argon2's own business."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(api.users, "PasswordHasher", lambda: cheap)


@pytest.fixture
def site(mosquitto: Any) -> Site:
    return Site.model_validate({**SITE, "mqtt": {"host": mosquitto.host, "port": mosquitto.port}})


@pytest.fixture
def fake_gateway(site: Site) -> Iterator[FakeGateway]:
    gateway = FakeGateway(site)
    yield gateway
    gateway.stop()


@pytest.fixture
def history() -> Any:
    """None: no history at hand; tests that need one override it."""
    return None


@pytest.fixture
def quiet_web(site: Site, tmp_path: Path, history: Any) -> Iterator[Web]:
    """A web process that has heard nothing of a gateway."""
    users = UserStore(user_file(tmp_path))
    for name, role in (("ana", "officer"), ("rosa", "reviewer"), ("jefe", "admin")):
        users.put(name, role, PASSWORD)
    with serving(site, tmp_path, history) as web:
        yield web


@pytest.fixture
def web(quiet_web: Web, fake_gateway: FakeGateway) -> Web:
    """A web process that hears a living gateway."""
    eventually(lambda: quiet_web.services.link.trouble is None, "the web process reaches the broker")
    fake_gateway.live()
    eventually(lambda: quiet_web.services.live.gateway()[1] is not None, "the gateway is heard")
    return quiet_web


class serving:
    """`with serving(…) as web`: started, answering, and stopped whatever happens."""

    def __init__(self, site: Site, folder: Path, history: Any) -> None:
        self._app = create_app(site, folder, history)
        self._server = Server(self._app)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listener]})

    def __enter__(self) -> Web:
        self._thread.start()
        eventually(lambda: self._server.started, "the web process answers")
        self._web = Web(f"http://127.0.0.1:{self._listener.getsockname()[1]}", self._app)
        return self._web

    def __exit__(self, *_: object) -> None:
        self._web.close()
        self._server.stop()
        self._thread.join(10)
        self._listener.close()
        assert not self._thread.is_alive(), "the web process stops although streams are open"


@pytest.fixture
def serve() -> type[serving]:
    return serving


@pytest.fixture
def until() -> Callable[..., Any]:
    return eventually


@pytest.fixture
def make_alarm() -> Callable[..., dict[str, Any]]:
    return alarm


@pytest.fixture
def password() -> str:
    return PASSWORD


@pytest.fixture
def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def link_and_live(clock: Clock) -> tuple[Any, LiveState, Clock]:
    """A live state on a clock of the test's, and a link that says the broker is there."""
    site = Site.model_validate(SITE)
    return type("Link", (), {"trouble": None})(), LiveState(site, clock), clock
