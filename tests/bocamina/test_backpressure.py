"""An engine that is behind: a serial line's burst is merged, and what kills people is still in it."""

import json
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from bocamina.backpressure import coalesce
from gateway.domain.events import Counted, Delivery, Pack, Sample, Tick
from gateway.domain.quality import ABSURD_ABOVE, Quality, Reason

LINE = "co-line"


def packs(*samples: Sample) -> list[Pack]:
    return [Pack(LINE, "", (sample,)) for sample in samples]


def merged(*samples: Sample) -> list[Sample]:
    found = [event for event in coalesce(packs(*samples), {LINE}) if isinstance(event, Pack)]
    assert len(found) == 1
    return list(found[0].samples)


def test_a_burst_keeps_its_largest_smallest_and_newest_in_their_order() -> None:
    values = [3.0, 500.0, 20.0, 1.0, 7.0, 8.0]
    assert [sample.value for sample in merged(*(Sample(0, value) for value in values))] == [500.0, 1.0, 8.0]


def test_how_many_samples_it_stands_for_is_written_down() -> None:
    found = coalesce(packs(*(Sample(0, float(value)) for value in range(100))), {LINE})
    notes = [event for event in found if isinstance(event, Counted)]
    assert [(note.source, note.kind) for note in notes] == [(LINE, "coalesced")]
    assert "100 samples stand as 2" in notes[0].detail
    assert json.loads(notes[0].payload) == [{"sensor": 0, "count": 100, "mean": 49.5, "maximum": 99.0}]


def test_nothing_is_noted_when_nothing_was_left_out() -> None:
    assert coalesce(packs(Sample(0, 1.0), Sample(1, 2.0)), {LINE}) == [Pack(LINE, "", (Sample(0, 1.0), Sample(1, 2.0)))]


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
    assert coalesce([*others, *packs(Sample(2, 1.0), Sample(2, 2.0))], {LINE})[: len(others)] == others


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
