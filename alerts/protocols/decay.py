"""Whether the gas falls while the fan moves air (limits reference 7.2.1: half of the peak within 20 min)."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from alerts.protocols.air import FiguresOf, reading
from alerts.rulebook import figure_us
from gateway.domain.moment import Moment
from gateway.domain.site import Site

NOT_FALLING_US: Final = figure_us("airflow", "not_falling_s")


class GasDecay:
    """The peaks of the sensors that call for air, and the one that does not come down."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._index = {s.id: i for i, s in enumerate(site.sensors) if s.quantity not in ("o2", "air_velocity")}
        self._peaks: dict[str, tuple[float, int]] = {}
        self.not_falling: str | None = None

    def step(self, moment: Moment, figures_of: FiguresOf, demanding: Collection[str], air_moves: bool) -> None:
        """demanding: ids of the sensors whose gas calls for air now. While no air moves the clock does not run."""
        self._peaks = {s: p for s, p in self._peaks.items() if s in demanding}
        if self.not_falling not in self._peaks:
            self.not_falling = None
        for i in sorted(self._index[sensor] for sensor in demanding if sensor in self._index):
            sensor = self._site.sensors[i]
            now = reading(sensor, figures_of(i), moment.now_us)
            peak, since_us = self._peaks.get(sensor.id, (0.0, moment.now_us))
            if not air_moves:
                since_us = moment.now_us
            if now.good and now.value <= peak / 2:
                peak, since_us = now.value, moment.now_us
                self.not_falling = None if self.not_falling == sensor.id else self.not_falling
            elif moment.now_us - since_us >= NOT_FALLING_US:
                self.not_falling = sensor.id
            self._peaks[sensor.id] = (max(peak, now.value) if now.usable else peak, since_us)

    def dump(self) -> dict[str, Any]:
        """The whole state, msgpack-able."""
        return {"peaks": {s: list(p) for s, p in self._peaks.items()}, "not_falling": self.not_falling}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take up what `dump` gave."""
        self._peaks = {s: (p[0], p[1]) for s, p in state["peaks"].items()}
        self.not_falling = state["not_falling"]
