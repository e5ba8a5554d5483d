"""`bocamina decode` turns a serial device's bytes into measurements."""

import json
import re
from collections.abc import Iterator
from functools import partial
from typing import Annotated, Any, BinaryIO, Final

import msgspec
import typer

from bocamina.input_stream import opened
from gateway.domain.errors import ConfigError
from gateway.domain.measurement import Measurement
from gateway.domain.names import DRIVER_NAMES, expected_one_of
from gateway.drivers.items import Frame, Item
from gateway.drivers.table import DRIVERS, DriverSpec

CHUNK: Final = 65536
MODBUS: Final = "modbus"
_SPACE: Final = b" \t\r\n\v\f"
_NOT_HEX: Final = re.compile(rb"[^0-9A-Fa-f]")


def decode(
    driver: Annotated[str, typer.Argument(help="Name of the driver.", show_default=False)],
    file: Annotated[str, typer.Argument(help="File to read; '-' is standard input.", metavar="[FILE]")] = "-",
    as_hex: Annotated[bool, typer.Option("--hex", help="The input is hexadecimal; white space is ignored.")] = False,
    lines: Annotated[
        bool, typer.Option("--lines", help="Every line (hexadecimal, or a JSON string of text) is a stream of its own.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object an item.")] = False,
    register_map: Annotated[
        str, typer.Option("--map", metavar="NAME", help="The device's register map, for the driver 'modbus'.")
    ] = "",
    request: Annotated[
        str, typer.Option(metavar="HEX", help="The host's request, where a reply cannot be judged alone.")
    ] = "",
) -> int:
    """Bytes to measurements. Status 0 if at least one frame was valid, else 1."""
    spec = _driver(driver, register_map)
    asked = bytes.fromhex(_digits(request.encode(), "--request", even=True).decode())
    valid = False
    with opened(file) as stream:
        where = "standard input" if file == "-" else file
        items = _each_line(spec, asked, stream, where) if lines else _whole(spec, asked, stream, where, as_hex=as_hex)
        for line, item in items:
            valid = valid or isinstance(item, Frame)
            if as_json:
                print(msgspec.json.encode(as_document(item, line)).decode())
            else:
                _print_rows(item, line)
    return 0 if valid else 1


def as_document(item: Item, line: int | None = None) -> dict[str, Any]:
    """One item as `decode --json` gives it."""
    document: dict[str, Any] = {} if line is None else {"line": line}
    document |= {"offset": item.offset, "length": item.length}
    if not isinstance(item, Frame):
        return document | {"error": item.error, "detail": item.detail}
    if item.node is not None:
        document |= {"node": item.node, "boot": item.boot, "seq": item.seq}
    if item.readings:
        none = (None,) * len(item.readings)
        document["readings"] = [
            _reading(reading, name, time)
            for reading, name, time in zip(item.readings, item.names or none, item.times or none, strict=True)
        ]
    if item.info is not None:
        document["info"] = item.info
    return document


def _reading(reading: Measurement, name: str | None, time: float | None) -> dict[str, Any]:
    document: dict[str, Any] = {"quantity": reading.quantity}
    if reading.value is not None:
        document["value"] = reading.value
    document |= {"unit": reading.unit, "quality": reading.quality.word}
    if reading.reason:
        document["reason"] = reading.reason.word
    if name is not None:
        document["name"] = name
    if time is not None:
        document["time"] = time
    return document


def _print_rows(item: Item, line: int | None) -> None:
    place = f"{'' if line is None else f'{line}:'}{item.offset:>8} +{item.length:<5}"
    if not isinstance(item, Frame):
        print(f"{place} {item.error:<14} {item.detail}")
        return
    if item.info is not None:
        print(f"{place} {'info':<14} " + ", ".join(f"{key} {value}" for key, value in item.info.items()))
    names = item.names or tuple(reading.quantity for reading in item.readings)
    for reading, name in zip(item.readings, names, strict=True):
        value = "–" if reading.value is None else f"{reading.value:.6g}"
        reason = f" ({reading.reason.word})" if reading.reason else ""
        print(f"{place} {name:<14} {value:>10} {reading.unit or '':<6} {reading.quality.word}{reason}")


def _driver(name: str, register_map: str) -> DriverSpec:
    if name == MODBUS:
        return _modbus(register_map)
    if register_map:
        raise ConfigError(f"--map {register_map}: not for driver {name!r}; expected only with {MODBUS!r}")
    if name in DRIVERS:
        return DRIVERS[name]
    if name in DRIVER_NAMES:
        raise ConfigError(f"driver {name!r} is not in this version yet; it has {', '.join(DRIVERS)}")
    raise ConfigError(f"{name!r} is no driver; {expected_one_of(name, DRIVER_NAMES, most=len(DRIVER_NAMES))}")


def _modbus(name: str) -> DriverSpec:
    from gateway.drivers.modbus import ModbusDecoder
    from gateway.drivers.modbus_catalogue import register_map, register_maps

    if not name:
        raise ConfigError(f"driver {MODBUS!r} needs --map NAME; expected one of {', '.join(register_maps())}")
    device = register_map(name)
    return DriverSpec(MODBUS, partial(ModbusDecoder, device), device.baud, device.period_s)


def _whole(
    spec: DriverSpec, request: bytes, stream: BinaryIO, where: str, *, as_hex: bool
) -> Iterator[tuple[None, Item]]:
    decoder = spec.decoder(request)
    for data in _from_hex(stream, where) if as_hex else _chunks(stream):
        for item in decoder.feed(data):
            yield None, item
    for item in decoder.finish():
        yield None, item


def _each_line(spec: DriverSpec, request: bytes, stream: BinaryIO, where: str) -> Iterator[tuple[int, Item]]:
    for number, text in enumerate(stream):
        data = _line(text, f"{where}: line {number + 1}", spoken=spec.text)
        decoder = spec.decoder(request)
        for item in (*decoder.feed(data), *decoder.finish()):
            yield number, item


def _line(text: bytes, where: str, *, spoken: bool) -> bytes:
    """The bytes of one line: hexadecimal, or a JSON string where the device speaks text, a byte a character."""
    if not (spoken and text.lstrip().startswith(b'"')):
        return bytes.fromhex(_digits(text, where, even=True).decode())
    try:
        said: str = json.loads(text, strict=False)
    except ValueError as error:
        raise ConfigError(f"{where}: no JSON string ({error}), expected one line in quotation marks") from None
    try:
        return said.encode("latin-1")
    except UnicodeEncodeError:  # characters that no single byte has
        return said.encode("utf-8", "surrogatepass")


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    read = getattr(stream, "read1", stream.read)  # a live pipe hands out what it has
    while data := read(CHUNK):
        yield data


def _from_hex(stream: BinaryIO, where: str) -> Iterator[bytes]:
    left = b""
    for data in _chunks(stream):
        digits = left + _digits(data, where, even=False)
        even = len(digits) & ~1
        left = digits[even:]
        yield bytes.fromhex(digits[:even].decode())
    if left:
        raise ConfigError(f"{where}: an odd number of hexadecimal digits, expected two a byte")


def _digits(text: bytes, where: str, *, even: bool) -> bytes:
    digits = text.translate(None, _SPACE)
    wrong = _NOT_HEX.search(digits)
    if wrong:
        raise ConfigError(f"{where}: {wrong[0].decode('latin-1')!r} is no hexadecimal digit, expected 0-9 and a-f")
    if even and len(digits) % 2:
        raise ConfigError(f"{where}: an odd number of hexadecimal digits, expected two a byte")
    return digits


