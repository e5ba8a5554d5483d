"""`bocamina demo`: broker, simulated mine, gateway and dashboard on loopback; nothing to install first."""

import ctypes
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from gateway.domain.errors import ConfigError, OperationFailed

SITE: Final = Path(__file__).parents[2] / "deploy" / "sites" / "demo.toml"
SCENARIO: Final = "demo"
USERS: Final = ("officer", "reviewer", "admin")
HTTP_PORT: Final = 8000
MQTT_PORT: Final = 1883
READY_S: Final = 30.0
STOP_S: Final = 8.0
PR_SET_PDEATHSIG: Final = 1


def demo() -> int:
    """Show the whole of it: a simulated mine, its blasts, its fans, its alarms. Ctrl-C ends everything."""
    if not SITE.is_file():
        raise OperationFailed(f"{SITE}: not there; the demo runs from a source checkout ('make run')")
    http_port = _port("BOCAMINA_HTTP_PORT", HTTP_PORT)
    _free("BOCAMINA_HTTP_PORT", http_port)
    mqtt_port = _mqtt_port()
    password = os.environ.get("BOCAMINA_DEMO_PASSWORD") or secrets.token_urlsafe(9)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupt)
    try:
        with ExitStack() as stack:
            data = Path(os.environ.get("BOCAMINA_DATA") or stack.enter_context(tempfile.TemporaryDirectory()))
            _serve(stack, data.absolute(), http_port, mqtt_port, password)
    except KeyboardInterrupt:
        print("\nended", flush=True)
    return 0


def _serve(stack: ExitStack, data: Path, http_port: int, mqtt_port: int, password: str) -> None:
    ports = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bocamina-ports-")))
    site = ports / "site.toml"
    _write_site(site, ports, mqtt_port)
    _make_users(data, site, password)
    environment = os.environ | {"BOCAMINA_DATA": str(data), "BOCAMINA_HTTP_PORT": str(http_port)}
    python = sys.executable
    parts = {
        "broker": [python, "-m", "bocamina.demo_broker", str(mqtt_port)],
        "simulated mine": [python, "-m", "firmware_sim", "--site", str(site), "--scenario", SCENARIO,
                           "--ports", str(ports), "--mqtt-port", str(mqtt_port)],
        "gateway": [python, "-m", "bocamina", "run", str(site)],
        "dashboard": [python, "-m", "bocamina", "api", str(site)],
    }  # fmt: skip
    log = data / "demo.log"
    running = {
        name: stack.enter_context(_process(command, environment, log)) for name, command in parts.items()
    }
    _wait_for_port(http_port, running, log)
    print(
        f"dashboard: http://127.0.0.1:{http_port}\n"
        f"log-ins:   {', '.join(USERS)}; password of all three: {password}\n"
        f"log:       {log}\n"
        "This is a DEMO: a simulated mine, a broker that keeps nothing. Ctrl-C ends it.",
        flush=True,
    )
    while True:
        _all_alive(running, log)
        time.sleep(0.5)


def _write_site(site: Path, ports: Path, mqtt_port: int) -> None:
    """The demo's site file with this run's ports."""
    text = SITE.read_text(encoding="utf-8").replace('"demo:', f'"{ports}/')
    before, mqtt, after = text.partition("[mqtt]\n")
    lines = [line for line in after.splitlines() if not line.replace(" ", "").startswith("port=1883")]
    site.write_text(before + mqtt + f"port = {mqtt_port}\n" + "\n".join(lines) + "\n", encoding="utf-8")


def _make_users(data: Path, site: Path, password: str) -> None:
    from api.app import user_file
    from api.users import UserStore
    from bocamina.site_file import load_site
    from gateway.stores.paths import journal_path

    folder = journal_path(load_site(site).site.id, data).parent
    folder.mkdir(parents=True, exist_ok=True)
    users = UserStore(user_file(folder))
    for name in USERS:
        users.put(name, name, password)


@contextmanager
def _process(command: list[str], environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A child that ends with us, however we end; Ctrl-C reaches us alone, and we end the children in order."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        child = subprocess.Popen(  # noqa: S603  our own interpreter and modules
            command, env=environment, stdout=file, stderr=file, stdin=subprocess.DEVNULL,
            start_new_session=True, preexec_fn=_die_with_parent,  # noqa: PLW1509  one thread here, and one prctl there
        )  # fmt: skip
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait(STOP_S)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _wait_for_port(port: int, running: dict[str, subprocess.Popen[bytes]], log: Path) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        _all_alive(running, log)
        with socket.socket() as probe:
            probe.settimeout(0.2)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise OperationFailed(f"the dashboard did not answer on port {port} within {READY_S:g} s; see {log}")


def _all_alive(running: dict[str, subprocess.Popen[bytes]], log: Path) -> None:
    for name, child in running.items():
        if child.poll() is not None:
            last = (log.read_text(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
            raise OperationFailed(f"the {name} ended with status {child.returncode}: {last}")


def _port(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise ConfigError(f"{name} is {text!r}; expected a port from 1 to 65535")
    return int(text)


def _free(name: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise OperationFailed(
                f"port {port} is in use ({error.strerror}); end what uses it, or choose another with {name}"
            ) from error


def _mqtt_port() -> int:
    """The broker's port: what was asked for, else 1883, else (a Mosquitto has it already) any that is free."""
    port = _port("BOCAMINA_MQTT_PORT", MQTT_PORT)
    try:
        _free("BOCAMINA_MQTT_PORT", port)
    except OperationFailed:
        if os.environ.get("BOCAMINA_MQTT_PORT"):
            raise
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])
    return port


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
