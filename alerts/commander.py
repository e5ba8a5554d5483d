"""Levels, not edges: what every actuator should do, said again until it does (interfaces, Commands)."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from alerts.model import Command, Finding, Priority
from alerts.occupancy import Occupancy
from alerts.rulebook import figure, figure_us, source
from gateway.domain.events import ActuatorState
from gateway.domain.moment import SECOND_US, Moment, rfc3339
from gateway.domain.site import Actuator, Site

REPEAT_US: Final = figure_us("command", "repeat_s")
SPACING_US: Final = figure_us("command", "spacing_s")
RENEW_US: Final = figure_us("command", "renew_s")
FAILED_US: Final = figure_us("command", "failed_s")
DISOBEYS_US: Final = figure_us("command", "disobeys_s")
EXPIRES_S: Final = int(figure("command", "expires_s"))
FAN_STEP: Final = figure("command", "fan_step")


@dataclass(slots=True)
class _Line:
    """One actuator. Times are engine time [µs]; due_us: when the next command goes out, None for never."""

    wanted: float | str | None = None
    reason: str = ""
    drill: bool = False
    count: int = 0
    sent_us: int | None = None
    due_us: int | None = None
    reported: float | str | None = None
    heard_us: int | None = None
    gone: bool = False
    astray_since_us: int | None = None


class Commander:
    """Wanted levels of all actuators of a site, and the commands that they need now."""

    def __init__(self, site: Site) -> None:
        self._actuators: Mapping[str, Actuator] = {actuator.id: actuator for actuator in site.actuators}
        self._lines = {actuator: _Line() for actuator in self._actuators}

    def want(
        self, moment: Moment, actuator: str, setpoint: float | str | None, reason: str, drill: bool = False
    ) -> None:
        """The level that this actuator should have from now on; None commands nothing (it holds what it has)."""
        line = self._lines[actuator]
        line.reason = reason
        if (setpoint, drill) == (line.wanted, line.drill):
            return
        line.wanted, line.drill = setpoint, drill
        line.due_us = None if setpoint is None else moment.now_us
        self._judge(moment, line)

    def wanted(self, actuator: str) -> float | str | None:
        """The level last wanted."""
        return self._lines[actuator].wanted

    def feedback(self, moment: Moment, state: ActuatorState) -> None:
        """What an actuator says of itself; an unknown actuator is not ours. A retained word is no sign of life."""
        line = self._lines.get(state.actuator)
        if line is None:
            return
        line.reported = state.setpoint
        if not state.retained:
            line.heard_us, line.gone = moment.now_us, False
        ours, sep, number = (state.command_id or "").rpartition("-")
        saw_ours = bool(sep) and ours == state.actuator and number.isascii() and number.isdecimal()
        seen = int(number) if saw_ours and len(number) < 16 else 0
        behind = seen != line.count
        line.count = max(line.count, seen)
        self._judge(moment, line)
        if line.wanted is None:
            return
        if line.astray_since_us is None:
            line.due_us = None if not self._is_renewed(state.actuator) else (line.sent_us or moment.now_us) + RENEW_US
        elif behind or line.sent_us is None:  # it has not heard our last word: say it again at once
            at = moment.now_us if line.sent_us is None else max(moment.now_us, line.sent_us + SPACING_US)
            line.due_us = at if line.due_us is None else min(line.due_us, at)
        elif line.due_us is None:
            line.due_us = max(moment.now_us, line.sent_us + REPEAT_US)

    def alive(self, moment: Moment, actuator: str) -> None:
        """A heartbeat of the actuator, whatever it said."""
        line = self._lines[actuator]
        line.heard_us, line.gone = moment.now_us, False

    def node(self, moment: Moment, node: str, online: bool) -> None:
        """A node appeared or its last will spoke: its actuator (of the same id) hears its level again, or is gone."""
        line = self._lines.get(node)
        if line is None:
            return
        line.gone = not online
        if online:
            line.heard_us = moment.now_us
            line.reported = None
            line.due_us = None if line.wanted is None else moment.now_us
            self._judge(moment, line)

    def obeys(self, actuator: str) -> bool:
        """Whether the actuator has stated the wanted level; a hold is obeyed by silence."""
        line = self._lines[actuator]
        return line.wanted is None or (not line.gone and _agree(line.wanted, line.reported))

    def step(self, moment: Moment) -> list[Command]:
        """The commands due now, in the site file's order, each with a counted id of its own."""
        commands = []
        for actuator, line in self._lines.items():
            if line.heard_us is None:
                line.heard_us = moment.now_us  # the watch for its heartbeat begins
            if line.wanted is None or line.due_us is None or moment.now_us < line.due_us:
                continue
            line.count += 1
            line.sent_us = moment.now_us
            agreed = line.astray_since_us is None
            pause = RENEW_US if agreed else REPEAT_US
            line.due_us = moment.now_us + pause if not agreed or self._is_renewed(actuator) else None
            commands.append(
                Command(
                    f"{actuator}-{line.count}", actuator, line.wanted, line.reason, moment.utc_us, EXPIRES_S, line.drill
                )
            )
        return commands

    def findings(self, moment: Moment, occupancy: Occupancy) -> list[Finding]:
        """`siren_failed` of every siren and beacon: silent, gone or disobedient (limits reference 6.8 b)."""
        empty = occupancy.verified_empty(moment)
        return [
            self._siren_finding(moment, empty, self._actuators[actuator], line)
            for actuator, line in self._lines.items()
            if self._actuators[actuator].kind != "fan"
        ]

    def _siren_finding(self, moment: Moment, empty: frozenset[str], actuator: Actuator, line: _Line) -> Finding:
        why = None
        if line.gone:
            why = "its node is offline"
        elif line.heard_us is not None and moment.now_us - line.heard_us > FAILED_US:
            why = f"silent for more than {FAILED_US // SECOND_US} s"
        elif line.astray_since_us is not None and moment.now_us - line.astray_since_us > DISOBEYS_US:
            why = f"stands at {line.reported!r}, wanted {line.wanted!r}"
        someone = not empty.issuperset(actuator.zones)
        return Finding(
            actuator.id, "siren_failed", why is not None, _first(actuator.zones),
            Priority.HIGH if someone else Priority.WARNING, reason=why, source=source("command", "failed_s"),
        )  # fmt: skip

    def _judge(self, moment: Moment, line: _Line) -> None:
        if line.wanted is None or _agree(line.wanted, line.reported):
            line.astray_since_us = None
        elif line.astray_since_us is None:
            line.astray_since_us = moment.now_us

    def _is_renewed(self, actuator: str) -> bool:
        """A siren or beacon that is wanted on must not fall silent because its last command expired."""
        return self._actuators[actuator].kind != "fan" and self._lines[actuator].wanted != "off"

    def dump(self) -> dict[str, Any]:
        """The whole state, msgpack-able."""
        return {actuator: asdict(line) for actuator, line in self._lines.items()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take up what `dump` gave, for the actuators that the site file still has."""
        self._lines |= {actuator: _Line(**row) for actuator, row in state.items() if actuator in self._lines}

    def restarted(self, moment: Moment) -> None:
        """The gateway comes back: nobody was heard meanwhile, and every wanted level is said again."""
        for line in self._lines.values():
            line.heard_us, line.reported = moment.now_us, None
            line.due_us = None if line.wanted is None else moment.now_us
            self._judge(moment, line)


def command_document(command: Command) -> dict[str, Any]:
    """The payload of `command/{actuator}`. `expires_in_s` rules; `expires` is for people."""
    return {
        "id": command.id,
        "setpoint": command.setpoint,
        "reason": command.reason,
        "issued": rfc3339(command.issued_us),
        "expires": rfc3339(command.issued_us + command.expires_in_s * SECOND_US),
        "expires_in_s": command.expires_in_s,
        "drill": command.drill,
    }


def _agree(wanted: float | str | None, reported: float | str | None) -> bool:
    if isinstance(wanted, str) or isinstance(reported, str) or wanted is None or reported is None:
        return wanted == reported
    return abs(wanted - reported) <= FAN_STEP


def _first(zones: Iterable[str]) -> str | None:
    return next(iter(zones), None)
