"""The row of one person on record: what they breathed, never where they were."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from bocamina.documents import limit_document, number, rfc3339
from gateway.domain.quantities import unit_of
from gateway.exposure.person_figures import Judged
from gateway.exposure.person_worst import WorstOfShift
from gateway.exposure.shift_results import Method

LONGEST_WINDOW: Final = 15
"""Longer averaging times [min] are of the shift: they have a projection and a dose."""


class Standing(NamedTuple):
    """How the person stands when the row is written. elsewhere_h: hours of this working day in another place."""

    tag: str
    inside: bool
    shift: str
    late: bool
    elsewhere_h: float


def person_row(utc_us: int, who: Standing, judged: Mapping[str, Sequence[Judged]]) -> dict[str, Any]:
    """The figures as of a whole minute."""
    limits = [_limit(quantity, row) for quantity, rows in judged.items() for row in rows]
    return _row(utc_us, who, limits, over=False)


def shift_row(
    utc_us: int, who: Standing, judged: Mapping[str, Sequence[Judged]], worst: WorstOfShift, between: tuple[int, int]
) -> dict[str, Any]:
    """The last row of a shift [µs UTC], its result; limits of 10 and 15 minutes say also what its worst was."""
    limits = []
    for quantity, rows in judged.items():
        for row in rows:
            document = _limit(quantity, row)
            if (most := worst.of(who.tag, quantity, row)) is not None:
                document["shift_max"], document["shift_verdict"] = number(most.low), most.verdict
            limits.append(document)
    start, end = map(rfc3339, between)
    return _row(utc_us, who, limits, over=True) | {
        "start": start, "end": end, "corrected": False, "supersedes": None,
    }  # fmt: skip


def _row(utc_us: int, who: Standing, limits: list[dict[str, Any]], *, over: bool) -> dict[str, Any]:
    return {
        "person": who.tag, "inside": who.inside, "shift": who.shift, "shift_over": over, "late": who.late,
        "elsewhere_h": who.elsewhere_h, "result_method": Method.AREA_ESTIMATE.value, "time": rfc3339(utc_us),
        "limits": limits,
    }  # fmt: skip


def _limit(quantity: str, row: Judged) -> dict[str, Any]:
    figure = row.figure
    document = {"quantity": quantity, "unit": unit_of(quantity)} | limit_document(figure)
    if row.limit.averaging_minutes > LONGEST_WINDOW:
        document["projected"] = number(row.projected)
        document["dose_percent"] = number(100.0 * figure.low / figure.limit) if figure.method == "e8" else None
    if row.frequency is not None:
        document["episodes"], document["violations"] = row.frequency.episodes, list(row.frequency.violations)
    return document
