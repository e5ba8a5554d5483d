"""A Cubic CM1106 CO2 sensor that is not there: it only answers.

Source: Cubic CM1106 specification, UART protocol (sensor protocols, section 6).
"""

from typing import Final

from firmware_sim.devices.faults import Read

LEAST_PPM: Final = 400
FULL_PPM: Final = 5000
READ: Final = 0x01
SELF_CALIBRATION: Final = 0x10
WRONG_CHECKSUM: Final = 1
UNKNOWN: Final = 2


def frame(start: int, number: int, data: bytes = b"") -> bytes:
    """Start byte, length of command and data, command, data, and what makes the sum of all bytes 0 mod 256."""
    body = bytes([start, 1 + len(data), number]) + data
    return body + bytes([(0x100 - sum(body) % 0x100) & 0xFF])


class CM1106:
    """The sensor. self_calibrates: whether it takes the lowest value of some days as 400 ppm; on from the factory."""

    baud: Final = 9600

    def __init__(self, read: Read) -> None:
        self._read = read
        self._heard = b""
        self.self_calibrates = True

    def power_on(self, now_s: float) -> None:
        """Power has come."""
        del now_s
        self._heard = b""
        self.self_calibrates = True

    def speak(self, now_s: float) -> list[bytes]:
        """Nothing: it only answers."""
        del now_s
        return []

    def hear(self, now_s: float, data: bytes) -> list[bytes]:
        """The host's commands, cut anywhere; the answers."""
        self._heard = (self._heard + data)[-64:]
        answers: list[bytes] = []
        while (at := self._heard.find(b"\x11")) >= 0:
            asked = self._heard[at:]
            if len(asked) < 2 or len(asked) < asked[1] + 3:
                if len(asked) >= 2 and asked[1] > 16:  # no command is that long
                    self._heard = asked[1:]
                    continue
                break
            size = asked[1] + 3
            self._heard = asked[size:]
            answers += self._obey(now_s, asked[:size])
        return answers

    def _obey(self, now_s: float, asked: bytes) -> list[bytes]:
        number, data = asked[2], asked[3:-1]
        if sum(asked) % 0x100:
            return [frame(0x06, number, bytes([WRONG_CHECKSUM]))]
        if number == READ:
            value = self._read("co2")
            if value is None:
                return []
            shown = round(min(FULL_PPM, max(LEAST_PPM, value)))
            return [frame(0x16, READ, bytes([*divmod(shown, 256), 0, int(now_s) % 256]))]
        if number == SELF_CALIBRATION and len(data) == 6:
            self.self_calibrates = data[1] == 0
            return [frame(0x16, SELF_CALIBRATION)]
        return [frame(0x06, number, bytes([UNKNOWN]))]
