"""`bocamina seal SITE.toml`: days that are over become Parquet; the gateway calls it by itself."""

import json
import os
import time
from pathlib import Path
from typing import Annotated

import typer

from bocamina.site_file import load_site
from gateway.domain.errors import ConfigError, OperationFailed


def seal(
    site: Annotated[Path, typer.Argument(metavar="SITE.toml", help="the site file")],
    verify: Annotated[bool, typer.Option("--verify", help="only compare every file with its manifest")] = False,
    gently: Annotated[bool, typer.Option("--gently", help="leave the processor and the disk to others")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Seal every day that is over in the archive, beside the gateway or without it. Doing it again changes nothing."""
    from gateway.stores.archive import UNTIMED, Archive
    from gateway.stores.archive_months import Months
    from gateway.stores.paths import archive_folder, journal_path
    from gateway.stores.sealing import seal as seal_days

    known = load_site(site)
    journal = journal_path(known.site.id)
    if verify:
        archive = Archive(archive_folder(journal))
        days = archive.days()
        if not days and archive.manifest(UNTIMED) is None:
            raise ConfigError(
                f"{archive.folder}: site {known.site.id!r} has no archive there, nothing was compared;"
                " BOCAMINA_DATA names the data folder, `bocamina seal` makes the archive"
            )
        faults = [fault for day in (*days, UNTIMED) for fault in archive.faults(day)]
        faults += Months(archive).faults()
        print(json.dumps({"days": len(days), "faults": faults}) if as_json else f"{len(days)} days compared")
        if faults:
            raise OperationFailed("\n".join(faults))
        return
    if not journal.exists():
        where = "BOCAMINA_DATA names the data folder"
        raise ConfigError(f"{journal}: site {known.site.id!r} has no journal there; {where}")
    if gently:
        os.nice(19)
    done = seal_days(journal, known.site.id, time.time_ns() // 1000)
    if as_json:
        print(json.dumps(done._asdict()))
    else:
        late = f", late readings added to {len(done.late)}" if done.late else ""
        print(f"{done.readings} readings: {len(done.days)} days sealed{late}, {len(done.waiting)} not over yet")
