"""Connected is not flowing: which sources bring valid readings, which must be opened anew, how long we were blind.

Pure: the engine thread asks once a second. Serial ports watch their own line as well (`SerialSource.measured`).
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from gateway.conditioning.stale import PERIODS, SHORTEST_S
from gateway.domain.moment import NO_TIME, SECOND_US
from gateway.domain.site import Site

LONGEST_PAUSE_US: Final = 600 * SECOND_US
"""A source that stays silent is opened anew with growing pauses, at least this often [D]."""


def silence_s(period_s: float) -> float:
    """How long a source may bring nothing [s], by its slowest period: as a sensor may (limits reference 6.5)."""
    return max(SHORTEST_S, PERIODS * period_s)


class _Watched(NamedTuple):
    id: str
    sensors: tuple[int, ...]
    limit_us: int


class FlowWatch:
    """The data flow of every source that has sensors. Times are engine time [µs].

    Blind is the whole time from a source's last valid live sample to its next one, once it is longer than the source
    may be silent; it counts while the wire is gone as well as while it is open and says nothing.
    """

    def __init__(self, site: Site) -> None:
        self._sources = []
        for source in site.sources:
            of = [(i, sensor) for i, sensor in enumerate(site.sensors) if sensor.source == source.id]
            if of:
                limit_us = round(silence_s(max(sensor.period_s for _, sensor in of)) * SECOND_US)
                self._sources.append(_Watched(source.id, tuple(i for i, _ in of), limit_us))
        self._began_us: int | None = None
        self._last: dict[str, int] = {}
        self._past: dict[str, int] = {}
        self._silent: dict[str, int] = {}
        self._again: dict[str, tuple[int, int]] = {}

    def tick(self, now_us: int, heard: Sequence[int]) -> list[str]:
        """Sources that must be opened anew now. heard: when each sensor last gave a valid live sample, or NO_TIME."""
        if self._began_us is None:
            self._began_us = now_us
        due: list[str] = []
        for ident, sensors, limit_us in self._sources:
            newest = max(heard[i] for i in sensors)
            last = self._last.get(ident, self._began_us)
            if newest != NO_TIME and newest > last:
                if newest - last > limit_us:
                    self._past[ident] = self._past.get(ident, 0) + newest - last
                self._last[ident] = last = newest
            if now_us - last <= limit_us:
                self._silent.pop(ident, None)
                self._again.pop(ident, None)
                continue
            self._silent[ident] = now_us - last
            at, pause = self._again.get(ident, (now_us, limit_us))
            if now_us >= at:
                due.append(ident)
                self._again[ident] = (now_us + pause, min(2 * pause, LONGEST_PAUSE_US))
        return due

    @property
    def silent_s(self) -> dict[str, int]:
        """Sources that are silent for longer than they may be, and for how long [whole s]."""
        return {ident: us // SECOND_US for ident, us in self._silent.items()}

    @property
    def blind_s(self) -> dict[str, int]:
        """Blind time of each source since the start, the one that runs included [whole s]; none where it is 0."""
        return {
            ident: (self._past.get(ident, 0) + self._silent.get(ident, 0)) // SECOND_US
            for ident in dict.fromkeys((*self._past, *self._silent))
        }
