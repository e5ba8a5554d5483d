"""`bocamina import FILE|DIR`: what `bocamina sync` wrote, into the history of this machine."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.domain.errors import ConfigError, OperationFailed


def import_(
    source: Annotated[Path, typer.Argument(metavar="FILE|DIR", help="a folder of `sync`, or one package of it")],
) -> None:
    """Add what SOURCE has and this machine does not. Doing it again changes nothing."""
    from gateway.stores.paths import data_folder
    from gateway.stores.travel import receive, receive_package, site_folders

    data = data_folder()
    if source.is_file():
        done = receive_package(source, data)
        print(f"{done.rows} records added to {data}")
        return
    own = any((source / name).is_dir() for name in ("rows", "archive"))
    sites = [source] if own else [one for one in site_folders(source) if not (one / "journal.db").exists()]
    if not sites:
        raise ConfigError(f"{source}: nothing of `bocamina sync` is there; expected a folder or package that it wrote")
    faults: list[str] = []
    for one in sites:
        done = receive(one, data)
        print(f"{one.name}: {len(done.days)} days and {done.rows} records added to {data}")
        faults += done.faults
    if faults:
        raise OperationFailed("\n".join(faults))
