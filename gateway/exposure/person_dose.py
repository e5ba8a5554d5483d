"""What one person took of one quantity: the sums of the shift, the minutes behind, the exposures that were short."""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.domain.moment import SECOND_US
from gateway.exposure.episodes import CLEAN, OVER, UNKNOWN, Span, Tally
from gateway.exposure.place_air import (
    ABSURD_US,
    BLIND,
    COVERED,
    DOUBT_US,
    FILL,
    FULL,
    GAP,
    GRID,
    N_SUMS,
    OPEN,
    OVER_US,
    TOTAL,
    add_to,
    nothing,
    on_grid,
)
from gateway.exposure.verdicts import SAME, Channel, Window

MINUTE_US: Final = 60 * SECOND_US
HOUR_US: Final = 3600 * SECOND_US
WINDOW_MINUTES: Final = 15
"""The longest window that slides with a person."""
LOOK_BACK: Final = 60
"""Occupied minutes whose median the projection takes (limits reference 4.1)."""


@dataclass(slots=True)
class Taken:
    """One quantity of one person. shift, minute: sums since these began. levels: means of occupied minutes [unit].

    elsewhere: what they took outside this mine in the same working day. tallies: short exposures of the shift by the
    level that they were above [unit].
    """

    shift: list[int] = field(default_factory=nothing)
    minute: list[int] = field(default_factory=nothing)
    minutes: deque[list[int]] = field(default_factory=lambda: deque(maxlen=WINDOW_MINUTES))
    levels: deque[float] = field(default_factory=lambda: deque(maxlen=LOOK_BACK))
    last_valid: float = math.nan
    resolution: float = 0.0
    elsewhere: list[int] = field(default_factory=nothing)
    tallies: dict[float, Tally] = field(default_factory=dict)

    def take(self, sums: Sequence[int], last_valid: float) -> None:
        """Add what was breathed since the last time."""
        add_to(self.shift, sums)
        add_to(self.minute, sums)
        if not math.isnan(last_valid):
            self.last_valid = last_valid

    def begin(self, lost_us: int, resolution: float) -> None:
        """A shift begins; lost_us of it were over before anybody watched. The minutes go on."""
        self.shift = nothing()
        self.shift[GAP] = self.shift[BLIND] = self.shift[OPEN] = lost_us
        self.elsewhere = nothing()
        self.resolution = resolution
        self.levels.clear()
        for level in self.tallies:
            self.tallies[level] = Tally(unsure=lost_us > 0)

    def declare(self, hours: float, dose: float | None) -> None:
        """Hours in another place; dose: what was taken there [unit·h], None when nobody can say: then a gap.

        A declared dose may show that a limit is exceeded, never that it is kept.
        """
        length = round(hours * HOUR_US)
        self.elsewhere = nothing()
        if dose is None:
            self.elsewhere[GAP] = self.elsewhere[BLIND] = self.elsewhere[OPEN] = length
        else:
            self.elsewhere[TOTAL] = on_grid(dose * HOUR_US)
            self.elsewhere[COVERED] = self.elsewhere[DOUBT_US] = length

    def close_minute(self, opened_us: int, closed_us: int, *, counts: bool) -> None:
        """The open minute is over. counts: whether the projection may look back on it."""
        if counts and self.minute[COVERED]:
            self.levels.append(self.minute[TOTAL] / (GRID * self.minute[COVERED]))
        for level, tally in self.tallies.items():
            tally.add(Span(opened_us, closed_us, self._state(level, closed_us - opened_us)))
            tally.unsure = tally.unsure or self.minute[DOUBT_US] > 0
        self.minutes.append(self.minute)
        self.minute = nothing()

    def _state(self, level: float, length: int) -> int:
        """Whether the mean of the minute is above the level, whatever its gaps were."""
        minute = self.minute
        if length > MINUTE_US and any(minute):
            return UNKNOWN  # several minutes in one, after the gateway was away: their means are lost
        bound = on_grid(level) * length * (1.0 + SAME)
        if minute[TOTAL] > bound:
            return OVER
        is_open = minute[OVER_US] or minute[BLIND] or minute[ABSURD_US]
        return UNKNOWN if is_open or minute[TOTAL] + minute[FULL] > bound else CLEAN

    @property
    def elsewhere_dose(self) -> float | None:
        """What was declared of another place [unit·h], None where nothing was."""
        return self.elsewhere[TOTAL] / (GRID * HOUR_US) if self.elsewhere[COVERED] else None

    @property
    def whole_shift(self) -> list[int]:
        """The sums of the working day, here and elsewhere."""
        return [here + there for here, there in zip(self.shift, self.elsewhere, strict=True)]

    def last_minutes(self, count: int) -> list[int]:
        """The sums of the last whole minutes, at most WINDOW_MINUTES."""
        return [sum(column) for column in zip(nothing(), *list(self.minutes)[-count:], strict=True)]

    def channel(self, sums: Sequence[int]) -> Channel:
        """Who measured it: means over the gaps, of full scales and of what fills them, for an exact `high` and `value`.

        What nobody can fill by the place takes this person's own last valid level.
        """
        gap, fills = sums[GAP], sums[FILL]
        if not gap or (sums[OPEN] and math.isnan(self.last_valid)):
            gap_level = None
        else:
            gap_level = (fills + (on_grid(self.last_valid) * sums[OPEN] if sums[OPEN] else 0)) / (GRID * gap)
        full_scale = sums[FULL] / (GRID * gap) if gap and not sums[BLIND] else None
        return Channel(full_scale, gap_level, self.resolution)

    @property
    def is_rested(self) -> bool:
        """Nothing of the last 15 minutes is left."""
        return not any(self.minute) and not any(map(any, self.minutes))

    def dump(self, pending: Sequence[int], last_valid: float) -> dict[str, Any]:
        """Everything, as plain values; sums are text, because they outgrow 64 bits. pending: not yet taken."""
        return {
            "shift": _text([a + b for a, b in zip(self.shift, pending, strict=True)]),
            "minute": _text([a + b for a, b in zip(self.minute, pending, strict=True)]),
            "minutes": [_text(sums) for sums in self.minutes],
            "levels": list(self.levels),
            "last_valid": or_none(self.last_valid if math.isnan(last_valid) else last_valid),
            "resolution": self.resolution,
            "elsewhere": _text(self.elsewhere),
            "tallies": [[level, tally.dump()] for level, tally in self.tallies.items()],
        }

    @classmethod
    def load(cls, row: Mapping[str, Any], levels: Sequence[float]) -> "Taken":
        """What `dump` gave. levels: of the short exposures that are tallied now; one that is new knows nothing yet."""
        tallies = {level: Tally.load(state) for level, state in row.get("tallies", ())}
        return cls(
            _numbers(row["shift"]), _numbers(row["minute"]),
            deque((_numbers(one) for one in row["minutes"]), WINDOW_MINUTES), deque(row["levels"], LOOK_BACK),
            or_nan(row["last_valid"]), row["resolution"],
            _numbers(row["elsewhere"]) if "elsewhere" in row else nothing(),  # not in snapshots of the first versions
            {level: tallies.get(level) or Tally(unsure=True) for level in levels},
        )  # fmt: skip

    @classmethod
    def unmeasured(cls, inside_us: int, levels: Sequence[float]) -> "Taken":
        """A quantity that the former site file did not measure: a gap for as long as the person was inside."""
        taken = cls(tallies={level: Tally(unsure=True) for level in levels})
        taken.shift[GAP] = taken.shift[BLIND] = taken.shift[OPEN] = inside_us
        return taken


def window_of(sums: Sequence[int], window_s: float, covered_s: float, divisor_s: float, *, doubt: bool) -> Window:
    """Sums as the window that a verdict is made of."""
    return Window(
        sums[TOTAL] / (GRID * SECOND_US), covered_s, window_s, divisor_s, sums[OVER_US] > 0,
        doubt or sums[DOUBT_US] > 0, sums[ABSURD_US] > 0,
    )  # fmt: skip


def or_none(level: float) -> float | None:
    """NaN as None, for msgpack."""
    return None if math.isnan(level) else level


def or_nan(level: float | None) -> float:
    """None as NaN."""
    return math.nan if level is None else level


def _text(sums: Sequence[int]) -> list[str]:
    return [str(one) for one in sums]


def _numbers(texts: Sequence[str]) -> list[int]:
    sums = [int(one) for one in texts]
    return sums if len(sums) == N_SUMS else [*sums, 0, sums[GAP]]  # the first versions filled no gap by its place
