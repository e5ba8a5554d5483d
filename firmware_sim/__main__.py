"""`python -m firmware_sim`: the simulated mine as a process of its own."""

import argparse
import logging
import os
import signal
import sys
import time
import tomllib
from pathlib import Path

from firmware_sim.devices.connection import Broker
from firmware_sim.live import Simulator
from firmware_sim.mine import Mine
from firmware_sim.scenarios import load, names
from firmware_sim.script import ScenarioError


def main(arguments: list[str] | None = None) -> int:
    """Run it until it is interrupted; the exit status: 0, or 2 with one sentence for wrong input."""
    asked = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="sim: %(message)s")
    try:
        simulator = build(
            asked.site, asked.scenario, ports=asked.ports, speed=asked.speed, physics_speed=asked.physics_speed,
            mqtt_port=asked.mqtt_port, wait=not asked.no_wait,
        )  # fmt: skip
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: simulator.stop())
        simulator.run()
    except (ScenarioError, OSError) as error:
        sys.stderr.write(f"{_sentence(error)}\n")
        return 2
    return 0


def build(
    site: Path, scenario: str, *, ports: Path | None = None, speed: float = 1.0, physics_speed: float | None = None,
    mqtt_port: int | None = None, wait: bool = True,
) -> Simulator:  # fmt: skip
    """The simulator of a site file. Raises ScenarioError or OSError, each with one sentence."""
    for name, value in (("--speed", speed), ("--physics-speed", physics_speed)):
        if value is not None and not 0 < value <= 1000:
            raise ScenarioError(f"{name} is {value:g}; expected more than 0 and at most 1000")
    try:
        body = tomllib.loads(site.read_text(encoding="utf-8"))
        run = str(int(time.time()))
        mine = Mine(body, load(scenario), physics_speed=physics_speed, run=run)
        mqtt = body.get("mqtt", {})
        broker = Broker(
            mqtt.get("host", "127.0.0.1"), mqtt_port or int(mqtt.get("port", 1883)), mqtt.get("protocol", "5"),
            mqtt.get("username"), _password(mqtt.get("password_file")),
        )  # fmt: skip
        return Simulator(body, mine, broker, ports, speed=speed, wait=wait, boot=int(run))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{site}: {error}") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise ScenarioError(f"{site}: no valid site file ({error!r}); 'bocamina check' tells what is wrong") from error


def _password(file: str | None) -> str | None:
    return Path(file).read_text(encoding="utf-8").strip() if file else None


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{os.fspath(error.filename)}: {error.strerror}"
    return str(error)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m firmware_sim", description="The simulated mine alone.")
    parser.add_argument("--site", type=Path, required=True, metavar="SITE.toml")
    parser.add_argument("--scenario", default="demo", metavar="NAME", help=", ".join(names()))
    parser.add_argument("--ports", type=Path, metavar="DIR", help="where the pseudo-terminals get their names")
    parser.add_argument("--speed", type=float, default=1.0, metavar="N", help="the whole scenario, N times as fast")
    parser.add_argument("--physics-speed", type=float, metavar="N", help="air and cells only; default: the scenario's")
    parser.add_argument("--mqtt-port", type=int, metavar="P", help="default: the site file's")
    parser.add_argument("--no-wait", action="store_true", help="begin without a gateway")
    return parser


if __name__ == "__main__":
    sys.exit(main())
