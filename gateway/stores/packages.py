"""Journal rows as files that travel: what a USB stick or a phone carries when there is no network for weeks.

The key of a row is the one that it has anywhere: site, journal and number. Files tell of numbers without a gap between
them, so that a file that was lost is seen by those around it.
"""

import hashlib
import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from gateway.domain.errors import ConfigError, StoreFailed
from gateway.stores.archive import write_durably
from gateway.stores.rows import Kind, StoredRow, checksum

MAGIC: Final = b"bocamina rows 2\n"
OLD_MAGIC: Final = b"bocamina rows 1\n"
"""Of the first versions: nothing in them told one journal from another of its site."""
SUFFIX: Final = ".rows"
ROWS: Final = 4096
"""Rows in one file: an hour or so of a mine, a few hundred kilobytes."""
BODY_BYTES: Final = 16 << 20
"""A file ends early when the bodies of its rows come to this much."""
MOST_BYTES: Final = 1 << 28
"""What a file may unpack to: more is no work of ours, and would take the memory of a small machine."""
SITE_ID: Final = re.compile(r"[a-z0-9-]{1,32}")
JOURNAL_ID: Final = re.compile(r"[0-9a-f]{16}")
END_N: Final = 10**12
"""Row numbers stay below: more than a name has digits for would take a row each millisecond for thirty years."""
_NAME: Final = re.compile(r"(\d{12})-(\d{12})\.rows")
_SHA_BYTES: Final = 32


class Package(NamedTuple):
    """A file's rows. journal: its identity. through_n: it has all rows from `first_n` to here that are carried."""

    site: str
    journal: str
    first_n: int
    through_n: int
    rows: list[StoredRow]


_Form = tuple[str, str, int, int, list[tuple[int, int, int, int, int | None, int | None, int, int, bytes]]]
_decode: Final = msgspec.msgpack.Decoder(_Form).decode


def name_of(first_n: int, through_n: int) -> str:
    """The file name of a package."""
    return f"{first_n:012d}-{through_n:012d}{SUFFIX}"


def numbers_of_name(path: Path) -> tuple[int, int]:
    """(first, last) row number that the name of one of `packages` tells."""
    found = _NAME.fullmatch(path.name)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def packages(folder: Path) -> list[Path]:
    """The packages of a folder in order, by their names. Raises StoreFailed."""
    try:
        return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name)) if folder.is_dir() else []
    except OSError as error:
        raise StoreFailed(f"{folder}: {error.strerror or error}") from error


def gaps(told: Iterable[tuple[int, int]], last_n: int, after_n: int = 0) -> list[tuple[int, int]]:
    """The stretches (first, last) of row numbers after `after_n` up to `last_n` that none of `told` covers."""
    found = []
    for first, last in (*sorted(told), (last_n + 1, last_n + 1)):
        if first > after_n + 1:
            found.append((after_n + 1, min(first - 1, last_n)))
        after_n = max(after_n, last)
        if after_n >= last_n:
            break
    return found


def write_package(folder: Path, package: Package) -> Path:
    """Write a package, durable on return. Raises StoreFailed."""
    rows = [(*row[:7], checksum(*row), row.body) for row in package.rows]
    body = zlib.compress(msgspec.msgpack.encode((*package[:4], rows)), 6)
    path = folder / name_of(package.first_n, package.through_n)
    write_durably(path, MAGIC + hashlib.sha256(body).digest() + body)
    return path


def read_package(path: Path) -> Package:
    """The rows of a package, checksums verified. Raises StoreFailed, ConfigError for one that is none or damaged."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StoreFailed(f"{path}: {error.strerror or error}") from error
    if data.startswith(OLD_MAGIC):
        raise ConfigError(f"{path}: is of an older bocamina; expected one that `bocamina sync` of this version wrote")
    if not data.startswith(MAGIC):
        raise ConfigError(f"{path}: does not begin with 'bocamina rows 2'; expected a package of `bocamina sync`")
    digest, body = data[len(MAGIC) :][:_SHA_BYTES], data[len(MAGIC) + _SHA_BYTES :]
    if hashlib.sha256(body).digest() != digest:
        raise ConfigError(f"{path}: is damaged or cut, its SHA-256 differs; expected it as `bocamina sync` wrote it")
    try:
        unpacking = zlib.decompressobj()
        text = unpacking.decompress(body, MOST_BYTES)
        if not unpacking.eof:
            raise ConfigError(f"{path}: unpacks to more than {MOST_BYTES >> 20} MiB; expected a package of `sync`")
        site, journal, first_n, through_n, packed = _decode(text)
        rows = [_row(path, *row) for row in packed]
    except (zlib.error, msgspec.DecodeError, ValueError, struct.error) as error:
        raise ConfigError(f"{path}: is no package of this version: {error}") from error
    check_names(path, site, journal)
    numbers = [first_n - 1, *(row.n for row in rows), through_n + 1]
    if not 0 < first_n <= through_n < END_N or any(one >= other for one, other in pairwise(numbers)):
        raise ConfigError(f"{path}: its rows are not in order between {first_n} and {through_n}; expected them so")
    return Package(site, journal, first_n, through_n, rows)


def check_names(path: Path, site: str, journal: str) -> None:
    """Raise ConfigError for a site id or an identity that is none: folders get these names."""
    if not SITE_ID.fullmatch(site):
        raise ConfigError(f"{path}: is of site {site!r}; expected an id of a-z, 0-9 and -, at most 32 characters")
    if not JOURNAL_ID.fullmatch(journal):
        raise ConfigError(f"{path}: is of journal {journal!r}; expected 16 hexadecimal digits")


def worth_carrying(row: StoredRow) -> bool:
    """Whether a row is history: a snapshot only lets a gateway begin quickly."""
    return row.kind != Kind.SNAPSHOT


def in_packages(site: str, journal: str, rows: Iterator[StoredRow], first_n: int, through_n: int) -> Iterator[Package]:
    """Rows as packages; the last one tells of everything through `through_n`."""
    held: list[StoredRow] = []
    size = 0
    for row in rows:
        held.append(row)
        size += len(row.body)
        if len(held) == ROWS or size >= BODY_BYTES:
            yield Package(site, journal, first_n, row.n, held)
            first_n, held, size = row.n + 1, [], 0
    if first_n <= through_n:
        yield Package(site, journal, first_n, through_n, held)


def _row(path: Path, *fields: Any) -> StoredRow:
    n, kind, now_us, utc_us, first_us, last_us, untimed, crc, body = fields
    row = StoredRow(n, Kind(kind), now_us, utc_us, first_us, last_us, untimed, body)
    if checksum(*row) != crc:
        raise ConfigError(f"{path}: row {row.n} is damaged, its checksum differs")
    return row
