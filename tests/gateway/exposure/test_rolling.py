"""Every sample's rolling mean of a record: the slow twin, exact sums, edges of chunks and parts."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.exposure.layout import ABSURD, OVER
from gateway.exposure.rolling import Samples, rolling_means, rolling_means_of
from gateway.exposure.twin import Twin

S = 1_000_000
T0 = 1_764_000_000 * S
STEPS = st.one_of(st.integers(0, 3 * S), st.sampled_from([0, S, 29 * S, 30 * S, 31 * S, 60 * S, 1000 * S]))
VALUES = st.one_of(
    st.floats(-5.0, 1e5), st.floats(1e-3, 1e-2), st.sampled_from([0.0, 1e9, 1e17, -1e17, math.inf, math.nan, 1e308])
)


@settings(max_examples=120, deadline=None)
@given(st.lists(st.tuples(STEPS, VALUES, st.sampled_from([0] * 6 + [1])), min_size=1, max_size=60))
def test_every_sample_equals_the_slow_twin(rows):
    times = T0 + np.cumsum([step for step, _, _ in rows])
    values = np.array([value for _, value, _ in rows])
    over = [reason for _, _, reason in rows]
    flags = np.where(np.array(over) == 1, OVER, 0) | np.where(np.abs(values) <= 1e9, 0, ABSURD)
    raised = np.where((flags == OVER) & (values < 1000.0), 1000.0, values)
    found = rolling_means(Samples(times, raised, flags), 60 * S, 30 * S)
    twin = Twin([30.0], [1000.0])
    size = max((abs(value) for value in raised if abs(value) <= 1e9), default=0.0)
    for n, t in enumerate(times.tolist()):
        twin.feed(0, t, values[n], 0, over[n])
        sums = twin.sums(0, t, t - 60 * S)
        assert found.low[n] == pytest.approx(float(sums.total / (60 * S)), rel=1e-12, abs=1e-12 + size * 1e-14)
        assert found.coverage[n] == pytest.approx(sums.covered_us / (60 * S), rel=1e-14, abs=1e-15)
        assert (found.spoilt is not None and found.spoilt[n]) == (sums.over_us > 0 or sums.absurd_us > 0)


def irregular(n, seed=3):
    """Steps of 0 to 3 s with bursts and outages; levels over eight decades."""
    random = np.random.default_rng(seed)
    steps = random.integers(1, 3 * S, n)
    steps[random.random(n) < 0.002] = 200 * S
    steps[n // 2 : n // 2 + n // 8] //= 1000
    return T0 + np.cumsum(steps), 10.0 ** random.uniform(-3, 5, n)


def exact(times, values, n, window_us, hold_us):
    opens = int(times[n]) - window_us
    k = max(int(np.searchsorted(times, opens, side="right")) - 1, 0)
    lengths = [
        max(0, min(int(times[j + 1]), int(times[j]) + hold_us) - max(int(times[j]), opens)) for j in range(k, n)
    ]
    return math.fsum(v * d for v, d in zip(values[k:n], lengths, strict=True)) / window_us, sum(lengths) / window_us


@pytest.mark.parametrize("window_us", [S // 10, 60 * S, 3_600 * S, 40 * 3_600 * S])
def test_many_samples_equal_exact_sums(window_us):
    times, values = irregular(30_000)
    found = rolling_means(Samples(times, values), window_us, 10 * S)
    for n in [0, 1, 2, 3, 1023, 1024, 1025, 29_999, *range(5, 30_000, 997)]:
        low, coverage = exact(times, values, n, window_us, 10 * S)
        assert found.low[n] == pytest.approx(low, rel=1e-12), n
        assert found.coverage[n] == pytest.approx(coverage, rel=1e-13), n


@pytest.mark.parametrize("parts", [2, 7, 1000])
def test_parts_and_threads_change_no_bit(parts):
    times, values = irregular(30_000)
    samples = Samples(times, values)
    whole = rolling_means(samples, 3_600 * S, 10 * S)
    with ThreadPoolExecutor(2) as pool:
        cut = rolling_means(samples, 3_600 * S, 10 * S, run=pool.map, parts=parts)
        side_by_side = rolling_means_of([samples, samples], 3_600 * S, 10 * S, run=pool.map)
    for other in (cut, *side_by_side):
        assert np.array_equal(whole.low, other.low)
        assert np.array_equal(whole.coverage, other.coverage)


@pytest.mark.parametrize("value", [1e17, math.inf, -math.inf, math.nan, 1e9])
def test_a_huge_value_is_defined_inside_and_leaves_no_trace(value):
    times = T0 + np.arange(5_000) * S
    values = np.full(5_000, 1e-3)
    clean = rolling_means(Samples(times, values), 900 * S, 30 * S)
    values[2_000] = value
    found = rolling_means(Samples(times, values), 900 * S, 30 * S, full_scale=500.0)
    assert np.array_equal(found.low[2_901:], clean.low[2_901:])
    assert np.array_equal(found.coverage[2_901:], clean.coverage[2_901:])
    if value == 1e9:
        assert found.spoilt is None
        return
    inside = np.arange(5_000)[found.spoilt]
    assert (inside[0], inside[-1]) == (2_001, 2_900)
    assert np.all(found.low[found.spoilt] == 500.0)
    assert np.all(np.isnan(found.high(500.0)[found.spoilt]))
    assert np.all(found.high(500.0)[2_901:] == found.low[2_901:])


def test_gaps_are_neither_zero_nor_the_last_value():
    times = T0 + np.array([0, 10, 70]) * S
    found = rolling_means(Samples(times, np.array([6.0, 12.0, 0.0]), np.zeros(3, np.int64)), 60 * S, 30 * S)
    assert found.low.tolist() == pytest.approx([0.0, 1.0, 6.0])
    assert found.coverage.tolist() == pytest.approx([0.0, 1 / 6, 0.5])
    assert found.mean()[1:].tolist() == pytest.approx([6.0, 12.0])
    assert math.isnan(found.mean()[0])
    assert found.high(100.0).tolist() == pytest.approx([100.0, 1 + 5 / 6 * 100, 56.0])
    bad = rolling_means(Samples(times, np.array([6.0, math.nan, 0.0]), np.zeros(3, np.int64)), 60 * S, 30 * S)
    assert bad.spoilt is None or not bad.spoilt.any()
    assert bad.coverage.tolist() == pytest.approx([0.0, 1 / 6, 0.0])


def test_nothing_in_nothing_out():
    found = rolling_means(Samples(np.array([], np.int64), np.array([])), S, S)
    assert (found.low.size, found.coverage.size, found.spoilt) == (0, 0, None)


@pytest.mark.parametrize("parts", [1, 5])
def test_times_that_fall_are_named(parts):
    times, values = irregular(20_000)
    times[12_345] = T0
    with pytest.raises(ValueError, match=rf"times must not fall: sample 12345 is at {T0} µs"):
        rolling_means(Samples(times, values), 900 * S, 30 * S, parts=parts)


@pytest.mark.parametrize("seed", range(5))
def test_any_disorder_is_refused_and_never_crashes(seed):
    times, values = irregular(10_000)
    np.random.default_rng(seed).shuffle(times)
    with pytest.raises(ValueError, match="times must not fall"):
        rolling_means(Samples(times, values), 900 * S, 30 * S, parts=3)


def test_bad_arguments_are_named():
    times, values = irregular(10)
    with pytest.raises(ValueError, match="one length"):
        rolling_means(Samples(times, values[:-1]), S, S)
    with pytest.raises(ValueError, match="both must be above 0"):
        rolling_means(Samples(times, values), 0, S)
    with pytest.raises(ValueError, match="out: expected 10 float64"):
        rolling_means(Samples(times, values), S, S, out=np.empty(9))


def test_means_go_where_they_are_wanted_and_older_ones_there_do_not_matter():
    times, values = irregular(5_000)
    fresh = rolling_means(Samples(times, values), 900 * S, 10 * S)
    out = np.full(5_000, math.nan)
    again = rolling_means(Samples(times, values), 900 * S, 10 * S, out=out)
    assert np.array_equal(fresh.low, out)
    assert np.shares_memory(again.low, out)
    assert np.array_equal(fresh.gaps_us, again.gaps_us)
