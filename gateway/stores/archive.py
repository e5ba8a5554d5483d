"""The archive of one site: a folder a sealed day, and the manifest that says which of its files count.

A day is a day of UTC, so that no change of a time zone moves a reading from one to another. Readings without a time
have a folder of their own. A file has its name once it is whole and on the disk, and counts once the manifest names it;
what no manifest names is left over from a power cut and is removed by the next sealing. Nothing here needs pyarrow.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

import msgspec

from gateway.domain.errors import StoreFailed
from gateway.domain.history import DAY_US
from gateway.domain.moment import NO_TIME

UNTIMED: Final = "untimed"
MANIFEST: Final = "manifest.json"
FORMAT: Final = 1
_PART: Final = ".part"
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\.parquet")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

FileKind = Literal["readings", "minutes", "hours"]


class NotOurs(StoreFailed):
    """A manifest that no sealing of this site wrote: neither damage nor a power cut makes one."""


class Series(msgspec.Struct, frozen=True, array_like=True):
    """One sensor in a file of readings, by its number in it. low, high: of its finite values, None without any.

    rows, per_unit: how many readings; the whole number that `scaled` is divided by, 0 when values are kept as floats.
    bad_values: how many readings of bad quality have a value all the same; −1 unknown.
    """

    sensor: str
    quantity: str
    zone: str
    unit: str
    rows: int
    low: float | None
    high: float | None
    per_unit: int
    bad_values: int = -1


class ArchivedFile(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file that counts. through_n: journal rows up to this one are in it. series: of readings alone."""

    name: str
    kind: FileKind
    sha256: str
    bytes: int
    rows: int
    through_n: int
    series: tuple[Series, ...] = ()


class Manifest(msgspec.Struct, frozen=True):
    """What a folder of the archive holds. revision: one more with every sealing.

    through_n: every reading of this day that journal rows up to this one hold is in the files, once. journal: its
    identity, where the files are a copy that travelled; "" beside the journal itself.
    """

    format: int
    site: str
    day: str
    revision: int
    through_n: int
    files: tuple[ArchivedFile, ...]
    journal: str = ""

    def of_kind(self, kind: FileKind) -> list[ArchivedFile]:
        """Its files of a kind, oldest first."""
        return [file for file in self.files if file.kind == kind]


_decode: Final = msgspec.json.Decoder(Manifest).decode


class Archive:
    """The archive in `folder`. Reading it is safe beside a sealing: raises StoreFailed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[str, tuple[tuple[int, int, int], Manifest]] = {}

    def days(self) -> list[str]:
        """Names of all folders with a manifest, the untimed one apart, oldest first."""
        with _told_plainly(self.folder):
            found = list(self.folder.iterdir()) if self.folder.is_dir() else []
            return sorted(one.name for one in found if one.name[:1].isdecimal() and (one / MANIFEST).is_file())

    def manifest(self, day: str) -> Manifest | None:
        """What counts of a day now, None when it is not sealed. StoreFailed for a manifest that is none."""
        path = self.folder / day / MANIFEST
        with _told_plainly(path):
            try:
                stat = path.stat()
            except (FileNotFoundError, NotADirectoryError):
                return None
            seen = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
            known = self._known.get(day)
            if known is not None and known[0] == seen:
                return known[1]
            try:
                manifest = _decode(path.read_bytes())
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise StoreFailed(f"{path}: no manifest of an archived day: {error}") from error
        if manifest.format > FORMAT:
            raise StoreFailed(f"{path}: format {manifest.format} of newer software, this one knows {FORMAT}")
        if manifest.day != day:
            raise StoreFailed(f"{path}: is of day {manifest.day!r}, expected {day!r}")
        for file in manifest.files:
            if not _PLAIN_NAME.fullmatch(file.name):  # it may come from a stick: never a way out of the folder
                raise NotOurs(f"{path}: names a file {file.name!r}, expected one such as 'readings-1.parquet'")
        self._known[day] = (seen, manifest)
        return manifest

    def path(self, manifest: Manifest, file: ArchivedFile) -> Path:
        """Where a file of a manifest lies."""
        return self.folder / manifest.day / file.name

    def publish(self, manifest: Manifest) -> None:
        """Let a manifest count: its files are on the disk already. Afterwards what it does not name is removed."""
        folder = self.folder / manifest.day
        text = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
        write_durably(folder / MANIFEST, text)
        sync_folder(self.folder)
        self.sweep(manifest)

    def sweep(self, manifest: Manifest) -> None:
        """Remove what the manifest does not name: superseded files, and what a power cut left over."""
        kept = {MANIFEST, *(file.name for file in manifest.files)}
        folder = self.folder / manifest.day
        with _told_plainly(folder):
            for path in list(folder.iterdir()):
                if path.name not in kept:
                    path.unlink(missing_ok=True)

    def faults(self, day: str) -> Iterator[str]:
        """One sentence for each file of a day that is missing or is not what its manifest says."""
        manifest = self.manifest(day)
        for file in manifest.files if manifest else ():
            path = self.folder / day / file.name
            if not path.is_file():
                yield f"{path}: is missing"
            elif sha256_of(path) != file.sha256:
                yield f"{path}: is not what was sealed: its SHA-256 differs from the manifest's"


def day_of(time_us: int) -> str | None:
    """The folder that a time [µs UTC] belongs to: a date; `untimed` for NO_TIME; None before 1970 and after 9999."""
    if time_us == NO_TIME:
        return UNTIMED
    if time_us < 0:
        return None
    try:
        return (_EPOCH + timedelta(days=time_us // DAY_US)).date().isoformat()
    except OverflowError:
        return None


def begin_us(day: str) -> int:
    """The first instant of a day [µs UTC]."""
    return (datetime.fromisoformat(day).replace(tzinfo=UTC) - _EPOCH).days * DAY_US


def write_durably(path: Path, data: bytes) -> None:
    """The file with its whole content, or as it was: temporary name, sync, rename, sync of the folder."""
    part = path.with_name(path.name + _PART)
    with _told_plainly(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """A name is durable when its folder is."""
    with _told_plainly(folder):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with _told_plainly(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _told_plainly(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreFailed(f"{error.filename or path}: {error.strerror or error}") from error
