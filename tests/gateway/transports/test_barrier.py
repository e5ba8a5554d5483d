"""The barrier, the back-off and the memory of our own state, without a broker."""

from gateway.domain.topics import Kind, Topics
from gateway.transports.backoff import Backoff
from gateway.transports.barrier import Barrier
from gateway.transports.mqtt_messages import SECOND_NS, Inbound
from gateway.transports.own_state import OwnState

SITE = Topics("orex-01")


def test_only_the_present_barrier_of_this_process_opens():
    barrier, before = Barrier(), Barrier()
    first = barrier.raise_for(1, 0)
    assert not barrier.returned(before.raise_for(1, 0)), "an earlier process"
    second = barrier.raise_for(2, 0)
    assert not barrier.returned(first), "an earlier connection"
    assert not barrier.passed
    assert barrier.returned(second)
    assert barrier.passed
    assert not barrier.returned(second), "once"
    barrier.raise_for(3, 0)
    assert not barrier.passed


def test_a_barrier_that_does_not_return_is_sent_again_every_five_seconds():
    barrier = Barrier()
    payload = barrier.raise_for(1, 0)
    assert barrier.repeat(4 * SECOND_NS) is None
    assert barrier.repeat(5 * SECOND_NS) == payload
    assert barrier.repeat(9 * SECOND_NS) is None
    assert barrier.repeat(10 * SECOND_NS) == payload
    assert barrier.returned(payload)
    assert barrier.repeat(99 * SECOND_NS) is None


def test_waits_double_to_the_cap_and_start_again():
    backoff = Backoff(0.2, 5.0)
    for step in (0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0):
        assert step / 2 <= backoff.next_s() <= step
    backoff.reset()
    assert backoff.next_s() <= 0.2


def message(topic: str, retain: bool = True) -> Inbound:
    return Inbound(1, 1, 1, topic, b"{}", retain, 0, True)


def test_own_state_is_told_late_and_then_whole():
    told: list[tuple[list[str], bool]] = []
    own = OwnState(SITE, lambda messages, complete: told.append(([m.topic for m in messages], complete)))
    alarm, fan = SITE.of(Kind.ALARM, "co.level"), SITE.of(Kind.ACTUATOR_STATE, "fan-1")
    own.start(0)
    own.look_at_time(2 * SECOND_NS)
    assert told == []
    own.look_at_time(3 * SECOND_NS)
    own.look_at_time(4 * SECOND_NS)
    assert told == [([], False)]
    own.connected()
    assert own.takes(message(alarm))
    assert own.takes(message(alarm, retain=False)), "our own words are nobody's business"
    assert not own.takes(message(fan)), "an actuator's state is also news"
    assert not own.takes(message(SITE.of(Kind.NODE_STATUS, "node7")))
    own.complete()
    assert told[1:] == [([alarm, fan], True)]
    own.look_at_time(99 * SECOND_NS)
    assert len(told) == 2
    assert not own.wanted
