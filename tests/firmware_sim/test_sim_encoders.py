"""Bytes worked out by hand from the data sheets, and the devices' answers to their hosts."""

import json

import cbor2
import pytest

from firmware_sim.cells import KINDS, Cell
from firmware_sim.devices import bocamina_node, plantower, senml, winsen, winsen_ze03


def test_a_plantower_frame_by_hand():
    frame = plantower.data_frame((5, 8, 9), (5, 8, 9), (1200, 340, 60, 8, 2, 1))
    by_hand = bytes.fromhex(
        "424d001c 0005 0008 0009 0005 0008 0009 04b0 0154 003c 0008 0002 0001 97 00".replace(" ", "")
    )
    assert frame[:30] == by_hand
    # 42+4d+1c = ab; 2·(5+8+9) = 2c; 04+b0+01+54+3c+08+02+01 = 150; 97 → ab+2c+150+97 = 2be
    assert frame[30:] == bytes.fromhex("02be")


def test_a_plantower_reply_by_hand():
    assert plantower.reply_frame(0xE1, 1) == bytes.fromhex("424d0004e1010175")  # 42+4d+04+e1+01 = 175


def test_the_published_ze03_commands_have_our_checksum():
    for command in ("ff0178400000000047", "ff0178410000000046", "ff0186000000000079"):
        body = bytes.fromhex(command)
        assert winsen.checksum(body[:8]) == body[8]


def test_a_ze03_upload_by_hand():
    frame = winsen_ze03.upload_frame(winsen_ze03.GASES["co"], 500.0)
    # ff 04 03 00 01f4 03e8: 04+03+00+01+f4+03+e8 = 1e7 → e7 → 100 - e7 = 19
    assert frame == bytes.fromhex("ff04030001f403e819")
    assert winsen_ze03.upload_frame(winsen_ze03.GASES["o2"], 20.9)[4:6] == (209).to_bytes(2, "big")


def test_the_ze03_checksum_wraps_to_zero():
    assert winsen.checksum(bytes(8)) == 0


def test_the_crc_has_the_check_value_of_its_catalogue():
    assert bocamina_node.crc16(b"123456789") == 0x29B1


@pytest.mark.parametrize(
    ("plain", "stuffed"),
    [
        ("", "01"), ("00", "0101"), ("0000", "010101"), ("11220033", "0311220233"), ("11000000", "0211010101"),
        ("01" * 254, "ff" + "01" * 254 + "01"), ("01" * 253, "fe" + "01" * 253),
    ],
)  # fmt: skip
def test_cobs_as_published(plain, stuffed):
    mine = bocamina_node.stuffed(bytes.fromhex(plain))
    # a closing empty block after exactly 254 bytes is legal and some encoders leave it out
    assert mine.hex() == stuffed
    assert 0 not in mine


def test_a_pack_in_json_and_in_cbor():
    pack = senml.records("node7", 3, 9, [("co", "co", 12.0), ("o2", "o2", 20.9)], 1_795_000_000.1234)
    assert json.loads(senml.as_json(pack)) == [
        {"bn": "node7/", "bt": 1795000000.123, "n": "boot", "v": 3},
        {"n": "seq", "v": 9},
        {"n": "co", "u": "ppm", "v": 12.0},
        {"n": "o2", "u": "/100", "v": 20.9},
    ]
    assert cbor2.loads(senml.as_cbor(pack))[0] == {-2: "node7/", -3: 1795000000.123, 0: "boot", 2: 3}


def test_a_plantower_obeys_its_host_however_the_bytes_are_cut():
    device = plantower.Plantower({"pm2_5": 12.0, "pm10": 20.0}.get)
    assert len(device.speak(0.0)) == 1
    passive = bytes.fromhex("424de100000170")
    assert device.hear(1.0, b"\x00garbage" + passive[:3]) == []
    assert device.hear(1.0, passive[3:]) == [plantower.reply_frame(0xE1, 0)]
    assert device.speak(10.0) == []
    (asked,) = device.hear(11.0, bytes.fromhex("424de200000171"))
    assert asked[10:16] == bytes.fromhex("0006000c0014")
    assert device.hear(12.0, bytes.fromhex("424de400000173")) == [plantower.reply_frame(0xE4, 0)]
    assert device.hear(13.0, bytes.fromhex("424de400010174424de100010171")) == [plantower.reply_frame(0xE1, 1)]
    (starting,) = device.speak(13.5)
    assert starting[4:30] == bytes(26)  # zeros, and version 0: no clean air yet
    (ready,) = device.speak(17.0)
    assert ready[28] == plantower.VERSION


def test_a_plantower_speaks_faster_while_the_dust_changes():
    dust = {"pm2_5": 10.0, "pm10": 20.0}
    device = plantower.Plantower(dust.get)
    assert [len(device.speak(t)) for t in (0.0, 1.0, 2.0, 2.4)] == [1, 0, 0, 1]
    dust["pm10"] = 500.0
    assert len(device.speak(3.3)) == 1


def test_a_ze03_can_be_asked_and_told_to_be_quiet():
    device = winsen_ze03.WinsenZE03("co", {"co": 7.0}.get)
    assert device.hear(0.0, bytes.fromhex("ff0186000000000079")) == [bytes.fromhex("ff8600070000000073")]
    device.hear(0.0, bytes.fromhex("ff0178410000000046"))
    assert device.speak(5.0) == []
    device.hear(5.0, bytes.fromhex("ff0178400000000047"))
    assert len(device.speak(6.0)) == 1


def test_a_cell_is_at_nine_tenths_after_its_t90():
    cell = Cell(KINDS["co"], "seed", at_rest=0.0)
    for _ in range(30):
        cell.step(500.0, 1.0)
    assert cell.read() == pytest.approx(450.0, abs=2)


def test_a_cell_ends_at_its_full_scale_and_shows_steps():
    cell = Cell(KINDS["no2"], "seed", at_rest=35.0)
    assert cell.read() == 20.0
    shown = [Cell(KINDS["no2"], f"{i}", at_rest=3.14).read() for i in range(50)]
    assert all(round(value * 10) == pytest.approx(value * 10) for value in shown)
    assert len(set(shown)) > 1  # noise moves the last digit


def test_a_cell_breaks_as_it_is_told():
    cell = Cell(KINDS["co"], "seed", at_rest=40.0)
    last = cell.read()
    cell.fault = "stuck"
    cell.step(900.0, 600.0)
    assert cell.read() == last
    cell.fault = "saturation"
    assert cell.read() == 1000.0
    cell.fault = "silence"
    assert cell.read() is None
