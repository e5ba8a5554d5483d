"""The link against the demo's embedded broker, which speaks MQTT 3.1.1 only and keeps no backlog."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from amqtt.broker import Broker

from gateway.domain.site import Mqtt
from gateway.transports.mqtt_link import MqttLink
from gateway.transports.mqtt_messages import Inbound
from tests.fixtures.mosquitto import free_port
from tests.fixtures.waiting import wait_for

ROOT = "bocamina/v1/orex-01/"


@pytest.fixture
def embedded() -> Iterator[int]:
    """The port of a running amqtt."""
    port = free_port()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> Broker:
        config = {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
        broker = Broker(config)
        await broker.start()
        return broker

    broker = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    yield port
    asyncio.run_coroutine_threadsafe(broker.shutdown(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def link(port: int, protocol: str, messages: list[Inbound], links: list[tuple[bool, str]], told: list) -> MqttLink:
    return MqttLink(
        "orex-01",
        Mqtt(port=port, protocol=protocol),
        [ROOT + "node/+/senml"],
        on_message=messages.append,
        on_link=lambda up, detail: links.append((up, detail)),
        on_remembered=lambda found, complete: told.append((found, complete)),
        offline_status=b"offline",
    )


def test_a_message_comes_back_live_after_the_barrier(embedded: int):
    messages: list[Inbound] = []
    links: list[tuple[bool, str]] = []
    told: list = []
    gateway = link(embedded, "3.1.1", messages, links, told)
    gateway.start()
    wait_for(lambda: gateway.live and told == [((), True)], "the barrier returns")
    assert gateway.publish(ROOT + "node/node7/senml", b"[]")
    wait_for(lambda: messages, "the message comes back")
    assert (messages[0].backlog, messages[0].retain, messages[0].qos) == (False, False, 1)
    gateway.ack_all(messages)
    wait_for(lambda: gateway.counters.acked == 2, "it and the barrier are acknowledged")
    gateway.stop()
    assert [up for up, _ in links] == [True]


def test_level_5_is_refused_with_a_sentence(embedded: int):
    links: list[tuple[bool, str]] = []
    gateway = link(embedded, "5", [], links, [])
    gateway.start()
    wait_for(lambda: links, "refused")
    gateway.stop()
    assert links[0][0] is False
    assert "expected a broker that speaks MQTT 5" in links[0][1]
