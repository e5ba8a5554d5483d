"""A site's history out of a folder that travels (`travel.py`), into this machine's.

What is sound is taken, what is not is named: a stick may hold all that is left of a machine.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from gateway.domain.errors import BocaminaError, ConfigError, OperationFailed, StoreFailed
from gateway.stores.archive import UNTIMED, Archive
from gateway.stores.carried_days import copy_days, days_of
from gateway.stores.cursors import Cursors
from gateway.stores.journal import Journal
from gateway.stores.packages import Package, check_names, gaps, packages, read_package
from gateway.stores.packing import span_of, unpack_outcomes
from gateway.stores.past_readings import CURSOR
from gateway.stores.paths import archive_folder, journal_path
from gateway.stores.redating import Redating
from gateway.stores.rows import Kind
from gateway.stores.travel import CONTENTS, OTHERS, Contents, Moved, check_package, refuse_others

IMPORTED: Final = "imported"
IMPORTED_TO: Final = "imported-to"
"""Cursors of a journal that was brought by packages: rows up to the first have no gap; the second is the last row."""
_decode: Final = msgspec.json.Decoder(Contents).decode


def receive(
    source: Path, data: Path, told: Callable[[int], None] = lambda _rows: None, *, accept_gaps: bool = False
) -> Moved:
    """Bring what a journal's travelling folder has into the data folder.

    What is damaged, missing or not of this journal is named in the faults and left out; the rest is taken. Refuses,
    before anything is written, a machine whose own gateway writes this journal, and rows that it has otherwise.
    accept_gaps: rows that are missing will not come any more. Raises ConfigError, OperationFailed, StoreFailed.
    """
    contents, faults = _contents(source)
    archive = Archive(source / "archive")
    found: list[tuple[Path, Package]] = []
    for path in packages(source / "rows"):
        try:
            package = read_package(path)
            contents = contents or Contents(package.site, package.journal, 0, 0, {})
            check_package(path, package, contents.site, contents.journal)
            found.append((path, package._replace(rows=[])))  # a second look is cheaper than all of them in memory
        except BocaminaError as error:
            faults.append(str(error))
    contents = contents or _told_by_days(archive)
    if contents is None:
        raise ConfigError(*(faults or [f"{source}: holds nothing of `bocamina sync`; expected rows or sealed days"]))
    days, unreadable, foreign = days_of(archive, contents.site, contents.journal)
    if foreign:
        raise ConfigError(*foreign)
    if not found and not days:
        raise ConfigError(*(faults + unreadable or [f"{source}: holds neither rows nor sealed days; expected either"]))
    home, notes = _home(contents.site, contents.journal, data)
    journal_file = journal_path(contents.site, home)
    there = Archive(archive_folder(journal_file))
    with Journal.open(journal_file, identity=contents.journal) as journal:
        notes += _salvaged(journal)
        for path, _package in found:
            refuse_others(path, read_package(path), journal)
        to_n = max([contents.through_n, *(one.through_n for _path, one in found)])
        reached = _reached(journal)
        _note(journal_file, reached, to_n)
        missing = gaps([(one.first_n, one.through_n) for _path, one in found], to_n, reached)
        told_of = [f"{source / 'rows'}: rows {first} to {last} are missing" for first, last in missing]
        notes, faults = (notes + told_of, faults) if accept_gaps else (notes, faults + told_of)
        count = sum(_adopt(journal, path, told) for path, _package in found)
        moved = copy_days(archive, there, contents.site, contents.journal, mend=False)
    faults += [*moved.faults, *_missing_days(contents, source, there)]
    _note(journal_file, missing[0][0] - 1 if missing and not accept_gaps else to_n, to_n)
    if not faults and set(there.days()) <= set(contents.days):
        # only now, and not beside days that were sealed here: what this cursor vouches for is in those that came
        with Cursors.open(journal_file) as cursors:
            cursors.advance(CURSOR, contents.sealed_n)
    return Moved(moved.copied, count, tuple(faults), tuple(notes))


def receive_package(path: Path, data: Path) -> Moved:
    """Bring a single package into the data folder. Raises as `receive` does."""
    package = read_package(path)
    home, notes = _home(package.site, package.journal, data)
    journal_file = journal_path(package.site, home)
    with Journal.open(journal_file, identity=package.journal) as journal:
        notes += _salvaged(journal)
        refuse_others(path, package, journal)
        reached = _reached(journal)
        _note(journal_file, reached, package.through_n)
        missing = gaps([(package.first_n, package.through_n)], package.through_n, reached)
        count = _adopt(journal, path, lambda _rows: None)
    _note(journal_file, reached if missing else package.through_n, package.through_n)
    faults = tuple(f"{path}: rows {first} to {last}, before it, are missing here" for first, last in missing)
    return Moved((), count, faults, tuple(notes))


def check_whole(journal: Journal) -> None:
    """Raise OperationFailed where rows of a journal are still to be imported: a day sealed now would not get them."""
    reached, to_n = journal.reached(IMPORTED), journal.reached(IMPORTED_TO)
    if reached < to_n:
        raise OperationFailed(
            f"{journal.path}: rows are missing between {reached + 1} and {to_n}; import them first, or say with"
            " `bocamina import --accept-gaps DIR` that they will not come"
        )


def _contents(source: Path) -> tuple[Contents | None, list[str]]:
    path = source / CONTENTS
    try:
        contents = _decode(path.read_bytes())
    except FileNotFoundError:
        return None, [f"{path}: is missing; expected it from a `bocamina sync` that came to its end, run it again"]
    except OSError as error:
        return None, [f"{path}: {error.strerror or error}"]
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return None, [f"{path}: is damaged: {error}; expected it as `bocamina sync` wrote it"]
    check_names(path, contents.site, contents.journal)
    return contents, []


def _told_by_days(archive: Archive) -> Contents | None:
    """Of whom the first sealed day is that says so: nothing else does."""
    for day in (*archive.days(), UNTIMED):
        try:
            manifest = archive.manifest(day)
        except StoreFailed:
            continue
        if manifest is not None and manifest.journal:
            check_names(archive.folder / day, manifest.site, manifest.journal)
            return Contents(manifest.site, manifest.journal, 0, 0, {})
    return None


def _home(site: str, identity: str, data: Path) -> tuple[Path, list[str]]:
    """The data folder for a journal: `data`, or one inside it where `data` has another journal of the site."""
    notes = []
    path = journal_path(site, data)
    if path.is_file():
        try:
            with Journal.reader(path) as journal:
                known, is_empty = journal.identity, not journal.last_n
        except StoreFailed:
            with Journal.open(path) as journal:  # which salvages it
                known, is_empty = journal.identity, not journal.last_n
                notes += _salvaged(journal)
        if known != identity and not is_empty:
            other = data / OTHERS / identity
            notes.append(
                f"{site}: this is another journal than {path} (a card that was replaced?), kept beside it;"
                f" BOCAMINA_DATA={other} reads it"
            )
            return other, notes
    return data, notes


def _salvaged(journal: Journal) -> list[str]:
    return [f"{journal.path}: {journal.salvaged}"] if journal.salvaged is not None else []


def _adopt(journal: Journal, path: Path, told: Callable[[int], None]) -> int:
    package = read_package(path)
    known = journal.checksums(package.first_n, package.through_n)
    added = journal.adopt(package.rows, refuse_others(path, package, journal))
    if any(row.kind == Kind.CLOCK and row.n not in known for row in package.rows):
        _put_right(journal)
    told(added)
    return added


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


def _missing_days(contents: Contents, source: Path, archive: Archive) -> list[str]:
    faults = []
    here = {*archive.days(), UNTIMED}
    for day, through_n in contents.days.items():
        try:
            there = archive.manifest(day) if day in here else None
        except StoreFailed:  # told already
            continue
        if there is None or there.through_n < through_n:
            faults.append(f"{source / 'archive'}: day {day!r} is missing, damaged or older than {CONTENTS} says")
    return faults


def _reached(journal: Journal) -> int:
    """The row up to which a journal lacks none; one that was never imported into has all of its own."""
    return journal.reached(IMPORTED) if journal.reached(IMPORTED_TO) else journal.last_n


def _note(journal_file: Path, reached: int, to_n: int) -> None:
    with Cursors.open(journal_file) as cursors:
        cursors.advance(IMPORTED, reached)
        cursors.advance(IMPORTED_TO, max(reached, to_n))
