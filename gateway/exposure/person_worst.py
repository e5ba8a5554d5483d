"""The worst of a person's shift by every limit of 10 or 15 minutes: windows slide past, a shift's result stays."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from gateway.exposure.person_figures import SLIDING, Judged
from gateway.exposure.verdicts import SEVERITY

Identity = tuple[str, str, int, float, str]


class Worst(NamedTuple):
    """low: the highest lower bound of all windows [unit]. verdict: the worst of all, of the frequency rule too."""

    low: float
    verdict: str


NOTHING: Final = Worst(0.0, "compliant")


def identity(row: Judged) -> Identity:
    """What tells the rows of one quantity apart, also after a restart: regime, kind, minutes, limit, method."""
    limit, figure = row.limit, row.figure
    return limit.regime, figure.kind, limit.averaging_minutes, limit.value, figure.method


class WorstOfShift:
    """Of all persons, by tag."""

    def __init__(self) -> None:
        self._worst: dict[str, dict[tuple[str, Identity], Worst]] = {}

    def begin(self) -> None:
        """A shift begins."""
        self._worst.clear()

    def note(self, tag: str, quantity: str, rows: Iterable[Judged]) -> None:
        """The figures of a whole minute."""
        known = self._worst.setdefault(tag, {})
        for row in rows:
            if row.limit.averaging_minutes not in SLIDING:
                continue
            key = quantity, identity(row)
            before, now = known.get(key, NOTHING), row.figure
            verdict = now.verdict if SEVERITY[now.verdict] > SEVERITY[before.verdict] else before.verdict
            known[key] = Worst(max(before.low, now.low), verdict)

    def of(self, tag: str, quantity: str, row: Judged) -> Worst | None:
        """None for a limit of the whole shift, and where no minute of the shift was judged."""
        return self._worst.get(tag, {}).get((quantity, identity(row)))

    def dump(self) -> list[Any]:
        """Everything, as plain values for msgpack."""
        return [[tag, quantity, list(of), *worst]
                for tag, known in self._worst.items() for (quantity, of), worst in known.items()]  # fmt: skip

    def load(self, rows: Iterable[Any]) -> None:
        """Take up what `dump` gave."""
        for tag, quantity, of, low, verdict in rows:
            regime, kind, minutes, value, method = of
            self._worst.setdefault(tag, {})[quantity, (regime, kind, minutes, value, method)] = Worst(low, verdict)
