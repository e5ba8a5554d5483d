"""Winsen MH-440D and MH-441D: methane, infrared; answers when asked.

Source: Winsen manuals MH-440D and MH-441D, 6.2 (sensor protocols, section 5).
"""

from collections.abc import Mapping
from typing import Final

from gateway.drivers.items import Content, Refusal
from gateway.drivers.readings import ranged
from gateway.drivers.winsen_frame import READ, READ_ANSWER, WinsenRules, not_an_answer, word

WARM_UP_S: Final = 180.0
"""[s] Preheat time of Winsen's infrared modules (MH-Z19B, sensor protocols, section 0)."""
POLL_S: Final = 1.0
"""[s] How often we ask [D]: nothing that may burn waits longer than any other sensor of the gateway."""
POLL_COMMAND: Final = READ
FULL_SCALE: Final[Mapping[str, float]] = {"ch4": 5.0}
"""[%vol] 100 %LEL of the manual (500 ppm a count), and the end of the 0–5 %vol type."""

_COUNTS_PER_PERCENT: Final = 20.0
"""[1/%vol] 0–100 %LEL type: 500 ppm a count. The other types of the name have smaller steps (0–5 %vol: 100 ppm): read
with this one they show too much, never too little, until the site file's `calibration` corrects them."""


class MH440DRules(WinsenRules):
    """FrameRules of the module."""

    replies = (0x87, 0x88)

    def measure(self, frame: bytes) -> Content | Refusal:
        """See WinsenRules."""
        if frame[1] != READ_ANSWER:
            return not_an_answer(frame, "an MH-440D")
        return Content((ranged("ch4", word(frame, 2) / _COUNTS_PER_PERCENT, "%vol", FULL_SCALE["ch4"]),))
