"""What people write to the mine by SMS: `OK 4821`, `NO 4821`, `GAS F1 CO 12 O2 20.3 EQUIPO MX1`. Pure, like the outbox.

An answer acknowledges; it silences no siren and ends no emergency (glossary, section 9). Strangers are counted and
never answered, words that nobody understands once an hour: two machines must not write to each other for ever.
"""

import hashlib
import re
import tomllib
import unicodedata
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from importlib.resources import files
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from alerts import texts
from alerts.model import MAY_COMMAND, Reply
from alerts.notify.outbox import Outbox
from alerts.notify.telephones import Caller, Telephones
from alerts.protocols.gas_line import BOOK as GAS_BOOK
from alerts.protocols.gas_line import GasLine, read_gas_line
from alerts.protocols.portable import VALID_US
from gateway.domain.errors import ConfigError
from gateway.domain.events import Request, Texted
from gateway.domain.moment import NO_TIME, SECOND_US, Moment
from gateway.domain.site import Person, Site

BOOK: Final[Mapping[str, Any]] = tomllib.loads(
    files("alerts.data").joinpath("answers.toml").read_text(encoding="utf-8")
)
HOUR_US: Final = 3600 * SECOND_US
HELP_EVERY_US: Final = BOOK["times"]["help_every_min"] * 60 * SECOND_US
OLDEST_ANSWER_US: Final = BOOK["times"]["oldest_answer_h"] * HOUR_US
ANSWERS_PER_HOUR: Final = BOOK["times"]["answers_per_hour"]
REMEMBERED: Final = 256
"""Texts that are known again: a modem gives one twice when it was pulled before it could delete it."""
YEAR_2100_US: Final = 4_102_444_800 * SECOND_US
"""A stamp has two digits for the year: what lies beyond is none."""
_CODE: Final = re.compile(r"(?<!\d)\d{4}(?!\d)")
_WORD: Final = re.compile(r"[^\W\d_]+")


class Heard(NamedTuple):
    """One text, understood. kind: what it is counted as. request: what the person asks the engine, None for nothing.

    done: what the person is told when the request was granted, or without one; empty: nothing.
    """

    kind: str
    caller: Caller | None = None
    request: Request | None = None
    done: str = ""
    notice: dict[str, Any] | None = None


class Answers:
    """The texts that come in, and what is said to them."""

    def __init__(self, site: Site, outbox: Outbox) -> None:
        self._site, self._outbox = site, outbox
        self._telephones = Telephones(site)
        self._timezone = ZoneInfo(site.site.timezone)
        self._people = {_fold(name): person.id for person in site.people for name in (person.name, person.id)}
        self._known: OrderedDict[str, None] = OrderedDict()
        self._answered: dict[str, list[int]] = {}
        self._helped: dict[str, int] = {}

    def hear(self, moment: Moment, text: Texted) -> Heard:
        """What this text asks for."""
        if not 0 <= text.sent_us < YEAR_2100_US:
            text = msgspec.structs.replace(text, sent_us=NO_TIME)
        ident = _ident(moment, text)
        if ident in self._known:
            return Heard("repeated")
        self._known[ident] = None
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        caller = self._telephones.caller(text.sender)
        if caller is None:
            return Heard("stranger")
        folded = _fold(text.text)
        first, code = _WORD.search(folded), _CODE.search(folded)
        word = first[0] if first else ""
        if word in GAS_BOOK["first"]:
            return self._gas(moment, ident, caller, text)
        if code is not None and word in (*BOOK["words"]["yes"], *BOOK["words"]["no"]):
            if moment.trusted and text.sent_us != NO_TIME and moment.utc_us - text.sent_us > OLDEST_ANSWER_US:
                return Heard("old", caller)
            return self._answer(moment, ident, caller, code[0], is_yes=word in BOOK["words"]["yes"])
        return self._help(moment, caller)

    def reply(self, moment: Moment, heard: Heard, granted: Reply | None) -> str:
        """What the person is told now; empty: nothing. granted: the engine's answer to the request."""
        if heard.caller is None:
            return ""
        text = heard.done
        if granted is not None and not granted.ok:
            text = self._say(heard.caller, "refused", why=granted.error or "?")
        if not text:
            return ""
        person = heard.caller.person.id
        recent = [at for at in self._answered.get(person, ()) if moment.now_us - at < HOUR_US]
        self._answered[person] = recent
        if len(recent) >= ANSWERS_PER_HOUR:
            return ""
        recent.append(moment.now_us)
        return texts.gsm7(text)[: texts.SMS_SEPTETS]

    # --- What may be written -----------------------------------------------------------------------------------------

    def _answer(self, moment: Moment, ident: str, caller: Caller, code: str, *, is_yes: bool) -> Heard:
        alarm = self._outbox.alarm_of(code)
        if alarm is None:
            return Heard("code", caller, done=self._say(caller, "code", code=code))
        if not is_yes:
            self._outbox.declined(moment, code)
            notice = {"what": "declined", "alarm": alarm, "by": caller.person.id}
            return Heard("declined", caller, done=self._say(caller, "next", code=code), notice=notice)
        if caller.person.role not in MAY_COMMAND:
            return Heard("role", caller, done=self._say(caller, "role", code=code))
        person = caller.person
        request = Request(ident, "acknowledge", person.id, person.role, alarm, {"comment": f"SMS OK {code}"})
        return Heard("answered", caller, request, self._say(caller, "done", code=code))

    def _gas(self, moment: Moment, ident: str, caller: Caller, text: Texted) -> Heard:
        """A portable reading counts from when it was taken: where nobody can tell, it is none."""
        if text.sent_us == NO_TIME or not moment.trusted:
            return Heard("undated", caller, done=self._say(caller, "when"))
        age_us = max(0, moment.utc_us - text.sent_us)
        if age_us >= VALID_US:
            local = datetime.fromtimestamp(text.sent_us // SECOND_US, UTC).astimezone(self._timezone)
            minutes = VALID_US // (60 * SECOND_US)
            return Heard("late", caller, done=self._say(caller, "late", time=f"{local:%d/%m %H:%M}", minutes=minutes))
        today = datetime.fromtimestamp(moment.utc_us // SECOND_US, UTC).astimezone(self._timezone).date()
        try:
            line = self._line(text.text, today, caller.person)
        except ConfigError as error:
            return Heard("mistake", caller, done=self._say(caller, "refused", why=error.problems[0]))
        args = line.args() | {"age_s": age_us / SECOND_US}
        gases = ", ".join(f"{gas.upper()} {value:g}" for gas, value in line.gases.items())
        zone = next(zone.sms_name or zone.name for zone in self._site.zones if zone.id == line.zone)
        request = Request(ident, "manual_reading", caller.person.id, caller.person.role, line.zone, args)
        return Heard("reading", caller, request, self._say(caller, "recorded", zone=zone, gases=gases))

    def _line(self, text: str, today: date, person: Person) -> GasLine:
        lang = person.language or self._site.site.language
        line = read_gas_line(text, self._site, today, lang)
        unknown = [name for name in line.people if _fold(name) not in self._people]
        if unknown:
            raise ConfigError(_sentence("person", lang).format(word=unknown[0][:40]))
        if not line.instrument:
            raise ConfigError(_sentence("instrument", lang))
        return replace(line, people=tuple(self._people[_fold(name)] for name in line.people))

    def _help(self, moment: Moment, caller: Caller) -> Heard:
        last = self._helped.get(caller.person.id)
        if last is not None and moment.now_us - last < HELP_EVERY_US:
            return Heard("words", caller)
        self._helped[caller.person.id] = moment.now_us
        return Heard("words", caller, done=self._say(caller, "help"))

    def _say(self, caller: Caller, key: str, **words: object) -> str:
        return _sentence(key, caller.person.language or self._site.site.language).format(**words)

    # --- Over a restart ----------------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """The whole state, msgpack-able."""
        return {
            "known": list(self._known), "helped": dict(self._helped),
            "answered": {person: list(times) for person, times in self._answered.items()},
        }  # fmt: skip

    def load(self, state: Mapping[str, Any]) -> None:
        """Take up what `dump` gave."""
        self._known = OrderedDict.fromkeys(state["known"])
        self._helped = dict(state["helped"])
        self._answered = {person: list(times) for person, times in state["answered"].items()}


def _ident(moment: Moment, text: Texted) -> str:
    """The id of a text: number, the network's stamp, and a trace of the words, for a stamp counts whole seconds."""
    at_us = moment.utc_us if text.sent_us == NO_TIME else text.sent_us
    trace = hashlib.sha256(text.text.encode("utf-8", "replace")).hexdigest()[:8]
    return f"sms {text.sender[:20]} {at_us // SECOND_US} {trace}"


def _sentence(key: str, lang: str) -> str:
    return str(BOOK["sentences"][key][texts.language(lang)])


def _fold(text: str) -> str:
    """Lower case without accents: how a word is compared."""
    plain = unicodedata.normalize("NFKD", text)
    return "".join(sign for sign in plain if not unicodedata.combining(sign)).casefold()
