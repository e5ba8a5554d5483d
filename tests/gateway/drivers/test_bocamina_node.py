"""Frames of our own nodes (sensor protocols, section 10)."""

import math

import cbor2
from cobs import cobs
from fastcrc import crc16

from gateway.domain.quality import Quality, Reason
from gateway.drivers.items import Frame, Item, Rejected
from gateway.drivers.table import DRIVERS


def wrap(payload: bytes) -> bytes:
    return cobs.encode(payload + crc16.ibm_3740(payload).to_bytes(2, "big")) + b"\x00"


def read(*payloads: bytes) -> list[Item]:
    decoder = DRIVERS["bocamina-node"].decoder()
    return decoder.feed(b"".join(wrap(payload) for payload in payloads)) + decoder.finish()


def test_the_crc_is_the_one_that_we_name() -> None:
    assert crc16.ibm_3740(b"123456789") == 0x29B1


def test_a_frame_by_hand() -> None:
    # [{n: "co", v: 1}] = 81 A2 00 62 63 6F 02 01; the only zero is the label of n
    payload = bytes.fromhex("81a20062636f0201")
    crc = crc16.ibm_3740(payload)
    data = bytes.fromhex("0381a2") + bytes([8]) + payload[3:] + crc.to_bytes(2, "big") + b"\x00"
    (item,) = DRIVERS["bocamina-node"].decoder().feed(data)
    assert isinstance(item, Frame)
    assert [(r.quantity, r.value, r.unit) for r in item.readings] == [("co", 1.0, "ppm")]
    assert (item.node, item.names, item.times) == (None, ("co",), (None,))


def test_a_pack_of_a_node_with_its_counters() -> None:
    pack = [
        {-2: "node7/", -3: -3, 0: "co", 1: "ppm", 2: 12.5},
        {0: "o2", 1: "/100", 2: 20.9, 6: 1},
        {0: "temperature", 1: "Cel", 2: 21},
        {0: "Cell-mV", 1: "mV", 2: 812},
        {0: "firmware", 3: "1.4.0"},
        {0: "boot", 2: 3},
        {0: "seq", 2: 77},
    ]
    (item,) = read(cbor2.dumps(pack))
    assert isinstance(item, Frame)
    assert (item.node, item.boot, item.seq) == ("node7", 3, 77)
    assert item.names == ("node7/co", "node7/o2", "node7/temperature", "node7/Cell-mV")
    assert [(r.quantity, r.value, r.unit) for r in item.readings] == [
        ("co", 12.5, "ppm"), ("o2", 20.9, "%vol"), ("temperature", 21.0, "degC"), ("cell_mv", 812.0, "mV"),
    ]  # fmt: skip
    assert item.times == (-3.0, -2.0, -3.0, -3.0)
    assert item.info == {"node7/firmware": "1.4.0"}


def test_counters_alone_are_no_measurement() -> None:
    (item,) = read(cbor2.dumps([{-2: "n.", 0: "boot", 2: 1}, {0: "seq", 2: 2}]))
    assert isinstance(item, Frame)
    assert (item.node, item.boot, item.seq, item.readings, item.info) == ("n", 1, 2, (), {})


def test_no_value_is_bad_and_never_zero() -> None:
    pack = [
        {-2: "n/", 0: "co", 1: "ppm", 2: math.nan},
        {0: "no2", 1: "ppm", 2: math.inf},
        {0: "o2", 1: "furlong", 2: 20.9},
        {0: "h2s", 1: "ppm", 5: 9},
    ]
    (item,) = read(cbor2.dumps(pack))
    assert isinstance(item, Frame)
    assert [(r.quantity, r.value, r.quality, r.reason) for r in item.readings] == [
        (name, None, Quality.BAD, Reason.FAULT) for name in ("co", "no2", "o2", "h2s")
    ]


def test_half_floats_of_small_nodes() -> None:
    (item,) = read(bytes.fromhex("81a2006463682f7802f94a40"))
    assert isinstance(item, Frame)
    assert item.readings[0].value == 12.5


def test_whole_frames_that_are_no_pack_are_unsupported() -> None:
    good = cbor2.dumps([{0: "n/co", 2: 1}])
    deep = b"\x81" * 200 + b"\x01"
    for payload in (b"\x01", good + b"\x00", deep, b"\xc1\x00", cbor2.dumps({0: "n/co"}), b"\x81\xa1\x00\x64abc"):
        (item,) = read(payload)
        assert isinstance(item, Rejected)
        assert item.error == "unsupported"


def test_a_reader_that_joins_late_is_in_step_after_one_delimiter() -> None:
    frame = wrap(cbor2.dumps([{0: "n/co", 2: 1}]))
    for cut in range(1, len(frame)):
        items = DRIVERS["bocamina-node"].decoder().feed(frame[cut:] + frame)
        assert isinstance(items[-1], Frame)
        assert items[-1].offset == len(frame) - cut
