"""Long shifts: Brief & Scala's factor, never combined with a division by eight hours (limits reference 4.2)."""

from gateway.domain.errors import ConfigError


def reduction_factor(shift_hours: float, week_hours: float | None = None) -> float:
    """RF = min(1, (8/h)·(24−h)/16, (40/w)·(168−w)/128): what the limit on the mean over the shift is multiplied by.

    shift_hours: hours worked a day, more than 0 and at most 24. week_hours: hours a week, None leaves that part out.
    For TWA limits only; never for STEL, ceiling, IDLH, methane or oxygen. Source: limits reference 4.2 (S42).
    """
    if not 0.0 < shift_hours <= 24.0:
        raise ConfigError(f"shift hours {shift_hours:g}: expected more than 0 and at most 24")
    factors = [1.0, 8.0 / shift_hours * (24.0 - shift_hours) / 16.0]
    if week_hours is not None:
        if not 0.0 < week_hours <= 168.0:
            raise ConfigError(f"week hours {week_hours:g}: expected more than 0 and at most 168")
        factors.append(40.0 / week_hours * (168.0 - week_hours) / 128.0)
    return min(factors)
