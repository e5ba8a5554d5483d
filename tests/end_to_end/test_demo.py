"""What a visitor of `make run` sees within two minutes, by HTTP as their browser would ask."""

import os
import signal
import subprocess
import sys
import time
from typing import Any

import httpx
import psutil
import pytest

from tests.end_to_end.mine import free_port, wait_for

pytestmark = [pytest.mark.xdist_group("demo"), pytest.mark.timeout(300)]


def family(pid: int) -> list[psutil.Process]:
    return [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]


def test_a_visitor_sees_the_alarm_the_fan_its_proof_and_the_gas_below_its_limit(tmp_path) -> None:
    http, mqtt = free_port(), free_port()
    environment = os.environ | {
        "BOCAMINA_HTTP_PORT": str(http), "BOCAMINA_MQTT_PORT": str(mqtt), "BOCAMINA_DEMO_PASSWORD": "prueba-123",
        "BOCAMINA_DATA": str(tmp_path),
    }  # fmt: skip
    demo = subprocess.Popen(
        [sys.executable, "-m", "bocamina", "demo"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    client = httpx.Client(base_url=f"http://127.0.0.1:{http}/api/v1", timeout=10)
    try:

        def ask(path: str, **query: Any) -> Any:
            answer = client.get(path, params=query)
            answer.raise_for_status()
            return answer.json()

        def healthy() -> bool:
            try:
                return client.get("health").json()["status"] == "ok"
            except httpx.TransportError:
                return False

        wait_for(healthy, 40, "health says ok")
        assert client.get("sensors").status_code == 401
        log_in = client.post("auth/token", data={"username": "officer", "password": "prueba-123"})
        client.headers["Authorization"] = f"Bearer {log_in.json()['access_token']}"
        processes = family(demo.pid)
        assert len(processes) == 5, "the demo, its broker, mine, gateway and dashboard"

        def alarm() -> dict[str, Any] | None:
            return next((a for a in ask("alarms")["items"] if a["alarm"] == "co-frente-1.level"), None)

        def co() -> float | None:
            value = next(s["value"] for s in ask("sensors")["items"] if s["id"] == "co-frente-1")
            return None if value is None else float(value)

        def fan() -> dict[str, Any]:
            found: dict[str, Any] = next(p for p in ask("protocols")["items"] if p["protocol"] == "ventilation")
            return dict(found["fans"]["fan-1"])

        seen = wait_for(lambda: (a := alarm()) and a["priority"] == "evacuate" and a, 60, "the blast is an alarm")
        assert seen["limit"] == 200.0
        assert seen["source"]
        highest = wait_for(lambda: (v := co()) and v > 100 and v, 30, "the gas rises")
        wait_for(lambda: fan()["wanted"] == 100, 20, "the fan is commanded")
        wait_for(lambda: fan()["proof"]["proven"], 60, "air moves: the command is proven")
        wait_for(lambda: (v := co()) is not None and v < 25, 60, "the gas falls below its limit")
        assert co() != highest
        now = alarm()
        assert now is not None, "the alarm stands although the gas is gone"
        latched = wait_for(lambda: (a := alarm()) and a["state"].startswith("latched") and a, 60, "it latches")
        reentry = next(p for p in ask("protocols")["items"] if p["protocol"] == "reentry")
        assert reentry["state"] != "permitted"
        if latched["state"] == "latched_unack":
            answer = client.post("alarms/co-frente-1.level/acknowledge", json={"comment": "visto"})
            assert answer.status_code == 200, answer.text
        answer = client.post("alarms/co-frente-1.level/reset", json={"comment": "sin gas"})
        assert answer.status_code == 200, answer.text
        wait_for(lambda: alarm() is None, 10, "acknowledge and reset end it")
        started = time.monotonic()
        demo.send_signal(signal.SIGINT)
        assert demo.wait(30) == 0
        assert time.monotonic() - started < 20
        _, alive = psutil.wait_procs(processes, timeout=5)
        assert not alive, "Ctrl-C leaves no process behind"
    finally:
        client.close()
        if demo.poll() is None:
            demo.terminate()
            demo.wait(30)
        if demo.stdout is not None:
            demo.stdout.close()


def test_a_port_in_use_is_one_clear_sentence(tmp_path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "bocamina", "demo"], env=os.environ | {"BOCAMINA_HTTP_PORT": port},
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert port in done.stderr
