"""Active upload of Winsen's electrochemical modules: `FF` gas unit decimals value value full full checksum.

Source: manuals of ZE03, ZE07-CO, ZE07-CH2O, ZE15-CO, ZE25-O3 (sensor protocols, section 5).
"""

from typing import Final, NamedTuple

from gateway.domain.measurement import Measurement
from gateway.drivers.items import UNSUPPORTED, Refusal
from gateway.drivers.readings import ranged
from gateway.drivers.winsen_frame import word

GASES: Final = {
    0x02: "nh3", 0x03: "h2s", 0x04: "co", 0x05: "o2", 0x06: "h2", 0x08: "c2h4", 0x17: "ch2o", 0x2A: "o3",
    0x2B: "so2", 0x2C: "no2", 0x2E: "hcl", 0x2F: "hcn", 0x31: "cl2", 0x33: "hf", 0x34: "eto", 0x45: "ph3",
}  # fmt: skip
"""Gas code → quantity; gases that the interface does not name keep their own (in ppm)."""

PPM: Final = 0x03
PPB: Final = 0x04
MAX_DECIMALS: Final = 4
"""More decimals than a 16-bit value has digits before the point are no Winsen module."""


class Scale(NamedTuple):
    """How a module's counts become a value. full: end of range [unit], 0 when the frame names none."""

    gas: str
    unit: str
    divisor: float
    full: float

    def measurement(self, raw: int) -> Measurement:
        """The value of `raw` counts."""
        return ranged(self.gas, raw / self.divisor, self.unit, self.full)


class Upload(NamedTuple):
    """One active upload: its scale and its counts."""

    scale: Scale
    raw: int


def read_upload(frame: bytes) -> Upload | Refusal:
    """A frame with a right checksum as an upload; an unknown gas, unit or scale is refused, never guessed."""
    code, unit, decimals = frame[1], frame[2], frame[3]
    gas = GASES.get(code)
    if gas is None:
        return Refusal(UNSUPPORTED, f"gas code {code:#04x}, expected one of Winsen's gas modules")
    if decimals > MAX_DECIMALS:
        return Refusal(UNSUPPORTED, f"{decimals} decimals for {gas}, expected at most {MAX_DECIMALS}")
    if gas == "o2":  # %vol whatever the unit byte says: makers disagree on its code
        name, factor = "%vol", 1
    elif unit in (PPM, PPB):
        name, factor = "ppm", 1 if unit == PPM else 1000
        if gas == "h2":
            name, factor = "%vol", factor * 10_000
    else:
        return Refusal(UNSUPPORTED, f"unit code {unit:#04x} for {gas}, expected 0x03 (ppm) or 0x04 (ppb)")
    divisor = float(10**decimals * factor)
    return Upload(Scale(gas, name, divisor, word(frame, 6) / divisor), word(frame, 4))
