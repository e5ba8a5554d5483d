"""Air of a mine as well-mixed boxes: what is released in a box is at once everywhere in it, and flows carry it on.

Every box obeys V dC/dt = Σ Q_in (C_from - C) + S - V λ C. One box with a clean flow Q of which the share k mixes is
the textbook dilution t = V/(Q k) ln(C0/C) (limits reference 7.2). Pure: time is what `advance` is told.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

OUTSIDE: Final = ""
"""The free air as one end of a flow: endless and always fresh."""

FRESH: Final[Mapping[str, float]] = {
    "co": 0.0, "co2": 420.0, "no": 0.0, "no2": 0.0, "so2": 0.0, "h2s": 0.0, "hcn": 0.0, "nh3": 0.0, "o3": 0.0,
    "ch4": 0.0, "h2": 0.0, "o2": 20.9, "hg": 0.0, "pm1": 6.0, "pm2_5": 12.0, "pm4": 16.0, "pm10": 25.0,
}  # fmt: skip
"""What is mixed into the air, and how much of it fresh mountain air has: gases [ppm], o2 ch4 h2 [%vol], dust and
mercury [ug/m3]. o2: limits reference 2.4; the dust of a dry yard is a guess of ours."""

PERCENT: Final = frozenset(["o2", "ch4", "h2"])
MASS: Final = frozenset(["hg", "pm1", "pm2_5", "pm4", "pm10"])

SETTLING_PER_S: Final[Mapping[str, float]] = {"pm4": 2e-4, "pm10": 1e-3}
"""[1/s] Dust that sinks to the floor: about Stokes' speed of its grains of rock over 2 m of height [D]."""

STEP_OF_TAU: Final = 0.05
"""The explicit step is this share of the fastest box's time constant: stable (< 2) and exact to about 1e-4."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Air that moves from one box to another, or from or to `OUTSIDE` [m3/s]."""

    start: str
    end: str
    m3_s: float


@dataclass(slots=True)
class _Release:
    """An amount on its way into a box: rate [species unit · m3/s] for so long [s]."""

    box: int
    rate: npt.NDArray[np.float64]
    left_s: float


class Air:
    """Boxes by name with their volume [m3]; all start with fresh air."""

    def __init__(self, volumes: Mapping[str, float]) -> None:
        self._boxes = {name: i for i, name in enumerate(volumes)}
        self._species = {name: i for i, name in enumerate(FRESH)}
        self._volume = np.array(list(volumes.values()))
        self._fresh = np.array(list(FRESH.values()))
        self._settling = np.array([SETTLING_PER_S.get(name, 0.0) for name in FRESH])
        self._c = np.tile(self._fresh, (len(volumes), 1))
        self._steady = np.zeros_like(self._c)
        self._releases: list[_Release] = []
        self.set_flows(())

    def set_flows(self, flows: Iterable[Flow]) -> None:
        """From now on the air moves so. What a flow does not name is outside."""
        count = len(self._boxes)
        self._carry = np.zeros((count, count))
        self._clean = np.zeros(count)
        for flow in flows:
            if flow.end not in self._boxes:
                continue
            end = self._boxes[flow.end]
            share = flow.m3_s / self._volume[end]
            self._carry[end, end] -= share
            if flow.start in self._boxes:
                self._carry[end, self._boxes[flow.start]] += share
            else:
                self._clean[end] += share
        fastest = float(np.max(-np.diag(self._carry), initial=0.0)) + float(self._settling.max())
        self._longest_s = STEP_OF_TAU / fastest

    def set_source(self, box: str, species: str, per_s: float) -> None:
        """A steady source (or, below zero, a sink) in a box [see `amount`, per s]."""
        self._steady[self._boxes[box], self._species[species]] = per_s

    def release(self, box: str, amounts: Mapping[str, float], over_s: float) -> None:
        """Let amounts (see `amount`) into a box, evenly over so many seconds."""
        rate = np.zeros(len(self._species))
        for species, much in amounts.items():
            rate[self._species[species]] = much / over_s
        self._releases.append(_Release(self._boxes[box], rate, over_s))

    def concentration(self, box: str, species: str) -> float:
        """What the air of a box holds now [unit of FRESH]."""
        return float(self._c[self._boxes[box], self._species[species]])

    def advance(self, dt_s: float) -> None:
        """Let time pass [s]: midpoint rule in steps that are stable whatever the flows are."""
        while dt_s > 1e-9:
            step = min([dt_s, self._longest_s, *(release.left_s for release in self._releases)])
            source = self._steady.copy()
            for release in self._releases:
                source[release.box] += release.rate
                release.left_s -= step
            source /= self._volume[:, None]
            half = self._c + 0.5 * step * self._slope(self._c, source)
            self._c = np.maximum(self._c + step * self._slope(half, source), 0.0)
            self._releases = [release for release in self._releases if release.left_s > 1e-9]
            dt_s -= step

    def _slope(self, c: npt.NDArray[np.float64], source: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        settled = self._settling * (c - self._fresh)
        slope: npt.NDArray[np.float64] = self._carry @ c + np.outer(self._clean, self._fresh) + source - settled
        return slope


def amount(species: str, quantity: float) -> float:
    """m3 of a gas, or g of dust or mercury, as the amount that `release` takes [unit of FRESH · m3]."""
    return quantity * (100.0 if species in PERCENT else 1e6)  # g to ug, and m3 to ppm · m3, are both a million
