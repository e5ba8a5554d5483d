"""The optical dust sensors of Honeywell, Nova, Sensirion and Tera, by their driver's name."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from firmware_sim.devices.faults import Read, SerialDevice
from firmware_sim.devices.honeywell_hpma115 import Hpma115
from firmware_sim.devices.nova_sds import NovaSds
from firmware_sim.devices.sensirion_sps30 import Sps30
from firmware_sim.devices.tera_nextpm import NextPm

DUST_SENSORS: Final[Mapping[str, Callable[[Read], SerialDevice]]] = {
    "honeywell-hpma115s0": Hpma115,
    "honeywell-hpma115c0": partial(Hpma115, compact=True),
    "nova-sds011": NovaSds,
    "nova-sds198": partial(NovaSds, total=True),
    "sensirion-sps30": Sps30,
    "tera-nextpm": NextPm,
}
"""Driver's name → its device, given the air that it measures."""
