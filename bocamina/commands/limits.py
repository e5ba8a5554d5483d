"""`bocamina limits` shows the limit tables, each value with where it comes from and who confirmed it."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Final

import typer

from gateway.domain.errors import ConfigError
from gateway.domain.limit import SITE_REGIME, FormulaLimit, Limit
from gateway.domain.limits import all_limits, formulas, open_items, regimes, substances
from gateway.domain.names import expected_one_of
from gateway.domain.quantities import QUANTITIES

UNCONFIRMED: Final = "unconfirmed / valor por confirmar"
_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "es": {
        "regime": "régimen", "substance": "sustancia", "kind": "límite", "averaging": "promedio",
        "value": "excede si", "unit": "unidad", "source": "fuente", "instant": "instantáneo",
        "TWA": "promedio (TWA)", "STEL": "corta duración (STEL)", "CEILING": "techo", "MIN": "mínimo", "MAX": "máximo",
        "IDLH": "peligro inmediato (IDLH)", "ACTION": "nivel de acción", "none": "no hay tal límite",
        "signed": "confirmado por {name} el {day}", "from": "vigente desde {day}", "to": "hasta {day}",
        "quartz": "Q = % de {phase} en el polvo respirable",
        "sign": "Para confirmar un valor, el oficial de seguridad añade al archivo del sitio:",
    },
    "en": {
        "regime": "regime", "substance": "substance", "kind": "limit", "averaging": "averaging",
        "value": "exceeded if", "unit": "unit", "source": "source", "instant": "instant",
        "TWA": "average (TWA)", "STEL": "short term (STEL)", "CEILING": "ceiling", "MIN": "minimum", "MAX": "maximum",
        "IDLH": "immediate danger (IDLH)", "ACTION": "action level", "none": "no such limit",
        "signed": "confirmed by {name} on {day}", "from": "in force from {day}", "to": "until {day}",
        "quartz": "Q = % of {phase} in the respirable dust",
        "sign": "To confirm a value, the safety officer adds to the site file:",
    },
}  # fmt: skip
_Row = Limit | FormulaLimit


def limits(
    substance: Annotated[str, typer.Option(help="Only this one: co, CO, 'Carbon monoxide' …", show_default=False)] = "",
    regime: Annotated[list[str] | None, typer.Option(help="Only this regime; may be repeated.")] = None,
    site: Annotated[Path | None, typer.Option(help="A site file: its signatures and its own limits, too.")] = None,
    on: Annotated[str, typer.Option(help="As it stood on this day, YYYY-MM-DD.", show_default=False)] = "",
    quartz: Annotated[float | None, typer.Option(help="Share in the respirable dust [%], for MSHA's formula.")] = None,
    language: Annotated[str, typer.Option(help="es or en.")] = "es",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    show_open: Annotated[
        bool, typer.Option("--open", help="What the site's safety officer still has to confirm.")
    ] = False,
) -> None:
    """The limit tables with their sources."""
    if language not in _WORDS:
        raise ConfigError(f"--language: {language!r}; {expected_one_of(language, _WORDS)}")
    if quartz is not None and not 0.0 <= quartz <= 100.0:
        raise ConfigError(f"--quartz {quartz:g}: expected 0 to 100 %")
    known = (*regimes(), *((SITE_REGIME,) if site else ()))
    for name in regime or ():
        if name not in known:
            raise ConfigError(f"--regime: {name!r} is no regime; {expected_one_of(name, known)}")
    quantities = _quantities(substance) if substance else None
    rows = [
        row
        for row in _all(site, _day(on))
        if row.regime in (regime or known) and (quantities is None or _about(row) & quantities)
    ]
    if show_open:
        _show_open(rows, as_json=as_json, words=_WORDS[language])
    elif as_json:
        print(json.dumps([as_document(row, quartz) for row in rows], ensure_ascii=False))
    else:
        _print_table(rows, quartz, _WORDS[language])


def as_document(row: _Row, percent: float | None = None) -> dict[str, object]:
    """One limit as `limits --json` gives it; `substance` is the identifier of the quantity.

    A formula has the limit's text in `formula`, the quantity it bounds in `measured`, and a value once `percent` (of
    quartz or cristobalite in the respirable dust) is given.
    """
    document: dict[str, object] = {
        "regime": row.regime,
        "substance": row.quantity,
        "kind": row.kind,
        "averaging_minutes": row.averaging_minutes,
        "value": row.value if isinstance(row, Limit) else None,
        "unit": row.unit,
        "source": row.source,
        "confidence": row.confidence,
        "name": row.substance,
        "edition": row.edition,
    }
    if row.phase:
        document["phase"] = row.phase
    if isinstance(row, FormulaLimit):
        value = None if percent is None else row.at(percent)
        return document | {"value": value, "formula": row.text, "measured": row.measured}
    return document | {
        "table": row.table,
        "version": row.version,
        "comparison": row.comparison,
        "effective_from": _iso(row.effective_from),
        "effective_to": _iso(row.effective_to),
        "confirmed": row.confirmed,
        "confirmed_by": row.confirmed_by,
        "confirmed_on": _iso(row.confirmed_on),
    }


def _all(site: Path | None, on: date | None) -> list[_Row]:
    """Every limit, the formulas of a regime after its rows, the mine's own at the end."""
    if site is None:
        rows = all_limits(on)
    else:
        from bocamina.site_file import load_site
        from gateway.domain.site_limits import all_limits_for_site

        rows = all_limits_for_site(load_site(site), on)
    order = (*regimes(), SITE_REGIME)
    return sorted((*rows, *formulas()), key=lambda row: order.index(row.regime))


def _about(row: _Row) -> set[str]:
    return {row.quantity} if isinstance(row, Limit) else {row.quantity, row.measured}


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise ConfigError(f"--on: {text!r} is no date; expected YYYY-MM-DD") from None


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


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


def _show_open(rows: Sequence[_Row], *, as_json: bool, words: Mapping[str, str]) -> None:
    """What is still to be confirmed: the items of the limits reference 9, then every unconfirmed value."""
    listed = [row for row in rows if isinstance(row, Limit)]
    doubtful = [row for row in listed if not row.confirmed]
    if as_json:
        items = [dict(item) for item in open_items()]
        unconfirmed = [as_document(row) for row in doubtful]
        print(json.dumps({"items": items, "unconfirmed": unconfirmed}, ensure_ascii=False))
        return
    print(f"{len(doubtful)} of {len(listed)} limits are {UNCONFIRMED}.")
    for number, item in enumerate(open_items(), start=1):
        print(f"{number}. {item['es']}\n   {item['en']}")
    if doubtful:
        print()
        _print_table(doubtful, None, words)
        print(f"\n{words['sign']}\n{_signature(doubtful[0])}")


def _signature(limit: Limit) -> str:
    """The lines of a site file that confirm a limit."""
    phase = f'phase = "{limit.phase}"\n' if limit.phase else ""
    return (
        f'[[limits]]\nregime = "{limit.regime}"\nquantity = "{limit.quantity}"\n{phase}kind = "{limit.kind}"\n'
        f"averaging_minutes = {limit.averaging_minutes}\nvalue = {limit.value:g}  # {limit.unit}\n"
        'confirmed_by = "…"\nconfirmed_on = "AAAA-MM-DD"'
    )


def _print_table(rows: Sequence[_Row], percent: float | None, words: Mapping[str, str]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("regime", "substance", "kind", "averaging", "value", "unit", "source"):
        table.add_column(words[column], justify="right" if column == "value" else "left", overflow="fold")
    for row in rows:
        name = f"{row.quantity} ({row.phase})" if row.phase else row.quantity
        averaging = f"{row.averaging_minutes} min" if row.averaging_minutes else words["instant"]
        table.add_row(
            row.regime, name, words[row.kind], averaging, _bound(row, percent), row.unit, _source(row, words)
        )  # fmt: skip
    if not rows:
        print(words["none"])
        return
    console = Console(markup=False, highlight=False, emoji=False)
    if not console.is_terminal:  # a pipe has no width to keep: one limit stays one line
        console = Console(markup=False, highlight=False, emoji=False, width=1000)
    console.print(table)


def _bound(row: _Row, percent: float | None) -> str:
    """The value with its comparison: MSHA's "reaches" is ≥."""
    if isinstance(row, FormulaLimit):
        return f"> {row.text}" + ("" if percent is None else f" = {row.at(percent):.4g}")
    sign = {"exceeds": "<>", "reaches": "≤≥"}[row.comparison][row.kind != "MIN"]
    return f"{sign} {row.value:g}"


def _source(row: _Row, words: Mapping[str, str]) -> str:
    """Where a limit comes from, since when it binds, and who confirmed it or that nobody did."""
    if isinstance(row, FormulaLimit):
        return f"{words['quartz'].format(phase=row.phase)}; {row.source}"
    days = {"from": row.effective_from, "to": row.effective_to}
    source = "; ".join([row.source, *(words[key].format(day=day) for key, day in days.items() if day)])
    if row.signed:
        return f"{source} [{words['signed'].format(name=row.confirmed_by, day=row.confirmed_on)}]"
    return source if row.confirmed else f"{source} [{UNCONFIRMED}]"
