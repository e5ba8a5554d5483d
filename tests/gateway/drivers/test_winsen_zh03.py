"""Winsen ZH03 dust sensors, both forms (sensor protocols, section 5)."""

import pytest

from gateway.drivers.items import Frame, Item, Rejected
from gateway.drivers.table import DRIVERS


def upload(*words: int) -> bytes:
    body = b"BM" + b"".join(word.to_bytes(2, "big") for word in [2 * len(words) + 2, *words])
    return body + sum(body).to_bytes(2, "big")


def answer(*seven: int) -> bytes:
    return bytes([0xFF, *seven, -sum(seven) & 0xFF])


def items(data: bytes) -> list[Item]:
    decoder = DRIVERS["winsen-zh03"].decoder()
    return decoder.feed(data) + decoder.finish()


def read(data: bytes) -> dict[str, tuple[float | None, str, str | None]]:
    (item,) = items(data)
    assert isinstance(item, Frame), item
    assert all(r.unit == "ug/m3" for r in item.readings)
    return {r.quantity: (r.value, r.quality.word, r.reason.word) for r in item.readings}


def test_active_upload_by_hand() -> None:
    # 42+4D+14 = A3; words 4 to 6: 0007 000C 0013; A3 + 07+0C+13 = C9
    data = bytes.fromhex("424d0014 0000 0000 0000 0007 000c 0013 0000 0000 0000 00c9")
    assert read(data) == {"pm1": (7.0, "good", None), "pm2_5": (12.0, "good", None), "pm10": (19.0, "good", None)}


def test_an_answer_has_another_order() -> None:
    # FF 86 000C 0013 0007 00: 86+0C+13+07 = AC, inverse 53, + 1 = 54
    data = bytes.fromhex("ff86 000c 0013 0007 54")
    assert read(data) == {"pm1": (7.0, "good", None), "pm2_5": (12.0, "good", None), "pm10": (19.0, "good", None)}


def test_both_forms_in_one_stream() -> None:
    found = items(
        upload(0, 0, 0, 1, 2, 3, 0, 0, 0) + answer(0x86, 0, 2, 0, 3, 0, 1) + upload(0, 0, 0, 4, 5, 6, 0, 0, 0)
    )
    assert [item.length for item in found if isinstance(item, Frame)] == [24, 9, 24]
    assert found[0].readings == found[1].readings  # type: ignore[union-attr]


def test_the_end_of_the_range_is_a_floor_and_zeros_are_no_clean_air() -> None:
    high = read(upload(0, 0, 0, 999, 1000, 1800, 0, 0, 0))
    assert high["pm1"] == (999.0, "good", None)
    assert high["pm2_5"] == (1000.0, "uncertain", "over_range")
    assert high["pm10"] == (1800.0, "uncertain", "over_range")
    for zeros in (upload(*[0] * 9), answer(0x86, 0, 0, 0, 0, 0, 0)):
        assert set(read(zeros).values()) == {(0.0, "uncertain", "warming_up")}


def test_a_plantower_of_the_same_header_is_refused() -> None:
    for words in (13, 17):
        (item,) = items(upload(*[1] * words))
        assert isinstance(item, Rejected)
        assert item.error == "unsupported"
    damaged = bytearray(upload(*[1] * 9))
    damaged[12] ^= 4
    (item,) = items(bytes(damaged))
    assert isinstance(item, Rejected)
    assert item.error == "checksum"


def test_the_dormant_command_done_and_failed() -> None:
    (done,) = items(bytes.fromhex("ffa7010000000000 58"))
    assert isinstance(done, Frame)
    assert (done.readings, done.info) == ((), {"reply": "a7", "data": "010000000000"})
    (failed,) = items(bytes.fromhex("ffa7000000000000 59"))
    assert isinstance(failed, Rejected)
    assert failed.error == "device"


@pytest.mark.parametrize("data", ["ff01a7000000000058", "ff0186000000000079"])
def test_an_echo_is_no_measurement(data: str) -> None:
    (item,) = items(bytes.fromhex(data))
    assert isinstance(item, Frame)
    assert item.readings == ()
    assert set(item.info or {}) == {"echo"}


def test_it_is_woken_before_it_is_told_to_upload() -> None:
    assert DRIVERS["winsen-zh03"].start_command == bytes.fromhex("ff01a7000000000058ff0178400000000047")
