"""The names that a site file may use for drivers and formats, and how to answer a name that is none.

They stand here because the site file is checked without importing the drivers and formats that carry them.
"""

import difflib
from collections.abc import Iterable
from typing import Final

DRIVER_NAMES: Final = (
    "plantower-pms", "plantower-pms3003", "plantower-pms5003t", "plantower-pms5003s", "plantower-pms5003st",
    "honeywell-hpma115s0", "honeywell-hpma115c0", "nova-sds011", "nova-sds198", "sensirion-sps30",
    "winsen-mhz19", "winsen-zh03", "winsen-ze03", "winsen-ze07-co", "winsen-ze07-ch2o", "winsen-ze15-co",
    "winsen-ze25-o3", "winsen-mh440d", "winsen-zphs01b", "cubic-cm1106", "tera-nextpm",
    "nmea0183", "gill-windsonic", "vaisala-wxt", "modbus", "bocamina-node",
)  # fmt: skip
"""Drivers of the interface, also those whose code is still to come."""

FORMAT_NAMES: Final = (
    "senml-json", "senml-cbor", "sparkplug-b", "chirpstack", "ttn", "tasmota", "esphome", "airrohr", "airgradient",
)  # fmt: skip
"""MQTT payload formats of the interface, also those whose code is still to come."""


PRIORITY_WORDS: Final = ("notice", "warning", "high", "evacuate")

SETPOINT_KEYS: Final = PRIORITY_WORDS
"""Keys of a sensor's `setpoints`: the site's own, stricter level of a rung, in the sensor's canonical unit."""

DELAY_KEYS: Final = ("on_s", "off_s", *(f"{word}_{edge}_s" for word in PRIORITY_WORDS for edge in ("on", "off")))
"""Keys of a sensor's `delays` [s]: for every rung, and `warning_on_s` and so on for one rung, which goes before."""

SLOWEST_PROTECTION_S: Final = 30.0
"""Longest period of a channel that may be the only protection of an occupied zone (limits reference 6.5)."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a sentence that offers the nearest known name; empty where none is near."""
    by_lower = {one.lower(): one for one in known}
    nearest = difflib.get_close_matches(name.lower(), list(by_lower), n=1, cutoff=0.6)
    return f"; did you mean {by_lower[nearest[0]]!r}?" if nearest else ""


def expected_one_of(name: str, known: Iterable[str], *, most: int = 12) -> str:
    """The end of a sentence about a wrong name: what was expected, and the nearest name when one is near."""
    names = list(known)
    if not names:
        return "there is none to choose from"
    return f"expected one of {', '.join(names[:most])}{', …' if len(names) > most else ''}{did_you_mean(name, names)}"
