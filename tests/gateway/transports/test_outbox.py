"""What survives the broker's absence, and in which order."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.transports.mqtt_messages import SECOND_NS, Outgoing
from gateway.transports.outbox import Outbox


def state(topic: str, payload: bytes) -> Outgoing:
    return Outgoing(topic, payload, retain=True)


def order(topic: str, payload: bytes = b"x", expires_ns: int = 100) -> Outgoing:
    return Outgoing(topic, payload, expires_ns=expires_ns)


def taken(outbox: Outbox, now_ns: int = 0, room: int = 1000) -> list[bytes]:
    return [message.payload for message in outbox.take(now_ns, room, 1000)]


def test_while_connected_all_keep_their_order():
    outbox = Outbox()
    outbox.connected()
    for message in (state("a", b"1"), Outgoing("n", b"2"), state("a", b"3"), order("c", b"4")):
        assert outbox.put(message)
    assert taken(outbox) == [b"1", b"2", b"3", b"4"]


def test_while_away_the_newest_state_and_the_orders_that_still_hold_remain():
    outbox = Outbox()
    outbox.put(state("a", b"old"))
    outbox.put(order("c", b"over", expires_ns=5))
    outbox.put(state("a", b"new"))
    outbox.put(order("c", b"holds", expires_ns=50))
    assert not outbox.put(Outgoing("n", b"nobody waits"))
    outbox.connected()
    assert taken(outbox, now_ns=10) == [b"holds", b"new"]
    assert outbox.dropped == 2


def test_what_was_not_confirmed_is_sent_again_before_what_waited():
    outbox = Outbox()
    outbox.connected()
    outbox.put(order("c", b"1"))
    outbox.put(Outgoing("n", b"2"))
    for mid, message in enumerate(outbox.take(0, 9, 9)):
        outbox.sent(mid, message)
    outbox.put(order("c", b"3"))
    outbox.disconnected()
    outbox.connected()
    assert taken(outbox) == [b"1", b"3"]
    assert outbox.dropped == 1


def test_a_removal_is_repeated_with_the_state_before_it_until_it_is_confirmed():
    outbox = Outbox()
    outbox.put(state("a", b"unack"))
    outbox.put(state("a", b"normal"))
    outbox.put(state("a", b""))
    outbox.connected()
    messages = outbox.take(0, 9, 9)
    assert [m.payload for m in messages] == [b"normal", b""]
    outbox.sent(1, messages[0])
    outbox.sent(2, messages[1])
    outbox.confirmed(1)
    outbox.disconnected()
    outbox.connected()
    assert taken(outbox) == [b"normal", b""]
    outbox.sent(3, messages[1])
    outbox.confirmed(3)
    outbox.disconnected()
    outbox.connected()
    assert taken(outbox) == []


def test_no_more_in_flight_than_the_broker_allows():
    outbox = Outbox()
    outbox.connected()
    for number in range(5):
        outbox.put(Outgoing("n", bytes([number])))
    first = outbox.take(0, room=2, most=9)
    for mid, message in enumerate(first):
        outbox.sent(mid, message)
    assert taken(outbox, room=2) == []
    outbox.confirmed(0)
    assert taken(outbox, room=2) == [b"\2"]


def test_a_broker_that_takes_nothing_costs_bounded_memory_and_no_state():
    outbox = Outbox(waiting_limit=3, topics_limit=2)
    outbox.connected()
    for number in range(10):
        outbox.put(state("a", bytes([number])))
    assert outbox.put(order("c", b"siren")), "an order finds room"
    outbox.put(state("b", b"b"))
    assert not outbox.put(state("third topic", b"c"))
    assert taken(outbox) == [b"\1", b"\2", b"siren"]
    assert taken(outbox) == [b"\x09", b"b"]
    outbox.disconnected()
    for number in range(10):
        outbox.put(order("c", bytes([number])))
    outbox.connected()
    assert taken(outbox) == [b"\7", b"\x08", b"\x09", b"\x09", b"b"]


MESSAGES = st.one_of(
    st.builds(state, st.sampled_from("ab"), st.sampled_from([b"", b"1", b"2"])),
    st.builds(order, st.just("c"), st.just(b"x"), st.just(SECOND_NS)),
)


@given(st.lists(st.one_of(MESSAGES, st.sampled_from(["up", "down", "send", "confirm"]))))
@settings(max_examples=200)
def test_after_any_history_the_broker_ends_with_the_newest_state_of_each_topic(history):
    outbox = Outbox()
    newest: dict[str, bytes] = {}
    broker: dict[str, bytes] = {}
    flying: list[int] = []
    mids = iter(range(10_000))

    def send() -> None:
        for message in outbox.take(0, 1000, 3):
            mid = next(mids)
            outbox.sent(mid, message)
            flying.append(mid)
            if message.retain:
                broker[message.topic] = message.payload

    up = False
    for step in history:
        if isinstance(step, Outgoing):
            assert outbox.put(step)
            if step.retain:
                newest[step.topic] = step.payload
        elif step == "up" and not up:
            up = True
            outbox.connected()
        elif step == "down" and up:
            up = False
            outbox.disconnected()
            flying.clear()
        elif step == "send" and up:
            send()
        elif step == "confirm" and flying:
            outbox.confirmed(flying.pop(0))
    if not up:
        outbox.connected()
    for _ in range(2 * len(history) + 10):
        send()
    assert {topic: payload for topic, payload in broker.items() if payload} == {
        topic: payload for topic, payload in newest.items() if payload
    }
