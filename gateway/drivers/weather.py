"""Temperature, pressure and humidity as weather stations write them: text and a unit letter.

Sources: sensor protocols, section 8; factors from NIST SP 811, appendix B.8.
"""

from collections.abc import Mapping
from typing import Final

from gateway.domain.measurement import Measurement
from gateway.drivers.readings import no_value
from gateway.drivers.text_line import number

_HPA: Final[Mapping[str, float]] = {"B": 1000.0, "H": 1.0, "P": 0.01, "M": 1.333224, "I": 33.86389}
"""Unit letter → hPa: bar, hPa, Pa, millimetres and inches of mercury."""
PRESSURE_HPA: Final = (300.0, 1200.0)
"""[hPa] From 9,000 m of altitude to a deep shaft (ISA) [D]: what is outside was sent in another unit than it says."""


def temperature(channel: str, text: str, unit: str) -> Measurement:
    """[degC] from C or F."""
    value = number(text)
    if value is None or unit not in ("C", "F"):
        return no_value(channel, "degC")
    return Measurement(channel, value if unit == "C" else (value - 32) / 1.8, "degC")


def pressure(text: str, unit: str) -> Measurement:
    """[hPa] of the air. What is marked as bar is often hPa; what no air has is no value."""
    value, factor = number(text), _HPA.get(unit)
    if value is not None and factor is not None:
        for hpa in (value * factor, value) if unit == "B" else (value * factor,):
            if PRESSURE_HPA[0] <= hpa <= PRESSURE_HPA[1]:
                return Measurement("pressure", hpa, "hPa")
    return no_value("pressure", "hPa")


def plain(channel: str, text: str, unit: str | None) -> Measurement:
    """A number that is in its unit already."""
    value = number(text)
    return no_value(channel, unit) if value is None else Measurement(channel, value, unit)
