"""An engine that is behind: a serial line's burst is merged by second, and what kills people is still in it."""

import json
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from bocamina.backpressure import Backpressure
from gateway.domain.events import Counted, Delivery, Event, LinkState, Pack, Sample, Tick
from gateway.domain.moment import SECOND_US
from gateway.domain.quality import ABSURD_ABOVE, Quality, Reason

LINE = "co-line"


def packs(*samples: Sample) -> list[Pack]:
    return [Pack(LINE, "", (sample,)) for sample in samples]


def samples_of(events: list[Event]) -> list[Sample]:
    return [sample for event in events if isinstance(event, Pack) for sample in event.samples]


def notes_of(events: list[Event]) -> list[Counted]:
    return [event for event in events if isinstance(event, Counted)]


def merged(*samples: Sample) -> list[Sample]:
    found = Backpressure({LINE}).relieve(0, packs(*samples), behind=True)
    assert len(found) == 1
    return samples_of(found)


def test_a_burst_keeps_its_largest_smallest_and_newest_in_their_order() -> None:
    values = [3.0, 500.0, 20.0, 1.0, 7.0, 8.0]
    assert [sample.value for sample in merged(*(Sample(0, value) for value in values))] == [500.0, 1.0, 8.0]


def test_a_second_is_one_record_however_many_bursts_it_had() -> None:
    pressure = Backpressure({LINE})
    bursts = [[1.0, 9.0, 2.0], [3.0, 8.0, 4.0], [5.0, 10.0, 6.0]]
    found = [pressure.relieve(at * 300_000, packs(*(Sample(0, value) for value in burst)), behind=True)
             for at, burst in enumerate(bursts)]  # fmt: skip
    assert [[s.value for s in samples_of(events)] for events in found] == [[1.0, 9.0, 2.0], [4.0], [10.0, 6.0]]
    assert not [note for events in found for note in notes_of(events)], "the second is not over"
    (note,) = pressure.relieve(SECOND_US, [], behind=False)
    assert isinstance(note, Counted)
    assert (note.source, note.kind) == (LINE, "coalesced")
    assert note.detail == "9 samples of a second stand as 6: the engine was behind"
    assert json.loads(note.payload) == [{"sensor": 0, "count": 9, "integral": 48 / 9, "maximum": 10.0}]
    assert pressure.relieve(2 * SECOND_US, [], behind=False) == []


def test_the_next_second_begins_anew_and_its_maximum_is_news_again() -> None:
    pressure = Backpressure({LINE})
    burst = packs(Sample(0, 500.0), Sample(0, 1.0), Sample(0, 2.0), Sample(0, 3.0))
    for second in range(3):
        found = pressure.relieve(second * SECOND_US, burst, behind=True)
        assert [s.value for s in samples_of(found)] == [500.0, 1.0, 3.0]
        assert len(notes_of(found)) == (second > 0)
    assert len(pressure.rest()) == 1
    assert pressure.rest() == []


def test_nothing_is_noted_when_nothing_was_left_out() -> None:
    pressure = Backpressure({LINE})
    found = pressure.relieve(0, packs(Sample(0, 1.0), Sample(1, 2.0)), behind=True)
    assert found == [Pack(LINE, "", (Sample(0, 1.0), Sample(1, 2.0)))]
    assert pressure.rest() == []


def test_an_engine_that_follows_gets_everything_as_it_came() -> None:
    events = [*packs(Sample(0, 1.0), Sample(0, 1.0)), Tick()]
    assert Backpressure({LINE}).relieve(0, events, behind=False) == events


def test_a_line_that_is_lost_is_lost_after_its_last_sample() -> None:
    lost = LinkState(LINE, up=False)
    events = [*packs(Sample(0, 1.0), Sample(0, 2.0)), lost]
    found = Backpressure({LINE}).relieve(0, events, behind=True)
    assert [type(event) for event in found] == [Pack, LinkState]


def test_a_fault_in_the_middle_of_good_samples_is_kept() -> None:
    fault = Sample(0, math.nan, quality=Quality.BAD, reason=Reason.FAULT)
    doubt = Sample(1, 4.0, quality=Quality.UNCERTAIN, reason=Reason.WARMING_UP)
    found = merged(Sample(0, 9.0), fault, Sample(0, 1.0), Sample(0, 5.0), Sample(1, 9.0), doubt, Sample(1, 1.0))
    assert fault in found
    assert doubt in found, "merging makes no quality better"


def test_an_absurd_value_does_not_stand_for_the_largest_real_one() -> None:
    found = merged(Sample(0, 500.0), Sample(0, 1e308), Sample(0, math.inf), Sample(0, 3.0), Sample(0, 4.0))
    assert Sample(0, 500.0) in found


def test_what_the_broker_holds_is_never_merged_nor_made_live() -> None:
    history = [Pack("nodes", "node7", (Sample(0, value),), delivery=Delivery.BACKLOG) for value in (500.0, 1.0, 2.0)]
    counted = [Pack(LINE, "node8", (Sample(1, 1.0),), 1, seq) for seq in range(3)]
    others = [*history, Tick(), *counted]
    events = [*others, *packs(Sample(2, 1.0), Sample(2, 2.0))]
    assert Backpressure({LINE}).relieve(0, events, behind=True)[: len(others)] == others


SAMPLES = st.builds(
    Sample, st.integers(0, 2), st.one_of(st.floats(), st.sampled_from([0.0, 20.9, 500.0])), quality=st.integers(0, 2)
)


@settings(max_examples=100, deadline=None)
@given(st.lists(SAMPLES, min_size=1, max_size=30))
def test_of_every_sensor_the_extremes_the_worst_and_the_newest_survive(samples: list[Sample]) -> None:
    found = merged(*samples)
    order = iter(samples)
    assert all(any(kept is sample for sample in order) for kept in found), "their order is theirs"
    for sensor in {sample.sensor for sample in samples}:
        before = [sample for sample in samples if sample.sensor == sensor]
        after = [sample for sample in found if sample.sensor == sensor]
        assert len(after) <= 4
        assert after[-1] is before[-1]
        assert max(s.quality for s in after) == max(s.quality for s in before) or any(
            not abs(s.value) <= ABSURD_ABOVE for s in after
        )
        usable = [s.value for s in before if s.quality < Quality.BAD and abs(s.value) <= ABSURD_ABOVE]
        kept = [s.value for s in after if s.quality < Quality.BAD and abs(s.value) <= ABSURD_ABOVE]
        assert bool(usable) == bool(kept)
        if usable:
            assert (max(kept), min(kept)) == (max(usable), min(usable))
