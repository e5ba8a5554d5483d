"""A central InfluxDB asked with InfluxQL, which every InfluxDB from 1.x to 3 understands."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from gateway.domain.errors import ConfigError, StoreFailed
from gateway.domain.site import Influx

POINTS: Final = 10_000
"""Points of one answer, 1 MB: InfluxDB 1.x answers no more of a series by default."""
TIMEOUT_S: Final = 30.0
_FIRST_NS: Final = -(2**63) + 2
_LAST_NS: Final = 2**63 - 2


class InfluxQuery:
    """The bucket of a site file, for one site. Raises StoreFailed when it is not there or answers with an error."""

    def __init__(self, config: Influx, site: str) -> None:
        self._config = config
        self.of_site = f'"site" = {literal(site)}'
        self.url = config.url

    def parts(
        self, series: str, columns: Sequence[str], tests: str, start_us: int, end_us: int
    ) -> Iterator[list[list[Any]]]:
        """Points of [start, end) in order of time, part by part, an instant never in two of them.

        A row: nanoseconds, then the columns. tests: ` AND …` beside site and time.
        """
        at_ns, end_ns = nanoseconds(start_us), nanoseconds(end_us)
        limit = POINTS
        while at_ns < end_ns:
            rows = self.rows(
                f"SELECT {quoted(columns)} FROM {quoted([series])} WHERE {self.of_site}{tests}"  # noqa: S608
                f" AND time >= {at_ns} AND time < {end_ns} ORDER BY time LIMIT {limit}"
            )
            more = len(rows) == limit
            if more and rows[0][0] == rows[-1][0]:
                limit *= 2  # one instant of very many sensors: all of it at once
                continue
            yield [row for row in rows if row[0] != rows[-1][0]] if more else rows
            if not more:
                return
            at_ns = rows[-1][0]

    def rows(self, query: str) -> list[list[Any]]:
        """The rows of an answer, times in nanoseconds."""
        values = {"db": self._config.bucket, "q": query, "epoch": "ns"}
        url = f"{self.url.rstrip('/')}/query?{urllib.parse.urlencode(values)}"
        headers = {"Accept": "application/json"}
        if token := _token(self._config):
            headers["Authorization"] = f"Token {token}"
        try:
            request = urllib.request.Request(url, headers=headers)  # noqa: S310  the site file's own address
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
                document = json.load(answer)
            (result,) = document["results"]
            if "error" in result:
                raise StoreFailed(f"{self.url}: {result['error']}")
            rows: list[list[Any]] = [row for series in result.get("series", ()) for row in series["values"]]
        except urllib.error.HTTPError as error:
            said = " ".join(error.read(300).decode("utf-8", "replace").split())
            raise StoreFailed(f"{self.url}: {error.code} {error.reason}: {said}") from error
        except OSError as error:
            raise StoreFailed(f"{self.url}: {getattr(error, 'reason', error)}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise StoreFailed(f"{self.url}: its answer is none of InfluxQL: {error}") from error
        return rows


def any_of(tag: str, values: Collection[str] | None) -> str | None:
    """The test ` AND …` for a tag that has one of the values; "" for None, None where nothing can pass it."""
    if values is None:
        return ""
    known = sorted(set(values) - {""})  # a tag that is "" is one that is not there
    return " AND (" + " OR ".join(f'"{tag}" = {literal(value)}' for value in known) + ")" if known else None


def quoted(names: Sequence[str]) -> str:
    """Identifiers of ours, for a query."""
    return ", ".join(f'"{name}"' for name in names)


def literal(text: str) -> str:
    """A text of anybody's, for a query."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def nanoseconds(time_us: int) -> int:
    """A time [µs UTC] as the store has it, the open ends of a range at its own."""
    return min(max(time_us * 1000, _FIRST_NS), _LAST_NS)


def _token(config: Influx) -> str:
    if config.token_file is None:
        return ""
    try:
        return Path(config.token_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not text"
        sentence = f"influx.token_file: {config.token_file!r}: {reason}; expected a file that holds it"
        raise ConfigError(sentence) from error
