"""After a restart: the engine's state from the journal, as it was at the last commit."""

import logging
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from bocamina.engine import Engine
from gateway.domain.events import Delivery, Event, Pack
from gateway.domain.quality import Quality
from gateway.stores.journal import Journal
from gateway.stores.packing import unpack_outcomes
from gateway.stores.rows import Kind

log = logging.getLogger(__name__)


def restore(engine: Engine, journal: Journal) -> int:
    """Bring `engine` to the state of the journal's last step; returns how many steps were taken again.

    Newest snapshot, the readings before it that the windows reach back to (what the journal no longer has of them is a
    gap; the sums of the shift reach further and stand in the snapshot), then every step after it through the engine
    itself. An edited site file keeps what its sensors, zones and people still share with the former one, by id.
    """
    sites = journal.sites()
    places = {sensor.id: i for i, sensor in enumerate(engine.site.sensors)}
    maps = {
        site_hash: [places.get(record.id, -1) for record in records] for site_hash, records in sites.items()
    }
    snapshot = journal.last_snapshot()
    after_n = 0
    if snapshot is not None:
        state = snapshot.document()
        _refill(engine, journal, maps, snapshot.n, snapshot.now_us)
        engine.load(state["engine"])
        after_n = snapshot.n
    steps = 0
    for row in journal.scan(after_n, [Kind.STEPS]):
        recorded = row.steps()
        places_of = maps.get(recorded.site_hash)
        if places_of is None:
            log.warning("journal row %d is of a site file that nobody noted; its readings stay history", row.n)
            continue
        same = recorded.site_hash == engine.site_hash
        for step in recorded.steps:
            engine.step(step.moment, step.events if same else moved_events(step.events, places_of))
            steps += 1
    return steps


def _refill(engine: Engine, journal: Journal, maps: dict[str, list[int]], until_n: int, until_us: int) -> None:
    since_us = until_us - engine.channels.reach_us()
    for row in journal.scan(journal.steps_before(since_us), [Kind.STEPS]):
        if row.n >= until_n:
            return
        recorded = unpack_outcomes(row.body)
        if recorded.site_hash in maps and recorded.outcomes.size:
            _feed(engine, recorded.outcomes, maps[recorded.site_hash], since_us, until_us)


def _feed(engine: Engine, outcomes: npt.NDArray[Any], places: Sequence[int], since_us: int, until_us: int) -> None:
    where = np.asarray(places, np.int64)[outcomes["sensor"]]
    live = (outcomes["delivery"] == Delivery.LIVE) & (outcomes["quality"] != Quality.LATE) & (where >= 0)
    live &= (outcomes["now_us"] > since_us) & (outcomes["now_us"] <= until_us)
    kept = outcomes[live]
    if kept.size:
        engine.exposure.feed_many(where[live], kept["now_us"], kept["value"], kept["quality"], kept["reason"])


def moved_events(events: Sequence[Event], places: Sequence[int]) -> list[Event]:
    """The same events with the sensor indexes of the site file in use; sensors that are gone (−1) are left out."""
    return [_moved(event, places) for event in events]


def _moved(event: Event, places: Sequence[int]) -> Event:
    """The same event with the sensor indexes of the site file in use; sensors that are gone are left out."""
    if not isinstance(event, Pack):
        return event
    samples = tuple(
        msgspec.structs.replace(sample, sensor=places[sample.sensor])
        for sample in event.samples
        if places[sample.sensor] >= 0
    )
    return msgspec.structs.replace(event, samples=samples)
