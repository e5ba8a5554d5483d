"""The registers of Modbus devices that are not there, written from the makers' tables (sensor protocols, section 7)."""

import struct
from collections.abc import Callable, Mapping
from typing import Final

from firmware_sim.devices.faults import Read
from firmware_sim.devices.modbus_slave import ModbusSlave

Table = Callable[[Read, float], dict[int, int]]
UNKNOWN: Final = struct.unpack(">f", bytes.fromhex("7fc00000"))[0]
"""NaN, as makers send "no value"."""


def high_first(value: float | None) -> tuple[int, int]:
    """A float in two registers, high word first."""
    high, low = struct.unpack(">HH", struct.pack(">f", UNKNOWN if value is None else value))
    return high, low


def low_first(value: float | None) -> tuple[int, int]:
    """A float in two registers, low word first."""
    high, low = high_first(value)
    return low, high


def whole(value: float | None, scale: float = 1.0, least: int = 0, most: int = 0xFFFF) -> int:
    """A number in one register, at the end of its range if it is beyond; negative ones as two's complement."""
    return 0 if value is None else max(least, min(most, round(value * scale))) & 0xFFFF


def at(address: int, *words: int) -> dict[int, int]:
    """Registers from an address on."""
    return dict(enumerate(words, address))


def _beat(read: Read, now_s: float) -> int:
    """A counter that a living transmitter moves every 5 s."""
    told = read("heartbeat")
    return int(now_s / 5.0) & 0xFFFF if told is None else whole(told)


def _xnx(read: Read, now_s: float) -> dict[int, int]:
    state = whole(read("state")) or 1
    gas = read("gas") if state == 1 else 0.0  # the trap: 0.0 in every state but normal
    fault = 1001 if gas is None else 0
    unit = 3 if read("is_percent") else 4
    return (at(0, 0x2400, 0x2400, *high_first(gas or 0.0), fault, 0x40 if fault else 0, state,
               _beat(read, now_s), *high_first(700.0), unit)
            | at(36, *high_first(4.0)))  # fmt: skip


def _xrl(read: Read, now_s: float) -> dict[int, int]:
    state, gas = whole(read("state")) or 1, read("gas")
    fault = 1201 if gas is None else 0
    unit = 5 if read("is_percent") else 6
    return at(100, 0x2601, 0x2601, *high_first(gas or 0.0), fault, 0x40 if fault else 0, state,
              _beat(read, now_s), *high_first(180.0), unit)  # fmt: skip


def _msa(read: Read, now_s: float) -> dict[int, int]:
    del now_s
    gas = read("gas")
    return at(200, 1 if gas is None else 0, 0 if gas is not None else 4, 0, 1, 0, 0,
              *high_first(gas or 0.0), *high_first(0.0), *high_first(0.0), 0, 0, 0)  # fmt: skip


def _trolex(read: Read, now_s: float) -> dict[int, int]:
    del now_s
    masses = [word for name in ("pm_a", "pm_b", "pm_c") for word in low_first(read(name) or 0.0)]
    climate = whole(read("temperature") or 20.0, 100, -32768), whole(read("humidity") or 50.0, 100)
    return at(0, 8005, 1, 0, 0, *[0x3030] * 5, *[0] * 24, 100, 500, *climate, *masses)


def _suto(read: Read, now_s: float) -> dict[int, int]:
    del now_s
    velocity, flow = read("air_velocity"), read("air_flow")
    per_hour = None if flow is None else flow * 3600.0
    rest = [0, 0, *low_first(0.0), *low_first(0.0), 0, 0]
    celsius = low_first(read("temperature") or 20.0)
    return at(0, *celsius, *low_first(0.7), *low_first(velocity), *low_first(per_hour), *rest)


def _pemtech(read: Read, now_s: float) -> dict[int, int]:
    del now_s
    code = next((code for code, gas in _PEMTECH_TYPES.items() if read(gas) is not None), 0)
    return at(0, whole(read(_PEMTECH_TYPES[code]) if code else None, 10), code << 8)


_PEMTECH_TYPES: Final = {1: "h2s", 2: "lel", 3: "so2", 4: "co", 5: "o2"}
_TABLES: Final[Mapping[str, tuple[int, Table]]] = {
    "draeger-polytron-8000": (3, lambda read, _: at(506, *high_first(read("gas")))),
    "honeywell-xnx": (3, _xnx),
    "honeywell-sensepoint-xrl": (3, _xrl),
    "msa-ultima-x": (3, _msa),
    "pemtech-pt495": (3, _pemtech),
    "trolex-air-xd": (4, _trolex),
    "renke-rs-fs": (3, lambda read, _: at(0, whole(read("air_velocity"), 10))),
    "renke-rs-fx": (3, lambda read, _: at(0, whole(read("air_direction"), 1 / 45), whole(read("air_direction")))),
    "generic-rs485-anemometer": (3, lambda read, _: at(0x16, whole(read("air_velocity"), 10))),
    "adtek-wsa": (3, lambda read, _: at(0, whole(read("air_velocity"), 10), whole(read("air_flow"), 36000))),
    "suto-s430": (3, _suto),
    "premasgard": (4, lambda read, _: at(0, *[whole(read("pressure_diff"), 1, -32768, 32767)] * 3)),
    "senseair-s8": (4, lambda read, _: at(0, 0, 0, 0, whole(read("co2")))),
    "elt-mb350u": (3, lambda read, _: at(0x50, whole(read("co2")), whole(read("temperature"), 10, -32768),
                                         whole(read("humidity")), whole(read("co")))),
    "evikon-e2608": (3, lambda read, _: at(0x103, whole(read("gas")))),
}  # fmt: skip
"""Map name → function that reads it, and its registers."""
MODBUS_DEVICES: Final = tuple(_TABLES)


def modbus_device(model: str, unit: int, read: Read) -> ModbusSlave:
    """The device of a register map's name. read: its channels, also `state`, `heartbeat`, `is_percent` (else ppm)."""
    function, table = _TABLES[model]
    return ModbusSlave(unit, function, lambda now_s: table(read, now_s), also=(254,) if model == "senseair-s8" else ())
