"""How often each sensor was above a level: the manifests say which files can know, DuckDB counts in those alone."""

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

from gateway.domain.history import DAY_US
from gateway.stores.archive import begin_us
from gateway.stores.archive_reader import ArchiveReader

# In whole steps first: the column that is compared is the small integer one, `value` is nearly always absent.
_QUERY = """
SELECT sensor, count(*), min(ms), max(ms), max(ifnull(scaled::DOUBLE / per_unit::DOUBLE, value))
FROM read_parquet($files) WHERE series IN (SELECT unnest($series))
    AND (scaled > $steps OR (value > $level AND NOT isnan(value))) AND quality <> 2
GROUP BY sensor
"""


class Exceedance(NamedTuple):
    """Archived readings of a sensor above its level, bad ones apart. first_us, last_us: of them, to the ms."""

    sensor: str
    readings: int
    first_us: int
    last_us: int
    highest: float


def exceedances(
    reader: ArchiveReader, levels: Mapping[str, float], start_us: int, end_us: int, *, everywhere: bool = False
) -> list[Exceedance]:
    """Sensors with readings above `levels` [canonical unit] on sealed days that lie in [start, end) µs UTC, by id.

    everywhere: also where the manifests exclude it, for a benchmark.
    """
    asked: dict[tuple[float, int, tuple[int, ...]], list[str]] = defaultdict(list)
    for day in reader.archive.days():
        manifest = reader.archive.manifest(day)
        if manifest is None or begin_us(day) < start_us or begin_us(day) + DAY_US > end_us:
            continue
        for file in manifest.of_kind("readings"):
            alike: dict[tuple[float, int], list[int]] = defaultdict(list)
            for number, one in enumerate(file.series):
                level = levels.get(one.sensor, math.inf)
                if level < math.inf and (everywhere or (one.high is not None and one.high > level)):
                    alike[level, one.per_unit].append(number)
            for (level, per_unit), mine in alike.items():
                asked[level, per_unit, tuple(mine)].append(str(reader.archive.path(manifest, file)))
    found: dict[str, Exceedance] = {}
    for (level, per_unit, numbers), files in asked.items():
        values: dict[str, Any] = {"files": files, "series": list(numbers)}
        # k / per_unit > level has the same k as k > floor(level · per_unit), save for the rounding of one division
        steps = math.floor(level * (per_unit or 1))
        while per_unit and steps / per_unit > level:
            steps -= 1
        while per_unit and (steps + 1) / per_unit <= level:
            steps += 1
        values |= {"steps": steps, "level": level}
        for sensor, count, first_ms, last_ms, highest in reader.query(_QUERY, values).fetchall():
            new, before = Exceedance(sensor, count, first_ms * 1000, last_ms * 1000, highest), found.get(sensor)
            found[sensor] = new if before is None else _both(new, before)
    return [found[sensor] for sensor in sorted(found)]


def _both(one: Exceedance, other: Exceedance) -> Exceedance:
    return Exceedance(
        one.sensor, one.readings + other.readings, min(one.first_us, other.first_us), max(one.last_us, other.last_us),
        max(one.highest, other.highest),
    )  # fmt: skip
