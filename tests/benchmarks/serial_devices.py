"""Ten emulated serial lines with sixty sensors, in a process of their own, each at the full rate of its kind."""

import itertools
import sys
import time
from pathlib import Path

from firmware_sim.devices.bocamina_node import frame
from firmware_sim.devices.plantower import data_frame
from firmware_sim.devices.senml import as_cbor, records
from firmware_sim.devices.serial_line import SerialLine

FAST_S = 0.2
"""A Plantower reports every 0.2 s while the air changes (manual v2.3); the nodes are as fast here."""
GASES = ("co", "no", "no2", "so2", "h2s", "nh3")


class Fast:
    """A device that says the next of its frames every `FAST_S`."""

    baud = 115_200

    def __init__(self, frames) -> None:
        self._frames, self._next_s = frames, 0.0

    def power_on(self, now_s: float) -> None:
        self._next_s = now_s

    def speak(self, now_s: float) -> list[bytes]:
        if now_s < self._next_s:
            return []
        self._next_s = max(self._next_s + FAST_S, now_s)
        return [next(self._frames)]

    def hear(self, now_s: float, data: bytes) -> list[bytes]:
        return []


def dust():
    for n in itertools.count():
        masses = (5 + n % 20, 12 + n % 30, 20 + n % 50)
        yield data_frame(masses, masses, (1000, 300, 50, 8, 2, 1))


def node(name: str):
    for seq in itertools.count(1):
        yield frame(as_cbor(records(name, 1, seq, [(gas, gas, 1.0 + seq % 7 / 10) for gas in GASES])))


def main(folder: Path) -> None:
    lines = [SerialLine(folder / f"dust-{n}", Fast(dust())) for n in range(5)]
    lines += [SerialLine(folder / f"node-{n}", Fast(node(f"node{n}"))) for n in range(5)]
    for line in lines:
        line.plug()
    print("plugged", flush=True)
    began = time.monotonic()
    while True:
        for line in lines:
            line.turn(time.monotonic() - began)
        time.sleep(0.01)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
