"""The figures that the protocols decide by, read once from `alerts/data/protocols.toml`, each with its source."""

import tomllib
from importlib.resources import files
from typing import Any, Final

BOOK: Final[dict[str, Any]] = tomllib.loads(
    files("alerts.data").joinpath("protocols.toml").read_text(encoding="utf-8")
)


def figure(section: str, key: str) -> float:
    """The value of one figure, in the unit that its key or its `unit` names. Raises KeyError for an unknown one."""
    return float(BOOK[section][key]["value"])


def source(section: str, key: str) -> str:
    """Where that figure comes from."""
    return str(BOOK[section][key]["source"])


def figure_us(section: str, key: str) -> int:
    """A time of the rulebook, given in s, min or h, in microseconds."""
    row = BOOK[section][key]
    return round(float(row["value"]) * {"s": 1, "min": 60, "h": 3600}[row["unit"]] * 1_000_000)


def words(section: str, key: str) -> frozenset[str]:
    """A list of identifiers of the rulebook."""
    return frozenset(BOOK[section][key])
