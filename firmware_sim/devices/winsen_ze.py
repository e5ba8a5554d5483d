"""Winsen ZE07-CO, ZE07-CH2O, ZE15-CO and ZE25-O3 that are not there.

Sources: their manuals (sensor protocols, section 5).
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from firmware_sim.devices.faults import Read
from firmware_sim.devices.winsen import READ, WinsenModule, ended, split

PPM: Final = 0x03
PPB: Final = 0x04
FAULT: Final = 0x80
"""ZE15-CO: in the value's high byte."""


class Kind(NamedTuple):
    """A model. full: end of range in counts, of which one ppm has `per_ppm`. mass: [ug/m3 per ppb] 25 °C; 0: none."""

    gas: str
    code: int
    unit: int
    decimals: int
    per_ppm: int
    full: int
    mass: float = 0.0


KINDS: Final[Mapping[str, Kind]] = {
    "winsen-ze07-co": Kind("co", 0x04, PPM, 1, 10, 5000),
    "winsen-ze07-ch2o": Kind("ch2o", 0x17, PPB, 0, 1000, 5000, 30.03 / 24.45),
    "winsen-ze15-co": Kind("co", 0x04, PPM, 1, 10, 5000),
    "winsen-ze25-o3": Kind("o3", 0x2A, PPB, 0, 1000, 10000, 48.0 / 24.45),
}


class WinsenZE(WinsenModule):
    """The module `name`: active upload after power-on. `broken` is its cell: a ZE15 tells, the others do not know."""

    def __init__(self, name: str, read: Read) -> None:
        super().__init__()
        self._kind = KINDS[name]
        self._tells = name == "winsen-ze15-co"
        self._read = read
        self.broken = False

    def upload(self, now_s: float) -> list[bytes]:
        """See WinsenModule."""
        del now_s
        kind, count = self._kind, self._count()
        if count is None:
            return []
        high, low = self._marked(count)
        return [ended(0xFF, kind.code, kind.unit, kind.decimals, high, low, *split(kind.full))]

    def answer(self, now_s: float) -> list[bytes]:
        """See WinsenModule: ppb behind the mass, or tenths of ppm alone."""
        del now_s
        count = self._count()
        if count is None:
            return []
        if self._kind.mass:
            return [ended(0xFF, READ, *split(count * self._kind.mass), 0, 0, *split(count))]
        return [ended(0xFF, READ, *self._marked(count))]

    def _count(self) -> int | None:
        value = self._read(self._kind.gas)
        return None if value is None else round(min(self._kind.full, max(0.0, value * self._kind.per_ppm)))

    def _marked(self, count: int) -> tuple[int, int]:
        high, low = split(count)
        return (high | FAULT, low) if self._tells and self.broken else (high, low)
