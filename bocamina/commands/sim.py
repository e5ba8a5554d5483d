"""`bocamina sim SITE.toml --scenario NAME`: the simulated mine alone, on pseudo-terminals and MQTT."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from bocamina.site_file import load_site
from gateway.domain.errors import ConfigError


def sim(
    site: Annotated[Path, typer.Argument(metavar="SITE.toml", help="the site file")],
    scenario: Annotated[str, typer.Option(metavar="NAME", help="blast, demo, quiet_shift")] = "demo",
    speed: Annotated[float, typer.Option(metavar="N", help="the whole scenario, N times as fast")] = 1.0,
    physics_speed: Annotated[float | None, typer.Option(metavar="N", help="air only; default: the scenario's")] = None,
    ports: Annotated[Path | None, typer.Option(metavar="DIR", help="where the serial ports get their names")] = None,
    mqtt_port: Annotated[int | None, typer.Option(metavar="P", help="default: the site file's")] = None,
    wait: Annotated[bool, typer.Option(help="nothing happens before the gateway is ready")] = True,
) -> None:
    """Play the devices of a site until interrupted. The process becomes the simulator, which shares no code with us."""
    load_site(site)
    from firmware_sim.scenarios import names

    if scenario not in names():
        raise ConfigError(f"--scenario: {scenario!r} is no scenario; expected one of {', '.join(names())}")
    options = {"--speed": speed, "--physics-speed": physics_speed, "--ports": ports, "--mqtt-port": mqtt_port}
    command = [sys.executable, "-m", "firmware_sim", "--site", str(site), "--scenario", scenario]
    for name, value in options.items():
        command += [] if value is None else [name, str(value)]
    sys.stdout.flush()
    os.execv(sys.executable, command if wait else [*command, "--no-wait"])  # noqa: S606  (our own interpreter)
