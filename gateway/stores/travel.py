"""A site's history into a folder that travels: sealed days as they are, journal rows in packages.

The folder holds `{site}/{identity of the journal}/`: `archive/{day}/…`, `rows/{first}-{last}.rows`, `contents.json`,
which says what must be there. Each run adds and mends what the folder does not have whole; each import (`arrival.py`)
adds what the machine does not have yet; either may be done again, or broken off, at any time. Journals of one site (a
card that was replaced) lie beside one another, in the folder as on the machine.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import msgspec

from gateway.domain.errors import ConfigError, OperationFailed, StoreFailed
from gateway.stores.archive import UNTIMED, Archive, day_of, write_durably
from gateway.stores.carried_days import copy_days
from gateway.stores.journal import Journal
from gateway.stores.packages import (
    END_N,
    JOURNAL_ID,
    SITE_ID,
    Package,
    gaps,
    in_packages,
    numbers_of_name,
    packages,
    read_package,
    worth_carrying,
    write_package,
)
from gateway.stores.past_readings import CURSOR
from gateway.stores.paths import archive_folder, journal_path
from gateway.stores.positions import without_sightings
from gateway.stores.redating import Redating
from gateway.stores.rows import SALVAGED, Kind, StoredRow, checksum

CONTENTS: Final = "contents.json"
OTHERS: Final = "other_journals"
"""In a data folder: `{identity}/` is a data folder of its own, for a journal of a site that has another one here."""
_PARTS: Final = ("rows", "archive", CONTENTS)


class Moved(NamedTuple):
    """What a run brought over: sealed days, journal rows, the faults of what was left out, and what is to be known."""

    days: tuple[str, ...] = ()
    rows: int = 0
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Contents(msgspec.Struct, frozen=True):
    """What a journal's folder must hold: rows 1 to `through_n`, and `days` with at least these `through_n`.

    sealed_n: the sealer's cursor of the machine that it comes from.
    """

    site: str
    journal: str
    through_n: Annotated[int, msgspec.Meta(ge=0, lt=END_N)]
    sealed_n: Annotated[int, msgspec.Meta(ge=0, lt=END_N)]
    days: dict[str, int]


def sites_of(data: Path) -> list[tuple[str, Path]]:
    """(site, data folder) of every journal of a machine: those of its own data folder first."""
    homes = [data, *(one for one in _folders(data / OTHERS) if JOURNAL_ID.fullmatch(one.name))]
    return [(one.name, home) for home in homes for one in _folders(home) if (one / "journal.db").is_file()]


def travelling(folder: Path) -> list[Path]:
    """The journals' folders in a folder that travels, which may be one of them itself."""
    inner = [one for one in _folders(folder) if SITE_ID.fullmatch(one.name)]
    two = [one for site in inner for one in _folders(site) if JOURNAL_ID.fullmatch(one.name)]
    found = [one for one in (*inner, *two) if _is_carried(one)]
    return found or ([folder] if _is_carried(folder) else [])


def send(site: str, data: Path, target: Path, told: Callable[[int], None] = lambda _rows: None) -> Moved:
    """Bring into `target` what it does not have whole of a site's journal. told: rows written.

    STEPS rows whose readings are all in sealed days that travel are left out: the days have them. Refuses, before
    anything is written, a folder with rows that this journal does not have so. Raises OperationFailed, StoreFailed.
    """
    journal_file = journal_path(site, data)
    with Journal.reader(journal_file) as journal:
        identity, last_n = journal.identity, journal.last_n
        if not last_n:
            return Moved()
        folder = target / site / identity
        told_of, spoilt = _survey(folder / "rows", site, identity, journal)
        sealed_n = journal.reached(CURSOR)  # before the days: they hold at least this
        there = Archive(folder / "archive")
        days = copy_days(Archive(archive_folder(journal_file)), there, site, identity, mend=True)
        count = 0
        written: set[str] = set()
        for first_n, through_n in gaps(told_of, last_n):
            rows = _worth(journal, set(days.standing), first_n - 1, min(through_n, sealed_n), through_n)
            for package in in_packages(site, identity, rows, first_n, through_n):
                written.add(write_package(folder / "rows", package).name)
                count += len(package.rows)
                told(len(package.rows))
        faults = [*days.faults, *_clear(spoilt, written, last_n)]
        contents = Contents(site, identity, last_n, 0 if days.faults else sealed_n, days.standing)
        write_durably(folder / CONTENTS, msgspec.json.format(msgspec.json.encode(contents), indent=1))
    return Moved(days.copied, count, tuple(faults))


def _is_carried(folder: Path) -> bool:
    return any((folder / name).exists() for name in _PARTS) and not (folder / "journal.db").exists()


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(one for one in folder.iterdir() if one.is_dir()) if folder.is_dir() else []
    except OSError as error:
        raise StoreFailed(f"{folder}: {error.strerror or error}") from error


def _survey(folder: Path, site: str, identity: str, journal: Journal) -> tuple[list[tuple[int, int]], list[Path]]:
    """The row numbers that sound packages of a folder tell of, and the packages that are damaged."""
    told_of, spoilt = [], []
    for path in packages(folder):
        try:
            package = read_package(path)
        except (ConfigError, StoreFailed):
            spoilt.append(path)
            continue
        check_package(path, package, site, identity)
        refuse_others(path, package, journal)
        if package.through_n > journal.last_n:
            raise OperationFailed(
                f"{path}: tells of rows up to {package.through_n}, {journal.path} ends at {journal.last_n} (an older"
                " copy of a card?); import that folder first, or sync into another one"
            )
        told_of.append((package.first_n, package.through_n))
    return told_of, spoilt


def _clear(spoilt: list[Path], written: set[str], last_n: int) -> list[str]:
    """Remove damaged packages that were written anew; faults of those that this journal could not replace."""
    faults = []
    for path in spoilt:
        if numbers_of_name(path)[1] > last_n:
            faults.append(f"{path}: is damaged, and tells of rows that the journal does not have; left as it is")
        elif path.name not in written:
            try:
                path.unlink()
            except OSError as error:
                raise StoreFailed(f"{path}: {error.strerror or error}") from error
    return faults


def _worth(journal: Journal, sealed: set[str], after_n: int, sealed_n: int, last_n: int) -> Iterator[StoredRow]:
    redating = Redating.of(journal)
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


def check_package(path: Path, package: Package, site: str, identity: str) -> None:
    """Raise ConfigError for a package of another site or journal than the folder's."""
    if package.site != site:
        raise ConfigError(f"{path}: is of site {package.site!r}, expected {site!r}")
    if package.journal != identity:
        raise ConfigError(f"{path}: is of journal {package.journal!r}, expected {identity!r} as the others here")


def refuse_others(path: Path, package: Package, journal: Journal) -> list[int]:
    """Raise OperationFailed when the journal has another row under a number of the package.

    Returns the numbers where it has a notice of its own salvage, as a copy may: such a notice gives way.
    """
    known = journal.checksums(package.first_n, package.through_n)
    giving_way = []
    for row in package.rows:
        if known.get(row.n, checksum(*row)) == checksum(*row):
            continue
        mine, _more = journal.read(row.n - 1, None, 1)
        if not mine or _is_same(mine[0], row):
            continue
        if mine[0].kind != Kind.NOTICE or mine[0].document().get("what") != SALVAGED:
            raise OperationFailed(
                f"{path}: row {row.n} is another one than in {journal.path}, though both are journal {package.journal}"
                f" of site {package.site!r} (a copied card?); keep them in folders of their own"
            )
        giving_way.append(row.n)
    return giving_way


def _is_same(mine: StoredRow, other: StoredRow) -> bool:
    """Whether they were one row: where readings lie may have been put right, positions of people may have left."""
    if mine[:4] != other[:4]:
        return False
    if mine.body == other.body or mine.kind != Kind.STEPS:
        return mine.body == other.body
    return without_sightings(mine).body == without_sightings(other).body
