"""Modbus RTU frames: unit, function, data, CRC-16 with its low byte first. Pure.

Sources: MODBUS application protocol v1.1b3, sections 6 and 7; MODBUS over serial line v1.02, section 2.5.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from fastcrc import crc16

READ_HOLDING: Final = 3
READ_INPUT: Final = 4
READS: Final = (READ_HOLDING, READ_INPUT)
MOST_REGISTERS: Final = 125
"""Registers of one read (application protocol 6.3)."""
REQUEST_BYTES: Final = 8
EXCEPTION_BYTES: Final = 5
EXCEPTION: Final = 0x80
ANY_UNIT: Final = 254
"""Reserved by the specification; a Senseair sensor answers to it whatever its own address."""
UNITS: Final = (*range(1, 248), ANY_UNIT)

EXCEPTIONS: Final[Mapping[int, str]] = {
    1: "it does not know this function",
    2: "it has no such register",
    3: "it refuses this number of registers",
    4: "it has failed",
    5: "it has accepted and needs longer",
    6: "it is busy",
    8: "its memory has failed",
    10: "the gateway before it has no path",
    11: "the gateway before it hears nothing of it",
}
"""Exception code → what the device says with it (application protocol, section 7)."""
CONFIGURATION: Final = frozenset((1, 2, 3))
"""A person must change map, offset or device: asking again brings the same answer."""


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """A question for `count` registers from `address` on, as on the wire (0-based)."""

    unit: int
    function: int
    address: int
    count: int

    def frame(self) -> bytes:
        """Its eight bytes."""
        body = bytes((self.unit, self.function)) + self.address.to_bytes(2, "big") + self.count.to_bytes(2, "big")
        return with_crc(body)

    @property
    def reply_bytes(self) -> int:
        """Length of the frame that answers it."""
        return 5 + 2 * self.count


class Answer(NamedTuple):
    """What a device replied: its registers, or the code of an exception (else 0)."""

    words: tuple[int, ...]
    exception: int = 0


def with_crc(body: bytes) -> bytes:
    """The frame of these bytes."""
    return body + crc16.modbus(body).to_bytes(2, "little")


def is_whole(frame: bytes) -> bool:
    """Whether its CRC fits."""
    return len(frame) > 3 and crc16.modbus(frame[:-2]) == int.from_bytes(frame[-2:], "little")


def find_reply(request: ReadRequest, data: bytes) -> tuple[int, int] | None:
    """(offset, length) of the first frame in `data` that answers `request`, whatever stands before it.

    Unit, function, byte count and CRC must fit: echo, noise and the late answer of another unit do not.
    """
    unit, function = request.unit, request.function
    heads = ((bytes((unit, function, 2 * request.count)), request.reply_bytes),
             (bytes((unit, function | EXCEPTION)), EXCEPTION_BYTES))  # fmt: skip
    found: list[tuple[int, int]] = []
    for head, length in heads:
        at = data.find(head)
        while 0 <= at <= len(data) - length:
            if is_whole(data[at : at + length]):
                found.append((at, length))
                break
            at = data.find(head, at + 1)
    return min(found, default=None)


def read_reply(frame: bytes) -> Answer:
    """The answer of a whole frame that `find_reply` found."""
    if frame[1] & EXCEPTION:
        return Answer((), frame[2])
    return Answer(words_of(frame[3:-2]))


def words_of(data: bytes) -> tuple[int, ...]:
    """Registers of an even number of bytes."""
    return tuple(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))


def exception_words(code: int) -> str:
    """An exception as a half sentence."""
    return f"exception {code}: {EXCEPTIONS.get(code, 'of a kind that no standard knows')}"
