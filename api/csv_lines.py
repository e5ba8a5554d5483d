"""Rows as CSV while they are read: a long history never stands in memory."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

MEDIA_TYPE: Final = "text/csv; charset=utf-8"
BLOCK_CHARS: Final = 65_536
"""One write a line would cost more than the line."""


def csv_lines(columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """The header and all rows, in blocks of about 64 kB."""
    block = io.StringIO()
    lines = csv.DictWriter(block, columns, lineterminator="\n")
    lines.writeheader()
    for row in rows:
        lines.writerow(row)
        if block.tell() > BLOCK_CHARS:
            yield block.getvalue()
            block.seek(0)
            block.truncate()
    yield block.getvalue()
