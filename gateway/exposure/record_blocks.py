"""A record in CSV as blocks of bytes, column by column, in memory that does not grow with the file.

pyarrow (the `parquet` extra) reads the blocks that hold nothing unusual. Every other block goes line by line through
`record.Record`, which alone says what is wrong with a line; without pyarrow all of them do.
"""

import importlib
import io
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, BinaryIO, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from gateway.domain.errors import ConfigError
from gateway.domain.quality import ABSURD_ABOVE
from gateway.domain.quantities import QUANTITIES
from gateway.exposure.conversion import canonical_unit_name
from gateway.exposure.layout import ABSURD, DOUBT, OVER
from gateway.exposure.record import Reading, Record, Substance
from gateway.exposure.record_rows import LATEST_US, LONGEST_S, Columns
from gateway.exposure.series import Bytes, Floats, Ints, Series

BLOCK: Final = 1 << 23
"""Bytes that are read at a time."""
_LONGEST_LINE: Final = 1 << 26
_WORTH_IT: Final = 1 << 18  # importing pyarrow takes as long as reading so many bytes line by line
_ORDINARY: Final = {"quality": ("", "good"), "reason": ("",)}


class _Unusual(Exception):  # no error: the block is read line by line
    """This block is not for pyarrow."""


class _Part(NamedTuple):
    """Rows of one substance that were checked."""

    quantity: str
    substance: Substance
    starts: Ints
    lengths: Ints
    levels: Floats
    flags: Bytes


def read_stream(stream: BinaryIO, reading: Reading, block_bytes: int = BLOCK) -> dict[str, Series]:
    """The substances of a CSV file, as `record.read_record` gives them, with the same errors."""
    record = Record(reading)
    blocks = _blocks(stream, reading.name, block_bytes)
    lines = 0
    for block in blocks:
        if _has_hidden_lines(block):
            record.take_lines(_lines(chain([block], blocks)), lines)
            break
        rows = block
        if record.columns is None:
            header, feed, rows = block.partition(b"\n")
            record.take_lines(_lines([header + feed]))
        try:
            parts = _parts(record, rows)
        except _Unusual:
            record.take_lines(_lines([rows]), lines + (rows is not block))
        else:
            for part in parts:
                record.substances[part.quantity] = part.substance
                part.substance.rows(part.starts, part.lengths, part.levels, part.flags)
        lines += block.count(b"\n")
    if record.columns is None:
        record.take_lines(())
    return record.finish()


def _blocks(stream: BinaryIO, name: str, block_bytes: int) -> Iterator[bytes]:
    """The bytes of a file in blocks that end with a line, as far as line feeds end lines."""
    rest = b""
    while read := stream.read(block_bytes):
        whole, feed, after = read.rpartition(b"\n")
        if feed:
            yield rest + whole + feed
            rest = after
        else:
            rest += read
        if len(rest) > _LONGEST_LINE:
            raise ConfigError(f"{name}: a line longer than {_LONGEST_LINE >> 20} MB, expected CSV")
    if rest:
        yield rest


def _has_hidden_lines(block: bytes) -> bool:
    """Whether a line may end, or go on, where no line feed tells."""
    return b'"' in block or (b"\r" in block and block.count(b"\r") != block.count(b"\r\n"))


def _lines(blocks: Iterable[bytes]) -> Iterator[str]:
    for block in blocks:
        yield from io.StringIO(block.decode("utf-8"), newline="")


def _parts(record: Record, rows: bytes) -> list[_Part]:
    """The rows of a block by substance, in the order of their first rows; raises _Unusual before anything is taken."""
    columns = record.columns
    if columns is None or len(rows) < _WORTH_IT:
        raise _Unusual
    table = _table(columns, rows)
    values = table["value"].to_numpy(zero_copy_only=False)
    empty = table["value"].is_null().to_numpy(zero_copy_only=False)
    if np.any(np.isnan(values) & ~empty):  # a NaN with something behind it is for the reader of lines to judge
        raise _Unusual
    for column, words in _ORDINARY.items():
        if column in table and any(word.strip().lower() not in words for word in _codes(table[column])[1]):
            raise _Unusual
    names, units = _codes(table["substance"]), _codes(table["unit"])
    quantities = [name.strip().lower() for name in names[1]]
    found = []
    for quantity in dict.fromkeys(quantities):
        same = [number for number, name in enumerate(quantities) if name == quantity]
        mine = slice(None) if len(set(quantities)) == 1 else np.flatnonzero(np.isin(names[0], same))
        unit = {canonical_unit_name(units[1][code]) for code in np.unique(units[0][mine])}
        one = _substance(record, quantity, unit)
        starts, lengths = _spans(table, mine, one)
        found.append(_Part(quantity, one, starts, lengths, *_levels(values[mine], empty[mine], one)))
    return found


def _table(columns: Columns, rows: bytes) -> dict[str, Any]:
    """The columns that count, each one Arrow array."""
    try:
        arrow, read_csv = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.csv")
    except ImportError:
        raise _Unusual from None
    first = rows[: rows.find(b"\n") + 1].decode("latin-1").split(",")
    used = {name: f"c{at}" for name, at in columns._asdict().items() if at is not None and at < len(first)}
    if {name for name, at in columns._asdict().items() if at is not None} != set(used):
        raise _Unusual
    words, number = arrow.dictionary(arrow.int32(), arrow.string()), arrow.float64()
    types = {name: number if name in ("value", "duration_s") else words for name in used}
    if columns.time is not None:
        types["time"] = number if _is_number(first[columns.time]) else arrow.timestamp("us", tz="UTC")
    try:
        table = read_csv.read_csv(
            io.BytesIO(rows),
            read_options=read_csv.ReadOptions(column_names=[f"c{at}" for at in range(len(first))]),
            parse_options=read_csv.ParseOptions(quote_char=False),
            convert_options=read_csv.ConvertOptions(
                column_types={used[name]: kind for name, kind in types.items()}, null_values=[""],
                strings_can_be_null=False, include_columns=list(used.values()),
            ),
        )  # fmt: skip
    except arrow.ArrowException:
        raise _Unusual from None
    found = {name: table[column].unify_dictionaries().combine_chunks() for name, column in used.items()}
    if table.num_rows == 0 or any(found[name].null_count for name in found if name != "value"):
        raise _Unusual
    return found


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _codes(column: Any) -> tuple[npt.NDArray[np.int32], list[str]]:
    return column.indices.to_numpy(zero_copy_only=False), column.dictionary.to_pylist()


def _substance(record: Record, quantity: str, units: set[str]) -> Substance:
    one = record.substances.get(quantity)
    if quantity not in QUANTITIES or len(units) != 1 or (one is not None and {one.unit} != units):
        raise _Unusual
    try:
        return one or record.substance(quantity, *units)
    except ConfigError:
        raise _Unusual from None


def _spans(table: dict[str, Any], mine: Any, one: Substance) -> tuple[Ints, Ints]:
    """Starts and lengths of one substance's rows, which must be in order and apart."""
    if "duration_s" in table:
        seconds = table["duration_s"].to_numpy(zero_copy_only=False)[mine]
        if not np.all((seconds >= 0) & (seconds <= LONGEST_S)) or seconds.sum() > LATEST_US * 1e-6:
            raise _Unusual
        lengths = np.rint(seconds * 1e6).astype(np.int64)
    else:
        lengths = np.zeros(table["value"].to_numpy(zero_copy_only=False)[mine].size, np.int64)
    starts = _times(table["time"], mine) if "time" in table else one.end_us + np.cumsum(lengths) - lengths
    ends = starts + lengths
    if starts[0] < (starts[0] if one.start_us is None else max(one.start_us, one.end_us)):
        raise _Unusual
    if not np.all(starts[1:] >= ends[:-1]) or ends.max() > LATEST_US:
        raise _Unusual
    return starts, lengths


def _times(column: Any, mine: Any) -> Ints:
    times = column.to_numpy(zero_copy_only=False)[mine]
    if times.dtype != np.float64:
        return np.asarray(times.astype("datetime64[us]").astype(np.int64))
    if not np.all(np.abs(times) * 1e6 <= LATEST_US):
        raise _Unusual
    return np.asarray(np.rint(times * 1e6), np.int64)


def _levels(values: Floats, empty: npt.NDArray[np.bool_], one: Substance) -> tuple[Floats, Bytes]:
    """See `record_rows.level_of`."""
    levels = values * one.factor
    usable = np.abs(levels) <= ABSURD_ABOVE
    flags = np.where(usable | empty, 0, ABSURD).astype(np.uint8)
    flags[usable & (levels >= one.full_scale)] = OVER | DOUBT
    return np.where(usable, levels, np.nan), flags
