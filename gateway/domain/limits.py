"""A limit as data: what a rule book says, with its source. The tables are package data under `limits/`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """One row of the limit tables, value in the canonical unit of `quantity`.

    regime: identifier of the interface (`peru` …). table: the row set it came from (`PE_DS024_ANEXO15` …).
    kind: TWA STEL CEILING IDLH MIN MAX ACTION. averaging_minutes: 0 = instantaneous. confidence: V seen in its
    source, M from memory and shown as unconfirmed. phase: quartz or cristobalite for silica, else None.
    """

    regime: str
    table: str
    quantity: str
    substance: str
    kind: str
    averaging_minutes: int
    value: float
    unit: str
    source: str
    confidence: str
    phase: str | None = None
