"""`bocamina user` and `bocamina api` as a person calls them."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from api.users import UserStore
from bocamina.cli import run
from gateway.domain.site import Site

TOML = """
[site]
id = "mina-1"
name = "Mina 1"
[mqtt]
port = {port}
[[zones]]
id = "bocamina"
name = "Bocamina"
kind = "portal"
"""


@pytest.fixture
def site_file(tmp_path: Path, free_port: int, monkeypatch) -> Path:
    """A site whose broker is not there; its data folder is the test's own."""
    monkeypatch.setenv("BOCAMINA_DATA", str(tmp_path / "data"))
    path = tmp_path / "mina.toml"
    path.write_text(TOML.format(port=free_port))
    return path


def add_user(site_file, password, *arguments, monkeypatch):
    read, write = os.pipe()
    os.write(write, f"{password}\n".encode())
    os.close(write)
    with os.fdopen(read) as standard_input:
        monkeypatch.setattr("sys.stdin", standard_input)
        return run(["user", str(site_file), *arguments])


def test_a_user_is_added_from_standard_input(site_file, tmp_path, monkeypatch, capsys):
    assert add_user(site_file, "a long password", "ana", "--role", "officer", monkeypatch=monkeypatch) == 0
    store = UserStore(tmp_path / "data" / "mina-1" / "users.json")
    assert store.verify("ana", "a long password").role == "officer"
    assert capsys.readouterr().out == "ana may log in as officer\n"


@pytest.mark.parametrize(("password", "role", "words"), [
    ("short", "officer", "the password has 5 characters; expected at least 8"),
    ("a long password", "miner", "'miner' is not known; expected one of officer, supervisor, reviewer, admin"),
])  # fmt: skip
def test_a_wrong_user_gets_one_sentence_and_status_2(site_file, tmp_path, monkeypatch, capsys, password, role, words):
    assert add_user(site_file, password, "ana", "--role", role, monkeypatch=monkeypatch) == 2
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_a_port_in_use_is_one_sentence_and_status_1(site_file, capsys):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert run(["api", str(site_file), "--port", str(port)]) == 1
    told = capsys.readouterr().err
    assert f"127.0.0.1:{port}" in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("port", ["eighty", "70000"])
def test_a_port_that_is_none_is_named(site_file, monkeypatch, capsys, port):
    monkeypatch.setenv("BOCAMINA_HTTP_PORT", port)
    assert run(["api", str(site_file)]) == 2
    assert "BOCAMINA_HTTP_PORT" in capsys.readouterr().err


def test_an_address_that_is_not_ours(site_file, capsys):
    assert run(["api", str(site_file), "--host", "192.0.2.1", "--port", "0"]) == 1
    assert "192.0.2.1" in capsys.readouterr().err


def test_it_starts_without_a_broker_says_so_and_ends_on_a_signal(site_file):
    process = subprocess.Popen(
        [sys.executable, "-m", "bocamina", "api", str(site_file), "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    try:
        url = process.stdout.readline().split()[1]
        answer = httpx.get(url + "api/v1/health", timeout=10)
        assert answer.status_code == 503
        assert answer.json()["status"] == "down"
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_mqtt_3_1_1_carries_orders_too(mosquitto, tmp_path, fake_gateway, serve, until, make_alarm, password):
    """The demo's embedded broker has no MQTT 5: response address and expiry stand in the payload."""
    mqtt = {"host": mosquitto.host, "port": mosquitto.port, "protocol": "3.1.1"}
    site = Site.model_validate({"site": {"id": "mina-1", "name": "Mina 1"}, "mqtt": mqtt})
    UserStore(tmp_path / "users.json").put("ana", "officer", password)
    fake_gateway.raise_alarm(make_alarm())
    with serve(site, tmp_path, None) as web:
        until(lambda: web.services.live.all("alarm"), "the retained alarm")
        fake_gateway.live()
        answer = web.client("ana").post("/api/v1/alarms/co-frente-1.level/acknowledge")
        assert answer.json()["state"] == "acked"
