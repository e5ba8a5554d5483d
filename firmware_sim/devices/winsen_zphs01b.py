"""A Winsen ZPHS01B that is not there: eleven channels in one answer of 26 bytes.

Source: open drivers of the module (sensor protocols, section 5).
"""

from typing import Final, NamedTuple

from firmware_sim.devices.faults import Read
from firmware_sim.devices.winsen import READ, WinsenModule, checksum, split


class Channel(NamedTuple):
    """A word of the answer: counts a unit, end of range in counts, and what it says where nobody simulates it."""

    name: str
    counts: float
    most: int
    rest: float


CHANNELS: Final = (
    Channel("pm1", 1, 1000, 3), Channel("pm2_5", 1, 1000, 5), Channel("pm10", 1, 1000, 8), Channel("co2", 1, 5000, 415),
    Channel("temperature", 10, 1150, 20), Channel("humidity", 1, 100, 60),
    Channel("ch2o", 1000 * 30.03 / 24.45, 1965, 0), Channel("co", 10, 5000, 0), Channel("o3", 100, 1000, 0),
    Channel("no2", 100, 1000, 0),
)  # fmt: skip
"""In the order of the frame. ch2o is sent in ug/m3: counts a ppm at 25 °C. temperature: plus 500 counts."""
VOC_AFTER: Final = "co2"


class WinsenZPHS01B(WinsenModule):
    """The module; it is silent while all of its channels are."""

    uploads = False

    def __init__(self, read: Read) -> None:
        super().__init__()
        self._read = read

    def answer(self, now_s: float) -> list[bytes]:
        """See WinsenModule."""
        del now_s
        seen = {channel.name: self._read(channel.name) for channel in CHANNELS}
        if all(value is None for value in seen.values()):
            return []
        body = bytes([0xFF, READ])
        for channel in CHANNELS:
            value = seen[channel.name]
            count = (channel.rest if value is None else value) * channel.counts
            body += bytes(split(count + (500 if channel.name == "temperature" else 0), channel.most))
            if channel.name == VOC_AFTER:
                body += b"\x00"  # the best grade
        body += b"\x00\x00"
        return [body + bytes([checksum(body)])]
