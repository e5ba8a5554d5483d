"""Pages of readings and their cursors, whatever the readings come out of."""

import math
import re
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

import numpy as np

from gateway.domain.errors import ConfigError
from gateway.domain.history import Page, Reading
from gateway.domain.moment import NO_TIME
from gateway.domain.quality import Quality, Reason
from gateway.stores.journal import BEGINNING_US, END_US, SensorRecord
from gateway.stores.reading_rows import READING, Catalog, Key, Readings

_QUALITIES: Final = {int(quality): quality for quality in Quality}
_REASONS: Final = {int(reason): reason for reason in Reason}


class Source(Protocol):
    """Where readings come from in the order of history."""

    def readings(
        self, catalog: Catalog, start_us: int | None, end_us: int, after: Key | None = None
    ) -> Iterator[Readings]:
        """The wanted readings behind `after`, part by part; those without a time first, if start is None."""
        ...


def reading_key(cursor: str | None) -> Key | None:
    """The place that a cursor names. Raises ConfigError."""
    return None if cursor is None else Key(*numbers_of(cursor, 3))


def page_of(
    source: Source, catalog: Catalog, start_us: int | None, end_us: int | None, limit: int, cursor: str | None
) -> Page[Reading]:
    """At most `limit` readings, and the cursor of the rest."""
    parts, wanted = [np.empty(0, READING)], limit + 1
    for part in source.readings(catalog, start_us, END_US if end_us is None else end_us, reading_key(cursor)):
        parts.append(part[:wanted])
        wanted -= len(parts[-1])
        if not wanted:
            break
    found: Readings = np.concatenate(parts)
    last = found[limit - 1] if len(found) > limit else None
    following = None if last is None else f"{last['time_us']}:{last['n']}:{last['i']}"
    return Page(_presented(found[:limit], catalog.records), following)


def numbers_of(cursor: str, how_many: int) -> list[int]:
    """The numbers of a cursor. Raises ConfigError for one of another list."""
    if re.fullmatch(r"-?\d{1,19}(:\d{1,18})*", cursor) and cursor.count(":") == how_many - 1:
        numbers = [int(part) for part in cursor.split(":")]
        if BEGINNING_US <= numbers[0] <= END_US:
            return numbers
    raise ConfigError(f"cursor {cursor[:60]!r} is none of this list; expected the `next` of its last page")


def _presented(found: Readings, records: Sequence[SensorRecord]) -> list[Reading]:
    columns = (found[name].tolist() for name in ("time_us", "sensor", "value", "quality", "reason", "raw"))
    return [
        Reading(
            None if time_us == NO_TIME else time_us,
            records[sensor].id,
            value if math.isfinite(value) else None,
            records[sensor].unit,
            _QUALITIES.get(quality, Quality.BAD),
            _REASONS.get(reason, Reason.FAULT),
            raw if math.isfinite(raw) else None,
        )
        for time_us, sensor, value, quality, reason, raw in zip(*columns, strict=True)
    ]
