"""`bocamina manual SITE.toml "GAS F1 CO 12 O2 20.3"`: what a portable instrument showed, on record.

Whoever writes such a line reads what is wrong with it in the language of the site, as by SMS.
"""

import logging
import time
from dataclasses import replace
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import msgspec
import typer

from alerts.protocols.gas_line import GasLine, bump_date, read_gas_line
from alerts.texts import language
from api.gateway_link import GatewayLink
from api.live import LiveState
from bocamina.site_file import load_site
from gateway.domain.errors import ConfigError, OperationFailed, Refused
from gateway.domain.quantities import unit_of
from gateway.domain.site import Person, Site

CONNECTS_WITHIN_S: Final = 5.0
SENTENCES: Final = {
    "nobody": {
        "es": "{option}: {word!r} no está en [[people]]; se espera uno de {known}",
        "en": "{option}: {word!r} is nobody in [[people]]; expected one of {known}",
    },
    "instrument": {
        "es": "--instrument falta; se espera el número de serie del portátil",
        "en": "--instrument is missing; expected the serial number of the portable",
    },
    "recorded": {
        "es": "anotado: {zone}: {gases}; por {people}",
        "en": "recorded: {zone}: {gases}; by {people}",
    },
}


def manual(
    site: Annotated[Path, typer.Argument(metavar="SITE.toml", help="the site file", show_default=False)],
    line: Annotated[
        list[str], typer.Argument(metavar="LINE", help='such as "GAS F1 CO 12 NO2 0.4 O2 20.3"', show_default=False)
    ],
    by: Annotated[str, typer.Option(metavar="PERSON", help="who measured: an id of [[people]]", show_default=False)],
    instrument: Annotated[str, typer.Option(metavar="SERIAL", help="serial number of the portable")] = "",
    point: Annotated[str, typer.Option(help="where in the zone")] = "",
    bump: Annotated[str, typer.Option(metavar="DATE", help="its last bump test: YYYY-MM-DD or today")] = "",
    people: Annotated[str, typer.Option(help="who measured with them: ids, separated by commas")] = "",
    within: Annotated[float, typer.Option(metavar="S", help="how long to wait for the gateway [s]")] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="print the gateway's answer as JSON")] = False,
) -> int:
    """Put a portable reading on record through the running gateway, and print its answer.

    It counts for entry and re-entry checks; it never stands in for a fixed sensor's value. Status 1 if refused.
    """
    model = load_site(site)
    if not 0 < within <= 600:
        raise ConfigError(f"--within {within:g}: expected more than 0 and at most 600 s")
    person, reading = _reading(model, " ".join(line), by, instrument, point, bump, people)
    try:
        _ask(model, reading, person, within)
    except Refused as refusal:
        if as_json:
            print(msgspec.json.encode({"ok": False, "error": str(refusal)}).decode())
            return 1
        raise
    if as_json:
        print(msgspec.json.encode({"ok": True, "zone": reading.zone, "by": person.id} | reading.args()).decode())
        return 0
    gases = ", ".join(f"{gas} {value:g} {unit_of(gas)}" for gas, value in reading.gases.items())
    print(_say(model, "recorded", zone=reading.zone, gases=gases, people=", ".join((person.id, *reading.people))))
    return 0


def _reading(
    site: Site, text: str, by: str, instrument: str, point: str, bump: str, people: str
) -> tuple[Person, GasLine]:
    """Who measured, and what: the line with the options over it. Raises ConfigError with every mistake."""
    lang = language(site.site.language)
    today = datetime.now(ZoneInfo(site.site.timezone)).date()
    problems: list[str] = []
    person = _person(site, by, "--by", problems)
    try:
        reading = read_gas_line(text, site, today, lang)
    except ConfigError as error:
        problems += error.problems
        reading = GasLine("", {})
    try:
        tested = bump_date(bump, today, lang) if bump else reading.bump
    except ConfigError as error:
        problems += error.problems
        tested = ""
    others = tuple(part for part in people.replace(",", " ").split()) or reading.people
    ids = tuple(_person(site, other, "--people", problems).id for other in others)
    serial = instrument.strip() or reading.instrument
    if not serial:
        problems.append(_say(site, "instrument"))
    if problems:
        raise ConfigError(*problems)
    return person, replace(reading, instrument=serial, point=point.strip() or reading.point, bump=tested, people=ids)


def _person(site: Site, name: str, option: str, problems: list[str]) -> Person:
    """The person of the site file; its re-entry rule counts people, so that nobody may be invented."""
    known = {person.id: person for person in site.people}
    if name not in known:
        nearest = get_close_matches(name, list(known), n=12, cutoff=0.0)
        problems.append(_say(site, "nobody", option=option, word=name, known=", ".join(nearest) or "-"))
        return Person(id="nobody", name=name, role="miner")
    return known[name]


def _say(site: Site, key: str, **words: str) -> str:
    return SENTENCES[key][language(site.site.language)].format(**words)


def _ask(site: Site, reading: GasLine, person: Person, within_s: float) -> None:
    logging.getLogger(GatewayLink.__module__).setLevel(logging.CRITICAL)  # what goes wrong is said below, once
    link = GatewayLink(site, LiveState(site))
    link.start()
    try:
        deadline = time.monotonic() + min(CONNECTS_WITHIN_S, within_s)
        while link.trouble is not None and time.monotonic() < deadline:
            time.sleep(0.02)
        if link.trouble is not None:
            raise OperationFailed(f"not sent: {link.trouble}")
        link.ask("manual_reading", reading.zone, reading.args(), by=person.id, role=person.role, within_s=within_s)
    finally:
        link.stop()
