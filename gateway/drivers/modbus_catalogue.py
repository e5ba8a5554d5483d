"""The register maps of the package, found by their file's name; every mistake in one is a sentence."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from gateway.domain.errors import ConfigError
from gateway.domain.names import expected_one_of
from gateway.drivers.modbus_map import RegisterMap

FOLDER: Final = Path(__file__).with_name("modbus_maps")


@cache
def register_maps() -> Mapping[str, RegisterMap]:
    """Every map by its name. Raises ConfigError."""
    return {path.stem: read_map(path.read_bytes(), path.stem) for path in sorted(FOLDER.glob("*.toml"))}


def register_map(name: str) -> RegisterMap:
    """The map of that name. Raises ConfigError, with the nearest name."""
    maps = register_maps()
    if name not in maps:
        raise ConfigError(f"{name!r} is no register map; {expected_one_of(name, maps, most=len(maps))}")
    return maps[name]


def read_map(data: bytes, name: str) -> RegisterMap:
    """The map of a file's bytes. Raises ConfigError with one sentence that names file and key."""
    try:
        table = tomllib.loads(data.decode())
        return msgspec.convert(table | {"name": name}, RegisterMap, str_keys=True)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{name}.toml: not TOML: {error}") from error
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at ")
        raise ConfigError(f"{name}.toml: {where.strip('`').removeprefix('$.') or 'the map'}: {what}") from error
