"""What every stream decoder promises, whatever the device."""

from functools import reduce
from operator import xor
from pathlib import Path

import cbor2
import pytest
from cobs import cobs
from fastcrc import crc16
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.names import DRIVER_NAMES
from gateway.domain.quality import Quality
from gateway.drivers.items import PRECEDENCE, Frame, Item, Rejected
from gateway.drivers.table import DRIVERS


def plantower(words: list[int]) -> bytes:
    body = b"BM" + b"".join(word.to_bytes(2, "big") for word in [2 * len(words) + 2, *words])
    return body + sum(body).to_bytes(2, "big")


def winsen(*seven: int) -> bytes:
    return bytes([0xFF, *seven, -sum(seven) & 0xFF])


def cubic(*body: int) -> bytes:
    return bytes([*body, -sum(body) & 0xFF])


def hpma(*body: int) -> bytes:
    return bytes([*body, -sum(body) & 0xFF])


def nova(kind: int, six: list[int]) -> bytes:
    return bytes([0xAA, kind, *six, sum(six) & 0xFF, 0xAB])


def shdlc(*body: int) -> bytes:
    stuffed = b"".join(
        bytes([0x7D, byte ^ 0x20]) if byte in (0x7E, 0x7D, 0x11, 0x13) else bytes([byte])
        for byte in [*body, ~sum(body) & 0xFF]
    )
    return b"\x7e" + stuffed + b"\x7e"


def nmea(text: str) -> bytes:
    return f"${text}*{reduce(xor, text.encode(), 0):02X}\r\n".encode()


def gill(text: str) -> bytes:
    return f"\x02{text}\x03{reduce(xor, text.encode(), 0):02X}\r\n".encode()


FILL = {"bocamina-node": b"\x00", "sensirion-sps30": b"\x7e"}
"""Delimiters with nothing between them belong to no item."""


def node(pack: object) -> bytes:
    payload = cbor2.dumps(pack)
    return cobs.encode(payload + crc16.ibm_3740(payload).to_bytes(2, "big")) + b"\x00"


word = st.integers(0, 0xFFFF)
octet = st.integers(0, 255)
calm = st.integers(0x20, 0x3F)
"""Bytes with which no frame begins: a cut frame that holds a whole false one is rightly called `checksum`."""
VALID: dict[str, st.SearchStrategy[bytes]] = {
    "plantower-pms": st.one_of(
        st.lists(word, min_size=13, max_size=13).map(plantower), st.just(plantower([0xE101]))
    ),
    "plantower-pms5003st": st.lists(word, min_size=17, max_size=17).map(plantower),
    "winsen-ze03": st.tuples(st.just(4), st.just(3), st.integers(0, 2), octet, octet, octet, octet).map(
        lambda seven: winsen(*seven)
    ),
    "winsen-ze15-co": st.tuples(st.just(0x86), octet, octet, octet, octet, octet, octet).map(
        lambda seven: winsen(*seven)
    ),
    "winsen-mhz19": st.tuples(st.just(0x86), octet, octet, octet, octet, octet, octet).map(
        lambda seven: winsen(*seven)
    ),
    "winsen-zh03": st.one_of(
        st.lists(calm, min_size=9, max_size=9).map(lambda words: plantower([word * 257 for word in words])),
        st.lists(calm, min_size=6, max_size=6).map(lambda six: winsen(0x86, *six)),
    ),
    "winsen-zphs01b": st.lists(calm, min_size=23, max_size=23).map(lambda data: winsen(0x86, *data)),
    "cubic-cm1106": st.lists(calm, min_size=4, max_size=4).map(lambda data: cubic(0x16, 5, 1, *data)),
    "honeywell-hpma115s0": st.one_of(
        st.lists(calm, min_size=4, max_size=4).map(lambda four: hpma(0x40, 5, 4, *four)),
        st.lists(calm, min_size=13, max_size=13).map(lambda words: plantower([word * 257 for word in words])),
        st.just(b"\xa5\xa5"),
    ),
    "honeywell-hpma115c0": st.lists(calm, min_size=12, max_size=12).map(lambda data: hpma(0x40, 13, 4, *data)),
    "nova-sds011": st.lists(octet, min_size=6, max_size=6).map(lambda six: nova(0xC0, six)),
    "nova-sds198": st.lists(octet, min_size=6, max_size=6).map(lambda six: nova(0xCF, six)),
    "sensirion-sps30": st.one_of(
        st.lists(octet, min_size=40, max_size=40).map(lambda data: shdlc(0, 3, 0, 40, *data)),
        st.lists(octet, min_size=20, max_size=20).map(lambda data: shdlc(0, 3, 0x80, 20, *data)),
        st.just(shdlc(0, 3, 0, 0)),
    ),
    "tera-nextpm": st.lists(calm, min_size=12, max_size=12).map(lambda data: hpma(0x81, 0x11, 0, *data)),
    "nmea0183": st.one_of(
        st.builds(lambda a, s: nmea(f"WIMWV,{a:05.1f},R,{s:.2f},M,A"), st.floats(0, 359), st.floats(0, 60)),
        st.sampled_from([nmea("WIMWV,,R,,M,V"), nmea("WIXDR,C,21.5,C,,H,80,P,0"), nmea("WITXT,01,01,01,x")]),
        st.just(b"\\s:1*78\\" + nmea("WIMTA,21.5,C")),
    ),
    "gill-windsonic": st.one_of(
        st.builds(lambda a, s: gill(f"Q,{a:03d},{s:06.2f},M,00,"), st.integers(0, 359), st.floats(0, 60)),
        st.sampled_from([gill("Q,,000.02,M,60,"), gill("A,001.59,0,M,00,"), gill("Q,,,M,04,")]),
    ),
    "vaisala-wxt": st.one_of(
        st.builds(lambda a, s: f"0R1,Dm={a:03d}D,Sm={s:.1f}M\r\n".encode(), st.integers(0, 359), st.floats(0, 60)),
        st.sampled_from([b"0r1,Dm=002D,Sm=1.0MHAt\r\n", b"0TX,Start-up\r\n", b"0R2,Ta=21.5C,Ua=80.1P,Pa=720.4H\r\n"]),
    ),
    "bocamina-node": st.floats(0, 500, width=32).map(lambda v: node([{-2: "node7/", 0: "co", 1: "ppm", 2: v}])),
}


NOISE = [b"\xff", b"\x42", b"\x01", b"BM\x00\x1c", b"BM\xff\xff", b"$", b"\\", b"\x02Q,", b"0R1,D"]


def spoil(frame: bytes, at: int, value: int) -> bytes:
    at %= len(frame)
    return frame[:at] + bytes([value]) + frame[at + 1 :]


def streams(driver: str) -> st.SearchStrategy[bytes]:
    valid = VALID[driver]
    part = st.one_of(
        valid,
        valid,
        st.binary(max_size=12),
        st.builds(spoil, valid, st.integers(0, 100), octet),
        st.builds(lambda frame, n: frame[: n % len(frame)], valid, st.integers(0, 100)),
        st.sampled_from([b"\x7e", b"\x7e\x7e", b"\x7d", b"\xa5", b"\x40\x05", b"\xaa\xc0", b"\x81\x11"]),
        st.sampled_from([b"$", b"\\", b"\x02", b"\r", b"\r\n", b"$WIMWV,1", b"0R1,", b"0R", b"*", b"\x0316"]),
        st.sampled_from([b"BM", b"BM\x00", b"BM\x00\x1c", b"BM\x00\x14", b"\xff", b"\xff\x86", b"\x00", b"BMBM"]),
    )
    return st.lists(part, max_size=8).map(b"".join)


def whole(driver: str, data: bytes) -> list[Item]:
    decoder = DRIVERS[driver].decoder()
    return [*decoder.feed(data), *decoder.finish()]


@pytest.mark.parametrize("driver", VALID)
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_items_do_not_depend_on_where_reads_end(driver: str, data: st.DataObject) -> None:
    stream = data.draw(streams(driver))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    decoder = DRIVERS[driver].decoder()
    items: list[Item] = []
    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        items += decoder.feed(stream[begin:end])
    items += decoder.finish()
    assert items == whole(driver, stream)
    byte_by_byte = DRIVERS[driver].decoder()
    assert [i for b in stream for i in byte_by_byte.feed(bytes([b]))] + byte_by_byte.finish() == items


@pytest.mark.parametrize("driver", VALID)
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_items_cover_the_bytes_in_order_and_runs_are_maximal(driver: str, data: st.DataObject) -> None:
    stream = data.draw(streams(driver))
    at, after_run = 0, False
    for item in whole(driver, stream):
        skipped = stream[at : item.offset]
        assert skipped.strip(FILL.get(driver, b"")) == b"" if driver in FILL else skipped == b""
        assert item.length > 0
        assert not (after_run and isinstance(item, Rejected))
        after_run = isinstance(item, Rejected)
        at = item.offset + item.length
        if isinstance(item, Rejected):
            assert item.error in PRECEDENCE
            assert item.detail
        else:
            assert bool(item.readings) != (item.info is not None and not item.readings)
            assert len(item.names) == len(item.times) == (len(item.readings) if driver == "bocamina-node" else 0)
    assert stream[at:].strip(FILL[driver]) == b"" if driver in FILL else at == len(stream)


@pytest.mark.parametrize("driver", VALID)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_good_frame_behind_anything_complete_is_found(driver: str, data: st.DataObject) -> None:
    noise = data.draw(streams(driver))
    frame = data.draw(VALID[driver])
    # a delimiter lets a node's reader in; a start byte that claims the frame's first bytes needs the frame behind it
    stream = noise + b"\x00" + frame
    found = [item for item in whole(driver, stream) if isinstance(item, Frame)]
    spans = [(item.offset, item.offset + item.length) for item in found]
    begin = len(noise) + 1
    covered_by_chance = any(a < begin < b or (a > begin and a < len(stream)) for a, b in spans)
    assert (begin, len(stream)) in spans or covered_by_chance


@pytest.mark.parametrize("driver", DRIVERS)
@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=400))
def test_any_bytes_decode_or_are_rejected(driver: str, data: bytes) -> None:
    for item in whole(driver, data):
        assert isinstance(item, Frame | Rejected)


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("byte", NOISE)
def test_memory_is_bounded_under_endless_noise(driver: str, byte: bytes) -> None:
    decoder = DRIVERS[driver].decoder()
    total = 0
    for _ in range(200):
        assert [item for item in decoder.feed(byte * 50) if isinstance(item, Frame)] == []
        total += 50 * len(byte)
        assert len(decoder._buffer) <= 1100
    assert len(decoder.finish()) == 1
    assert decoder.skipped == 0


def test_a_decoder_may_be_fed_again_after_the_port_closed() -> None:
    frame = winsen(4, 3, 0, 0, 7, 3, 0xE8)
    decoder = DRIVERS["winsen-ze03"].decoder()
    assert [type(i).__name__ for i in decoder.feed(frame + frame[:4]) + decoder.finish()] == ["Frame", "Rejected"]
    (again,) = decoder.feed(frame)
    assert isinstance(again, Frame)
    assert again.offset == 13
    # what it learnt of the module (its gas) ended with the port
    decoder.finish()
    (answer,) = decoder.feed(winsen(0x86, 0, 7, 0, 0, 0, 0))
    assert isinstance(answer, Frame)
    assert answer.readings == ()


def test_every_driver_has_a_page() -> None:
    pages = "".join(page.read_text() for page in (Path(__file__).parents[3] / "docs" / "sensors").glob("*.md"))
    for name in DRIVERS:
        assert f"`{name}`" in pages


def test_the_table_names_only_drivers_of_the_interface() -> None:
    assert set(DRIVERS) <= set(DRIVER_NAMES)
    for name, spec in DRIVERS.items():
        assert spec.name == name
        assert spec.parity in "NEO"
        assert spec.period_s > 0


def test_a_frame_for_another_model_hides_no_good_frame_inside_it() -> None:
    # a PMS3003 frame whose words contain a whole mode reply of the configured model
    inner = plantower([0xE101])
    words = [int.from_bytes(inner[i : i + 2], "big") for i in range(0, 8, 2)]
    foreign = plantower([0, *words, 0, 0, 0, 0])
    items = whole("plantower-pms", foreign)
    assert [type(item).__name__ for item in items] == ["Rejected", "Frame", "Rejected"]
    assert items[0].error == "unsupported"  # type: ignore[union-attr]


CASES: list[tuple[str, bytes, list[str]]] = [
    ("plantower-pms", b"", []),
    ("plantower-pms", b"\x01\x02", ["garbage"]),
    ("plantower-pms", plantower([1] * 13)[:-1] + b"\xee", ["checksum"]),
    ("plantower-pms", plantower([1] * 13)[:-1], ["truncated"]),
    ("plantower-pms", b"\x42", ["truncated"]),
    ("plantower-pms", b"BM\xff\xff" + b"\x01" * 60, ["garbage"]),
    ("plantower-pms", plantower([1] * 9), ["unsupported"]),
    ("plantower-pms3003", plantower([1] * 9), ["frame"]),
    # precedence: a checksum error outranks a cut frame, which outranks a foreign one, which outranks noise
    ("plantower-pms", plantower([1] * 13)[:-1] + b"\xee" + plantower([1] * 9) + b"BM\x00", ["checksum"]),
    ("plantower-pms", plantower([1] * 9) + b"\x01" + b"BM\x00", ["truncated"]),
    ("plantower-pms", b"\x07" + plantower([1] * 9) + plantower([2] * 9) + b"\x07", ["unsupported"]),
    ("plantower-pms", plantower([1] * 9) + plantower([1] * 13) + b"\x01", ["unsupported", "frame", "garbage"]),
    # a lost byte in the middle: the start claims bytes of the next frame, which is found all the same
    ("plantower-pms", plantower([1] * 13)[:12] + plantower([2] * 13), ["checksum", "frame"]),
    # at the end of the input a long false start must not hide the frame that it claims
    ("plantower-pms", b"BM\x00\x24" + plantower([2] * 13), ["truncated", "frame"]),
    ("winsen-ze03", winsen(4, 3, 0, 0, 7, 3, 0xE8)[:-1] + b"\x11", ["checksum"]),
    ("winsen-ze03", winsen(4, 3, 0, 0, 7, 3, 0xE8)[:5], ["truncated"]),
    ("winsen-ze03", winsen(0x99, 0, 0, 0, 7, 3, 0xE8), ["unsupported"]),
    ("winsen-ze03", b"noise without a start", ["garbage"]),
    ("winsen-ze03", b"\xff" + winsen(4, 3, 0, 0, 7, 3, 0xE8), ["checksum", "frame"]),
    ("winsen-mhz19", winsen(0x86, 3, 0x20, 58, 0, 0, 0)[:-1] + winsen(0x86, 2, 0, 0, 0, 0, 0), ["checksum", "frame"]),
    ("winsen-zh03", plantower([1] * 9)[:10] + winsen(0x86, 0, 1, 0, 2, 0, 3), ["truncated", "frame"]),
    ("winsen-zh03", plantower([1] * 13) + plantower([1] * 9), ["unsupported", "frame"]),
    ("winsen-zphs01b", winsen(0x86, *[1] * 23)[:20] + winsen(0x86, *[2] * 23), ["checksum", "frame"]),
    ("cubic-cm1106", cubic(0x16, 5, 1, 2, 0x58, 0, 0) + cubic(0x06, 2, 1, 2), ["frame", "device"]),
    ("cubic-cm1106", b"\x16" + cubic(0x16, 5, 1, 2, 0x58, 0, 0) + b"\x11\x01", ["garbage", "frame", "truncated"]),
    ("honeywell-hpma115s0", b"\xa5\xa5" + hpma(0x40, 5, 4, 0, 9, 0, 9) + b"\x96\x96", ["frame", "frame", "device"]),
    ("honeywell-hpma115s0", b"\xa5\xa5" + plantower([1] * 13)[:-1], ["frame", "truncated"]),
    ("honeywell-hpma115s0", plantower([1] * 13)[:-1] + b"\xee\xa5\xa5", ["checksum", "frame"]),
    ("honeywell-hpma115s0", hpma(0x40, 13, 4, *[1] * 12), ["unsupported"]),
    ("honeywell-hpma115s0", plantower([1] * 9), ["unsupported"]),
    ("honeywell-hpma115c0", hpma(0x40, 5, 4, 0, 9, 0, 9), ["unsupported"]),
    ("honeywell-hpma115c0", hpma(0x40, 13, 4, *[1] * 12)[:-1] + b"\x07", ["checksum"]),
    ("honeywell-hpma115c0", b"\x40\x07\x04\x01\x02", ["garbage"]),
    ("nova-sds011", nova(0xCF, [1] * 6), ["unsupported"]),
    ("nova-sds198", nova(0xC0, [1] * 6) + nova(0xCF, [1] * 6), ["unsupported", "frame"]),
    ("nova-sds011", nova(0xC0, [0xAA, 0xC0, 0xAB, 0xAA, 0xAA, 0xC0]) * 3, ["frame"] * 3),
    ("nova-sds011", nova(0xC0, [1] * 6)[:-1] + b"\x00", ["checksum"]),
    ("nova-sds011", nova(0xC0, [1] * 6)[:4] + nova(0xC0, [2] * 6), ["checksum", "frame"]),
    ("nova-sds011", b"\xaa", ["truncated"]),
    ("nova-sds011", b"\xaa\x01", ["garbage"]),
    ("sensirion-sps30", b"\x7e", ["truncated"]),
    ("sensirion-sps30", b"\x7e\x7e\x7e" + shdlc(0, 3, 0, 0), ["frame"]),
    ("sensirion-sps30", shdlc(0, 3, 0, 0)[:-1] + shdlc(0, 3, 0, 0), ["frame", "frame"]),  # a shared flag
    ("sensirion-sps30", shdlc(0, 3, 0, 0)[:-1], ["truncated"]),
    ("sensirion-sps30", shdlc(0, 3, 0, 20, *[0x11] * 20)[:6], ["truncated"]),  # ends with the escape byte
    ("sensirion-sps30", shdlc(0, 3, 0, 20, *[0x11] * 20)[:6] + shdlc(0, 3, 0, 0), ["garbage", "frame"]),
    ("sensirion-sps30", shdlc(0, 3, 0, 0)[:-2] + b"\x00\x7e", ["checksum"]),
    ("sensirion-sps30", shdlc(0, 3, 0x43, 0), ["device"]),
    ("sensirion-sps30", shdlc(0, 3, 0, 8, *[1] * 8), ["unsupported"]),
    ("sensirion-sps30", shdlc(1, 3, 0, 0), ["unsupported"]),
    ("sensirion-sps30", b"\x01\x02\x7e" + shdlc(0, 3, 0, 0), ["garbage", "frame"]),
    ("sensirion-sps30", b"\x01\x02\x7e", ["garbage"]),
    ("sensirion-sps30", b"\x7e" + b"\x01" * 2000 + shdlc(0, 3, 0, 0), ["garbage", "frame"]),
    ("sensirion-sps30", b"\x7e\x00\x03\x00\x04" + b"\x01" * 30, ["garbage"]),
    ("tera-nextpm", hpma(0x81, 0x11, 0, *[1] * 12)[:-1] + b"\x00", ["checksum"]),
    ("tera-nextpm", hpma(0x81, 0x16, 4) + hpma(0x81, 0x11, 0, *[1] * 12), ["frame", "frame"]),
    ("tera-nextpm", b"\x81\x11", ["truncated"]),
    ("tera-nextpm", b"\x81\x44\x01\x02", ["garbage"]),
    ("nmea0183", nmea("WIMWV,1,R,1,M,A"), ["frame"]),
    ("nmea0183", nmea("WIMWV,1,R,1,M,A").lower().replace(b"wimwv,1,r,1,m,a", b"WIMWV,1,R,1,M,A"), ["frame"]),
    ("nmea0183", nmea("WIMWV,1,R,1,M,A")[:-2], ["frame"]),  # the line's end is lost with the port
    ("nmea0183", nmea("WIMWV,1,R,1,M,A")[:-3], ["truncated"]),
    ("nmea0183", nmea("WIMWV,1,R,1,M,A")[:-4] + b"00\r\n", ["checksum"]),
    ("nmea0183", b"$WIMWV,1,R,1,M,A\r\n", ["checksum"]),  # a sentence without a checksum is any damaged one
    ("nmea0183", b"$WIMW" + nmea("WIMWV,1,R,1,M,A"), ["garbage", "frame"]),
    ("nmea0183", nmea("GPGGA,1,2") + nmea("WIMWV,1,R,1,M,A"), ["unsupported", "frame"]),
    ("nmea0183", nmea("PLCJ,1"), ["unsupported"]),
    ("nmea0183", b"\\s:1*78\\" + nmea("WIMTA,21.5,C"), ["frame"]),
    ("nmea0183", b"\\s:1*00\\" + nmea("WIMTA,21.5,C"), ["checksum", "frame"]),
    ("nmea0183", b"\\s:1" + nmea("WIMTA,21.5,C"), ["garbage", "frame"]),
    ("nmea0183", b"$" + b"x" * 400 + nmea("WIMTA,21.5,C"), ["garbage", "frame"]),
    ("gill-windsonic", b"WINDSONIC (Gill Instruments Ltd)\r\n" + gill("Q,229,002.74,M,00,"), ["garbage", "frame"]),
    ("gill-windsonic", gill("Q,229,002.74,M,00,")[:-4] + b"17\r\n", ["checksum"]),
    ("gill-windsonic", gill("Q,229,002.74,M,00,")[:9], ["truncated"]),
    ("gill-windsonic", gill("Q,229,002.74,M,00,")[:9] + gill("Q,229,002.74,M,00,"), ["garbage", "frame"]),
    ("gill-windsonic", gill("Q,229,002.74"), ["unsupported"]),
    ("gill-windsonic", gill("Q,229,002.74,M,00,").replace(b"\n", b"") * 2, ["frame", "frame"]),  # setting L2: CR alone
    ("vaisala-wxt", b"0R1,Dm=236D,Sm=1.0M\r\n", ["frame"]),
    ("vaisala-wxt", b"0R1,Dm=236D,Sm=1.0M", ["frame"]),
    ("vaisala-wxt", b"0R1,Dm=236D,Sm=1.", ["truncated"]),
    ("vaisala-wxt", b"0R1,Dm=236D,Sm=1.\r\n", ["checksum"]),
    ("vaisala-wxt", b"0R1,Dm=2" + b"0R1,Dm=236D,Sm=1.0M\r\n", ["checksum", "frame"]),
    ("vaisala-wxt", b"0r1,Dm=002D,Sm=1.0MHAu\r\n", ["checksum"]),
    ("vaisala-wxt", b"0R1!\r\n", ["garbage"]),
    ("bocamina-node", b"\x00\x00\x00", []),
    ("bocamina-node", node([{0: "n/co", 2: 1}]), ["frame"]),
    ("bocamina-node", node([{0: "n/co", 2: 1}])[:-1], ["truncated"]),
    ("bocamina-node", b"\x09ab\x00", ["garbage"]),
    ("bocamina-node", node("text"), ["unsupported"]),
    ("bocamina-node", node([{0: "n/co"}]), ["unsupported"]),
    ("bocamina-node", cobs.encode(b"\x01\x02\x03\x04") + b"\x00", ["checksum"]),
    ("bocamina-node", b"hello, world\x00" + node([{0: "n/co", 2: 1}]), ["garbage", "frame"]),
    ("bocamina-node", b"\x01" * 2000 + b"\x00" + node([{0: "n/co", 2: 1}]), ["garbage", "frame"]),
    ("bocamina-node", b"\x01" * 2000, ["garbage"]),
]


@pytest.mark.parametrize(("driver", "data", "expected"), CASES)
def test_what_a_run_is_called(driver: str, data: bytes, expected: list[str]) -> None:
    items = whole(driver, data)
    assert [item.error if isinstance(item, Rejected) else "frame" for item in items] == expected


@pytest.mark.parametrize("driver", VALID)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_every_cut_of_a_frame_is_truncated(driver: str, data: st.DataObject) -> None:
    frame = data.draw(VALID[driver])
    if driver == "vaisala-wxt" and not frame.startswith(b"0r"):
        return  # without a checksum a line that is cut behind a value is whole
    body = frame.rstrip(b"\r\n") if DRIVERS[driver].text else frame
    cut = data.draw(st.integers(1, len(body) - 1))
    items = whole(driver, frame[:cut])
    if driver == "winsen-ze03" or len(items) == 1:
        assert isinstance(items[-1], Rejected)
        assert items[-1].error == "truncated"


@settings(max_examples=150, deadline=None)
@given(stream=streams("plantower-pms"))
def test_plantower_agrees_with_a_plain_reading_of_the_rules(stream: bytes) -> None:
    def length(at: int) -> int | None:
        if stream[at : at + 3] == b"BM\x00" and at + 3 < len(stream) and stream[at + 3] in (28, 20, 36, 4):
            return stream[at + 3] + 4
        return None

    def summed(at: int, size: int) -> bool:
        return sum(stream[at : at + size - 2]) == int.from_bytes(stream[at + size - 2 : at + size], "big")

    expected: list[tuple[int, int, str]] = []
    run, errors, foreign_end, at = 0, ["garbage"], 0, 0
    while at <= len(stream):
        size = length(at) if at < len(stream) else None
        there = size is not None and at + size <= len(stream)
        frame = there and size is not None and summed(at, size) and stream[at + 3] in (28, 4)
        if frame or at == len(stream):
            if at > run:
                expected.append((run, at - run, max(errors, key=PRECEDENCE.index)))
            if frame and size:
                expected.append((at, size, "frame"))
            at += size or 1
            run, errors = at, ["garbage"]
            continue
        if there and size is not None and summed(at, size):
            if at >= foreign_end:
                errors.append("unsupported")
            foreign_end = max(foreign_end, at + size)
        elif at >= foreign_end and there:
            errors.append("checksum")
        elif at >= foreign_end and (size is not None or (len(stream) - at < 4 and b"BM\x00".startswith(stream[at:]))):
            errors.append("truncated")
        at += 1
    got = [
        (item.offset, item.length, item.error if isinstance(item, Rejected) else "frame")
        for item in whole("plantower-pms", stream)
    ]
    assert got == expected


def test_a_rejected_frame_never_yields_a_good_reading() -> None:
    frame = plantower([100] * 12 + [0x9700])
    for at in range(len(frame)):
        for bit in range(8):
            damaged = spoil(frame, at, frame[at] ^ 1 << bit)
            for item in whole("plantower-pms", damaged):
                assert isinstance(item, Rejected), (at, bit, item)
    assert all(r.quality is Quality.GOOD for i in whole("plantower-pms", frame) for r in i.readings)  # type: ignore[union-attr]
