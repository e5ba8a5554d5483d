"""Winsen ZPHS01B: dust, CO2, VOC grade, climate and four gases in one answer of 26 bytes.

Source: open drivers of the module (sensor protocols, section 5).
"""

from collections.abc import Mapping
from typing import Final

from gateway.domain.measurement import Measurement
from gateway.drivers.items import Content, Refusal
from gateway.drivers.readings import co2, no_value, ranged
from gateway.drivers.scanner import MORE
from gateway.drivers.winsen_frame import (
    CELL_WARM_UP_S,
    LENGTH,
    READ,
    READ_ANSWER,
    WinsenRules,
    not_an_answer,
    word,
)

WARM_UP_S: Final = CELL_WARM_UP_S
"""[s] Of its slowest parts, the electrochemical cells."""
POLL_S: Final = 1.0
"""[s] How often we ask [D]: as often as Winsen's single modules speak."""
POLL_COMMAND: Final = READ

FULL_SCALE: Final[Mapping[str, float]] = {
    "pm1": 1000.0, "pm2_5": 1000.0, "pm10": 1000.0, "co2": 5000.0, "ch2o": 1.6, "co": 500.0, "o3": 10.0, "no2": 10.0,
}  # fmt: skip
"""[canonical unit] Ranges of the module's parts (manual ZPHS01B 1.3 [M]; dust, CO2 and CH2O as ZPHS01C [V])."""

_ANSWER: Final = 26
_DUST: Final = {"pm1": 2, "pm2_5": 4, "pm10": 6}
_CH2O_PPM_PER_MG_M3: Final = 24.465 / 30.026
"""At 25 °C and 1013.25 hPa (limits reference 1.1): the module reports formaldehyde as a mass."""


class ZPHS01BRules(WinsenRules):
    """FrameRules of the module."""

    longest = _ANSWER

    def length_at(self, data: bytes | bytearray, at: int) -> int:
        """See FrameRules: FF 86 begins 26 bytes, all else is a nine-byte frame."""
        if len(data) - at < 2:
            return MORE
        return _ANSWER if data[at + 1] == READ_ANSWER else LENGTH

    def measure(self, frame: bytes) -> Content | Refusal:
        """See WinsenRules."""
        if len(frame) != _ANSWER:
            return not_an_answer(frame, "a ZPHS01B")
        readings = _readings(frame)
        if any(frame[2:-1]):
            return Content(readings)
        # all zero says 0 ppm of CO2 at −50 °C: a module that has not measured yet
        return Content(tuple(no_value(reading.quantity, reading.unit) for reading in readings))


def _readings(frame: bytes) -> tuple[Measurement, ...]:
    def gas(name: str, value: float) -> Measurement:
        return ranged(name, value, "ppm", FULL_SCALE[name])

    return (
        *(ranged(name, float(word(frame, at)), "ug/m3", FULL_SCALE[name]) for name, at in _DUST.items()),
        co2(word(frame, 8), FULL_SCALE["co2"]),
        Measurement("voc_grade", float(frame[10]), None),
        Measurement("temperature", (word(frame, 11) - 500) / 10, "degC"),
        Measurement("humidity", float(word(frame, 13)), "%RH"),
        gas("ch2o", word(frame, 15) / 1000 * _CH2O_PPM_PER_MG_M3),
        gas("co", word(frame, 17) / 10),
        gas("o3", word(frame, 19) / 100),
        gas("no2", word(frame, 21) / 100),
    )
