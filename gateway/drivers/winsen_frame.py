"""What all Winsen modules share: nine bytes, FF first, checksum last, and the commands that a host may send.

Sources: manuals of MH-Z19B 1.5, ZH03 2.0, ZE03, ZE07-CO, ZE15-CO, ZE25-O3 (sensor protocols, section 5).
"""

from collections.abc import Collection
from typing import Final, Protocol

from gateway.drivers.items import CHECKSUM, UNSUPPORTED, Content, Refusal
from gateway.drivers.scanner import MORE

BAUD: Final = 9600
START: Final = b"\xff"
LENGTH: Final = 9

HOST_ADDRESS: Final = 0x01
READ_ANSWER: Final = 0x86
MODE_REPLY: Final = 0x78

CELL_WARM_UP_S: Final = 300.0
"""[s] Electrochemical cells: 3–5 min after every start (sensor protocols, section 0); the longer one."""
UPLOAD_PERIOD_S: Final = 1.0
"""[s] Of the active upload."""


def command(*data: int) -> bytes:
    """A host's command: `FF 01`, up to six bytes (command, parameters), checksum.

    There is no name here for 87 and 88 (zero and span): nothing of ours may send them.
    """
    body = bytes([0xFF, HOST_ADDRESS, *data]).ljust(LENGTH - 1, b"\x00")
    return body + bytes([checksum(body)])


def checksum(frame: bytes) -> int:
    """Inverse of the sum of the bytes between the first and the last place, plus 1, as one byte: it wraps to 00."""
    return -sum(frame[1 : max(LENGTH, len(frame)) - 1]) & 0xFF


class WinsenRules(Protocol):
    """FrameRules of a Winsen module; a model says what its own frames measure, and which of its answers do not.

    replies: second bytes of answers to commands that measure nothing.
    """

    first: bytes = START
    longest: int = LENGTH
    replies: Collection[int] = (MODE_REPLY,)

    def length_at(self, data: bytes | bytearray, at: int) -> int:
        """See FrameRules: every FF may start a frame."""
        return LENGTH if len(data) - at >= LENGTH else MORE

    def read(self, frame: bytes) -> Content | Refusal:
        """See FrameRules."""
        computed = checksum(frame)
        if frame[-1] != computed:
            return Refusal(CHECKSUM, f"checksum {frame[-1]:#04x}, expected {computed:#04x}")
        if frame[1] == HOST_ADDRESS:  # a half-duplex adapter or a floating line returns what we sent
            return Content((), {"echo": frame[2:8].hex()})
        if frame[1] in self.replies:
            return Content((), {"reply": f"{frame[1]:02x}", "data": frame[2:8].hex()})
        return self.measure(frame)

    def measure(self, frame: bytes) -> Content | Refusal:
        """What a whole frame with a right checksum says, if it is neither echo nor reply."""
        ...


def not_an_answer(frame: bytes, model: str) -> Refusal:
    """A valid frame of another module, where this one only answers reads."""
    return Refusal(UNSUPPORTED, f"second byte {frame[1]:#04x}, expected 0x86: not an answer of {model}")


def word(frame: bytes, at: int) -> int:
    """16 bits, high byte first."""
    return frame[at] << 8 | frame[at + 1]


READ: Final = command(0x86)
ACTIVE_UPLOAD: Final = command(MODE_REPLY, 0x40)
SELF_CALIBRATION_OFF: Final = command(0x79, 0x00)
"""Underground there is no fresh air in a day: the module would take the lowest CO2 as 400 ppm (section 5)."""
