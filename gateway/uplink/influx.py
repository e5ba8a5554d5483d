"""InfluxDB 2: points as line protocol, and the sink that writes them and says what their fate was."""

import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from gateway.domain.errors import LinkLost
from gateway.domain.site import Influx
from gateway.uplink.points import Field, Point
from gateway.uplink.sink import BatchRejected, one_line, secret

TIMEOUT_S: Final = 30.0
HEADERS_BYTES: Final = 600
"""Headers of a request and of its answer, by estimate: for the budget."""
FAULT_OF_THE_LINES: Final = frozenset({400, 413, 422})
"""Answers to `/api/v2/write` that stay the same on another try: malformed, conflicting, too large, out of retention."""
CANNOT_DELETE: Final = frozenset({400, 404, 405, 501})
"""Answers to `/api/v2/delete` of a store that has no such thing; the point under the wrong time stays there."""

_ESCAPED: Final = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ ", "\\": "_", "\n": "_", "\r": "_"})
_QUOTED: Final = str.maketrans({'"': r"\"", "\\": r"\\", "\n": " ", "\r": " "})


class InfluxSink:
    """Synchronous writes with a verified answer (the client's batching mode gives up after five tries and only logs).

    Opens nothing until the first write. Raises ConfigError when the token's file cannot be read.
    """

    def __init__(self, config: Influx) -> None:
        self._config = config
        self._token = secret("influx.token_file", config.token_file) or ""
        self._client: Any = None
        self._api: Any = None
        self.sent_bytes = 0

    def text(self, point: Point) -> str:
        """A point in line protocol."""
        return line(point)

    def write(self, points: Sequence[Point]) -> None:
        """See `Sink.write`. What a point replaces is deleted when that point stands. LinkLost, BatchRejected."""
        import urllib3  # noqa: PLC0415  with the client below 0.3 s and 20 MB, for sites with a central store only
        from influxdb_client.rest import ApiException  # noqa: PLC0415

        body = "\n".join(map(line, points)).encode()
        self.sent_bytes += len(zlib.compress(body)) + HEADERS_BYTES
        try:
            self._ready().write(self._config.bucket, self._config.org, body, write_precision="ns")
            for point in points:
                if point.replaces_ns is not None:
                    self._delete(point, point.replaces_ns)
        except ApiException as error:
            sentence = f"{self._config.url}: {error.status} {error.reason}: {one_line(error.body)}"
            raise (BatchRejected if error.status in FAULT_OF_THE_LINES else LinkLost)(sentence) from error
        except (OSError, urllib3.exceptions.HTTPError) as error:
            raise LinkLost(f"{self._config.url}: {one_line(error)}") from error

    def close(self) -> None:
        """Close the connections; the next write opens them again."""
        if self._client is not None:
            self._api.close()
            self._client.close()
            self._client = self._api = None

    def _delete(self, point: Point, time_ns: int) -> None:
        from influxdb_client.rest import ApiException  # noqa: PLC0415

        predicate = " AND ".join(f'{tag}="{value}"' for tag, value in point.tags.items())
        self.sent_bytes += len(predicate) + HEADERS_BYTES
        try:
            self._client.delete_api().delete(
                _rfc3339_ns(time_ns), _rfc3339_ns(time_ns + 1), f'_measurement="{point.series}" AND {predicate}',
                self._config.bucket, self._config.org,
            )  # fmt: skip
        except ApiException as error:
            if error.status not in CANNOT_DELETE:
                raise

    def _ready(self) -> Any:
        if self._client is None:
            from influxdb_client.client.influxdb_client import InfluxDBClient  # noqa: PLC0415
            from influxdb_client.client.write_api import SYNCHRONOUS  # noqa: PLC0415

            self._client = InfluxDBClient(
                self._config.url, self._token, org=self._config.org, timeout=int(TIMEOUT_S * 1000), enable_gzip=True
            )
            self._api = self._client.write_api(write_options=SYNCHRONOUS)
        return self._api


def line(point: Point) -> str:
    """A point in line protocol: series, tags in order of their names, fields, nanoseconds."""
    tags = ",".join(f"{name}={_tag(value)}" for name, value in sorted(point.tags.items()))
    fields = ",".join(f"{name}={_field(value)}" for name, value in point.fields.items())
    return f"{point.series},{tags} {fields} {point.time_ns}"


def _tag(text: str) -> str:
    return text.translate(_ESCAPED)


def _field(value: Field) -> str:
    if isinstance(value, str):
        return f'"{value.translate(_QUOTED)}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value}i" if isinstance(value, int) else repr(value)


def _rfc3339_ns(time_ns: int) -> str:
    seconds, rest = divmod(time_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
