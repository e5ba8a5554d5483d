"""InfluxDB 2: a reading as line protocol, and the sink that writes lines and says what their fate was."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from gateway.domain.errors import BocaminaError, ConfigError, LinkLost
from gateway.domain.quality import Reason
from gateway.domain.site import Influx
from gateway.stores.journal import SensorRecord

MEASUREMENT: Final = "reading"
TIMEOUT_S: Final = 30.0
FAULT_OF_THE_LINES: Final = frozenset({400, 413, 422})
"""Answers to `/api/v2/write` that stay the same on another try: malformed, conflicting, too large, out of retention."""

_ESCAPED: Final = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ ", "\\": "_", "\n": "_", "\r": "_"})


class BatchRejected(BocaminaError):
    """The store refuses something in these lines. Find it by halves, set it aside, go on."""


class InfluxSink:
    """Synchronous writes with a verified answer (the client's batching mode gives up after five tries and only logs).

    Opens nothing until the first write. Raises ConfigError when the token's file cannot be read.
    """

    def __init__(self, config: Influx) -> None:
        self._config = config
        self._token = _token(config)
        self._client: Any = None
        self._api: Any = None

    def write(self, lines: Sequence[str]) -> None:
        """Returns when the store has confirmed all lines; writing them twice is harmless.

        Raises LinkLost or BatchRejected.
        """
        import urllib3  # noqa: PLC0415  with the client below 0.3 s and 20 MB, for sites with a central store only
        from influxdb_client.rest import ApiException  # noqa: PLC0415

        try:
            self._ready().write(self._config.bucket, self._config.org, list(lines), write_precision="ns")
        except ApiException as error:
            sentence = f"{self._config.url}: {error.status} {error.reason}: {_first_line(error.body)}"
            raise (BatchRejected if error.status in FAULT_OF_THE_LINES else LinkLost)(sentence) from error
        except (OSError, urllib3.exceptions.HTTPError) as error:
            raise LinkLost(f"{self._config.url}: {_first_line(error)}") from error

    def close(self) -> None:
        """Close the connections; the next write opens them again."""
        if self._client is not None:
            self._api.close()
            self._client.close()
            self._client = self._api = None

    def _ready(self) -> Any:
        if self._client is None:
            from influxdb_client.client.influxdb_client import InfluxDBClient  # noqa: PLC0415
            from influxdb_client.client.write_api import SYNCHRONOUS  # noqa: PLC0415

            self._client = InfluxDBClient(
                self._config.url, self._token, org=self._config.org, timeout=int(TIMEOUT_S * 1000), enable_gzip=True
            )
            self._api = self._client.write_api(write_options=SYNCHRONOUS)
        return self._api


def line(
    site: str, sensor: SensorRecord, time_ns: int, value: float, quality: int, reason: int, trusted: bool = True
) -> str:
    """One reading as a line. The key is (site, sensor, quantity, time_ns): the same line twice is one point.

    time_ns: µs of the reading × 1000 + the node's sequence mod 1000. quality is always there; a reading without a
    finite value has no `value`. trusted False: the wall clock of its time was doubtful.
    """
    fields = f"quality={quality}i" if not math.isfinite(value) else f"value={value!r},quality={quality}i"
    word = Reason(reason).word if reason in _REASONS else None
    fields += f',reason="{word}"' if word else ""
    fields += "" if trusted else ",time_trusted=false"
    tags = f"quantity={_tag(sensor.quantity)},sensor={_tag(sensor.id)},site={_tag(site)}"
    return f"{MEASUREMENT},{tags} {fields} {time_ns}"


_REASONS: Final = frozenset(int(reason) for reason in Reason)


def _tag(text: str) -> str:
    return text.translate(_ESCAPED) or "unknown"


def _token(config: Influx) -> str:
    if config.token_file is None:
        return ""
    try:
        return Path(config.token_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not text"
        sentence = f"influx.token_file: {config.token_file!r}: {reason}; expected a file that holds it"
        raise ConfigError(sentence) from error


def _first_line(what: object) -> str:
    text = what.decode("utf-8", "replace") if isinstance(what, bytes) else str(what or "")
    return " ".join(text.split())[:300]
