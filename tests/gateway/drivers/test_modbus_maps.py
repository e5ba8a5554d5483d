"""Registers to readings, one map at a time; the numbers are worked out here from the makers' tables."""

import struct
from pathlib import Path

import pytest

from firmware_sim.devices.modbus_devices import MODBUS_DEVICES, modbus_device
from gateway.domain.errors import ConfigError
from gateway.domain.measurement import Measurement
from gateway.domain.quality import Quality, Reason
from gateway.domain.quantities import unit_of
from gateway.drivers.modbus_catalogue import read_map, register_map, register_maps
from gateway.drivers.modbus_frame import find_reply, read_reply
from gateway.drivers.modbus_map import readings

GOOD, BAD, UNCERTAIN = Quality.GOOD, Quality.BAD, Quality.UNCERTAIN


def floats(value: float, order: str = "ABCD") -> list[int]:
    abcd = struct.pack(">f", value)
    wire = bytes(abcd["ABCD".index(letter)] for letter in order)
    return [int.from_bytes(wire[:2], "big"), int.from_bytes(wire[2:], "big")]


def xnx(gas: float = 12.5, *, fault: int = 0, bits: int = 0, state: int = 1, unit: int = 4) -> Measurement:
    words = [0x2400, 0x2400, *floats(gas), fault, bits, state, 17, *floats(600.0), unit]
    return readings(register_map("honeywell-xnx"), words)[0]


def test_a_good_reading_carries_the_unit_that_the_device_tells() -> None:
    assert xnx() == Measurement("gas", 12.5, "ppm")
    assert xnx(0.0) == Measurement("gas", 0.0, "ppm"), "zero while it measures is clean air"
    assert xnx(20.9, unit=3).unit == "%vol"
    assert xnx(10.0, unit=5).unit == "%LEL"


@pytest.mark.parametrize(
    ("device", "value", "quality", "reason"),
    [
        ({"gas": 0.0, "state": 3}, None, BAD, Reason.FAULT),  # trap 10: zero in inhibit
        ({"gas": 50.0, "state": 4}, None, BAD, Reason.FAULT),  # simulated
        ({"gas": 50.0, "state": 99}, None, BAD, Reason.FAULT),  # a state that nobody knows
        ({"gas": 0.0, "state": 2}, None, BAD, Reason.FAULT),  # zero in warm-up
        ({"gas": 80.0, "state": 2}, 80.0, UNCERTAIN, Reason.WARMING_UP),
        ({"fault": 1001}, None, BAD, Reason.FAULT),
        ({"bits": 0x40}, None, BAD, Reason.FAULT),
        ({"fault": 12}, 12.5, UNCERTAIN, Reason.UNCALIBRATED),
        ({"bits": 0x10}, 12.5, UNCERTAIN, Reason.UNCALIBRATED),
        ({"bits": 0x03}, 12.5, GOOD, Reason.NONE),  # its own alarms
        ({"unit": 9}, None, BAD, Reason.FAULT),  # a number in an unknown unit says nothing
        ({"gas": float("nan")}, None, BAD, Reason.FAULT),
        ({"gas": float("inf")}, None, BAD, Reason.FAULT),
    ],
)
def test_what_the_device_says_of_itself_decides(device, value, quality, reason) -> None:
    found = xnx(**device)
    assert (found.value, found.quality, found.reason) == (value, quality, reason)


@pytest.mark.parametrize("order", ["CDAB", "DCBA", "BADC"])
def test_a_wrong_word_order_is_absurd_and_not_clean_air(order: str) -> None:
    """Trap 13: 26.2 ppm with its words exchanged is −1.6e−23."""
    words = [0x2400, 0x2400, *floats(26.2, order), 0, 0, 1, 17, *floats(600.0), 4]
    found = readings(register_map("honeywell-xnx"), words)[0]
    assert found.value is None or abs(found.value) < 1e-7 or abs(found.value) > 1e6
    if found.value is not None and abs(found.value) < 1e-7:
        assert (found.quality, found.reason) == (BAD, Reason.ABSURD)


@pytest.mark.parametrize("order", ["ABCD", "CDAB", "DCBA", "BADC"])
def test_all_four_orders_and_all_types(order: str) -> None:
    text = f"""
title = "x"
source = "x"
read = {{ function = 3, address = 10, count = 9 }}
values = [
  {{ name = "a", at = 10, type = "f32", order = "{order}" }},
  {{ name = "b", at = 12, type = "s32", order = "{order}", divide = 10 }},
  {{ name = "c", at = 14, type = "u32", order = "{order}" }},
  {{ name = "d", at = 16, type = "s16", scale = 0.5, none = [0x8000] }},
  {{ name = "e", at = 17, type = "high" }}, {{ name = "f", at = 17, type = "low" }},
  {{ name = "g", at = 18, high = 100, full_scale = 50 }},
]
"""
    wire = {letter: place for place, letter in enumerate(order)}

    def words(number: int) -> list[int]:
        abcd = number.to_bytes(4, "big")
        out = bytearray(4)
        for place, letter in enumerate("ABCD"):
            out[wire[letter]] = abcd[place]
        return [int.from_bytes(out[:2], "big"), int.from_bytes(out[2:], "big")]

    device = read_map(text.encode(), "x")
    sent = [*words(0x41480000), *words(-25 & 0xFFFFFFFF), *words(70000), 0xFFFE, 0x1234, 60]
    found = readings(device, sent)
    assert [m.value for m in found] == [12.5, -2.5, 70000.0, -1.0, 18.0, 52.0, 60.0]
    assert (found[6].quality, found[6].reason) == (UNCERTAIN, Reason.OVER_RANGE)
    assert readings(device, [*sent[:6], 0x8000, 0, 101])[3].value is None
    assert readings(device, [*sent[:6], 0x8000, 0, 101])[6].reason is Reason.ABSURD
    assert [m.quantity for m in readings(device, sent[6:8], 16)] == ["d", "e", "f"], "what was not asked is not told"


@pytest.mark.parametrize(
    ("model", "words", "expected"),
    [
        ("draeger-polytron-8000", [0x4220, 0x0000], [("gas", 40.0, None)]),  # the manual's own example, 0x42200000
        ("renke-rs-fs", [0x0023], [("air_velocity", 3.5, "m/s")]),
        ("generic-rs485-anemometer", [0x0023], [("air_velocity", 3.5, "m/s")]),
        ("renke-rs-fx", [2, 90], [("air_direction", 90.0, "deg"), ("sector", 2.0, None)]),
        ("adtek-wsa", [52, 36000], [("air_velocity", 5.2, "m/s"), ("air_flow", 1.0, "m3/s")]),
        ("premasgard", [0xFFCE, 0xFFCF, 3], [("pressure_diff", -49.0, "Pa"), ("pressure_diff_raw", -50.0, "Pa"),
                                             ("pressure_diff_10s", 3.0, "Pa")]),
        ("senseair-s8", [0, 0, 0, 1200], [("co2", 1200.0, "ppm")]),
        ("elt-mb350u", [800, 0xFFF6, 75, 25], [("co2", 800.0, "ppm"), ("co", 25.0, "ppm"),
                                              ("temperature", -1.0, "degC"), ("humidity", 75.0, "%RH")]),
        ("evikon-e2608", [300], [("gas", 300.0, None)]),
        ("pemtech-pt495", [105, 0x0400], [("co", 10.5, "ppm")]),
        ("pemtech-pt495", [209, 0x0500], [("o2", 20.9, "%vol")]),
        ("pemtech-pt495", [100, 0x0200], [("lel", 10.0, "%LEL")]),
    ],
)  # fmt: skip
def test_values_of_the_makers_tables(model: str, words: list[int], expected: list[tuple]) -> None:
    found = readings(register_map(model), words)
    assert [(m.quantity, m.value, m.unit) for m in found] == [(n, pytest.approx(v), u) for n, v, u in expected]
    assert {m.quality for m in found} == {GOOD}


@pytest.mark.parametrize(
    ("model", "words", "reason"),
    [
        ("senseair-s8", [0x0001, 0, 0, 1200], Reason.FAULT),
        ("senseair-s8", [0x0020, 0, 0, 10000], Reason.OVER_RANGE),
        ("senseair-s8", [0, 0, 0, 0], Reason.FAULT),  # air without CO2 is no air
        ("adtek-wsa", [300, 0], Reason.OVER_RANGE),
        ("adtek-wsa", [0xFFFF, 0], Reason.ABSURD),
        ("pemtech-pt495", [105, 0x0401], Reason.UNCALIBRATED),  # an alarm or a malfunction: may raise, never clears
        ("pemtech-pt495", [105, 0x0900], Reason.FAULT),  # a gas of which nobody knows
        ("elt-mb350u", [0, 0, 0, 0], Reason.FAULT),
    ],
)
def test_states_that_are_no_good_values(model: str, words: list[int], reason: Reason) -> None:
    found = readings(register_map(model), words)[0]
    assert found.quality is not GOOD
    assert found.reason is reason


def test_msa_marks_only_the_cell_that_is_calibrated() -> None:
    words = [0x0004, 0, 0, 1, 1, 0, *floats(5.0), *floats(0.0), *floats(0.0), 1]
    assert [m.quality for m in readings(register_map("msa-ultima-x"), words)] == [GOOD, BAD, GOOD]


def test_trolex_without_flow_measures_nothing_and_its_floats_are_low_word_first() -> None:
    words = [0] * 33 + [100, 500, 2000, 5000] + [*floats(12.5, "CDAB")] * 3
    found = readings(register_map("trolex-air-xd"), words)
    assert [(m.quantity, m.value) for m in found[:3]] == [("pm_a", 12.5), ("pm_b", 12.5), ("pm_c", 12.5)]
    words[34] = 0
    found = readings(register_map("trolex-air-xd"), words)
    assert [m.quality for m in found] == [BAD] * 3 + [GOOD] * 3


def test_a_value_whose_status_was_not_asked_for_is_uncertain() -> None:
    (gas,) = readings(register_map("honeywell-xnx"), floats(0.0), 2)
    assert (gas.value, gas.quality) == (0.0, UNCERTAIN)


@pytest.mark.parametrize("model", sorted(register_maps()))
def test_every_map_reads_its_emulator_in_canonical_units(model: str) -> None:
    device = register_map(model)
    air = {"gas": 25.0, "co": 25.0, "co2": 900.0, "air_velocity": 2.5, "air_flow": 0.5, "air_direction": 90.0,
           "temperature": 18.0, "humidity": 60.0, "pressure_diff": -40.0, "pm_a": 10.0, "pm_b": 20.0, "pm_c": 40.0}
    request = device.request(7)
    frame = modbus_device(model, 7, air.get).answer(1.0, request.frame())
    assert find_reply(request, frame) == (0, len(frame))
    words = read_reply(frame).words
    assert device.is_identified(words) is not False
    for found in readings(device, words):
        assert found.quality is GOOD, found
        assert unit_of(found.quantity) in (None, found.unit)
        assert found.value == pytest.approx(air.get(found.quantity, found.value), abs=0.1)
    assert device.source
    assert device.title


def test_every_map_has_an_emulator_and_a_row_in_the_documents() -> None:
    assert sorted(MODBUS_DEVICES) == sorted(register_maps())
    page = (Path(__file__).parents[3] / "docs" / "sensors" / "modbus.md").read_text()
    for name, device in register_maps().items():
        row = next(row for row in page.splitlines() if row.startswith(f"| `{name}` |"))
        assert all(f"`{channel}`" in row for channel in device.channels)


def test_the_map_of_the_documents_is_one() -> None:
    page = (Path(__file__).parents[3] / "docs" / "sensors" / "modbus.md").read_text()
    text = page.rpartition("```toml\n")[2].partition("```")[0]
    (found,) = readings(read_map(text.encode(), "mine"), [0x2400, 0, *floats(12.5), 4, 1])
    assert (found.quantity, found.value) == ("co", None), "4 is none of the states in which it measures"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("values = [", ["mine.toml", "not TOML"]),
        ("values = []", ["mine.toml", "a name of their own"]),
        ('values = [{ name = "co", at = 2 }]', ["register 2 is not read", "0 to 1"]),
        ('values = [{ name = "co", at = 1, type = "f32" }]', ["register 1 is not read"]),
        ('values = [{ name = "co", at = 1, unit = "mg/m3" }]', ["values[0]", "'mg/m3'", "'ppm'"]),
        ('values = [{ name = "co", at = 1, tipe = "u16" }]', ["values[0]", "tipe"]),
        ('values = [{ name = "co", at = "one" }]', ["values[0].at", "int"]),
        ('values = [{ name = "co", at = 0 }]\nstatus = [{ at = 1, bits = 1, state = "ill" }]', ["status[0].state"]),
        (
            'values = [{ name = "co", at = 0 }]\nstatus = [{ at = 1, bits = 1, state = "fault", values = ["no"] }]',
            ["'no'"],
        ),
    ],
)
def test_a_mistake_in_a_map_is_one_sentence(body: str, words: list[str]) -> None:
    text = f'title = "x"\nsource = "x"\nread = {{ function = 3, address = 0, count = 2 }}\n{body}\n'
    with pytest.raises(ConfigError) as caught:
        read_map(text.encode(), "mine")
    for word in words:
        assert word in str(caught.value)


def test_an_unknown_map_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="did you mean 'honeywell-xnx'"):
        register_map("honeywel-xnx")
