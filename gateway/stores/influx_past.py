"""What a central InfluxDB holds, read back with InfluxQL, which every InfluxDB from 1.x to 3 understands."""

import json
import math
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from gateway.domain.errors import ConfigError, StoreFailed
from gateway.domain.quality import REASON_WORDS, Quality, Reason
from gateway.domain.quantities import unit_of
from gateway.domain.site import Influx
from gateway.stores.journal import BEGINNING_US, SensorRecord
from gateway.stores.past_readings import Stretch
from gateway.stores.reading_rows import READING, Catalog, Key, Readings, following, ordered

POINTS: Final = 10_000
"""Points of one answer, 1 MB: InfluxDB 1.x answers no more of a series by default."""
TIMEOUT_S: Final = 30.0
_FIRST_NS: Final = -(2**63) + 2
_LAST_NS: Final = 2**63 - 2


class InfluxPast:
    """One site's readings in a bucket. There is no reading without a time, and no raw value: both stay in the journal.

    Order among readings of one microsecond is that of their keys: the node's sequence, then the sensor.
    """

    def __init__(self, config: Influx, site: str) -> None:
        self._config, self._site = config, site

    def sensors(self) -> list[str]:
        """Ids of all sensors that have a point."""
        query = f'SHOW TAG VALUES FROM "reading" WITH KEY = "sensor" WHERE "site" = {_text(self._site)}'
        return sorted({str(value) for _key, value in self._rows(query)})

    def readings(
        self, catalog: Catalog, start_us: int | None, end_us: int, after: Key | None = None
    ) -> Iterator[Readings]:
        """The wanted readings behind `after` in order, part by part."""
        first_us = max(BEGINNING_US if start_us is None else start_us, after.time_us if after else BEGINNING_US)
        at_ns, end_ns = _ns(first_us), _ns(end_us)
        wanted = ""
        if catalog.wanted is not None:
            if not catalog.wanted:
                return
            wanted = " AND (" + " OR ".join(f'"sensor" = {_text(name)}' for name in sorted(catalog.wanted)) + ")"
        limit = POINTS
        while at_ns < end_ns:
            rows = self._rows(
                'SELECT "value", "quality", "reason", "sensor", "quantity" FROM "reading"'  # noqa: S608
                f' WHERE "site" = {_text(self._site)}{wanted} AND time >= {at_ns} AND time < {end_ns}'
                f" ORDER BY time LIMIT {limit}"
            )
            more = len(rows) == limit
            if more and rows[0][0] == rows[-1][0]:
                limit *= 2  # one instant of very many sensors: all of it at once
                continue
            whole = [row for row in rows if row[0] != rows[-1][0]] if more else rows
            yield following(_readings(whole, catalog), after)
            if not more:
                return
            at_ns = rows[-1][0]

    def stretches(self, start_us: int, end_us: int) -> Iterator[Stretch]:
        """All of it: no day is sealed there."""
        yield Stretch(start_us, end_us, None)

    def late(self, _catalog: Catalog, _day: str) -> Readings:
        """None: a point stands where it belongs."""
        return np.empty(0, READING)

    def _rows(self, query: str) -> list[list[Any]]:
        """The rows of the only series of an answer. Raises StoreFailed."""
        values = {"db": self._config.bucket, "q": query, "epoch": "ns"}
        url = f"{self._config.url.rstrip('/')}/query?{urllib.parse.urlencode(values)}"
        headers = {"Accept": "application/json"}
        if token := _token(self._config):
            headers["Authorization"] = f"Token {token}"
        try:
            request = urllib.request.Request(url, headers=headers)  # noqa: S310  the site file's own address
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
                document = json.load(answer)
            (result,) = document["results"]
            if "error" in result:
                raise StoreFailed(f"{self._config.url}: {result['error']}")
            rows: list[list[Any]] = [row for series in result.get("series", ()) for row in series["values"]]
        except urllib.error.HTTPError as error:
            said = " ".join(error.read(300).decode("utf-8", "replace").split())
            raise StoreFailed(f"{self._config.url}: {error.code} {error.reason}: {said}") from error
        except OSError as error:
            raise StoreFailed(f"{self._config.url}: {getattr(error, 'reason', error)}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise StoreFailed(f"{self._config.url}: its answer is none of InfluxQL: {error}") from error
        return rows


def _readings(rows: list[list[Any]], catalog: Catalog) -> Readings:
    found = np.empty(len(rows), READING)
    found["delivery"], found["trusted"] = 0, True
    # the rank among what has one key: by sensor, however the store lists them
    rows = sorted(rows, key=lambda row: (row[0], str(row[3])))
    rank, last_ns = 0, None
    for at, (time_ns, value, quality, reason, sensor, quantity) in enumerate(rows):
        rank = rank + 1 if time_ns == last_ns else 0
        last_ns = time_ns
        number = math.nan if value is None else float(value)
        code = REASON_WORDS.get(reason, Reason.NONE)
        series = catalog.number(SensorRecord(str(sensor), str(quantity), "", unit_of(str(quantity)) or ""))
        mine = found[at]
        mine["time_us"], mine["n"], mine["i"] = time_ns // 1000, time_ns % 1000, rank
        mine["sensor"], mine["value"], mine["raw"] = series, number, math.nan
        mine["quality"] = Quality.BAD if quality is None else int(quality)
        mine["reason"], mine["seq"] = int(code), time_ns % 1000
    return ordered(found)


def _ns(time_us: int) -> int:
    return min(max(time_us * 1000, _FIRST_NS), _LAST_NS)


def _text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _token(config: Influx) -> str:
    if config.token_file is None:
        return ""
    try:
        return Path(config.token_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not text"
        sentence = f"influx.token_file: {config.token_file!r}: {reason}; expected a file that holds it"
        raise ConfigError(sentence) from error


