"""The twenty traps of the sensor protocols (section 15), one test each; the numbers are worked out here."""

import json
import struct

import pytest

from bocamina.inbound import MqttListener
from bocamina.site_file import parse_site
from firmware_sim.devices import sparkplug_node as sparkplug
from gateway.conditioning.current_loop import profile_named, read_loop
from gateway.domain.events import Delivery, Pack
from gateway.domain.measurement import Measurement, NamedValue
from gateway.domain.quality import Quality, Reason
from gateway.drivers.items import Frame, Item, Rejected
from gateway.drivers.modbus import ModbusDecoder
from gateway.drivers.modbus_catalogue import register_map
from gateway.drivers.modbus_frame import ReadRequest, find_reply, is_whole, with_crc
from gateway.drivers.modbus_map import readings
from gateway.drivers.shdlc import unstuffed
from gateway.drivers.table import DRIVERS
from gateway.formats.session import Session
from gateway.formats.table import FORMATS
from gateway.transports.mqtt_messages import Inbound
from tests.end_to_end.mine import ROOT, site_text

NOW = 1_795_000_000.0
GOOD = (Quality.GOOD, Reason.NONE)


def items(driver: str, data: bytes) -> list[Item]:
    decoder = DRIVERS[driver].decoder()
    return decoder.feed(data) + decoder.finish()


def only(driver: str, data: bytes) -> Frame:
    (item,) = items(driver, data)
    assert isinstance(item, Frame), item
    return item


def values(driver: str, data: bytes) -> dict[str, float | None]:
    return {reading.quantity: reading.value for reading in only(driver, data).readings}


def plantower(*words: int) -> bytes:
    body = b"BM" + b"".join(word.to_bytes(2, "big") for word in (2 * len(words) + 2, *words))
    return body + sum(body).to_bytes(2, "big")


def winsen(*seven: int) -> bytes:
    return bytes([0xFF, *seven, -sum(seven) & 0xFF])


def shdlc(*body: int) -> bytes:
    return bytes([0x7E, *body, ~sum(body) & 0xFF, 0x7E])


def told(name: str, topic: str, body: object) -> list[NamedValue]:
    return FORMATS[name].session()(topic, json.dumps(body).encode(), NOW)


def test_01_the_first_bytes_do_not_name_the_model() -> None:
    answer = winsen(0x86, 0x01, 0xF4, 0, 0, 0, 0)
    assert values("winsen-mhz19", answer) == {"co2": 500.0}
    assert values("winsen-ze15-co", answer) == {"co": 50.0}
    assert values("winsen-zh03", answer)["pm2_5"] == 500.0
    auto = plantower(*range(1, 13), 0x9700)
    assert values("plantower-pms", auto)["pm2_5"] == 5.0
    assert values("honeywell-hpma115s0", auto)["pm2_5"] == 2.0


def test_02_one_sends_the_low_byte_first_the_other_the_high_one() -> None:
    # 0x0102: 258 big-endian, 513 little-endian tenths
    assert values("nova-sds011", bytes.fromhex("aac0 0102 0102 0000 06 ab"))["pm2_5"] == 51.3
    assert values("plantower-pms", plantower(0, 0, 0, 0, 0x0102, 0, *[9] * 6, 0x9700))["pm2_5"] == 258.0


def test_03_temperature_has_a_sign() -> None:
    assert values("plantower-pms5003t", plantower(*[1] * 10, 0xFFCE, 500, 0x9700))["temperature"] == -5.0


def test_04_stuffing_is_undone_in_one_pass() -> None:
    # the data 7D 5E goes over the wire as 7D 5D 5E; replacing 7D 5E first, or last, makes 7E of it
    assert unstuffed(bytes.fromhex("7d5d5e")) == b"\x7d\x5e"
    assert unstuffed(bytes.fromhex("7d5d5e")).replace(b"\x7d\x5e", b"\x7e") == b"\x7e"


def test_05_an_empty_answer_is_no_new_value_and_no_clean_air() -> None:
    frame = only("sensirion-sps30", shdlc(0, 3, 0, 0))
    assert frame.readings == ()
    assert frame.info is not None
    assert frame.info["new_value"] is False


def test_06_bit_7_of_the_state_is_no_error_of_the_command() -> None:
    words = [0, 5, 0, 12, 0, 15, 0, 18, *[0, 1] * 5, 2, 88]
    frame = only("sensirion-sps30", shdlc(0, 3, 0x80, 20, *words))
    assert [reading.quantity for reading in frame.readings][:2] == ["pm1", "pm2_5"]
    assert all((reading.quality, reading.reason) != GOOD for reading in frame.readings), "the device says it is unwell"
    assert all((r.quality, r.reason) == GOOD for r in only("sensirion-sps30", shdlc(0, 3, 0, 20, *words)).readings)


def test_07_a_checksum_wraps_to_zero() -> None:
    # 86 + 01 + 79 = 100: the inverse of 00 plus 1 is 100, as one byte 00
    assert winsen(0x86, 0x01, 0x79, 0, 0, 0, 0)[-1] == 0
    assert values("winsen-mhz19", bytes.fromhex("ff8601790000000000")) == {"co2": 377.0}


def test_08_a_cold_sensor_says_410() -> None:
    assert DRIVERS["winsen-mhz19"].warm_up_s == 180.0
    booting = only("winsen-mhz19", winsen(0x86, 0x01, 0x9A, 0, 0, 0x3A, 0x98)).readings[0]
    assert (booting.value, booting.quality, booting.reason) == (410.0, Quality.UNCERTAIN, Reason.WARMING_UP)


def test_09_self_calibration_is_off_underground() -> None:
    assert winsen(0x01, 0x79, 0, 0, 0, 0, 0) in DRIVERS["winsen-mhz19"].start_command
    closed = DRIVERS["cubic-cm1106"].start_command
    assert (closed[2], closed[4]) == (0x10, 0x02)
    for spec in DRIVERS.values():
        for command in (spec.start_command, spec.poll_command):
            assert b"\xff\x01\x87" not in command, "nobody sets a zero by accident"


def test_10_zero_while_inhibited_is_no_measurement() -> None:
    def xnx(state: int) -> Measurement:
        gas = [int.from_bytes(struct.pack(">f", 0.0)[at : at + 2], "big") for at in (0, 2)]
        return readings(register_map("honeywell-xnx"), [0x2400, 0x2400, *gas, 0, 0, state, 1, 0, 0, 4])[0]

    assert (xnx(1).value, xnx(1).quality) == (0.0, Quality.GOOD)
    assert (xnx(3).value, xnx(3).quality) == (None, Quality.BAD)


def test_11_the_crc_has_its_low_byte_first() -> None:
    # CRC-16/MODBUS of "123456789" is 4B37
    assert with_crc(b"123456789") == b"123456789\x37\x4b"
    assert not is_whole(b"123456789\x4b\x37")


def test_12_a_late_answer_is_not_booked_on_the_next_unit() -> None:
    late, asked = with_crc(b"\x01\x03\x02\x00\x7b"), ReadRequest(2, 3, 0, 1)
    assert find_reply(asked, late) is None
    right = with_crc(b"\x02\x03\x02\x00\x0c")
    assert find_reply(asked, late + right) == (len(late), len(right))
    decoder = ModbusDecoder(register_map("renke-rs-fs"), asked.frame())
    first, second = decoder.feed(late + right)
    assert isinstance(first, Rejected)
    assert first.error == "unsupported"
    assert isinstance(second, Frame)
    assert [reading.value for reading in second.readings] == [pytest.approx(1.2)]


def test_13_the_order_of_words_is_the_maker_s() -> None:
    high, low = struct.unpack(">2H", struct.pack(">f", 12.5))
    words = [0] * 43
    words[34], words[37], words[38] = 100, low, high
    trolex = {reading.quantity: reading.value for reading in readings(register_map("trolex-air-xd"), words)}
    assert trolex["pm_a"] == 12.5
    xnx = readings(register_map("honeywell-xnx"), [0x2400, 0x2400, high, low, 0, 0, 1, 1, 0, 0, 4])
    assert xnx[0].value == 12.5
    swapped = readings(register_map("honeywell-xnx"), [0x2400, 0x2400, low, high, 0, 0, 1, 1, 0, 0, 4])
    assert swapped[0].value != 12.5


def test_14_empty_fields_are_not_calm_air() -> None:
    # "MWV,,R,,M,V" and "WI": 57^49^4D^57^56^2C^2C^52^2C^2C^4D^2C^56 = 37
    assert values("nmea0183", b"$WIMWV,,R,,M,V*37\r\n") == {"air_direction": None, "air_velocity": None}
    for reading in only("nmea0183", b"$WIMWV,,R,,M,V*37\r\n").readings:
        assert (reading.quality, reading.reason) == (Quality.BAD, Reason.FAULT)


def test_15_twenty_one_milliamperes_may_be_gas() -> None:
    failed = read_loop(profile_named("namur-ne43"), 21.0, 0.0, 100.0)
    assert (failed.value, failed.quality) == (None, Quality.BAD)
    gas = read_loop(profile_named("msa-ultima-x"), 21.0, 0.0, 100.0)
    assert (gas.quality, gas.reason) == (Quality.UNCERTAIN, Reason.OVER_RANGE)
    assert gas.value is not None
    assert gas.value >= 100.0


def test_16_a_small_time_counts_from_now() -> None:
    pack = [{"n": "co", "u": "ppm", "v": 1, "t": -5}, {"n": "no", "u": "ppm", "v": 1, "t": 2**28}]
    assert [value.time for value in told("senml-json", "", pack)] == [NOW - 5, float(2**28)]


def test_17_one_counter_for_node_and_devices_and_an_old_death_is_stale() -> None:
    host = FORMATS["sparkplug-b"].session()
    assert isinstance(host, Session)

    def hears(kind: str, seq: int | None, *metrics: bytes, device: str = "") -> None:
        host(f"spBv1.0/g/{kind}/n{device}", sparkplug.payload(list(metrics), 1000, seq), NOW)

    def birth(bd_seq: int) -> bytes:
        return sparkplug.metric(bd_seq, sparkplug.UINT64, name="bdSeq")

    co = sparkplug.metric(1.0, sparkplug.FLOAT, name="co", alias=1)
    hears("NBIRTH", 0, birth(7), co)
    hears("DBIRTH", 1, co, device="/d")
    hears("NDATA", 2, sparkplug.metric(2.0, sparkplug.FLOAT, alias=1))
    assert host.aside().publish == (), "device and node share the counter: nothing is missing"
    hears("NDEATH", None, birth(6))
    assert host.aside().lost == (), "the will of an earlier connection"
    hears("NDEATH", None, birth(7))
    assert host.aside().lost == ("g/n",)
    hears("NBIRTH", 0, birth(8), co)
    hears("NDATA", 2, sparkplug.metric(2.0, sparkplug.FLOAT, alias=1))
    assert len(host.aside().publish) == 1, "a gap asks for the births"


def test_18_an_absent_field_is_not_invented() -> None:
    up = {"deviceInfo": {"devEui": "70b3d57ed0051f2a"}, "data": "AQI=", "object": {"co": 1}}
    topic = "application/1/device/70b3d57ed0051f2a/event/up"
    assert [value.name for value in told("chirpstack", topic, up)] == ["co"]
    assert told("ttn", "v3/a@t/devices/d/up", {"uplink_message": {"frm_payload": "AQI="}}) == []


def test_19_a_local_time_1970_and_what_the_broker_kept_place_nothing() -> None:
    for time in ("2026-11-18T06:33:20", "1970-01-01T00:00:09", "2018.05.01 06:33:20"):
        (value,) = told("tasmota", "tele/n/SENSOR", {"Time": time, "SCD40": {"CarbonDioxide": 443}})
        assert value.time is None
    kept = Inbound(
        1, 1, 1, ROOT + "node/node7/senml", b'[{"n":"co","u":"ppm","v":26}]', retain=True, received_ns=0, backlog=False
    )
    (pack,) = MqttListener(parse_site(site_text(1883, serial_port="/dev/ttyUSB0").encode())).events(kept, 0)
    assert isinstance(pack, Pack)
    assert pack.delivery is Delivery.RETAINED


def test_20_p1_is_pm10_numbers_are_texts_and_pressure_is_in_pascal() -> None:
    rows = {"SDS_P1": "12.30", "SDS_P2": "4.10", "BME280_pressure": "71240.50", "BME280_temperature": "nan"}
    body = {"esp8266id": "1", "sensordatavalues": [{"value_type": k, "value": v} for k, v in rows.items()]}
    assert [(value.quantity, value.value, value.unit) for value in told("airrohr", "a", body)] == [
        ("pm10", 12.3, "ug/m3"), ("pm2_5", 4.1, "ug/m3"), ("pressure", 712.405, "hPa"), ("temperature", None, "degC"),
    ]  # fmt: skip
