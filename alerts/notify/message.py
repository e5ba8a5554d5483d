"""One alarm as a short message (glossary 9 and 10): priority, place, what, since when, how many inside, what to do."""

from datetime import UTC, datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from alerts import texts
from alerts.graph import MineGraph
from alerts.model import Alarm, Priority
from gateway.domain.quantities import unit_of
from gateway.domain.site import Site

MINE_CHARS: Final = 10
ZONE_CHARS: Final = 12
SYMBOL_CHARS: Final = 5
"""Chemical symbols are shorter; a longer identifier of a quantity means nothing in a message."""
DUST: Final = frozenset(("pm1", "pm2_5", "pm4", "pm10", "dust_respirable", "dust_inhalable", "silica_respirable"))
LIKE_LEVEL: Final = frozenset(("level", "stel", "ceiling", "excursion", "mixture"))
UNITS: Final = {"%vol": "%", "ug/m3": " ug/m3", "mg/m3": " mg/m3", "m/s": " m/s"}


class Inside(NamedTuple):
    """Who is inside, as occupancy has it."""

    state: str
    people: int | None = None


class Writer:
    """Writes the messages of one site."""

    def __init__(self, site: Site) -> None:
        self._mine = texts.gsm7(site.site.sms_name or site.site.name)[:MINE_CHARS].strip()
        self._zones = {z.id: texts.gsm7(z.sms_name or z.name)[:ZONE_CHARS].strip() for z in site.zones}
        self._sensors = {s.id: s for s in site.sensors}
        self._timezone = ZoneInfo(site.site.timezone)
        graph = MineGraph(site)
        self._dead_ends = frozenset(zone.id for zone in site.zones if graph.is_dead_end(zone.id))

    def alarm(self, alarm: Alarm, code: str, inside: Inside, lang: str) -> str:
        """The message of an alarm, at most 160 septets of GSM-7. code: what a person answers `OK` with."""
        sensor = self._sensors.get(alarm.sensor or "")
        quantity = sensor.quantity if sensor else str(alarm.extra.get("quantity", ""))  # a person's has no sensor
        unit = alarm.unit or unit_of(quantity) or ""
        condition = "level" if alarm.condition in LIKE_LEVEL else alarm.condition
        kind = "dust" if quantity in DUST else quantity
        if alarm.condition == "comm_lost" and sensor is None:
            kind = "source"
        dead_end = alarm.zone in self._dead_ends and alarm.priority >= Priority.HIGH
        keys = [f"{condition}.dead_end"] if dead_end else []
        keys += [f"{condition}.evacuate"] if alarm.priority is Priority.EVACUATE else []
        keys += [f"{condition}.{kind}", f"{condition}.{alarm.priority.word}", condition]
        name = kind if kind in texts.BOOK["gases"] or 0 < len(kind) <= SYMBOL_CHARS else "other"
        gas = texts.words("gases", name, lang) if name in texts.BOOK["gases"] else name.upper()
        limit = "-" if alarm.limit is None else _number(alarm.limit, "%vol" if unit == "%vol" else "").rstrip("%")
        end = "" if alarm.drill else _reply(code, lang)  # a drill's text ends with its own word
        text = texts.template(*keys, lang=lang).format(
            priority=texts.words("priorities", alarm.priority.word, lang), mine=self._mine, zone=self._zone(alarm),
            gas=gas, value="?" if alarm.value is None else _number(alarm.value, unit), limit=limit,
            time=self._clock(alarm.since_us), inside=self._inside(inside, lang), condition=alarm.condition,
            reason=alarm.reason or "?", code=code, reply=end,
        )  # fmt: skip
        if alarm.drill:
            text = texts.BOOK["drill"][texts.language(lang)].format(text=text.strip())
            end = text.rpartition(" ")[2]
        return _fit(texts.gsm7(text), end)

    def nobody_answered(self, code: str, inside: Inside, lang: str) -> str:
        """To the last on the list (glossary 10)."""
        text = texts.template("nobody_answered", lang=lang)
        return texts.gsm7(text.format(mine=self._mine, code=code, inside=self._inside(inside, lang)))

    def all_clear(self, utc_us: int, lang: str) -> str:
        """The end of an emergency; it needs no answer."""
        return texts.gsm7(texts.template("all_clear", lang=lang).format(mine=self._mine, time=self._clock(utc_us)))

    def _zone(self, alarm: Alarm) -> str:
        return self._zones.get(alarm.zone or "", alarm.alarm.partition(".")[0][:ZONE_CHARS])

    def _clock(self, utc_us: int) -> str:
        return datetime.fromtimestamp(utc_us // 1_000_000, UTC).astimezone(self._timezone).strftime("%H:%M")

    def _inside(self, inside: Inside, lang: str) -> str:
        state = inside.state if inside.state in ("occupied", "empty") else "unknown"
        return texts.words("inside", state, lang).format(people=inside.people)


def _reply(code: str, lang: str) -> str:
    return str(texts.BOOK["reply"][texts.language(lang)]).format(code=code)


def _number(value: float, unit: str) -> str:
    """A value with its unit as people write it: whole above 100, else at most one decimal (two for methane)."""
    places = 0 if abs(value) >= 100 else 2 if unit == "%vol" and abs(value) < 10 else 1
    shown = f"{value:.{places}f}"
    shown = shown.rstrip("0").rstrip(".") if "." in shown else shown
    return shown + UNITS.get(unit, f" {unit}" if unit else "")


def _fit(text: str, end: str) -> str:
    """Never cut the end off (the code to answer, the word of a drill): what is too long loses words before it."""
    if len(text) <= texts.SMS_SEPTETS:
        return text
    head = text.removesuffix(end)
    return f"{head[: texts.SMS_SEPTETS - len(end) - 1].rstrip()} {end}"
