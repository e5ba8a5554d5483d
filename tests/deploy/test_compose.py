"""docker-compose.yml and the Dockerfile say what they should, as far as can be told without a container engine."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
SERVICES = ("mosquitto", "influxdb", "gateway", "api")


def compose_program() -> list[str] | None:
    """The compose program at hand: the plugin, else Debian's docker-compose."""
    if shutil.which("docker"):
        plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, timeout=30, check=False)
        if plugin.returncode == 0:
            return ["docker", "compose"]
    return ["docker-compose"] if shutil.which("docker-compose") else None


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def test_compose_accepts_the_file() -> None:
    program = compose_program()
    if program is None:
        pytest.skip("neither docker compose nor docker-compose is installed")
    command = [*program, "-f", str(COMPOSE), "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_watches_itself_and_restarts(name: str, compose: dict[str, Any]) -> None:
    service = compose["services"][name]
    assert {"test", "interval", "timeout", "retries"} <= service["healthcheck"].keys()
    assert service["restart"] == "unless-stopped"
    assert service["cap_drop"] == ["ALL"]
    assert "privileged" not in service
    assert service["logging"]["options"]["max-size"]


def test_there_is_nothing_else(compose: dict[str, Any]) -> None:
    assert tuple(compose["services"]) == SERVICES
    assert compose["services"]["influxdb"]["image"] == "influxdb:2.7"


def test_nothing_that_protects_people_waits_for_the_central_store(compose: dict[str, Any]) -> None:
    assert compose["services"]["gateway"]["depends_on"] == ["mosquitto"]
    assert compose["services"]["api"]["depends_on"] == ["mosquitto"]


def test_no_service_runs_as_root(compose: dict[str, Any]) -> None:
    for name in SERVICES:
        service = compose["services"][name]
        if "build" in service:
            stage = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)
            (text,) = [one for one in stage if one.splitlines()[0].endswith(f" AS {service['build']['target']}")]
            assert re.search(r"^USER (?!root|0)\S+$", text, re.MULTILINE), name
        else:
            assert not service["user"].startswith(("0", "root")), name


def test_every_volume_and_secret_that_is_used_is_declared(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert set(service.get("secrets", [])) <= compose["secrets"].keys()
        named = {volume.split(":")[0] for volume in service["volumes"] if not volume.startswith(("/", ".", "$"))}
        assert named <= compose["volumes"].keys()


def test_what_the_dockerfile_copies_is_there_and_not_ignored() -> None:
    allowed = {
        line[1:] for line in (ROOT / "deploy" / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert source in allowed


def test_the_images_name_no_processor() -> None:
    commands = [line for line in DOCKERFILE.splitlines() if not line.startswith("#")]
    assert not re.search(r"amd64|arm64|aarch64|x86_64|--platform", "\n".join(commands))
