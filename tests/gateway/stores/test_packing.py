"""What goes into a body comes out of it, bit for bit: a replay stands on this."""

import math
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain import events
from gateway.domain.errors import StoreFailed
from gateway.domain.moment import NO_TIME, Moment
from gateway.stores.packing import (
    Outcome,
    Step,
    pack_document,
    pack_steps,
    unpack_document,
    unpack_outcomes,
    unpack_steps,
)

INT64 = st.integers(-(2**63), 2**63 - 1)
ANY_BITS = st.integers(0, 2**64 - 1).map(lambda bits: struct.unpack("<d", struct.pack("<Q", bits))[0])
WORD = st.text(max_size=12)
SAMPLES = st.builds(
    events.Sample, st.integers(0, 65535), ANY_BITS, INT64 | st.just(NO_TIME), st.integers(0, 3), st.integers(0, 13)
)
DOCUMENTS = st.dictionaries(WORD, st.none() | st.booleans() | INT64 | WORD | st.lists(INT64, max_size=3), max_size=4)
EVENTS = st.one_of(
    st.builds(
        events.Pack, WORD, WORD, st.lists(SAMPLES, max_size=5).map(tuple), st.none() | INT64, st.none() | INT64,
        st.integers(0, 2), st.lists(WORD, max_size=2).map(tuple),
    ),
    st.just(events.Tick()),
    st.builds(events.Started, WORD, WORD),
    st.builds(events.LinkState, WORD, st.booleans(), WORD),
    st.builds(events.NodeStatus, WORD, st.booleans(), st.booleans()),
    st.builds(events.ActuatorState, WORD, st.none() | WORD | st.floats(0, 100)),
    st.builds(events.Presence, WORD, st.none() | WORD, INT64),
    st.builds(events.HeadCount, WORD, st.integers(0, 99), WORD),
    st.builds(events.Request, WORD, WORD, WORD, WORD, WORD, DOCUMENTS, WORD),
    st.builds(events.Remembered, st.lists(DOCUMENTS, max_size=2).map(tuple)),
    st.builds(events.Counted, WORD, WORD, WORD, st.binary(max_size=400)),
)  # fmt: skip
OUTCOMES = st.builds(
    Outcome, st.integers(0, 65535), st.integers(0, 3), st.integers(0, 13), st.integers(0, 2), INT64 | st.just(NO_TIME),
    ANY_BITS, ANY_BITS, st.integers(0, 999),
)  # fmt: skip
MOMENTS = st.builds(Moment, INT64, INT64, st.booleans())
STEPS = st.lists(
    st.builds(Step, MOMENTS, st.lists(EVENTS, max_size=4), st.lists(OUTCOMES, max_size=5)), min_size=1, max_size=4
)


def bits(value):
    """Every float as its bits, so that a NaN's payload counts."""
    if isinstance(value, float):
        return struct.pack("<d", value)
    if isinstance(value, (list, tuple)):
        return [bits(item) for item in value]
    if isinstance(value, events.Pack):
        return bits([value.source, value.node, value.samples, value.boot, value.seq, value.delivery, value.unknown])
    if isinstance(value, events.Sample):
        return bits([value.sensor, value.value, value.source_us, value.quality, value.reason])
    return value


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_steps_come_back_bit_for_bit(steps):
    body, span = pack_steps("hash", steps)
    back = unpack_steps(body)
    assert back.site_hash == "hash"
    assert [step.moment for step in back.steps] == [step.moment for step in steps]
    assert bits([list(step.events) for step in back.steps]) == bits([list(step.events) for step in steps])
    given = [(step.moment.now_us, *outcome) for step in steps for outcome in step.outcomes]
    columns = ("now_us", "sensor", "quality", "reason", "delivery", "time_us", "raw", "value", "seq")
    assert bits([[row[name].item() for name in columns] for row in back.outcomes]) == bits(given)
    timed = [row[5] for row in given if row[5] != NO_TIME]
    assert span == ((min(timed), max(timed)) if timed else (None, None)) + (len(given) - len(timed),)
    only = unpack_outcomes(body)
    assert only.outcomes.tobytes() == back.outcomes.tobytes()
    assert only.untrusted == {step.moment.now_us for step in steps if not step.moment.trusted}


def test_a_long_body_is_squeezed_and_reads_the_same():
    outcomes = [Outcome(1, 0, 0, 0, t, 1.5, 1.5, t % 1000) for t in range(1000)]
    body, _ = pack_steps("h", [Step(Moment(1, 1), [events.Tick()], outcomes)])
    assert len(body) < 40 * 1000 / 3
    assert np.array_equal(unpack_outcomes(body).outcomes["time_us"], np.arange(1000))


def test_an_event_that_msgpack_cannot_hold_is_noted_and_holds_nothing_up():
    request = events.Request("1", "acknowledge", "ana", "officer", "x", {"big": 10**30, "half": "\ud800"})
    body, _ = pack_steps("h", [Step(Moment(1, 1), [events.Tick(), request], [Outcome(0, 0, 0, 0, 1, 2.0, 2.0)])])
    tick, note = unpack_steps(body).steps[0].events
    assert tick == events.Tick()
    assert (note.kind, note.source) == ("unwritable", "journal")
    assert "acknowledge" in note.detail


def test_a_document_keeps_its_values_and_is_never_refused():
    document = {"value": 1.5, "nan": math.inf, "list": [1, "x"], "none": None}
    assert unpack_document(pack_document(document)) == document
    odd = unpack_document(pack_document({"big": 10**30, "text": "\ud800", "fine": 1}))
    assert odd == {"big": str(10**30), "text": "\\ud800", "fine": "1"}


@pytest.mark.parametrize(
    "body", [b"", b"x\x9c\x00", b"\x94\x02\xa1h\x90\xc4\x00", b"\x93\x01\x01\x01", b"\x94\x01\x01\x01\x01"]
)
def test_a_body_of_another_kind_is_refused_in_one_sentence(body):
    with pytest.raises(StoreFailed, match="journal row"):
        unpack_steps(body)
