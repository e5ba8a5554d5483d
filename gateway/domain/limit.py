"""One limit as a value: what a rule book says, with its source, its edition, and who confirmed it here."""

from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

SITE_REGIME: Final = "site"
"""The regime word of a limit of the mine's own: stricter than the law, signed by a person of the site file."""

KINDS: Final = ("TWA", "STEL", "CEILING", "IDLH", "MIN", "MAX", "ACTION")
COMPARISONS: Final = ("exceeds", "reaches")
"""Words of the rules (limits reference 0.2): "exceeds" is >, MSHA's "reaches" is ≥. MIN looks down: <, or ≤."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One row of the limit tables, value in the canonical unit of `quantity`.

    regime: identifier of the interface (`peru` …), or `site`. table: the row set it came from (`PE_DS024_ANEXO15` …).
    kind: of KINDS. averaging_minutes: 0 = instantaneous. confidence: V seen in its source, M from memory and shown as
    unconfirmed. phase: quartz or cristobalite for silica, else None. comparison: of COMPARISONS. edition: of the rule.
    version: of our row set. effective_from, effective_to: first and last day, None where the reference names none.
    confirmed_by, confirmed_on: the person who signed the row, None until somebody does.
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
    comparison: str = "exceeds"
    edition: str = ""
    version: str = ""
    effective_from: date | None = None
    effective_to: date | None = None
    confirmed_by: str | None = None
    confirmed_on: date | None = None

    @property
    def signed(self) -> bool:
        """A person of this mine signed it; such a limit always alarms (limits reference 6.7)."""
        return self.confirmed_by is not None

    @property
    def confirmed(self) -> bool:
        """Seen in its source or signed; what is neither is shown as unconfirmed until the site's HSE officer signs."""
        return self.confidence == "V" or self.signed

    @property
    def cited(self) -> str:
        """The source, and who confirmed the row and when."""
        return f"{self.source}; confirmed by {self.confirmed_by} on {self.confirmed_on}" if self.signed else self.source

    def in_force(self, on: date | None) -> bool:
        """Whether it binds on that day; None: whether it is of the newest edition."""
        if on is None:
            return self.effective_to is None
        return (self.effective_from or on) <= on <= (self.effective_to or on)


@dataclass(frozen=True, slots=True)
class FormulaLimit:
    """A limit that hangs on the sample: numerator / (Q + added) [unit] of the quantity `measured`.

    Q: share of the phase in the respirable sample [%]. quantity, substance, phase: what the rule is about.
    """

    regime: str
    quantity: str
    substance: str
    phase: str | None
    measured: str
    kind: str
    averaging_minutes: int
    numerator: float
    added: float
    unit: str
    source: str
    confidence: str
    edition: str

    @property
    def text(self) -> str:
        """The formula as people write it."""
        return f"{self.numerator:g} / (Q + {self.added:g})"

    def at(self, percent: float) -> float:
        """The limit of `measured` [unit] for a sample with this share [%]; ValueError outside 0 to 100."""
        if not 0.0 <= percent <= 100.0:
            raise ValueError(f"the share of {self.phase or self.substance} is {percent:g} %, expected 0 to 100")
        return self.numerator / (percent + self.added)


class Substance(NamedTuple):
    """Who is who in the tables. molar_mass: [g/mol], None for mixtures. Source: limits reference 1.1."""

    name: str
    quantity: str
    phase: str | None
    formula: str
    cas: str
    molar_mass: float | None
