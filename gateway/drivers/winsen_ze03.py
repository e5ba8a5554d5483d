"""Winsen ZE03 electrochemical gas modules: nine bytes, FF first, checksum last.

Source: Winsen ZE03 manual; sensor protocols, section 5.
"""

from typing import Final

from gateway.domain.measurement import Measurement
from gateway.domain.quality import Quality, Reason
from gateway.drivers.items import CHECKSUM, UNSUPPORTED, Content, Refusal
from gateway.drivers.scanner import MORE

BAUD: Final = 9600
WARM_UP_S: Final = 300.0
"""[s] Electrochemical cells: 3–5 min after every start (sensor protocols, section 0); the longer one."""
PERIOD_S: Final = 1.0
START_COMMAND: Final = bytes.fromhex("ff01784000000000" "47")
"""Active upload: the only frames that name their gas."""

LENGTH: Final = 9
MAX_DECIMALS: Final = 4
"""More decimals than a 16-bit value has digits before the point are no ZE03."""

READ_ANSWER: Final = 0x86
HOST_ADDRESS: Final = 0x01
MODE_REPLY: Final = 0x78

GASES: Final = {
    0x02: "nh3", 0x03: "h2s", 0x04: "co", 0x05: "o2", 0x06: "h2", 0x08: "c2h4", 0x17: "ch2o", 0x2A: "o3",
    0x2B: "so2", 0x2C: "no2", 0x2E: "hcl", 0x2F: "hcn", 0x31: "cl2", 0x33: "hf", 0x34: "eto", 0x45: "ph3",
}  # fmt: skip
"""Gas code → quantity; gases that the interface does not name keep their own (in ppm)."""

PPM: Final = 0x03
PPB: Final = 0x04


class _Scale:
    """How the module's counts become a value: learnt from its last active upload."""

    def __init__(self, gas: str, unit: str, divisor: float, full: float) -> None:
        self.gas, self.unit, self.divisor, self.full = gas, unit, divisor, full

    def measurement(self, raw: int) -> Measurement:
        """The value of `raw` counts; at or beyond the range that the frame names it is a floor."""
        value = raw / self.divisor
        if self.full and value >= self.full:
            return Measurement(self.gas, value, self.unit, Quality.UNCERTAIN, Reason.OVER_RANGE)
        return Measurement(self.gas, value, self.unit)


class ZE03Rules:
    """FrameRules of the ZE03 family; remembers the gas, because a read answer (FF 86) does not tell it."""

    first = b"\xff"
    longest = LENGTH

    def __init__(self) -> None:
        self._scale: _Scale | None = None

    def length_at(self, data: bytes | bytearray, at: int) -> int:
        """See FrameRules: every FF may start a frame."""
        return LENGTH if len(data) - at >= LENGTH else MORE

    def read(self, frame: bytes) -> Content | Refusal:
        """See FrameRules."""
        computed = -sum(frame[1:8]) & 0xFF  # inverse + 1, as one byte: it wraps to 00
        if frame[8] != computed:
            return Refusal(CHECKSUM, f"checksum {frame[8]:#04x}, expected {computed:#04x}")
        kind = frame[1]
        if kind == READ_ANSWER:
            raw = frame[2] << 8 | frame[3]
            if self._scale is None:
                return Content((), {"reply": "86", "raw": raw, "gas": None})
            return Content((self._scale.measurement(raw),))
        if kind == HOST_ADDRESS:  # a half-duplex adapter hands the host its own request back
            return Content((), {"echo": frame[2:8].hex()})
        if kind == MODE_REPLY:
            return Content((), {"reply": "78", "data": frame[2:8].hex()})
        return self._upload(frame)

    def _upload(self, frame: bytes) -> Content | Refusal:
        code, unit, decimals = frame[1], frame[2], frame[3]
        gas = GASES.get(code)
        if gas is None:
            return Refusal(UNSUPPORTED, f"gas code {code:#04x}, expected one of a ZE03")
        if decimals > MAX_DECIMALS:
            return Refusal(UNSUPPORTED, f"{decimals} decimals for {gas}, expected at most {MAX_DECIMALS}")
        if gas == "o2":  # %vol whatever the unit byte says: makers disagree on its code
            word, factor = "%vol", 1
        elif unit in (PPM, PPB):
            word, factor = "ppm", 1 if unit == PPM else 1000
            if gas == "h2":
                word, factor = "%vol", factor * 10_000
        else:
            return Refusal(UNSUPPORTED, f"unit code {unit:#04x} for {gas}, expected 0x03 (ppm) or 0x04 (ppb)")
        divisor = float(10**decimals * factor)
        self._scale = _Scale(gas, word, divisor, (frame[6] << 8 | frame[7]) / divisor)
        return Content((self._scale.measurement(frame[4] << 8 | frame[5]),))
