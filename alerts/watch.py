"""One rung at one sensor in time: whether it is held, and the delays that run.

What is not good never clears, and never stops a running on-delay (style of "bad data is data").
"""

from dataclasses import dataclass

from alerts.ladder import Rung


@dataclass(slots=True)
class Held:
    """A condition with its delays; times are engine time [µs], None while no delay runs."""

    beyond: bool = False
    since_us: int | None = None
    clear_us: int | None = None

    def judge(self, now_us: int, crossed: bool | None, on_us: int, off_us: int) -> None:
        """Let one judgement pass. crossed: True over the level, False back inside by good data, None unknown."""
        if not self.beyond:
            if crossed is False:
                self.since_us = None
            elif crossed and self.since_us is None:
                self.since_us = now_us
            if self.since_us is not None and now_us - self.since_us >= on_us:
                self.trip()
        elif crossed is not False:
            self.clear_us = None
        else:
            if self.clear_us is None:
                self.clear_us = now_us
            if now_us - self.clear_us >= off_us:
                self.beyond, self.clear_us = False, None

    def trip(self) -> None:
        """The condition holds from now on."""
        self.beyond, self.since_us, self.clear_us = True, None, None


class Watch:
    """A rung with its state. limit and clear move where the rung hangs on another sensor (oxygen's reference).

    For single samples: count of samples over the level since it was first crossed, real when one of them was not
    taken in warm-up, in_sight when one of them was below over-range. x: the figure last judged.
    """

    __slots__ = ("clear", "count", "held", "in_sight", "limit", "real", "rung", "x")

    def __init__(self, rung: Rung) -> None:
        self.rung = rung
        self.limit, self.clear = rung.limit, rung.clear
        self.held = Held()
        self.x: float | None = None
        self._forget()

    def _forget(self) -> None:
        self.count, self.real, self.in_sight = 0, False, False

    @property
    def pending(self) -> bool:
        """An on-delay runs."""
        return self.held.since_us is not None

    @property
    def busy(self) -> bool:
        """Held or pending: every sample matters."""
        return self.held.beyond or self.held.since_us is not None

    def crosses(self, x: float) -> bool:
        """Whether a figure is at or over this rung."""
        if self.rung.rising:
            return x >= self.limit if self.rung.inclusive else x > self.limit
        return x < self.limit

    def inside(self, x: float) -> bool:
        """Whether a figure is back inside, beyond the deadband."""
        return x < self.clear if self.rung.rising else x > self.clear

    def crossing_sample(self, now_us: int, x: float, *, over: bool, warming: bool, hold_us: int, need: int) -> None:
        """A usable sample over the level: it trips when it has held, or is over range after the level was seen."""
        self.x = x
        held = self.held
        held.clear_us = None
        if held.beyond:
            return
        if held.since_us is None:
            held.since_us = now_us
            self._forget()
        self.count += 1
        seen = self.real and self.in_sight
        self.real = self.real or not warming
        self.in_sight = self.in_sight or not (over or warming)
        if warming:
            return
        if self.rung.statistic == "any" or (over and seen):
            held.trip()
        else:
            self.elapse(now_us, hold_us, need)

    def elapse(self, now_us: int, hold_us: int, need: int) -> None:
        """Time passes: silence does not stop a running on-delay."""
        since = self.held.since_us
        if since is not None and self.real and self.count >= need and now_us - since >= max(hold_us, self.rung.on_us):
            self.held.trip()

    def lost(self) -> None:
        """The channel is gone: a rung seen once counts as reached (an explosion that kills its sensor is no spike)."""
        if self.pending and self.real and self.rung.sampled:
            self.held.trip()

    def good_sample_below(self, now_us: int, x: float, hold_us: int, need: int) -> bool:
        """A good sample not over the level. True when what ended was a spike: too short, and back beyond the band."""
        held = self.held
        if held.beyond:
            held.judge(now_us, False if self.inside(x) else None, 0, self.rung.off_us)
            return False
        if held.since_us is None:
            return False
        short = now_us - held.since_us < hold_us or self.count < need
        held.since_us = None
        return short and self.real and self.inside(x)

    def dump(self) -> list[object]:
        """The state, for `load`."""
        held = self.held
        return [held.beyond, held.since_us, held.clear_us, self.count, self.real, self.in_sight, self.x]

    def load(self, state: list[object]) -> None:
        """What `dump` gave."""
        beyond, since, clear, count, real, in_sight, x = state
        self.held = Held(bool(beyond), _int(since), _int(clear))
        self.count, self.real, self.in_sight = int(count), bool(real), bool(in_sight)  # type: ignore[call-overload]
        self.x = x  # type: ignore[assignment]


def _int(value: object) -> int | None:
    return value if isinstance(value, int) else None
