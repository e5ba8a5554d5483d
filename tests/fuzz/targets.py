"""What is fuzzed: every driver, every format, Modbus, short messages, their modem and the line of a portable detector.

A target takes bytes and raises when broken.

Broken is: an exception that the port does not allow, items that depend on how the bytes were cut, bytes without an item
or in two, a buffer without a bound, a payload that takes its session along.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Final

from alerts.protocols.gas_line import read_gas_line
from bocamina.site_file import parse_site
from gateway.domain.errors import ConfigError, FormatError
from gateway.domain.measurement import Measurement, NamedValue
from gateway.domain.moment import SECOND_US
from gateway.domain.quality import Quality
from gateway.drivers.items import PRECEDENCE, Frame, Item, StreamDecoder
from gateway.drivers.modbus import ModbusDecoder
from gateway.drivers.modbus_catalogue import register_maps
from gateway.drivers.modem import Modem
from gateway.drivers.modem_events import PinTried
from gateway.drivers.table import DRIVERS
from gateway.formats import sms_pdu
from gateway.formats.session import Session
from gateway.formats.table import FORMATS
from tests.end_to_end.mine import site_text

Target = Callable[[bytes], None]

HELD_BYTES: Final = 1100
"""A node's longest frame and a little more: what any decoder may keep of a stream."""
NOW_S: Final = 1_780_000_000.0
SITE: Final = parse_site(site_text(1883).encode())
SEPARATOR: Final = b"\n--\n"
"""Between two messages of one session; the first line of each is its topic."""


def _held(decoder: StreamDecoder) -> int:
    inner = getattr(decoder, "_scanner", decoder)
    return len(inner._buffer)


def _run(decoder: StreamDecoder, chunks: Sequence[bytes]) -> list[Item]:
    items: list[Item] = []
    for chunk in chunks:
        items += decoder.feed(chunk)
        assert _held(decoder) <= HELD_BYTES, f"{_held(decoder)} bytes held"
    return items + decoder.finish()


def _checked(items: Sequence[Item], length: int) -> None:
    at = 0
    for item in items:
        assert item.offset >= at, "items overlap"
        assert item.length > 0
        at = item.offset + item.length
        if not isinstance(item, Frame):
            assert item.error in PRECEDENCE
            assert item.detail
            continue
        assert item.readings or item.info is not None, "a frame that says nothing"
        assert len(item.names) in (0, len(item.readings))
        for reading in item.readings:
            _check_reading(reading)
    assert at <= length


def _check_reading(reading: Measurement) -> None:
    assert reading.quantity
    assert bool(reading.reason) == (reading.quality is not Quality.GOOD), reading
    assert reading.value is not None or reading.quality is Quality.BAD, reading


def stream(make: Callable[[], StreamDecoder]) -> Target:
    """The first byte says how the rest is cut; one decoder takes it whole, one in pieces, and again after the end."""

    def target(data: bytes) -> None:
        size, data = 1 + (data[0] if data else 0) % 23, data[1:]
        whole = _run(make(), [data])
        _checked(whole, len(data))
        decoder = make()
        assert _run(decoder, [data[at : at + size] for at in range(0, len(data), size)]) == whole, "cuts matter"
        again = _run(decoder, [data])
        assert [item.length for item in again] == [item.length for item in whole], "it does not start anew"

    return target


def messages(name: str) -> Target:
    """A session of messages; a refused one leaves the session able to take the next."""

    def target(data: bytes) -> None:
        decode = FORMATS[name].session()
        for number, part in enumerate(data.split(SEPARATOR)):
            topic, _, payload = part.partition(b"\n")
            try:
                values = decode(topic.decode("utf-8", "replace"), payload, NOW_S + number)
            except FormatError:
                values = []
            for value in values:
                assert isinstance(value, NamedValue)
                assert value.name is not None
            if isinstance(decode, Session):
                aside = decode.aside()
                assert all(0 <= position < len(values) for position in aside.history)
                assert len(aside.publish) <= 2, "one message asks for a flood"

    return target


def modbus(data: bytes) -> None:
    """The first byte chooses the register map, the others are a stream."""
    maps = sorted(register_maps())
    device = register_maps()[maps[(data[0] if data else 0) % len(maps)]]
    stream(lambda: ModbusDecoder(device))(data[1:])


def short_message(data: bytes) -> None:
    """An even first byte: a unit of these bytes; an odd one: the text that a modem gave."""
    text = data[1:].decode("latin-1") if data[:1] and data[0] % 2 else data[1:].hex()
    for length in (None, max(0, len(data) - 9)):
        try:
            found = sms_pdu.decode(text, length)
        except FormatError:
            continue
        assert isinstance(found, sms_pdu.Deliver | sms_pdu.StatusReport)


def modem(data: bytes) -> None:
    """A modem that answers with these bytes, a piece and a second at a time, while a message is to be sent."""
    machine, now_us = Modem(pin="1234"), 0
    machine.opened(now_us)
    machine.send(now_us, "alarm-1", "+51987654321", "evacúe ya")
    pins = 0
    for piece in data.split(b"\xff"):
        now_us += SECOND_US
        output = machine.advance(now_us, piece)
        pins += sum(isinstance(event, PinTried) and event.accepted is None for event in output.events)
        assert len(machine._line._buffer) <= HELD_BYTES, "a line without an end"
    assert pins <= 1, "a third wrong PIN locks the card"


def gas_line(data: bytes) -> None:
    """What somebody typed: a reading, or sentences that say what is wrong with it."""
    try:
        found = read_gas_line(data.decode("utf-8", "replace"), SITE, date(2026, 11, 23))
    except ConfigError:
        return
    assert found.zone in {zone.id for zone in SITE.zones}
    assert found.gases
    assert all(math.isfinite(value) for value in found.gases.values())


TARGETS: Final[Mapping[str, Target]] = {
    **{name: stream(spec.decoder) for name, spec in DRIVERS.items()},
    **{name: messages(name) for name in FORMATS},
    "modbus": modbus,
    "sms-pdu": short_message,
    "sms-modem": modem,
    "gas-line": gas_line,
}
"""Driver, format or parser → its target."""
