"""Bytes of the dust sensors worked out by hand from the data sheets, and their answers to their hosts."""

import pytest

from firmware_sim.devices import honeywell_hpma115, nova_sds, sensirion_sps30, tera_nextpm

DUST = {"pm1": 5.0, "pm2_5": 12.0, "pm4": 16.0, "pm10": 20.0, "pm100": 1234.0}


def test_hpma115_frames_by_hand():
    # 40+05+04+0C+14 = 69; 40+0D+04+05+0C+10+14 = 86; 42+4D+1C+0C+14 = CB, with 05 and 10 more E0
    assert honeywell_hpma115.answer_frame([12, 20]).hex() == "400504000c001497"
    assert honeywell_hpma115.answer_frame([5, 12, 16, 20]).hex() == "400d040005000c00100014000000007a"
    assert honeywell_hpma115.auto_frame([12, 20]).hex() == "424d001c0000000c0014" + "0000" * 10 + "00cb"
    assert honeywell_hpma115.auto_frame([5, 12, 16, 20]).hex() == "424d001c0005000c00100014" + "0000" * 9 + "00e0"
    assert honeywell_hpma115.coefficient_frame(100).hex() == "400210644a"


def test_an_hpma115_obeys_its_host_however_the_bytes_are_cut():
    device = honeywell_hpma115.Hpma115(DUST.get)
    assert len(device.speak(0.0)) == 1
    assert device.hear(0.1, b"\x68garbage\x68\x01") == []
    assert device.hear(0.2, b"\x20\x77") == [b"\xa5\xa5"]  # stop auto-send
    assert device.speak(5.0) == []
    assert device.hear(5.0, bytes.fromhex("68010493")) == [honeywell_hpma115.answer_frame([12, 20])]
    # stop measuring: reading is refused; a coefficient out of range too
    assert device.hear(6.0, bytes.fromhex("6801029568010493")) == [b"\xa5\xa5", b"\x96\x96"]
    assert device.hear(6.0, bytes.fromhex("680208ff8f")) == [b"\x96\x96"]  # 68+02+08+FF = 171, 200 - 171 = 8F
    device.power_on(10.0)
    assert len(device.speak(11.0)) == 1


def test_nova_frames_by_hand():
    assert nova_sds.sds011_frame(12.3, 45.6).hex() == "aac07b00c801a16045ab"
    assert nova_sds.sds198_frame(1234).hex() == "aacf0000d204a160d7ab"
    assert nova_sds.reply_frame(0x07, 15, 7, 10).hex() == "aac5070f070aa16028ab"


def test_a_nova_obeys_its_host():
    device = nova_sds.NovaSds(DUST.get)
    query = bytes.fromhex("aab4020101" + "00" * 10 + "ffff02ab")
    assert device.hear(0.0, query) == [nova_sds.reply_frame(2, 1, 1)]
    assert device.speak(5.0) == []
    ask = bytes.fromhex("aab404" + "00" * 12 + "ffff02ab")
    assert device.hear(5.0, ask) == [nova_sds.sds011_frame(12.0, 20.0)]
    sleep = bytes.fromhex("aab4060100" + "00" * 10 + "ffff05ab")
    assert device.hear(6.0, sleep) == [nova_sds.reply_frame(6, 1, 0)]
    assert device.hear(7.0, ask) == []  # asleep it hears nothing but "work"
    work = bytes.fromhex("aab4060101" + "00" * 10 + "ffff06ab")
    assert device.hear(8.0, work + ask) == [nova_sds.reply_frame(6, 1, 1), nova_sds.sds011_frame(12.0, 20.0)]
    other = bytes.fromhex("aab404" + "00" * 12 + "123448ab")
    assert device.hear(9.0, other) == []


def test_sps30_frames_by_hand():
    words = sensirion_sps30.as_words([5, 12, 16, 20, 80, 95, 96, 97, 98, 0.6])
    assert sensirion_sps30.reply(3, words).hex() == "7e000300140005000c001000140050005f006000610062025887" "7e"
    assert sensirion_sps30.reply(3).hex() == "7e00030000fc7e"
    assert sensirion_sps30.as_floats([12.5] * 10).hex() == "41480000" * 10
    # 7E, 7D, 11 and 13 are stuffed; 03+04+7E+7D+11+13 = 126, low 26, inverse D9
    assert sensirion_sps30.reply(3, b"\x7e\x7d\x11\x13").hex() == "7e000300047d5e7d5d7d317d33d97e"


def test_an_sps30_measures_when_it_is_told_and_says_when_it_has_nothing_new():
    device = sensirion_sps30.Sps30(DUST.get)
    read = bytes.fromhex("7e000300fc7e")
    assert device.hear(0.0, read) == [sensirion_sps30.reply(3, state=0x43)]
    start = bytes.fromhex("7e0000020103f97e")
    assert device.hear(0.0, start[:3]) == []
    assert device.hear(0.0, start[3:]) == [sensirion_sps30.reply(0)]
    assert device.hear(0.1, start) == [sensirion_sps30.reply(0, state=0x43)]
    assert device.hear(0.2, read) == [sensirion_sps30.reply(3)]  # nothing yet
    (values,) = device.hear(1.2, read)
    assert values[:5] == bytes.fromhex("7e00030028")
    assert device.hear(1.3, read) == [sensirion_sps30.reply(3)]
    device.register = 1 << 21
    (values,) = device.hear(2.5, read)
    assert values[3] == 0x80


def test_an_sps30_sleeps_until_a_byte_wakes_its_ear():
    device = sensirion_sps30.Sps30(DUST.get)
    assert device.hear(0.0, bytes.fromhex("7e001000ef7e")) == [sensirion_sps30.reply(0x10)]
    wake = bytes.fromhex("7e001100ee7e")
    assert device.hear(1.0, wake) == []
    assert device.hear(2.0, b"\xff") == []
    assert device.hear(2.05, wake) == [sensirion_sps30.reply(0x11)]
    (named,) = device.hear(3.0, bytes.fromhex("7e00d001032b7e"))
    # its length, 17 = 11, is stuffed
    assert named[:6] == bytes.fromhex("7e00d0007d31")
    assert named[6:23] == sensirion_sps30.SERIAL_NUMBER.encode() + b"\x00"


def test_nextpm_frames_by_hand():
    # counts 6000, 6200, 6250 per ug/m3: 72000 is more than a word holds
    assert tera_nextpm.means(5.0, 12.0, 20.0).hex() == "ffff" * 3 + "0032007800c8"
    assert tera_nextpm.answer(0x16, 0x04).hex() == "81160465"
    assert tera_nextpm.answer(0x14, 0, bytes.fromhex("09c41388")).hex() == "81140009c4138803"


@pytest.mark.parametrize("request_hex", ["81116e", "81146b", "811768"])
def test_a_nextpm_that_starts_or_sleeps_only_tells_its_state(request_hex):
    device = tera_nextpm.NextPm(DUST.get)
    device.power_on(0.0)
    request = bytes.fromhex(request_hex)
    assert device.hear(1.0, request) == [bytes.fromhex("81160465")]
    assert device.hear(20.0, request)[0][1] == request[1]
    assert device.hear(21.0, bytes.fromhex("81156a")) == [tera_nextpm.answer(0x15, 1)]
    assert device.hear(22.0, request) == [bytes.fromhex("81160168")]
