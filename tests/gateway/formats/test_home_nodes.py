"""Tasmota, ESPHome, airRohr, AirGradient: the nodes that people build or buy for their homes."""

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.errors import FormatError
from gateway.domain.names import FORMAT_NAMES
from gateway.formats.session import Session
from gateway.formats.table import FORMATS

NOW = 1_795_000_000.0


def decode(name: str, topic: str, body: object) -> list[tuple[object, ...]]:
    payload = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return [tuple(value) for value in FORMATS[name].session()(topic, payload, NOW)]


def lost(name: str, topic: str, payload: bytes) -> tuple[str, ...]:
    session = FORMATS[name].session()
    assert isinstance(session, Session)
    assert session(topic, payload, NOW) == []
    return session.aside().lost


# --- Tasmota ---------------------------------------------------------------------------------------------------------


def sensor(time: object = "2026-11-18T11:33:20", **more: object) -> dict[str, object]:
    return {"Time": time, **more}


def test_a_sensor_message_its_suffixes_and_its_units() -> None:
    body = sensor(
        **{
            "SCD40": {"CarbonDioxide": 443, "eCO2": 437, "Temperature": 22.5, "Humidity": 45.1, "DewPoint": 10.0},
            "DS18B20-1": {"Id": "3C01", "Temperature": None},
            "BME280-0x76": {"Pressure": 712.4},
            "PMS5003": {"CF2.5": 9, "PM2.5": 8, "PM10": 12, "PB0.3": 900},
            "Switch1": "ON",
            "TempUnit": "C",
            "PressureUnit": "hPa",
        },
    )
    assert [value[1:5] for value in decode("tasmota", "tele/nodo7/SENSOR", body)] == [
        ("SCD40/CarbonDioxide", "co2", 443.0, "ppm"),
        ("SCD40/eCO2", None, 437.0, None),
        ("SCD40/Temperature", "temperature", 22.5, "degC"),
        ("SCD40/Humidity", "humidity", 45.1, "%RH"),
        ("SCD40/DewPoint", None, 10.0, None),
        ("DS18B20-1/Id", None, "3C01", None),
        ("DS18B20-1/Temperature", "temperature", None, "degC"),
        ("BME280-0x76/Pressure", "pressure", 712.4, "hPa"),
        ("PMS5003/CF2.5", None, 9.0, None),
        ("PMS5003/PM2.5", "pm2_5", 8.0, "ug/m3"),
        ("PMS5003/PM10", "pm10", 12.0, "ug/m3"),
        ("PMS5003/PB0.3", None, 900.0, None),
        ("Switch1", None, "ON", None),
    ]


@pytest.mark.parametrize(
    ("topic", "node"),
    [
        ("tele/nodo7/SENSOR", "nodo7"),
        ("nodo7/tele/SENSOR", "nodo7"),
        ("mina/tele/n/7/SENSOR", "mina/n/7"),
        ("", None),
        ("stat/nodo7/STATUS8", "nodo7"),
        ("stat/nodo7/STATUS10", "nodo7"),
    ],
)
def test_the_device_topic_is_the_node_wherever_the_prefix_stands(topic: str, node: str | None) -> None:
    body = sensor(SHT3X={"Humidity": 50})
    for told in (body, {"StatusSNS": body}):
        assert [value[:4] for value in decode("tasmota", topic, told)] == [(node, "SHT3X/Humidity", "humidity", 50.0)]


@pytest.mark.parametrize(
    ("unit", "value", "expected"),
    [("F", 68, 20.0), ("C", 20, 20.0), ("F", None, None)],
)
def test_degrees_fahrenheit(unit: str, value: float | None, expected: float | None) -> None:
    ((_, _, quantity, found, shown, _),) = decode(
        "tasmota", "tele/n/SENSOR", sensor(ANALOG={"Temperature1": value}, TempUnit=unit)
    )
    assert (quantity, found, shown) == ("temperature", pytest.approx(expected), "degC")


@pytest.mark.parametrize(("unit", "value", "hpa"), [("mmHg", 760, 1013.25), ("inHg", 29.92, 1013.2), ("psi", 10, None)])
def test_units_of_pressure(unit: str, value: float, hpa: float | None) -> None:
    ((_, _, quantity, found, _, _),) = decode(
        "tasmota", "tele/n/SENSOR", sensor(BMP={"Pressure": value}, PressureUnit=unit)
    )
    assert (quantity, found) == (("pressure", pytest.approx(hpa, abs=0.05)) if hpa else (None, 10.0))


@pytest.mark.parametrize(
    ("body", "time"),
    [
        ({"Time": "2026-11-18T06:33:20"}, None),  # local, of a zone that nobody knows
        ({"Time": "2026-11-18T06:33:20-05:00"}, 1_795_001_600.0),
        ({"Time": "2026-11-18T06:33:20", "Epoch": 1795001600}, 1_795_001_600.0),
        ({"Time": "1970-01-01T00:00:09"}, None),
        ({"Time": "1970-01-01T00:00:09Z"}, None),
        ({"Time": "2018.05.01 06:33:20"}, None),
        ({"Epoch": 9}, None),
        ({}, None),
    ],
)
def test_a_local_time_places_nothing_and_1970_is_no_clock(body: dict[str, object], time: float | None) -> None:
    assert decode("tasmota", "tele/n/SENSOR", {**body, "S": {"CO": 1}}) == [("n", "S/CO", "co", 1.0, "ppm", time)]


def test_the_last_will_and_messages_that_measure_nothing() -> None:
    assert lost("tasmota", "tele/nodo7/LWT", b"Offline") == ("nodo7",)
    assert lost("tasmota", "tele/nodo7/LWT", b"Online") == ()
    assert decode("tasmota", "tele/nodo7/STATE", {"Wifi": {"Signal": -60}}) == []
    assert decode("tasmota", "tele/nodo7/INFO1", {"Info1": {}}) == []


# --- ESPHome ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "value"), [(b"412.0", 412.0), (b" 7\n", 7.0), (b"nan", None), (b"-inf", None), (b"1e3", 1000.0)]
)
def test_one_number_a_topic(payload: bytes, value: float | None) -> None:
    found = decode("esphome", "mina/nodo7/sensor/co2/state", payload)
    assert found == [("mina/nodo7", "co2", "co2", value, "ppm", None)]


def test_other_topics_of_an_esphome_node() -> None:
    assert decode("esphome", "nodo7/binary_sensor/fan_running/state", b"ON")[0][1:5] == (
        "fan_running",
        "fan_running",
        1.0,
        "bool",
    )
    assert decode("esphome", "nodo7/text_sensor/version/state", b"2026.1")[0][2:4] == (None, "2026.1")
    assert decode("esphome", "nodo7/sensor/mq7_co/state", b"3")[0][1:4] == ("mq7_co", None, 3.0)
    assert decode("esphome", "nodo7/debug", b"\x1b[0;36mhello") == []
    assert lost("esphome", "nodo7/status", b"offline") == ("nodo7",)
    assert lost("esphome", "nodo7/status", b"online") == ()


@pytest.mark.parametrize(
    ("topic", "payload", "kind"),
    [
        ("", b"1", "topic"),
        ("n/sensor/co/state", b"high", "number"),
        ("n/sensor/co/state", b"1_000", "number"),
        ("n/sensor/co/state", b"\xff", "text"),
        ("n/sensor/co/state", b"1" * 300, "text"),
    ],
)
def test_what_is_no_state_is_one_sentence(topic: str, payload: bytes, kind: str) -> None:
    with pytest.raises(FormatError) as caught:
        decode("esphome", topic, payload)
    assert caught.value.kind == kind


# --- airRohr and AirGradient -----------------------------------------------------------------------------------------


def rows(**values: object) -> dict[str, object]:
    return {"esp8266id": "1234", "sensordatavalues": [{"value_type": k, "value": v} for k, v in values.items()]}


def test_p1_is_pm10_values_are_texts_and_pressure_is_in_pascal() -> None:
    body = rows(
        SDS_P1="12.30",
        SDS_P2="4.10",
        PMS_P0="1",
        SPS30_P4="5",
        SPS30_N25="10.5",
        HPM_P1="7",
        NPM_P2="3",
        BME280_temperature="nan",
        BME280_pressure="71240.50",
        BME280_humidity=41.5,
        signal="-71",
        SCD30_co2_ppm="",
        P1="9",
        samples="5013031",
        GPS_date="11/18/2026",
        min_micro=None,
    )
    assert [value[1:5] for value in decode("airrohr", "airrohr/1234", body)] == [
        ("SDS_P1", "pm10", 12.3, "ug/m3"),
        ("SDS_P2", "pm2_5", 4.1, "ug/m3"),
        ("PMS_P0", "pm1", 1.0, "ug/m3"),
        ("SPS30_P4", "pm4", 5.0, "ug/m3"),
        ("SPS30_N25", "nc2_5", 10.5, "1/cm3"),
        ("HPM_P1", "pm10", 7.0, "ug/m3"),
        ("NPM_P2", "pm2_5", 3.0, "ug/m3"),
        ("BME280_temperature", "temperature", None, "degC"),
        ("BME280_pressure", "pressure", 712.405, "hPa"),
        ("BME280_humidity", "humidity", 41.5, "%RH"),
        ("signal", "rssi", -71.0, "dBm"),
        ("SCD30_co2_ppm", "co2", None, "ppm"),
        ("P1", "pm10", 9.0, "ug/m3"),
        ("samples", None, "5013031", None),
        ("GPS_date", None, "11/18/2026", None),
        ("min_micro", None, None, None),
    ]
    assert {value[0] for value in decode("airrohr", "", body)} == {"1234"}
    assert decode("airrohr", "", rows(P2="broken"))[0][2:4] == (None, "broken")
    assert decode("airrohr", "", rows(signal="-59 dBm"))[0][2:5] == ("rssi", -59.0, "dBm")


@pytest.mark.parametrize(
    "body",
    [{}, {"sensordatavalues": {}}, {"sensordatavalues": [1]}, {"sensordatavalues": [{"value": "1"}]}, rows(SDS_P1=[1])],
)
def test_what_is_no_airrohr_message_is_one_sentence(body: object) -> None:
    with pytest.raises(FormatError, match="expected"):
        decode("airrohr", "", body)


def test_an_airgradient_monitor_counts_per_decilitre() -> None:
    body = {
        "pm01": 3,
        "pm02": 7,
        "pm10": 8,
        "pm003Count": 442,
        "atmp": 25.87,
        "atmpCompensated": 24.47,
        "rhum": 43,
        "rco2": 447,
        "tvocIndex": 100,
        "wifi": -46,
        "ledMode": "pm",
        "serialno": "ecda3b1eaaaf",
        "noxIndex": None,
        "channels": {"1": {"pm02": 6}},
        "boot": 6,
    }
    assert [value[:5] for value in decode("airgradient", "airgradient/readings/ecda3b1eaaaf", body)] == [
        ("ecda3b1eaaaf", name, quantity, value, unit)
        for name, quantity, value, unit in [
            ("pm01", "pm1", 3.0, "ug/m3"),
            ("pm02", "pm2_5", 7.0, "ug/m3"),
            ("pm10", "pm10", 8.0, "ug/m3"),
            ("pm003Count", "nc0_3", 4.42, "1/cm3"),
            ("atmp", "temperature", 25.87, "degC"),
            ("atmpCompensated", "temperature", 24.47, "degC"),
            ("rhum", "humidity", 43.0, "%RH"),
            ("rco2", "co2", 447.0, "ppm"),
            ("tvocIndex", None, 100.0, None),
            ("wifi", "rssi", -46.0, "dBm"),
            ("ledMode", None, "pm", None),
            ("noxIndex", None, None, None),
            ("channels/1/pm02", "pm2_5", 6.0, "ug/m3"),
            ("boot", None, 6.0, None),
        ]
    ]
    assert decode("airgradient", "airgradient/readings/abc", {"rco2": 1})[0][0] == "abc"
    assert decode("airgradient", "", {"rco2": None})[0][:4] == (None, "rco2", "co2", None)


# --- All of them -----------------------------------------------------------------------------------------------------

JSONS = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["nan", "12", "PM10"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=8)
            | st.sampled_from(
                [
                    "Time",
                    "Epoch",
                    "StatusSNS",
                    "TempUnit",
                    "Temperature",
                    "object",
                    "rco2",
                    "sensordatavalues",
                    "value_type",
                    "value",
                    "uplink_message",
                    "decoded_payload",
                    "co",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
TOPICS = st.sampled_from(
    ["", "tele/n/SENSOR", "a/device/b/event/up", "v3/a/devices/b/up", "n/sensor/co/state", "n/status", "a"]
)


@settings(max_examples=150, deadline=None)
@given(topic=TOPICS, tree=JSONS, raw=st.binary(max_size=40))
def test_any_message_is_values_or_one_sentence(topic: str, tree: object, raw: bytes) -> None:
    for name in FORMAT_NAMES:
        for payload in (json.dumps(tree).encode(), raw):
            session = FORMATS[name].session()
            with contextlib.suppress(FormatError):
                for value in session(topic, payload, NOW):
                    assert value.quantity is None or value.value is None or type(value.value) is float
