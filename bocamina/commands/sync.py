"""`bocamina sync DIR`: the history of this machine's sites into a folder that travels."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.domain.errors import BocaminaError, ConfigError, OperationFailed
from gateway.domain.names import expected_one_of


def sync(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="of a USB stick, a phone, a share")],
    site: Annotated[list[str] | None, typer.Option(metavar="ID", help="only this site; may be repeated")] = None,
) -> None:
    """Add to DIR what it does not have whole of every site here. Works while the gateway runs; may be broken off."""
    from gateway.stores.paths import data_folder
    from gateway.stores.travel import send, sites_of

    data = data_folder()
    found = sites_of(data)
    known = sorted({one for one, _home in found})
    if not known:
        raise ConfigError(f"{data}: no site has a journal there; expected BOCAMINA_DATA to name the data folder")
    problems = [
        f"--site {one!r} has no journal in {data}; {expected_one_of(one, known)}"
        for one in site or ()
        if one not in known
    ]
    if problems:
        raise ConfigError(*problems)
    if not folder.is_dir():
        raise OperationFailed(f"{folder}: no such folder; expected the stick's, mounted")
    if folder.resolve().is_relative_to(data.resolve()):
        raise ConfigError(f"{folder}: is the data folder itself, or in it; expected a folder that travels")
    faults: list[str] = []
    for one, home in found:
        if site and one not in site:
            continue
        try:
            done = send(one, home, folder)
        except BocaminaError as error:
            faults.append(str(error))
            continue
        print(f"{one}: {len(done.days)} days and {done.rows} records written to {folder / one}")
        faults += done.faults
    if faults:
        raise OperationFailed("\n".join(faults))
