"""A Winsen ZH03 dust sensor that is not there.

Source: Winsen ZH03 manual 2.0 (sensor protocols, section 5).
"""

import struct
from typing import Final

from firmware_sim.devices.faults import Read
from firmware_sim.devices.winsen import READ, WinsenModule, ended, split

FULL: Final = 1000
DORMANT: Final = 0xA7


def upload_frame(pm1: int, pm2_5: int, pm10: int) -> bytes:
    """The 24 bytes: words 4 to 6 of nine hold the masses [ug/m3], the others nothing."""
    body = struct.pack(">2sH9H", b"BM", 20, 0, 0, 0, pm1, pm2_5, pm10, 0, 0, 0)
    return body + struct.pack(">H", sum(body))


class WinsenZH03(WinsenModule):
    """The sensor: awake, active upload after power-on."""

    def __init__(self, read: Read) -> None:
        super().__init__()
        self._read = read
        self.dormant = False

    def power_on(self, now_s: float) -> None:
        """Power has come."""
        super().power_on(now_s)
        self.dormant = False

    def obey(self, now_s: float, command: int, data: bytes) -> list[bytes]:
        """See WinsenModule: A7 sends it to sleep and wakes it."""
        if command == DORMANT:
            self.dormant = data[0] == 1
            return [ended(0xFF, DORMANT, 1)]
        return super().obey(now_s, command, data)

    def upload(self, now_s: float) -> list[bytes]:
        """See WinsenModule."""
        del now_s
        masses = self._masses()
        return [] if masses is None else [upload_frame(*masses)]

    def answer(self, now_s: float) -> list[bytes]:
        """See WinsenModule: another order than the upload."""
        del now_s
        masses = self._masses()
        if masses is None:
            return []
        pm1, pm2_5, pm10 = masses
        return [ended(0xFF, READ, *split(pm2_5), *split(pm10), *split(pm1))]

    def _masses(self) -> tuple[int, int, int] | None:
        seen = {name: value for name in ("pm1", "pm2_5", "pm10") if (value := self._read(name)) is not None}
        if self.dormant or not seen:
            return None
        # a site need not watch all three: what nobody reads follows the others
        fine = seen.get("pm2_5", 0.5 * seen.get("pm10", 2.0 * seen.get("pm1", 0.0)))
        pm1, pm10 = seen.get("pm1", 0.5 * fine), seen.get("pm10", 2.0 * fine)
        return _limited(pm1), _limited(fine), _limited(pm10)


def _limited(mass: float) -> int:
    return round(min(FULL, max(0.0, mass)))
