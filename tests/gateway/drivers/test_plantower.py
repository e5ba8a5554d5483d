"""Plantower frames, word by word (sensor protocols, section 1)."""

import pytest

from gateway.drivers.items import Frame
from gateway.drivers.table import DRIVERS

CLEAN = [0] * 12
DUSTY = [5, 13, 22, 4, 12, 21, 1280, 356, 146, 22, 3, 1]


def frame(words: list[int], length: int | None = None) -> bytes:
    body = b"BM" + b"".join(w.to_bytes(2, "big") for w in [2 * len(words) + 2 if length is None else length, *words])
    return body + sum(body).to_bytes(2, "big")


def read(driver: str, data: bytes) -> dict[str, tuple[float | None, str, str, str | None]]:
    decoder = DRIVERS[driver].decoder()
    (item,) = decoder.feed(data) + decoder.finish()
    assert isinstance(item, Frame)
    assert (item.offset, item.length) == (0, len(data))
    return {r.quantity: (r.value, r.unit or "", r.quality.word, r.reason.word) for r in item.readings}


def test_the_published_layout_by_hand() -> None:
    # 424D 001C, masses CF=1, masses atmospheric, counts per 0.1 L, version 97 error 00; the sum is counted by hand:
    # 42+4D+00+1C = AB; +05+0D+16 +04+0C+15 = F8; 0500 0164 0092 0016 0003 0001: 05+01+64+92+16+03+01 = 116; +97
    data = bytes.fromhex("424d001c 0005000d0016 0004000c0015 050001640092001600030001 9700 02a5")
    assert read("plantower-pms", data) == {
        "pm1": (4.0, "ug/m3", "good", None),
        "pm2_5": (12.0, "ug/m3", "good", None),
        "pm10": (21.0, "ug/m3", "good", None),
        "pm1_cf1": (5.0, "ug/m3", "good", None),
        "pm2_5_cf1": (13.0, "ug/m3", "good", None),
        "pm10_cf1": (22.0, "ug/m3", "good", None),
        "nc0_3": (12.8, "1/cm3", "good", None),
        "nc0_5": (3.56, "1/cm3", "good", None),
        "nc1": (1.46, "1/cm3", "good", None),
        "nc2_5": (0.22, "1/cm3", "good", None),
        "nc5": (0.03, "1/cm3", "good", None),
        "nc10": (0.01, "1/cm3", "good", None),
    }


def test_all_zero_and_version_zero_is_a_sensor_that_starts_not_clean_air() -> None:
    starting = read("plantower-pms", frame([*CLEAN, 0x0000]))
    assert {(value, quality, reason) for value, _, quality, reason in starting.values()} == {
        (0.0, "uncertain", "warming_up")
    }
    clean = read("plantower-pms", frame([*CLEAN, 0x9700]))
    assert {(value, quality) for value, _, quality, _ in clean.values()} == {(0.0, "good")}


def test_an_error_code_leaves_no_value() -> None:
    faulty = read("plantower-pms", frame([*DUSTY, 0x9701]))
    assert {(value, quality, reason) for value, _, quality, reason in faulty.values()} == {(None, "bad", "fault")}


def test_mass_without_a_single_particle_is_impossible() -> None:
    seen = read("plantower-pms", frame([5, 13, 22, 4, 12, 21, 0, 0, 0, 0, 0, 0, 0x9700]))
    assert seen["pm2_5"] == (12.0, "ug/m3", "bad", "fault")


def test_the_end_of_the_range_is_a_floor() -> None:
    seen = read("plantower-pms", frame([999, 1000, 1500, 999, 1000, 1500, 9, 8, 7, 6, 5, 4, 0x9700]))
    assert seen["pm1"] == (999.0, "ug/m3", "good", None)
    assert seen["pm2_5"] == (1000.0, "ug/m3", "uncertain", "over_range")
    assert seen["pm10"] == (1500.0, "ug/m3", "uncertain", "over_range")


def test_the_siblings_keep_their_words_elsewhere() -> None:
    masses, fine = [5, 13, 22, 4, 12, 21], [1280, 356, 146, 22]
    pms3003 = read("plantower-pms3003", frame([*masses, 0, 0, 0]))
    assert set(pms3003) == {"pm1", "pm2_5", "pm10", "pm1_cf1", "pm2_5_cf1", "pm10_cf1"}
    t = read("plantower-pms5003t", frame([*masses, *fine, 0xFFCE, 655, 0x9700]))
    assert t["temperature"] == (-5.0, "degC", "good", None)  # signed
    assert t["humidity"] == (65.5, "%RH", "good", None)
    assert "nc5" not in t
    s = read("plantower-pms5003s", frame([*masses, *fine, 3, 1, 123]))
    assert s["ch2o"][0] == pytest.approx(0.1002, abs=1e-4)  # 1 ppm = 1.2273 mg/m3 at 25 °C (limits reference 1.1)
    assert s["ch2o"][1:] == ("ppm", "good", None)
    st = read("plantower-pms5003st", frame([*masses, *fine, 3, 1, 123, 0xFFCE, 655, 0, 0x9700]))
    assert (st["temperature"][0], st["humidity"][0]) == (-5.0, 65.5)
    assert st["nc10"][0] == 0.01


def test_a_checksum_that_ends_in_the_start_byte_does_not_lose_the_next_frame() -> None:
    words = [*DUSTY, 0x9700]
    body = next(data for n in range(256) if (data := frame([n, *words[1:]]))[-1] == 0x42)
    decoder = DRIVERS["plantower-pms"].decoder()
    assert [type(item).__name__ for item in decoder.feed(body * 3)] == ["Frame"] * 3


def test_an_answer_to_a_host_command_is_no_measurement() -> None:
    decoder = DRIVERS["plantower-pms"].decoder()
    (item,) = decoder.feed(bytes.fromhex("424d0004e1010175"))
    assert isinstance(item, Frame)
    assert item.readings == ()
    assert item.info == {"reply": "e1", "data": "01"}


def test_start_commands_carry_their_sums() -> None:
    command = DRIVERS["plantower-pms"].start_command
    for one in (command[:7], command[7:]):
        assert sum(one[:5]) == int.from_bytes(one[5:], "big")
