"""What must fit between the Modbus sources of a site file: maps, addresses and the settings of the bus they share."""

from collections.abc import Iterator, Sequence

from gateway.domain.names import expected_one_of
from gateway.domain.quantities import QUANTITIES
from gateway.domain.site import SensorConfig, Source
from gateway.drivers.modbus_catalogue import register_maps
from gateway.drivers.modbus_frame import UNITS
from gateway.drivers.modbus_map import RegisterMap
from gateway.formats.units import CONVERSIONS
from gateway.transports.port import Line

FIRST_ADDRESS = 1
"""As most devices are delivered."""


def bus_line(source: Source, device: RegisterMap) -> Line:
    """Settings of the bus that a source needs: the site file's, else the map's."""
    return Line(source.baud or device.baud, source.parity or device.parity, device.stop_bits)


def address_of(source: Source) -> int:
    """The device's address on its bus."""
    return source.address or FIRST_ADDRESS


def modbus_problems(
    sources: Sequence[tuple[int, Source]], sensors: Sequence[tuple[int, SensorConfig]]
) -> Iterator[str]:
    """Every problem, one sentence each; sources and sensors with their index."""
    maps = register_maps()
    serial = {source.port: index for index, source in sources if source.kind == "serial"}
    known: dict[str, RegisterMap] = {}
    units: dict[tuple[str, int], int] = {}
    lines: dict[str, tuple[int, Line]] = {}
    for index, source in sources:
        path = f"sources[{index}]"
        if source.kind != "modbus" or not source.map or not source.port:
            continue
        if source.map not in maps:
            yield f"{path}.map: {source.map!r} is no register map; {expected_one_of(source.map, maps, most=len(maps))}"
            continue
        device, unit = maps[source.map], address_of(source)
        known[source.id] = device
        if source.port in serial:
            yield f"{path}.port: {source.port!r} is already read by sources[{serial[source.port]}]; expected another"
        if unit not in UNITS:
            yield f"{path}.address: {unit} is reserved; expected 1 to 247"
        first = units.setdefault((source.port, unit), index)
        if first != index:
            yield f"{path}.address: {unit} is already the address of sources[{first}] on this port; expected another"
        if not 0 <= device.read.address + (source.offset or 0) <= 0x10000 - device.read.count:
            yield f"{path}.offset: {source.offset} leads out of the registers; expected them to stay in 0 to 65535"
        line = bus_line(source, device)
        first, theirs = lines.setdefault(source.port, (index, line))
        if line != theirs:
            yield (
                f"{path}: runs at {_words(line)}, sources[{first}] on the same port at {_words(theirs)}; "
                "expected one setting (baud, parity) for the whole bus"
            )
    for index, sensor in sensors:
        found = known.get(sensor.source)
        if found is not None:
            yield from _channel(f"sensors[{index}].channel", sensor, found)


def _words(line: Line) -> str:
    return f"{line.baud} 8{line.parity}{line.stop_bits}"


def _channel(path: str, sensor: SensorConfig, device: RegisterMap) -> Iterator[str]:
    unit = device.unit_of(sensor.channel)
    if sensor.channel not in device.channels:
        expected = expected_one_of(sensor.channel, device.channels)
        yield f"{path}: {sensor.channel!r} is not in map {device.name!r}; {expected}"
    elif unit is not None and sensor.quantity in QUANTITIES and (sensor.quantity, unit) not in CONVERSIONS:
        yield (
            f"{path}: {sensor.channel!r} comes in {unit}, which does not make {sensor.quantity!r} in "
            f"{QUANTITIES[sensor.quantity].unit}; expected a channel that measures it"
        )
