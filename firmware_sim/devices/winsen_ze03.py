"""A Winsen ZE03 gas module that is not there.

Source: Winsen ZE03 manual (sensor protocols, section 5).
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from firmware_sim.devices.faults import Read
from firmware_sim.devices.winsen import READ, WinsenModule, ended, split

PPM: Final = 0x03


class Gas(NamedTuple):
    """A variant: its gas code, decimals and range [ppm; o2 %vol]."""

    code: int
    decimals: int
    full: float


GASES: Final[Mapping[str, Gas]] = {
    "nh3": Gas(0x02, 0, 100), "h2s": Gas(0x03, 1, 100), "co": Gas(0x04, 0, 1000), "o2": Gas(0x05, 1, 25),
    "so2": Gas(0x2B, 1, 20), "no2": Gas(0x2C, 1, 20), "o3": Gas(0x2A, 1, 20),
}  # fmt: skip
"""Codes: manual. Decimals and ranges: of the usual variants."""


def upload_frame(gas: Gas, value: float) -> bytes:
    """Active upload: `FF` gas unit decimals value value full full checksum."""
    scale = 10**gas.decimals
    return ended(0xFF, gas.code, PPM, gas.decimals, *split(value * scale), *split(gas.full * scale))


def answer_frame(gas: Gas, value: float) -> bytes:
    """The answer to a read, which does not tell its gas."""
    return ended(0xFF, READ, *split(value * 10**gas.decimals))


class WinsenZE03(WinsenModule):
    """The module: active upload after power-on."""

    def __init__(self, quantity: str, read: Read) -> None:
        super().__init__()
        self._gas = GASES[quantity]
        self._quantity = quantity
        self._read = read

    def upload(self, now_s: float) -> list[bytes]:
        """See WinsenModule."""
        del now_s
        value = self._read(self._quantity)
        return [] if value is None else [upload_frame(self._gas, value)]

    def answer(self, now_s: float) -> list[bytes]:
        """See WinsenModule."""
        del now_s
        value = self._read(self._quantity)
        return [] if value is None else [answer_frame(self._gas, value)]
