"""When no blast is armed: somebody may be inside, methane, or nobody knows (limits reference 7.2.1, armed)."""

from collections.abc import Sequence

from alerts.occupancy import Occupancy
from alerts.protocols.air import FiguresOf, reading, sensors_in
from alerts.protocols.interlock import LEVEL
from alerts.protocols.portable import PortableReadings
from gateway.domain.errors import Refused
from gateway.domain.moment import Moment
from gateway.domain.site import Site


def refuse_arming(
    moment: Moment, site: Site, influence: Sequence[str], occupancy: Occupancy, figures_of: FiguresOf,
    portable: PortableReadings,
) -> None:  # fmt: skip
    """Raise Refused with one sentence while these zones are not ready for a shot."""
    if inside := [zone for zone in influence if occupancy.may_hold_people(zone, moment)]:
        raise Refused(f"blast: {', '.join(inside)} is not verified empty; count first")
    for i in sensors_in(site, influence, ["ch4"]):
        sensor, now = site.sensors[i], reading(site.sensors[i], figures_of(i), moment.now_us)
        by_portable = portable.latest(sensor.zone, "ch4", moment)
        if (now.usable and now.value >= LEVEL) or (by_portable or 0.0) >= LEVEL:
            raise Refused(f"blast: methane at or above {LEVEL:g} % in {sensor.zone}; no shot is fired")
        if not now.good and by_portable is None:
            raise Refused(f"blast: methane is not known in {sensor.zone}; a portable reading comes first")
