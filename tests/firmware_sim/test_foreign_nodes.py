"""Other makers' MQTT nodes drive their formats over a real broker, each with its faults on."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from bocamina.inbound import MqttListener
from bocamina.site_file import parse_site
from firmware_sim.devices.air_quality_nodes import AirGradientMonitor, AirRohrNode
from firmware_sim.devices.connection import Broker
from firmware_sim.devices.esphome_node import EspHomeNode
from firmware_sim.devices.foreign_device import ForeignDevice
from firmware_sim.devices.lorawan_server import LATE_S, ChirpStack, TheThingsStack
from firmware_sim.devices.sparkplug_node import SparkplugNode
from firmware_sim.devices.tasmota_device import TasmotaDevice
from gateway.domain.events import Counted, Delivery, Event, Pack, Sample
from gateway.domain.moment import NO_TIME
from gateway.domain.quality import Quality, Reason
from gateway.transports.mqtt_link import MqttLink
from gateway.transports.mqtt_messages import Inbound
from tests.fixtures.waiting import wait_for

AIR = {
    "co": 12.5, "no2": 0.5, "co2": 900.0, "o2": 20.0, "temperature": 18.0, "humidity": 81.0, "pressure": 712.5,
    "pm1": 3.0, "pm2_5": 7.0, "pm10": 12.0, "nc0_3": 40.0,
}  # fmt: skip


class Mine:
    """A gateway's link and listener without its engine: what the messages of a source become."""

    def __init__(self, port: int, kind: str, topic: str, channels: dict[str, str]) -> None:
        sensors = "".join(
            f'[[sensors]]\nid = "s{at}"\nzone = "z"\nquantity = "{quantity}"\nsource = "x"\nchannel = "{channel}"\n'
            for at, (channel, quantity) in enumerate(channels.items())
        )
        site = parse_site(
            f"""
[site]
id = "orex-01"
name = "x"
[mqtt]
port = {port}
[[zones]]
id = "z"
name = "z"
kind = "portal"
[[sources]]
id = "x"
kind = "mqtt"
topic = "{topic}"
format = "{kind}"
{sensors}""".encode()
        )
        self.listener = MqttListener(site)
        self.link = MqttLink(
            "orex-01", site.mqtt, self.listener.filters, on_message=self._hear, on_link=lambda *_: None,
            on_remembered=lambda *_: None, offline_status=b"{}",
        )  # fmt: skip
        self.air = dict(AIR)
        self.events: list[Event] = []
        self._lock = threading.Lock()
        self.link.start()
        wait_for(lambda: self.link.live, "the barrier returns")

    def _hear(self, inbound: Inbound) -> None:
        with self._lock:
            self.events += self.listener.events(inbound, round(time.time() * 1e6))
        for wish in self.listener.publications():
            self.link.publish(wish.topic, wish.payload, qos=0)
        self.link.ack(inbound)

    def samples(self, delivery: Delivery = Delivery.LIVE) -> dict[int, Sample]:
        """The newest sample of each sensor that came so."""
        with self._lock:
            packs = [event for event in self.events if isinstance(event, Pack) and event.delivery == delivery]
        return {sample.sensor: sample for pack in packs for sample in pack.samples}

    def until(self, device: ForeignDevice, what: Callable[[], object], why: str) -> None:
        """Let the device turn until `what` is so."""
        began = time.monotonic()

        def turned() -> object:
            device.turn(time.monotonic() - began + 1000.0 * self.turns, time.time())
            return what()

        self.turns += 1
        wait_for(turned, why)

    turns = 0

    def forget(self) -> None:
        with self._lock:
            self.events.clear()

    def sample(self, sensor: int) -> Sample:
        """The newest live sample of a sensor; one that is nothing of the kind before the first."""
        return self.samples().get(sensor, Sample(sensor, -1.0))

    def values(self) -> list[float]:
        return [sample.value for _, sample in sorted(self.samples().items())]


@pytest.fixture
def start(mosquitto) -> Iterator[Callable[..., tuple[Mine, ForeignDevice]]]:
    """start(format, topic, channels, device of (broker, read)) → the mine, and the device, switched on."""
    ends: list[Callable[[], None]] = []

    def begin(
        kind: str, topic: str, channels: dict[str, str], make: Callable[..., ForeignDevice], protocol: str = "5"
    ) -> tuple[Mine, ForeignDevice]:
        mine = Mine(mosquitto.port, kind, topic, channels)
        ends.append(mine.link.stop)
        device = make(Broker("127.0.0.1", mosquitto.port, protocol), mine.air.get)
        ends.append(device.stop)
        device.start()
        return mine, device

    yield begin
    for end in reversed(ends):
        end()


SPARKPLUG = {"orex/nodo7/co": "co", "orex/nodo7/xam/no2": "no2"}


def sparkplug(broker: Broker, read: Callable[[str], float | None]) -> SparkplugNode:
    return SparkplugNode(broker, "orex", "nodo7", {"": ("co",), "xam": ("no2",)}, read, period_s=0.02)


def test_a_sparkplug_node_with_its_faults(start) -> None:
    mine, node = start("sparkplug-b", "spBv1.0/orex/#", SPARKPLUG, sparkplug)
    mine.until(node, lambda: mine.values() == [12.5, 0.5] and node._seq > 5, "births and data")
    assert all(sample.source_us != NO_TIME for sample in mine.samples().values())
    assert node.births == 1

    node.set_fault("historical")
    mine.forget()
    mine.until(node, lambda: len(mine.samples(Delivery.BACKLOG)) == 2, "archive is history")
    node.set_fault("null")
    mine.until(node, lambda: mine.sample(0).quality == Quality.BAD, "null is no value")
    assert mine.sample(0).reason == Reason.FAULT

    node.set_fault("gap")
    mine.air["co"] = 500.0
    mine.until(node, lambda: mine.sample(0).value == 500.0 and node.births == 2, "gas is heard, births are asked for")
    node.set_fault("device_gone")
    mine.forget()
    mine.until(node, lambda: 1 in mine.samples(), "the device says that it goes")
    mine.until(node, lambda: 0 in mine.samples(), "the node goes on")
    assert any(
        sample == Sample(1, sample.value, NO_TIME, Quality.BAD, Reason.STALE)
        for event in mine.events if isinstance(event, Pack) for sample in event.samples
    )  # fmt: skip


def test_a_sparkplug_node_that_is_cut_off_is_stale_at_once_and_comes_back(start) -> None:
    mine, node = start("sparkplug-b", "spBv1.0/orex/#", SPARKPLUG, sparkplug)
    mine.until(node, lambda: len(mine.samples()) == 2, "data")
    node.set_fault("unplugged")
    wait_for(lambda: all(s.reason == Reason.STALE for s in mine.samples().values()), "the will makes all of it stale")
    node.set_fault("none")
    mine.until(node, lambda: mine.values() == [12.5, 0.5], "it is born again")
    assert node.bd_seq == 1


def test_a_gateway_that_starts_later_asks_for_the_births(start, mosquitto) -> None:
    node = sparkplug(Broker("127.0.0.1", mosquitto.port), AIR.get)
    node.start()
    try:
        deadline = time.monotonic() + 10
        while node._seq < 3 and time.monotonic() < deadline:
            node.turn(time.monotonic(), time.time())
            time.sleep(0.01)
        mine = Mine(mosquitto.port, "sparkplug-b", "spBv1.0/orex/#", SPARKPLUG)
        mine.turns = 1000
        try:
            mine.until(node, lambda: mine.values() == [12.5, 0.5], "aliases have names again")
            assert any(isinstance(event, Counted) and "unborn" in event.detail for event in mine.events)
            assert node.births == 2
        finally:
            mine.link.stop()
    finally:
        node.stop()


def test_a_sparkplug_alias_never_born_is_counted_and_nothing_else(start) -> None:
    mine, node = start("sparkplug-b", "spBv1.0/orex/#", SPARKPLUG, sparkplug)
    node.set_fault("unborn")
    mine.until(node, lambda: mine.listener.counts["format"], "a stranger's alias")
    assert mine.values() == [12.5, 0.5], "of the birth"


@pytest.mark.parametrize(
    ("kind", "topic", "make"),
    [
        (
            "chirpstack",
            "application/+/device/+/event/+",
            lambda b, r: ChirpStack(b, "5e8c", "gas-2", ("co", "no2"), r, 0.02),
        ),
        ("ttn", "v3/orex@ttn/devices/+/#", lambda b, r: TheThingsStack(b, "orex", "gas-2", ("co", "no2"), r, 0.02)),
    ],
)
def test_a_lorawan_server_with_its_faults(start, kind, topic, make) -> None:
    mine, server = start(kind, topic, {"gas-2/co": "co", "gas-2/no2": "no2"}, make, "3.1.1")
    mine.until(server, lambda: mine.values() == [12.5, 0.5], "an uplink")
    assert not any(isinstance(event, Counted) for event in mine.events), "other events are no errors"

    server.set_fault("late")
    mine.air["co"] = 500.0
    mine.until(server, lambda: mine.samples(Delivery.BACKLOG), "a late uplink is history")
    late = mine.samples(Delivery.BACKLOG)[0]
    assert (late.value, round((time.time() - late.source_us / 1e6) / LATE_S)) == (500.0, 1)
    assert mine.sample(0).value == 12.5

    server.set_fault("twice")
    mine.until(server, lambda: mine.sample(0).value == 500.0, "an uplink")

    def repeated() -> bool:
        """The engine tells them by sensor, time and value."""
        heard = [(s.sensor, s.source_us, s.value) for e in list(mine.events) if isinstance(e, Pack) for s in e.samples]
        return len(set(heard)) < len(heard)

    mine.until(server, repeated, "the same uplink twice")
    server.set_fault("null")
    mine.until(server, lambda: mine.sample(0).quality == Quality.BAD, "null is no value")
    server.set_fault("no_codec")
    mine.forget()
    mine.until(server, lambda: mine.link.counters.received and server._count > 20, "frames without an object")
    assert not any(isinstance(event, Counted) for event in mine.events)


def test_a_tasmota_device_with_its_faults(start) -> None:
    keys = {("SCD40", "CarbonDioxide"): "co2", ("SCD40", "Temperature"): "temperature"}
    channels = {"nodo7/SCD40/CarbonDioxide": "co2", "nodo7/SCD40/Temperature": "temperature"}
    mine, device = start("tasmota", "tele/+/+", channels, lambda b, r: TasmotaDevice(b, "nodo7", keys, r, 0.02))
    mine.until(device, lambda: mine.values() == [900.0, 18.0], "telemetry")
    assert {sample.source_us for sample in mine.samples().values()} == {NO_TIME}, "local time places nothing"
    for fault in ("no_clock", "fahrenheit"):
        device.set_fault(fault)
        mine.forget()
        mine.until(device, lambda: mine.values() == pytest.approx([900.0, 18.0]), fault)
        assert all(sample.quality == Quality.GOOD for sample in mine.samples().values())
    device.set_fault("null")
    mine.until(device, lambda: all(s.reason == Reason.FAULT for s in mine.samples().values()), "a failed sensor")
    device.set_fault("none")
    mine.until(device, lambda: mine.sample(0).value == 900.0, "well again")
    device.set_fault("unplugged")
    wait_for(lambda: all(s.reason == Reason.STALE for s in mine.samples().values()), "the last will")


def test_a_retained_farewell_is_no_news(start, mosquitto) -> None:
    mine, device = start("esphome", "n7/#", {"n7/co": "co"}, lambda b, r: EspHomeNode(b, "n7", ("co",), r, 0.02))
    mine.until(device, lambda: mine.values() == [12.5], "a state")
    device.stop()
    wait_for(lambda: mine.sample(0).reason == Reason.STALE, "it says goodbye")
    later = Mine(mosquitto.port, "esphome", "n7/#", {"n7/co": "co"})
    assert later.samples() == {}
    later.link.stop()


def test_an_esphome_node_with_its_faults(start) -> None:
    channels = {"n7/co": "co", "n7/temperature": "temperature"}
    make = lambda b, r: EspHomeNode(b, "n7", ("co", "temperature"), r, 0.02)  # noqa: E731
    mine, node = start("esphome", "n7/#", channels, make)
    mine.until(node, lambda: mine.values() == [12.5, 18.0], "states")
    node.set_fault("nan")
    mine.until(node, lambda: all(s.reason == Reason.FAULT for s in mine.samples().values()), "nan is no value")
    node.set_fault("unplugged")
    wait_for(lambda: all(s.reason == Reason.STALE for s in mine.samples().values()), "the last will")


def test_an_airrohr_node_with_its_faults(start) -> None:
    channels = {"1234/SDS_P1": "pm10", "1234/SDS_P2": "pm2_5", "1234/BME280_pressure": "pressure"}
    mine, node = start("airrohr", "airrohr/+", channels, lambda b, r: AirRohrNode(b, "1234", r, 0.02))
    mine.until(node, lambda: mine.values() == [12.0, 7.0, 712.5], "texts, P1 is PM10, Pa")
    node.set_fault("nan")
    mine.until(node, lambda: all(s.reason == Reason.FAULT for s in mine.samples().values()), "nan is no value")


def test_an_airgradient_monitor_with_its_faults(start) -> None:
    channels = {"ec12/rco2": "co2", "ec12/pm02": "pm2_5", "ec12/pm003Count": "nc0_3"}
    mine, node = start(
        "airgradient", "airgradient/readings/+", channels, lambda b, r: AirGradientMonitor(b, "ec12", r, 0.02)
    )
    mine.until(node, lambda: mine.values() == [900.0, 7.0, 40.0], "readings")
    node.set_fault("null")
    mine.until(node, lambda: mine.sample(0).reason == Reason.FAULT, "null is no value")
    node.set_fault("silence")
    with pytest.raises(ValueError, match="expected one of"):
        node.set_fault("rust")


def test_a_message_with_none_of_the_known_names_is_written_down(start) -> None:
    channels = {"ec12/co": "co"}
    mine, node = start(
        "airgradient", "airgradient/readings/+", channels, lambda b, r: AirGradientMonitor(b, "ec12", r, 0.02)
    )
    mine.until(node, lambda: mine.listener.counts["unknown"], "names of no sensor")
    assert any("ec12/rco2" in event.unknown for event in mine.events if isinstance(event, Pack))
