"""A broker that forgot a subscription while the connection stood is asked again."""

from tests.fixtures.link import ROOT, SENML, Gateway, Peer
from tests.fixtures.waiting import wait_for


def test_what_the_broker_forgot_flows_again(mosquitto) -> None:
    gateway = Gateway(mosquitto.port).start()
    node = Peer(mosquitto.port)
    try:
        node.publish(SENML, b"1")
        wait_for(lambda: gateway.payloads() == [b"1"], "it flows")
        gateway.link._thread._client.unsubscribe(ROOT + "node/+/senml")
        node.publish(ROOT + "node/other/status", b"2")  # behind the request, by the broker's order
        wait_for(lambda: gateway.payloads()[-1:] == [b"2"], "the request has gone")
        node.publish(SENML, b"lost")
        gateway.link.ask_again([ROOT + "node/+/senml"])

        def flows() -> bool:
            node.publish(SENML, b"3")
            return gateway.payloads(backlog=False)[-1:] == [b"3"]

        wait_for(flows, "it flows again")
        assert gateway.link.counters.connections == 1
    finally:
        node.close()
        gateway.link.stop()
