"""A sensor's shifts as Expostats reads results: one a line, `<` before a limit of detection."""

from collections.abc import Collection
from typing import Final

from gateway.domain.history import History, ShiftResult, every
from gateway.domain.quantities import QUANTITIES
from gateway.exposure.verdicts import ENOUGH_COVERAGE

DETECTS: Final = 3.0
"""A mean below this many resolutions of the channel is below detection: such a limit is not resolved either (6.7)."""


def shift_lines(
    history: History, sensors: Collection[str], start_us: int | None, end_us: int | None
) -> tuple[list[str], list[str]]:
    """The mean of every shift [canonical unit], and a sentence for each that is left out.

    What a sensor at a place measured describes the place (`area_estimate`), never a person.
    """
    lines, left_out = [], ["area_estimate: these results describe a place, not what a person breathed"]
    for one in every(lambda cursor: history.shift_results(sensors, start_us, end_us, 1000, cursor)):
        mean, coverage = one.document.get("mean"), one.document.get("coverage") or 0.0
        if mean is None or coverage < ENOUGH_COVERAGE:
            left_out.append(f"shift {one.shift}: left out, {coverage:.0%} of it measured; expected at least 75 %")
            continue
        lines.append(_line(one, mean))
    return lines, left_out


def _line(one: ShiftResult, mean: float) -> str:
    info = QUANTITIES.get(str(one.document.get("quantity")))
    detected = DETECTS * info.resolution if info is not None else 0.0
    return f"<{detected!r}" if mean < detected else repr(mean)
