"""The rungs that a rising toxic gas is judged by ahead of the lagging cell (limits reference 4.4)."""

import math
from collections.abc import Iterable
from dataclasses import replace

from alerts.ladder import Rung
from alerts.model import Priority
from gateway.domain.quantities import TOXIC
from gateway.domain.site import SensorConfig


def predicted_rungs(sensor: SensorConfig, rungs: Iterable[Rung]) -> tuple[Rung, ...]:
    """A twin of each rung High and above that single samples of a toxic gas reach, for the T90 predictor (4.4)."""
    if sensor.quantity not in TOXIC:
        return ()
    return tuple(
        replace(
            rung, key=f"{rung.key}.ahead", statistic="predicted", enters_over_range=False,
            source=f"{rung.source}; predicted for the cell's T90 (limits reference 4.4)",
        )
        for rung in rungs
        if rung.sampled and rung.rising and rung.priority >= Priority.HIGH and math.isfinite(rung.limit)
    )  # fmt: skip
