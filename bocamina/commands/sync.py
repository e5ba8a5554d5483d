"""`bocamina sync DIR`: the history of this machine's sites into a folder that travels."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.domain.errors import OperationFailed
from gateway.domain.names import expected_one_of


def sync(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="of a USB stick, a phone, a share")],
    site: Annotated[list[str] | None, typer.Option(metavar="ID", help="only this site; may be repeated")] = None,
) -> None:
    """Add to DIR what it does not have of every site here. Works while the gateway runs; may be broken off."""
    from gateway.stores.paths import data_folder
    from gateway.stores.travel import send, site_folders

    data = data_folder()
    known = [one.name for one in site_folders(data) if (one / "journal.db").is_file()]
    if not known:
        raise OperationFailed(f"{data}: no site has a journal there; BOCAMINA_DATA names the data folder")
    for one in site or ():
        if one not in known:
            raise OperationFailed(f"--site {one!r} has no journal in {data}; {expected_one_of(one, known)}")
    if not folder.is_dir():
        raise OperationFailed(f"{folder}: no such folder; expected the stick's, mounted")
    for one in site or known:
        done = send(one, data, folder / one)
        print(f"{one}: {len(done.days)} days and {done.rows} records written to {folder / one}")
        if done.faults:
            raise OperationFailed("\n".join(done.faults))
