"""A person's figures against limits: 10 and 15 minutes, the shift by both conventions, short exposures (4.2 to 4.5)."""

from collections.abc import Sequence
from statistics import median
from typing import Final, NamedTuple

from gateway.domain.figures import LimitFigure
from gateway.domain.limit import Limit
from gateway.domain.moment import SECOND_US
from gateway.domain.short_term import EpisodeRule
from gateway.exposure.episodes import Frequency
from gateway.exposure.excursions import excursion_of, stel_frequency_of
from gateway.exposure.extended_shift import is_scaled, reduction_factor
from gateway.exposure.person_dose import Taken, window_of
from gateway.exposure.place_air import COVERED, GAP
from gateway.exposure.verdicts import SEVERITY, judge_window, method_of

SLIDING: Final = frozenset({10, 15})
"""Averaging times [min] that slide with a person."""
OF_THE_SHIFT: Final = frozenset({480, 600})


class Asked(NamedTuple):
    """One row to judge a person by.

    bound: what the figure is compared with [unit]. episodes: how exposures above `level` [unit] may occur, None where
    the rule book says nothing of it.
    """

    limit: Limit
    method: str
    bound: float
    episodes: EpisodeRule | None = None
    level: float = 0.0


class Hours(NamedTuple):
    """Of the working day [h]. shift: of the site. elsewhere: in another place, before or after.

    week: for Brief & Scala's weekly factor, None leaves it out. remaining_s: of the shift.
    """

    shift: float
    week: float | None = None
    elsewhere: float = 0.0
    remaining_s: float = 0.0


class Judged(NamedTuple):
    """A limit's figure for a person. projected: the mean at the shift's end at the median level, None unknown."""

    limit: Limit
    figure: LimitFigure
    projected: float | None
    frequency: Frequency | None = None


def asked_of(limits: Sequence[Limit]) -> tuple[Asked, ...]:
    """What a person is judged by of all the limits of a quantity: what has an averaging time of a person's."""
    found = []
    for limit in limits:
        if limit.kind not in {"TWA", "STEL", "CEILING", "ACTION"}:
            continue
        if limit.averaging_minutes in SLIDING | OF_THE_SHIFT:
            frequency = stel_frequency_of(limit, limits)
            found.append(Asked(limit, method_of(limit), limit.value, *(frequency or ())))
        excursion = excursion_of(limit, limits)
        if excursion is not None and excursion.limit.averaging_minutes in SLIDING:
            found.append(
                Asked(excursion.limit, "excursion", excursion.bound, excursion.episodes, excursion.episode_level)
            )
    return tuple(dict.fromkeys(found))


def judge(
    taken: Taken, asked: Sequence[Asked], hours: Hours, *, late: bool, level: float, inside: bool
) -> list[Judged]:
    """The figures, as of the last whole minute; beside an E8 that of Brief & Scala where not exactly 8 h are worked.

    late: a tag event came late. level: of the air around them now [unit], NaN unknown. inside: who is outside takes
    nothing more. Coverage of the shift is of the time inside and elsewhere; the minutes count what lies outside as
    unexposed (limits reference 4.10).
    """
    found: list[Judged] = []
    for one in asked:
        if one.method in {"rolling", "excursion"}:
            found.append(_sliding(taken, one, hours, late=late))
        else:
            found += _of_the_shift(taken, one, hours, late=late, level=level, inside=inside)
    return found


def _sliding(taken: Taken, one: Asked, hours: Hours, *, late: bool) -> Judged:
    sums, length_s = taken.last_minutes(one.limit.averaging_minutes), one.limit.averaging_minutes * 60.0
    window = window_of(sums, length_s, length_s - sums[GAP] / SECOND_US, length_s, doubt=late)
    figure = judge_window(one.limit, one.method, window, taken.channel(sums), bound=one.bound)
    frequency = None
    if one.episodes is not None:
        tally = taken.tallies[one.level]
        frequency = tally.judge(one.episodes, doubtful=late or hours.elsewhere > 0.0)
        if SEVERITY[frequency.verdict] > SEVERITY[figure.verdict]:
            figure = figure._replace(verdict=frequency.verdict, reason="frequency")
    return Judged(one.limit, _timed(figure, None), None, frequency)


def _of_the_shift(
    taken: Taken, one: Asked, hours: Hours, *, late: bool, level: float, inside: bool
) -> list[Judged]:
    """E8 or NIOSH's 10 h, and Brief & Scala's row, which is never combined with either."""
    sums = taken.whole_shift
    worked_h = hours.shift + hours.elsewhere
    typical = median(taken.levels) if taken.levels else None
    ahead = typical if inside else 0.0
    ways = [(one.method, min(max(worked_h, 8.0), 10.0) if one.method == "niosh_10h" else 8.0, one.bound)]
    if one.method == "e8" and is_scaled(one.limit) and worked_h != 8.0:
        ways.append(("brief_scala", worked_h, one.bound * reduction_factor(worked_h, hours.week)))
    found = []
    for method, divisor_h, bound in ways:
        divisor_s = divisor_h * 3600.0
        window = window_of(
            sums, (sums[COVERED] + sums[GAP]) / SECOND_US, sums[COVERED] / SECOND_US, divisor_s, doubt=late
        )
        figure = judge_window(one.limit, method, window, taken.channel(sums), bound=bound)
        projected = None if ahead is None else max(0.0, (window.total + ahead * hours.remaining_s) / divisor_s)
        left_s = (bound * divisor_s - window.total) / level if level > 0.0 else None
        if left_s is not None and left_s > hours.remaining_s:
            left_s = None
        found.append(Judged(one.limit, _timed(figure, left_s), projected))
    return found


def _timed(figure: LimitFigure, left_s: float | None) -> LimitFigure:
    if figure.verdict == "exceeded":
        return figure._replace(time_to_limit_s=0.0)
    return figure._replace(time_to_limit_s=None if left_s is None or left_s < 0.0 else left_s)
