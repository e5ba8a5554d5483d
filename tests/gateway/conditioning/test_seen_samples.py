"""A set of samples: exact in any order, over a restart, within its bound."""

import math
import random
import struct
from itertools import pairwise
from unittest.mock import patch

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.conditioning import seen_samples
from gateway.conditioning.seen_samples import SAMPLES, SeenSamples

T0, S = 1_795_000_000_000_000, 1_000_000
HOURS_36 = 36 * 3600
IN_FLIGHT = 65_535  # the Receive Maximum with which the gateway asks a broker


def restored(seen: SeenSamples) -> SeenSamples:
    return SeenSamples.load(msgspec.msgpack.decode(msgspec.msgpack.encode(seen.dump())))


times = st.one_of(
    st.integers(0, 40).map(lambda k: T0 + k * S), st.integers(T0, T0 + 50), st.integers(-(2**63) + 1, 2**63 - 1)
)
values = st.sampled_from([0.0, -0.0, 2.5, 3.0, 900.0, math.inf, -math.inf, math.nan])
samples = st.lists(st.tuples(times, values), max_size=80)


@settings(max_examples=200, deadline=None)
@given(first=samples, cut=st.integers(0, 80), again=st.data())
def test_it_is_a_set_whatever_the_order_also_over_a_restart(first, cut, again) -> None:
    with patch.multiple(seen_samples, BLOCK=4, OPEN=2):
        seen, naive = SeenSamples(), set()
        for number, (time_us, value) in enumerate(first):
            if number == cut:
                seen = restored(seen)
            key = time_us, "nan" if math.isnan(value) else struct.pack("<d", value)
            assert seen.add(time_us, value) == (key not in naive)
            naive.add(key)
        assert len(seen) == len(naive)
        state = seen.dump()
        repeated = again.draw(st.lists(st.sampled_from(first), max_size=40)) if first else []
        assert not any(seen.add(*sample) for sample in repeated), "any subset in any order adds nothing"
        assert seen.dump() == state == restored(seen).dump()


def test_36_hours_of_a_node_come_again_in_any_order_in_a_few_bytes_each() -> None:
    noise = random.Random(1)
    stored = [(T0 + k * S + noise.randrange(-3, 4) * 1000, round(5 + noise.gauss(0, 0.5), 1)) for k in range(HOURS_36)]
    seen = SeenSamples()
    assert all(seen.add(*sample) for sample in stored)
    seen = restored(seen)
    assert sum(len(packed) for *_, packed in seen.dump()[3]) < 2.6 * HOURS_36
    assert not any(seen.add(*sample) for sample in stored[-IN_FLIGHT:])
    assert not any(seen.add(*sample) for sample in noise.sample(stored, 2000))
    assert all(seen.add(time_us, 900.0) for time_us, _value in noise.sample(stored, 2000)), "another value is news"


def test_a_clock_that_stands_counts_by_value() -> None:
    seen = SeenSamples()
    assert all(seen.add(0, float(value)) for value in range(5000))
    assert not any(seen.add(0, float(value)) for value in range(4999, -1, -1))


def test_memory_is_bounded_and_what_had_no_news_for_longest_is_forgotten() -> None:
    with patch.object(seen_samples, "SAMPLES", 64), patch.object(seen_samples, "BLOCK", 8):
        seen = SeenSamples()
        ahead = [(T0 * 2 + k, 1.0) for k in range(64)]  # a clock that was years ahead
        right = [(T0 + k, 1.0) for k in range(64)]  # and put right: what it says now is not what is forgotten
        assert all(seen.add(*sample) for sample in ahead + right)
        assert len(seen) <= 64
        assert not any(seen.add(*sample) for sample in right[-48:])
        assert seen.add(*ahead[-1])
        state = seen.dump()[3]
        assert all(one[:2] < other[:2] for one, other in pairwise(state)), "blocks stay in order"
        assert sum(size for _time, _bits, _heard, size, _packed in state) == len(seen)


def test_the_bound_is_beyond_what_a_broker_has_in_flight() -> None:
    assert max(HOURS_36, 2 * IN_FLIGHT) <= SAMPLES
