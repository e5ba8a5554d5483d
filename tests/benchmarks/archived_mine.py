"""A mine's readings with realistic noise, as arrays: what the archive's benchmarks store and ask."""

from typing import Final, NamedTuple

import numpy as np

from gateway.domain.history import DAY_US
from gateway.stores.journal import SensorRecord
from gateway.stores.reading_rows import READING

S: Final = 1_000_000
DAY0: Final = 20_600 * DAY_US
SECONDS: Final = 86_400


class Kind(NamedTuple):
    """A usual cell: level in still air, its slow swing and its noise, one LSB, how strongly blasts show."""

    quantity: str
    unit: str
    rest: float
    swing: float
    noise: float
    lsb: float
    plume: float


KINDS: Final = (
    Kind("co", "ppm", 2.0, 1.0, 0.6, 1.0, 150.0),
    Kind("no2", "ppm", 0.3, 0.1, 0.06, 0.1, 4.0),
    Kind("o2", "%vol", 20.6, 0.1, 0.06, 0.1, -0.5),
    Kind("pm10", "ug/m3", 60.0, 20.0, 3.0, 1.0, 600.0),
    Kind("temperature", "degC", 18.0, 1.0, 0.05, 0.1, 0.0),
    Kind("humidity", "%RH", 85.0, 4.0, 0.2, 0.1, 0.0),
)


def sensors(count: int) -> list[SensorRecord]:
    """`count` sensors, every kind in turn."""
    kinds = enumerate(KINDS[at % len(KINDS)] for at in range(count))
    return [SensorRecord(f"{one.quantity}-{at:03d}", one.quantity, "frente-1", one.unit) for at, one in kinds]


def a_day(number: int, day: int, *, blasts: bool = True) -> np.ndarray:
    """One sensor's day at 1 Hz: a slow random walk, noise, two blasts, rounded to the cell's LSB.

    Every second sensor hangs on a serial line: its times are those of receipt, to the µs, with 1 ms of jitter; the
    others come from nodes that send milliseconds with 2 ms of jitter. Journal rows come two a second.
    """
    chance = np.random.default_rng((number, day))
    kind = KINDS[number % len(KINDS)]
    seconds = np.arange(SECONDS)
    knots = chance.normal(0, kind.swing, SECONDS // 300 + 2).cumsum() * 0.3
    slow = np.interp(seconds, np.arange(knots.size) * 300, knots - knots.mean())
    level = kind.rest + np.clip(slow, -2 * kind.swing, 4 * kind.swing) + chance.normal(0, kind.noise, SECONDS)
    for hour in (11.5, 17.0) if blasts else ():
        since = seconds - hour * 3600 - chance.uniform(0, 600)
        level += np.where(since > 0, kind.plume * np.exp(-np.maximum(since, 0) / 900), 0.0)
    steps = np.maximum(np.rint(level / kind.lsb), 0)
    found = np.zeros(SECONDS, READING)
    jitter = chance.normal(0, 1000, SECONDS) if number % 2 else np.rint(chance.normal(0, 2, SECONDS)) * 1000
    found["time_us"] = DAY0 + day * DAY_US + seconds * S + np.rint(jitter).astype(np.int64) + 500_000
    found["time_us"].sort()
    found["value"] = found["raw"] = steps / round(1 / kind.lsb)
    found["n"] = np.cumsum(chance.choice([1, 2, 3], SECONDS, p=[0.1, 0.8, 0.1])) + day * 250_000
    found["i"] = 0 if number % 2 else number % 4
    found["seq"] = 0 if number % 2 else seconds % 1000
    found["trusted"] = True
    gaps = chance.random(SECONDS) < 0.0005
    found["quality"][gaps], found["reason"][gaps] = 2, 6
    found["value"][gaps] = found["raw"][gaps] = np.nan
    return found
