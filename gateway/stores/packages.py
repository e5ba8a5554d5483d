"""Journal rows as files that travel: what a USB stick or a phone carries when there is no network for weeks.

The key of a row is the one that it has anywhere: site and number. A row that is there already is left alone; another
row under a number that is taken means another journal, and is refused.
"""

import hashlib
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from gateway.domain.errors import ConfigError, StoreFailed
from gateway.stores.archive import write_durably
from gateway.stores.rows import Kind, StoredRow, checksum

MAGIC: Final = b"bocamina rows 1\n"
SUFFIX: Final = ".rows"
ROWS: Final = 4096
"""Rows in one file: an hour or so of a mine, a few hundred kilobytes."""
_NAME: Final = re.compile(r"(\d{12})-(\d{12})\.rows")
_SHA_BYTES: Final = 32


class Package(NamedTuple):
    """A file's rows. through_n: it has all rows from `first_n` to here that were worth carrying."""

    site: str
    first_n: int
    through_n: int
    rows: list[StoredRow]


_Form = tuple[str, int, int, list[tuple[int, int, int, int, int | None, int | None, int, int, bytes]]]
_decode: Final = msgspec.msgpack.Decoder(_Form).decode


def name_of(first_n: int, through_n: int) -> str:
    """The file name of a package."""
    return f"{first_n:012d}-{through_n:012d}{SUFFIX}"


def carried_through(folder: Path) -> int:
    """The last row that the packages of a folder tell of, 0 without any."""
    found = (_NAME.fullmatch(path.name) for path in folder.iterdir()) if folder.is_dir() else ()
    return max((int(one[2]) for one in found if one), default=0)


def packages(folder: Path) -> list[Path]:
    """The packages of a folder in order."""
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name)) if folder.is_dir() else []


def write_package(folder: Path, package: Package) -> Path:
    """Write a package, durable on return. Raises StoreFailed."""
    rows = [(*row[:7], checksum(*row), row.body) for row in package.rows]
    body = zlib.compress(msgspec.msgpack.encode((package.site, package.first_n, package.through_n, rows)), 6)
    path = folder / name_of(package.first_n, package.through_n)
    write_durably(path, MAGIC + hashlib.sha256(body).digest() + body)
    return path


def read_package(path: Path) -> Package:
    """The rows of a package, every checksum verified. Raises ConfigError for a file that is none, or is damaged."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StoreFailed(f"{path}: {error.strerror or error}") from error
    if not data.startswith(MAGIC):
        raise ConfigError(f"{path}: does not begin with 'bocamina rows 1'; expected a package of `bocamina sync`")
    digest, body = data[len(MAGIC) :][:_SHA_BYTES], data[len(MAGIC) + _SHA_BYTES :]
    if hashlib.sha256(body).digest() != digest:
        raise ConfigError(f"{path}: is damaged or cut, its SHA-256 differs; expected it as `bocamina sync` wrote it")
    try:
        site, first_n, through_n, packed = _decode(zlib.decompress(body))
        rows = [_row(path, *row) for row in packed]
    except (zlib.error, msgspec.DecodeError, ValueError) as error:
        raise ConfigError(f"{path}: is no package of this version: {error}") from error
    return Package(site, first_n, through_n, rows)


def worth_carrying(row: StoredRow) -> bool:
    """Whether a row is history: a snapshot only lets a gateway begin quickly."""
    return row.kind != Kind.SNAPSHOT


def in_packages(site: str, rows: Iterator[StoredRow], first_n: int, through_n: int) -> Iterator[Package]:
    """Rows as packages; the last one tells of everything through `through_n`."""
    held: list[StoredRow] = []
    for row in rows:
        held.append(row)
        if len(held) == ROWS:
            yield Package(site, first_n, row.n, held)
            first_n, held = row.n + 1, []
    if first_n <= through_n:
        yield Package(site, first_n, through_n, held)


def _row(path: Path, *fields: Any) -> StoredRow:
    n, kind, now_us, utc_us, first_us, last_us, untimed, crc, body = fields
    row = StoredRow(n, Kind(kind), now_us, utc_us, first_us, last_us, untimed, body)
    if checksum(*row) != crc:
        raise ConfigError(f"{path}: row {row.n} is damaged, its checksum differs")
    return row
