"""Readings as Apache Arrow or Parquet, written while they are read: a long history never stands in memory."""

import io
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, Literal

from api.problems import Problem
from api.steps import quality_of
from gateway.domain.history import Reading, Rollup

MEDIA_TYPES: Final = {"arrow": "application/vnd.apache.arrow.stream", "parquet": "application/vnd.apache.parquet"}
_ROWS: Final = 5000
"""Rows of one record batch of Arrow, of one row group of Parquet."""


class _Sink(io.RawIOBase):
    """A file that hands over what was written since the last time."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._written += len(part)
        return len(part)

    def tell(self) -> int:
        return self._written

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def column_file(readings: Iterator[Reading], kind: Literal["arrow", "parquet"]) -> Iterator[bytes]:
    """The bytes of an Arrow IPC stream or a Parquet file with the columns of the interface, in blocks.

    Raises Problem 501, before the first byte, where pyarrow is not installed.
    """
    pa, parquet = _pyarrow()
    text = pa.string()
    schema = pa.schema({
        "time": pa.timestamp("us", "UTC"), "sensor": text, "value": pa.float64(), "unit": text, "quality": text,
        "reason": text,
    })  # fmt: skip
    cells = ((*row[:4], row.quality.word, row.reason.word) for row in readings)
    return _written(cells, pa, schema, parquet if kind == "parquet" else None)


def step_file(steps: Iterator[Rollup], kind: Literal["arrow", "parquet"]) -> Iterator[bytes]:
    """The same for steps of time, with the columns of `api/steps.py`."""
    pa, parquet = _pyarrow()
    number, count, text = pa.float64(), pa.int32(), pa.string()
    schema = pa.schema({
        "time": pa.timestamp("us", "UTC"), "sensor": text, "value": number, "unit": text, "quality": text,
        "reason": text, "low": number, "high": number, "coverage": number, "good": count, "uncertain": count,
        "bad": count, "late": count,
    })  # fmt: skip
    cells = ((*row[:2], row.mean, row.unit, quality_of(row), None, *row[4:]) for row in steps)
    return _written(cells, pa, schema, parquet if kind == "parquet" else None)


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra, and 50 MB of memory for who asks for it only
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        raise Problem(501, "pyarrow is not installed; expected `pip install 'bocamina[parquet]'`") from error
    return pa, parquet


def _written(cells: Iterator[tuple[Any, ...]], pa: Any, schema: Any, parquet: Any) -> Iterator[bytes]:
    sink = _Sink()
    with (
        parquet.ParquetWriter(sink, schema, compression="zstd") if parquet else pa.ipc.new_stream(sink, schema)
    ) as writer:
        while rows := list(islice(cells, _ROWS)):
            columns = zip(*rows, strict=True)
            arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
            yield sink.taken()
    yield sink.taken()
