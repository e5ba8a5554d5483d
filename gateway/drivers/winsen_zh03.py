"""Winsen ZH03 and ZH03B dust sensors: a 24-byte active upload in Plantower's form, a 9-byte answer in Winsen's.

Source: Winsen ZH03 manual 2.0; sensor protocols, section 5.
"""

from collections.abc import Mapping
from typing import Final

from gateway.domain.measurement import Measurement
from gateway.drivers.dust import FINE, STARTING, all_zero, dust_readings
from gateway.drivers.items import CHECKSUM, DEVICE, UNSUPPORTED, Content, Refusal
from gateway.drivers.scanner import MORE, NO_FRAME
from gateway.drivers.winsen_frame import (
    ACTIVE_UPLOAD,
    READ_ANSWER,
    UPLOAD_PERIOD_S,
    WinsenRules,
    command,
    not_an_answer,
    word,
)

WARM_UP_S: Final = 30.0
"""[s] Until the fan moves a steady flow: as Plantower's optics, section 0 [M]."""
PERIOD_S: Final = UPLOAD_PERIOD_S
FULL_SCALE: Final[Mapping[str, float]] = dict.fromkeys(("pm1", "pm2_5", "pm10"), 1000.0)
"""[ug/m3] Detection range (manual 2.0, 0–1000)."""
_DORMANT: Final = 0xA7
START_COMMAND: Final = command(_DORMANT, 0) + ACTIVE_UPLOAD
"""Out of the dormant mode that somebody may have left it in, then active upload."""

_HEAD: Final = b"\x42\x4d\x00"
_UPLOAD: Final = 20
_LENGTHS: Final = (_UPLOAD, 28, 36, 4)
"""Length fields that stand behind 42 4D in any device; but for the first one they are a Plantower's."""
_UPLOADED: Final = {"pm1": 10, "pm2_5": 12, "pm10": 14}
_ANSWERED: Final = {"pm2_5": 2, "pm10": 4, "pm1": 6}
"""Quantity → offset of its word; the answer has another order."""


class ZH03Rules(WinsenRules):
    """FrameRules of both forms."""

    first = b"\xff\x42"
    longest = 40

    def length_at(self, data: bytes | bytearray, at: int) -> int:
        """See FrameRules."""
        if data[at] == 0xFF:
            return super().length_at(data, at)
        head = data[at : at + 4]
        if len(head) < 4:
            return MORE if _HEAD.startswith(head) else NO_FRAME
        return head[3] + 4 if head[:3] == _HEAD and head[3] in _LENGTHS else NO_FRAME

    def read(self, frame: bytes) -> Content | Refusal:
        """See FrameRules."""
        return super().read(frame) if frame[0] == 0xFF else self._upload(frame)

    def measure(self, frame: bytes) -> Content | Refusal:
        """See WinsenRules: the answer to a read or to the dormant command."""
        if frame[1] == _DORMANT:
            if frame[2] == 0:
                return Refusal(DEVICE, "the sensor answers that it could not enter or leave its dormant mode")
            return Content((), {"reply": f"{_DORMANT:02x}", "data": frame[2:8].hex()})
        if frame[1] != READ_ANSWER:
            return not_an_answer(frame, "a ZH03")
        return Content(_readings(frame, _ANSWERED))

    def _upload(self, frame: bytes) -> Content | Refusal:
        told, summed = word(frame, len(frame) - 2), sum(frame[:-2])
        if told != summed:
            return Refusal(CHECKSUM, f"checksum {told:#06x}, expected {summed:#06x}")
        if frame[3] != _UPLOAD:
            return Refusal(UNSUPPORTED, f"a frame of a Plantower: length {frame[3]}, expected {_UPLOAD}")
        return Content(_readings(frame, _UPLOADED))


def _readings(frame: bytes, places: Mapping[str, int]) -> tuple[Measurement, ...]:
    values = {name: float(word(frame, places[name])) for name in FULL_SCALE}
    return dust_readings(values, FULL_SCALE, STARTING if all_zero(values) else FINE)
