"""Modbus RTU slaves that are not there, on one RS-485 line: own bytes, from the specification.

Sources: MODBUS application protocol v1.1b3; MODBUS over serial line v1.02.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

SLAVE_FAULTS: Final = (
    "none", "dead", "late", "held", "wrong_unit", "other_register", "refuses", "busy", "failed", "twin",
)  # fmt: skip
"""What goes wrong with one slave; what goes wrong with the line is `faults.WIRE_FAULTS`."""
HELD: Final = 4
"""Answers that come in one piece, as from an adapter that had gone to sleep."""
LATE_S: Final = 0.7
"""[s] Longer than a master waits."""
_EXCEPTIONS: Final = {"refuses": 2, "failed": 4, "busy": 6}
_LONGEST_READ: Final = 125

Registers = Callable[[float], Mapping[int, int]]
"""Seconds since power-on → address on the wire → 16 bits, as they are then."""


def crc(data: bytes) -> int:
    """CRC-16 of the specification, bit by bit: polynomial A001 reflected, start FFFF."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    return value


def framed(*body: int) -> bytes:
    """A frame: its bytes and their CRC, low byte first."""
    data = bytes(body)
    check = crc(data)
    return data + bytes((check & 0xFF, check >> 8))


class ModbusSlave:
    """One device: it answers reads of its registers by one function, and refuses the rest as the specification says.

    also: units beside its own to which it answers.
    """

    def __init__(self, unit: int, function: int, registers: Registers, also: Sequence[int] = ()) -> None:
        self.units = (unit, *also)
        self._function = function
        self._registers = registers
        self.fault = "none"
        self.asked = 0
        self.held: list[bytes] = []

    def answer(self, now_s: float, request: bytes) -> bytes:
        """The answer to a request to one of its units."""
        self.asked += 1
        unit, function = request[0], request[1]
        address, count = request[2] << 8 | request[3], request[4] << 8 | request[5]
        if self.fault in _EXCEPTIONS:
            return framed(unit, function | 0x80, _EXCEPTIONS[self.fault])
        if function != self._function:
            return framed(unit, function | 0x80, 1)
        if not 1 <= count <= _LONGEST_READ:
            return framed(unit, function | 0x80, 3)
        registers = self._registers(now_s)
        if any(at not in registers for at in range(address, address + count)):
            return framed(unit, function | 0x80, 2)
        if self.fault == "other_register":
            count += 1
        if self.fault == "wrong_unit":
            unit = unit % 247 + 1
        words = [registers.get(at, 0) for at in range(address, address + count)]
        return framed(unit, function, 2 * count, *(byte for word in words for byte in (word >> 8 & 0xFF, word & 0xFF)))


class SlaveBus:
    """SerialDevice: all slaves of one line."""

    def __init__(self, slaves: Sequence[ModbusSlave], baud: int = 9600) -> None:
        self.slaves = list(slaves)
        self._baud = baud
        self._heard = b""
        self._held: list[tuple[float, bytes]] = []

    @property
    def baud(self) -> int:
        """See SerialDevice."""
        return self._baud

    def power_on(self, now_s: float) -> None:
        """See SerialDevice."""
        del now_s
        self._heard, self._held = b"", []

    def speak(self, now_s: float) -> list[bytes]:
        """See SerialDevice: answers that are late."""
        due = [frame for due_s, frame in self._held if due_s <= now_s]
        self._held = [(due_s, frame) for due_s, frame in self._held if due_s > now_s]
        return due

    def hear(self, now_s: float, data: bytes) -> list[bytes]:
        """See SerialDevice."""
        self._heard = (self._heard + data)[-256:]
        answers: list[bytes] = []
        at = 0
        while at + 8 <= len(self._heard):
            request = self._heard[at : at + 8]
            if request[1] in (3, 4) and crc(request) == 0:  # the CRC of a frame with its CRC is 0
                answers += self._answers(now_s, request)
                at += 8
            else:
                at += 1
        self._heard = self._heard[at:]
        return answers

    def _answers(self, now_s: float, request: bytes) -> list[bytes]:
        found: list[bytes] = []
        for slave in self.slaves:
            if request[0] not in slave.units or slave.fault == "dead":
                continue
            answer = slave.answer(now_s, request)
            if slave.fault == "held":
                slave.held.append(answer)
                if len(slave.held) == HELD:
                    found.append(b"".join(slave.held))
                    slave.held = []
            elif slave.fault == "late":
                self._held.append((now_s + LATE_S, answer))
            else:
                found += [answer] * (2 if slave.fault == "twin" else 1)
        return found
