"""Where the fuzzing begins: frames of our own emulators, and one message of each format."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from firmware_sim.devices import sparkplug_node as sparkplug
from firmware_sim.devices.anemometers import ANEMOMETERS
from firmware_sim.devices.bocamina_node import BocaminaNode
from firmware_sim.devices.dust_sensors import DUST_SENSORS
from firmware_sim.devices.faults import Read, SerialDevice
from firmware_sim.devices.gas_modules import GAS_MODULES
from firmware_sim.devices.gill_windsonic import message
from firmware_sim.devices.nmea_station import sentence
from firmware_sim.devices.plantower import Plantower
from firmware_sim.devices.senml import as_cbor, as_json, records
from firmware_sim.devices.vaisala_wxt import with_crc
from firmware_sim.devices.winsen_ze03 import WinsenZE03
from gateway.drivers.modbus_catalogue import register_maps
from gateway.drivers.modbus_frame import with_crc as with_modbus_crc
from gateway.drivers.table import DRIVERS
from gateway.formats import sms_pdu
from tests.fuzz.targets import SEPARATOR

DEVICES: Final[Mapping[str, Callable[[Read], SerialDevice]]] = {
    **dict.fromkeys((name for name in DRIVERS if name.startswith("plantower-")), Plantower),
    **DUST_SENSORS,
    **GAS_MODULES,
    **ANEMOMETERS,
    "winsen-ze03": partial(WinsenZE03, "co"),
    "bocamina-node": lambda read: BocaminaNode("node7", {"co": "co", "o2": "o2"}, read),
}
"""Driver → a device whose frames it should know, or at least refuse."""

_MORE: Final[Mapping[str, list[bytes]]] = {
    "nmea0183": [
        sentence(text)
        for text in ("WIMWV,,R,,M,V", "WIMWD,1,T,2,M,3,N,1.5,M", "IIVWR,45,L,4,N,2,M,7,K", "WIMMB,21,I,0.72,B",
                     "WIMDA,21,I,0.72,B,12,C,,,61,,5,C,1,T,,M,,N,2,M", "WITXT,01,01,01,x", "WIXDR,C,1,C,2,G,a,,b")
    ],
    "gill-windsonic": [message(text) for text in ("Q,,000.04,M,60,", "Q,+001.00,-002.00,N,00,", "A,001.59,0,M,00,")],
    "vaisala-wxt": [with_crc("0r1,Dm=002D,Sm=1.0M") + b"\r\n", b"0R1,Dm=000#,Sm=0.0#\r\n0TX,x\r\n"],
}  # fmt: skip

_PACK: Final = records("node7", 3, 77, [("co", "co", 12.5), ("temperature", "temperature", 21.0)], 1_779_999_999.0)
_EUI: Final = "70b3d57ed0051f2a"
_MESSAGES: Final[Mapping[str, list[tuple[str, bytes]]]] = {
    "senml-json": [("a/node/node7/senml", as_json(_PACK)), ("", b'[{"n":"a","vs":"x"},{"n":"b","s":1,"t":-3}]')],
    "senml-cbor": [("a/node/node7/senml-cbor", as_cbor(_PACK))],
    "sparkplug-b": [
        ("spBv1.0/g/NBIRTH/n", sparkplug.payload(
            [sparkplug.metric(0, sparkplug.UINT64, name="bdSeq"),
             sparkplug.metric(1.0, sparkplug.FLOAT, name="co", alias=1)], 1000, 0)),
        ("spBv1.0/g/DBIRTH/n/d", sparkplug.payload([sparkplug.metric(1, sparkplug.UINT64, name="no", alias=2)], 1, 1)),
        ("spBv1.0/g/NDATA/n", sparkplug.payload([sparkplug.metric(2.0, sparkplug.FLOAT, alias=1)], 1001, 2)),
        ("spBv1.0/g/NDEATH/n", sparkplug.payload([sparkplug.metric(0, sparkplug.UINT64, name="bdSeq")], 1)),
    ],
    "chirpstack": [(f"application/1/device/{_EUI}/event/up", json.dumps({
        "time": "2026-11-18T11:33:20.775023242+00:00", "deviceInfo": {"devEui": _EUI}, "object": {"co": 1, "a": ["x"]},
    }).encode())],
    "ttn": [("v3/orex@ttn/devices/gas-2/up", json.dumps({
        "end_device_ids": {"device_id": "gas-2"}, "received_at": "2026-11-18T11:33:20.5Z",
        "uplink_message": {"f_port": 1, "decoded_payload": {"co": 0.5}},
    }).encode())],
    "tasmota": [
        ("tele/nodo7/SENSOR", b'{"Time":"2026-11-18T11:33:20","SCD40":{"CarbonDioxide":443},"TempUnit":"F"}'),
        ("stat/nodo7/STATUS8", b'{"StatusSNS":{"Time":"2018.11.18 11:33:20","A":{"Temperature":null}}}'),
        ("tele/nodo7/LWT", b"Offline"),
    ],
    "esphome": [("nodo8/sensor/co/state", b"12.5"), ("nodo8/sensor/co/state", b"nan"), ("nodo8/status", b"offline")],
    "airrohr": [("a", b'{"esp8266id":"1","sensordatavalues":[{"value_type":"SDS_P1","value":"12.5"}]}')],
    "airgradient": [("airgradient/readings/84fce6", b'{"rco2":443,"pm02":8,"atmp":21.5,"wifi":-61}')],
}  # fmt: skip

_ADDRESS, _STAMP = "0B911589674523F1", "62113270000002"
_RECEIVED: Final = f"0000{_ADDRESS}0000{_STAMP}04E8373B0C"
"""No SMSC, a message from +51987654321 of 2026-11-23 07:00, "hola" (3GPP TS 23.040, 9.2.2.1)."""
_REPORT: Final = f"000601{_ADDRESS}{_STAMP}{_STAMP}00"
"""Message 1 was delivered (9.2.2.3)."""
_SAID: Final = [
    [b"+CPIN: READY\r\nOK\r\n", b"+CREG: 0,1\r\nOK\r\n", b"+CSQ: 21,99\r\nOK\r\n", b"> ", b"+CMGS: 0\r\nOK\r\n"],
    [b"+CPIN: SIM PIN\r\nOK\r\n", b"+CME ERROR: 16\r\n", b"+CMTI: \"SM\",1\r\n", b"COMMAND NOT SUPPORT\r\n"],
    [f"+CMGL: 1,0,,22\r\n{_RECEIVED}\r\nOK\r\n".encode(), f"+CDS: 24\r\n{_REPORT}\r\n".encode()],
    [b"+CMS ERROR: 331\r\n", b"RING\r\n", b"+CREG: 5\r\n", b"> > >"],
]
_LINES: Final = (
    "GAS frente-1 CO 12 NO2 0.4 CO2 900 O2 20.3", "gas frente-1 metano 0,5 % bump hoy", "GAS x CO", "GAS x CO=1e9",
)  # fmt: skip


def seeds(name: str) -> list[bytes]:
    """Inputs of the target `name`."""
    if name in _MESSAGES:
        parts = [topic.encode() + b"\n" + payload for topic, payload in _MESSAGES[name]]
        return [SEPARATOR.join(parts), *parts]
    if name == "modbus":
        maps = [device.request(1) for _, device in sorted(register_maps().items())]
        answers = [
            with_modbus_crc(bytes([1, asked.function, 2 * asked.count]) + bytes(2 * asked.count)) for asked in maps
        ]
        exception = b"\x00\x04" + with_modbus_crc(b"\x01\x83\x02")
        return [exception, *(bytes([number, 4]) + answer for number, answer in enumerate(answers))]
    if name == "sms-pdu":
        texts = ("GAS F1 CO 12", "evacúe ya")
        sent = [unit.pdu for text in texts for unit in sms_pdu.encode(text, "+51987654321", reference=1)]
        units = [_RECEIVED, _REPORT, *sent]
        return [b"\x00" + bytes.fromhex(pdu) for pdu in units] + [b"\x01" + pdu.encode() for pdu in units]
    if name == "sms-modem":
        return [b"\xff".join([b"OK\r\n"] * 5 + more) for more in _SAID]
    if name == "gas-line":
        return [line.encode() for line in _LINES]
    device = DEVICES[name](_air)
    spec = DRIVERS[name]
    said = device.speak(0.0) + device.hear(0.0, spec.start_command) + device.hear(0.5, spec.poll_command)
    said += [frame for second in range(1, 4) for frame in device.speak(float(second))]
    return [bytes([cut]) + frame for cut, frame in enumerate([*said, *_MORE.get(name, []), b"".join(said)])]


def _air(_channel: str) -> float:
    return 2.0
