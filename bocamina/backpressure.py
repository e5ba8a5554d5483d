"""When the engine cannot follow: what serial lines said is merged by sensor and second, never dropped without a word.

MQTT waits at the broker (its messages are not acknowledged). A serial line cannot wait: of every sensor the largest,
smallest, worst and newest sample reach the alarms and the journal at once, and when the second is over the journal
gets what all of its samples came to: count, integral and maximum.
"""

import json
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from gateway.domain.events import Counted, Event, Pack, Sample
from gateway.domain.moment import SECOND_US
from gateway.domain.quality import ABSURD_ABOVE, Quality

HIGH_WATER: Final = 2000
"""Items waiting in the inbox from which on serial packs are merged (0.4 s at 5,000 packs a second)."""


@dataclass(slots=True)
class _Sensor:
    """What one sensor said in the second that runs. values: of the samples that counted."""

    largest: float = -math.inf
    smallest: float = math.inf
    worst: int = Quality.GOOD
    values: list[float] = field(default_factory=list)
    samples: int = 0
    kept: int = 0


class _Second(NamedTuple):
    number: int
    sensors: dict[str, dict[int, _Sensor]]


class Backpressure:
    """Stands before the engine. serial: ids of the serial sources; what other sources said passes as it is.

    Only packs without counters are merged: what a node numbers, and what the broker holds, may be history.
    """

    def __init__(self, serial: Collection[str]) -> None:
        self._serial = frozenset(serial)
        self._second = _Second(-1, {})

    def relieve(self, now_us: int, events: Sequence[Event], *, behind: bool) -> list[Event]:
        """The events that the engine gets now: merged while it is behind, with the record of a second that is over."""
        number = now_us // SECOND_US
        out: list[Event] = self.rest() if number != self._second.number else []
        if not behind:
            return [*out, *events]
        if number != self._second.number:
            self._second = _Second(number, {})
        samples: dict[str, list[Sample]] = {}
        last: dict[str, int] = {}
        for at, event in enumerate(events):
            if isinstance(event, Pack) and self._merges(event):
                samples.setdefault(event.source, []).extend(event.samples)
                last[event.source] = at
        for at, event in enumerate(events):
            if not isinstance(event, Pack) or not self._merges(event):
                out.append(event)
            elif at == last[event.source]:  # not later: the line may be lost in the next event
                out.append(Pack(event.source, "", tuple(self._keep(event.source, samples[event.source]))))
        return out

    def rest(self) -> list[Event]:
        """The record of the second that runs, which ends here."""
        found = [_record(source, sensors) for source, sensors in self._second.sensors.items()]
        self._second = _Second(-1, {})
        return [record for record in found if record is not None]

    def _merges(self, pack: Pack) -> bool:
        return pack.source in self._serial and pack.boot is None and pack.seq is None

    def _keep(self, source: str, samples: Sequence[Sample]) -> list[Sample]:
        """Of each sensor the newest sample, and those that are news in this second; quality never gets better."""
        sensors = self._second.sensors.setdefault(source, {})
        kept: list[Sample] = []
        for sensor in dict.fromkeys(sample.sensor for sample in samples):
            kept += _news(sensors.setdefault(sensor, _Sensor()), [s for s in samples if s.sensor == sensor])
        chosen = {id(sample) for sample in kept}
        return [sample for sample in samples if id(sample) in chosen]


def _news(sensor: _Sensor, samples: Sequence[Sample]) -> list[Sample]:
    """Count one sensor's samples in; those of them that must go on."""
    usable = [sample for sample in samples if _rank(sample) < Quality.BAD]
    worst = max(samples, key=_rank)
    found = [samples[-1]]
    if _rank(worst) > sensor.worst:
        found.append(worst)
    if usable:
        largest = max(usable, key=lambda sample: sample.value)
        smallest = min(usable, key=lambda sample: sample.value)  # oxygen kills from below
        found += [largest] * (largest.value > sensor.largest) + [smallest] * (smallest.value < sensor.smallest)
        sensor.largest = max(sensor.largest, largest.value)
        sensor.smallest = min(sensor.smallest, smallest.value)
    sensor.worst = max(sensor.worst, _rank(worst))
    sensor.values += [sample.value for sample in usable]
    sensor.samples += len(samples)
    sensor.kept += len({id(sample) for sample in found})
    return found


def _record(source: str, sensors: dict[int, _Sensor]) -> Counted | None:
    """What the second came to, None if nothing was left out. integral [unit·s]: its samples stand evenly in it."""
    samples, kept = (sum(getattr(s, name) for s in sensors.values()) for name in ("samples", "kept"))
    if kept == samples:
        return None
    sums = [
        {"sensor": i, "count": len(s.values), "integral": math.fsum(s.values) / len(s.values), "maximum": s.largest}
        for i, s in sorted(sensors.items())
        if s.values
    ]
    note = f"{samples} samples of a second stand as {kept}: the engine was behind"
    return Counted(source, "coalesced", note, json.dumps(sums).encode())


def _rank(sample: Sample) -> int:
    """Its quality; a value that conditioning will call absurd must not stand for the largest real one."""
    return sample.quality if abs(sample.value) <= ABSURD_ABOVE else max(int(Quality.BAD), sample.quality)
