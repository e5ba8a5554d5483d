"""`bocamina limits` shows the limit tables, each value with where it comes from."""

import json
from typing import Annotated

import typer

from gateway.domain.errors import ConfigError
from gateway.domain.limits import Limit, all_limits, open_items, regimes, substances
from gateway.domain.names import expected_one_of
from gateway.domain.quantities import QUANTITIES


def limits(
    substance: Annotated[str, typer.Option(help="Only this one: co, CO, 'Carbon monoxide' …", show_default=False)] = "",
    regime: Annotated[list[str] | None, typer.Option(help="Only this regime; may be repeated.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False,
    show_open: Annotated[
        bool, typer.Option("--open", help="What the site's safety officer still has to confirm.")
    ] = False,
) -> None:
    """The limit tables with their sources."""
    for name in regime or ():
        if name not in regimes():
            raise ConfigError(f"--regime: {name!r} is no regime; {expected_one_of(name, regimes())}")
    quantities = _quantities(substance) if substance else None
    chosen = [
        limit
        for limit in all_limits()
        if limit.regime in (regime or regimes()) and (quantities is None or limit.quantity in quantities)
    ]
    if as_json:
        print(json.dumps([as_document(limit) for limit in chosen], ensure_ascii=False))
    elif not show_open:
        _print_table(chosen)
    if show_open and not as_json:
        unconfirmed = sum(not limit.confirmed for limit in chosen)
        print(f"{unconfirmed} of {len(chosen)} limits are unconfirmed / valor por confirmar.")
        for number, item in enumerate(open_items(), start=1):
            print(f"{number}. {item['es']}\n   {item['en']}")


def as_document(limit: Limit) -> dict[str, object]:
    """One limit as `limits --json` gives it; `substance` is the identifier of the quantity."""
    document: dict[str, object] = {
        "regime": limit.regime,
        "substance": limit.quantity,
        "kind": limit.kind,
        "averaging_minutes": limit.averaging_minutes,
        "value": limit.value,
        "unit": limit.unit,
        "source": limit.source,
        "confidence": limit.confidence,
        "name": limit.substance,
        "table": limit.table,
    }
    if limit.phase:
        document["phase"] = limit.phase
    return document


def _quantities(wanted: str) -> set[str]:
    """The quantities that a person means by an identifier or its beginning, a name, a formula or a phase."""
    word = wanted.lower()
    found = {
        one.quantity
        for one in substances().values()
        if word in (one.name.lower(), one.formula.lower(), one.phase) or f"{one.quantity}_".startswith(f"{word}_")
    }
    if not found and word not in QUANTITIES:
        known = dict.fromkeys(one.quantity for one in substances().values())
        raise ConfigError(f"--substance: {wanted!r} is not known; {expected_one_of(wanted, known, most=30)}")
    return found


def _print_table(chosen: list[Limit]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("regime", "substance", "kind", "averaging", "value", "unit", "source"):
        table.add_column(column, justify="right" if column == "value" else "left", overflow="fold")
    for limit in chosen:
        name = f"{limit.quantity} ({limit.phase})" if limit.phase else limit.quantity
        averaging = f"{limit.averaging_minutes} min" if limit.averaging_minutes else "instant"
        doubt = "" if limit.confirmed else " [unconfirmed / valor por confirmar]"
        table.add_row(
            limit.regime, name, limit.kind, averaging, f"{limit.value:g}", limit.unit, limit.source + doubt,
        )  # fmt: skip
    if not chosen:
        print("no such limit")
        return
    console = Console(markup=False, highlight=False, emoji=False)
    if not console.is_terminal:  # a pipe has no width to keep: one limit stays one line
        console = Console(markup=False, highlight=False, emoji=False, width=1000)
    console.print(table)
