"""One blast as it is remembered: its states, its zones, its times."""

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from alerts.protocols.fumes import Fumes
from gateway.domain.moment import rfc3339

BlastState = Literal[
    "planned", "clearing", "armed", "fired", "fumes", "measuring", "released", "misfire_hold", "cancelled"
]
SHOT: Final = frozenset(("fired", "fumes", "measuring", "misfire_hold"))
"""The states in which a shot's gas is about."""
OVER: Final = frozenset(("released", "cancelled"))
SCHEDULE: Final = "schedule"
"""Who planned what the timetable alone announces."""


@dataclass(slots=True)
class Shot:
    """One blast. Engine times [µs] but for *_utc_us; due_utc_us: the time of the timetable that it stands for."""

    state: BlastState
    zones: list[str]
    influence: list[str]
    guards: list[str]
    window_us: int
    wait_us: int
    by: str
    since_utc_us: int
    due_utc_us: int | None = None
    fired_us: int | None = None
    fired_utc_us: int = 0
    detected: bool = False
    charged: int | None = None
    counted: int | None = None
    judged: bool = True
    fumes: Fumes = field(default_factory=Fumes)

    @property
    def live(self) -> bool:
        """Its gas is about."""
        return self.state in SHOT

    def document(self, inside: list[str], *, suppressing: bool) -> dict[str, Any]:
        """The payload of `protocol/blast`. inside: tags in the influence."""
        fired = self.fired_us is not None
        return {
            "protocol": "blast", "state": self.state, "zones": list(self.zones), "since": rfc3339(self.since_utc_us),
            "drill": False, "influence": list(self.influence), "guards": list(self.guards), "by": self.by,
            "scheduled": None if self.due_utc_us is None else rfc3339(self.due_utc_us), "inside": inside,
            "fired": rfc3339(self.fired_utc_us) if fired else None, "detected": self.detected,
            "earliest": rfc3339(self.fired_utc_us + self.wait_us) if fired else None,
            "until": rfc3339(self.fired_utc_us + self.window_us) if fired else None,
            "suppressing": suppressing, "seen": self.fumes.seen, "charged": self.charged, "counted": self.counted,
        }  # fmt: skip
