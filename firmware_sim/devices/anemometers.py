"""The anemometers and weather stations that speak text, by their driver's name."""

from collections.abc import Callable, Mapping
from typing import Final

from firmware_sim.devices.faults import Read, SerialDevice
from firmware_sim.devices.gill_windsonic import WindSonic
from firmware_sim.devices.nmea_station import NmeaStation
from firmware_sim.devices.vaisala_wxt import Wxt

ANEMOMETERS: Final[Mapping[str, Callable[[Read], SerialDevice]]] = {
    "nmea0183": NmeaStation,
    "gill-windsonic": WindSonic,
    "vaisala-wxt": Wxt,
}
"""Driver's name → its device, given the air that it measures."""
