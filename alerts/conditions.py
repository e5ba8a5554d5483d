"""What each condition is called, what to do about it, and what may not be silenced: `alerts/data/conditions.toml`."""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

from alerts.model import Priority

BOOK: Final[Mapping[str, Any]] = tomllib.loads(
    files("alerts.data").joinpath("conditions.toml").read_text(encoding="utf-8")
)
_CONDITIONS: Final[Mapping[str, Mapping[str, Any]]] = BOOK["conditions"]
_LANGUAGES: Final = ("es", "en")


def shelvable(condition: str, priority: Priority, quantity: str | None) -> bool:
    """Whether a person may mute it for a while: never High or Evacuate, IDLH, CH4 ≥ 0.5 %, oxygen, fan stop (6.1)."""
    methane = quantity == "ch4" and priority >= Priority.WARNING
    allowed: bool = _CONDITIONS.get(condition, {}).get("shelvable", True)
    return allowed and priority < Priority.HIGH and not methane


def suppressible(condition: str, quantity: str | None) -> bool:
    """Whether a declared blast must cause it (limits reference 7.2.1). Never CH4, fans, the intake, silence."""
    may: bool = _CONDITIONS.get(condition, {}).get("suppressible", False)
    return may and quantity in BOOK["suppressible"]["quantities"]


def serviceable(condition: str) -> bool:
    """Whether it is of a sensor's own health and stands aside while that is out of service (limits reference 6.1, I).

    Never what the air is like, and never that nobody watches a place.
    """
    may: bool = _CONDITIONS.get(condition, {}).get("serviceable", False)
    return may


def judged_by_person(condition: str) -> bool:
    """Whether only a person can say that it is gone: what a person or a former life had said."""
    by_person: bool = _CONDITIONS.get(condition, {}).get("person", False)
    return by_person


def texts(condition: str, priority: Priority, quantity: str | None, *, dead_end: bool, closed: bool) -> dict[str, str]:
    """`title_es`, `title_en`, `response_es`, `response_en` of an alarm. closed: its zone is verified empty."""
    row, defaults = _CONDITIONS.get(condition, {}), BOOK["defaults"]
    names = BOOK["names"].get(quantity, [(quantity or "").upper()] * 2)
    special = None
    if condition == "oxygen_low" and dead_end and priority >= Priority.HIGH:
        special = BOOK["texts"]["dead_end_oxygen"]
    elif closed and priority >= Priority.HIGH:
        special = BOOK["texts"]["access_closed"]
    elif condition in ("level", "ceiling", "stel") and Priority.WARNING <= priority <= Priority.HIGH:
        special = BOOK["texts"].get(quantity)
    found = {}
    for language, name in zip(_LANGUAGES, names, strict=True):
        title = row.get(language) or f"{defaults[f'unnamed_{language}']}: {condition}"
        found[f"title_{language}"] = title.format(q=name).removeprefix(": ")
        response = special[language] if special else row.get(f"do_{language}")
        found[f"response_{language}"] = response or defaults[f"{priority.word}_{language}"]
    return found
