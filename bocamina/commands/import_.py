"""`bocamina import FILE|DIR`: what `bocamina sync` wrote, into the history of this machine."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.domain.errors import BocaminaError, ConfigError, OperationFailed


def import_(
    source: Annotated[Path, typer.Argument(metavar="FILE|DIR", help="a folder of `sync`, or one package of it")],
    accept_gaps: Annotated[bool, typer.Option("--accept-gaps", help="missing records will not come any more")] = False,
) -> None:
    """Add what SOURCE has and this machine does not. Doing it again changes nothing."""
    from gateway.stores.arrival import receive, receive_package
    from gateway.stores.paths import data_folder
    from gateway.stores.travel import travelling

    data = data_folder()
    if not source.exists():
        raise ConfigError(f"{source}: no such file or folder; expected what `bocamina sync` wrote")
    if accept_gaps and source.is_file():
        raise ConfigError(f"--accept-gaps: {source} is one package; expected the folder that it is of")
    journals = [source] if source.is_file() else travelling(source)
    if not journals:
        raise ConfigError(f"{source}: nothing of `bocamina sync` is there; expected a folder or package that it wrote")
    problems: list[str] = []
    failures: list[str] = []
    for one in journals:
        try:
            is_file = one.is_file()
            done = receive_package(one, data) if is_file else receive(one, data, accept_gaps=accept_gaps)
        except ConfigError as error:
            problems += error.problems
        except BocaminaError as error:
            failures.append(str(error))
        else:
            name = "" if is_file else f"{one.relative_to(source) if one != source else one.name}: "
            print(f"{name}{'' if is_file else f'{len(done.days)} days and '}{done.rows} records added to {data}")
            for note in done.notes:
                print(note)
            problems += done.faults
    if problems:
        raise ConfigError(*problems, *failures)
    if failures:
        raise OperationFailed("\n".join(failures))
