"""When fumes may have thinned out: the earliest time to offer, never a permission (limits reference 7.2)."""

import math

from gateway.domain.errors import ConfigError


def dilution_time_min(
    volume_m3: float, flow_m3_min: float, start: float, target: float, *, mixing: float = 1.0
) -> float:
    """Time V / (Q·k) · ln(C0/C) [min] of a well-mixed heading; 0 where the air is already at the target.

    volume_m3: within the throwback × section. flow_m3_min: clean air that reaches the face. start, target: one unit.
    mixing: k, 1 perfect, 0.3 to 0.8 real headings [M]. Re-entry itself is decided by measurements and a named person.
    """
    if not (volume_m3 > 0.0 and flow_m3_min > 0.0 and start > 0.0 and target > 0.0):
        raise ConfigError("dilution: expected volume, flow and both concentrations above 0")
    if not 0.0 < mixing <= 1.0:
        raise ConfigError(f"mixing {mixing:g}: expected more than 0 and at most 1")
    return max(0.0, volume_m3 / (flow_m3_min * mixing) * math.log(start / target))
