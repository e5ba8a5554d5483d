"""Long shifts: factors on the limit of the mean over the hours worked (limits reference 4.2).

They are one convention and the division of a shift's dose by eight hours (E8) is another; the two are never combined.
For TWA limits only; never for STEL, ceiling, IDLH, methane or oxygen.
"""

from typing import Final

from gateway.domain.errors import ConfigError
from gateway.domain.limit import Limit

_NEVER_SCALED: Final = frozenset(["ch4", "o2", "h2"])
QUEBEC_CATEGORIES: Final = ("I", "II", "III", "IV")
"""Of the IRSST's guide T-21: no adjustment; by the day; by the week; by the stricter of both (S43)."""


def is_scaled(limit: Limit) -> bool:
    """Whether a long shift lowers this limit: 8 h TWA limits of what acts by its dose."""
    return limit.kind == "TWA" and limit.averaging_minutes == 480 and limit.quantity not in _NEVER_SCALED


def reduction_factor(shift_hours: float, week_hours: float | None = None) -> float:
    """RF = min(1, (8/h)·(24−h)/16, (40/w)·(168−w)/128), Brief & Scala: what the limit is multiplied by.

    shift_hours: hours worked a day, more than 0 and at most 24. week_hours: hours a week, None leaves that part out.
    Source: limits reference 4.2 (S42); Brief, R. S. and Scala, R. A., Am. Ind. Hyg. Assoc. J. 36 (1975) 467-469.
    """
    _check(shift_hours, week_hours)
    factors = [1.0, 8.0 / shift_hours * (24.0 - shift_hours) / 16.0]
    if week_hours is not None:
        factors.append(40.0 / week_hours * (168.0 - week_hours) / 128.0)
    return min(factors)


def quebec_factor(category: str, shift_hours: float, week_hours: float | None = None) -> float:
    """The IRSST's factor, of QUEBEC_CATEGORIES: I none, II 8/h, III 40/w, IV the smaller of both; never above 1.

    For shifts of 4 to 16 h (8 h are not adjusted by the day). Unconfirmed: factors from memory, scope S43 (limits
    reference 4.2). Raises ConfigError for another category or shift, and for III and IV without the hours of a week.
    """
    if category not in QUEBEC_CATEGORIES:
        raise ConfigError(f"category {category!r}: expected one of {', '.join(QUEBEC_CATEGORIES)}")
    _check(shift_hours, week_hours)
    if not 4.0 <= shift_hours <= 16.0:
        raise ConfigError(f"shift hours {shift_hours:g}: the IRSST's guide expects 4 to 16")
    factors = [1.0]
    if category in ("II", "IV"):
        factors.append(8.0 / shift_hours)
    if category in ("III", "IV"):
        if week_hours is None:
            raise ConfigError(f"category {category}: the hours of a week are missing")
        factors.append(40.0 / week_hours)
    return min(factors)


def _check(shift_hours: float, week_hours: float | None) -> None:
    if not 0.0 < shift_hours <= 24.0:
        raise ConfigError(f"shift hours {shift_hours:g}: expected more than 0 and at most 24")
    if week_hours is not None and not 0.0 < week_hours <= 168.0:
        raise ConfigError(f"week hours {week_hours:g}: expected more than 0 and at most 168")
