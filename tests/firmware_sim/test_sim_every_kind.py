"""`bocamina sim` has a device for every driver, every register map with an emulator, and every MQTT format."""

import tomllib
from pathlib import Path

import pytest

from bocamina.inbound import MqttListener
from bocamina.site_file import parse_site
from firmware_sim.devices.connection import Broker, Message
from firmware_sim.devices.foreign_device import ForeignDevice
from firmware_sim.devices.modbus_devices import MODBUS_DEVICES
from firmware_sim.devices.plantower import MODELS, Plantower
from firmware_sim.live import Simulator
from firmware_sim.mine import Mine
from firmware_sim.script import ScenarioError, read_scenario
from gateway.domain.events import Pack
from gateway.drivers.items import Frame, Rejected
from gateway.drivers.table import DRIVERS
from gateway.formats.table import FORMATS
from gateway.transports.mqtt_messages import Inbound
from tests.fixtures.waiting import wait_for

QUIET = read_scenario("quiet", 'text = "x"\nduration_s = 60\n')
HEAD = """
[site]
id = "orex-01"
name = "x"
[mqtt]
port = {port}
[[zones]]
id = "frente-1"
name = "Frente 1"
kind = "face"
[[zones]]
id = "bocamina"
name = "Bocamina"
kind = "portal"
[[connections]]
from = "bocamina"
to = "frente-1"
length_m = 120
area_m2 = 4.0
"""
NODES = {
    "senml-json": ("bocamina/v1/orex-01/node/+/senml", "n1/co"),
    "senml-cbor": ("bocamina/v1/orex-01/node/+/senml-cbor", "n1/co"),
    "sparkplug-b": ("spBv1.0/orex/#", "orex/n1/xam/co"),
    "chirpstack": ("application/+/device/+/event/up", "70b3d57ed0051f2a/co"),
    "ttn": ("v3/mina@ttn/devices/+/up", "gas-2/co"),
    "tasmota": ("tele/+/+", "n1/SCD40/CarbonDioxide"),
    "esphome": ("n1/#", "n1/mq7_co"),
    "airrohr": ("airrohr/+", "1234567/SDS_P2"),
    "airgradient": ("airgradient/readings/+", "ecda3b1eaaaf/rco2"),
}
QUANTITIES = {"tasmota": "co2", "airrohr": "pm2_5", "airgradient": "co2"}


def source(kind: str, more: str, quantity: str, channel: str) -> str:
    return (
        f'[[sources]]\nid = "x"\nkind = "{kind}"\n{more}\n'
        f'[[sensors]]\nid = "s"\nzone = "frente-1"\nquantity = "{quantity}"\nsource = "x"\nchannel = "{channel}"\n'
    )


def simulator(text: str, tmp_path: Path, port: int = 1) -> Simulator:
    body = tomllib.loads(text)
    return Simulator(body, Mine(body, QUIET), Broker("127.0.0.1", port, "5"), tmp_path)


@pytest.mark.parametrize("driver", DRIVERS)
def test_every_driver_is_spoken(driver: str, tmp_path: Path) -> None:
    text = HEAD.format(port=1) + source("serial", f'port = "/x"\ndriver = "{driver}"', "co", "n1/co")
    assert simulator(text, tmp_path).lines.keys() == {"x"}


@pytest.mark.parametrize("name", MODBUS_DEVICES)
def test_every_emulated_map_is_spoken(name: str, tmp_path: Path) -> None:
    text = HEAD.format(port=1) + source("modbus", f'port = "/x"\nmap = "{name}"\naddress = 1', "co", "gas")
    assert simulator(text, tmp_path).lines.keys() == {"x"}


def test_every_format_has_a_node() -> None:
    assert NODES.keys() == FORMATS.keys()


@pytest.mark.parametrize("kind", [name for name in NODES if not name.startswith("senml")])
def test_a_foreign_node_of_the_site_file_is_read_by_the_gateway(kind: str, mosquitto, tmp_path: Path) -> None:
    """What it says goes through the gateway's own listener, under the very names of the site file."""
    topic, channel = NODES[kind]
    quantity = QUANTITIES.get(kind, "co")
    more = f'topic = "{topic}"\nformat = "{kind}"'
    text = HEAD.format(port=mosquitto.port) + source("mqtt", more, quantity, channel)
    sim = simulator(text, tmp_path, mosquitto.port)
    (device,) = sim.nodes.values()
    assert isinstance(device, ForeignDevice)
    said: list[Message] = []
    device.start()
    say = device.link.say
    device.link.say = lambda message: (said.append(message), say(message))[1]  # type: ignore[method-assign]
    try:
        wait_for(lambda: device.link.up, "connected")
        device.turn(0.0, 1_795_000_000.0)
    finally:
        device.stop()
    listener = MqttListener(parse_site(text.encode()))
    packs = [
        event for message in said
        for event in listener.events(
            Inbound(1, 1, 0, message.topic, message.payload, False, 0, False), 1_795_000_000_000_000
        ) if isinstance(event, Pack)
    ]  # fmt: skip
    expected = sim.mine.value("s")
    assert expected is not None
    values = [sample.value for pack in packs for sample in pack.samples]
    assert values == [pytest.approx(expected, abs=25.0 if quantity == "co2" else 0.5)] * len(values)
    assert values


def test_what_the_simulator_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    def build(more: str, channel: str, extra: str = "") -> None:
        simulator(HEAD.format(port=1) + source("mqtt", more, "co", channel) + extra, tmp_path)

    with pytest.raises(ScenarioError, match="no simulated node speaks 'x'; expected one of senml-json"):
        build('topic = "a/+"\nformat = "x"', "n/co")
    with pytest.raises(ScenarioError, match="for @ttn, not 'other'"):
        build('topic = "v3/mina@other/devices/+/up"\nformat = "ttn"', "n/co")
    second = '[[sensors]]\nid = "t"\nzone = "frente-1"\nquantity = "co"\nsource = "x"\nchannel = "o/n/b/co"\n'
    with pytest.raises(ScenarioError, match="two metrics 'co'"):
        build('topic = "spBv1.0/o/#"\nformat = "sparkplug-b"', "o/n/a/co", second)


@pytest.mark.parametrize("model", MODELS)
def test_each_plantower_speaks_its_own_frame(model: str) -> None:
    air = {"pm1": 5.0, "pm2_5": 12.0, "pm10": 20.0, "temperature": -3.5, "humidity": 81.0, "ch2o": 0.5}
    device = Plantower(air.get, model)
    decoder = DRIVERS[model].decoder()
    (item,) = decoder.feed(b"".join(device.speak(0.0)))
    assert isinstance(item, Frame)
    told = {reading.quantity: reading.value for reading in item.readings}
    assert {name: told[name] for name in ("pm1", "pm2_5", "pm10")} == {"pm1": 5.0, "pm2_5": 12.0, "pm10": 20.0}
    for name in {"temperature", "humidity", "ch2o"} & told.keys():
        assert told[name] == pytest.approx(air[name], abs=0.001)
    for other in set(MODELS) - {model}:
        stranger = DRIVERS[other].decoder()
        found = [*stranger.feed(b"".join(Plantower(air.get, model).speak(0.0))), *stranger.finish()]
        twins = {model, other} <= {"plantower-pms", "plantower-pms5003t", "plantower-pms5003s"}
        assert twins or [type(one) for one in found] == [Rejected], "another length is refused, not guessed"
