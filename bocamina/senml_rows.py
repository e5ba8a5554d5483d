"""The common SenML pack straight to the engine's samples: what a name means is looked up, not worked out each time.

Only packs of plain numbers (`bn bt n u v t`) are read here; everything else, and everything that is wrong, is left to
`gateway/formats/senml.py`, which alone says what a pack means. A property test holds the two together.
"""

from typing import Final, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from bocamina.samples import UNKNOWN_KEPT, canonical_of, sample_of
from gateway.domain.errors import FormatError
from gateway.domain.events import Pack, Sample
from gateway.domain.measurement import NamedValue
from gateway.domain.topics import is_level
from gateway.formats import naming
from gateway.formats.senml import MAX_PAYLOAD, RELATIVE_BELOW, Record, resolve
from gateway.formats.units import CONVERSIONS, Conversion

MOST_NAMES: Final = 8192
"""Names that are remembered; a mine has hundreds. What strangers send beyond it is read the long way."""


class Plain(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A record of a plain pack."""

    n: str = ""
    v: float | UnsetType = UNSET
    u: str | UnsetType = UNSET
    t: float | UnsetType = UNSET
    bn: str | UnsetType = UNSET
    bt: float | UnsetType = UNSET


class Meaning(NamedTuple):
    """What a name in a unit is: a sensor's value, a counter, or nobody's. unit: as sent, UNSET without one.

    sensor: index, or one of the codes below. conversion: to the sensor's quantity, None where nothing is to do.
    """

    unit: str | UnsetType
    sensor: int
    conversion: Conversion | None
    channel: str


BOOT: Final = -1
SEQ: Final = -2
NOBODY: Final = -3
FAULT: Final = -4
"""A sensor's, in a unit that says nothing about its quantity."""

_DECODER: Final = msgspec.json.Decoder(list[Plain])


class SenmlRows:
    """Packs of one `senml-json` source. channels: channel of the site file → (index of its sensor, its quantity)."""

    def __init__(self, source: str, channels: dict[str, tuple[int, str]]) -> None:
        self._source = source
        self._channels = channels
        self._nodes: dict[str, dict[str, dict[str, Meaning]]] = {}
        self._names = 0

    def pack(self, node: str, payload: bytes, now_s: float, delivery: int) -> Pack | None:
        """The pack of a message of `node`; None if it is not for this short way. now_s: the clock at receipt [s]."""
        if len(payload) > MAX_PAYLOAD:
            return None
        try:
            records = _DECODER.decode(payload)
        except (msgspec.DecodeError, RecursionError):
            return None
        bases = self._nodes.get(node)
        if bases is None:
            if not is_level(node) or len(self._nodes) >= MOST_NAMES:
                return None
            bases = self._nodes[node] = {}
        base, base_time = "", None
        meanings = bases.get(base)
        boot: int | None = None
        seq: int | None = None
        samples: list[Sample] = []
        unknown: list[str] = []
        for r in records:
            if r.bn is not UNSET:
                base = r.bn
                meanings = bases.get(base)
            if r.bt is not UNSET:
                base_time = r.bt
            value = r.v
            if value is UNSET or value - value != 0.0:
                return None
            if meanings is None:
                if self._names >= MOST_NAMES:
                    return None
                meanings = bases[base] = {}
            meaning = meanings.get(r.n)
            if meaning is None or meaning.unit != r.u:
                meaning = self._learn(meanings, node, base, r)
                if meaning is None:
                    return None
            _, sensor, conversion, channel = meaning
            if sensor >= 0:
                if conversion is not None:
                    value = value * conversion[0] / conversion[1] + conversion[2]
                if r.t is UNSET and base_time is None:
                    samples.append(Sample(sensor, value))
                    continue
                samples.append(sample_of(sensor, value, _time(base_time, r.t, now_s), None))
            elif sensor in (BOOT, SEQ):
                if not (value.is_integer() and 0 <= value < naming.MAX_COUNTER):
                    return None
                if sensor == BOOT:
                    boot = int(value)
                else:
                    seq = int(value)
            elif sensor == NOBODY:
                unknown.append(channel)
            else:
                return None
        if not records:
            return None
        return Pack(self._source, node, tuple(samples), boot, seq, delivery, tuple(unknown[:UNKNOWN_KEPT]))

    def _learn(self, meanings: dict[str, Meaning], node: str, base: str, record: Plain) -> Meaning | None:
        """What this name means, by way of those who know; None for a name that is none."""
        if self._names >= MOST_NAMES:
            return None
        self._names += 1
        given: str | UnsetType = record.u
        try:
            (value,) = resolve([Record(n=base + record.n, u=given, v=1.0)], 0.0)
        except FormatError:
            return None
        meaning = self._meaning(value, node, None if given is UNSET else given or None)
        meanings[record.n] = Meaning(given, *meaning)
        return meanings[record.n]

    def _meaning(self, value: NamedValue, node: str, unit: str | None) -> tuple[int, Conversion | None, str]:
        others, boot, _ = naming.split_counters([value], node)
        channel = naming.channel_of(value.name, node)
        if not others:
            return (BOOT if boot is not None else SEQ), None, channel
        found = self._channels.get(channel)
        if found is None:
            return NOBODY, None, channel[:100]
        sensor, quantity = found
        if canonical_of(value, quantity) is None:
            return FAULT, None, channel
        return sensor, CONVERSIONS[quantity, unit], channel


def _time(base: float | None, own: float | UnsetType, now_s: float) -> float:
    """As `resolve` places a record in time [s]."""
    time = base if own is UNSET else own if base is None else base + own
    assert time is not None  # noqa: S101  one of the two is there
    return time + now_s if time < RELATIVE_BELOW else time
