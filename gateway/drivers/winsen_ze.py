"""Winsen's electrochemical modules of one gas: ZE07-CO, ZE07-CH2O, ZE15-CO, ZE25-O3.

Sources: their manuals; sensor protocols, section 5. The active upload is ZE03's; the answer to a read differs by model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.domain.measurement import Measurement
from gateway.drivers.items import UNSUPPORTED, Content, Refusal
from gateway.drivers.readings import no_value, ranged
from gateway.drivers.winsen_frame import (
    ACTIVE_UPLOAD,
    CELL_WARM_UP_S,
    READ_ANSWER,
    UPLOAD_PERIOD_S,
    WinsenRules,
    word,
)
from gateway.drivers.winsen_upload import Upload, read_upload

WARM_UP_S: Final = CELL_WARM_UP_S
PERIOD_S: Final = UPLOAD_PERIOD_S
START_COMMAND: Final = ACTIVE_UPLOAD

_FAULT: Final = 0x8000
_COUNTS: Final = 0x1FFF
"""ZE15-CO: bit 7 of the high byte is the fault bit, the 13 low bits are the value."""
_MASS_AT: Final = 2
_ROUNDED_UG_M3: Final = 4
"""[ug/m3] Below it a mass may honestly round to 0 ppb (1 ppb of O3 = 2, of CH2O = 1.2; limits reference 1.1)."""


@dataclass(frozen=True, slots=True)
class Model:
    """A module of one gas [ppm]. answer_at: offset of the word in a read answer; divisor: its counts per ppm.

    full_scale: [ppm]. also_mass: the answer gives µg/m³ as well. has_fault_bit: see _FAULT.
    """

    gas: str
    full_scale: float
    answer_at: int
    divisor: float
    also_mass: bool = False
    has_fault_bit: bool = False


MODELS: Final[Mapping[str, Model]] = {
    "winsen-ze07-co": Model("co", 500.0, 2, 10.0),
    "winsen-ze07-ch2o": Model("ch2o", 5.0, 6, 1000.0, also_mass=True),
    "winsen-ze15-co": Model("co", 500.0, 2, 10.0, has_fault_bit=True),
    "winsen-ze25-o3": Model("o3", 10.0, 6, 1000.0, also_mass=True),
}
"""ZE07-CO: the manual's formula names bytes 4 and 6, the module fills 2 and 3. ZE25-O3: the manual's "ppm = ppb × 1000"
is upside down. Of ppb and µg/m³ only ppb is taken: the mass rests on a temperature that the frame does not tell."""


class SingleGasRules(WinsenRules):
    """FrameRules of one Model."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def measure(self, frame: bytes) -> Content | Refusal:
        """See WinsenRules."""
        model = self._model
        if frame[1] == READ_ANSWER:
            raw = word(frame, model.answer_at)
            if model.also_mass and not raw and word(frame, _MASS_AT) >= _ROUNDED_UG_M3:
                return Content((no_value(model.gas, "ppm"),))  # a mass without a volume: not clean air
            return Content((self._measurement(raw, model.divisor, model.full_scale),))
        upload = read_upload(frame)
        if not isinstance(upload, Upload):
            return upload
        scale = upload.scale
        if scale.gas != model.gas:
            return Refusal(UNSUPPORTED, f"a module for {scale.gas}, expected {model.gas}")
        return Content((self._measurement(upload.raw, scale.divisor, scale.full or model.full_scale),))

    def _measurement(self, raw: int, divisor: float, full_scale: float) -> Measurement:
        if self._model.has_fault_bit:
            if raw & _FAULT:
                return no_value(self._model.gas, "ppm")
            raw &= _COUNTS
        return ranged(self._model.gas, raw / divisor, "ppm", full_scale)
