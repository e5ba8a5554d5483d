"""A site's history into a folder that travels, and out of it: sealed days as they are, journal rows in packages.

The folder holds, by site, `archive/{day}/…` and `rows/{first}-{last}.rows`. Each run adds what the folder does not have
yet; each import adds what the machine does not have yet; either may be done again, or broken off, at any time.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from gateway.domain.errors import ConfigError, OperationFailed, StoreFailed
from gateway.stores.archive import UNTIMED, Archive, Manifest, day_of, sha256_of, sync_folder, write_durably
from gateway.stores.cursors import Cursors
from gateway.stores.journal import Journal
from gateway.stores.packages import (
    Package,
    carried_through,
    in_packages,
    packages,
    read_package,
    worth_carrying,
    write_package,
)
from gateway.stores.packing import span_of, unpack_outcomes
from gateway.stores.past_readings import CURSOR
from gateway.stores.paths import archive_folder, journal_path
from gateway.stores.redating import Redating
from gateway.stores.rows import Kind, StoredRow, checksum

THROUGH: Final = "sealed-through"
"""A file beside the packages: the sealer's cursor of the machine that they come from."""


class Moved(NamedTuple):
    """What a run brought over: sealed days, journal rows, and the faults of what was left out."""

    days: tuple[str, ...]
    rows: int
    faults: tuple[str, ...] = ()


def site_folders(folder: Path) -> list[Path]:
    """The folders of sites in a data folder or a travelling one."""
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [one for one in found if any((one / name).exists() for name in ("journal.db", "rows", "archive"))]


def send(site: str, data: Path, target: Path, told: Callable[[int], None] = lambda _rows: None) -> Moved:
    """Bring into `target` what it does not have of a site. told: rows written. Raises StoreFailed.

    STEPS rows whose readings are all in sealed days that travel are left out: the days have them.
    """
    journal_file = journal_path(site, data)
    with Journal.reader(journal_file) as journal:
        sealed_n = journal.reached(CURSOR)  # before the days: they hold at least this
        archive = Archive(archive_folder(journal_file))
        days, faults = _copy_days(archive, target / "archive")
        folder = target / "rows"
        first_n, last_n = carried_through(folder) + 1, journal.last_n
        count = 0
        rows = _worth(journal, archive, first_n - 1, min(last_n, sealed_n), last_n)
        for package in in_packages(site, rows, first_n, last_n):
            write_package(folder, package)
            count += len(package.rows)
            told(len(package.rows))
        write_durably(folder / THROUGH, str(sealed_n).encode())
    return Moved(tuple(days), count, tuple(faults))


def receive(source: Path, data: Path, told: Callable[[int], None] = lambda _rows: None) -> Moved:
    """Bring what a site's travelling folder has into the data folder. Raises OperationFailed, ConfigError, StoreFailed.

    Refuses, before anything is written, a machine whose own gateway writes this site, and rows of another journal.
    """
    names = packages(source / "rows")
    site = read_package(names[0]).site if names else source.name
    journal_file = journal_path(site, data)
    with Journal.open(journal_file) as journal:
        count = sum(_adopt(journal, path, site, told) for path in names)
    days, faults = _copy_days(Archive(source / "archive"), archive_folder(journal_file))
    through = source / "rows" / THROUGH
    if through.is_file() and not faults and through.read_text().isdecimal():
        # only now: what this cursor vouches for is here
        with Cursors.open(journal_file) as cursors:
            cursors.advance(CURSOR, int(through.read_text()))
    return Moved(tuple(days), count, tuple(faults))


def receive_package(path: Path, data: Path) -> Moved:
    """Bring a single package into the data folder. Raises as `receive` does."""
    site = read_package(path).site
    with Journal.open(journal_path(site, data)) as journal:
        return Moved((), _adopt(journal, path, site, lambda _rows: None))


def _adopt(journal: Journal, path: Path, site: str, told: Callable[[int], None]) -> int:
    package: Package = read_package(path)
    if package.site != site:
        raise ConfigError(f"{path}: is of site {package.site!r}, the others here are of {site!r}")
    other = _other(journal, package)
    if other is not None:
        raise OperationFailed(
            f"{path}: row {other} is another one than in {journal.path}: two journals of site {site!r} (a card that was"
            " replaced?); import this one into a data folder of its own"
        )
    known = journal.checksums(package.first_n, package.through_n)
    added = journal.adopt(package.rows)
    if any(row.kind == Kind.CLOCK and row.n not in known for row in package.rows):
        _put_right(journal)
    told(added)
    return added


def _other(journal: Journal, package: Package) -> int | None:
    """The first number under which this journal has another row. Where its readings lie may have been put right."""
    known = journal.checksums(package.first_n, package.through_n)
    for row in package.rows:
        if known.get(row.n, checksum(*row)) != checksum(*row):
            mine, _more = journal.read(row.n - 1, None, 1)
            if [one[:4] + one[7:] for one in mine] != [row[:4] + row[7:]]:
                return row.n
    return None


def _put_right(journal: Journal) -> None:
    """Readings that came before the word that their clock was wrong: note where they lie now."""
    redating = Redating.of(journal)
    moved = []
    for piece in redating.pieces:
        for row in journal.scan(journal.steps_before(piece.from_us), [Kind.STEPS]):
            span = span_of(redating.correct(unpack_outcomes(row.body).outcomes)[0])
            if span != (row.first_us, row.last_us, row.untimed):
                moved.append(row._replace(first_us=span.first_us, last_us=span.last_us, untimed=span.untimed))
            if row.now_us >= piece.until_us:  # one row may hold steps of before and after
                break
    journal.respan(moved)


def _worth(journal: Journal, archive: Archive, after_n: int, sealed_n: int, last_n: int) -> Iterator[StoredRow]:
    redating = Redating.of(journal)
    sealed = {day for day in (*archive.days(), UNTIMED) if archive.manifest(day) is not None}
    for row in journal.scan(after_n):
        if row.n > last_n:
            return
        if not worth_carrying(row):
            continue
        final = row.n <= sealed_n and not redating.is_open(row.now_us)
        if row.kind != Kind.STEPS or not final or not _all_sealed(row, sealed):
            yield row


def _all_sealed(row: StoredRow, sealed: set[str]) -> bool:
    """Whether every reading of a row is in a sealed day; a row of many days is carried all the same."""
    if row.untimed and UNTIMED not in sealed:
        return False
    if row.first_us is None or row.last_us is None:
        return bool(row.untimed)
    return {day_of(row.first_us), day_of(row.last_us)} <= sealed and row.last_us - row.first_us < 86_400_000_000


def _copy_days(source: Archive, target: Path) -> tuple[list[str], list[str]]:
    """Sealed days that the target has not, or in an older revision; what is damaged is named and left out."""
    other = Archive(target)
    copied, faults = [], []
    for day in (*source.days(), UNTIMED):
        manifest = source.manifest(day)
        there = other.manifest(day)
        if manifest is None or (there is not None and there.revision >= manifest.revision):
            continue
        if found := list(source.faults(day)):
            faults += found
            continue
        _copy_day(source, manifest, other)
        copied.append(day)
    return copied, faults


def _copy_day(source: Archive, manifest: Manifest, target: Archive) -> None:
    folder = target.folder / manifest.day
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in manifest.files:
            path = folder / file.name
            if path.is_file() and sha256_of(path) == file.sha256:
                continue
            part = path.with_name(path.name + ".part")
            shutil.copyfile(source.path(manifest, file), part)
            with part.open("rb+") as copy:
                os.fsync(copy.fileno())
            if sha256_of(part) != file.sha256:
                raise StoreFailed(f"{part}: is not what was read; the medium is damaged or changed meanwhile")
            part.replace(path)
        sync_folder(folder)
    except OSError as error:
        raise StoreFailed(f"{error.filename or folder}: {error.strerror or error}") from error
    target.publish(manifest)

