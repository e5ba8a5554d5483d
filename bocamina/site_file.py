"""Reads a site file: from TOML text to the frozen model, or every problem at once, one sentence each.

A sentence is `key path: what is wrong; what was expected`. Sensors and the like are counted from 0, as everywhere.
"""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bocamina.site_checks import cross_problems
from bocamina.site_draft import TABLES, Draft
from gateway.domain.errors import ConfigError
from gateway.domain.names import expected_one_of
from gateway.domain.site import Site

_ID_PATTERN: Final = "^[a-z0-9-]{1,32}$"
_TIME_PATTERN: Final = r"^([01]\d|2[0-3]):[0-5]\d$"
_LONGEST_SHOWN: Final = 60


def load_site(path: str | Path) -> Site:
    """The site of a TOML file. Raises ConfigError with all its problems."""
    return parse_site(_read(path), str(path))


def site_hash(source: str | Path | bytes) -> str:
    """SHA-256 [hex] of a site file's bytes: what the journal names it by. Raises ConfigError for an unreadable file."""
    data = source if isinstance(source, bytes) else _read(source)
    return hashlib.sha256(data).hexdigest()


def parse_site(data: bytes, name: str = "site file") -> Site:
    """The site of a file's bytes; `name` stands in problems of the whole file. Raises ConfigError with all problems."""
    raw = _tables(data, name)
    if not raw:
        raise ConfigError(f"{name}: empty; expected a site file in TOML, with [site], [[zones]] and the rest")
    try:
        site, shape = Site.model_validate(raw, strict=True), list[ErrorDetails]()
    except ValidationError as error:
        site, shape = None, error.errors(include_url=False)
    problems = [_sentence(detail) for detail in shape]
    # a key that is wrong in itself was left out of the draft: that it is missing there is no second problem
    said = tuple(key_path(detail["loc"]) + end for detail in shape for end in ":.[")
    cross = cross_problems(Draft.of(raw, [detail["loc"] for detail in shape]))
    problems += [problem for problem in cross if not problem.startswith(said)]
    if site is None or problems:
        raise ConfigError(*dict.fromkeys(map(_printable, problems)))
    return site


def _read(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"{path}: cannot be read ({why}); expected a site file in TOML") from error


def _tables(data: bytes, name: str) -> dict[str, Any]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{name}: line {line}: byte {data[error.start]:#04x} is not UTF-8; expected text") from error
    try:
        tables = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise ConfigError(_printable(f"{name}: {_toml_sentence(str(error), text)}")) from error
    return {key: _plain(value) for key, value in tables.items()}


def _toml_sentence(message: str, text: str) -> str:
    found = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", message, re.DOTALL)
    if found is None:
        return f"not TOML: {message}"
    what, line, column = found.groups()
    where = f"line {line}, column {column}" if line else f"line {text.count(chr(10)) + 1}, end of the file"
    return f"{where}: not TOML: {what[:1].lower()}{what[1:]}"


def _plain(value: Any) -> Any:
    """TOML's lists as tuples, its dates as ISO 8601 text and its times as HH:MM, which is how the model has them."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return tuple(_plain(item) for item in value)
    if isinstance(value, time):
        return value.isoformat(timespec="auto" if value.second or value.microsecond else "minutes")
    return value.isoformat() if isinstance(value, date | datetime) else value


def _printable(sentence: str) -> str:
    """One line whatever a key of the file contains."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in sentence)


def key_path(location: tuple[int | str, ...]) -> str:
    """A place in the file, as people write it: `sensors[3].zone`."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path or "the file"


def _shown(value: object) -> str:
    text = {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"


_EXPECTED: Final[Mapping[str, str]] = {
    "string_type": 'text in "quotes"',
    "float_type": "a number",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list in [brackets]",
    "dict_type": "a table of keys",
    "model_type": "a table of keys",
    "model_attributes_type": "a table of keys",
    "finite_number": "a finite number",
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "{ge:g} or more",
    "less_than_equal": "at most {le:g}",
    "string_too_long": "at most {max_length} characters",
}


def _sentence(detail: ErrorDetails) -> str:
    """One problem of shape as one sentence."""
    location, kind, context = detail["loc"], detail["type"], detail.get("ctx", {})
    path, value = key_path(location), _shown(detail["input"])
    if kind == "extra_forbidden":
        return f"{path}: unknown key; {expected_one_of(str(location[-1]), _keys_beside(location), most=40)}"
    if kind == "missing":
        return f"{path}: missing; this key is needed here"
    if kind == "literal_error":
        known = [choice.strip("'") for choice in re.findall(r"'[^']*'", context["expected"])]
        if not isinstance(detail["input"], str):
            return f'{path}: {value} does not fit; expected text in "quotes", one of {", ".join(known)}'
        return f"{path}: {value} is not known here; {expected_one_of(detail['input'], known, most=20)}"
    if kind == "string_pattern_mismatch":
        expected = {_ID_PATTERN: "1 to 32 of a-z, 0-9 and -", _TIME_PATTERN: 'a time "HH:MM"'}
        return f"{path}: {value} does not fit; expected {expected.get(context['pattern'], context['pattern'])}"
    if kind == "tuple_type" and len(location) == 1 and path in TABLES:
        return f"{path}: not a list of tables; expected [[{path}]] in double brackets"
    expected_text = _EXPECTED[kind].format(**context) if kind in _EXPECTED else detail["msg"].lower()
    return f"{path}: {value} does not fit; expected {expected_text}"


def _keys_beside(location: tuple[int | str, ...]) -> list[str]:
    """The keys that the table of the last part of `location` may have."""
    model: type[BaseModel] = Site
    for part in location[:-1]:
        if isinstance(part, str):
            model = _table_model(model, part)
    return [field.alias or name for name, field in model.model_fields.items()]


def _table_model(model: type[BaseModel], key: str) -> type[BaseModel]:
    """The model of a table or list of tables named `key` in `model`."""
    by_alias = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
    annotation: Any = by_alias[key]
    candidates = [annotation, *getattr(annotation, "__args__", ())]
    return next(one for one in candidates if isinstance(one, type) and issubclass(one, BaseModel))
