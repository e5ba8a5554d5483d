"""Modbus registers to readings: a device is data, one file of `modbus_maps/` each.

A map is *one* read, so that a value and the status words that judge it are of the same instant, and a late answer of a
device can never be taken for one about other registers. Source: sensor protocols, section 7.
"""

import math
import struct
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec

from gateway.domain.measurement import Measurement
from gateway.domain.quality import Quality, Reason
from gateway.domain.quantities import unit_of
from gateway.drivers.items import FullScale
from gateway.drivers.modbus_frame import MOST_REGISTERS, ReadRequest

Type = Literal["u16", "s16", "u32", "s32", "f32", "high", "low"]
"""high, low: one byte of a register."""
Order = Literal["ABCD", "CDAB", "DCBA", "BADC"]
"""Bytes of a 32-bit value as they stand on the wire, A the highest; all four are in use."""
State = Literal["fault", "inhibit", "calibration", "simulation", "warming_up", "warning", "over_range"]

VERDICTS: Final[Mapping[str, tuple[Quality, Reason]]] = {
    "fault": (Quality.BAD, Reason.FAULT),
    "inhibit": (Quality.BAD, Reason.FAULT),
    "calibration": (Quality.BAD, Reason.FAULT),
    "simulation": (Quality.BAD, Reason.FAULT),
    "warming_up": (Quality.UNCERTAIN, Reason.WARMING_UP),
    "warning": (Quality.UNCERTAIN, Reason.UNCALIBRATED),
    "over_range": (Quality.UNCERTAIN, Reason.OVER_RANGE),
}
"""What a state makes of the values. The bad ones have no value: what is sent then (zero, the last reading, the gas of
the bottle) is not the air. Zero while it warms up is none either."""
UNSEEN: Final = (Quality.UNCERTAIN, Reason.UNCALIBRATED)
"""Of a value whose status words were not asked for: nobody knows whether the device was measuring."""
FINE: Final = (Quality.GOOD, Reason.NONE)

TINY: Final = 1e-7
"""[D] A float between zero and this is none of our quantities, but one whose words stand in another order."""

_BYTES: Final[Mapping[str, tuple[int, ...]]] = {
    "ABCD": (0, 1, 2, 3), "CDAB": (2, 3, 0, 1), "DCBA": (3, 2, 1, 0), "BADC": (1, 0, 3, 2),
}  # fmt: skip
"""Place on the wire of A, B, C and D."""


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    at: int
    type: Type = "u16"

    @property
    def registers(self) -> range:
        """Addresses that it stands in."""
        return range(self.at, self.at + (2 if self.type in ("u32", "s32", "f32") else 1))


class Choice(_Part, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A register in which the device names something: code → word."""

    words: dict[int, str]


class Status(_Part, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A register that says how the device is, of `values` only, or of all.

    `state` holds if any of `bits` is set, or the value is one of `equals`, is none of `unless`, or lies in `between`.
    """

    state: State
    bits: int = 0
    equals: tuple[int, ...] = ()
    unless: tuple[int, ...] = ()
    between: tuple[int, int] | None = None
    values: tuple[str, ...] = ()

    def holds(self, raw: int) -> bool:
        """Whether the register says so."""
        return bool(
            raw & self.bits
            or raw in self.equals
            or (self.unless and raw not in self.unless)
            or (self.between is not None and self.between[0] <= raw <= self.between[1])
        )


class Value(_Part, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A number: raw · scale ÷ divide, in `unit`, or in the unit that the device tells (`unit_at`).

    name: the channel; or by `name_at`, where the device tells its gas. unit: None when the device is set to one and
    does not say which. none: raw values that mean "no value". low, high: what the device can send; beyond it the words
    stand in another order. full_scale: the end of its range. All in `unit`.
    """

    name: str
    order: Order = "ABCD"
    scale: float = 1.0
    divide: float = 1.0
    unit: str | None = None
    unit_at: Choice | None = None
    name_at: Choice | None = None
    none: tuple[int, ...] = ()
    low: float = -math.inf
    high: float = math.inf
    full_scale: float | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a value in another unit than its quantity has inside Bocamina."""
        canonical = unit_of(self.name)
        if canonical is not None and self.unit not in (None, canonical) and self.unit_at is None:
            raise ValueError(f"unit {self.unit!r} of {self.name!r}; expected {canonical!r}, by scale and divide")


class Read(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The one question. address: as on the wire, 0-based: 40001 and 30001 of a manual are 0."""

    function: Literal[3, 4]
    address: int
    count: int


class Identity(_Part, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A register by which the device is known."""

    equals: tuple[int, ...]


class Heartbeat(_Part, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A register that a living device changes every `every_s` seconds, whatever it measures."""

    every_s: float


class RegisterMap(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A device as data. baud, parity, stop_bits: as delivered. timeout_s: the longest it takes to answer [s].

    period_s: how often it is asked at most [s]; a site may want it more rarely.
    """

    title: str
    source: str
    read: Read
    values: tuple[Value, ...]
    status: tuple[Status, ...] = ()
    identify: Identity | None = None
    heartbeat: Heartbeat | None = None
    baud: int = 9600
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1
    timeout_s: float = 0.5
    period_s: float = 1.0
    name: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError when the parts do not fit one another."""
        if not 1 <= self.read.count <= MOST_REGISTERS:
            raise ValueError(f"count {self.read.count}; expected 1 to {MOST_REGISTERS}")
        end = self.read.address + self.read.count
        parts: list[_Part] = [*self.values, *self.status]
        parts += [part for part in (self.identify, self.heartbeat) if part is not None]
        parts += [choice for value in self.values for choice in (value.unit_at, value.name_at) if choice is not None]
        for part in parts:
            if part.registers.start < self.read.address or part.registers.stop > end:
                raise ValueError(f"register {part.at} is not read; expected {self.read.address} to {end - 1}")
        names = [value.name for value in self.values]
        for state in self.status:
            for name in state.values:
                if name not in names:
                    raise ValueError(f"status of {name!r}, which is no value; expected one of {', '.join(names)}")
        if not names or len(set(names)) < len(names):
            raise ValueError("values without a name of their own; expected each once")

    @property
    def channels(self) -> tuple[str, ...]:
        """Names that a site file may use."""
        told = (value.name_at.words.values() if value.name_at else (value.name,) for value in self.values)
        return tuple(name for names in told for name in names)

    @property
    def full_scale(self) -> FullScale:
        """Channel → end of range, where the map knows it in the canonical unit."""
        return {v.name: v.full_scale for v in self.values if v.full_scale is not None and v.unit_at is None}

    def unit_of(self, channel: str) -> str | None:
        """The unit in which a channel comes, None where the device tells it, or is set to one."""
        return next((value.unit for value in self.values if value.name == channel), None)

    def request(self, unit: int, offset: int = 0) -> ReadRequest:
        """The question to a device. offset: added to the register addresses, for a device whose base can be set."""
        return ReadRequest(unit, self.read.function, self.read.address + offset, self.read.count)

    def is_identified(self, words: Sequence[int]) -> bool | None:
        """Whether these registers of the whole read name this very model; None when the model names itself nowhere."""
        if self.identify is None:
            return None
        found = _raw(self.identify, dict(enumerate(words, self.read.address)))
        return found in self.identify.equals


def heartbeat_of(device: RegisterMap, words: Sequence[int]) -> int:
    """The register of the whole read that a living device changes; 0 where it has none."""
    found = _raw(device.heartbeat, dict(enumerate(words, device.read.address))) if device.heartbeat else None
    return found or 0


def readings(device: RegisterMap, words: Sequence[int], address: int | None = None) -> tuple[Measurement, ...]:
    """What registers say. address: of the first word, where not the whole read of the map was asked.

    A value of which a register is missing is left out; one whose status is missing is `uncertain`.
    """
    found = dict(enumerate(words, device.read.address if address is None else address))
    return tuple(_reading(device, value, found) for value in device.values if _raw(value, found) is not None)


def _reading(device: RegisterMap, value: Value, words: Mapping[int, int]) -> Measurement:
    name, unit = value.name, value.unit
    verdict = FINE
    for choice in (value.name_at, value.unit_at):
        if choice is None:
            continue
        code = _raw(choice, words)
        word = choice.words.get(code) if code is not None else None
        if word is None:  # a gas or unit that nobody knows: its number says nothing
            verdict = _worse(verdict, VERDICTS["fault"] if code is not None else UNSEEN)
        elif choice is value.name_at:
            name = word
        else:
            unit = word
    for status in device.status:
        if status.values and value.name not in status.values:
            continue
        raw = _raw(status, words)
        if raw is None:
            verdict = _worse(verdict, UNSEEN)
        elif status.holds(raw):
            verdict = _worse(verdict, VERDICTS[status.state])
    number = _number(value, words)
    if verdict[0] is Quality.BAD:
        return Measurement(name, None, unit, *verdict)
    if number is None or (number == 0 and verdict[1] is Reason.WARMING_UP):
        return Measurement(name, None, unit, Quality.BAD, Reason.FAULT)
    if not value.low <= number <= value.high or (value.type == "f32" and 0 < abs(number) < TINY):
        return Measurement(name, number, unit, Quality.BAD, Reason.ABSURD)
    if verdict is FINE and value.full_scale is not None and number >= value.full_scale:
        verdict = VERDICTS["over_range"]
    return Measurement(name, number, unit, *verdict)


def _worse(one: tuple[Quality, Reason], other: tuple[Quality, Reason]) -> tuple[Quality, Reason]:
    return other if other[0] > one[0] else one


def _number(value: Value, words: Mapping[int, int]) -> float | None:
    """None for what the device itself calls no value, NaN included."""
    raw = _raw(value, words)
    if raw is None or raw in value.none:
        return None
    if value.type == "f32":
        number: float = struct.unpack(">f", raw.to_bytes(4, "big"))[0]
        return number * value.scale / value.divide if math.isfinite(number) else None
    bits = {"s16": 16, "s32": 32}.get(value.type, 0)
    signed = raw - (1 << bits) if bits and raw >> (bits - 1) else raw
    return signed * value.scale / value.divide


def _raw(part: _Part, words: Mapping[int, int]) -> int | None:
    """The bits of a part as one unsigned number, in the order A B C D; None where a register is missing."""
    if any(at not in words for at in part.registers):
        return None
    if part.type == "high":
        return words[part.at] >> 8
    if part.type == "low":
        return words[part.at] & 0xFF
    if len(part.registers) == 1:
        return words[part.at]
    wire = words[part.at].to_bytes(2, "big") + words[part.at + 1].to_bytes(2, "big")
    order = part.order if isinstance(part, Value) else "ABCD"
    return int.from_bytes(bytes(wire[place] for place in _BYTES[order]), "big")
