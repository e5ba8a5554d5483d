"""A Sparkplug host is online while it is connected, and offline when it is not, on a real broker."""

import json
import socket

import pytest

from gateway.domain.site import Mqtt
from gateway.transports.sparkplug_host import SparkplugHostState
from tests.fixtures.link import Peer
from tests.fixtures.waiting import wait_for

TOPIC = "spBv1.0/STATE/bocamina-orex-01"


def words(peer: Peer) -> list[bool]:
    return [json.loads(payload)["online"] for payload in peer.got(TOPIC)]


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_host_says_that_it_is_here_and_that_it_goes(mosquitto, protocol) -> None:
    peer = Peer(mosquitto.port, TOPIC)
    host = SparkplugHostState("orex-01", Mqtt(port=mosquitto.port, protocol=protocol))
    host.start()
    wait_for(lambda: words(peer) == [True], "online")
    host.stop()
    wait_for(lambda: words(peer) == [True, False], "offline")
    online, offline = (json.loads(payload)["timestamp"] for payload in peer.got(TOPIC))
    assert online == offline > 1_700_000_000_000
    peer.close()


def test_the_broker_says_that_a_killed_host_is_gone_and_the_next_one_that_it_is_here(mosquitto) -> None:
    peer = Peer(mosquitto.port, TOPIC)
    host = SparkplugHostState("orex-01", Mqtt(port=mosquitto.port))
    host.start()
    wait_for(lambda: words(peer) == [True], "online")
    sock = host._client.socket()
    assert sock is not None
    sock.shutdown(socket.SHUT_RDWR)
    wait_for(lambda: words(peer)[:2] == [True, False], "the will")
    wait_for(lambda: words(peer)[-1], "it connects again")
    peer.publish(TOPIC, '{"online": false, "timestamp": 1}', retain=True)  # the will of a connection that hung
    wait_for(lambda: len(words(peer)) >= 5 and words(peer)[-1], "it contradicts")
    host.stop()
    peer.close()
    late = Peer(mosquitto.port, TOPIC)
    wait_for(lambda: words(late) == [False], "retained")
    late.close()
