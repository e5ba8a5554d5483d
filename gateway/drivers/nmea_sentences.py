"""What the sentences of anemometers and weather stations mean, field by field.

An empty field is no value, never 0. An empty field with its unit letter is announced and bad; without it the device
does not have it. Sources: as nmea0183.py.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from gateway.domain.measurement import Measurement
from gateway.drivers.items import Content
from gateway.drivers.readings import no_value
from gateway.drivers.weather import plain, pressure, temperature
from gateway.drivers.wind import FULL_TURN, direction, marked, velocity, wind

Read = Callable[[Sequence[str]], Content | None]
"""Fields behind the address → what they say; None if they are not of the sentence's form."""

NO_WIND: Final = 999.0
"""From this number on, in any of NMEA's units, a speed stands for "no value" (Lambrecht sends 999.9 with status A)."""

_GOOD: Final = ("A", "00", "60")
"""Status of a valid MWV: NMEA's letter, or Gill's codes where the device is set to them (manual, section 9.5)."""
_SETTLING: Final = "51"
"""Gill: an average is building up."""

_AIR: Final = ("C", "H", "P")
"""XDR: types of temperature, humidity and pressure."""
_OTHERS: Final[Mapping[str, str]] = {
    "A": "angle", "U": "voltage", "V": "volume", "Z": "time", "R": "rate", "I": "current",
    "D": "displacement", "F": "frequency", "N": "force", "T": "revolutions", "L": "salinity",
}  # fmt: skip
"""The types that have no quantity of ours: they stay as sent."""
_GROUP: Final = 4


def mwv(fields: Sequence[str]) -> Content | None:
    """Angle, R relative, T true or G gust, speed, unit, status."""
    if len(fields) < 5:
        return None
    angle, reference, speed, unit, status = (field.strip() for field in fields[:5])
    gust = "_gust" if reference == "G" else ""
    heading = direction(angle, f"air_direction{gust}")
    moving = velocity(speed, unit, channel=f"air_velocity{gust}", most=NO_WIND)
    if status in _GOOD:
        return Content(wind(heading, moving))
    settling = status == _SETTLING
    return Content(marked((heading, moving), valid=settling, settling=settling))


def mwd(fields: Sequence[str]) -> Content | None:
    """Direction true, T, magnetic, M; speed in knots, N, in m/s, M."""
    return _listed("MWD", _true_wind(_padded(fields, 8)))


def vwr(fields: Sequence[str]) -> Content | None:
    """Angle 0 to 180, L or R of the device's own north; speed in knots, N, in m/s, M, in km/h, K."""
    angle, side, *speeds = _padded(fields, 8)
    heading = direction(angle)
    if side not in ("L", "R") or (heading.value is not None and heading.value > FULL_TURN / 2):
        heading = no_value("air_direction", "deg")
    elif side == "L" and heading.value:
        heading = heading._replace(value=FULL_TURN - heading.value)
    moving = _speed(speeds)
    return Content(wind(heading, moving)) if moving else Content((heading,))


def mta(fields: Sequence[str]) -> Content | None:
    """Air temperature, C."""
    value, unit = _padded(fields, 2)
    return _listed("MTA", [_temperature("temperature", value, unit)])


def mmb(fields: Sequence[str]) -> Content | None:
    """Air pressure in inches of mercury, I, in bar, B."""
    return _listed("MMB", [_pressure(_padded(fields, 4))])


def mda(fields: Sequence[str]) -> Content | None:
    """Everything of a weather station: pressure twice, temperatures, humidities, dew point, wind as in MWD."""
    of = _padded(fields, 20)
    return _listed(
        "MDA",
        [
            _pressure(of[:4]),
            _temperature("temperature", of[4], of[5]),
            _temperature("water_temperature", of[6], of[7]),
            _given("humidity", of[8], "%RH"),
            _given("absolute_humidity", of[9], "%"),
            _temperature("dew_point", of[10], of[11]),
            *_true_wind(of[12:20]),
        ],
    )


def xdr(fields: Sequence[str]) -> Content | None:
    """Groups of type, value, unit, name; a bad group costs the others nothing.

    A transducer without a name, or called 0, has its quantity as channel; any other keeps its own name behind it, so
    that the temperature of a heater never passes for that of the air.
    """
    readings: list[Measurement] = []
    names: list[str] = []
    words: dict[str, str] = {}
    for at in range(0, len(fields), _GROUP):
        kind, value, unit, name = _padded(fields[at : at + _GROUP], _GROUP)
        own = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        if kind == "G" and value:
            words[own or "text"] = value
            continue
        found = _transduced(kind, value, unit)
        if found is None:
            continue
        of_the_air = kind in _AIR and own in ("", "0")
        channel = found.quantity if of_the_air else f"{found.quantity}_{own or at // _GROUP}"
        names.append(f"{channel}_{at // _GROUP}" if channel in names else channel)
        readings.append(found)
    if not readings:
        return Content((), {"sentence": "XDR", **words})
    apart = names if names != [reading.quantity for reading in readings] else []
    return Content(tuple(readings), words or None, tuple(apart), (None,) * len(apart))


def txt(fields: Sequence[str]) -> Content | None:
    """Total, number, identifier, text: what a device says of itself; no measurement."""
    return Content((), {"sentence": "TXT", "text": ",".join(fields[3:])})


SENTENCES: Final[Mapping[str, Read]] = {
    "MWV": mwv, "MWD": mwd, "VWR": vwr, "MTA": mta, "MMB": mmb, "MDA": mda, "XDR": xdr, "TXT": txt,
}  # fmt: skip
"""Sentence formatter → its reader."""


def _padded(fields: Sequence[str], count: int) -> list[str]:
    return [field.strip() for field in [*fields, *[""] * count][:count]]


def _listed(sentence: str, readings: Sequence[Measurement | None]) -> Content:
    found = tuple(reading for reading in readings if reading is not None)
    return Content(found) if found else Content((), {"sentence": sentence})


def _true_wind(fields: Sequence[str]) -> list[Measurement | None]:
    true, true_unit, magnetic, _, *speeds = fields
    moving = _speed(speeds)
    heading = direction(true) if true or true_unit else None
    both = wind(heading, moving) if heading and moving else (heading, moving)
    return [*both, direction(magnetic, "air_direction_magnetic") if magnetic else None]


def _speed(pairs: Sequence[str]) -> Measurement | None:
    """One speed that stands there in several units: m/s if given; None if the device has none of them."""
    units = [(unit, text) for text, unit in zip(pairs[::2], pairs[1::2], strict=True) if text or unit]
    if not units:
        return None
    given = sorted((unit != "M", unit, text) for unit, text in units if text)
    unit, text = given[0][1:] if given else units[0]
    return velocity(text, unit, most=NO_WIND)


def _given(channel: str, text: str, unit: str) -> Measurement | None:
    """A field without a unit letter: an empty one says that the device does not have it."""
    return plain(channel, text, unit) if text else None


def _temperature(channel: str, text: str, unit: str) -> Measurement | None:
    return temperature(channel, text, unit) if text or unit else None


def _pressure(pairs: Sequence[str]) -> Measurement | None:
    """The same pressure in several units: the last that holds a possible one."""
    found = [pressure(text, unit) for text, unit in zip(pairs[::2], pairs[1::2], strict=True) if text or unit]
    possible = [reading for reading in found if reading.value is not None]
    return (possible or found)[-1] if found else None


def _transduced(kind: str, text: str, unit: str) -> Measurement | None:
    if not (text or unit):
        return None
    if kind == "C":
        return temperature("temperature", text, unit)
    if kind == "P":
        return pressure(text, unit)
    if kind == "H":
        return plain("humidity", text, "%RH")
    if kind == "S":  # Vaisala's own type: the speeds of a wind message
        return velocity(text, unit, channel="speed", most=NO_WIND)
    return plain(_OTHERS[kind], text, unit or None) if kind in _OTHERS else None
