"""Winsen MH-Z19, MH-Z19B and MH-Z19C: CO2, infrared; answers when asked.

Sources: Winsen manuals MH-Z19B 1.5 and MH-Z19C; sensor protocols, sections 0 and 5.
"""

from collections.abc import Mapping
from typing import Final

from gateway.domain.measurement import Measurement
from gateway.domain.quality import Quality, Reason
from gateway.drivers.items import Content, Refusal
from gateway.drivers.readings import co2
from gateway.drivers.winsen_frame import (
    READ,
    READ_ANSWER,
    SELF_CALIBRATION_OFF,
    WinsenRules,
    command,
    not_an_answer,
    word,
)

WARM_UP_S: Final = 180.0
"""[s] Preheat time (manual MH-Z19B); until then it may say a constant 410, 400, 500 or 5000 in sound frames."""
POLL_S: Final = 5.0
"""[s] The module renews its value every 5 s (sensor protocols, section 0)."""
POLL_COMMAND: Final = READ
RANGE_PPM: Final = 5000
"""[ppm] The largest range that every model of the family has (2000, 5000, some 10000)."""
FULL_SCALE: Final[Mapping[str, float]] = {"co2": float(RANGE_PPM)}
START_COMMAND: Final = SELF_CALIBRATION_OFF + command(0x99, 0, 0, 0, *divmod(RANGE_PPM, 256))
"""Self-calibration off, and the range set: a module left at 2000 ppm would end below the limit and look well."""

_REPLIES: Final = (0x78, 0x79, 0x7D, 0x84, 0x85, 0x87, 0x88, 0x99, 0x9B, 0xA0, 0xA2)
"""Answers to commands that measure nothing; most are undocumented and seen in open drivers only."""
_BOOTING: Final = 15000
"""Bytes 6–7 while the module boots (sensor protocols, section 5)."""
_TEMPERATURE_OFFSET: Final = 40


class MHZ19Rules(WinsenRules):
    """FrameRules of the family."""

    replies = _REPLIES

    def measure(self, frame: bytes) -> Content | Refusal:
        """See WinsenRules."""
        if frame[1] != READ_ANSWER:
            return not_an_answer(frame, "an MH-Z19")
        reading = co2(word(frame, 2), FULL_SCALE["co2"])
        if word(frame, 6) == _BOOTING and reading.quality is not Quality.BAD:
            reading = reading._replace(quality=Quality.UNCERTAIN, reason=Reason.WARMING_UP)
        if not frame[4]:  # 0: this model sends no temperature
            return Content((reading,))
        return Content((reading, Measurement("temperature", float(frame[4] - _TEMPERATURE_OFFSET), "degC")))
