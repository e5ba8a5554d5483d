"""A manual reading as people write it: `GAS F1 CO 12 NO2 0.4 CO2 900 O2 20.3`, by SMS, phone or command line. Pure.

It stands here, and not at the roof, because every door takes it: the SMS of a modem, the web process, the command.
After the gases may stand, in any order, PUNTO (point), EQUIPO (the instrument's serial), PRUEBA or BUMP (last bump
test) and CON (the people beside the one who reports), each with its words; `alerts/data/gas_line.toml` has them all.
"""

import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from typing import Any, Final

from alerts.texts import language
from gateway.domain.errors import ConfigError
from gateway.domain.quantities import QUANTITIES, unit_of
from gateway.domain.site import Site, Zone
from gateway.formats.units import to_canonical

BOOK: Final[Mapping[str, Any]] = tomllib.loads(
    files("alerts.data").joinpath("gas_line.toml").read_text(encoding="utf-8")
)
LONGEST: Final = 1000
"""Characters; a reading needs one SMS, 160."""
_SHARES: Final = ("%vol", "%RH")
"""Units of which 100 is all there is."""
_VALUE: Final = re.compile(r"([+-]?\d+(?:[.,]\d+)?|[+-]?[.,]\d+)(\D.*)?")
_ZONE_WORDS: Final = 6
"""Words that the short name of a zone may have."""


@dataclass(frozen=True, slots=True)
class GasLine:
    """One reading. gases: quantity → value [canonical unit]. bump: YYYY-MM-DD; empty where the line does not tell."""

    zone: str
    gases: dict[str, float]
    point: str = ""
    instrument: str = ""
    bump: str = ""
    people: tuple[str, ...] = ()

    def args(self) -> dict[str, Any]:
        """The `args` of `request/manual_reading`, whose `target` is the zone."""
        more = {"point": self.point, "instrument": self.instrument, "bump": self.bump, "people": list(self.people)}
        return {"gases": self.gases} | {key: value for key, value in more.items() if value}


def read_gas_line(text: str, site: Site, today: date, lang: str | None = None) -> GasLine:
    """The reading in a line. today: the local date. lang: of the sentences, the site's by default.

    Raises ConfigError with one sentence for each mistake: half a reading is none.
    """
    reader = _Reader(language(lang or site.site.language), today)
    line = reader.line(_split(text[:LONGEST]), site)
    if reader.problems:
        raise ConfigError(*reader.problems)
    return line


def bump_date(text: str, today: date, lang: str = "en") -> str:
    """A bump test's date, YYYY-MM-DD, as the line may write it. Raises ConfigError."""
    reader = _Reader(lang, today)
    found = reader.bump(text)
    if reader.problems:
        raise ConfigError(*reader.problems)
    return found


class _Reader:
    """Reads one line and remembers what is wrong with it."""

    def __init__(self, lang: str, today: date) -> None:
        self._lang, self._today = lang, today
        self.problems: list[str] = []

    def line(self, words: Sequence[str], site: Site) -> GasLine:
        if not words:
            self._wrong("empty")
            return GasLine("", {})
        if _fold(words[0]) not in BOOK["first"]:
            self._wrong("first", word=words[0])
            return GasLine("", {})
        zone, used = self._zone(words[1:], site)
        rest = list(words[1 + used :])
        at = next((i for i, word in enumerate(rest) if _fold(word) in BOOK["keywords"]), len(rest))
        gases = self._gases(rest[:at])
        said = self._said(rest[at:])
        people = tuple(re.split(r"[\s,]+", said["people"])) if "people" in said else ()
        bump = self.bump(said["bump"]) if "bump" in said else ""
        return GasLine(zone, gases, said.get("point", ""), said.get("instrument", ""), bump, people)

    def _zone(self, words: Sequence[str], site: Site) -> tuple[str, int]:
        """The zone by id, short name or name, and how many words it took; the longest that fits."""
        known = ", ".join(zone.sms_name or zone.id for zone in site.zones)
        for count in range(min(_ZONE_WORDS, len(words)), 0, -1):
            written = " ".join(words[:count])
            found = [zone for zone in site.zones if _fold(written) in _names(zone)]
            exact = [zone for zone in found if zone.id == _fold(written)] or found
            if len(exact) > 1:
                self._wrong("which", word=written, known=", ".join(zone.id for zone in exact))
            if exact:
                return exact[0].id, count
        self._wrong("zone", word=words[0] if words else "", known=known)
        return "", min(1, len(words))

    def _gases(self, words: Sequence[str]) -> dict[str, float]:
        gases: dict[str, float] = {}
        at = 0
        while at < len(words):
            gas = _gas(words[at])
            at += 1
            if gas is None:
                self._wrong("gas", word=words[at - 1])
                while at < len(words) and _gas(words[at]) is None:
                    at += 1  # its value, and whatever follows: one sentence is enough
                continue
            shown = gas.upper()
            if at == len(words) or _gas(words[at]) is not None:
                self._wrong("missing", gas=shown)
                continue
            parts = _VALUE.fullmatch(words[at])
            at += 1
            if parts is None:
                self._wrong("value", gas=shown, word=words[at - 1])
                continue
            unit = parts[2]
            if unit is None and at < len(words) and _is_unit(words[at]):
                unit, at = words[at], at + 1
            if gas in gases:
                self._wrong("twice", gas=shown)
                continue
            gases[gas] = self._value(gas, float(parts[1].replace(",", ".")), unit)
        if not gases and not self.problems:
            self._wrong("none")
        return gases

    def _value(self, gas: str, number: float, unit: str | None) -> float:
        shown, own, word = gas.upper(), unit_of(gas), f"{number:g}"
        value: float | None = number
        if unit is not None:
            folded = _fold(unit)
            if folded in BOOK["lel"]["words"]:
                self._wrong("lel", gas=shown, word=unit)
                return number
            value = to_canonical(gas, number, BOOK["units"].get(folded, folded))
        if value is None:
            self._wrong("unit", gas=shown, word=unit, unit=own)
            return number
        if value < 0 and gas != "temperature":
            self._wrong("negative", gas=shown, word=word)
        if value > 100 and own in _SHARES:
            self._wrong("whole", gas=shown, word=word, unit=own)
        return value

    def _said(self, words: Sequence[str]) -> dict[str, str]:
        """What stands after each keyword."""
        said: dict[str, list[str]] = {}
        key, written = "", {}
        for word in words:
            if (found := BOOK["keywords"].get(_fold(word))) is not None:
                key, written[found] = found, word
                said.setdefault(key, [])
            else:
                said[key].append(word)
        for found, values in said.items():
            if not values:
                self._wrong("keyword", word=written[found])
        return {found: " ".join(values) for found, values in said.items() if values}

    def bump(self, text: str) -> str:
        if _fold(text) in BOOK["today"]["words"]:
            return self._today.isoformat()
        parts = re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})", text)
        try:
            day = date(int(parts[3]), int(parts[2]), int(parts[1])) if parts else date.fromisoformat(text)
        except ValueError:
            self._wrong("bump", word=text)
            return ""
        if day > self._today:
            self._wrong("future", word=text)
        return day.isoformat()

    def _wrong(self, key: str, **words: object) -> None:
        shown = {name: str(word)[:60] for name, word in words.items()}
        self.problems.append(str(BOOK["sentences"][key][self._lang]).format(**shown))


def _split(text: str) -> list[str]:
    """Words; `=`, `:` and `;` between a gas and its value, and a comma after it, are spaces."""
    spaced = re.sub(r"(?<=\w)[=;]|:(?=\s|\d)|,(?=\s|$)", " ", text)
    return "".join(sign if sign.isprintable() else " " for sign in spaced).split()


def _fold(text: str) -> str:
    """Lower case without accents: how a word is compared."""
    plain = unicodedata.normalize("NFKD", text.replace("µ", "u").replace("μ", "u"))
    return " ".join("".join(sign for sign in plain if not unicodedata.combining(sign)).casefold().split())


def _names(zone: Zone) -> set[str]:
    return {_fold(name) for name in (zone.id, zone.sms_name, zone.name) if name}


def _gas(word: str) -> str | None:
    folded = _fold(word)
    return folded if folded in QUANTITIES else BOOK["gases"].get(folded)


def _is_unit(word: str) -> bool:
    folded = _fold(word)
    return folded in BOOK["units"] or folded in BOOK["lel"]["words"]
