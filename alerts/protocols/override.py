"""A person's order to a fan: what it must say, and when it is refused (interfaces, Commands, precedence 2 and 4)."""

from collections.abc import Collection
from typing import Final, NamedTuple

from alerts.model import MAY_COMMAND
from alerts.protocols.interlock import LEVEL, MethaneInterlock
from alerts.rulebook import figure
from gateway.domain.errors import Refused
from gateway.domain.events import Request
from gateway.domain.moment import SECOND_US
from gateway.domain.site import Actuator

MAX_MIN: Final = figure("airflow", "override_max_min")


class Order(NamedTuple):
    """What a person wants of a fan: setpoint [%] for so long [µs]; setpoint None gives it back to the machine."""

    setpoint: float | None
    for_us: int = 0


def read_order(request: Request) -> Order:
    """The order in a `request/ventilation`: {"setpoint": 0–100, "minutes": n} or {"release": true}; raises Refused."""
    if request.role not in MAY_COMMAND or not request.by:
        raise Refused(f"ventilation: {request.role or 'a nameless person'} may not order a fan")
    if request.args.get("release") is True:
        return Order(None)
    setpoint, minutes = request.args.get("setpoint"), request.args.get("minutes")
    if isinstance(setpoint, bool) or not isinstance(setpoint, int | float) or not 0 <= setpoint <= 100:
        raise Refused(f"ventilation: setpoint {setpoint!r} is no percentage; expected 0 to 100")
    if isinstance(minutes, bool) or not isinstance(minutes, int | float) or not 0 < minutes <= MAX_MIN:
        raise Refused(f"ventilation: minutes {minutes!r}: an order to a fan must end within {MAX_MIN:g} minutes")
    return Order(float(setpoint), round(minutes * 60 * SECOND_US))


def check_order(
    fan: Actuator,
    setpoint: float,
    interlock: MethaneInterlock,
    not_empty: Collection[str],
    stopped_by_itself: bool,
    reach: Collection[str],
) -> None:
    """Raises Refused with the one reason why a person may not order this now.

    not_empty: zones that are not verified empty. reach: the fan's zones and what lies downstream of them.
    """
    where = ", ".join(fan.zones)
    methane = interlock.state(fan.zones)
    if methane == "measured":
        raise Refused(f"ventilation: methane at or above {LEVEL:g} % in {where}: nobody switches {fan.id}")
    if methane == "not_watched" and setpoint > 0 and not interlock.portable_allows(fan.zones):
        raise Refused(f"ventilation: methane is not watched in {where}; a portable below {LEVEL:g} % comes first")
    inside = [zone for zone in fan.zones if zone in not_empty]
    if setpoint == 0 and inside:  # Art. 251: who stops the air withdraws the people first
        raise Refused(f"ventilation: {', '.join(inside)} is not verified empty; withdraw and count before stopping air")
    if stopped_by_itself and setpoint > 0 and (inside := sorted(set(reach) & set(not_empty))):
        raise Refused(f"ventilation: {fan.id} stopped by itself; first {', '.join(inside)} must be verified empty")
