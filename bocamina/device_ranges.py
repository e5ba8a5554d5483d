"""What a device says of its own ranges, in the units of the sensors that read it."""

from gateway.conditioning.ranges import resolve_full_scale
from gateway.domain.site import SensorConfig, Site, Source
from gateway.drivers.modbus_catalogue import register_maps
from gateway.drivers.modbus_map import RegisterMap
from gateway.drivers.table import DRIVERS, DriverSpec
from gateway.formats.units import to_canonical


def full_scales(site: Site) -> list[float | None]:
    """End of range of each sensor [canonical unit of its quantity]: the site's key, else the device's, else the usual.

    The device's own stands in the unit of its channel, which need not be the one of the sensor's quantity: PM10 [ug/m3]
    that a site takes for inhalable dust [mg/m3].
    """
    sources = {source.id: source for source in site.sources}
    found = resolve_full_scale(site, {})
    for index, sensor in enumerate(site.sensors):
        own = _of_device(sensor, sources.get(sensor.source))
        if sensor.full_scale is None and own is not None:
            found[index] = own
    return found


def _of_device(sensor: SensorConfig, source: Source | None) -> float | None:
    spec: DriverSpec | RegisterMap | None = None
    if source is not None:
        spec = register_maps().get(source.map or "") if source.kind == "modbus" else DRIVERS.get(source.driver or "")
    if spec is None:
        return None
    name = sensor.channel if sensor.channel in spec.full_scale else sensor.quantity
    if name not in spec.full_scale:
        return None
    return to_canonical(sensor.quantity, spec.full_scale[name], spec.unit_of(name))
