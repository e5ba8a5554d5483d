"""What every stream decoder promises, whatever the device."""

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


def node(pack: object) -> bytes:
    payload = cbor2.dumps(pack)
    return cobs.encode(payload + crc16.ibm_3740(payload).to_bytes(2, "big")) + b"\x00"


word = st.integers(0, 0xFFFF)
octet = st.integers(0, 255)
VALID: dict[str, st.SearchStrategy[bytes]] = {
    "plantower-pms": st.one_of(
        st.lists(word, min_size=13, max_size=13).map(plantower), st.just(plantower([0xE101]))
    ),
    "plantower-pms5003st": st.lists(word, min_size=17, max_size=17).map(plantower),
    "winsen-ze03": st.tuples(st.just(4), st.just(3), st.integers(0, 2), octet, octet, octet, octet).map(
        lambda seven: winsen(*seven)
    ),
    "bocamina-node": st.floats(0, 500, width=32).map(lambda v: node([{-2: "node7/", 0: "co", 1: "ppm", 2: v}])),
}


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
        assert skipped.strip(b"\x00") == b"" if driver == "bocamina-node" else skipped == b""
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
    assert stream[at:].strip(b"\x00") == b"" if driver == "bocamina-node" else at == len(stream)


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
@pytest.mark.parametrize("byte", [b"\xff", b"\x42", b"\x01", b"BM\x00\x1c", b"BM\xff\xff"])
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
    cut = data.draw(st.integers(1, len(frame) - 1))
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
