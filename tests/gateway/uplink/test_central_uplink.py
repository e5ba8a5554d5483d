"""The second uplink on a real central Mosquitto: nothing is missing, nothing twice by its key, all in order."""

import gzip
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway.domain.errors import ConfigError, LinkLost
from gateway.domain.moment import SECOND_US, Moment
from gateway.domain.site import Central
from gateway.stores.cursors import Cursors
from gateway.stores.rows import Kind
from gateway.uplink import central
from gateway.uplink.central import CentralSink
from gateway.uplink.courier import Courier
from gateway.uplink.points import Point
from gateway.uplink.sink import BatchRejected
from tests.fixtures.mosquitto import Mosquitto, free_port
from tests.fixtures.record import ALARM, reading, step
from tests.fixtures.waiting import wait_for

ROOT = "bocamina/v1/orex-01/record/"
NOW_US = 1_795_000_000 * SECOND_US


class Centre:
    """A consumer with a lasting session. items: (topic, item) as they came, twice what came twice."""

    def __init__(self, port: int) -> None:
        self.items: list[tuple[str, dict]] = []
        self._client = Client(CallbackAPIVersion.VERSION2, "centre", protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_message = self._take
        self.subscribed = False
        self._client.on_connect = lambda client, *_: client.subscribe("bocamina/v1/+/record/#", qos=1)
        self._client.on_subscribe = lambda *_: setattr(self, "subscribed", True)
        self._client.reconnect_delay_set(1, 1)
        lasting = Properties(PacketTypes.CONNECT)
        lasting.SessionExpiryInterval = 3600
        self._client.connect("127.0.0.1", port, clean_start=False, properties=lasting)
        self._client.loop_start()
        wait_for(lambda: self.subscribed, "the consumer is there")

    def _take(self, _client, _data, message) -> None:
        payload = message.payload
        payload = gzip.decompress(payload) if payload[:2] == b"\x1f\x8b" else payload
        self.items += [(message.topic, item) for item in json.loads(payload)["items"]]

    def once(self, series: str) -> list[dict]:
        """The items of a series without repeats of a key, in the order of their first coming."""
        found = {}
        for topic, item in list(self.items):
            if topic == ROOT + series:
                found.setdefault((item.get("sensor"), item.get("alarm"), item["ns"]), item)
        return list(found.values())

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def centre(mosquitto):
    one = Centre(mosquitto.port)
    yield one
    one.close()


@pytest.fixture
def courier(journal):
    made = []

    def make(port, **options):
        sink = CentralSink("orex-01", Central(host="127.0.0.1", port=port, **options))
        made.append(Courier("central", "orex-01", journal.path, sink, poll_s=0.02, first_retry_s=0.05))
        made[-1].start()
        return made[-1]

    yield make
    for one in made:
        one.stop()


def feed(journal, start: int, count: int) -> None:
    for i in range(start, start + count):
        moment = Moment(NOW_US + i * SECOND_US, NOW_US + i * SECOND_US)
        documents = [(Kind.TRANSITION, ALARM | {"occurrence": i})] if i % 20 == 0 else []
        step(journal, moment, *documents, outcomes=(reading(moment.utc_us, float(i)), reading(moment.utc_us, 0.5, 1)))


def arrived(journal) -> None:
    def done():
        with Cursors.open(journal.path) as cursors:
            return cursors.cursor("central") == journal.last_n

    wait_for(done, "everything is carried", 30)


def values(items) -> list[float]:
    return [item["value"] for item in items if item["sensor"] == "co-1"]


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_an_item_says_all_that_it_must(journal, courier, centre, mosquitto, protocol):
    feed(journal, 0, 1)
    one = courier(mosquitto.port, protocol=protocol)
    arrived(journal)
    wait_for(lambda: len(centre.items) == 3, "they come")
    at = f"{NOW_US * 1000 + 62}"
    (first, second), (alarm,) = centre.once("reading"), centre.once("alarm")
    time_of = "2026-11-18T11:06:40.000Z"
    common = {"ns": at, "time": time_of, "row": 2, "quantity": "co", "sensor": "co-1", "site": "orex-01"}
    assert first == common | {"value": 0.0, "quality": "good"}
    assert (second["sensor"], second["value"]) == ("no2-1", 0.5)
    assert alarm["ns"] == f"{NOW_US * 1000 + 3}"
    assert (alarm["alarm"], alarm["old"], alarm["new"], alarm["value"]) == ("co-1.level", "normal", "unack", 500.0)
    assert one.status.month_bytes > 300


def test_readings_share_messages_and_keep_their_order(journal, courier, centre, mosquitto):
    feed(journal, 0, 500)
    courier(mosquitto.port)
    arrived(journal)
    wait_for(lambda: len(centre.items) == 1025, "they come")
    assert values(centre.once("reading")) == [float(i) for i in range(500)]
    assert centre.items[0][0] == ROOT + "alarm", "alarms overtake"
    assert [item["occurrence"] for item in centre.once("alarm")] == list(range(0, 500, 20))


def test_compressed_the_link_carries_a_tenth(journal, courier, centre, mosquitto):
    feed(journal, 0, 500)
    one = courier(mosquitto.port, gzip=True)
    arrived(journal)
    wait_for(lambda: len(centre.items) == 1025, "they come")
    assert one.status.month_bytes < 1025 * 15


def test_a_broker_that_goes_and_comes_back_gets_everything_once(journal, courier, centre, mosquitto):
    feed(journal, 0, 50)
    one = courier(mosquitto.port)
    arrived(journal)
    mosquitto.stop()
    feed(journal, 50, 200)
    wait_for(lambda: one.status.failure is not None, "it notices")
    assert "central broker 127.0.0.1" in one.status.failure
    mosquitto.start()
    arrived(journal)
    wait_for(lambda: len(values(centre.once("reading"))) == 250, "all came")
    assert values(centre.once("reading")) == [float(i) for i in range(250)]
    assert one.status.failure is None


def test_kill_9_in_the_middle_loses_nothing_and_doubles_nothing(journal, centre, mosquitto):
    chance = random.Random(5)
    fed = kills = 0
    script = str(Path(__file__).with_name("central_courier.py"))
    while kills < 6:
        process = subprocess.Popen([sys.executable, script, str(journal.path), str(mosquitto.port)])
        try:
            came = len(centre.items)
            feed(journal, fed, 300)
            fed += 300
            wait_for(lambda came=came: len(centre.items) > came, "something comes", 30)
            time.sleep(chance.uniform(0, 0.03))  # somewhere in a write
        finally:
            process.kill()
            process.wait(10)
        kills += 1
    process = subprocess.Popen([sys.executable, script, str(journal.path), str(mosquitto.port)])
    try:
        arrived(journal)
    finally:
        process.kill()
        process.wait(10)
    wait_for(lambda: len(values(centre.once("reading"))) == fed, "all came", 20)
    assert values(centre.once("reading")) == [float(i) for i in range(fed)], "in order, each once by its key"
    assert [item["occurrence"] for item in centre.once("alarm")] == list(range(0, fed, 20))


def test_a_broker_where_nobody_listens_is_not_a_destination(journal, courier, mosquitto):
    feed(journal, 1, 3)
    one = courier(mosquitto.port)
    wait_for(lambda: one.status.failure is not None, "it notices")
    assert "nobody there takes bocamina/v1/orex-01/record/reading" in one.status.failure
    listens = Centre(mosquitto.port)
    arrived(journal)
    wait_for(lambda: len(values(listens.once("reading"))) == 3, "all came")
    listens.close()


@pytest.fixture
def strict(_mosquitto_installed):
    """A central broker with a log-in, an access list and a largest packet."""
    with tempfile.TemporaryDirectory(prefix="mosquitto-") as name:
        folder = Path(name)
        (folder / "acl").write_text("topic readwrite bocamina/v1/+/record/reading\ntopic read #\n")
        broker = Mosquitto(folder, extra=f"acl_file {folder}/acl\n").start()
        yield broker
        broker.stop()


def test_what_the_access_list_forbids_is_told_and_waits(journal, courier, strict):
    listens = Centre(strict.port)
    feed(journal, 1, 3)
    one = courier(strict.port)
    arrived(journal)
    feed(journal, 20, 1)
    wait_for(lambda: one.status.failure is not None, "it notices")
    assert one.status.quarantined == 0, "a wrong access list is nobody's poison"
    listens.close()


def point(n: int, text: str = "") -> Point:
    return Point(n, "alarm", {"alarm": "x.level", "site": "orex-01"}, {"reason": text}, n)


def test_an_answer_decides_whether_the_message_or_the_link_is_at_fault():
    judge = central._Link("central broker x:1", Client(CallbackAPIVersion.VERSION2))._judge
    judge("t", central._Answer(0, "Success"))
    for code, error in ((0x10, LinkLost), (0x80, LinkLost), (0x87, LinkLost), (0x97, LinkLost), (0x99, BatchRejected)):
        with pytest.raises(error, match="central broker x:1"):
            judge("t", central._Answer(code, "words"))


def test_messages_stay_small():
    sink = CentralSink("orex-01", Central(host="127.0.0.1"))
    messages = list(sink._messages([point(n, "x" * 1000) for n in range(100)]))
    assert max(len(payload) for _topic, payload in messages) < central.MESSAGE_BYTES + 2000
    assert sum(len(json.loads(payload)["items"]) for _topic, payload in messages) == 100


def test_no_broker_is_one_sentence():
    port = free_port()
    sink = CentralSink("orex-01", Central(host="127.0.0.1", port=port))
    with pytest.raises(LinkLost, match=rf"central broker 127.0.0.1:{port}: no connection \(.*refused"):
        sink.write([point(1)])
    sink.close()


@pytest.mark.parametrize("key", ["password_file", "ca_file"])
def test_a_file_that_is_not_there_is_one_sentence(tmp_path, key):
    config = Central(host="127.0.0.1", username="x", **{key: str(tmp_path / "none")})
    with pytest.raises(ConfigError, match=rf"central\.{key}: "):
        CentralSink("orex-01", config)
