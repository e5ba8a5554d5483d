"""Honeywell HPMA115 dust sensors, standard (S0) and compact (C0): three kinds of frames on one line.

42 4D 00 1C … (auto-send, on at power-up), 40 len cmd … CS (answers), A5 A5 and 96 96 (done, refused); all may be glued.
Source: Honeywell, HPM Series datasheet 32322550, issue F, tables 4 to 7 (sensor protocols, section 2).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.drivers.dust import FINE, STARTING, all_zero, dust_readings
from gateway.drivers.items import CHECKSUM, DEVICE, UNSUPPORTED, Content, Refusal
from gateway.drivers.scanner import MORE, NO_FRAME

BAUD: Final = 9600
PERIOD_S: Final = 1.0
WARM_UP_S: Final = 6.0
"""[s] Response time of the datasheet ("< 6 s")."""
FULL_SCALE_UG_M3: Final = 1000.0
"""[ug/m3] Concentration range of the datasheet: 0 to 1,000."""
START_COMMAND: Final = bytes.fromhex("68010196" "68014057")
"""Start measuring (fan on), then auto-send: a sensor that somebody stopped speaks again."""

_AUTO_LENGTHS: Final = (28, 20, 36, 4)
"""Length fields behind 42 4D: only 28 is an HPMA115's, the others are Plantower's, recognised and refused."""
_AUTO: Final = 28
_READ: Final = 0x04
_COEFFICIENT: Final = 0x10
_HOST_COMMANDS: Final = {1: (0x01, 0x02, 0x04, 0x10, 0x20, 0x40), 2: (0x08,)}
"""Length field → commands of the host."""


@dataclass(frozen=True, slots=True)
class Model:
    """auto, answer: quantity → offset of its word in the two frames. answer_length: the answer's length field."""

    auto: Mapping[str, int]
    answer: Mapping[str, int]
    answer_length: int


MODELS: Final[Mapping[str, Model]] = {
    # auto-send: tables 5 and 7; the standard version leaves its first word unused
    "honeywell-hpma115s0": Model({"pm2_5": 6, "pm10": 8}, {"pm2_5": 3, "pm10": 5}, 5),
    "honeywell-hpma115c0": Model(
        {"pm1": 4, "pm2_5": 6, "pm4": 8, "pm10": 10}, {"pm1": 3, "pm2_5": 5, "pm4": 7, "pm10": 9}, 13
    ),
}
_ANSWER_BYTES: Final = {5: 8, 13: 16, 2: 5}
"""Length field of an answer → bytes of the frame: measurements of S0 and C0, coefficient."""
_COMPACT: Final = 13


class HpmaRules:
    """FrameRules of one model. `request`: the host's last command, which an A5 A5 then answers."""

    first = b"\x42\x40\xa5\x96\x68"
    longest = 40

    def __init__(self, model: Model, request: bytes = b"") -> None:
        self._model = model
        self._asked = request[2:3].hex()

    def length_at(self, data: bytes | bytearray, at: int) -> int:
        """See FrameRules."""
        head = bytes(data[at : at + 8])
        if head[0] in (0xA5, 0x96):
            return MORE if len(head) < 2 else 2 if head[1] == head[0] else NO_FRAME
        if head[0] == 0x42:
            if len(head) < 4:
                return MORE if b"\x42\x4d\x00".startswith(head) else NO_FRAME
            return head[3] + 4 if head[:3] == b"\x42\x4d\x00" and head[3] in _AUTO_LENGTHS else NO_FRAME
        if len(head) < 2:
            return MORE
        commands = _HOST_COMMANDS.get(head[1], ()) if head[0] == 0x68 else _answers(head[1])
        if len(head) > 2 and head[2] not in commands:
            return NO_FRAME
        if len(head) < 3:
            return MORE if commands else NO_FRAME
        if head[0] == 0x68:
            return head[1] + 3
        if head[1] == 5 and self._model.answer_length == _COMPACT:
            # table 6 prints 05 for the compact version's length, its own example has 0D: the sum tells which it is
            return MORE if len(head) < 8 else 8 if sum(head) & 0xFF == 0 else 16
        return _ANSWER_BYTES[head[1]]

    def read(self, frame: bytes) -> Content | Refusal:
        """See FrameRules."""
        if frame == b"\xa5\xa5":
            return Content((), {"reply": "done"} | ({"command": self._asked} if self._asked else {}))
        if frame == b"\x96\x96":
            of = f" command {self._asked}" if self._asked else " a command"
            return Refusal(DEVICE, f"the sensor refuses{of} (96 96)")
        if frame[0] == 0x42:
            return self._auto(frame)
        told, computed = frame[-1], -sum(frame[:-1]) & 0xFF
        if told != computed:
            return Refusal(CHECKSUM, f"checksum {told:#04x}, expected {computed:#04x}")
        if frame[0] == 0x68:  # a half-duplex adapter hands the host its own request back
            return Content((), {"echo": frame[2:-1].hex()})
        if frame[2] == _COEFFICIENT:
            return Content((), {"reply": "10", "coefficient": frame[3]})
        if len(frame) != self._model.answer_length + 3:
            return Refusal(
                UNSUPPORTED,
                f"an answer of the other HPMA115: length {frame[1]}, expected {self._model.answer_length}",
            )
        return self._content(frame, self._model.answer)

    def _auto(self, frame: bytes) -> Content | Refusal:
        told, computed = int.from_bytes(frame[-2:], "big"), sum(frame[:-2])
        if told != computed:
            return Refusal(CHECKSUM, f"checksum {told:#06x}, expected {computed:#06x}")
        if frame[3] != _AUTO:
            return Refusal(UNSUPPORTED, f"a frame of another sensor: length {frame[3]}, expected {_AUTO}")
        return self._content(frame, self._model.auto)

    def _content(self, frame: bytes, words: Mapping[str, int]) -> Content:
        values = {name: float(int.from_bytes(frame[at : at + 2], "big")) for name, at in words.items()}
        full_scale = dict.fromkeys(values, FULL_SCALE_UG_M3)
        return Content(dust_readings(values, full_scale, STARTING if all_zero(values) else FINE))


def _answers(length: int) -> tuple[int, ...]:
    return (_COEFFICIENT,) if length == 2 else (_READ,) if length in _ANSWER_BYTES else ()
