"""Sealed days from one archive of a journal into another: nothing that the other one has of a day is lost by it."""

import os
import re
import shutil
from datetime import date
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from gateway.domain.errors import StoreFailed
from gateway.stores.archive import UNTIMED, Archive, ArchivedFile, Manifest, NotOurs, sha256_of, sync_folder

_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")


class Days(NamedTuple):
    """What a copying did. standing: days that are sound in the target and all that the source has, by `through_n`."""

    copied: tuple[str, ...]
    faults: tuple[str, ...]
    standing: dict[str, int]


def copy_days(source: Archive, target: Archive, site: str, journal: str, *, mend: bool) -> Days:
    """Bring the days of a journal into the target that it has not, or in an older state; repair damaged files there.

    What is damaged in the source is named and left out. mend: a manifest of the target that cannot be read is
    replaced, for a folder that holds copies alone; else it is named. Raises StoreFailed when the target's disk fails.
    """
    copied: list[str] = []
    standing: dict[str, int] = {}
    found, faults, foreign = days_of(source, site, journal)
    faults += foreign
    for manifest in found:
        day = manifest.day
        try:
            there = _there(target, day, mend)
        except StoreFailed as error:
            faults.append(str(error))
            continue
        if there is not None and not _adds(manifest, there) and not any(target.faults(day)):
            standing[day] = there.through_n
        elif there is not None and not _adds(manifest, there) and not _is_same(manifest, there):
            faults += target.faults(day)  # newer than what could repair it
        elif damaged := list(source.faults(day)):
            faults += damaged
        else:
            _copy(source, manifest, target, there, journal)
            copied.append(day)
            standing[day] = manifest.through_n
    return Days(tuple(copied), tuple(faults), standing)


def days_of(source: Archive, site: str, journal: str) -> tuple[list[Manifest], list[str], list[str]]:
    """The manifests of a journal's days, and sentences about those that are none, and about those of something else."""
    found, faults, foreign = [], [], []
    for day in (*source.days(), UNTIMED):
        try:
            manifest = source.manifest(day)
            if manifest is not None:
                _check(source, manifest, site, journal)
                found.append(manifest)
        except NotOurs as error:
            foreign.append(str(error))
        except StoreFailed as error:
            faults.append(str(error))
    return found, faults, foreign


def _check(source: Archive, manifest: Manifest, site: str, journal: str) -> None:
    path = source.folder / manifest.day
    if manifest.site != site:
        raise NotOurs(f"{path}: its manifest is of site {manifest.site!r}, expected {site!r}")
    if manifest.journal not in ("", journal):
        raise NotOurs(f"{path}: its manifest is of journal {manifest.journal!r}, expected {journal!r}")
    if manifest.day != UNTIMED and not _is_date(manifest.day):
        raise NotOurs(f"{path}: is no day; expected a folder named such as '2026-11-23'")


def _is_date(text: str) -> bool:
    try:
        return bool(_DATE.fullmatch(text) and date.fromisoformat(text))
    except ValueError:
        return False


def _there(target: Archive, day: str, mend: bool) -> Manifest | None:
    try:
        return target.manifest(day)
    except StoreFailed:
        if mend:
            return None
        raise


def _is_same(one: Manifest, other: Manifest) -> bool:
    return {file.sha256 for file in one.files} == {file.sha256 for file in other.files}


def _adds(manifest: Manifest, there: Manifest) -> bool:
    """Whether a day's manifest tells of more than the one that is there.

    Both are of one journal, so what reaches to a later row holds all that the other holds, whoever sealed it.
    """
    if _is_same(manifest, there):
        return False
    return (manifest.through_n, manifest.revision) >= (there.through_n, there.revision)


def _copy(source: Archive, manifest: Manifest, target: Archive, there: Manifest | None, journal: str) -> None:
    folder = target.folder / manifest.day
    counting = {file.name: file.sha256 for file in there.files} if there is not None else {}
    files: list[ArchivedFile] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in manifest.files:
            name = file.name
            if counting.get(name, file.sha256) != file.sha256:  # the name counts until the new manifest does
                name = f"{file.kind}-{manifest.revision}-{file.sha256[:8]}.parquet"
            files.append(msgspec.structs.replace(file, name=name))
            _copy_file(source.path(manifest, file), folder / name, file.sha256)
        sync_folder(folder)
    except OSError as error:
        raise StoreFailed(f"{error.filename or folder}: {error.strerror or error}") from error
    revision = manifest.revision
    if there is not None:  # rollups of months go by it
        revision = max(revision, there.revision if _is_same(manifest, there) else there.revision + 1)
    target.publish(msgspec.structs.replace(manifest, revision=revision, files=tuple(files), journal=journal))


def _copy_file(source: Path, path: Path, sha256: str) -> None:
    if path.is_file() and sha256_of(path) == sha256:
        return
    part = path.with_name(path.name + ".part")
    shutil.copyfile(source, part)
    with part.open("rb+") as copy:
        os.fsync(copy.fileno())
    if sha256_of(part) != sha256:
        raise StoreFailed(f"{part}: is not what was read; the medium is damaged or changed meanwhile")
    part.replace(path)
