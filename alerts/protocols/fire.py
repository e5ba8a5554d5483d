"""Signs of a fire after a shot: a witness gets warm, or CO rises without NO and NO2 (limits reference 7.2.1, 6)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from alerts.protocols.air import FiguresOf, reading, sensors_in
from alerts.protocols.rises import Rises
from alerts.rulebook import BOOK, figure, figure_us
from gateway.domain.moment import Moment
from gateway.domain.quality import Reason
from gateway.domain.site import Site

WARMER: Final = figure("fire", "temperature_rise")
CO_PPM: Final = figure("fire", "co_rise")
WINDOW_US: Final = figure_us("fire", "window_s")
LASTS_US: Final = figure_us("fire", "lasts_s")
NITROGEN: Final[Mapping[str, float]] = {q: v for q, v in BOOK["fire"]["nitrogen"].items() if q != "source"}


class FireSigns:
    """What the influence of one shot says of a fire. Silence takes no suspicion back."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.begin()

    def begin(self) -> None:
        """A shot was fired: look from now on."""
        self._rises = Rises(WINDOW_US)
        self._temperature: dict[str, float] = {}  # [degC] at the shot
        self._since_us: int | None = None
        self.reason: str | None = None
        """What is suspected, None for nothing."""

    def watch(self, moment: Moment, influence: Iterable[str], figures_of: FiguresOf) -> None:
        """Look at the influence's CO, NO, NO2 and temperature."""
        zones = tuple(influence)
        warm, warm_known = self._warm(moment, sensors_in(self._site, zones, ["temperature"]), figures_of)
        alone, gas_known = self._co_alone(moment, zones, figures_of)
        if alone is None:
            self._since_us = None
        elif self._since_us is None:
            self._since_us = moment.now_us
        lasting = alone if self._since_us is not None and moment.now_us - self._since_us >= LASTS_US else None
        if warm or lasting:
            self.reason = self.reason or warm or lasting
        elif warm_known and gas_known and alone is None:
            self.reason = None

    def _warm(self, moment: Moment, sensors: Sequence[int], figures_of: FiguresOf) -> tuple[str | None, bool]:
        """The sensor that has become warmer since the shot, and whether all are known."""
        known, found = True, None
        for i in sensors:
            sensor = self._site.sensors[i]
            now = reading(sensor, figures_of(i), moment.now_us)
            known = known and now.good
            if now.usable and now.value - self._temperature.setdefault(sensor.id, now.value) >= WARMER:
                found = f"{sensor.id} {now.value - self._temperature[sensor.id]:+.1f} degC since the shot"
        return found, known

    def _co_alone(self, moment: Moment, zones: Iterable[str], figures_of: FiguresOf) -> tuple[str | None, bool]:
        """The CO sensor that rises while NO and NO2 are watched and stay, and whether all CO is known."""
        known, rising, watched, answered = True, None, False, False
        for i in sensors_in(self._site, zones, ["co", *NITROGEN]):
            sensor = self._site.sensors[i]
            now = reading(sensor, figures_of(i), moment.now_us)
            if sensor.quantity == "co":
                known = known and now.good
                if now.usable and self._rises.look(moment.now_us, sensor.id, now.value, CO_PPM) >= CO_PPM:
                    rising = sensor.id
                continue
            if now.usable:
                self._rises.look(moment.now_us, sensor.id, now.value, NITROGEN[sensor.quantity])
                watched = True
                answered = answered or figures_of(i).reason == Reason.OVER_RANGE  # no cell rises above its range
            # NO2 may come first and be gone first: it has answered for as long as the CO may still stand on its rise
            answered = answered or self._rises.risen(moment.now_us, sensor.id, WINDOW_US + LASTS_US) is not None
        return (f"{rising} rises without NO or NO2" if rising and watched and not answered else None), known

    def dump(self) -> dict[str, Any]:
        """The whole state, msgpack-able."""
        return {"rises": self._rises.dump(), "temperature": dict(self._temperature), "since_us": self._since_us,
                "reason": self.reason}  # fmt: skip

    def load(self, state: Mapping[str, Any]) -> None:
        """Take up what `dump` gave."""
        self._rises.load(state["rises"])
        self._temperature = dict(state["temperature"])
        self._since_us, self.reason = state["since_us"], state["reason"]
