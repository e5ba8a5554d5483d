"""Winsen MH-Z19 (CO2) and MH-440D (methane) that are not there: they only answer.

Sources: manuals MH-Z19B 1.5, MH-440D (sensor protocols, section 5).
"""

from typing import Final

from firmware_sim.devices.faults import Read
from firmware_sim.devices.winsen import READ, WinsenModule, ended, split

COLD_S: Final = 180.0
BOOT_S: Final = 20.0
"""[s] After power-on: how long it says a constant, and how long it also says that it boots [M]."""
COLD_PPM: Final = 410
BOOTING: Final = 15000
FACTORY_RANGE: Final = 2000
LEAST_PPM: Final = 400
"""[ppm] Where the range of an MH-Z19 begins."""
LEL_COUNTS: Final = 100
COUNTS_PER_PERCENT: Final = 20
"""MH-440D of 0–100 %LEL: 500 ppm a count, 100 of them."""


class MHZ19(WinsenModule):
    """CO2. It has run for a while when it is made; `power_on` begins anew, cold and with its factory settings.

    self_calibrates: whether it takes the lowest value of a day as 400 ppm. range_ppm: where its values end.
    """

    uploads = False

    def __init__(self, read: Read) -> None:
        super().__init__()
        self._read = read
        self._started_s = -COLD_S
        self.self_calibrates = True
        self.range_ppm = FACTORY_RANGE

    def power_on(self, now_s: float) -> None:
        """Power has come."""
        super().power_on(now_s)
        self._started_s = now_s
        self.self_calibrates, self.range_ppm = True, FACTORY_RANGE

    def obey(self, now_s: float, command: int, data: bytes) -> list[bytes]:
        """See WinsenModule: settings are not answered."""
        if command == 0x79:
            self.self_calibrates = data[0] == 0xA0
        elif command == 0x99:
            self.range_ppm = data[3] * 256 + data[4]
        return super().obey(now_s, command, data)

    def answer(self, now_s: float) -> list[bytes]:
        """See WinsenModule."""
        value = self._read("co2")
        if value is None:
            return []
        age_s = now_s - self._started_s
        shown = COLD_PPM if age_s < COLD_S else min(self.range_ppm, max(LEAST_PPM, value))
        warmth = self._read("temperature")
        celsius = 20 if warmth is None else round(warmth)
        mark = BOOTING if age_s < BOOT_S else 0
        return [ended(0xFF, READ, *split(shown), min(255, max(0, celsius + 40)), 0, *split(mark))]


class MH440D(WinsenModule):
    """Methane, 0–100 %LEL."""

    uploads = False

    def __init__(self, read: Read) -> None:
        super().__init__()
        self._read = read

    def answer(self, now_s: float) -> list[bytes]:
        """See WinsenModule."""
        del now_s
        value = self._read("ch4")
        return [] if value is None else [ended(0xFF, READ, *split(value * COUNTS_PER_PERCENT, LEL_COUNTS))]
