"""The gas, CO2, dust and many-channel modules of Winsen and Cubic that are told apart by their driver's name alone."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from firmware_sim.devices.cubic_cm1106 import CM1106
from firmware_sim.devices.faults import Read, SerialDevice
from firmware_sim.devices.winsen_infrared import MH440D, MHZ19
from firmware_sim.devices.winsen_ze import KINDS, WinsenZE
from firmware_sim.devices.winsen_zh03 import WinsenZH03
from firmware_sim.devices.winsen_zphs01b import WinsenZPHS01B

GAS_MODULES: Final[Mapping[str, Callable[[Read], SerialDevice]]] = {
    **{name: partial(WinsenZE, name) for name in KINDS},
    "winsen-mhz19": MHZ19,
    "winsen-mh440d": MH440D,
    "winsen-zh03": WinsenZH03,
    "winsen-zphs01b": WinsenZPHS01B,
    "cubic-cm1106": CM1106,
}
"""Driver's name → its device, given the air that it measures."""
