"""Who is told next, until somebody answers: pure, like the protocols; the channels only carry.

Supervisor, officer, admin, brigade, in the site file's order within a role, nobody skipped; then round again. A
delivery that fails is tried again with growing pauses. An answer stops the calling; it silences no siren.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, NamedTuple

from alerts.model import Alarm, Finding, Priority
from alerts.rulebook import BOOK, figure_us
from gateway.domain.moment import SECOND_US, Moment, rfc3339
from gateway.domain.site import Person, Site

ORDER: Final[tuple[str, ...]] = tuple(BOOK["notify"]["order"])
NEXT_US: Final = {
    priority: round(float(BOOK["notify"]["next_person_s"].get(priority.word, 0)) * SECOND_US) for priority in Priority
}
RETRY_FIRST_US: Final = figure_us("notify", "retry_first_s")
RETRY_LONGEST_US: Final = figure_us("notify", "retry_longest_s")
CONSOLE: Final = "console:"
ANSWER: Final = "answer"
"""What stands in place of a notification's id where a person is answered."""
FOLLOWED: Final = 256
"""Deliveries of which the network may still say more than that it took them."""

Render = Callable[[str, str], str]
"""(code, language) → the text of one message."""


class Delivery(NamedTuple):
    """One text to one address. id is counted; an answer of the channel names it. person is empty for the console."""

    id: str
    notification: str
    person: str
    address: str
    text: str
    attempt: int


@dataclass(slots=True)
class _Line:
    """One address of one person within a notification. Engine times [µs]."""

    person: str
    address: str
    due_us: int | None
    attempts: int = 0
    in_flight: str | None = None
    delivered_us: int | None = None
    failed: bool = False
    last: str | None = None


@dataclass(slots=True)
class _Entry:
    """One notification: an alarm's occurrence at one priority."""

    id: str
    alarm: str
    priority: int
    code: str
    texts: dict[str, str]
    next_us: int | None
    called: int = 0
    answered_by: str | None = None
    lines: list[_Line] = field(default_factory=list)


class Outbox:
    """All notifications that are still calling for an answer."""

    def __init__(self, site: Site) -> None:
        def rank(person: Person) -> int:
            return ORDER.index(person.role)

        self._people = sorted((p for p in site.people if p.role in ORDER and p.notify), key=rank)
        self._languages: dict[str, str] = {p.id: p.language or site.site.language for p in site.people}
        self._languages[""] = site.site.language
        self._entries: dict[str, _Entry] = {}
        self._known: dict[str, None] = {}
        self._followed: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._codes = self._deliveries = 0

    def offer(self, moment: Moment, alarm: Alarm, render: Render) -> str | None:
        """Announce an alarm; None if this occurrence was announced at this priority before, or is a Notice.

        A higher priority replaces what was calling for the same alarm.
        """
        if alarm.priority is Priority.NOTICE:
            return None  # glossary 9: notices stand on the screen
        name = f"{alarm.alarm}#{alarm.occurrence}.{alarm.priority.word}"
        if name in self._known:
            return None
        self._known[name] = None
        while len(self._known) > 1000:
            del self._known[next(iter(self._known))]
        self.ended(alarm.alarm)
        self._codes = self._codes % 9000 + 1
        code = str(999 + self._codes)
        languages: set[str] = {*self._languages.values(), "es", "en"}
        texts = {language: render(code, language) for language in sorted(languages)}
        entry = _Entry(name, alarm.alarm, int(alarm.priority), code, texts, moment.now_us)
        entry.lines.append(_Line("", CONSOLE, moment.now_us))
        self._entries[name] = entry
        return name

    def step(self, moment: Moment) -> list[Delivery]:
        """What goes out now."""
        out = []
        for entry in self._entries.values():
            if entry.answered_by is None and entry.next_us is not None and moment.now_us >= entry.next_us:
                self._call_next(moment, entry)
            for line in entry.lines:
                if line.due_us is None or moment.now_us < line.due_us or line.in_flight is not None:
                    continue
                self._deliveries += 1
                line.attempts += 1
                line.due_us, line.in_flight = None, f"message-{self._deliveries}"
                line.last = line.in_flight
                text = entry.texts.get(self._languages.get(line.person, "es"), entry.texts["es"])
                out.append(Delivery(line.in_flight, entry.id, line.person, line.address, text, line.attempts))
        return out

    def _call_next(self, moment: Moment, entry: _Entry) -> None:
        entry.next_us = moment.now_us + NEXT_US[Priority(entry.priority)] if self._people else None
        if not self._people:
            return
        person = self._people[entry.called % len(self._people)]
        entry.called += 1
        for address in person.notify:
            line = next((x for x in entry.lines if (x.person, x.address) == (person.id, address)), None)
            if line is None:
                entry.lines.append(_Line(person.id, address, moment.now_us))
            elif line.in_flight is None:
                line.due_us, line.attempts = moment.now_us, 0

    def result(self, moment: Moment, delivery: str, ok: bool, detail: str = "") -> dict[str, Any] | None:
        """A channel's answer: the record for the journal, None for a delivery that is not waited for any more.

        A second one of the same delivery is the network's late report: on record, and where it failed after all, the
        person is called again.
        """
        for entry in self._entries.values():
            for line in entry.lines:
                if line.in_flight != delivery:
                    continue
                line.in_flight = None
                line.failed = not ok
                if ok:
                    line.delivered_us = moment.now_us
                elif line.person and entry.answered_by is None:
                    pause = min(RETRY_FIRST_US << min(line.attempts - 1, 16), RETRY_LONGEST_US)
                    line.due_us = moment.now_us + pause
                what = {
                    "delivery": delivery, "notification": entry.id, "person": line.person, "address": line.address,
                    "attempt": line.attempts,
                }  # fmt: skip
                if ok and line.person:
                    self._follow(what | {"late": True})
                return what | {"ok": ok, "detail": detail, "time": rfc3339(moment.utc_us)}
        return self._late(moment, delivery, ok, detail)

    def answer(self, person: str, address: str, text: str) -> Delivery:
        """A text to a person who wrote to us: sent once, its deliveries are on record like those of an alarm."""
        self._deliveries += 1
        ident = f"message-{self._deliveries}"
        self._follow({"delivery": ident, "notification": ANSWER, "person": person, "address": address, "attempt": 1})
        return Delivery(ident, ANSWER, person, address, text, 1)

    def _follow(self, what: dict[str, Any]) -> None:
        self._followed[what["delivery"]] = what
        if len(self._followed) > FOLLOWED:
            self._followed.popitem(last=False)

    def _late(self, moment: Moment, delivery: str, ok: bool, detail: str) -> dict[str, Any] | None:
        what = self._followed.pop(delivery, None)
        if what is None:
            return None
        if "late" not in what and ok:
            self._follow(what | {"late": True})
        entry = self._entries.get(what["notification"])
        line = next((x for x in entry.lines if x.last == delivery), None) if entry is not None else None
        if entry is not None and line is not None and not ok:
            line.failed, line.delivered_us = True, None
            if entry.answered_by is None:
                line.due_us = moment.now_us + RETRY_FIRST_US
        return what | {"ok": ok, "detail": detail, "time": rfc3339(moment.utc_us)}

    def answered(self, alarm: str, by: str) -> bool:
        """A named person acknowledged the alarm (a button, a request): the calling ends. True if it was calling."""
        found = False
        for entry in self._entries.values():
            if entry.alarm == alarm and entry.answered_by is None:
                found, entry.answered_by = True, by
                self._hush(entry)
        return found

    def alarm_of(self, code: str) -> str | None:
        """The alarm that a code in an answer stands for (`OK 4821`)."""
        return next((e.alarm for e in self._entries.values() if e.code == code), None)

    def declined(self, moment: Moment, code: str) -> bool:
        """`NO 4821`: the next one is called at once."""
        entry = next((e for e in self._entries.values() if e.code == code and e.answered_by is None), None)
        if entry is not None:
            entry.next_us = moment.now_us
        return entry is not None

    def ended(self, alarm: str) -> None:
        """The alarm is normal again, or calls at another priority: nobody more is told of this one."""
        for name in [name for name, entry in self._entries.items() if entry.alarm == alarm]:
            del self._entries[name]

    def _hush(self, entry: _Entry) -> None:
        entry.next_us = None
        for line in entry.lines:
            line.due_us = None

    def findings(self, moment: Moment) -> list[Finding]:
        """`nobody_reached`: everyone on the list was called, and no message was delivered to anybody."""
        del moment
        lost = [
            entry.id
            for entry in self._entries.values()
            if self._people and entry.answered_by is None and entry.called >= len(self._people)
            and not any(line.delivered_us is not None for line in entry.lines if line.person)
            and any(line.failed for line in entry.lines)
        ]  # fmt: skip
        return [
            Finding("gateway", "nobody_reached", bool(lost), None, Priority.HIGH,
                    reason=", ".join(lost)[:120] or None, source="A notification that reaches nobody is an alarm")
        ]  # fmt: skip

    def dump(self) -> dict[str, Any]:
        """The whole state, msgpack-able."""
        return {
            "entries": [asdict(entry) for entry in self._entries.values()], "known": list(self._known),
            "codes": self._codes, "deliveries": self._deliveries, "followed": list(self._followed.values()),
        }  # fmt: skip

    def load(self, state: Mapping[str, Any]) -> None:
        """Take up what `dump` gave."""
        self._entries = {}
        for row in state["entries"]:
            entry = _Entry(**{**row, "lines": [_Line(**line) for line in row["lines"]]})
            self._entries[entry.id] = entry
        self._known = dict.fromkeys(state["known"])
        self._codes, self._deliveries = state["codes"], state["deliveries"]
        self._followed = OrderedDict((what["delivery"], dict(what)) for what in state.get("followed", ()))

    def restarted(self, moment: Moment) -> None:
        """The gateway comes back: what was on its way is sent again, for nobody knows whether it came."""
        for entry in self._entries.values():
            for line in entry.lines:
                if line.in_flight is not None and entry.answered_by is None:
                    line.due_us = moment.now_us
                line.in_flight = None
