"""What the web process keeps, how old it is, and what waits for a slow reader."""

import asyncio
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.live import LiveState
from api.routes.mine import sensor_now
from api.subscription import Event, Subscription
from gateway.domain.site import Site
from gateway.domain.topics import Address, Kind


@pytest.fixture
def live(link_and_live):
    return link_and_live[1]


def tell(live, kind, key, document, *, retained=False):
    live.receive(Address(kind, key), b"" if document is None else json.dumps(document).encode(), retained=retained)


def test_the_newest_reading_and_its_age(live, clock):
    tell(live, Kind.READING, "co-frente-1", {"value": 1.0})
    clock.now = 5
    tell(live, Kind.READING, "co-frente-1", {"value": 2.0})
    clock.now = 7
    entry = live.get("reading", "co-frente-1")
    assert entry.document["value"] == 2.0
    assert live.age_s(entry) == 2


def test_what_was_retained_is_as_old_as_it_says(live):
    sensor = Site.model_validate({"site": {"id": "m", "name": "M"}, "sensors": [
        {"id": "co-frente-1", "zone": "z", "quantity": "co", "source": "s", "channel": "c"}]}).sensors[0]  # fmt: skip
    tell(live, Kind.READING, "co-frente-1", {"value": 3.0, "time": "2026-11-22T00:00:00.000Z"}, retained=True)
    assert sensor_now(live, sensor)["stale"]
    tell(live, Kind.READING, "co-frente-1", {"value": 3.0, "quality": "good"}, retained=True)
    assert live.age_s(live.get("reading", "co-frente-1")) is None
    assert sensor_now(live, sensor)["stale"], "of unknown age is old"
    tell(live, Kind.READING, "co-frente-1", {"value": 3.0, "time": "2099-01-01T00:00:00.000Z"}, retained=True)
    assert live.age_s(live.get("reading", "co-frente-1")) is None, "a time to come tells no age"
    tell(live, Kind.READING, "co-frente-1", {"value": 3.0})
    assert not sensor_now(live, sensor)["stale"]


def test_a_sensor_that_never_spoke_is_stale_and_has_no_value(live):
    sensor = Site.model_validate({"site": {"id": "m", "name": "M"}, "sensors": [
        {"id": "co-1", "zone": "z", "quantity": "co", "source": "s", "channel": "c"}]}).sensors[0]  # fmt: skip
    now = sensor_now(live, sensor)
    assert (now["value"], now["stale"], now["unit"], now["limits"]) == (None, True, "ppm", [])


def test_an_alarm_ends_by_its_last_word_or_by_its_removal(live, make_alarm):
    tell(live, Kind.ALARM, "a.level", make_alarm())
    tell(live, Kind.ALARM, "b.level", make_alarm())
    tell(live, Kind.ALARM, "a.level", make_alarm("normal"))
    tell(live, Kind.ALARM, "b.level", None)
    assert live.all("alarm") == {}
    assert live.alarm("a.level")["state"] == "normal"
    assert live.alarm("b.level")["state"] == "normal"


def test_an_alarm_stays_through_a_lost_connection_and_goes_once_the_broker_no_longer_has_it(live, make_alarm):
    for name in ("a.level", "b.level"):
        tell(live, Kind.ALARM, name, make_alarm())
    live.begin_round()
    assert len(live.all("alarm")) == 2
    tell(live, Kind.ALARM, "a.level", make_alarm(), retained=True)
    assert len(live.all("alarm")) == 2, "not dropped before all that is retained has come"
    live.end_round()
    assert list(live.all("alarm")) == ["a.level"]


@pytest.mark.parametrize("payload", [b"{", b"[1]", b"3", b"null", b'{"value":NaN}', b"\xff\xfe", b'{"a":1}x'])
def test_what_cannot_be_read_is_counted_and_changes_nothing(live, payload):
    tell(live, Kind.READING, "co-frente-1", {"value": 1.0})
    live.receive(Address(Kind.READING, "co-frente-1"), payload, retained=False)
    assert live.get("reading", "co-frente-1").document == {"value": 1.0}
    assert live.counts["unreadable"] == 1


def test_what_the_site_does_not_have_is_counted(live):
    tell(live, Kind.READING, "nobody", {"value": 1.0})
    tell(live, Kind.ZONE, "nowhere", {})
    assert live.counts["unknown"] == 2


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(list(Kind)), st.text(max_size=8), st.binary(max_size=40), st.booleans())
def test_no_message_breaks_it(kind, key, payload, retained):
    live = LiveState(Site.model_validate({"site": {"id": "m", "name": "M"}}))
    live.receive(Address(kind, key), payload, retained=retained)


def event(kind, key, n):
    return Event(kind, key, {"n": n})


def test_a_slow_reader_loses_the_oldest_and_is_told():
    async def story():
        subscription = Subscription(frozenset({"alarm", "reading"}), depth=3)
        for n in range(5):
            subscription.put(event("alarm", "a", n))
        events = subscription.take(paced=True)
        assert events[0] == Event("gap", "", {"dropped": 2})
        assert [one.document["n"] for one in events[1:]] == [2, 3, 4]
        assert subscription.take(paced=True) == []

    asyncio.run(story())


def test_readings_replace_each_other_and_never_push_an_alarm_out():
    async def story():
        subscription = Subscription(frozenset({"alarm", "reading"}), depth=1)
        subscription.put(event("alarm", "a", 0))
        for n in range(1000):
            subscription.put(event("reading", "co", n))
        assert subscription.take(paced=False) == [event("alarm", "a", 0)]
        assert subscription.take(paced=True) == [event("reading", "co", 999)]

    asyncio.run(story())


def test_an_alarm_wakes_the_stream_and_unwanted_kinds_do_not():
    async def story():
        subscription = Subscription(frozenset({"alarm"}))
        subscription.put(event("zone", "z", 0))
        assert not await subscription.wait(0.05)
        await asyncio.to_thread(subscription.put, event("alarm", "a", 0))
        assert await subscription.wait(5)
        subscription.take(paced=False)
        assert not await subscription.wait(0.01)

    asyncio.run(story())


def test_unknown_age_is_not_a_number_that_compares_as_young(live):
    tell(live, Kind.READING, "co-frente-1", {"value": 3.0}, retained=True)
    assert live.get("reading", "co-frente-1").as_of_s == -math.inf
