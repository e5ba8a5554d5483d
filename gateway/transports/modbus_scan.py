"""Who is on an RS-485 line: every address is asked once a line setting, and who answers is tried with every map."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gateway.domain.errors import OperationFailed
from gateway.domain.measurement import Measurement
from gateway.domain.quality import Reason
from gateway.drivers.modbus_frame import READ_HOLDING, Answer, ReadRequest
from gateway.drivers.modbus_map import RegisterMap, readings
from gateway.transports.doorbell import Doorbell
from gateway.transports.modbus_wire import QUIET_S, ModbusWire, NoAnswerError
from gateway.transports.port import LOST, Line, reason_of


@dataclass(frozen=True, slots=True)
class Found:
    """A device. maps: those that read it, with what they read; if `is_identified` it names itself as the only one.

    is_garbled: something answered that nobody can read: two devices with this address, or another line setting.
    """

    unit: int
    line: Line
    maps: Mapping[str, tuple[Measurement, ...]]
    is_identified: bool = False
    is_garbled: bool = False


def longest_s(lines: Sequence[Line], units: Sequence[int], timeout_s: float) -> float:
    """How long a scan of an empty line takes [s]."""
    return len(lines) * len(units) * (timeout_s + QUIET_S)


def scan(
    port: str,
    lines: Sequence[Line],
    units: Sequence[int],
    maps: Mapping[str, RegisterMap],
    *,
    timeout_s: float,
    on_progress: Callable[[Line, int], None],
) -> Iterator[Found]:
    """The devices of a port, as they are found. Only reads. Raises OperationFailed when the port cannot be used."""
    bell = Doorbell()
    never = threading.Event()
    found: set[int] = set()
    try:
        for line in lines:
            wire = ModbusWire(port, line, bell, never.is_set)
            try:
                for unit in units:
                    on_progress(line, unit)
                    device = None if unit in found else _look(wire, line, unit, maps, timeout_s)
                    if device is None:
                        continue
                    if not device.is_garbled:  # what is garbled here may be plain at another setting
                        found.add(unit)
                    yield device
            finally:
                wire.close()
    except LOST as error:
        raise OperationFailed(f"serial port {port}: {reason_of(error)}") from error
    finally:
        bell.close()


def _look(
    wire: ModbusWire, line: Line, unit: int, maps: Mapping[str, RegisterMap], timeout_s: float
) -> Found | None:
    try:
        wire.ask(ReadRequest(unit, READ_HOLDING, 0, 1), timeout_s)  # an exception is an answer too
    except NoAnswerError as silence:
        return Found(unit, line, {}, is_garbled=True) if silence.kind == "checksum" else None
    fitting: dict[str, tuple[Measurement, ...]] = {}
    for name, device in sorted(maps.items(), key=lambda item: -item[1].read.count):  # the most particular first
        answer = _tried(wire, device.request(unit), max(timeout_s, device.timeout_s))
        if answer is None or answer.exception:
            continue
        values = readings(device, answer.words)
        identified = device.is_identified(answer.words)
        if identified:
            return Found(unit, line, {name: values}, is_identified=True)
        if identified is None and not any(value.reason is Reason.ABSURD for value in values):
            fitting[name] = values
    return Found(unit, line, fitting)


def _tried(wire: ModbusWire, request: ReadRequest, timeout_s: float) -> Answer | None:
    try:
        return wire.ask(request, timeout_s)
    except NoAnswerError:
        return None
