"""A mine on loopback: the gateway as a real process, nodes and a listener on a real broker."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

SITE = "orex-01"
ROOT = f"bocamina/v1/{SITE}/"


def wait_for(what: Callable[[], Any], seconds: float, why: str) -> Any:
    """The first true answer of `what`; fails with `why` at the deadline."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.01)
    raise AssertionError(f"not within {seconds} s: {why}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def site_text(mqtt_port: int, *, serial_port: str | None = None, delays: str = "", extra: str = "") -> str:
    """A small site: one portal, one face, a node with CO and NO2, a siren, a fan and its proof."""
    serial = (
        f"""
[[sources]]
id = "co-line"
kind = "serial"
port = "{serial_port}"
driver = "winsen-ze03"
[[sensors]]
id = "co-serial"
zone = "frente-1"
quantity = "co"
source = "co-line"
channel = "co"
period_s = 1
full_scale = 1000
warm_up_s = 0
{delays}
"""
        if serial_port
        else ""
    )
    return f"""
[site]
id = "{SITE}"
name = "Bocamina Orex 1"
altitude_m = 2850
[mqtt]
port = {mqtt_port}
[[zones]]
id = "bocamina"
name = "Bocamina"
kind = "portal"
[[zones]]
id = "frente-1"
name = "Frente 1"
kind = "face"
[[connections]]
from = "bocamina"
to = "frente-1"
length_m = 120
area_m2 = 4.0
[[sources]]
id = "nodes"
kind = "mqtt"
topic = "{ROOT}node/+/senml"
format = "senml-json"
[[sensors]]
id = "co-frente-1"
zone = "frente-1"
quantity = "co"
source = "nodes"
channel = "node7/co"
period_s = 1
full_scale = 1000
warm_up_s = 0
{delays}
[[sensors]]
id = "no2-frente-1"
zone = "frente-1"
quantity = "no2"
source = "nodes"
channel = "node7/no2"
period_s = 1
full_scale = 20
warm_up_s = 0
{delays}
[[sensors]]
id = "v-fan-1"
zone = "frente-1"
quantity = "air_velocity"
source = "nodes"
channel = "node7/air_velocity"
period_s = 1
role = "fan_proof"
warm_up_s = 0
[[actuators]]
id = "fan-1"
kind = "fan"
zones = ["frente-1"]
mode = "blowing"
[[actuators]]
id = "siren-1"
kind = "siren"
zones = ["bocamina", "frente-1"]
[[people]]
id = "ana"
name = "Ana"
role = "officer"
{serial}
{extra}
"""


class Listener:
    """Hears `topics` under the site's root, keeps every message in order and the newest document of each topic."""

    def __init__(self, port: int, name: str = "listener", topics: Sequence[str] = ("#",)) -> None:
        self.heard: list[tuple[float, str, bytes]] = []
        self.newest: dict[str, Any] = {}
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe([(ROOT + topic, 1) for topic in topics])
        self._client.on_message = self._hear
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _hear(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        topic = message.topic[len(ROOT) :]
        self.heard.append((time.monotonic(), topic, bytes(message.payload)))
        with suppress(ValueError, RecursionError):
            self.newest[topic] = json.loads(message.payload) if message.payload else None

    def documents(self, topic: str) -> list[dict[str, Any]]:
        return [json.loads(body) for _, heard, body in list(self.heard) if heard == topic and body]

    def ask(self, action: str, target: str, by: str = "ana", role: str = "officer", **args: Any) -> dict[str, Any]:
        """A person's request, and the gateway's answer."""
        ident = f"ask-{len(self.heard)}-{time.monotonic_ns()}"
        reply_to = f"{ROOT}reply/{ident}"
        issued = "2026-11-23T00:00:00.000Z"
        body = {"id": ident, "by": by, "role": role, "target": target, "args": args, "issued": issued,
                "reply_to": reply_to}  # fmt: skip
        self.say(f"request/{action}", body)
        return dict(wait_for(lambda: self.newest.get(f"reply/{ident}"), 10, f"an answer to {action} {target}"))

    def say(self, topic: str, body: Any, retain: bool = False) -> None:
        payload = body if isinstance(body, (bytes, str)) else json.dumps(body)
        self._client.publish(ROOT + topic, payload, qos=1, retain=retain)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Node:
    """A node after the interface: numbers its packs, keeps them until the ack, sends them again oldest first."""

    def __init__(self, port: int, name: str = "node7", boot: int = 1, resend_s: float = 3.0) -> None:
        self.name, self.boot, self.seq = name, boot, 0
        self.waiting: dict[int, bytes] = {}
        self.acked = -1
        self._lock = threading.Lock()
        self._resend_s, self._next_resend = resend_s, time.monotonic() + resend_s
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv5)
        self._client.will_set(f"{ROOT}node/{name}/status", json.dumps({"state": "offline"}), 1, retain=True)
        self._client.on_connect = self._connected
        self._client.on_message = self._acknowledged
        self._client.connect("127.0.0.1", port)
        self._client.reconnect_delay_set(1, 1)
        self._client.loop_start()

    def _connected(self, client: mqtt.Client, *_: Any) -> None:
        client.subscribe(f"{ROOT}node/{self.name}/ack", qos=1)
        client.publish(f"{ROOT}node/{self.name}/status", json.dumps({"state": "online"}), 1, retain=True)
        self._resend()

    def _acknowledged(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        body = json.loads(message.payload)
        if body["boot"] == self.boot:
            with self._lock:
                self.acked = max(self.acked, body["seq"])
                for seq in [seq for seq in self.waiting if seq <= body["seq"]]:
                    del self.waiting[seq]

    def _resend(self) -> None:
        with self._lock:
            waiting = sorted(self.waiting.items())
        for _, pack in waiting:
            self._client.publish(f"{ROOT}node/{self.name}/senml", pack, qos=1)
        self._next_resend = time.monotonic() + self._resend_s

    def send(self, base_time: float | None = None, **values: float) -> int:
        """One pack of these values; its number. `base_time`: the node's own clock, none without one."""
        base: dict[str, Any] = {"bn": f"{self.name}/", "n": "boot", "v": self.boot}
        if base_time is not None:
            base["bt"] = base_time
        seq = self.seq
        self.seq += 1
        records = [base, {"n": "seq", "v": seq}, *({"n": name, "v": value} for name, value in values.items())]
        pack = json.dumps(records).encode()
        with self._lock:
            self.waiting[seq] = pack
        self._client.publish(f"{ROOT}node/{self.name}/senml", pack, qos=1)
        self.turn()
        return seq

    def turn(self) -> bool:
        """Send again what has waited too long; whether nothing waits any more."""
        if time.monotonic() > self._next_resend:
            self._resend()
        return not self.waiting

    def drop(self) -> None:
        """The node's link is cut: the broker speaks its last will."""
        sock = self._client.socket()
        self._client.loop_stop()
        if sock is not None:
            sock.close()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Gateway:
    """`bocamina run` as its own process, to be killed at will."""

    def __init__(self, site: Path, data: Path) -> None:
        self.site, self.data = site, data
        self.process: subprocess.Popen[bytes] | None = None
        self.log = data / "gateway.log"
        data.mkdir(parents=True, exist_ok=True)

    def start(self) -> Self:
        environment = os.environ | {"BOCAMINA_DATA": str(self.data)}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bocamina", "run", str(self.site)], env=environment, stdout=log, stderr=log
            )
        return self

    def kill(self) -> None:
        """As the power or the kernel would end it."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(10)
            self.process = None

    def stop(self) -> int:
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the gateway did not stop; its log:\n{self.log.read_text()[-3000:]}") from None
        self.process = None
        return code

    def export(self, what: str = "readings") -> list[str]:
        """What the journal holds, by the command that a person would use."""
        done = subprocess.run(
            [sys.executable, "-m", "bocamina", "export", str(self.site), "--what", what],
            env=os.environ | {"BOCAMINA_DATA": str(self.data)},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout.splitlines()


def ready(listener: Listener, since: float, seconds: float = 20) -> None:
    """Waits until a gateway started after `since` says that it watches."""

    def says_so() -> bool:
        return any(
            at > since and topic == "gateway/status" and body and json.loads(body)["state"] in {"ready", "degraded"}
            for at, topic, body in reversed(listener.heard)
        )

    wait_for(says_so, seconds, "gateway/status says ready")


def every(seconds: float, times: int) -> Iterator[int]:
    """Counts at a steady pace, as a node would."""
    start = time.monotonic()
    for count in range(times):
        time.sleep(max(0.0, start + count * seconds - time.monotonic()))
        yield count
