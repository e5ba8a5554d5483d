"""Readings that people take with a portable instrument: what no fixed sensor replaces (limits reference 7.2, (4))."""

import math
from collections.abc import Mapping
from datetime import date
from typing import Any, Final, NamedTuple

from alerts.model import Reply
from alerts.rulebook import figure_us
from gateway.domain.errors import Refused
from gateway.domain.events import Request
from gateway.domain.moment import SECOND_US, Moment
from gateway.domain.quality import ABSURD_ABOVE
from gateway.domain.quantities import QUANTITIES
from gateway.domain.site import Site

VALID_US: Final = figure_us("portable", "valid_min")


class PortableReading(NamedTuple):
    """Gases [canonical unit] that named people measured at one place. at_us: engine time.

    bump: date of the instrument's last bump test, YYYY-MM-DD, empty where nobody told.
    """

    zone: str
    at_us: int
    gases: dict[str, float]
    people: tuple[str, ...]
    instrument: str
    point: str
    bump: str = ""


class PortableReadings:
    """The portable readings of all zones that are still valid."""

    def __init__(self, site: Site) -> None:
        self._zones = frozenset(zone.id for zone in site.zones)
        self._readings: list[PortableReading] = []

    def request(self, moment: Moment, request: Request) -> Reply:
        """`request/manual_reading`: target zone, args gases {co: 12, …}, people [..], instrument, point, bump, age_s.

        age_s: how long ago it was measured [s], 0 by default; an SMS takes its time.
        """
        try:
            self.record(moment, request.target, request.args, request.by)
        except Refused as refusal:
            return Reply(request.id, ok=False, error=str(refusal))
        return Reply(request.id, ok=True)

    def record(self, moment: Moment, zone: str, args: Mapping[str, Any], by: str) -> None:
        """Keep one reading; raises Refused with one sentence for what cannot be believed."""
        if zone not in self._zones:
            raise Refused(f"manual reading: '{zone}' is no zone of this site")
        if not by:
            raise Refused("manual reading: nobody is named; a portable reading needs the person who took it")
        gases = args.get("gases")
        if not isinstance(gases, Mapping) or not gases:
            raise Refused('manual reading: `gases` is missing; expected values like {"co": 12, "o2": 20.3}')
        instrument = args.get("instrument")
        if not isinstance(instrument, str) or not instrument.strip():
            raise Refused("manual reading: `instrument` is missing; expected the serial number of the portable")
        values = {str(gas): _value(str(gas), value) for gas, value in gases.items()}
        others = args.get("people") or ()
        if not isinstance(others, list | tuple):
            raise Refused("manual reading: `people` is no list of the persons who measured")
        people = tuple(sorted({by, *(str(person) for person in others)}))
        bump = _bump(args.get("bump"))
        at_us = moment.now_us - _age_us(args.get("age_s", 0))
        self._drop_old(moment)
        self._readings.append(
            PortableReading(zone, at_us, values, people, instrument, str(args.get("point", "")), bump)
        )
        self._readings.sort(key=lambda reading: reading.at_us)

    def of_zone(self, zone: str, moment: Moment, since_us: int | None = None) -> list[PortableReading]:
        """The zone's valid readings, oldest first, taken at or after `since_us` (engine time)."""
        oldest = moment.now_us - VALID_US
        return [r for r in self._readings if r.zone == zone and r.at_us > oldest and r.at_us >= (since_us or r.at_us)]

    def latest(self, zone: str, gas: str, moment: Moment) -> float | None:
        """The newest valid portable value of a gas in a zone [canonical unit], None without one."""
        values = [r.gases[gas] for r in self.of_zone(zone, moment) if gas in r.gases]
        return values[-1] if values else None

    def newest(self, gas: str, moment: Moment) -> dict[str, float]:
        """The newest valid portable value of a gas [canonical unit] in every zone that has one."""
        oldest = moment.now_us - VALID_US
        return {r.zone: r.gases[gas] for r in self._readings if r.at_us > oldest and gas in r.gases}

    def _drop_old(self, moment: Moment) -> None:
        self._readings = [r for r in self._readings if r.at_us > moment.now_us - VALID_US]

    def dump(self) -> list[list[Any]]:
        """The whole state, msgpack-able."""
        return [[r.zone, r.at_us, dict(r.gases), list(r.people), r.instrument, r.point, r.bump] for r in self._readings]

    def load(self, state: list[list[Any]]) -> None:
        """Take up what `dump` gave."""
        self._readings = [
            PortableReading(zone, at_us, dict(gases), tuple(people), instrument, point, *bump)
            for zone, at_us, gases, people, instrument, point, *bump in state  # first versions had no bump
            if zone in self._zones
        ]


def _value(gas: str, value: object) -> float:
    if gas not in QUANTITIES:
        raise Refused(f"manual reading: '{gas}' is no quantity that Bocamina knows")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Refused(f"manual reading: {gas} = {value!r} is no number")
    if not 0 <= value <= ABSURD_ABOVE:
        raise Refused(f"manual reading: {gas} = {value:g} cannot be; expected 0 or more")
    return float(value)


def _age_us(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value * SECOND_US < VALID_US:
        raise Refused(
            f"manual reading: `age_s` is {value!r:.40}; expected less than {VALID_US // SECOND_US}, older says nothing"
        )
    return round(value * SECOND_US)


def _bump(value: object) -> str:
    if value is None or value == "":
        return ""
    try:
        return date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise Refused(f"manual reading: `bump` is {value!r:.40}; expected the date of the test, YYYY-MM-DD") from None
