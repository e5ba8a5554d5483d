"""Winsen ZE03 electrochemical gas modules, for every gas of the family: the active upload names it.

Source: Winsen ZE03 manual; sensor protocols, section 5.
"""

from typing import Final

from gateway.drivers.items import Content, Refusal
from gateway.drivers.winsen_frame import (
    ACTIVE_UPLOAD,
    CELL_WARM_UP_S,
    READ_ANSWER,
    UPLOAD_PERIOD_S,
    WinsenRules,
    word,
)
from gateway.drivers.winsen_upload import Scale, Upload, read_upload

WARM_UP_S: Final = CELL_WARM_UP_S
PERIOD_S: Final = UPLOAD_PERIOD_S
START_COMMAND: Final = ACTIVE_UPLOAD
"""The only frames that name their gas."""


class ZE03Rules(WinsenRules):
    """FrameRules of the ZE03 family; remembers the gas, because a read answer (FF 86) does not tell it."""

    def __init__(self) -> None:
        self._scale: Scale | None = None

    def measure(self, frame: bytes) -> Content | Refusal:
        """See WinsenRules."""
        if frame[1] == READ_ANSWER:
            raw = word(frame, 2)
            if self._scale is None:
                return Content((), {"reply": "86", "raw": raw, "gas": None})
            return Content((self._scale.measurement(raw),))
        upload = read_upload(frame)
        if not isinstance(upload, Upload):
            return upload
        self._scale = upload.scale
        return Content((upload.scale.measurement(upload.raw),))
