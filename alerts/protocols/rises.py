"""How far channels have risen above their lowest value of a sliding window."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

BINS: Final = 60
"""The window's minimum is kept in so many bins; a window of 2 min forgets a value up to 2 s late."""


class Rise(NamedTuple):
    """A sensor stood high enough: when last (engine time [µs]), above what, and at most how high."""

    at_us: int
    base: float
    top: float


class Rises:
    """Lowest values of `window_us` by sensor, and the last time that each stood high enough above its own.

    Amortised O(1) a look: a bin that is not below a later one can never be the minimum again.
    """

    def __init__(self, window_us: int) -> None:
        self.window_us = window_us
        self._lows: dict[str, list[tuple[int, float]]] = {}
        self._risen: dict[str, Rise] = {}

    def look(self, now_us: int, sensor: str, value: float, least: float) -> float:
        """Take a value; how far it stands above the window's lowest [its unit]. least: from what on it has risen."""
        every_us = self.window_us // BINS
        lows = self._lows.setdefault(sensor, [])
        while lows and now_us - lows[0][0] > self.window_us:
            del lows[0]
        at_us = now_us // every_us * every_us
        while lows and lows[-1][1] >= value:
            lows.pop()
        if not lows or lows[-1][0] != at_us:  # one value a bin, its lowest
            lows.append((at_us, value))
        base = lows[0][1]
        if value - base >= least:
            before = self.risen(now_us, sensor) or Rise(now_us, base, value)
            self._risen[sensor] = Rise(now_us, min(base, before.base), max(value, before.top))
        return value - base

    def risen(self, now_us: int, sensor: str, within_us: int | None = None) -> Rise | None:
        """The sensor's rise if it stood so high at some time of the window, or of `within_us`."""
        rise = self._risen.get(sensor)
        within_us = self.window_us if within_us is None else within_us
        return rise if rise is not None and now_us - rise.at_us <= within_us else None

    def forget(self, sensors: Iterable[str]) -> None:
        """What these sensors showed has been judged: begin anew."""
        for sensor in sensors:
            self._lows.pop(sensor, None)
            self._risen.pop(sensor, None)

    def dump(self) -> dict[str, Any]:
        """The whole state, msgpack-able."""
        return {
            "lows": {sensor: [list(low) for low in lows] for sensor, lows in self._lows.items()},
            "risen": {sensor: list(rise) for sensor, rise in self._risen.items()},
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Take up what `dump` gave."""
        self._lows = {sensor: [(low[0], low[1]) for low in lows] for sensor, lows in state["lows"].items()}
        self._risen = {sensor: Rise(*rise) for sensor, rise in state["risen"].items()}
