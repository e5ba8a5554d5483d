"""Nova SDS011 (PM2.5, PM10) and SDS198 (PM100): AA, a kind, six bytes, their sum, AB; little-endian.

Sources: Nova Fitness, Laser Dust Sensor Control Protocol V1.3; SDS198: open drivers (sensor protocols, section 3).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.drivers.dust import FINE, STARTING, all_zero, dust_readings
from gateway.drivers.items import CHECKSUM, UNSUPPORTED, Content, FullScale, Refusal
from gateway.drivers.scanner import MORE, NO_FRAME

BAUD: Final = 9600
PERIOD_S: Final = 1.0
WARM_UP_S: Final = 30.0
"""[s] The fan must have run that long (control protocol, working period: "work 30 seconds and report")."""

_HEAD: Final = 0xAA
_TAIL: Final = 0xAB
_HOST: Final = 0xB4
_REPLY: Final = 0xC5
_LENGTHS: Final = {0xC0: 10, 0xCF: 10, _REPLY: 10, _HOST: 19}
"""Second byte → bytes of the frame."""
_FIRMWARE: Final = 0x07


def command(*data: int) -> bytes:
    """A host's command of up to 13 data bytes, to whatever sensor hangs on the line (id FF FF)."""
    body = bytes([*data, *bytes(13 - len(data)), 0xFF, 0xFF])
    return bytes([_HEAD, _HOST, *body, sum(body) & 0xFF, _TAIL])


START_COMMAND: Final = command(0x06, 1, 1) + command(0x02, 1, 0)
"""Work, then report by itself. The working period (08) stays as somebody set it: it spares the laser."""


@dataclass(frozen=True, slots=True)
class Model:
    """kind: second byte of its data frames. words: quantity → (offset of its word, divisor)."""

    kind: int
    words: Mapping[str, tuple[int, float]]
    full_scale: FullScale


MODELS: Final[Mapping[str, Model]] = {
    # full scale: 999.9 of the SDS011 data sheet; 20,000 of the SDS198's (0–20 mg/m3 [M])
    "nova-sds011": Model(0xC0, {"pm2_5": (2, 10.0), "pm10": (4, 10.0)}, {"pm2_5": 999.9, "pm10": 999.9}),
    "nova-sds198": Model(0xCF, {"pm100": (4, 1.0)}, {"pm100": 20000.0}),
}


class SdsRules:
    """FrameRules of one model. AA, AB, C0 occur as payload: length and sum make a frame, not the tail alone."""

    first = bytes([_HEAD])
    longest = 19

    def __init__(self, model: Model) -> None:
        self._model = model

    def length_at(self, data: bytes | bytearray, at: int) -> int:
        """See FrameRules."""
        return _LENGTHS.get(data[at + 1], NO_FRAME) if len(data) - at > 1 else MORE

    def read(self, frame: bytes) -> Content | Refusal:
        """See FrameRules."""
        told, computed = frame[-2], sum(frame[2:-2]) & 0xFF
        if told != computed:
            return Refusal(CHECKSUM, f"checksum {told:#04x}, expected {computed:#04x}")
        if frame[-1] != _TAIL:
            return Refusal(CHECKSUM, f"last byte {frame[-1]:#04x}, expected {_TAIL:#04x}")
        kind = frame[1]
        if kind == _HOST:  # a half-duplex adapter hands the host its own request back
            return Content((), {"echo": frame[2:15].hex()})
        if kind == _REPLY:
            return Content((), _reply(frame))
        if kind != self._model.kind:
            return Refusal(UNSUPPORTED, f"data of another model: kind {kind:#04x}, expected {self._model.kind:#04x}")
        values = {
            name: int.from_bytes(frame[at : at + 2], "little") / divisor
            for name, (at, divisor) in self._model.words.items()
        }
        return Content(dust_readings(values, self._model.full_scale, STARTING if all_zero(values) else FINE))


def _reply(frame: bytes) -> dict[str, str]:
    info = {"reply": f"{frame[2]:02x}", "data": frame[3:6].hex(), "id": frame[6:8].hex()}
    if frame[2] == _FIRMWARE:
        info["firmware"] = f"20{frame[3]:02d}-{frame[4]:02d}-{frame[5]:02d}"
    return info
