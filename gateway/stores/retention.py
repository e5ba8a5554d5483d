"""How long each class of record is kept: the rows of `data/retention.toml`."""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import NamedTuple


class Retention(NamedTuple):
    """One class. days: how long; 0: for ever. afterwards: what stays in its place, "" nothing. source: who asks it."""

    id: str
    what: str
    days: int
    afterwards: str
    source: str


def retention() -> Mapping[str, Retention]:
    """Every class by its id."""
    table = tomllib.loads((files("gateway.stores") / "data" / "retention.toml").read_text(encoding="utf-8"))
    return MappingProxyType({row["id"]: Retention(**row) for row in table["class"]})
