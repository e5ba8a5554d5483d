"""Cubic CM1106 and CM1107: CO2, infrared; answers when asked. The sum of all bytes of a frame is 0 mod 256.

Sources: Cubic CM1106 and CM1106H-NS specifications, UART protocol; sensor protocols, section 6. Refusals (06): open
notes on the protocol.
"""

from collections.abc import Mapping
from typing import Final

from gateway.drivers.items import CHECKSUM, DEVICE, UNSUPPORTED, Content, Refusal
from gateway.drivers.readings import co2
from gateway.drivers.scanner import MORE, NO_FRAME

BAUD: Final = 9600
WARM_UP_S: Final = 180.0
"""[s] As the other infrared CO2 sensor, MH-Z19 (sensor protocols, section 0); Cubic's own figure is shorter [M]."""
POLL_S: Final = 2.0
"""[s] How often we ask [D]."""
FULL_SCALE: Final[Mapping[str, float]] = {"co2": 5000.0}
"""[ppm] Specification CM1106-C; the CM1106SL ends at 2000."""

HOST: Final = 0x11
MODULE: Final = 0x16
REFUSAL: Final = 0x06
READ: Final = 0x01
SET_SELF_CALIBRATION: Final = 0x10


def command(number: int, *data: int) -> bytes:
    """A host's command: 11, length of command and data, command, data, and what makes the sum 0."""
    body = bytes([HOST, 1 + len(data), number, *data])
    return body + bytes([-sum(body) & 0xFF])


POLL_COMMAND: Final = command(READ)
START_COMMAND: Final = command(SET_SELF_CALIBRATION, 0x64, 0x02, 7, *divmod(400, 256), 0x64)
"""Self-calibration closed (02): underground the lowest value of a week is no 400 ppm. The rest are the defaults."""

_COMMANDS: Final[Mapping[int, tuple[int, ...]]] = {
    READ: (1,), 0x03: (3,), 0x0F: (1,), SET_SELF_CALIBRATION: (7,), 0x1E: (1,), 0x1F: (1,),
}  # fmt: skip
"""Host's command → its lengths; an adapter may return them."""
_ANSWERS: Final[Mapping[int, tuple[int, ...]]] = {
    READ: (5, 7, 11), 0x03: (1,), 0x0B: (17,), 0x0F: (7,), SET_SELF_CALIBRATION: (1,), 0x1E: (12,), 0x1F: (11,),
}  # fmt: skip
"""Module's answer → its lengths in the family: (5) CO2; (17) the dust of PM1003 and PM1006; (11) ZPHS01C."""
_REFUSAL_LENGTHS: Final = (2,)
_CO2_LENGTH: Final = 5
_REASONS: Final = {1: "wrong checksum", 2: "unknown command", 3: "wrong length", 4: "value out of range"}


class CM1106Rules:
    """FrameRules of the family."""

    first = bytes([MODULE, HOST, REFUSAL])
    longest = 17 + 3

    def length_at(self, data: bytes | bytearray, at: int) -> int:
        """See FrameRules: only lengths that the command behind them has."""
        head = data[at]
        if len(data) - at < 3:
            return MORE
        length, number = data[at + 1], data[at + 2]
        lengths = _REFUSAL_LENGTHS if head == REFUSAL else (_COMMANDS if head == HOST else _ANSWERS).get(number, ())
        return length + 3 if length in lengths else NO_FRAME

    def read(self, frame: bytes) -> Content | Refusal:
        """See FrameRules."""
        if sum(frame) & 0xFF:
            return Refusal(CHECKSUM, f"checksum {frame[-1]:#04x}, expected {-sum(frame[:-1]) & 0xFF:#04x}")
        head, length, number = frame[:3]
        data = frame[3:-1]
        if head == REFUSAL:
            why = _REASONS.get(data[0], f"reason {data[0]:#04x}")
            return Refusal(DEVICE, f"the sensor refuses command {number:#04x}: {why}")
        if head == HOST:  # a half-duplex adapter or a floating line returns what we sent
            return Content((), {"echo": frame[2:-1].hex()})
        if number in (READ, 0x0B) and length != _CO2_LENGTH:
            return Refusal(UNSUPPORTED, f"answer {number:#04x} with length {length} is of another Cubic model")
        if number != READ:
            return Content((), {"reply": f"{number:02x}", "data": data.hex()})
        # data 2 and 3 hold a status that makers' documents and open drivers read differently: not used
        return Content((co2(data[0] << 8 | data[1], FULL_SCALE["co2"]),))
