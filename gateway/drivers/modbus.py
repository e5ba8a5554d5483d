"""Raw Modbus RTU reply frames of one device, read by its register map: what `bocamina decode modbus` shows.

The live bus (`gateway/transports/modbus_bus.py`) knows what it asked; a captured stream may not.
"""

from typing import Final

from gateway.domain.errors import ConfigError
from gateway.drivers.items import CHECKSUM, DEVICE, UNSUPPORTED, Content, Item, Refusal
from gateway.drivers.modbus_frame import (
    EXCEPTION,
    EXCEPTION_BYTES,
    EXCEPTIONS,
    READS,
    REQUEST_BYTES,
    UNITS,
    ReadRequest,
    exception_words,
    is_whole,
    with_crc,
    words_of,
)
from gateway.drivers.modbus_map import RegisterMap, readings
from gateway.drivers.scanner import MORE, NO_FRAME, Scanner

_WRITES: Final = (5, 6)
"""Commands that are confirmed by their own bytes."""
_MOST_BYTES: Final = 250


class ModbusRules:
    """FrameRules of a device's replies.

    request: the host's question or command; without it a reply is judged by the one read of the map.
    """

    first = bytes(UNITS)
    longest = 5 + _MOST_BYTES

    def __init__(self, device: RegisterMap, request: bytes) -> None:
        self._device = device
        self._request = request
        self._functions = {*READS, *request[1:2]}
        self.ended = False
        """The stream has ended: a lone last byte is no start of a frame, though any value can be a unit."""

    def length_at(self, data: bytes | bytearray, at: int) -> int:
        """See FrameRules."""
        head = bytes(data[at : at + REQUEST_BYTES])
        if self._request and self._request.startswith(head) and len(head) > 1:
            return REQUEST_BYTES if len(head) == REQUEST_BYTES else MORE  # the host's own bytes, handed back
        if len(head) < 2:
            return NO_FRAME if self.ended else MORE
        function, is_exception = head[1] & ~EXCEPTION, head[1] & EXCEPTION
        if function not in self._functions:
            return NO_FRAME
        if not is_exception and function in _WRITES:
            return REQUEST_BYTES
        if len(head) < 3:
            return MORE
        if is_exception:
            return EXCEPTION_BYTES if head[2] in EXCEPTIONS else NO_FRAME
        return 5 + head[2] if 0 < head[2] <= _MOST_BYTES and not head[2] % 2 else NO_FRAME

    def read(self, frame: bytes) -> Content | Refusal:
        """See FrameRules."""
        if not is_whole(frame):
            told, right = frame[-2:], with_crc(frame[:-2])[-2:]
            return Refusal(CHECKSUM, f"CRC {told.hex()} on the wire, expected {right.hex()}")
        unit, function = frame[0], frame[1] & ~EXCEPTION
        if self._request and frame == self._request:
            return Content((), {"unit": unit, "function": function, "echo": True})
        asked = self._asked(unit)
        if (unit, function) != (asked.unit, asked.function):
            return Refusal(
                UNSUPPORTED,
                f"unit {unit}, function {function}; expected unit {asked.unit}, function {asked.function}",
            )
        if frame[1] & EXCEPTION:
            return Refusal(DEVICE, f"unit {unit}, function {function}: {exception_words(frame[2])}")
        if function in _WRITES:
            return Refusal(UNSUPPORTED, f"{frame.hex()} confirms another command than {self._request.hex()}")
        words = words_of(frame[3:-2])
        if len(words) != asked.count:
            return Refusal(UNSUPPORTED, f"{len(words)} registers; expected {asked.count}")
        found = readings(self._device, words, asked.address)
        return Content(found, None if found else {"unit": unit, "function": function, "words": list(words)})

    def _asked(self, unit: int) -> ReadRequest:
        """What was asked; without a request the map's own read, of whatever unit answers."""
        if not self._request:
            return self._device.request(unit)
        address, count = words_of(self._request[2:6])
        return ReadRequest(self._request[0], self._request[1], address, count)


class ModbusDecoder:
    """StreamDecoder of one device's replies. Raises ConfigError for a request that is none."""

    def __init__(self, device: RegisterMap, request: bytes = b"") -> None:
        self._device, self._request = device, _checked(request)
        self._scanner = Scanner(self._begin)

    def _begin(self) -> ModbusRules:
        self._rules = ModbusRules(self._device, self._request)
        return self._rules

    @property
    def skipped(self) -> int:
        """See StreamDecoder."""
        return self._scanner.skipped

    def feed(self, data: bytes) -> list[Item]:
        """See StreamDecoder."""
        return self._scanner.feed(data)

    def finish(self) -> list[Item]:
        """See StreamDecoder."""
        self._rules.ended = True
        return self._scanner.finish()


def _checked(request: bytes) -> bytes:
    """The request with its CRC, which may be left out."""
    if not request:
        return b""
    whole = with_crc(request) if len(request) == REQUEST_BYTES - 2 else request
    if len(whole) != REQUEST_BYTES or not is_whole(whole) or whole[1] not in (*READS, *_WRITES):
        raise ConfigError(
            f"--request {request.hex()}: no Modbus request; expected unit, function (3, 4, 5 or 6), two bytes of "
            "address, two of number, and a right CRC or none"
        )
    return whole
