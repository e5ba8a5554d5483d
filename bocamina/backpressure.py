"""When the engine cannot follow: what serial lines said is merged per sensor, never dropped without a word.

MQTT waits at the broker (its messages are not acknowledged). A serial line cannot wait: of every sensor the largest,
smallest, worst and newest sample reach the alarms and the journal, with a note of how many samples they stand for.
"""

import json
import math
from collections.abc import Collection, Iterable
from typing import Final

from gateway.domain.events import Counted, Event, Pack, Sample
from gateway.domain.quality import ABSURD_ABOVE, Quality

HIGH_WATER: Final = 2000
"""Items waiting in the inbox from which on serial packs are merged (0.4 s at 5,000 packs a second)."""


def coalesce(events: Iterable[Event], serial: Collection[str]) -> list[Event]:
    """The events with all counterless packs of one serial source merged into one: its extremes and its newest.

    serial: ids of the serial sources; other packs stay as they are, for what the broker holds may be history. The
    worst sample of each sensor is kept: quality never gets better by merging.
    """
    merged: dict[str, list[Sample]] = {}
    out: list[Event] = []
    for event in events:
        if isinstance(event, Pack) and event.source in serial and event.boot is None and event.seq is None:
            merged.setdefault(event.source, []).extend(event.samples)
        else:
            out.append(event)
    for source, samples in merged.items():
        kept = _kept(samples)
        out.append(Pack(source, "", tuple(kept)))
        if len(kept) < len(samples):
            note = f"{len(samples)} samples stand as {len(kept)}: the engine was behind"
            out.append(Counted(source, "coalesced", note, json.dumps(_sums(samples)).encode()))
    return out


def _sums(samples: list[Sample]) -> list[dict[str, float]]:
    """Of each sensor, what its samples that counted came to: count, mean and maximum, for the record."""
    values: dict[int, list[float]] = {}
    for sample in samples:
        if _rank(sample) < Quality.BAD:
            values.setdefault(sample.sensor, []).append(sample.value)
    return [
        {"sensor": i, "count": len(found), "mean": math.fsum(found) / len(found), "maximum": max(found)}
        for i, found in sorted(values.items())
    ]


def _kept(samples: list[Sample]) -> list[Sample]:
    largest: dict[int, Sample] = {}
    smallest: dict[int, Sample] = {}
    worst: dict[int, Sample] = {}
    newest: dict[int, Sample] = {}
    for sample in samples:
        i = sample.sensor
        newest[i] = sample
        rank = _rank(sample)
        if rank > Quality.GOOD and (i not in worst or rank >= _rank(worst[i])):
            worst[i] = sample
        if rank >= Quality.BAD:
            continue
        if i not in largest or sample.value > largest[i].value:
            largest[i] = sample
        if i not in smallest or sample.value < smallest[i].value:
            smallest[i] = sample  # oxygen kills from below
    chosen = {id(sample) for table in (largest, smallest, worst, newest) for sample in table.values()}
    return [sample for sample in samples if id(sample) in chosen]


def _rank(sample: Sample) -> int:
    """Its quality; a value that conditioning will call absurd must not stand for the largest real one."""
    return sample.quality if abs(sample.value) <= ABSURD_ABOVE else max(int(Quality.BAD), sample.quality)
