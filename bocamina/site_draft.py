"""A site file on its way to a Site: what is right in itself, item by item, so that one mistake gives one sentence."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from gateway.domain.names import expected_one_of
from gateway.domain.site import (
    Actuator,
    Blast,
    Connection,
    Person,
    SensorConfig,
    Shift,
    SiteLimit,
    Source,
    Zone,
)

_Model = TypeVar("_Model", bound=BaseModel)

TABLES: Final[Mapping[str, type[BaseModel]]] = {
    "zones": Zone,
    "connections": Connection,
    "sources": Source,
    "sensors": SensorConfig,
    "actuators": Actuator,
    "shifts": Shift,
    "blasts": Blast,
    "people": Person,
    "limits": SiteLimit,
}

@dataclass(frozen=True)
class Draft:
    """A site file on its way to a Site: what stands in it, item by item.

    items: by table, (index, item) of what is right in itself, its wrong keys left out where it can do without.
    ids: by table, (index, id) of everything; a table that is no list of tables is absent from both.
    info: the right keys of `[site]`. modem: the port of `[sms]`, None without one.
    """

    info: Mapping[str, Any]
    items: Mapping[str, Sequence[tuple[int, Any]]]
    ids: Mapping[str, Sequence[tuple[int, str]]]
    modem: str | None = None

    @classmethod
    def of(cls, raw: Mapping[str, Any], wrong: Iterable[tuple[int | str, ...]]) -> "Draft":
        """The draft of a parsed file; wrong: the places (parts of a key path) that do not fit the model."""
        keys: dict[tuple[int | str, ...], set[int | str]] = {}
        for path in wrong:
            depth = 1 if path[0] == "site" else 2
            keys.setdefault(path[:depth], set()).update(path[depth : depth + 1])
        items: dict[str, list[tuple[int, Any]]] = {}
        ids: dict[str, list[tuple[int, str]]] = {}
        for table, model in TABLES.items():
            entries = raw.get(table, ())
            if not isinstance(entries, tuple):
                continue
            right = [(index, _right(model, entry, keys.get((table, index)))) for index, entry in enumerate(entries)]
            items[table] = [(index, item) for index, item in right if item is not None]
            ids[table] = [
                (index, entry["id"])
                for index, entry in enumerate(entries)
                if isinstance(entry, dict) and isinstance(entry.get("id"), str)
            ]
        info = raw["site"] if isinstance(raw.get("site"), dict) else {}
        modem = raw["sms"].get("port") if isinstance(raw.get("sms"), dict) else None
        return cls({key: info[key] for key in info.keys() - keys.get(("site",), set())}, items, ids, modem)

    def table(self, name: str) -> Sequence[tuple[int, Any]]:
        """The right items of a table, with their index."""
        return self.items.get(name, ())

    def missing(self, path: str, name: str, table: str) -> Iterator[str]:
        """The sentence for a reference to what the file does not have."""
        if table in self.ids and name not in (known := [one for _, one in self.ids[table]]):
            yield f"{path}: {name!r} is no {table[:-1]} of this file; {expected_one_of(name, known)}"


def _right(model: type[_Model], entry: object, wrong_keys: set[int | str] | None) -> _Model | None:
    """The entry as a model without its wrong keys, None where that leaves nothing to check."""
    if not isinstance(entry, dict):
        return None
    try:
        return model.model_validate({key: entry[key] for key in entry.keys() - (wrong_keys or ())}, strict=True)
    except ValidationError:
        return None
