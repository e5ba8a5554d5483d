"""The scenarios that come with the simulator, each a TOML file here; `Mine` plays them in virtual time.

`for sensor, t_s, value in Mine(site("orex"), load("blast")).advance(60.0)` gives the readings of the first minute.
"""

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

from firmware_sim.mine import Mine, Said
from firmware_sim.script import CHECKS, Agenda, Event, Expectation, Scenario, ScenarioError, read_scenario

__all__ = ["CHECKS", "Agenda", "Event", "Expectation", "Mine", "Said", "Scenario", "ScenarioError", "load", "names",
           "site", "site_text"]  # fmt: skip


def names() -> list[str]:
    """All scenarios, sorted."""
    return sorted(file.name[:-5] for file in files(__name__).iterdir() if file.name.endswith(".toml"))


def load(name: str) -> Scenario:
    """A scenario by its name. Raises ScenarioError with one sentence."""
    if name not in names():
        raise ScenarioError(f"{name!r} is no scenario; expected one of {', '.join(names())}")
    return read_scenario(name, files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8"))


def site_text(name: str) -> str:
    """The site file that scenarios of `site = name` are written for, as text. Raises ScenarioError.

    The demo's stands in the source tree only, under deploy/sites, where `bocamina demo` finds it.
    """
    packaged = files(__name__).joinpath("sites", f"{name}.toml")
    deployed = Path(__file__).parents[2] / "deploy" / "sites" / f"{name}.toml"
    for file in (packaged, deployed):
        if file.is_file():
            return file.read_text(encoding="utf-8")
    raise ScenarioError(f"the site file {name}.toml is not installed")


def site(name: str) -> dict[str, Any]:
    """The same, parsed."""
    return tomllib.loads(site_text(name))
