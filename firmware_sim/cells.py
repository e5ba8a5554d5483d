"""A measuring cell: it follows the air with its T90, adds noise, shows steps, ends at its full scale, and breaks."""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

CellFault = Literal["silence", "stuck", "saturation"]
CELL_FAULTS: Final[tuple[CellFault, ...]] = ("silence", "stuck", "saturation")


@dataclass(frozen=True, slots=True)
class CellKind:
    """A usual cell of a quantity, all in the quantity's unit: time to 90 % of a step [s], noise (1 σ), step, range."""

    t90_s: float
    noise: float
    step: float
    full_scale: float
    least: float = 0.0


_DUST: Final = CellKind(10.0, 0.8, 1.0, 1000.0)
KINDS: Final[Mapping[str, CellKind]] = {
    "co": CellKind(30.0, 0.3, 1.0, 1000.0), "no": CellKind(45.0, 0.15, 0.5, 100.0),
    "no2": CellKind(30.0, 0.03, 0.1, 20.0), "so2": CellKind(30.0, 0.03, 0.1, 20.0),
    "h2s": CellKind(30.0, 0.03, 0.1, 100.0), "hcn": CellKind(90.0, 0.03, 0.1, 50.0),
    "nh3": CellKind(60.0, 0.3, 1.0, 100.0), "o3": CellKind(60.0, 0.003, 0.01, 10.0),
    "o2": CellKind(15.0, 0.04, 0.1, 25.0), "ch4": CellKind(30.0, 0.01, 0.05, 5.0),
    "h2": CellKind(60.0, 0.003, 0.01, 4.0),
    "co2": CellKind(30.0, 8.0, 1.0, 50000.0), "hg": CellKind(10.0, 0.05, 0.1, 1000.0),
    "pm1": _DUST, "pm2_5": _DUST, "pm4": _DUST, "pm10": _DUST,
    "air_velocity": CellKind(1.0, 0.02, 0.01, 20.0), "air_flow": CellKind(1.0, 0.02, 0.01, 100.0),
    "pressure_diff": CellKind(1.0, 1.0, 1.0, 2000.0),
    "temperature": CellKind(30.0, 0.05, 0.1, 125.0, -40.0), "humidity": CellKind(30.0, 0.3, 0.1, 100.0),
    "pressure": CellKind(1.0, 0.05, 0.1, 1100.0), "battery": CellKind(1.0, 0.003, 0.01, 5.0),
    "rssi": CellKind(1.0, 1.0, 1.0, 0.0, -120.0), "fan_speed": CellKind(1.0, 5.0, 1.0, 6000.0),
    "fan_running": CellKind(0.1, 0.0, 1.0, 1.0),
}  # fmt: skip
"""T90, step and range: limits reference 8.1 to 8.3. Noise: about a third of a step, so that the last digit moves."""


class Cell:
    """One cell at one place. `seed` makes its noise the same in every run."""

    def __init__(self, kind: CellKind, seed: str, *, at_rest: float) -> None:
        self.kind = kind
        self.fault: CellFault | None = None
        self._follows = at_rest
        self._random = random.Random(seed)
        self._last = self.read() or 0.0

    def step(self, air: float, dt_s: float) -> None:
        """Time passes in air of this concentration: first order, 90 % of a step after T90."""
        share = -math.expm1(-dt_s * math.log(10.0) / self.kind.t90_s)
        self._follows += (air - self._follows) * share

    def read(self) -> float | None:
        """What the cell shows now; None while it is silent."""
        if self.fault == "silence":
            return None
        if self.fault == "stuck":
            return self._last
        kind = self.kind
        shown = kind.full_scale
        if self.fault != "saturation":
            shown = min(self._follows + self._random.gauss(0.0, kind.noise), kind.full_scale)
        digits = max(0, math.ceil(-math.log10(kind.step)))
        self._last = round(max(kind.least, round(shown / kind.step) * kind.step), digits)
        return self._last
